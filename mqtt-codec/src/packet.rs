//! Every packet, for all versions.

pub(crate) mod ack;
pub(crate) mod auth;
pub(crate) mod connack;
pub(crate) mod connect;
pub(crate) mod disconnect;
pub(crate) mod publish;
pub(crate) mod publish_head;
pub(crate) mod suback;
pub(crate) mod subscribe;
pub(crate) mod unsuback;
pub(crate) mod unsubscribe;
pub(crate) mod will;

use crate::fixed_header::Header;
use crate::writer::Writer;
use crate::{
    Ack, Auth, Connack, Connect, DecodeError, Disconnect, EncodeError, Frame, PacketType, Publish,
    ReasonCode, Sender, Suback, Subscribe, Unsuback, Unsubscribe, Version, WIDE,
    variable_byte_integer,
};

/// A packet of any version, borrowed from the bytes it was decoded from.
///
/// # One line for logs and tests
///
/// [`Display`](core::fmt::Display) writes one line; its format is stable:
///
/// ```text
/// CONNECT v5 clean keep-alive=60 client="c1" will=(q1 retain "w/t" will-delay=5 3B) user="u" password=6B session-expiry=30
/// CONNACK 0x00 Success session-present assigned-client="c1"
/// PUBLISH q1 dup retain id=7 "a/b" alias=3 expiry=10 5B
/// PUBACK id=7
/// PUBREC id=7 0x10 No matching subscribers
/// SUBSCRIBE id=1 "a/+" q1 no-local rap rh=2, "b" q0 sub-id=5
/// SUBACK id=1 0x00 0x01 0x87
/// UNSUBSCRIBE id=2 "a/+", "b"
/// UNSUBACK id=2 0x00 0x11
/// PINGREQ
/// PINGRESP
/// DISCONNECT 0x8b Server shutting down
/// AUTH 0x18 Continue authentication method="m" data=3B
/// ```
///
/// - A flag stands there only when it is set: `clean`, `retain`, `dup`, `session-present`,
///   `no-local`, `rap` (Retain As Published); `rh=` (Retain Handling) only when it is not 0.
/// - `v3`, `v4`, `v5` is the Protocol Version of a CONNECT, for 3.1, 3.1.1 and 5.0.
/// - The topic of a PUBLISH is left out when there is none (a Topic Alias stands for it).
/// - The Reason Code is left out of PUBACK, PUBREC, PUBREL and PUBCOMP when it is `0x00`; SUBACK and
///   UNSUBACK list numbers. `0x00` of a DISCONNECT is shown as `0x00 Normal disconnection`.
/// - Properties follow the fields, in the order of the packet, as `name=value`; the payload of a
///   PUBLISH or Will comes last. Numbers are decimal, booleans `0` or `1`, strings are in quotes,
///   binary data is shown as its size, as `3B`, and a User Property is `user-property="k":"v"`.
///   The names: `payload-format`, `expiry`, `content-type`, `response-topic`, `correlation`,
///   `sub-id`, `session-expiry`, `assigned-client`, `server-keep-alive`, `method`, `data`,
///   `request-problem`, `will-delay`, `request-response`, `response-information`,
///   `server-reference`, `reason`, `receive-maximum`, `alias-maximum`, `alias`, `maximum-qos`,
///   `retain-available`, `user-property`, `maximum-packet-size`, `wildcard-available`,
///   `sub-id-available`, `shared-available`.
/// - Strings are escaped as `{:?}` of a `str` is, so a line never has a control character.
/// - The alternate form `{:#}` shows data in place of its size: as `"text"` when it is UTF-8 without
///   control characters, else as `0x0a0b`. A Password and Authentication Data are never shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[allow(
    clippy::large_enum_variant,
    reason = "packets live on the stack for the length of a call, and there is no allocator"
)]
pub enum Packet<'a> {
    /// CONNECT.
    Connect(Connect<'a>),
    /// CONNACK.
    Connack(Connack<'a>),
    /// PUBLISH.
    Publish(Publish<'a>),
    /// PUBACK.
    Puback(Ack<'a>),
    /// PUBREC.
    Pubrec(Ack<'a>),
    /// PUBREL.
    Pubrel(Ack<'a>),
    /// PUBCOMP.
    Pubcomp(Ack<'a>),
    /// SUBSCRIBE.
    Subscribe(Subscribe<'a>),
    /// SUBACK.
    Suback(Suback<'a>),
    /// UNSUBSCRIBE.
    Unsubscribe(Unsubscribe<'a>),
    /// UNSUBACK.
    Unsuback(Unsuback<'a>),
    /// PINGREQ.
    Pingreq,
    /// PINGRESP.
    Pingresp,
    /// DISCONNECT.
    Disconnect(Disconnect<'a>),
    /// AUTH.
    Auth(Auth<'a>),
}

impl Packet<'_> {
    /// The type of the packet.
    #[must_use]
    pub const fn packet_type(&self) -> PacketType {
        match self {
            Self::Connect(_) => PacketType::Connect,
            Self::Connack(_) => PacketType::Connack,
            Self::Publish(_) => PacketType::Publish,
            Self::Puback(_) => PacketType::Puback,
            Self::Pubrec(_) => PacketType::Pubrec,
            Self::Pubrel(_) => PacketType::Pubrel,
            Self::Pubcomp(_) => PacketType::Pubcomp,
            Self::Subscribe(_) => PacketType::Subscribe,
            Self::Suback(_) => PacketType::Suback,
            Self::Unsubscribe(_) => PacketType::Unsubscribe,
            Self::Unsuback(_) => PacketType::Unsuback,
            Self::Pingreq => PacketType::Pingreq,
            Self::Pingresp => PacketType::Pingresp,
            Self::Disconnect(_) => PacketType::Disconnect,
            Self::Auth(_) => PacketType::Auth,
        }
    }

    /// The exact length of the packet in this version, in bytes. A CONNECT has its own version, and
    /// the argument is ignored.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        match self {
            Self::Connect(packet) => packet.encoded_len(),
            Self::Connack(packet) => packet.encoded_len(version),
            Self::Publish(packet) => packet.encoded_len(version),
            Self::Puback(ack) | Self::Pubrec(ack) | Self::Pubrel(ack) | Self::Pubcomp(ack) => {
                ack.encoded_len(version)
            }
            Self::Subscribe(packet) => packet.encoded_len(version),
            Self::Suback(packet) => packet.encoded_len(version),
            Self::Unsubscribe(packet) => packet.encoded_len(version),
            Self::Unsuback(packet) => packet.encoded_len(version),
            Self::Pingreq | Self::Pingresp => 2,
            Self::Disconnect(packet) => packet.encoded_len(version),
            Self::Auth(packet) => packet.encoded_len(version),
        }
    }

    /// Writes the packet to the front of `out` and gives its length, which is
    /// [`encoded_len`](Self::encoded_len). A CONNECT has its own version, and the argument is
    /// ignored. What 3.x has no place for, such as properties and most Reason Codes, is left out.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], or the reason why there is no such packet. Nothing has been
    /// written then.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub fn encode(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        // The frequent types here, where the type is often known, the others out of line.
        match self {
            Self::Publish(packet) => packet.encode(version, out),
            Self::Puback(ack) => ack.encode(PacketType::Puback, version, out),
            _ => self.encode_other(version, out),
        }
    }

    #[inline(never)]
    fn encode_other(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        match self {
            Self::Publish(packet) => packet.encode(version, out),
            Self::Puback(ack) => ack.encode(PacketType::Puback, version, out),
            Self::Pubrec(ack) => ack.encode(PacketType::Pubrec, version, out),
            Self::Pubrel(ack) => ack.encode(PacketType::Pubrel, version, out),
            Self::Pubcomp(ack) => ack.encode(PacketType::Pubcomp, version, out),
            Self::Connect(packet) => packet.encode(out),
            Self::Connack(packet) => packet.encode(version, out),
            Self::Subscribe(packet) => packet.encode(version, out),
            Self::Suback(packet) => packet.encode(version, out),
            Self::Unsubscribe(packet) => packet.encode(version, out),
            Self::Unsuback(packet) => packet.encode(version, out),
            Self::Pingreq => encode_empty(PacketType::Pingreq, out),
            Self::Pingresp => encode_empty(PacketType::Pingresp, out),
            Self::Disconnect(packet) => packet.encode(version, out),
            Self::Auth(packet) => packet.encode(version, out),
        }
    }
}

/// Decodes a frame: the frequent types here, the others out of line.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(crate) fn decode(frame: Frame<'_>, version: Version) -> Result<Packet<'_>, DecodeError> {
    match (frame.packet_type(), frame.body) {
        (PacketType::Publish, _) => Publish::decode(frame, version),
        // The same in every version: the length in its shortest form, and a Packet Identifier.
        (_, [high, low]) if frame.header().is(PUBACK) => {
            Ack::decode_short([*high, *low]).map(Packet::Puback)
        }
        _ => decode_other(frame.body, frame.header(), version),
    }
}

/// The first byte of a PUBACK.
const PUBACK: u8 = (PacketType::Puback as u8) << 4;

/// The parts of the frame come in registers: a frame in memory would be written for every packet.
#[inline(never)]
fn decode_other(body: &[u8], header: Header, version: Version) -> Result<Packet<'_>, DecodeError> {
    let frame = header.with(body);
    if frame.packet_type() == PacketType::Connect {
        return Connect::decode(body, header);
    }
    check_header(frame, version)?;
    match frame.packet_type() {
        PacketType::Connack => Connack::decode(frame, version),
        packet_type @ (PacketType::Puback
        | PacketType::Pubrec
        | PacketType::Pubrel
        | PacketType::Pubcomp) => match *frame.body {
            [high, low] => Ack::decode_short_of(packet_type, [high, low]),
            _ => Ack::decode_long_of(packet_type, version, frame.body),
        },
        PacketType::Subscribe => Subscribe::decode(frame, version),
        PacketType::Suback => Suback::decode(frame, version),
        PacketType::Unsubscribe => Unsubscribe::decode(frame, version),
        PacketType::Unsuback => Unsuback::decode(frame, version),
        PacketType::Pingreq => empty(frame, Packet::Pingreq),
        PacketType::Pingresp => empty(frame, Packet::Pingresp),
        PacketType::Disconnect => Disconnect::decode(frame, version),
        PacketType::Auth => Auth::decode(frame, version),
        // They were decoded before this match.
        PacketType::Connect | PacketType::Publish => Err(DecodeError::UnexpectedPacketType),
    }
}

/// What only a version can tell of a fixed header, of those types that are decoded out of line.
#[inline]
fn check_header(frame: Frame<'_>, version: Version) -> Result<(), DecodeError> {
    frame.check_version(version)?;
    frame.check_flags(frame.packet_type(), version)
}

/// Declares `from_frame` for types that make the `Packet` themselves.
macro_rules! from_frame {
    ($($packet:ident $name:literal;)*) => {
        $(impl<'a> $packet<'a> {
            #[doc = concat!("Decodes the ", $name, " of a frame, for whom no other type will do.")]
            ///
            /// # Errors
            /// [`DecodeError::UnexpectedPacketType`] for another type, and the rule that the packet breaks.
            pub fn from_frame(frame: Frame<'a>, version: Version) -> Result<Self, DecodeError> {
                if frame.packet_type() != PacketType::$packet {
                    return Err(DecodeError::UnexpectedPacketType);
                }
                check_header(frame, version)?;
                match Self::decode(frame, version)? {
                    Packet::$packet(packet) => Ok(packet),
                    _ => Err(DecodeError::UnexpectedPacketType),
                }
            }
        })*
    };
}

from_frame! {
    Connack "CONNACK";
    Subscribe "SUBSCRIBE";
    Suback "SUBACK";
    Unsubscribe "UNSUBSCRIBE";
    Unsuback "UNSUBACK";
    Disconnect "DISCONNECT";
    Auth "AUTH";
}

impl<'a> Ack<'a> {
    /// Decodes the PUBACK, PUBREC, PUBREL or PUBCOMP of a frame, for whom no other type will do.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedPacketType`] for another type, and the rule that the packet breaks.
    pub fn from_frame(frame: Frame<'a>, version: Version) -> Result<Self, DecodeError> {
        match frame.packet_type() {
            PacketType::Puback | PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp => {
                check_header(frame, version)?;
                Self::decode_long(frame.packet_type(), version, frame.body)
            }
            _ => Err(DecodeError::UnexpectedPacketType),
        }
    }
}

fn empty<'a>(frame: Frame<'a>, packet: Packet<'a>) -> Result<Packet<'a>, DecodeError> {
    if frame.body.is_empty() { Ok(packet) } else { Err(DecodeError::TrailingBytes) }
}

/// Writes a packet that is a fixed header.
#[inline(never)]
fn encode_empty(packet_type: PacketType, out: &mut [u8]) -> Result<usize, EncodeError> {
    start(packet_type, 0, out).map(|(len, _)| len)
}

/// The length of a packet with this Remaining Length.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn packet_len(remaining: usize) -> usize {
    remaining.saturating_add(1 + variable_byte_integer::encoded_len(remaining))
}

/// Begins a packet: finds its place at the front of `out` and writes the fixed header.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn start(
    packet_type: PacketType,
    remaining: usize,
    out: &mut [u8],
) -> Result<(usize, Writer<'_>), EncodeError> {
    start_with((packet_type as u8) << 4 | packet_type.flags(), remaining, 0, out)
}

/// [`start`], and the two bytes that come next.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn start_with_u16(
    packet_type: PacketType,
    remaining: usize,
    next: u16,
    out: &mut [u8],
) -> Result<(usize, Writer<'_>), EncodeError> {
    start_and((packet_type as u8) << 4 | packet_type.flags(), remaining, next, out)
}

/// Begins a packet with this first byte. The last `elsewhere` bytes of it will not be in `out`.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn start_with(
    first: u8,
    remaining: usize,
    elsewhere: usize,
    out: &mut [u8],
) -> Result<(usize, Writer<'_>), EncodeError> {
    if WIDE {
        // The lengths of nearly all packets, in few steps.
        let [low, high, ..] = remaining.to_le_bytes();
        if remaining < 0x80 {
            let (needed, mut writer) = take(2 + remaining - elsewhere, out)?;
            writer.array([first, low]);
            return Ok((needed, writer));
        }
        if remaining < 0x4000 {
            let (needed, mut writer) = take(3 + remaining - elsewhere, out)?;
            writer.array([first, low | 0x80, high << 1 | low >> 7]);
            return Ok((needed, writer));
        }
    }
    start_long(first, remaining, elsewhere, out)
}

/// [`start_with`], and the two bytes that come next, which `remaining` counts: what is stored at once
/// takes less time than what is stored one by one.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn start_and(
    first: u8,
    remaining: usize,
    next: u16,
    out: &mut [u8],
) -> Result<(usize, Writer<'_>), EncodeError> {
    if WIDE && remaining < 0x80 {
        let ([low, ..], [second, third]) = (remaining.to_le_bytes(), next.to_be_bytes());
        let (needed, mut writer) = take(2 + remaining, out)?;
        writer.array([first, low, second, third]);
        return Ok((needed, writer));
    }
    let (needed, mut writer) = start_with(first, remaining, 0, out)?;
    writer.u16(next);
    Ok((needed, writer))
}

/// The first `needed` bytes of `out`.
#[inline(always)]
fn take(needed: usize, out: &mut [u8]) -> Result<(usize, Writer<'_>), EncodeError> {
    match out.get_mut(..needed) {
        Some(out) => Ok((needed, Writer::new(out))),
        None => Err(EncodeError::BufferTooSmall { needed }),
    }
}

/// [`start_with`] for any length.
#[cfg_attr(target_pointer_width = "64", inline(never))]
fn start_long(
    first: u8,
    remaining: usize,
    elsewhere: usize,
    out: &mut [u8],
) -> Result<(usize, Writer<'_>), EncodeError> {
    let len = match u32::try_from(remaining) {
        Ok(len) if len <= variable_byte_integer::MAX => len,
        _ => return Err(EncodeError::PacketTooLarge),
    };
    let needed = packet_len(remaining) - elsewhere;
    let out = out.get_mut(..needed).ok_or(EncodeError::BufferTooSmall { needed })?;
    let mut writer = Writer::new(out);
    writer.fixed_header(first, len);
    Ok((needed, writer))
}

/// Whether Binary Data fits its two byte length.
#[inline(always)]
fn check_binary(bytes: &[u8]) -> Result<(), EncodeError> {
    if bytes.len() > usize::from(u16::MAX) { Err(EncodeError::FieldTooLong) } else { Ok(()) }
}

/// The Reason Code with this number, if a packet of this type may have it.
#[inline]
fn reason_code(packet_type: PacketType, value: u8) -> Result<ReasonCode, DecodeError> {
    ReasonCode::in_packet(packet_type, value).ok_or_else(|| invalid_reason_code(packet_type))
}

/// [`reason_code`] of a packet that both sides send.
fn reason_code_from(
    sender: Sender,
    packet_type: PacketType,
    value: u8,
) -> Result<ReasonCode, DecodeError> {
    match reason_code(packet_type, value) {
        Ok(code) if !code.may_come_from(sender, packet_type) => {
            Err(invalid_reason_code(packet_type))
        }
        result => result,
    }
}

#[inline]
fn check_reason_code(packet_type: PacketType, code: ReasonCode) -> Result<(), EncodeError> {
    if code.is_valid_in(packet_type) {
        Ok(())
    } else {
        Err(invalid_reason_code(packet_type).into())
    }
}

#[cold]
const fn invalid_reason_code(packet_type: PacketType) -> DecodeError {
    match packet_type {
        PacketType::Puback => DecodeError::InvalidPubackReasonCode,
        PacketType::Pubrec => DecodeError::InvalidPubrecReasonCode,
        PacketType::Pubrel => DecodeError::InvalidPubrelReasonCode,
        PacketType::Pubcomp => DecodeError::InvalidPubcompReasonCode,
        PacketType::Suback => DecodeError::InvalidSubackReasonCode,
        PacketType::Unsuback => DecodeError::InvalidUnsubackReasonCode,
        PacketType::Disconnect => DecodeError::InvalidDisconnectReasonCode,
        PacketType::Auth => DecodeError::InvalidAuthReasonCode,
        _ => DecodeError::InvalidConnackReasonCode,
    }
}

#[cfg(test)]
mod tests;
