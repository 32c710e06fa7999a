//! UNSUBACK.

use super::{packet_len, start_with_u16};
use crate::property::Allowed;
use crate::reader::Reader;
use crate::{
    DecodeError, EncodeError, Frame, Packet, PacketIdentifier, PacketType, Properties, ReasonCodes,
    Version,
};

/// The answer of a Server to an UNSUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Unsuback<'a> {
    /// The Packet Identifier of the UNSUBSCRIBE.
    pub packet_identifier: PacketIdentifier,
    /// Properties; 5.0 only.
    pub properties: Properties<'a>,
    /// A result for each Topic Filter, in the same order; at least one. 3.x has none: empty when
    /// decoded, left out when encoded.
    pub reason_codes: ReasonCodes<'a>,
}

impl<'a> Unsuback<'a> {
    #[inline(never)]
    pub(super) fn decode(frame: Frame<'a>, version: Version) -> Result<Packet<'a>, DecodeError> {
        let mut reader = Reader::new(frame.body);
        let packet_identifier = reader.packet_identifier()?;
        if version < Version::V5 {
            reader.finish()?;
            let reason_codes = ReasonCodes::EMPTY;
            return Ok(Packet::Unsuback(Self {
                packet_identifier,
                properties: Properties::none(),
                reason_codes,
            }));
        }
        let properties = Properties::decode(&mut reader, Allowed::ACKNOWLEDGEMENT)?;
        let reason_codes = ReasonCodes::decode(PacketType::Unsuback, reader.rest())?;
        //= [MQTT-3.11.3-1]
        if reason_codes.is_empty() {
            return Err(DecodeError::NoUnsubackReasonCode);
        }
        Ok(Packet::Unsuback(Self { packet_identifier, properties, reason_codes }))
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
            if self.reason_codes.is_empty() {
                return Err(DecodeError::NoUnsubackReasonCode.into());
            }
            self.reason_codes.check(PacketType::Unsuback)?;
            self.properties.check(Allowed::ACKNOWLEDGEMENT)?;
        }
        let (remaining, id) = (self.remaining_len(version), self.packet_identifier.get());
        let (len, mut writer) = start_with_u16(PacketType::Unsuback, remaining, id, out)?;
        if version == Version::V5 {
            writer = self.properties.write(writer);
            self.reason_codes.iter().for_each(|code| writer.u8(code.value()));
        }
        debug_assert_eq!(writer.remaining(), 0);
        Ok(len)
    }

    fn remaining_len(&self, version: Version) -> usize {
        if version < Version::V5 {
            return 2;
        }
        2 + self.properties.framed_len() + self.reason_codes.len()
    }
}
