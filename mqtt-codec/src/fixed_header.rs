//! The fixed header: finding the next packet in a stream of bytes.

use core::fmt;

use crate::{DecodeError, Packet, Version, WIDE, packet, variable_byte_integer};

/// The type of a packet, numbered as in the fixed header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum PacketType {
    /// Connection request, from the Client.
    Connect = 1,
    /// Answer to a CONNECT, from the Server.
    Connack = 2,
    /// Publish message.
    Publish = 3,
    /// Publish acknowledgement, QoS 1.
    Puback = 4,
    /// Publish received, QoS 2 part 1.
    Pubrec = 5,
    /// Publish release, QoS 2 part 2.
    Pubrel = 6,
    /// Publish complete, QoS 2 part 3.
    Pubcomp = 7,
    /// Subscribe request, from the Client.
    Subscribe = 8,
    /// Answer to a SUBSCRIBE, from the Server.
    Suback = 9,
    /// Unsubscribe request, from the Client.
    Unsubscribe = 10,
    /// Answer to an UNSUBSCRIBE, from the Server.
    Unsuback = 11,
    /// Ping request, from the Client.
    Pingreq = 12,
    /// Answer to a PINGREQ, from the Server.
    Pingresp = 13,
    /// Disconnect notification; in 3.x from the Client only.
    Disconnect = 14,
    /// Authentication exchange; 5.0 only.
    Auth = 15,
}

impl PacketType {
    /// The type with this number; `None` for 0 and above 15.
    #[must_use]
    #[inline]
    pub const fn from_u8(value: u8) -> Option<Self> {
        Some(match value {
            1 => Self::Connect,
            2 => Self::Connack,
            3 => Self::Publish,
            4 => Self::Puback,
            5 => Self::Pubrec,
            6 => Self::Pubrel,
            7 => Self::Pubcomp,
            8 => Self::Subscribe,
            9 => Self::Suback,
            10 => Self::Unsubscribe,
            11 => Self::Unsuback,
            12 => Self::Pingreq,
            13 => Self::Pingresp,
            14 => Self::Disconnect,
            15 => Self::Auth,
            _ => return None,
        })
    }

    /// The name, as `"CONNECT"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Connect => "CONNECT",
            Self::Connack => "CONNACK",
            Self::Publish => "PUBLISH",
            Self::Puback => "PUBACK",
            Self::Pubrec => "PUBREC",
            Self::Pubrel => "PUBREL",
            Self::Pubcomp => "PUBCOMP",
            Self::Subscribe => "SUBSCRIBE",
            Self::Suback => "SUBACK",
            Self::Unsubscribe => "UNSUBSCRIBE",
            Self::Unsuback => "UNSUBACK",
            Self::Pingreq => "PINGREQ",
            Self::Pingresp => "PINGRESP",
            Self::Disconnect => "DISCONNECT",
            Self::Auth => "AUTH",
        }
    }

    /// The lower four bits of the first byte of every packet of this type, from 3.1.1 on; 3.1 does not
    /// use most of them. Those of a PUBLISH vary, for which this is 0.
    #[must_use]
    #[inline]
    pub const fn flags(self) -> u8 {
        // A bit for each type.
        const WITH_QOS_1: u32 = 1 << PacketType::Pubrel as u32
            | 1 << PacketType::Subscribe as u32
            | 1 << PacketType::Unsubscribe as u32;
        let [bit, ..] = (WITH_QOS_1 >> self as u32 & 1).to_le_bytes();
        bit << 1
    }

    /// Who may send a packet of this type.
    #[inline]
    const fn sender(self) -> Sender {
        match self {
            Self::Connect | Self::Subscribe | Self::Unsubscribe | Self::Pingreq => Sender::Client,
            Self::Connack | Self::Suback | Self::Unsuback | Self::Pingresp => Sender::Server,
            _ => Sender::Either,
        }
    }
}

