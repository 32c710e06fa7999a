//! What carries a Network Connection's bytes: the one place that knows which kind it is.

use core::future::Future;
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use std::io::{self, IoSlice};

use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};
use tokio::net::TcpStream;

/// A byte stream that is polled. Another kind (TLS, WebSocket) is another variant; plain TCP pays
/// nothing for it.
#[derive(Debug)]
pub(crate) enum Transport {
    Tcp(TcpStream),
}

impl Transport {
    /// Reads into `buffer`; `Ok(0)` is the end. A read that does not fill the buffer has emptied
    /// the source, as far as is known.
    pub(crate) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let poll = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
        };
        poll.map_ok(|()| buffer.filled().len())
    }

    /// Arranges a wake for when there is something to read. Ready: there is already.
    pub(crate) fn poll_readable(&self, cx: &mut Context<'_>) -> Poll<()> {
        match self {
            Self::Tcp(stream) => stream.poll_read_ready(cx).map(drop),
        }
    }

    /// Whether the peer has ended its side, as far as the system has told: what it sent before may
    /// still wait to be read.
    pub(crate) fn has_ended(&self, cx: &mut Context<'_>) -> bool {
        match self {
            Self::Tcp(stream) => match pin!(stream.ready(Interest::READABLE)).poll(cx) {
                Poll::Ready(Ok(ready)) => ready.is_read_closed(),
                Poll::Ready(Err(_)) => true,
                Poll::Pending => false,
            },
        }
    }

    /// Writes as much as is taken of `first` followed by `second`.
    pub(crate) fn poll_write(
        &mut self,
        cx: &mut Context<'_>,
        first: &[u8],
        second: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self {
            Self::Tcp(stream) => {
                let stream = Pin::new(stream);
                if second.is_empty() {
                    stream.poll_write(cx, first)
                } else if first.is_empty() {
                    stream.poll_write(cx, second)
                } else {
                    stream.poll_write_vectored(cx, &[IoSlice::new(first), IoSlice::new(second)])
                }
            }
        }
    }

    /// Ends the sending side: the peer sees the end of the stream after what was written.
    pub(crate) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
