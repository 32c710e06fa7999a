//! AUTH.

use super::{check_reason_code, packet_len, reason_code_from, start};
use crate::property::{Allowed, id};
use crate::reader::Reader;
use crate::{DecodeError, EncodeError, Frame, Packet, PacketType, Properties, ReasonCode, Version};

/// A step of enhanced authentication; 5.0 only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Auth<'a> {
    /// What the step is for.
    pub reason_code: ReasonCode,
    /// Properties: an Authentication Method, unless the packet is a bare Success.
    pub properties: Properties<'a>,
}

impl<'a> Auth<'a> {
    #[inline(never)]
    pub(super) fn decode(frame: Frame<'a>, version: Version) -> Result<Packet<'a>, DecodeError> {
        if version < Version::V5 {
            return Err(DecodeError::ReservedPacketType);
        }
        let mut reader = Reader::new(frame.body);
        if reader.is_empty() {
            let reason_code = reason_code_from(frame.sender(), PacketType::Auth, 0)?;
            return Ok(Packet::Auth(Self { reason_code, properties: Properties::none() }));
        }
        let reason_code = reason_code_from(frame.sender(), PacketType::Auth, reader.u8()?)?;
        let properties = Properties::decode(&mut reader, Allowed::AUTH)?;
        reader.finish()?;
        if !properties.contains(id::AUTHENTICATION_METHOD) {
            return Err(DecodeError::AuthenticationMethodMissing);
        }
        Ok(Packet::Auth(Self { reason_code, properties }))
    }

    /// The exact length of the packet in bytes.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        if version < Version::V5 { 0 } else { packet_len(self.remaining_len()) }
    }

    /// Writes the packet to the front of `out` and gives its length.
    ///
    /// # Errors
    /// [`EncodeError::NotInThisVersion`] in 3.x, [`EncodeError::BufferTooSmall`],
    /// [`EncodeError::PacketTooLarge`], and what decoding the packet would answer.
    #[inline(never)]
    pub fn encode(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        if version < Version::V5 {
            return Err(EncodeError::NotInThisVersion);
        }
        check_reason_code(PacketType::Auth, self.reason_code)?;
        self.properties.check(Allowed::AUTH)?;
        if !self.is_bare() && !self.properties.contains(id::AUTHENTICATION_METHOD) {
            return Err(DecodeError::AuthenticationMethodMissing.into());
        }
        let (len, mut writer) = start(PacketType::Auth, self.remaining_len(), out)?;
        if !self.is_bare() {
            writer.u8(self.reason_code.value());
            writer = self.properties.write(writer);
        }
        debug_assert_eq!(writer.remaining(), 0);
        Ok(len)
    }

    /// Whether the packet is a Success without properties.
    fn is_bare(&self) -> bool {
        self.reason_code == ReasonCode::SUCCESS && self.properties.is_empty()
    }

    fn remaining_len(&self) -> usize {
        if self.is_bare() { 0 } else { 1 + self.properties.framed_len() }
    }
}
