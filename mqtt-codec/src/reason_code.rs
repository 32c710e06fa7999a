//! Reason Codes: every name of table 2-6 of MQTT 5.0, and in which packets each may appear.

use core::fmt;

use crate::{PacketType, Sender};

/// A Reason Code of MQTT 5.0, one of those that the standard names.
///
/// 3.x shares the type: a return code of a CONNACK and a result of a SUBACK are mapped to it.
/// `0x00` has three names, which are three constants of one value: Success, Normal disconnection and
/// Granted QoS 0.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ReasonCode(u8);

impl ReasonCode {
    /// `0x00` Success. CONNACK PUBACK PUBREC PUBREL PUBCOMP UNSUBACK AUTH; also SUBACK's Granted QoS 0.
    pub const SUCCESS: Self = Self(0x00);
    /// `0x00` Normal disconnection. DISCONNECT: close normally, without the Will Message.
    pub const NORMAL_DISCONNECTION: Self = Self(0x00);
    /// `0x00` Granted QoS 0. SUBACK: accepted, at most QoS 0.
    pub const GRANTED_QOS_0: Self = Self(0x00);
    /// `0x01` Granted QoS 1. SUBACK: accepted, at most QoS 1.
    pub const GRANTED_QOS_1: Self = Self(0x01);
    /// `0x02` Granted QoS 2. SUBACK: accepted, at most QoS 2.
    pub const GRANTED_QOS_2: Self = Self(0x02);
    /// `0x04` Disconnect with Will Message. DISCONNECT: close, and publish the Will Message.
    pub const DISCONNECT_WITH_WILL_MESSAGE: Self = Self(0x04);
    /// `0x10` No matching subscribers. PUBACK, PUBREC.
    pub const NO_MATCHING_SUBSCRIBERS: Self = Self(0x10);
    /// `0x11` No subscription existed. UNSUBACK.
    pub const NO_SUBSCRIPTION_EXISTED: Self = Self(0x11);
    /// `0x18` Continue authentication. AUTH.
    pub const CONTINUE_AUTHENTICATION: Self = Self(0x18);
    /// `0x19` Re-authenticate. AUTH.
    pub const RE_AUTHENTICATE: Self = Self(0x19);
    /// `0x80` Unspecified error.
    pub const UNSPECIFIED_ERROR: Self = Self(0x80);
    /// `0x81` Malformed Packet.
    pub const MALFORMED_PACKET: Self = Self(0x81);
    /// `0x82` Protocol Error.
    pub const PROTOCOL_ERROR: Self = Self(0x82);
    /// `0x83` Implementation specific error.
    pub const IMPLEMENTATION_SPECIFIC_ERROR: Self = Self(0x83);
    /// `0x84` Unsupported Protocol Version.
    pub const UNSUPPORTED_PROTOCOL_VERSION: Self = Self(0x84);
    /// `0x85` Client Identifier not valid.
    pub const CLIENT_IDENTIFIER_NOT_VALID: Self = Self(0x85);
    /// `0x86` Bad User Name or Password.
    pub const BAD_USER_NAME_OR_PASSWORD: Self = Self(0x86);
    /// `0x87` Not authorized.
    pub const NOT_AUTHORIZED: Self = Self(0x87);
    /// `0x88` Server unavailable.
    pub const SERVER_UNAVAILABLE: Self = Self(0x88);
    /// `0x89` Server busy.
    pub const SERVER_BUSY: Self = Self(0x89);
    /// `0x8a` Banned.
    pub const BANNED: Self = Self(0x8A);
    /// `0x8b` Server shutting down.
    pub const SERVER_SHUTTING_DOWN: Self = Self(0x8B);
    /// `0x8c` Bad authentication method.
    pub const BAD_AUTHENTICATION_METHOD: Self = Self(0x8C);
    /// `0x8d` Keep Alive timeout.
    pub const KEEP_ALIVE_TIMEOUT: Self = Self(0x8D);
    /// `0x8e` Session taken over.
    pub const SESSION_TAKEN_OVER: Self = Self(0x8E);
    /// `0x8f` Topic Filter invalid.
    pub const TOPIC_FILTER_INVALID: Self = Self(0x8F);
    /// `0x90` Topic Name invalid.
    pub const TOPIC_NAME_INVALID: Self = Self(0x90);
    /// `0x91` Packet Identifier in use.
    pub const PACKET_IDENTIFIER_IN_USE: Self = Self(0x91);
    /// `0x92` Packet Identifier not found.
    pub const PACKET_IDENTIFIER_NOT_FOUND: Self = Self(0x92);
    /// `0x93` Receive Maximum exceeded.
    pub const RECEIVE_MAXIMUM_EXCEEDED: Self = Self(0x93);
    /// `0x94` Topic Alias invalid.
    pub const TOPIC_ALIAS_INVALID: Self = Self(0x94);
    /// `0x95` Packet too large.
    pub const PACKET_TOO_LARGE: Self = Self(0x95);
    /// `0x96` Message rate too high.
    pub const MESSAGE_RATE_TOO_HIGH: Self = Self(0x96);
    /// `0x97` Quota exceeded.
    pub const QUOTA_EXCEEDED: Self = Self(0x97);
    /// `0x98` Administrative action.
    pub const ADMINISTRATIVE_ACTION: Self = Self(0x98);
    /// `0x99` Payload format invalid.
    pub const PAYLOAD_FORMAT_INVALID: Self = Self(0x99);
    /// `0x9a` Retain not supported.
    pub const RETAIN_NOT_SUPPORTED: Self = Self(0x9A);
    /// `0x9b` QoS not supported.
    pub const QOS_NOT_SUPPORTED: Self = Self(0x9B);
    /// `0x9c` Use another server.
    pub const USE_ANOTHER_SERVER: Self = Self(0x9C);
    /// `0x9d` Server moved.
    pub const SERVER_MOVED: Self = Self(0x9D);
    /// `0x9e` Shared Subscriptions not supported.
    pub const SHARED_SUBSCRIPTIONS_NOT_SUPPORTED: Self = Self(0x9E);
    /// `0x9f` Connection rate exceeded.
    pub const CONNECTION_RATE_EXCEEDED: Self = Self(0x9F);
    /// `0xa0` Maximum connect time.
    pub const MAXIMUM_CONNECT_TIME: Self = Self(0xA0);
    /// `0xa1` Subscription Identifiers not supported.
    pub const SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED: Self = Self(0xA1);
    /// `0xa2` Wildcard Subscriptions not supported.
    pub const WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED: Self = Self(0xA2);