impl fmt::Display for PacketType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Who sends the packets that are being decoded: a Server decodes what a `Client` sends.
// The numbers are a bit for each sender, as in `FIRST_BYTES`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum Sender {
    /// A Client: CONNACK, SUBACK, UNSUBACK and PINGRESP are refused by their type.
    Client = 0b01,
    /// A Server: CONNECT, SUBSCRIBE, UNSUBSCRIBE and PINGREQ are refused by their type.
    Server = 0b10,
    /// Not known: every type is taken, and no rule about the direction is applied.
    Either = 0b11,
}

/// What is at the front of a buffer, unless it is an error.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Framed<'a> {
    /// The packet is not all there.
    Incomplete {
        /// At least this many more bytes are needed: 1 or more. Once the fixed header is there, this is
        /// exactly what is missing of the packet.
        needed: usize,
    },
    /// A whole packet.
    Complete(Frame<'a>),
}

/// A whole packet whose fixed header has been checked and whose body has not.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Frame<'a> {
    pub(crate) body: &'a [u8],
    header: Header,
}

/// All that is known of a packet but its body: the first byte, above it the length of the fixed header,
/// above that the sender. One number and not three fields, so that it travels in a register: fields
/// written one by one and read as one stall the processor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header(u32);

impl Header {
    #[inline(always)]
    const fn new(first: u8, len: u8, sender: Sender) -> Self {
        Self(first as u32 | (len as u32) << 8 | (sender as u32) << 16)
    }

    #[inline(always)]
    const fn first(self) -> u8 {
        let [first, ..] = self.0.to_le_bytes();
        first
    }

    #[inline(always)]
    const fn len(self) -> u8 {
        let [_, len, ..] = self.0.to_le_bytes();
        len
    }

    #[inline(always)]
    const fn sender(self) -> Sender {
        match self.0 >> 16 {
            0b01 => Sender::Client,
            0b10 => Sender::Server,
            _ => Sender::Either,
        }
    }

    /// Whether the fixed header is this byte and a Remaining Length of one byte.
    #[inline(always)]
    pub(crate) const fn is(self, first: u8) -> bool {
        self.0 & 0xFFFF == first as u32 | 2 << 8
    }

    #[inline(always)]
    pub(crate) const fn with(self, body: &[u8]) -> Frame<'_> {
        Frame { body, header: self }
    }
}

impl<'a> Frame<'a> {
    /// The type of the packet.
    #[must_use]
    #[inline]
    pub const fn packet_type(&self) -> PacketType {
        // 0 has been refused, so the last arm of 15 is exact.
        match PacketType::from_u8(self.header.first() >> 4) {
            Some(packet_type) => packet_type,
            None => PacketType::Auth,
        }
    }

    /// The lower four bits of the first byte. Those of a PUBLISH have been checked; most of the others
    /// mean nothing in 3.1, where they may be set, and have their value in the other versions, which
    /// decoding checks.
    #[must_use]
    #[inline]
    pub const fn flags(&self) -> u8 {
        self.header.first() & 0x0F
    }

