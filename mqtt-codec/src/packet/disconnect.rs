//! DISCONNECT.

use super::{check_reason_code, packet_len, reason_code_from, start};
use crate::property::{Allowed, id};
use crate::reader::Reader;
use crate::{
    DecodeError, EncodeError, Frame, Packet, PacketType, Properties, ReasonCode, Sender, Version,
};

/// The last packet of a Network Connection; in 3.x from the Client only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Disconnect<'a> {
    /// The reason; 5.0 only, always [`ReasonCode::NORMAL_DISCONNECTION`] when decoded from 3.x and left
    /// out when encoded there.
    pub reason_code: ReasonCode,
    /// Properties; 5.0 only.
    pub properties: Properties<'a>,
}

impl<'a> Disconnect<'a> {
    /// A DISCONNECT with this reason and nothing else.
    #[must_use]
    pub const fn new(reason_code: ReasonCode) -> Self {
        Self { reason_code, properties: Properties::none() }
    }

    #[inline(never)]
    pub(super) fn decode(frame: Frame<'a>, version: Version) -> Result<Packet<'a>, DecodeError> {
        if version < Version::V5 && frame.sender() == Sender::Server {
            return Err(DecodeError::UnexpectedPacketType);
        }
        let mut reader = Reader::new(frame.body);
        if reader.is_empty() {
            return Ok(Packet::Disconnect(Self::new(ReasonCode::NORMAL_DISCONNECTION)));
        }
        if version < Version::V5 {
            return Err(DecodeError::TrailingBytes);
        }
        let reason_code = reason_code_from(frame.sender(), PacketType::Disconnect, reader.u8()?)?;
        let properties = match reader.is_empty() {
            true => Properties::none(),
            false => Properties::decode(&mut reader, Allowed::DISCONNECT)?,
        };
        reader.finish()?;
        //= [MQTT-3.14.2-2]
        if frame.sender() == Sender::Server && properties.contains(id::SESSION_EXPIRY_INTERVAL) {
            return Err(DecodeError::SessionExpiryFromServer);
        }
        Ok(Packet::Disconnect(Self { reason_code, properties }))
    }

    /// The exact length of the packet in bytes.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        packet_len(self.remaining_len(version))
    }

    /// Writes the packet to the front of `out` and gives its length.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], [`EncodeError::PacketTooLarge`], and what decoding the packet would
    /// answer.
    #[inline(never)]
    pub fn encode(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        if version == Version::V5 {
            check_reason_code(PacketType::Disconnect, self.reason_code)?;
            self.properties.check(Allowed::DISCONNECT)?;
        }
        let remaining = self.remaining_len(version);
        let (len, mut writer) = start(PacketType::Disconnect, remaining, out)?;
        if remaining > 0 {
            writer.u8(self.reason_code.value());
        }
        if remaining > 1 {
            writer = self.properties.write(writer);
        }
        debug_assert_eq!(writer.remaining(), 0);
        Ok(len)
    }

    fn remaining_len(&self, version: Version) -> usize {
        if version < Version::V5 {
            0
        } else if !self.properties.is_empty() {
            1 + self.properties.framed_len()
        } else {
            usize::from(self.reason_code != ReasonCode::NORMAL_DISCONNECTION)
        }
    }
}