    /// The Reason Code with this number; `None` for a number that MQTT 5.0 does not name.
    #[must_use]
    #[inline]
    pub const fn from_u8(value: u8) -> Option<Self> {
        if contains(NAMED, value) { Some(Self(value)) } else { None }
    }

    /// The Reason Code with this number, if a packet of this type may carry it.
    #[inline]
    pub(crate) const fn in_packet(packet_type: PacketType, value: u8) -> Option<Self> {
        if contains(allowed_in(packet_type), value) { Some(Self(value)) } else { None }
    }

    /// The number, as on the wire of 5.0.
    #[must_use]
    #[inline]
    pub const fn value(self) -> u8 {
        self.0
    }

    /// Whether the code tells of a failure: `0x80` and above.
    #[must_use]
    #[inline]
    pub const fn is_error(self) -> bool {
        self.0 >= 0x80
    }

    /// Whether a packet of this type may carry the code.
    ///
    /// `0x8c` counts as one of a DISCONNECT, as table 2-6 has it; the list in section 3.14.2.1
    /// leaves it out.
    #[must_use]
    #[inline]
    pub const fn is_valid_in(self, packet_type: PacketType) -> bool {
        contains(allowed_in(packet_type), self.0)
    }

    /// Whether `sender` may send the code in a packet of this type. Of the packets that both sides
    /// send, DISCONNECT and AUTH have codes that only one of them does.
    #[inline]
    pub(crate) const fn may_come_from(self, sender: Sender, packet_type: PacketType) -> bool {
        match (packet_type, sender) {
            (PacketType::Disconnect, Sender::Client) => contains(DISCONNECT_OF_CLIENT, self.0),
            (PacketType::Disconnect, Sender::Server) => {
                self.0 != Self::DISCONNECT_WITH_WILL_MESSAGE.0
            }
            (PacketType::Auth, Sender::Client) => self.0 != Self::SUCCESS.0,
            (PacketType::Auth, Sender::Server) => self.0 != Self::RE_AUTHENTICATE.0,
            _ => true,
        }
    }

    /// The return code of a CONNACK of 3.x with this meaning, 0 to 5; `None` where 3.x has none.
    #[must_use]
    pub const fn connect_return_code(self) -> Option<u8> {
        match self {
            Self::SUCCESS => Some(0),
            Self::UNSUPPORTED_PROTOCOL_VERSION => Some(1),
            Self::CLIENT_IDENTIFIER_NOT_VALID => Some(2),
            Self::SERVER_UNAVAILABLE => Some(3),
            Self::BAD_USER_NAME_OR_PASSWORD => Some(4),
            Self::NOT_AUTHORIZED => Some(5),
            _ => None,
        }
    }