    /// What follows the fixed header: variable header and payload.
    #[must_use]
    #[inline]
    pub const fn body(&self) -> &'a [u8] {
        self.body
    }

    /// The length of the whole packet in bytes, fixed header included.
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        self.header.len() as usize + self.body.len()
    }

    /// Decodes the packet by the rules of `version`. A CONNECT carries its own version, and the
    /// argument is ignored.
    ///
    /// # Errors
    /// The rule that the packet breaks.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub fn decode(self, version: Version) -> Result<Packet<'a>, DecodeError> {
        packet::decode(self, version)
    }

    /// The version of a CONNECT, read from its Protocol Name and Protocol Version alone, to choose
    /// the shape of a refusal; `None` when they name no version, or for another packet.
    #[must_use]
    pub fn connect_version(self) -> Option<Version> {
        let (name, level) = self.connect_protocol()?;
        Version::from_level(level).filter(|version| version.protocol_name().as_bytes() == name)
    }

    /// The Protocol Version (3.x: Protocol Level) of a CONNECT, whatever its Protocol Name is.
    #[must_use]
    pub fn connect_level(self) -> Option<u8> {
        self.connect_protocol().map(|(_, level)| level)
    }

    fn connect_protocol(self) -> Option<(&'a [u8], u8)> {
        if self.packet_type() != PacketType::Connect {
            return None;
        }
        let mut reader = crate::reader::Reader::new(self.body);
        Some((reader.binary().ok()?, reader.u8().ok()?))
    }

    #[inline(always)]
    pub(crate) const fn header(&self) -> Header {
        self.header
    }

    /// Who sent the packet, as far as `frame` was told.
    #[inline(always)]
    pub(crate) const fn sender(&self) -> Sender {
        self.header.sender()
    }

    /// What only a version can tell of a fixed header.
    #[inline(always)]
    pub(crate) fn check_version(&self, version: Version) -> Result<(), DecodeError> {
        //= [MQTT-1.5.5-1]
        if self.header.len() > 2 && version == Version::V5 && self.has_padded_length() {
            return Err(DecodeError::VariableByteIntegerNotMinimal);
        }
        Ok(())
    }

    /// Whether the flags of a packet that is not a PUBLISH are what they have to be. 3.1 does not use
    /// them, but for the QoS that `frame` has looked at.
    #[inline]
    pub(crate) fn check_flags(
        &self,
        packet_type: PacketType,
        version: Version,
    ) -> Result<(), DecodeError> {
        //= [MQTT-2.1.3-1]
        //= [MQTT-3.6.1-1]
        //= [MQTT-3.8.1-1]
        //= [MQTT-3.10.1-1]
        //= [MQTT-3.14.1-1]
        //= [MQTT-3.15.1-1]
        //= 3.1.1 [MQTT-2.2.2-2]
        if version != Version::V3_1 && self.flags() != packet_type.flags() {
            return Err(DecodeError::InvalidFixedHeaderFlags);
        }
        Ok(())
    }

    #[cold]
    fn has_padded_length(&self) -> bool {
        usize::from(self.header.len()) != 1 + variable_byte_integer::encoded_len(self.body.len())
    }
}

/// Looks for one packet at the front of `bytes`.
///
/// `sender` says whose bytes these are, so that a packet that this side never sends is refused by its
/// type, before its length is believed. `maximum_packet_size` is the longest whole packet that is
/// accepted, in bytes; it is checked on the fixed header alone. The bytes after the packet are not
/// looked at: continue at [`Frame::encoded_len`].
///
/// # Errors
/// [`DecodeError::ReservedPacketType`], [`DecodeError::UnexpectedPacketType`],
/// [`DecodeError::InvalidFixedHeaderFlags`], [`DecodeError::InvalidQoS`], [`DecodeError::DupWithQoS0`],
/// [`DecodeError::VariableByteIntegerTooLong`], [`DecodeError::PacketTooLarge`].
///
/// ```
/// use mqtt_codec::{DecodeError, Framed, PacketType, Sender, frame};
/// let pingreq = [0xC0, 0x00];
/// assert_eq!(frame(&pingreq[..1], Sender::Client, 1024), Ok(Framed::Incomplete { needed: 1 }));
/// let Ok(Framed::Complete(found)) = frame(&pingreq, Sender::Client, 1024) else { panic!() };
/// assert_eq!((found.packet_type(), found.encoded_len()), (PacketType::Pingreq, 2));
/// assert_eq!(frame(&pingreq, Sender::Server, 1024), Err(DecodeError::UnexpectedPacketType));
/// ```
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub fn frame(
    bytes: &[u8],
    sender: Sender,
    maximum_packet_size: u32,
) -> Result<Framed<'_>, DecodeError> {
    if WIDE {
        if let Some(frame) = short_frame(bytes, sender, maximum_packet_size) {
            return Ok(Framed::Complete(frame));
        }
    }
    frame_slowly(bytes, sender, maximum_packet_size)
}

