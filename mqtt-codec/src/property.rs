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

impl<'a> Property<'a> {
    /// The identifier, as in table 2-4 of MQTT 5.0.
    #[must_use]
    #[inline]
    pub const fn identifier(&self) -> u8 {
        match self {
            Self::PayloadFormatIndicator(..) => id::PAYLOAD_FORMAT_INDICATOR,
            Self::MessageExpiryInterval(..) => id::MESSAGE_EXPIRY_INTERVAL,
            Self::ContentType(..) => id::CONTENT_TYPE,
            Self::ResponseTopic(..) => id::RESPONSE_TOPIC,
            Self::CorrelationData(..) => id::CORRELATION_DATA,
            Self::SubscriptionIdentifier(..) => id::SUBSCRIPTION_IDENTIFIER,
            Self::SessionExpiryInterval(..) => id::SESSION_EXPIRY_INTERVAL,
            Self::AssignedClientIdentifier(..) => id::ASSIGNED_CLIENT_IDENTIFIER,
            Self::ServerKeepAlive(..) => id::SERVER_KEEP_ALIVE,
            Self::AuthenticationMethod(..) => id::AUTHENTICATION_METHOD,
            Self::AuthenticationData(..) => id::AUTHENTICATION_DATA,
            Self::RequestProblemInformation(..) => id::REQUEST_PROBLEM_INFORMATION,
            Self::WillDelayInterval(..) => id::WILL_DELAY_INTERVAL,
            Self::RequestResponseInformation(..) => id::REQUEST_RESPONSE_INFORMATION,
            Self::ResponseInformation(..) => id::RESPONSE_INFORMATION,
            Self::ServerReference(..) => id::SERVER_REFERENCE,
            Self::ReasonString(..) => id::REASON_STRING,
            Self::ReceiveMaximum(..) => id::RECEIVE_MAXIMUM,
            Self::TopicAliasMaximum(..) => id::TOPIC_ALIAS_MAXIMUM,
            Self::TopicAlias(..) => id::TOPIC_ALIAS,
            Self::MaximumQoS(..) => id::MAXIMUM_QOS,
            Self::RetainAvailable(..) => id::RETAIN_AVAILABLE,
            Self::UserProperty(..) => id::USER_PROPERTY,
            Self::MaximumPacketSize(..) => id::MAXIMUM_PACKET_SIZE,
            Self::WildcardSubscriptionAvailable(..) => id::WILDCARD_SUBSCRIPTION_AVAILABLE,
            Self::SubscriptionIdentifierAvailable(..) => id::SUBSCRIPTION_IDENTIFIER_AVAILABLE,
            Self::SharedSubscriptionAvailable(..) => id::SHARED_SUBSCRIPTION_AVAILABLE,
        }
    }

    /// The length of identifier and value in bytes.
    #[must_use]
    pub const fn encoded_len(&self) -> usize {
        match self {
            Self::PayloadFormatIndicator(_)
            | Self::RequestProblemInformation(_)
            | Self::RequestResponseInformation(_)
            | Self::RetainAvailable(_)
            | Self::WildcardSubscriptionAvailable(_)
            | Self::SubscriptionIdentifierAvailable(_)
            | Self::SharedSubscriptionAvailable(_)
            | Self::MaximumQoS(_) => 2,
            Self::ServerKeepAlive(_)
            | Self::ReceiveMaximum(_)
            | Self::TopicAliasMaximum(_)
            | Self::TopicAlias(_) => 3,
            Self::MessageExpiryInterval(_)
            | Self::SessionExpiryInterval(_)
            | Self::WillDelayInterval(_)
            | Self::MaximumPacketSize(_) => 5,
            Self::SubscriptionIdentifier(v) => {
                1 + variable_byte_integer::encoded_len(v.get() as usize)
            }
            Self::ContentType(v)
            | Self::AssignedClientIdentifier(v)
            | Self::AuthenticationMethod(v)
            | Self::ResponseInformation(v)
            | Self::ServerReference(v)
            | Self::ReasonString(v) => 3 + v.len(),
            Self::ResponseTopic(v) => 3 + v.as_bytes().len(),
            Self::CorrelationData(v) | Self::AuthenticationData(v) => 3 + v.len(),
            Self::UserProperty(name, value) => 5 + name.len() + value.len(),
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

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn write(&self, writer: &mut Writer<'_>) {
        let id = self.identifier();
        match self {
            Self::PayloadFormatIndicator(v)
            | Self::RequestProblemInformation(v)
            | Self::RequestResponseInformation(v)
            | Self::RetainAvailable(v)
            | Self::WildcardSubscriptionAvailable(v)
            | Self::SubscriptionIdentifierAvailable(v)
            | Self::SharedSubscriptionAvailable(v) => writer.array([id, u8::from(*v)]),
            Self::MaximumQoS(v) => writer.array([id, *v as u8]),
            Self::ServerKeepAlive(v) | Self::TopicAliasMaximum(v) => writer.id_u16(id, *v),
            Self::ReceiveMaximum(v) | Self::TopicAlias(v) => writer.id_u16(id, v.get()),
            Self::MessageExpiryInterval(v)
            | Self::SessionExpiryInterval(v)
            | Self::WillDelayInterval(v) => writer.id_u32(id, *v),
            Self::MaximumPacketSize(v) => writer.id_u32(id, v.get()),
            Self::SubscriptionIdentifier(v) => {
                writer.u8(id);
                writer.variable_byte_integer(v.get());
            }
            Self::ContentType(v)
            | Self::AssignedClientIdentifier(v)
            | Self::AuthenticationMethod(v)
            | Self::ResponseInformation(v)
            | Self::ServerReference(v)
            | Self::ReasonString(v) => writer.id_binary(id, v.as_bytes()),
            Self::ResponseTopic(v) => writer.id_binary(id, v.as_bytes()),
            Self::CorrelationData(v) | Self::AuthenticationData(v) => writer.id_binary(id, v),
            Self::UserProperty(name, value) => {
                writer.id_binary(id, name.as_bytes());
                writer.binary(value.as_bytes());
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