    /// The Reason Code with the meaning of a return code of a CONNACK of 3.x; `None` above 5.
    #[must_use]
    pub const fn from_connect_return_code(return_code: u8) -> Option<Self> {
        match return_code {
            0 => Some(Self::SUCCESS),
            1 => Some(Self::UNSUPPORTED_PROTOCOL_VERSION),
            2 => Some(Self::CLIENT_IDENTIFIER_NOT_VALID),
            3 => Some(Self::SERVER_UNAVAILABLE),
            4 => Some(Self::BAD_USER_NAME_OR_PASSWORD),
            5 => Some(Self::NOT_AUTHORIZED),
            _ => None,
        }
    }

    /// The name in table 2-6 of MQTT 5.0; `0x00` is `"Success"`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self.0 {
            0x00 => "Success",
            0x01 => "Granted QoS 1",
            0x02 => "Granted QoS 2",
            0x04 => "Disconnect with Will Message",
            0x10 => "No matching subscribers",
            0x11 => "No subscription existed",
            0x18 => "Continue authentication",
            0x19 => "Re-authenticate",
            0x80 => "Unspecified error",
            0x81 => "Malformed Packet",
            0x82 => "Protocol Error",
            0x83 => "Implementation specific error",
            0x84 => "Unsupported Protocol Version",
            0x85 => "Client Identifier not valid",
            0x86 => "Bad User Name or Password",
            0x87 => "Not authorized",
            0x88 => "Server unavailable",
            0x89 => "Server busy",
            0x8A => "Banned",
            0x8B => "Server shutting down",
            0x8C => "Bad authentication method",
            0x8D => "Keep Alive timeout",
            0x8E => "Session taken over",
            0x8F => "Topic Filter invalid",
            0x90 => "Topic Name invalid",
            0x91 => "Packet Identifier in use",
            0x92 => "Packet Identifier not found",
            0x93 => "Receive Maximum exceeded",
            0x94 => "Topic Alias invalid",
            0x95 => "Packet too large",
            0x96 => "Message rate too high",
            0x97 => "Quota exceeded",
            0x98 => "Administrative action",
            0x99 => "Payload format invalid",
            0x9A => "Retain not supported",
            0x9B => "QoS not supported",
            0x9C => "Use another server",
            0x9D => "Server moved",
            0x9E => "Shared Subscriptions not supported",
            0x9F => "Connection rate exceeded",
            0xA0 => "Maximum connect time",
            0xA1 => "Subscription Identifiers not supported",
            0xA2 => "Wildcard Subscriptions not supported",
            // No other number can be held: see `from_u8`.
            _ => "",
        }
    }
}

impl fmt::Display for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "0x{:02x} {}", self.0, self.name())
    }
}

/// As it is displayed: numbers of Reason Codes are hexadecimal everywhere.
impl fmt::Debug for ReasonCode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for ReasonCode {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=u8:#04x}", self.0);
    }
}

#[cfg(feature = "arbitrary")]
impl<'a> arbitrary::Arbitrary<'a> for ReasonCode {
    fn arbitrary(u: &mut arbitrary::Unstructured<'a>) -> arbitrary::Result<Self> {
        Self::from_u8(u.arbitrary()?).ok_or(arbitrary::Error::IncorrectFormat)
    }
}

/// A set of Reason Codes: one bit for each of `0x00..0x20`, and one for each of `0x80..0xC0`.
type Set = (u32, u64);

#[inline]
const fn contains((low, high): Set, value: u8) -> bool {
    match value {
        0x00..0x20 => low >> value & 1 == 1,
        0x80..0xC0 => high >> (value - 0x80) & 1 == 1,
        _ => false,
    }
}

const fn set(codes: &[ReasonCode]) -> Set {
    let (mut low, mut high, mut rest) = (0, 0, codes);
    while let [code, tail @ ..] = rest {
        match code.0 {
            value @ 0x00..0x20 => low |= 1 << value,
            value => high |= 1 << (value & 0x3F),
        }
        rest = tail;
    }
    (low, high)
}

