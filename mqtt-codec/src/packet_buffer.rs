//! Bytes that have arrived, and the packets in them.

use crate::{DecodeError, Frame, Framed, Packet, Sender, Version, frame};

/// A buffer between a Network Connection and its packets: bytes go in as they arrive, packets come
/// out as they are complete.
///
/// The storage is the caller's: an array, a `&mut [u8]`, a `heapless::Vec`, a `Vec`. Its length is also the
/// longest packet that is accepted. A packet borrows from the buffer, so nothing is copied but the
/// start of an incomplete packet when the end of the storage is reached.
///
/// ```
/// use mqtt_codec::{Packet, PacketBuffer, Sender, Version};
/// let mut buffer = PacketBuffer::new([0; 16], Sender::Server);
/// for byte in [0x20, 0x03, 0x00, 0x00, 0x00, 0xD0, 0x00] {
///     buffer.spare()[0] = byte;
///     buffer.advance(1);
///     match buffer.next(Version::V5)? {
///         Some(Packet::Connack(connack)) => assert!(!connack.session_present),
///         Some(packet) => assert_eq!(packet, Packet::Pingresp),
///         None => {}
///     }
/// }
/// # Ok::<(), mqtt_codec::DecodeError>(())
/// ```
#[derive(Debug, Clone)]
pub struct PacketBuffer<S> {
    storage: S,
    sender: Sender,
    /// Where the next packet begins.
    start: usize,
    /// Where the bytes that have arrived end; `start <= end <= storage.len()`.
    end: usize,
}

impl<S: AsRef<[u8]> + AsMut<[u8]>> PacketBuffer<S> {
    /// A buffer for the packets of `sender`.
    pub const fn new(storage: S, sender: Sender) -> Self {
        Self { storage, sender, start: 0, end: 0 }
    }

    /// Where the next bytes go. Not empty, unless [`next`](Self::next) has something to say: a whole
    /// packet, or that the one that is arriving is longer than the storage. So whoever calls `next`
    /// until it returns `None` before each read does not take a buffer that is full for a connection
    /// that has ended, both of which read 0 bytes.
    pub fn spare(&mut self) -> &mut [u8] {
        if self.start == self.end {
            (self.start, self.end) = (0, 0);
        } else if self.end == self.storage.as_ref().len() {
            self.storage.as_mut().copy_within(self.start..self.end, 0);
            (self.start, self.end) = (0, self.end - self.start);
        }
        self.storage.as_mut().get_mut(self.end..).unwrap_or_default()
    }

    /// Says that `len` bytes have been written to the front of [`spare`](Self::spare).
    pub fn advance(&mut self, len: usize) {
        self.end = self.end.saturating_add(len).min(self.storage.as_ref().len());
    }

    /// The next packet, if it is there.
    ///
    /// # Errors
    /// The rule that the bytes break. The stream is of no use after that.
    #[allow(clippy::should_implement_trait, reason = "a packet borrows from the buffer")]
    pub fn next(&mut self, version: Version) -> Result<Option<Packet<'_>>, DecodeError> {
        self.next_frame()?.map(|frame| frame.decode(version)).transpose()
    }

    /// The next packet, if it is there, not yet decoded: for whom a few types will do, and the code of
    /// the others is too much. See [`Publish::from_frame`](crate::Publish::from_frame) and its like.
    ///
    /// # Errors
    /// What is wrong with the fixed header. The stream is of no use after that.
    pub fn next_frame(&mut self) -> Result<Option<Frame<'_>>, DecodeError> {
        let len = match self.frame()? {
            Framed::Incomplete { .. } => return Ok(None),
            Framed::Complete(frame) => frame.encoded_len(),
        };
        let start = self.start;
        self.start += len;
        let bytes = self.storage.as_ref().get(start..self.start).unwrap_or_default();
        match frame(bytes, self.sender, u32::MAX)? {
            Framed::Complete(frame) => Ok(Some(frame)),
            Framed::Incomplete { .. } => Ok(None),
        }
    }

    /// Whether more bytes are needed before there is a packet.
    #[cfg(feature = "embedded-io-async")]
    pub(crate) fn is_incomplete(&self) -> Result<bool, DecodeError> {
        self.frame().map(|framed| matches!(framed, Framed::Incomplete { .. }))
    }

    fn frame(&self) -> Result<Framed<'_>, DecodeError> {
        let storage = self.storage.as_ref();
        let longest = u32::try_from(storage.len()).unwrap_or(u32::MAX);
        let arrived = storage.get(self.start..self.end).unwrap_or_default();
        match frame(arrived, self.sender, longest)? {
            // No packet fits into storage without length, and nobody could put a byte there.
            Framed::Incomplete { .. } if arrived.len() == storage.len() => {
                Err(DecodeError::PacketTooLarge)
            }
            framed => Ok(framed),
        }
    }

    /// How many bytes have arrived that no packet has been made of.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.end - self.start
    }

    /// Whether the stream is between two packets.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.start == self.end
    }
}

#[cfg(test)]
mod tests;
