//! SUBACK, and the Reason Codes that SUBACK and UNSUBACK list.

use core::fmt;

use super::{check_reason_code, packet_len, reason_code, start_with_u16};
use crate::property::Allowed;
use crate::reader::Reader;
use crate::{
    DecodeError, EncodeError, Frame, Packet, PacketIdentifier, PacketType, Properties, ReasonCode,
    Version,
};

/// The answer of a Server to a SUBSCRIBE.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Suback<'a> {
    /// The Packet Identifier of the SUBSCRIBE.
    pub packet_identifier: PacketIdentifier,
    /// Properties; 5.0 only.
    pub properties: Properties<'a>,
    /// A result for each Topic Filter, in the same order; at least one. In 3.x every error is written
    /// as `0x80`.
    pub reason_codes: ReasonCodes<'a>,
}

/// The Reason Codes of a SUBACK or UNSUBACK, in order: validated bytes, or a list to encode. Two are
/// equal when they hold the same.
#[derive(Clone, Copy, Default)]
pub struct ReasonCodes<'a>(Source<'a>);

#[derive(Clone, Copy)]
enum Source<'a> {
    Bytes(&'a [u8]),
    /// Bytes of a SUBACK of 3.1, see [`granted`].
    Granted(&'a [u8]),
    List(&'a [ReasonCode]),
}

impl Default for Source<'_> {
    fn default() -> Self {
        Self::Bytes(&[])
    }
}

impl<'a> ReasonCodes<'a> {
    /// No Reason Code, as in an UNSUBACK of 3.x.
    pub const EMPTY: Self = Self(Source::Bytes(&[]));

    /// Reason Codes to encode.
    #[must_use]
    pub const fn new(list: &'a [ReasonCode]) -> Self {
        Self(Source::List(list))
    }

    /// Checks that each byte is a Reason Code of a packet of this type.
    pub(super) fn decode(packet_type: PacketType, bytes: &'a [u8]) -> Result<Self, DecodeError> {
        bytes.iter().try_for_each(|&value| reason_code(packet_type, value).map(|_| ()))?;
        Ok(Self(Source::Bytes(bytes)))
    }

    /// Checks that each byte is an answer of a SUBACK of 3.1.
    fn decode_granted(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let mut codes = bytes.iter().map(|&value| granted(value));
        codes.try_for_each(|value| reason_code(PacketType::Suback, value).map(|_| ()))?;
        Ok(Self(Source::Granted(bytes)))
    }

    /// The Reason Codes in order.
    #[must_use]
    #[inline]
    pub const fn iter(&self) -> ReasonCodeIter<'a> {
        ReasonCodeIter(self.0)
    }

    /// How many there are.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        match self.0 {
            Source::Bytes(bytes) | Source::Granted(bytes) => bytes.len(),
            Source::List(list) => list.len(),
        }
    }

    /// Whether there is none.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn check(&self, packet_type: PacketType) -> Result<(), EncodeError> {
        self.iter().try_for_each(|code| check_reason_code(packet_type, code))
    }
}

/// An answer of 3.1, which uses the two bits of the QoS only. It has no error, but brokers send 0x80.
#[inline]
const fn granted(value: u8) -> u8 {
    match value {
        0x80 => value,
        _ => value & 0b0000_0011,
    }
}

impl PartialEq for ReasonCodes<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len() == other.len() && self.iter().eq(other.iter())
    }
}

impl Eq for ReasonCodes<'_> {}

impl fmt::Debug for ReasonCodes<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &ReasonCodes<'a> {
    type Item = ReasonCode;
    type IntoIter = ReasonCodeIter<'a>;

    fn into_iter(self) -> ReasonCodeIter<'a> {
        self.iter()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for ReasonCodes<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        for code in self.iter() {
            defmt::write!(f, "{} ", code);
        }
    }
}

/// The Reason Codes of a packet, in order. See [`ReasonCodes::iter`].
#[derive(Clone)]
pub struct ReasonCodeIter<'a>(Source<'a>);

impl Iterator for ReasonCodeIter<'_> {
    type Item = ReasonCode;

    #[inline]
    fn next(&mut self) -> Option<ReasonCode> {
        match self.0 {
            Source::Bytes(bytes) => {
                let (value, rest) = bytes.split_first()?;
                self.0 = Source::Bytes(rest);
                ReasonCode::from_u8(*value)
            }
            Source::Granted(bytes) => {
                let (value, rest) = bytes.split_first()?;
                self.0 = Source::Granted(rest);
                ReasonCode::from_u8(granted(*value))
            }
            Source::List(list) => {
                let (code, rest) = list.split_first()?;
                self.0 = Source::List(rest);
                Some(*code)
            }
        }
    }
}

impl core::iter::FusedIterator for ReasonCodeIter<'_> {}

impl fmt::Debug for ReasonCodeIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Suback<'a> {
    #[inline(never)]
    pub(super) fn decode(frame: Frame<'a>, version: Version) -> Result<Packet<'a>, DecodeError> {
        let mut reader = Reader::new(frame.body);
        let packet_identifier = reader.packet_identifier()?;
        let properties = match version {
            Version::V5 => Properties::decode(&mut reader, Allowed::ACKNOWLEDGEMENT)?,
            _ => Properties::none(),
        };
        let reason_codes = match version {
            Version::V3_1 => ReasonCodes::decode_granted(reader.rest())?,
            _ => ReasonCodes::decode(PacketType::Suback, reader.rest())?,
        };
        // 3.1.1 [MQTT-3.9.3-2]: of the errors, 0x80 only.
        let is_unknown = |code: ReasonCode| code > ReasonCode::UNSPECIFIED_ERROR;
        //= 3.1.1 [MQTT-3.9.3-2]
        if version < Version::V5 && reason_codes.iter().any(is_unknown) {
            return Err(DecodeError::InvalidSubackReasonCode);
        }
        //= [MQTT-3.8.4-6]
        if reason_codes.is_empty() {
            return Err(DecodeError::NoSubackReasonCode);
        }
        Ok(Packet::Suback(Self { packet_identifier, properties, reason_codes }))
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
        if self.reason_codes.is_empty() {
            return Err(DecodeError::NoSubackReasonCode.into());
        }
        self.reason_codes.check(PacketType::Suback)?;
        if version == Version::V5 {
            self.properties.check(Allowed::ACKNOWLEDGEMENT)?;
        }
        let (remaining, id) = (self.remaining_len(version), self.packet_identifier.get());
        let (len, mut writer) = start_with_u16(PacketType::Suback, remaining, id, out)?;
        let highest = match version {
            Version::V5 => {
                writer = self.properties.write(writer);
                u8::MAX
            }
            _ => ReasonCode::UNSPECIFIED_ERROR.value(),
        };
        self.reason_codes.iter().for_each(|code| writer.u8(code.value().min(highest)));
        debug_assert_eq!(writer.remaining(), 0);
        Ok(len)
    }

    fn remaining_len(&self, version: Version) -> usize {
        let fields = 2 + self.reason_codes.len();
        if version == Version::V5 { fields + self.properties.framed_len() } else { fields }
    }
}