//= [MQTT-3.2.2-8]
//= [MQTT-3.4.2-1]
//= [MQTT-3.5.2-1]
//= [MQTT-3.6.2-1]
//= [MQTT-3.7.2-1]
//= [MQTT-3.9.3-2]
//= [MQTT-3.11.3-2]
//= [MQTT-3.14.2-1]
//= [MQTT-3.15.2-1]
#[inline]
const fn allowed_in(packet_type: PacketType) -> Set {
    match packet_type {
        PacketType::Connack => CONNACK,
        PacketType::Puback | PacketType::Pubrec => PUBLISH_RECEIPT,
        PacketType::Pubrel | PacketType::Pubcomp => RELEASE,
        PacketType::Suback => SUBACK,
        PacketType::Unsuback => UNSUBACK,
        PacketType::Disconnect => DISCONNECT,
        PacketType::Auth => AUTH,
        PacketType::Connect
        | PacketType::Publish
        | PacketType::Subscribe
        | PacketType::Unsubscribe
        | PacketType::Pingreq
        | PacketType::Pingresp => (0, 0),
    }
}

const NAMED: Set = set(&[
    ReasonCode::SUCCESS,
    ReasonCode::GRANTED_QOS_1,
    ReasonCode::GRANTED_QOS_2,
    ReasonCode::DISCONNECT_WITH_WILL_MESSAGE,
    ReasonCode::NO_MATCHING_SUBSCRIBERS,
    ReasonCode::NO_SUBSCRIPTION_EXISTED,
    ReasonCode::CONTINUE_AUTHENTICATION,
    ReasonCode::RE_AUTHENTICATE,
    ReasonCode::UNSPECIFIED_ERROR,
    ReasonCode::MALFORMED_PACKET,
    ReasonCode::PROTOCOL_ERROR,
    ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
    ReasonCode::UNSUPPORTED_PROTOCOL_VERSION,
    ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
    ReasonCode::BAD_USER_NAME_OR_PASSWORD,
    ReasonCode::NOT_AUTHORIZED,
    ReasonCode::SERVER_UNAVAILABLE,
    ReasonCode::SERVER_BUSY,
    ReasonCode::BANNED,
    ReasonCode::SERVER_SHUTTING_DOWN,
    ReasonCode::BAD_AUTHENTICATION_METHOD,
    ReasonCode::KEEP_ALIVE_TIMEOUT,
    ReasonCode::SESSION_TAKEN_OVER,
    ReasonCode::TOPIC_FILTER_INVALID,
    ReasonCode::TOPIC_NAME_INVALID,
    ReasonCode::PACKET_IDENTIFIER_IN_USE,
    ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
    ReasonCode::RECEIVE_MAXIMUM_EXCEEDED,
    ReasonCode::TOPIC_ALIAS_INVALID,
    ReasonCode::PACKET_TOO_LARGE,
    ReasonCode::MESSAGE_RATE_TOO_HIGH,
    ReasonCode::QUOTA_EXCEEDED,
    ReasonCode::ADMINISTRATIVE_ACTION,
    ReasonCode::PAYLOAD_FORMAT_INVALID,
    ReasonCode::RETAIN_NOT_SUPPORTED,
    ReasonCode::QOS_NOT_SUPPORTED,
    ReasonCode::USE_ANOTHER_SERVER,
    ReasonCode::SERVER_MOVED,
    ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
    ReasonCode::CONNECTION_RATE_EXCEEDED,
    ReasonCode::MAXIMUM_CONNECT_TIME,
    ReasonCode::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
    ReasonCode::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
]);

const CONNACK: Set = set(&[
    ReasonCode::SUCCESS,
    ReasonCode::UNSPECIFIED_ERROR,
    ReasonCode::MALFORMED_PACKET,
    ReasonCode::PROTOCOL_ERROR,
    ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
    ReasonCode::UNSUPPORTED_PROTOCOL_VERSION,
    ReasonCode::CLIENT_IDENTIFIER_NOT_VALID,
    ReasonCode::BAD_USER_NAME_OR_PASSWORD,
    ReasonCode::NOT_AUTHORIZED,
    ReasonCode::SERVER_UNAVAILABLE,
    ReasonCode::SERVER_BUSY,
    ReasonCode::BANNED,
    ReasonCode::BAD_AUTHENTICATION_METHOD,
    ReasonCode::TOPIC_NAME_INVALID,
    ReasonCode::PACKET_TOO_LARGE,
    ReasonCode::QUOTA_EXCEEDED,
    ReasonCode::PAYLOAD_FORMAT_INVALID,
    ReasonCode::RETAIN_NOT_SUPPORTED,
    ReasonCode::QOS_NOT_SUPPORTED,
    ReasonCode::USE_ANOTHER_SERVER,
    ReasonCode::SERVER_MOVED,
    ReasonCode::CONNECTION_RATE_EXCEEDED,
]);