/// A whole packet with a length of one or two bytes, in which `frame_slowly` would find nothing wrong.
#[inline(always)]
fn short_frame(bytes: &[u8], sender: Sender, maximum_packet_size: u32) -> Option<Frame<'_>> {
    let (first, len, header_len, rest) = match bytes {
        [first, len @ 0..0x80, rest @ ..] => (*first, u32::from(*len), 2, rest),
        [first, low, high @ 0..0x80, rest @ ..] => {
            (*first, u32::from(*low & 0x7F) | u32::from(*high) << 7, 3, rest)
        }
        _ => return None,
    };
    let body = rest.get(..len as usize)?;
    let from = FIRST_BYTES.get(usize::from(first))?;
    if from & sender as u8 == 0 || len + u32::from(header_len) > maximum_packet_size {
        return None;
    }
    Some(Frame { body, header: Header::new(first, header_len, sender) })
}

#[inline(never)]
fn frame_slowly(
    bytes: &[u8],
    sender: Sender,
    maximum_packet_size: u32,
) -> Result<Framed<'_>, DecodeError> {
    let Some((&first, rest)) = bytes.split_first() else {
        return Ok(Framed::Incomplete { needed: 2 });
    };
    check_first_byte(first, sender)?;
    let Some((len, size)) = variable_byte_integer::decode(rest)? else {
        // The length has a byte to come, so the packet has.
        return match u32::try_from(bytes.len()) {
            Ok(len) if len < maximum_packet_size => Ok(Framed::Incomplete { needed: 1 }),
            _ => Err(DecodeError::PacketTooLarge),
        };
    };
    let header_len = 1 + size;
    if len.saturating_add(u32::from(header_len)) > maximum_packet_size {
        return Err(DecodeError::PacketTooLarge);
    }
    let len = len as usize;
    let available = bytes.get(usize::from(header_len)..).unwrap_or_default();
    Ok(match available.get(..len) {
        Some(body) => {
            Framed::Complete(Frame { body, header: Header::new(first, header_len, sender) })
        }
        None => Framed::Incomplete { needed: len - available.len() },
    })
}

/// For each first byte, who may send it in any version: a bit for each [`Sender`].
static FIRST_BYTES: [u8; 256] = first_bytes();

#[allow(clippy::indexing_slicing, reason = "it runs in the compiler")]
const fn first_bytes() -> [u8; 256] {
    let mut table = [0; 256];
    let mut first = 0_u8;
    loop {
        let from_client = check_first_byte(first, Sender::Client).is_ok();
        let from_server = check_first_byte(first, Sender::Server).is_ok();
        table[first as usize] = from_client as u8 | (from_server as u8) << 1;
        if first == u8::MAX {
            return table;
        }
        first += 1;
    }
}

const fn check_first_byte(first: u8, sender: Sender) -> Result<PacketType, DecodeError> {
    let flags = first & 0x0F;
    let Some(packet_type) = PacketType::from_u8(first >> 4) else {
        return Err(DecodeError::ReservedPacketType);
    };
    if matches!(packet_type, PacketType::Publish) {
        //= [MQTT-3.3.1-4]
        if flags & 0b0110 == 0b0110 {
            return Err(DecodeError::InvalidQoS);
        }
        //= [MQTT-3.3.1-2]
        if flags & 0b1110 == 0b1000 {
            return Err(DecodeError::DupWithQoS0);
        }
        return Ok(PacketType::Publish);
    }
    if packet_type.sender() as u8 & sender as u8 == 0 {
        return Err(DecodeError::UnexpectedPacketType);
    }
    // The version is not known yet, and 3.1 does not use most of these flags, so that they may be set:
    // the other versions refuse them when they decode. QoS 1 of three types is in every version.
    let wrong = match packet_type {
        PacketType::Pubrel | PacketType::Subscribe | PacketType::Unsubscribe => {
            flags & 0b0110 != 0b0010
        }
        PacketType::Auth => flags != 0,
        _ => false,
    };
    if wrong {
        return Err(DecodeError::InvalidFixedHeaderFlags);
    }
    Ok(packet_type)
}

#[cfg(test)]
mod tests;
