//! CONNACK.

use super::{check_reason_code, packet_len, reason_code, start};
use crate::property::Allowed;
use crate::reader::Reader;
use crate::{DecodeError, EncodeError, Frame, Packet, PacketType, Properties, ReasonCode, Version};

/// The answer of a Server to a CONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Connack<'a> {
    /// Whether the Server goes on with a Session it had. 3.1 has no such flag: false when decoded,
    /// left out when encoded.
    pub session_present: bool,
    /// The result. In 3.x, one of those with a
    /// [`connect_return_code`](ReasonCode::connect_return_code).
    pub reason_code: ReasonCode,
    /// Properties; 5.0 only.
    pub properties: Properties<'a>,
}

impl<'a> Connack<'a> {
    #[inline(never)]
    pub(super) fn decode(frame: Frame<'a>, version: Version) -> Result<Packet<'a>, DecodeError> {
        let mut reader = Reader::new(frame.body);
        let flags = reader.u8()?;
        let session_present = match (flags, version) {
            // The byte is reserved in 3.1, and not used.
            (_, Version::V3_1) | (0, _) => false,
            (1, _) => true,
            //= [MQTT-3.2.2-1]
            _ => return Err(DecodeError::InvalidConnackFlags),
        };
        let code = reader.u8()?;
        let reason_code = match version {
            //= [MQTT-3.2.2-8]
            Version::V5 => reason_code(PacketType::Connack, code)?,
            _ => {
                ReasonCode::from_connect_return_code(code).ok_or(DecodeError::InvalidReturnCode)?
            }
        };
        //= [MQTT-3.2.2-6]
        if session_present && reason_code != ReasonCode::SUCCESS {
            return Err(DecodeError::SessionPresentOnRefusal);
        }
        let properties = match version {
            Version::V5 => Properties::decode(&mut reader, Allowed::CONNACK)?,
            _ => Properties::none(),
        };
        reader.finish()?;
        Ok(Packet::Connack(Self { session_present, reason_code, properties }))
    }

    /// The exact length of the packet in bytes.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        packet_len(self.remaining_len(version))
    }

    /// Writes the packet to the front of `out` and gives its length.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], [`EncodeError::NotInThisVersion`] for a Reason Code without a return
    /// code of 3.x, and what decoding the packet would answer.
    #[inline(never)]
    pub fn encode(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        if self.session_present && self.reason_code != ReasonCode::SUCCESS {
            return Err(DecodeError::SessionPresentOnRefusal.into());
        }
        let code = if version == Version::V5 {
            check_reason_code(PacketType::Connack, self.reason_code)?;
            self.properties.check(Allowed::CONNACK)?;
            self.reason_code.value()
        } else {
            self.reason_code.connect_return_code().ok_or(EncodeError::NotInThisVersion)?
        };
        let (len, mut writer) = start(PacketType::Connack, self.remaining_len(version), out)?;
        writer.u8(u8::from(self.session_present && version > Version::V3_1));
        writer.u8(code);
        if version == Version::V5 {
            writer = self.properties.write(writer);
        }
        debug_assert_eq!(writer.remaining(), 0);
        Ok(len)
    }

    fn remaining_len(&self, version: Version) -> usize {
        if version == Version::V5 { 2 + self.properties.framed_len() } else { 2 }
    }
}
