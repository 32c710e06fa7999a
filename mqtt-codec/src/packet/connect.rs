//! CONNECT.

use super::{check_binary, packet_len, start_with_u16};
use crate::fixed_header::Header;
use crate::property::{Allowed, id};
use crate::reader::Reader;
use crate::{
    DecodeError, EncodeError, Frame, Packet, PacketType, Properties, QoS, TopicName, Utf8String,
    Version, WIDE, Will, text,
};

const RESERVED: u8 = 0x01;
const CLEAN_START: u8 = 0x02;
const WILL: u8 = 0x04;
const WILL_RETAIN: u8 = 0x20;
const PASSWORD: u8 = 0x40;
const USER_NAME: u8 = 0x80;

/// The request of a Client to connect, its first packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Connect<'a> {
    /// The version of this packet and of all that follow on the Network Connection.
    pub version: Version,
    /// Clean Start; in 3.x, Clean Session.
    pub clean_start: bool,
    /// Keep Alive, in seconds; 0 turns it off.
    pub keep_alive: u16,
    /// Client Identifier. What the versions and the Server say about its length and characters is not
    /// checked here.
    pub client_identifier: Utf8String<'a>,
    /// Properties; 5.0 only.
    pub properties: Properties<'a>,
    /// The Will Message.
    pub will: Option<Will<'a>>,
    /// User Name.
    pub user_name: Option<Utf8String<'a>>,
    /// Password, at most 65,535 bytes. In 3.x, only with a User Name.
    pub password: Option<&'a [u8]>,
}

impl<'a> Connect<'a> {
    /// Decodes the CONNECT of a frame, for whom no other type will do.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedPacketType`] for another type, and the rule that the packet breaks.
    pub fn from_frame(frame: Frame<'a>) -> Result<Self, DecodeError> {
        if frame.packet_type() != PacketType::Connect {
            return Err(DecodeError::UnexpectedPacketType);
        }
        match Self::decode(frame.body, frame.header())? {
            Packet::Connect(connect) => Ok(connect),
            _ => Err(DecodeError::UnexpectedPacketType),
        }
    }

