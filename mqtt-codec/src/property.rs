//! Properties of 5.0: what each is, and its bytes.

mod allowed;
mod list;
mod pass_through;
mod validate;

use core::num::{NonZeroU16, NonZeroU32};

pub(crate) use self::allowed::Allowed;
pub use self::list::{Properties, PropertyIter, SubscriptionIdentifiers, UserProperties};
pub(crate) use self::list::{framed_len, write_len};
pub use self::pass_through::{PassThrough, PassThroughRuns};
use crate::reader::Reader;
use crate::variable_byte_integer;
use crate::writer::Writer;
use crate::{DecodeError, QoS, TopicName, Utf8String};

/// A Subscription Identifier: 1 to 268,435,455.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SubscriptionIdentifier(NonZeroU32);

impl SubscriptionIdentifier {
    /// The largest identifier, 268,435,455.
    pub const MAX: u32 = variable_byte_integer::MAX;

    /// The identifier with this number; `None` for 0 and above [`MAX`](Self::MAX).
    #[must_use]
    #[inline]
    pub const fn new(value: u32) -> Option<Self> {
        match NonZeroU32::new(value) {
            Some(number) if value <= Self::MAX => Some(Self(number)),
            _ => None,
        }
    }

    /// The number.
    #[must_use]
    #[inline]
    pub const fn get(self) -> u32 {
        self.0.get()
    }
}

