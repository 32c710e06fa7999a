//! A pipe in memory, with two ends, for both kinds of asynchronous I/O.

use alloc::collections::VecDeque;
use alloc::rc::Rc;
use core::cell::RefCell;
use core::convert::Infallible;
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use embedded_io_async::ErrorKind;

/// One direction.
struct Flow {
    bytes: VecDeque<u8>,
    capacity: usize,
    /// Nothing more will be written.
    has_ended: bool,
    /// Nothing more will be read.
    is_broken: bool,
    reader: Option<Waker>,
    writer: Option<Waker>,
}

type Shared = Rc<RefCell<Flow>>;

/// The end that bytes come out of.
pub(crate) struct ReadEnd(Shared);

/// The end that bytes go into. Dropping it ends the flow.
pub(crate) struct WriteEnd(Shared);

/// One side of a pipe with two directions.
pub(crate) struct Duplex {
    pub(crate) read: ReadEnd,
    pub(crate) write: WriteEnd,
}

/// A side that holds at most `capacity` bytes that it wrote, and one that holds any number.
pub(crate) fn duplex(capacity: usize) -> (Duplex, Duplex) {
    let (outward, inward) = (flow(capacity), flow(usize::MAX));
    let near = Duplex { read: ReadEnd(Rc::clone(&inward)), write: WriteEnd(Rc::clone(&outward)) };
    (near, Duplex { read: ReadEnd(outward), write: WriteEnd(inward) })
}

fn flow(capacity: usize) -> Shared {
    Rc::new(RefCell::new(Flow {
        bytes: VecDeque::new(),
        capacity,
        has_ended: false,
        is_broken: false,
        reader: None,
        writer: None,
    }))
}

fn wake(waker: Option<Waker>) {
    if let Some(waker) = waker {
        waker.wake();
    }
}

impl ReadEnd {
    /// What has come, without waiting.
    pub(crate) fn take(&self) -> Vec<u8> {
        let mut flow = self.0.borrow_mut();
        let bytes = flow.bytes.drain(..).collect();
        let writer = flow.writer.take();
        drop(flow);
        wake(writer);
        bytes
    }

    /// Nothing more will come.
    pub(crate) fn has_ended(&self) -> bool {
        let flow = self.0.borrow();
        flow.has_ended && flow.bytes.is_empty()
    }

    fn poll_read(&self, cx: &Context<'_>, buffer: &mut [u8]) -> Poll<usize> {
        let mut flow = self.0.borrow_mut();
        if flow.bytes.is_empty() && !flow.has_ended {
            flow.reader = Some(cx.waker().clone());
            return Poll::Pending;
        }
        let len = flow.bytes.len().min(buffer.len());
        for (place, byte) in buffer.iter_mut().zip(flow.bytes.drain(..len)) {
            *place = byte;
        }
        let writer = flow.writer.take();
        drop(flow);
        wake(writer);
        Poll::Ready(len)
    }
}

impl WriteEnd {
    /// Writes all of it; for a side without a capacity.
    pub(crate) fn put(&self, bytes: &[u8]) {
        let mut flow = self.0.borrow_mut();
        flow.bytes.extend(bytes);
        let reader = flow.reader.take();
        drop(flow);
        wake(reader);
    }

    pub(crate) fn end(&self) {
        let mut flow = self.0.borrow_mut();
        flow.has_ended = true;
        let reader = flow.reader.take();
        drop(flow);
        wake(reader);
    }

    fn poll_write(&self, cx: &Context<'_>, bytes: &[u8]) -> Poll<Result<usize, ErrorKind>> {
        let room = {
            let mut flow = self.0.borrow_mut();
            if flow.is_broken {
                return Poll::Ready(Err(ErrorKind::BrokenPipe));
            }
            let room = flow.capacity - flow.bytes.len();
            if room == 0 {
                flow.writer = Some(cx.waker().clone());
                return Poll::Pending;
            }
            room
        };
        let len = room.min(bytes.len());
        self.put(&bytes[..len]);
        Poll::Ready(Ok(len))
    }
}

impl Drop for ReadEnd {
    fn drop(&mut self) {
        let mut flow = self.0.borrow_mut();
        flow.is_broken = true;
        let writer = flow.writer.take();
        drop(flow);
        wake(writer);
    }
}

impl Drop for WriteEnd {
    fn drop(&mut self) {
        self.end();
    }
}

impl embedded_io_async::ErrorType for ReadEnd {
    type Error = Infallible;
}

impl embedded_io_async::Read for ReadEnd {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, Infallible> {
        Ok(poll_fn(|cx| self.poll_read(cx, buffer)).await)
    }
}

impl embedded_io_async::ErrorType for WriteEnd {
    type Error = ErrorKind;
}

impl embedded_io_async::Write for WriteEnd {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        poll_fn(|cx| self.poll_write(cx, bytes)).await
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

impl futures_io::AsyncRead for Duplex {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<futures_io::Result<usize>> {
        self.read.poll_read(cx, buffer).map(Ok)
    }
}

impl futures_io::AsyncWrite for Duplex {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<futures_io::Result<usize>> {
        self.write.poll_write(cx, bytes).map_err(|_| futures_io::ErrorKind::BrokenPipe.into())
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<futures_io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_close(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<futures_io::Result<()>> {
        self.write.end();
        Poll::Ready(Ok(()))
    }
}