    /// It makes the `Packet` itself, since to move a packet into one takes as long as decoding it. Out of
    /// line, where all registers are its own. The parts of the frame come in registers.
    #[inline(never)]
    pub(super) fn decode(body: &'a [u8], header: Header) -> Result<Packet<'a>, DecodeError> {
        let frame = header.with(body);
        let mut reader = Reader::new(body);
        let version = protocol(&mut reader)?;
        frame.check_version(version)?;
        frame.check_flags(PacketType::Connect, version)?;
        let flags = reader.u8()?;
        check_flags(flags, version)?;
        let keep_alive = reader.u16()?;
        let properties = match version {
            Version::V5 => Properties::decode(&mut reader, Allowed::CONNECT)?,
            _ => Properties::none(),
        };
        if properties.contains(id::AUTHENTICATION_DATA)
            && !properties.contains(id::AUTHENTICATION_METHOD)
        {
            return Err(DecodeError::AuthenticationDataWithoutMethod);
        }
        //= [MQTT-3.1.3-1]
        //= [MQTT-3.1.3-3]
        //= [MQTT-3.1.3-4]
        let client_identifier = string(&mut reader)?;
        //= [MQTT-3.1.2-9]
        let will = match flags & WILL {
            0 => None,
            _ => Some(will(flags, version, &mut reader)?),
        };
        //= [MQTT-3.1.2-16]
        //= [MQTT-3.1.2-17]
        //= [MQTT-3.1.3-12]
        let user_name = match present(flags & USER_NAME, version, &reader) {
            true => Some(string(&mut reader)?),
            false => None,
        };
        //= [MQTT-3.1.2-18]
        //= [MQTT-3.1.2-19]
        let password = match present(flags & PASSWORD, version, &reader) {
            true => Some(reader.binary()?),
            false => None,
        };
        reader.finish()?;
        let clean_start = flags & CLEAN_START != 0;
        Ok(Packet::Connect(Self {
            version,
            clean_start,
            keep_alive,
            client_identifier,
            properties,
            will,
            user_name,
            password,
        }))
    }

    /// The exact length of the packet in bytes.
    #[must_use]
    pub fn encoded_len(&self) -> usize {
        packet_len(self.remaining_len())
    }

    /// Writes the packet to the front of `out` and gives its length.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], [`EncodeError::FieldTooLong`], [`EncodeError::PacketTooLarge`], and
    /// what decoding the packet would answer.
    #[inline(never)]
    pub fn encode(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        self.check()?;
        let name_len = if self.version == Version::V3_1 { 6 } else { 4 };
        let remaining = self.remaining_len();
        let (len, mut writer) = start_with_u16(PacketType::Connect, remaining, name_len, out)?;
        if self.version == Version::V3_1 {
            writer.array(*b"MQ");
        }
        let (level, flags, [high, low]) =
            (self.version.level(), self.flags(), self.keep_alive.to_be_bytes());
        let name = if self.version == Version::V3_1 { *b"Isdp" } else { *b"MQTT" };
        let fields = u32::from_le_bytes([level, flags, high, low]);
        let word = u64::from(u32::from_le_bytes(name)) | u64::from(fields) << 32;
        writer.array(word.to_le_bytes());
        if self.version == Version::V5 {
            writer = self.properties.write(writer);
        }
        writer.binary(self.client_identifier.as_bytes());
        if let Some(will) = &self.will {
            if self.version == Version::V5 {
                writer = will.properties.write(writer);
            }
            writer.binary(will.topic.as_bytes());
            writer.binary(will.payload);
        }
        if let Some(user_name) = self.user_name {
            writer.binary(user_name.as_bytes());
        }
        if let Some(password) = self.password {
            writer.binary(password);
        }
        debug_assert_eq!(writer.remaining(), 0);
        Ok(len)
    }

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn check(&self) -> Result<(), EncodeError> {
        if let Some(password) = self.password {
            check_binary(password)?;
        }
        if let Some(will) = &self.will {
            check_binary(will.payload)?;
        }
        if self.version < Version::V5 {
            return match (self.user_name, self.password) {
                (None, Some(_)) => Err(DecodeError::PasswordWithoutUserName.into()),
                _ => Ok(()),
            };
        }
        self.properties.check(Allowed::CONNECT)?;
        if let Some(will) = &self.will {
            will.properties.check(Allowed::WILL)?;
        }
        if self.properties.contains(id::AUTHENTICATION_DATA)
            && !self.properties.contains(id::AUTHENTICATION_METHOD)
        {
            return Err(DecodeError::AuthenticationDataWithoutMethod.into());
        }
        Ok(())
    }

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn remaining_len(&self) -> usize {
        let v5 = self.version == Version::V5;
        let mut len = 2 + self.version.protocol_name().len() + 4;
        len += 2 + self.client_identifier.len();
        if v5 {
            len += self.properties.framed_len();
        }
        if let Some(will) = &self.will {
            len += 4 + will.topic.as_bytes().len() + will.payload.len();
            if v5 {
                len += will.properties.framed_len();
            }
        }
        len += self.user_name.map_or(0, |user_name| 2 + user_name.len());
        len + self.password.map_or(0, |password| 2 + password.len())
    }

    fn flags(&self) -> u8 {
        let mut flags = if self.clean_start { CLEAN_START } else { 0 };
        if let Some(will) = &self.will {
            flags |= WILL | (will.qos as u8) << 3 | if will.retain { WILL_RETAIN } else { 0 };
        }
        flags |= if self.user_name.is_some() { USER_NAME } else { 0 };
        flags | if self.password.is_some() { PASSWORD } else { 0 }
    }
}

/// Protocol Name and Protocol Version.
#[inline(always)]
fn protocol(reader: &mut Reader<'_>) -> Result<Version, DecodeError> {
    if WIDE {
        // The name that nearly all have, in one comparison.
        if let Some(([name @ .., level @ (4 | 5)], rest)) = reader.rest().split_first_chunk::<7>() {
            if *name == *b"\0\x04MQTT" {
                *reader = Reader::new(rest);
                return Ok(if *level == 5 { Version::V5 } else { Version::V3_1_1 });
            }
        }
    }
    let name = reader.binary()?;
    let level = reader.u8();
    match (name, level) {
        (b"MQTT", Ok(5)) => Ok(Version::V5),
        (b"MQTT", Ok(4)) => Ok(Version::V3_1_1),
        (b"MQIsdp", Ok(3)) => Ok(Version::V3_1),
        //= [MQTT-3.1.2-2]
        (b"MQTT" | b"MQIsdp", Ok(_)) => Err(DecodeError::UnsupportedProtocolVersion),
        (b"MQTT" | b"MQIsdp", Err(error)) => Err(error),
        //= [MQTT-3.1.2-1]
        _ => Err(DecodeError::InvalidProtocolName),
    }
}

#[inline]
fn check_flags(flags: u8, version: Version) -> Result<(), DecodeError> {
    // 3.1 does not use the last flag, and disregards what is said of a Will that is not there.
    let strict = version != Version::V3_1;
    //= [MQTT-3.1.2-3]
    if strict && flags & RESERVED != 0 {
        return Err(DecodeError::ConnectReservedFlag);
    }
    if strict && flags & WILL == 0 {
        //= [MQTT-3.1.2-11]
        if will_qos(flags) != 0 {
            return Err(DecodeError::WillQoSWithoutWill);
        }
        //= [MQTT-3.1.2-13]
        if flags & WILL_RETAIN != 0 {
            return Err(DecodeError::WillRetainWithoutWill);
        }
    }
    // 5.0 lifted it.
    //= 3.1.1 [MQTT-3.1.2-22]
    if flags & (USER_NAME | PASSWORD) == PASSWORD && version < Version::V5 {
        return Err(DecodeError::PasswordWithoutUserName);
    }
    Ok(())
}

const fn will_qos(flags: u8) -> u8 {
    flags >> 3 & 0b11
}

/// Whether a field is there. 3.1 lets a Client leave out what its flags announce, at the end of the
/// packet.
const fn present(flag: u8, version: Version, reader: &Reader<'_>) -> bool {
    flag != 0 && !(matches!(version, Version::V3_1) && reader.is_empty())
}

#[inline(always)]
fn string<'a>(reader: &mut Reader<'a>) -> Result<Utf8String<'a>, DecodeError> {
    let bytes = reader.binary()?;
    text::check_string(bytes)?;
    Ok(Utf8String::checked(bytes))
}

#[inline(always)]
fn will<'a>(flags: u8, version: Version, reader: &mut Reader<'a>) -> Result<Will<'a>, DecodeError> {
    //= [MQTT-3.1.2-12]
    let qos = QoS::from_u8(will_qos(flags)).ok_or(DecodeError::InvalidWillQoS)?;
    let properties = match version {
        Version::V5 => Properties::decode(reader, Allowed::WILL)?,
        _ => Properties::none(),
    };
    //= [MQTT-3.1.3-11]
    let topic = TopicName::check(reader.binary()?, DecodeError::WildcardInTopicName)?;
    let payload = reader.binary()?;
    Ok(Will { qos, retain: flags & WILL_RETAIN != 0, topic, payload, properties })
}
