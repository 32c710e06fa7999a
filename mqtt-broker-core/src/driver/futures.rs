//! Connections over the `AsyncRead` and `AsyncWrite` of the `futures` crates.
//!
//! They are polled with a buffer for the time of the poll, so all connections share one for reading
//! and one for writing: an idle connection has none.

use alloc::vec::Vec;
use core::cell::{Cell, RefCell};
use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Poll};

use futures_io::{AsyncRead, AsyncWrite, IoSlice};

use super::connection::{Broken, IsDry, Sink, Source};
use super::input::Input;
use super::{Accepted, Driver, Filled, Host};
use crate::boundary::{Error, Peer};

impl<H: Host> Driver<H> {
    /// Serves one connection until its end: accepts it, reads, writes and closes it.
    ///
    /// Dropping the future ends the connection at once.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] at the limit on connections and after a shutdown; the stream is dropped.
    pub async fn serve_futures<S>(&self, peer: Peer, stream: S) -> Result<(), Error>
    where
        S: AsyncRead + AsyncWrite + Unpin,
    {
        // Both halves are polled by the same task, one after the other.
        let stream = RefCell::new(stream);
        self.serve(peer, Reading(&stream), Writing(&stream)).await
    }
}

struct Reading<'a, S>(&'a RefCell<S>);

impl<S: AsyncRead + Unpin> Source for Reading<'_, S> {
    async fn read<H: Host>(&mut self, of: &Accepted<'_, H>, input: &RefCell<Input>) -> bool {
        let buffers = &of.driver.buffers;
        poll_fn(|cx| {
            lend(&buffers.read, buffers.size, |buffer| {
                let mut input = input.borrow_mut();
                let front = input.put_in_front(buffer);
                let end = front.saturating_add(input.room()).min(buffer.len());
                let room = buffer.get_mut(front..end).unwrap_or_default();
                let poll = Pin::new(&mut *self.0.borrow_mut()).poll_read(cx, room);
                poll.map(|read| match read {
                    Ok(read @ 1..) => {
                        let bytes = buffer.get(..front + read).unwrap_or_default();
                        input.take(of, bytes, front);
                        true
                    }
                    _ => false,
                })
            })
        })
        .await
    }
}

struct Writing<'a, S>(&'a RefCell<S>);

impl<S: AsyncWrite + Unpin> Sink for Writing<'_, S> {
    async fn write<H: Host>(&mut self, of: &Accepted<'_, H>) -> Result<IsDry, Broken> {
        let buffers = &of.driver.buffers;
        let mut is_dry = false;
        // What the transport does not take at once; mostly nothing.
        let unsent = poll_fn(|cx| {
            lend(&buffers.write, buffers.size, |buffer| {
                let filled = of.fill(buffer);
                is_dry = filled.is_dry;
                let bytes = buffer.get(..filled.len).unwrap_or_default();
                Poll::Ready(self.write_once(cx, bytes, filled))
            })
        })
        .await?;
        let mut rest = unsent.as_slice();
        while !rest.is_empty() {
            let written = poll_fn(|cx| self.stream(|stream| stream.poll_write(cx, rest))).await;
            let Ok(written @ 1..) = written else { return Err(Broken) };
            rest = rest.get(written..).unwrap_or_default();
        }
        if is_dry {
            poll_fn(|cx| self.stream(|stream| stream.poll_flush(cx))).await.map_err(|_| Broken)?;
        }
        Ok(is_dry)
    }

    async fn close(&mut self) -> bool {
        poll_fn(|cx| self.stream(|stream| stream.poll_close(cx))).await.is_ok()
    }
}

impl<S: AsyncWrite + Unpin> Writing<'_, S> {
    fn stream<R>(&self, poll: impl FnOnce(Pin<&mut S>) -> R) -> R {
        poll(Pin::new(&mut *self.0.borrow_mut()))
    }

    /// Writes both; gives what is not taken.
    fn write_once(
        &self,
        cx: &mut Context<'_>,
        bytes: &[u8],
        filled: Filled,
    ) -> Result<Vec<u8>, Broken> {
        if bytes.is_empty() && filled.payload.is_empty() {
            return Ok(Vec::new());
        }
        let mut payload = filled.payload;
        let poll = self.stream(|stream| {
            if payload.is_empty() {
                stream.poll_write(cx, bytes)
            } else {
                stream.poll_write_vectored(cx, &[IoSlice::new(bytes), IoSlice::new(&payload)])
            }
        });
        let written = match poll {
            Poll::Ready(Ok(written @ 1..)) => written,
            Poll::Ready(_) => return Err(Broken),
            Poll::Pending => 0,
        };
        let rest = bytes.get(written..).unwrap_or_default();
        let of_payload = written.saturating_sub(bytes.len()).min(payload.len());
        payload.drain(..of_payload);
        if rest.is_empty() {
            return Ok(payload);
        }
        let mut unsent = Vec::with_capacity(rest.len() + payload.len());
        unsent.extend_from_slice(rest);
        unsent.extend_from_slice(&payload);
        Ok(unsent)
    }
}

/// Takes the shared buffer for the time of one poll.
fn lend<R>(shared: &Cell<Vec<u8>>, size: usize, with: impl FnOnce(&mut [u8]) -> R) -> R {
    let mut buffer = shared.take();
    buffer.resize(size, 0);
    let result = with(&mut buffer);
    shared.set(buffer);
    result
}