const PUBLISH_RECEIPT: Set = set(&[
    ReasonCode::SUCCESS,
    ReasonCode::NO_MATCHING_SUBSCRIBERS,
    ReasonCode::UNSPECIFIED_ERROR,
    ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
    ReasonCode::NOT_AUTHORIZED,
    ReasonCode::TOPIC_NAME_INVALID,
    ReasonCode::PACKET_IDENTIFIER_IN_USE,
    ReasonCode::QUOTA_EXCEEDED,
    ReasonCode::PAYLOAD_FORMAT_INVALID,
]);

const RELEASE: Set = set(&[ReasonCode::SUCCESS, ReasonCode::PACKET_IDENTIFIER_NOT_FOUND]);

const SUBACK: Set = set(&[
    ReasonCode::SUCCESS,
    ReasonCode::GRANTED_QOS_1,
    ReasonCode::GRANTED_QOS_2,
    ReasonCode::UNSPECIFIED_ERROR,
    ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
    ReasonCode::NOT_AUTHORIZED,
    ReasonCode::TOPIC_FILTER_INVALID,
    ReasonCode::PACKET_IDENTIFIER_IN_USE,
    ReasonCode::QUOTA_EXCEEDED,
    ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
    ReasonCode::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
    ReasonCode::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
]);

const UNSUBACK: Set = set(&[
    ReasonCode::SUCCESS,
    ReasonCode::NO_SUBSCRIPTION_EXISTED,
    ReasonCode::UNSPECIFIED_ERROR,
    ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
    ReasonCode::NOT_AUTHORIZED,
    ReasonCode::TOPIC_FILTER_INVALID,
    ReasonCode::PACKET_IDENTIFIER_IN_USE,
]);

const DISCONNECT: Set = set(&[
    ReasonCode::SUCCESS,
    ReasonCode::DISCONNECT_WITH_WILL_MESSAGE,
    ReasonCode::UNSPECIFIED_ERROR,
    ReasonCode::MALFORMED_PACKET,
    ReasonCode::PROTOCOL_ERROR,
    ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
    ReasonCode::NOT_AUTHORIZED,
    ReasonCode::SERVER_BUSY,
    ReasonCode::SERVER_SHUTTING_DOWN,
    ReasonCode::BAD_AUTHENTICATION_METHOD,
    ReasonCode::KEEP_ALIVE_TIMEOUT,
    ReasonCode::SESSION_TAKEN_OVER,
    ReasonCode::TOPIC_FILTER_INVALID,
    ReasonCode::TOPIC_NAME_INVALID,
    ReasonCode::RECEIVE_MAXIMUM_EXCEEDED,
    ReasonCode::TOPIC_ALIAS_INVALID,
    ReasonCode::PACKET_TOO_LARGE,
    ReasonCode::MESSAGE_RATE_TOO_HIGH,
    ReasonCode::QUOTA_EXCEEDED,
    ReasonCode::ADMINISTRATIVE_ACTION,
    ReasonCode::PAYLOAD_FORMAT_INVALID,
    ReasonCode::RETAIN_NOT_SUPPORTED,
    ReasonCode::QOS_NOT_SUPPORTED,
    ReasonCode::USE_ANOTHER_SERVER,
    ReasonCode::SERVER_MOVED,
    ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED,
    ReasonCode::CONNECTION_RATE_EXCEEDED,
    ReasonCode::MAXIMUM_CONNECT_TIME,
    ReasonCode::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED,
    ReasonCode::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED,
]);

/// Those that section 3.14.2.1 lets a Client send, and `0x8c`, which it leaves out.
const DISCONNECT_OF_CLIENT: Set = set(&[
    ReasonCode::NORMAL_DISCONNECTION,
    ReasonCode::DISCONNECT_WITH_WILL_MESSAGE,
    ReasonCode::UNSPECIFIED_ERROR,
    ReasonCode::MALFORMED_PACKET,
    ReasonCode::PROTOCOL_ERROR,
    ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR,
    ReasonCode::BAD_AUTHENTICATION_METHOD,
    ReasonCode::TOPIC_NAME_INVALID,
    ReasonCode::RECEIVE_MAXIMUM_EXCEEDED,
    ReasonCode::TOPIC_ALIAS_INVALID,
    ReasonCode::PACKET_TOO_LARGE,
    ReasonCode::MESSAGE_RATE_TOO_HIGH,
    ReasonCode::QUOTA_EXCEEDED,
    ReasonCode::ADMINISTRATIVE_ACTION,
    ReasonCode::PAYLOAD_FORMAT_INVALID,
]);

const AUTH: Set =
    set(&[ReasonCode::SUCCESS, ReasonCode::CONTINUE_AUTHENTICATION, ReasonCode::RE_AUTHENTICATE]);

#[cfg(test)]
mod tests;
