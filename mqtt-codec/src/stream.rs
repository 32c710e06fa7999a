//! Packets over `embedded-io-async`: feature `embedded-io-async`.

use core::error::Error;
use core::fmt;

use embedded_io_async::{Read, Write};

use crate::{DecodeError, EncodeError, Frame, Packet, PacketBuffer, Sender, Version};

/// Reads packets into a buffer of the caller.
///
/// The length of the buffer is the longest packet that is accepted. Cancel-safe: a dropped
/// [`read`](Self::read) loses nothing, as long as the `read` of the connection loses nothing.
#[derive(Debug)]
pub struct PacketReader<'b, R> {
    connection: R,
    buffer: PacketBuffer<&'b mut [u8]>,
}

/// Why no packet was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum ReadError<E> {
    /// The connection failed.
    Connection(E),
    /// The connection ended within a packet.
    UnexpectedEnd,
    /// The packet breaks a rule.
    Decode(DecodeError),
}

impl<'b, R: Read> PacketReader<'b, R> {
    /// Reads the packets of `sender` from `connection`.
    pub const fn new(connection: R, buffer: &'b mut [u8], sender: Sender) -> Self {
        Self { connection, buffer: PacketBuffer::new(buffer, sender) }
    }

    /// The next packet, by the rules of `version`; `None` when the connection has ended between two.
    ///
    /// # Errors
    /// [`ReadError`]. Nothing more can be read after one, unless the connection's own error passes.
    pub async fn read(
        &mut self,
        version: Version,
    ) -> Result<Option<Packet<'_>>, ReadError<R::Error>> {
        match self.read_frame().await? {
            Some(frame) => frame.decode(version).map(Some).map_err(ReadError::Decode),
            None => Ok(None),
        }
    }

    /// The next packet, not yet decoded: for whom a few types will do, and the code of the others is too
    /// much. See [`Publish::from_frame`](crate::Publish::from_frame) and its like.
    ///
    /// # Errors
    /// Those of [`read`](Self::read), as far as the fixed header tells.
    pub async fn read_frame(&mut self) -> Result<Option<Frame<'_>>, ReadError<R::Error>> {
        while self.buffer.is_incomplete().map_err(ReadError::Decode)? {
            match self.connection.read(self.buffer.spare()).await {
                Ok(0) if self.buffer.is_empty() => return Ok(None),
                Ok(0) => return Err(ReadError::UnexpectedEnd),
                Ok(len) => self.buffer.advance(len),
                Err(error) => return Err(ReadError::Connection(error)),
            }
        }
        self.buffer.next_frame().map_err(ReadError::Decode)
    }
}

/// Writes packets through a buffer of the caller.
///
/// Cancel-safe: a packet is put into the buffer whole or not at all, and what a dropped
/// [`flush`](Self::flush) left there goes out first next time.
#[derive(Debug)]
pub struct PacketWriter<'b, W> {
    connection: W,
    buffer: &'b mut [u8],
    /// What is in the buffer and not yet written: `start <= end <= buffer.len()`.
    start: usize,
    end: usize,
}

/// Why a packet was not written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum WriteError<E> {
    /// The connection failed, or takes no more.
    Connection(E),
    /// The connection took no byte.
    UnexpectedEnd,
    /// The packet cannot be encoded, or not into this buffer.
    Encode(EncodeError),
}

impl<'b, W: Write> PacketWriter<'b, W> {
    /// Writes to `connection`; the longest packet is as long as `buffer`.
    pub const fn new(connection: W, buffer: &'b mut [u8]) -> Self {
        Self { connection, buffer, start: 0, end: 0 }
    }

    /// Puts a packet into the buffer, after those that are there.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`] when there is no room for now: there is after a
    /// [`flush`](Self::flush), unless `needed` is more than the whole buffer, which there never is
    /// room for. Others for ever. Nothing has been put then.
    pub fn put(&mut self, packet: &Packet<'_>, version: Version) -> Result<(), EncodeError> {
        self.put_with(|spare| packet.encode(version, spare))
    }

    /// Puts a packet into the buffer that `encode` writes to the front of what it is given, as
    /// [`Publish::encode`](crate::Publish::encode) does: for whom a few types will do, and the code of the
    /// others is too much.
    ///
    /// # Errors
    /// Those of `encode`. Nothing has been put then.
    pub fn put_with(
        &mut self,
        encode: impl FnOnce(&mut [u8]) -> Result<usize, EncodeError>,
    ) -> Result<(), EncodeError> {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        }
        let spare = self.buffer.get_mut(self.end..).unwrap_or_default();
        let room = spare.len();
        self.end += encode(spare)?.min(room);
        Ok(())
    }

    /// Writes all that is in the buffer.
    ///
    /// # Errors
    /// [`WriteError::Connection`] and [`WriteError::UnexpectedEnd`].
    pub async fn flush(&mut self) -> Result<(), WriteError<W::Error>> {
        while let Some(rest @ [_, ..]) = self.buffer.get(self.start..self.end) {
            match self.connection.write(rest).await {
                Ok(0) => return Err(WriteError::UnexpectedEnd),
                Ok(len) => self.start = self.start.saturating_add(len).min(self.end),
                Err(error) => return Err(WriteError::Connection(error)),
            }
        }
        self.connection.flush().await.map_err(WriteError::Connection)
    }

    /// Writes what is in the buffer, then the packet. Dropped early, either the packet has not been put
    /// into the buffer, or the rest of it goes out first next time.
    ///
    /// # Errors
    /// [`WriteError`].
    pub async fn write(
        &mut self,
        packet: &Packet<'_>,
        version: Version,
    ) -> Result<(), WriteError<W::Error>> {
        if self.start != self.end {
            self.flush().await?;
        }
        self.put(packet, version).map_err(WriteError::Encode)?;
        self.flush().await
    }
}

impl<E> fmt::Display for ReadError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection(_) => "the connection failed",
            Self::UnexpectedEnd => "the connection ended within a packet",
            Self::Decode(_) => "the packet breaks a rule",
        })
    }
}

impl<E: Error + 'static> Error for ReadError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::UnexpectedEnd => None,
            Self::Decode(error) => Some(error),
        }
    }
}

impl<E> fmt::Display for WriteError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connection(_) => "the connection failed",
            Self::UnexpectedEnd => "the connection takes no more",
            Self::Encode(_) => "the packet cannot be encoded",
        })
    }
}

impl<E: Error + 'static> Error for WriteError<E> {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Connection(error) => Some(error),
            Self::UnexpectedEnd => None,
            Self::Encode(error) => Some(error),
        }
    }
}

#[cfg(test)]
mod tests;
