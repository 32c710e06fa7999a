//! Packets that own their bytes, of a fixed capacity: feature `heapless`.

use core::fmt;

use heapless::Vec;

use crate::{DecodeError, EncodeError, Framed, Packet, Sender, Version, frame};

/// A packet with its own bytes, at most `N` of them: for a queue, for a message that is kept until it
/// is acknowledged, or to send between tasks.
///
/// ```
/// use mqtt_codec::{OwnedPacket, Packet, Version};
/// let kept: OwnedPacket<16> = OwnedPacket::new(&Packet::Pingreq, Version::V5)?;
/// assert_eq!(kept.packet()?, Packet::Pingreq);
/// assert_eq!(kept.as_bytes(), [0xC0, 0x00]);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct OwnedPacket<const N: usize> {
    version: Version,
    bytes: Vec<u8, N>,
}

impl<const N: usize> OwnedPacket<N> {
    /// Keeps a packet, encoded for this version; a CONNECT keeps its own.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`] when it is longer than `N` bytes, and why it cannot be encoded.
    pub fn new(packet: &Packet<'_>, version: Version) -> Result<Self, EncodeError> {
        let version = match packet {
            Packet::Connect(connect) => connect.version,
            _ => version,
        };
        let needed = packet.encoded_len(version);
        let mut bytes = Vec::new();
        bytes.resize(needed, 0).map_err(|_| EncodeError::BufferTooSmall { needed })?;
        packet.encode(version, &mut bytes)?;
        Ok(Self { version, bytes })
    }

    /// The packet, decoded anew.
    ///
    /// # Errors
    /// None for a packet that [`new`](Self::new) took: what can be encoded can be decoded.
    pub fn packet(&self) -> Result<Packet<'_>, DecodeError> {
        match frame(&self.bytes, Sender::Either, u32::MAX)? {
            Framed::Complete(frame) => frame.decode(self.version),
            Framed::Incomplete { .. } => Err(DecodeError::FieldOverrun),
        }
    }

    /// The version that it is encoded for.
    #[must_use]
    pub const fn version(&self) -> Version {
        self.version
    }

    /// The encoded packet, ready to be sent.
    #[must_use]
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes
    }
}

impl<const N: usize> fmt::Debug for OwnedPacket<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.packet() {
            Ok(packet) => packet.fmt(f),
            Err(error) => error.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests;
