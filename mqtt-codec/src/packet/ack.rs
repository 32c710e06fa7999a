//! PUBACK, PUBREC, PUBREL and PUBCOMP.

use super::{check_reason_code, packet_len, reason_code, start_with_u16};
use crate::property::Allowed;
use crate::reader::Reader;
use crate::{
    DecodeError, EncodeError, Packet, PacketIdentifier, PacketType, Properties, ReasonCode, Version,
};

/// A step of the delivery of a PUBLISH of QoS 1 or 2: a PUBACK, PUBREC, PUBREL or PUBCOMP.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Ack<'a> {
    /// The Packet Identifier of the PUBLISH.
    pub packet_identifier: PacketIdentifier,
    /// The result; 5.0 only, always Success when decoded from 3.x and left out when encoded there.
    pub reason_code: ReasonCode,
    /// Properties; 5.0 only.
    pub properties: Properties<'a>,
}

impl<'a> Ack<'a> {
    /// An acknowledgement that all is well.
    #[must_use]
    #[inline]
    pub const fn success(packet_identifier: PacketIdentifier) -> Self {
        Self { packet_identifier, reason_code: ReasonCode::SUCCESS, properties: Properties::none() }
    }

    /// Decodes a body that is just a Packet Identifier into the packet that it is of. Out of line, where
    /// nothing else is: the packet is made where it is returned, since moving it takes as long.
    #[inline(never)]
    pub(super) fn decode_short_of(
        packet_type: PacketType,
        body: [u8; 2],
    ) -> Result<Packet<'a>, DecodeError> {
        match PacketIdentifier::new(u16::from_be_bytes(body)) {
            Some(packet_identifier) => Ok(Self::success(packet_identifier).wrap(packet_type)),
            None => Err(DecodeError::PacketIdentifierZero),
        }
    }

    /// Decodes any other body into the packet that it is of.
    #[inline(never)]
    pub(super) fn decode_long_of(
        packet_type: PacketType,
        version: Version,
        body: &'a [u8],
    ) -> Result<Packet<'a>, DecodeError> {
        Ok(Self::decode_long(packet_type, version, body)?.wrap(packet_type))
    }

    /// The packet of this type; any other than the four is a PUBACK.
    #[inline(always)]
    const fn wrap(self, packet_type: PacketType) -> Packet<'a> {
        match packet_type {
            PacketType::Pubrec => Packet::Pubrec(self),
            PacketType::Pubrel => Packet::Pubrel(self),
            PacketType::Pubcomp => Packet::Pubcomp(self),
            _ => Packet::Puback(self),
        }
    }

    /// Decodes a body that is just a Packet Identifier.
    #[inline(always)]
    pub(super) fn decode_short(body: [u8; 2]) -> Result<Self, DecodeError> {
        match PacketIdentifier::new(u16::from_be_bytes(body)) {
            Some(packet_identifier) => Ok(Self::success(packet_identifier)),
            None => Err(DecodeError::PacketIdentifierZero),
        }
    }

    /// Decodes what may be more than a Packet Identifier.
    pub(super) fn decode_long(
        packet_type: PacketType,
        version: Version,
        body: &'a [u8],
    ) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(body);
        let packet_identifier = reader.packet_identifier()?;
        if reader.is_empty() {
            return Ok(Self::success(packet_identifier));
        }
        if version < Version::V5 {
            return Err(DecodeError::TrailingBytes);
        }
        let reason_code = reason_code(packet_type, reader.u8()?)?;
        let properties = match reader.is_empty() {
            true => Properties::none(),
            false => Properties::decode(&mut reader, Allowed::ACKNOWLEDGEMENT)?,
        };
        reader.finish()?;
        Ok(Self { packet_identifier, reason_code, properties })
    }

    /// The exact length of the packet in bytes.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        packet_len(self.remaining_len(version))
    }

    /// Writes the packet to the front of `out` and gives its length. `packet_type` says which of the
    /// four it is; any other is written as a PUBACK.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], [`EncodeError::PacketTooLarge`], and what decoding the packet would
    /// answer.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub fn encode(
        &self,
        packet_type: PacketType,
        version: Version,
        out: &mut [u8],
    ) -> Result<usize, EncodeError> {
        let packet_type = match packet_type {
            PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp => packet_type,
            _ => PacketType::Puback,
        };
        if version == Version::V5 && !self.is_short() {
            return self.encode_long(packet_type, out);
        }
        let first = (packet_type as u8) << 4 | packet_type.flags();
        let [high, low] = self.packet_identifier.get().to_be_bytes();
        match out.first_chunk_mut() {
            Some(out) => *out = [first, 2, high, low],
            None => return Err(EncodeError::BufferTooSmall { needed: 4 }),
        }
        Ok(4)
    }

    #[inline(never)]
    fn encode_long(&self, packet_type: PacketType, out: &mut [u8]) -> Result<usize, EncodeError> {
        check_reason_code(packet_type, self.reason_code)?;
        self.properties.check(Allowed::ACKNOWLEDGEMENT)?;
        let (remaining, id) = (self.remaining_len(Version::V5), self.packet_identifier.get());
        let (len, mut writer) = start_with_u16(packet_type, remaining, id, out)?;
        writer.u8(self.reason_code.value());
        if !self.properties.is_empty() {
            writer = self.properties.write(writer);
        }
        debug_assert_eq!(writer.remaining(), 0);
        Ok(len)
    }

    /// Whether the Packet Identifier says it all.
    #[inline(always)]
    fn is_short(&self) -> bool {
        self.reason_code == ReasonCode::SUCCESS && self.properties.is_empty()
    }

    fn remaining_len(&self, version: Version) -> usize {
        if version < Version::V5 || self.is_short() {
            2
        } else if self.properties.is_empty() {
            3
        } else {
            3 + self.properties.framed_len()
        }
    }
}
