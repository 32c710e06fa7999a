//! Connections over `embedded-io-async`.
//!
//! Its futures hold the buffer they read into or write from as long as they wait, so each connection
//! has its own, of the host's. A read is begun once and kept until it is done: it need not be safe
//! to cancel.

use core::cell::RefCell;
use core::future::Future;

use embedded_io_async::{Read, Write};

use super::connection::{Broken, IsDry, Sink, Source};
use super::input::Input;
use super::{Accepted, Driver, Host};
use crate::boundary::{Error, Peer};

impl<H: Host> Driver<H> {
    /// Serves one connection until its end: accepts it, reads and writes it.
    ///
    /// Bytes are read into `read_buffer`, at least one, better as many as most packets have: only a
    /// packet that comes in several reads is kept elsewhere, on the heap. They are written from
    /// `write_buffer`, at least 64; a payload of more than 4 KiB that does not fit is copied to the
    /// heap for as long as it is being written.
    ///
    /// The future ends when the reader does, or when the broker closes the connection and everything
    /// is sent and flushed. `embedded-io-async` has no word for closing: the host closes the
    /// transport then, in such a way that what was sent still arrives.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] at the limit on connections and after a shutdown: the host closes the
    /// transport.
    pub fn serve_embedded<'a, R, W>(
        &'a self,
        peer: Peer,
        reader: R,
        writer: W,
        read_buffer: &'a mut [u8],
        write_buffer: &'a mut [u8],
    ) -> impl Future<Output = Result<(), Error>> + use<'a, R, W, H>
    where
        R: Read,
        W: Write,
    {
        let source = Reading { reader, buffer: read_buffer };
        self.serve(peer, source, Writing { writer, buffer: write_buffer })
    }
}

struct Reading<'a, R> {
    reader: R,
    buffer: &'a mut [u8],
}

impl<R: Read> Source for Reading<'_, R> {
    async fn read<H: Host>(&mut self, of: &Accepted<'_, H>, input: &RefCell<Input>) -> bool {
        let front = input.borrow().put_in_front(self.buffer);
        let end = front.saturating_add(input.borrow().room()).min(self.buffer.len());
        let room = self.buffer.get_mut(front..end).unwrap_or_default();
        let Ok(read @ 1..) = self.reader.read(room).await else { return false };
        let bytes = self.buffer.get(..front + read).unwrap_or_default();
        input.borrow_mut().take(of, bytes, front);
        true
    }
}

struct Writing<'a, W> {
    writer: W,
    buffer: &'a mut [u8],
}

impl<W: Write> Sink for Writing<'_, W> {
    async fn write<H: Host>(&mut self, of: &Accepted<'_, H>) -> Result<IsDry, Broken> {
        let filled = of.fill(self.buffer);
        write_all(&mut self.writer, self.buffer.get(..filled.len).unwrap_or_default()).await?;
        write_all(&mut self.writer, &filled.payload).await?;
        if filled.is_dry {
            self.writer.flush().await.map_err(|_| Broken)?;
        }
        Ok(filled.is_dry)
    }

    async fn close(&mut self) -> bool {
        false
    }
}

/// Unlike the trait's own, it takes a write of nothing for the end.
async fn write_all(writer: &mut impl Write, mut bytes: &[u8]) -> Result<(), Broken> {
    while !bytes.is_empty() {
        let Ok(written @ 1..) = writer.write(bytes).await else { return Err(Broken) };
        bytes = bytes.get(written..).unwrap_or_default();
    }
    Ok(())
}
