//! The sensor on a PC: feature `std`.

use core::pin::pin;
use core::task::{Context, Poll, Waker};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;

use embedded_io_async::{ErrorKind, ErrorType, Read, Write};

use crate::{Buffers, Error, report};

/// A socket in the words of `embedded-io-async`. It blocks: the sensor has nothing else to do.
struct Tcp<'a>(&'a TcpStream);

impl ErrorType for Tcp<'_> {
    type Error = ErrorKind;
}

impl Read for Tcp<'_> {
    async fn read(&mut self, buffer: &mut [u8]) -> Result<usize, ErrorKind> {
        self.0.read(buffer).map_err(|_| ErrorKind::Other)
    }
}

impl Write for Tcp<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, ErrorKind> {
        self.0.write(bytes).map_err(|_| ErrorKind::Other)
    }

    async fn flush(&mut self) -> Result<(), ErrorKind> {
        Ok(())
    }
}

/// [`report`] over a socket.
///
/// # Errors
/// [`Error`]: what came between.
pub fn report_over_tcp(stream: &TcpStream, celsius: &str) -> Result<(), Error> {
    let mut buffers = Buffers::new();
    let day = pin!(report(Tcp(stream), Tcp(stream), &mut buffers, celsius.as_bytes()));
    match day.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(result) => result,
        // The socket blocks, so nothing is ever waited for.
        Poll::Pending => Err(Error::Connection),
    }
}
