//! What carries a Network Connection's bytes: the one place that knows which kind it is.

use std::io::{self, IoSlice, Read, Write};
use std::net::Shutdown;

use mio::net::TcpStream;

/// Whether a read or write of less than was asked for shows that there is no more, so that the system
/// will tell when there is. Elsewhere (Windows, `poll`) it tells only of what has failed with
/// `WouldBlock`.
pub(crate) const LESS_IS_ALL: bool = cfg!(any(
    target_os = "android",
    target_os = "illumos",
    target_os = "linux",
    target_os = "redox",
    target_os = "dragonfly",
    target_os = "freebsd",
    target_os = "netbsd",
    target_os = "openbsd",
    target_vendor = "apple",
));

/// A byte stream whose calls answer `WouldBlock` where they would have to wait. Another kind (TLS,
/// WebSocket) is another variant; plain TCP pays nothing for it.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
}

impl Transport {
    /// The socket below, for the system to watch.
    pub(crate) fn socket(&mut self) -> &mut TcpStream {
        match self {
            Self::Tcp(stream) => stream,
        }
    }

    /// Reads into `buffer`; `Ok(0)` is the end.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) => stream.read(buffer),
        }
    }

    /// Writes as much as is taken of `first` followed by `second`.
    pub(crate) fn write(&mut self, first: &[u8], second: &[u8]) -> io::Result<usize> {
        match self {
            Self::Tcp(stream) if second.is_empty() => stream.write(first),
            Self::Tcp(stream) if first.is_empty() => stream.write(second),
            Self::Tcp(stream) => {
                stream.write_vectored(&[IoSlice::new(first), IoSlice::new(second)])
            }
        }
    }

    /// Ends the sending side: the peer sees the end of the stream after what was written. A kind
    /// that needs more than one call for it answers `WouldBlock`.
    pub(crate) fn shut_down(&mut self) -> io::Result<()> {
        match self {
            Self::Tcp(stream) => stream.shutdown(Shutdown::Write),
        }
    }
}