/// One property. Times are in seconds, sizes in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum Property<'a> {
    /// Whether the payload is UTF-8 text. PUBLISH, Will.
    PayloadFormatIndicator(bool),
    /// How long the Application Message lives. PUBLISH, Will.
    MessageExpiryInterval(u32),
    /// What the payload is. PUBLISH, Will.
    ContentType(Utf8String<'a>),
    /// Where a response goes. PUBLISH, Will.
    ResponseTopic(TopicName<'a>),
    /// What tells a response's request. PUBLISH, Will.
    CorrelationData(&'a [u8]),
    /// The identifier of a Subscription; several in a PUBLISH, one in a SUBSCRIBE.
    SubscriptionIdentifier(SubscriptionIdentifier),
    /// How long the Session lives after the Network Connection; `u32::MAX` is for ever. CONNECT, CONNACK,
    /// DISCONNECT of a Client.
    SessionExpiryInterval(u32),
    /// The Client Identifier that the Server chose. CONNACK.
    AssignedClientIdentifier(Utf8String<'a>),
    /// The Keep Alive that the Server asks for. CONNACK.
    ServerKeepAlive(u16),
    /// The name of the authentication method. CONNECT, CONNACK, AUTH.
    AuthenticationMethod(Utf8String<'a>),
    /// Data of that method. CONNECT, CONNACK, AUTH.
    AuthenticationData(&'a [u8]),
    /// Whether Reason String and User Property may come on any packet. CONNECT.
    RequestProblemInformation(bool),
    /// How long the Will Message waits. Will.
    WillDelayInterval(u32),
    /// Whether Response Information is asked for. CONNECT.
    RequestResponseInformation(bool),
    /// What a Response Topic may be built from. CONNACK.
    ResponseInformation(Utf8String<'a>),
    /// Another Server to use. CONNACK, DISCONNECT of a Server.
    ServerReference(Utf8String<'a>),
    /// A reason for people to read. Every answer, DISCONNECT and AUTH.
    ReasonString(Utf8String<'a>),
    /// How many PUBLISH of QoS 1 and 2 the sender takes at once. CONNECT, CONNACK.
    ReceiveMaximum(NonZeroU16),
    /// The highest Topic Alias that the sender takes. CONNECT, CONNACK.
    TopicAliasMaximum(u16),
    /// A number that stands for the Topic Name. PUBLISH.
    TopicAlias(NonZeroU16),
    /// The highest QoS that the Server takes, 0 or 1; at [`QoS::ExactlyOnce`] it cannot be encoded, as
    /// the property is then left out. CONNACK.
    MaximumQoS(QoS),
    /// Whether the Server keeps retained messages. CONNACK.
    RetainAvailable(bool),
    /// A name and a value. Every packet but PINGREQ and PINGRESP, any number of times.
    UserProperty(Utf8String<'a>, Utf8String<'a>),
    /// The largest packet that the sender takes. CONNECT, CONNACK.
    MaximumPacketSize(NonZeroU32),
    /// Whether the Server takes wildcards. CONNACK.
    WildcardSubscriptionAvailable(bool),
    /// Whether the Server takes Subscription Identifiers. CONNACK.
    SubscriptionIdentifierAvailable(bool),
    /// Whether the Server takes Shared Subscriptions. CONNACK.
    SharedSubscriptionAvailable(bool),
}

/// The identifiers of table 2-4.
pub(crate) mod id {
    pub(crate) const PAYLOAD_FORMAT_INDICATOR: u8 = 0x01;
    pub(crate) const MESSAGE_EXPIRY_INTERVAL: u8 = 0x02;
    pub(crate) const CONTENT_TYPE: u8 = 0x03;
    pub(crate) const RESPONSE_TOPIC: u8 = 0x08;
    pub(crate) const CORRELATION_DATA: u8 = 0x09;
    pub(crate) const SUBSCRIPTION_IDENTIFIER: u8 = 0x0B;
    pub(crate) const SESSION_EXPIRY_INTERVAL: u8 = 0x11;
    pub(crate) const ASSIGNED_CLIENT_IDENTIFIER: u8 = 0x12;
    pub(crate) const SERVER_KEEP_ALIVE: u8 = 0x13;
    pub(crate) const AUTHENTICATION_METHOD: u8 = 0x15;
    pub(crate) const AUTHENTICATION_DATA: u8 = 0x16;
    pub(crate) const REQUEST_PROBLEM_INFORMATION: u8 = 0x17;
    pub(crate) const WILL_DELAY_INTERVAL: u8 = 0x18;
    pub(crate) const REQUEST_RESPONSE_INFORMATION: u8 = 0x19;
    pub(crate) const RESPONSE_INFORMATION: u8 = 0x1A;
    pub(crate) const SERVER_REFERENCE: u8 = 0x1C;
    pub(crate) const REASON_STRING: u8 = 0x1F;
    pub(crate) const RECEIVE_MAXIMUM: u8 = 0x21;
    pub(crate) const TOPIC_ALIAS_MAXIMUM: u8 = 0x22;
    pub(crate) const TOPIC_ALIAS: u8 = 0x23;
    pub(crate) const MAXIMUM_QOS: u8 = 0x24;
    pub(crate) const RETAIN_AVAILABLE: u8 = 0x25;
    pub(crate) const USER_PROPERTY: u8 = 0x26;
    pub(crate) const MAXIMUM_PACKET_SIZE: u8 = 0x27;
    pub(crate) const WILDCARD_SUBSCRIPTION_AVAILABLE: u8 = 0x28;
    pub(crate) const SUBSCRIPTION_IDENTIFIER_AVAILABLE: u8 = 0x29;
    pub(crate) const SHARED_SUBSCRIPTION_AVAILABLE: u8 = 0x2A;
}

/// How the value of a property is written.
enum Value<'a> {
    Byte(u8),
    TwoByteInteger(u16),
    FourByteInteger(u32),
    VariableByteInteger(u32),
    Binary(&'a [u8]),
    Pair(&'a [u8], &'a [u8]),
}

impl<'a> Property<'a> {
    /// The identifier, as in table 2-4 of MQTT 5.0.
    #[must_use]
    pub const fn identifier(&self) -> u8 {
        self.parts().0
    }

    /// The length of identifier and value in bytes.
    #[must_use]
    #[inline]
    pub const fn encoded_len(&self) -> usize {
        match self.parts().1 {
            Value::Byte(_) => 2,
            Value::TwoByteInteger(_) => 3,
            Value::FourByteInteger(_) => 5,
            Value::VariableByteInteger(value) => 1 + variable_byte_integer::encoded_len(value),
            Value::Binary(bytes) => 3 + bytes.len(),
            Value::Pair(name, value) => 5 + name.len() + value.len(),
        }
    }

    /// Whether no field is longer than its two byte length can say, and the value has a form.
    const fn is_encodable(&self) -> Result<(), Unencodable> {
        match self {
            Self::CorrelationData(data) | Self::AuthenticationData(data)
                if data.len() > u16::MAX as usize =>
            {
                Err(Unencodable::TooLong)
            }
            Self::MaximumQoS(QoS::ExactlyOnce) => Err(Unencodable::MaximumQoS),
            _ => Ok(()),
        }
    }

    #[inline]
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        let (identifier, value) = self.parts();
        writer.u8(identifier);
        match value {
            Value::Byte(value) => writer.u8(value),
            Value::TwoByteInteger(value) => writer.u16(value),
            Value::FourByteInteger(value) => writer.u32(value),
            Value::VariableByteInteger(value) => writer.variable_byte_integer(value),
            Value::Binary(bytes) => writer.binary(bytes),
            Value::Pair(name, value) => {
                writer.binary(name);
                writer.binary(value);
            }
        }
    }

    /// Identifier and value. Every other fact about the bytes of a property follows from it.
    #[inline]
    const fn parts(&self) -> (u8, Value<'a>) {
        use Value::{Binary, Byte, FourByteInteger, TwoByteInteger};
        match *self {
            Self::PayloadFormatIndicator(v) => (id::PAYLOAD_FORMAT_INDICATOR, Byte(v as u8)),
            Self::MessageExpiryInterval(v) => (id::MESSAGE_EXPIRY_INTERVAL, FourByteInteger(v)),
            Self::ContentType(v) => (id::CONTENT_TYPE, Binary(v.as_bytes())),
            Self::ResponseTopic(v) => (id::RESPONSE_TOPIC, Binary(v.as_bytes())),
            Self::CorrelationData(v) => (id::CORRELATION_DATA, Binary(v)),
            Self::SubscriptionIdentifier(v) => {
                (id::SUBSCRIPTION_IDENTIFIER, Value::VariableByteInteger(v.get()))
            }
            Self::SessionExpiryInterval(v) => (id::SESSION_EXPIRY_INTERVAL, FourByteInteger(v)),
            Self::AssignedClientIdentifier(v) => {
                (id::ASSIGNED_CLIENT_IDENTIFIER, Binary(v.as_bytes()))
            }
            Self::ServerKeepAlive(v) => (id::SERVER_KEEP_ALIVE, TwoByteInteger(v)),
            Self::AuthenticationMethod(v) => (id::AUTHENTICATION_METHOD, Binary(v.as_bytes())),
            Self::AuthenticationData(v) => (id::AUTHENTICATION_DATA, Binary(v)),
            Self::RequestProblemInformation(v) => (id::REQUEST_PROBLEM_INFORMATION, Byte(v as u8)),
            Self::WillDelayInterval(v) => (id::WILL_DELAY_INTERVAL, FourByteInteger(v)),
            Self::RequestResponseInformation(v) => {
                (id::REQUEST_RESPONSE_INFORMATION, Byte(v as u8))
            }
            Self::ResponseInformation(v) => (id::RESPONSE_INFORMATION, Binary(v.as_bytes())),
            Self::ServerReference(v) => (id::SERVER_REFERENCE, Binary(v.as_bytes())),
            Self::ReasonString(v) => (id::REASON_STRING, Binary(v.as_bytes())),
            Self::ReceiveMaximum(v) => (id::RECEIVE_MAXIMUM, TwoByteInteger(v.get())),
            Self::TopicAliasMaximum(v) => (id::TOPIC_ALIAS_MAXIMUM, TwoByteInteger(v)),
            Self::TopicAlias(v) => (id::TOPIC_ALIAS, TwoByteInteger(v.get())),
            Self::MaximumQoS(v) => (id::MAXIMUM_QOS, Byte(v as u8)),
            Self::RetainAvailable(v) => (id::RETAIN_AVAILABLE, Byte(v as u8)),
            Self::UserProperty(name, value) => {
                (id::USER_PROPERTY, Value::Pair(name.as_bytes(), value.as_bytes()))
            }
            Self::MaximumPacketSize(v) => (id::MAXIMUM_PACKET_SIZE, FourByteInteger(v.get())),
            Self::WildcardSubscriptionAvailable(v) => {
                (id::WILDCARD_SUBSCRIPTION_AVAILABLE, Byte(v as u8))
            }
            Self::SubscriptionIdentifierAvailable(v) => {
                (id::SUBSCRIPTION_IDENTIFIER_AVAILABLE, Byte(v as u8))
            }
            Self::SharedSubscriptionAvailable(v) => {
                (id::SHARED_SUBSCRIPTION_AVAILABLE, Byte(v as u8))
            }
        }
    }

    /// The property at the front of bytes that were validated before.
    #[inline]
    pub(crate) fn read(reader: &mut Reader<'a>) -> Result<Self, DecodeError> {
        let never = DecodeError::UnknownProperty;
        let string = |reader: &mut Reader<'a>| reader.binary().map(Utf8String::checked);
        let flag = |reader: &mut Reader<'a>| reader.u8().map(|value| value == 1);
        Ok(match reader.u8()? {
            id::PAYLOAD_FORMAT_INDICATOR => Self::PayloadFormatIndicator(flag(reader)?),
            id::MESSAGE_EXPIRY_INTERVAL => Self::MessageExpiryInterval(reader.u32()?),
            id::CONTENT_TYPE => Self::ContentType(string(reader)?),
            id::RESPONSE_TOPIC => Self::ResponseTopic(TopicName::checked(reader.binary()?)),
            id::CORRELATION_DATA => Self::CorrelationData(reader.binary()?),
            id::SUBSCRIPTION_IDENTIFIER => {
                let value = SubscriptionIdentifier::new(reader.variable_byte_integer()?);
                Self::SubscriptionIdentifier(value.ok_or(never)?)
            }
            id::SESSION_EXPIRY_INTERVAL => Self::SessionExpiryInterval(reader.u32()?),
            id::ASSIGNED_CLIENT_IDENTIFIER => Self::AssignedClientIdentifier(string(reader)?),
            id::SERVER_KEEP_ALIVE => Self::ServerKeepAlive(reader.u16()?),
            id::AUTHENTICATION_METHOD => Self::AuthenticationMethod(string(reader)?),
            id::AUTHENTICATION_DATA => Self::AuthenticationData(reader.binary()?),
            id::REQUEST_PROBLEM_INFORMATION => Self::RequestProblemInformation(flag(reader)?),
            id::WILL_DELAY_INTERVAL => Self::WillDelayInterval(reader.u32()?),
            id::REQUEST_RESPONSE_INFORMATION => Self::RequestResponseInformation(flag(reader)?),
            id::RESPONSE_INFORMATION => Self::ResponseInformation(string(reader)?),
            id::SERVER_REFERENCE => Self::ServerReference(string(reader)?),
            id::REASON_STRING => Self::ReasonString(string(reader)?),
            id::RECEIVE_MAXIMUM => Self::ReceiveMaximum(reader.non_zero_u16(never)?),
            id::TOPIC_ALIAS_MAXIMUM => Self::TopicAliasMaximum(reader.u16()?),
            id::TOPIC_ALIAS => Self::TopicAlias(reader.non_zero_u16(never)?),
            id::MAXIMUM_QOS => Self::MaximumQoS(QoS::from_u8(reader.u8()?).ok_or(never)?),
            id::RETAIN_AVAILABLE => Self::RetainAvailable(flag(reader)?),
            id::USER_PROPERTY => Self::UserProperty(string(reader)?, string(reader)?),
            id::MAXIMUM_PACKET_SIZE => {
                Self::MaximumPacketSize(NonZeroU32::new(reader.u32()?).ok_or(never)?)
            }
            id::WILDCARD_SUBSCRIPTION_AVAILABLE => {
                Self::WildcardSubscriptionAvailable(flag(reader)?)
            }
            id::SUBSCRIPTION_IDENTIFIER_AVAILABLE => {
                Self::SubscriptionIdentifierAvailable(flag(reader)?)
            }
            id::SHARED_SUBSCRIPTION_AVAILABLE => Self::SharedSubscriptionAvailable(flag(reader)?),
            _ => return Err(never),
        })
    }
}

/// Why a property of a list has no bytes.
enum Unencodable {
    TooLong,
    MaximumQoS,
}

#[cfg(test)]
mod tests;
