//! A client's side of a Network Connection: a socket that never blocks.

use core::net::SocketAddr;
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

#[derive(Default)]
pub(crate) struct Link(Option<TcpStream>);

pub(crate) enum Read {
    Nothing,
    Bytes(Vec<u8>),
    /// The connection from there was closed, and is so on this side too.
    End(SocketAddr),
}

impl Link {
    /// A connection, and the address that it comes from.
    pub(crate) fn open(to: SocketAddr) -> io::Result<(Self, SocketAddr)> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        let from = stream.local_addr()?;
        Ok((Self(Some(stream)), from))
    }

    pub(crate) fn is_open(&self) -> bool {
        self.0.is_some()
    }

    pub(crate) fn read(&mut self) -> Read {
        let Some(stream) = &mut self.0 else { return Read::Nothing };
        let mut buffer = vec![0; 64 << 10];
        match stream.read(&mut buffer) {
            Ok(len @ 1..) => {
                buffer.truncate(len);
                Read::Bytes(buffer)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Read::Nothing,
            Ok(_) | Err(_) => {
                let from = stream.local_addr().unwrap();
                self.0 = None;
                Read::End(from)
            }
        }
    }

    /// Writes what there is room for.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let stream = self.0.as_mut().ok_or(ErrorKind::NotConnected)?;
        match stream.write(bytes) {
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
            outcome => outcome,
        }
    }
}
