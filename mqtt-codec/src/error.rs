//! What is wrong with a packet, in both directions.

use core::fmt;

use crate::ReasonCode;

/// Declares [`DecodeError`] from one table: name, Reason Code, statement, and a sentence, its first word on
/// its own. The documentation has the sentence; what is shown is a part of another one.
macro_rules! decode_errors {
    ($($name:ident $code:ident $statement:literal $first:ident $words:literal)*) => {
        /// The rule that a packet breaks: one variant for each rule.
        ///
        /// That more bytes are needed is not an error; see [`Framed`](crate::Framed).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum DecodeError {
            $(
                #[doc = concat!(stringify!($first), " ", $words, ". `[", $statement, "]`")]
                $name,
            )*
        }

        impl DecodeError {
            /// Every error, in the order of declaration.
            pub const ALL: &'static [Self] = &[$(Self::$name),*];

            /// The Reason Code that a CONNACK or DISCONNECT of 5.0 carries for this error.
            #[must_use]
            pub const fn reason_code(self) -> ReasonCode {
                match self { $(Self::$name => ReasonCode::$code,)* }
            }

            /// The numbered statement of MQTT 5.0 that the packet breaks, as `"MQTT-3.3.1-4"`.
            ///
            /// A rule without a number of its own answers with `"MQTT-4.13.1-1"`, the statement
            /// that covers every Malformed Packet and Protocol Error. Only
            /// [`PasswordWithoutUserName`](Self::PasswordWithoutUserName),
            /// [`InvalidReturnCode`](Self::InvalidReturnCode) and
            /// [`InvalidRequestedQoS`](Self::InvalidRequestedQoS) have the number of 3.1.1.
            #[must_use]
            pub const fn statement(self) -> &'static str {
                match self { $(Self::$name => $statement,)* }
            }

            /// The name of the variant, as `"InvalidQoS"`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }

        impl fmt::Display for DecodeError {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(match self { $(Self::$name => concat!(small!($first), " ", $words),)* })
            }
        }
    };
}

/// The first word within a sentence: what is not an article is a name.
macro_rules! small {
    (The) => {
        "the"
    };
    (A) => {
        "a"
    };
    (An) => {
        "an"
    };
    ($name:ident) => {
        stringify!($name)
    };
}

decode_errors! {
    // The fixed header.
    PacketTooLarge PACKET_TOO_LARGE "MQTT-3.2.2-15" The "packet is larger than the receiver accepts"
    ReservedPacketType MALFORMED_PACKET "MQTT-4.13.1-1" The "packet type is reserved in this version"
    UnexpectedPacketType PROTOCOL_ERROR "MQTT-4.13.1-1" A "packet of this type is never sent by this side"
    InvalidFixedHeaderFlags MALFORMED_PACKET "MQTT-2.1.3-1" The "reserved flags of the fixed header do not have their prescribed value"
    InvalidQoS MALFORMED_PACKET "MQTT-3.3.1-4" The "QoS of a PUBLISH is 3"
    DupWithQoS0 MALFORMED_PACKET "MQTT-3.3.1-2" DUP "is set on a PUBLISH of QoS 0"
    VariableByteIntegerTooLong MALFORMED_PACKET "MQTT-1.5.5-1" A "Variable Byte Integer has more than four bytes"
    VariableByteIntegerNotMinimal MALFORMED_PACKET "MQTT-1.5.5-1" A "Variable Byte Integer is not in its shortest form"
    // Fields of every packet.
    FieldOverrun MALFORMED_PACKET "MQTT-4.13.1-1" A "field runs past the end of the packet or of its properties"
    TrailingBytes MALFORMED_PACKET "MQTT-4.13.1-1" The "packet goes on after its last field"
    PacketIdentifierZero PROTOCOL_ERROR "MQTT-2.2.1-3" The "Packet Identifier is zero"
    IllFormedUtf8 MALFORMED_PACKET "MQTT-1.5.4-1" A "string is not well-formed UTF-8"
    NullCharacter MALFORMED_PACKET "MQTT-1.5.4-2" A "string contains U+0000"
    StringTooLong MALFORMED_PACKET "MQTT-4.7.3-3" A "string is longer than 65,535 bytes"
    // Topics.
    EmptyTopic MALFORMED_PACKET "MQTT-4.7.3-1" A "Topic Name or Topic Filter is empty"
    WildcardInTopicName MALFORMED_PACKET "MQTT-3.3.2-2" A "Topic Name contains a wildcard"
    WildcardInResponseTopic MALFORMED_PACKET "MQTT-3.3.2-14" A "Response Topic contains a wildcard"
    MultiLevelWildcardMisplaced MALFORMED_PACKET "MQTT-4.7.1-1" A "# in a Topic Filter is not alone in its level or not in the last level"
    SingleLevelWildcardMisplaced MALFORMED_PACKET "MQTT-4.7.1-2" A "+ in a Topic Filter is not alone in its level"
    EmptyShareName MALFORMED_PACKET "MQTT-4.8.2-1" The "Share Name of a Shared Subscription is empty"
    WildcardInShareName MALFORMED_PACKET "MQTT-4.8.2-2" The "Share Name of a Shared Subscription contains a wildcard"
    EmptySharedFilter MALFORMED_PACKET "MQTT-4.8.2-2" A "Share Name is not followed by a Topic Filter"
    // CONNECT and CONNACK.
    InvalidProtocolName UNSUPPORTED_PROTOCOL_VERSION "MQTT-3.1.2-1" The "Protocol Name is not that of MQTT"
    UnsupportedProtocolVersion UNSUPPORTED_PROTOCOL_VERSION "MQTT-3.1.2-2" The "Protocol Version is not 3.1, 3.1.1 or 5.0"
    ConnectReservedFlag MALFORMED_PACKET "MQTT-3.1.2-3" The "reserved flag of a CONNECT is set"
    WillQoSWithoutWill MALFORMED_PACKET "MQTT-3.1.2-11" A "CONNECT has a Will QoS but no Will"
    WillRetainWithoutWill MALFORMED_PACKET "MQTT-3.1.2-13" A "CONNECT has Will Retain set but no Will"
    InvalidWillQoS MALFORMED_PACKET "MQTT-3.1.2-12" The "Will QoS is 3"
    PasswordWithoutUserName MALFORMED_PACKET "MQTT-3.1.2-22" A "CONNECT of 3.x has a Password but no User Name"
    AuthenticationDataWithoutMethod PROTOCOL_ERROR "MQTT-4.13.1-1" Authentication "Data comes without an Authentication Method"
    InvalidConnackFlags MALFORMED_PACKET "MQTT-3.2.2-1" A "reserved flag of a CONNACK is set"
    SessionPresentOnRefusal PROTOCOL_ERROR "MQTT-3.2.2-6" A "CONNACK that refuses the connection has Session Present set"
    InvalidReturnCode PROTOCOL_ERROR "MQTT-3.2.2-6" The "return code of a CONNACK of 3.x is not one of the listed ones"
    // Reason Codes.
    InvalidConnackReasonCode PROTOCOL_ERROR "MQTT-3.2.2-8" The "Reason Code is not one of a CONNACK"
    InvalidPubackReasonCode PROTOCOL_ERROR "MQTT-3.4.2-1" The "Reason Code is not one of a PUBACK"
    InvalidPubrecReasonCode PROTOCOL_ERROR "MQTT-3.5.2-1" The "Reason Code is not one of a PUBREC"
    InvalidPubrelReasonCode PROTOCOL_ERROR "MQTT-3.6.2-1" The "Reason Code is not one of a PUBREL"
    InvalidPubcompReasonCode PROTOCOL_ERROR "MQTT-3.7.2-1" The "Reason Code is not one of a PUBCOMP"
    InvalidSubackReasonCode PROTOCOL_ERROR "MQTT-3.9.3-2" A "Reason Code is not one of a SUBACK"
    InvalidUnsubackReasonCode PROTOCOL_ERROR "MQTT-3.11.3-2" A "Reason Code is not one of an UNSUBACK"
    InvalidDisconnectReasonCode PROTOCOL_ERROR "MQTT-3.14.2-1" The "Reason Code is not one of a DISCONNECT"
    InvalidAuthReasonCode PROTOCOL_ERROR "MQTT-3.15.2-1" The "Reason Code is not one of an AUTH"
    // PUBLISH, SUBSCRIBE, UNSUBSCRIBE, their acknowledgements, DISCONNECT and AUTH.
    TopicMissing PROTOCOL_ERROR "MQTT-3.3.2-1" A "PUBLISH has neither a Topic Name nor a Topic Alias"
    SubscriptionIdentifierFromClient PROTOCOL_ERROR "MQTT-3.3.4-6" A "Client sent a PUBLISH with a Subscription Identifier"
    NoTopicFilter PROTOCOL_ERROR "MQTT-3.8.3-2" A "SUBSCRIBE has no Topic Filter"
    NoTopicFilterToUnsubscribe PROTOCOL_ERROR "MQTT-3.10.3-2" An "UNSUBSCRIBE has no Topic Filter"
    ReservedSubscriptionOptions MALFORMED_PACKET "MQTT-3.8.3-5" A "reserved bit of the Subscription Options is set"
    InvalidRequestedQoS PROTOCOL_ERROR "MQTT-3.8.3-4" The "Maximum QoS of a subscription is 3"
    InvalidRetainHandling PROTOCOL_ERROR "MQTT-4.13.1-1" The "Retain Handling of a subscription is 3"
    NoLocalOnSharedSubscription PROTOCOL_ERROR "MQTT-3.8.3-4" No "Local is set on a Shared Subscription"
    NoSubackReasonCode PROTOCOL_ERROR "MQTT-3.8.4-6" A "SUBACK has no Reason Code"
    NoUnsubackReasonCode PROTOCOL_ERROR "MQTT-3.11.3-1" An "UNSUBACK has no Reason Code"
    SessionExpiryFromServer PROTOCOL_ERROR "MQTT-3.14.2-2" A "Server sent a DISCONNECT with a Session Expiry Interval"
    AuthenticationMethodMissing PROTOCOL_ERROR "MQTT-4.13.1-1" An "AUTH has no Authentication Method"
    // Properties.
    UnknownProperty MALFORMED_PACKET "MQTT-4.13.1-1" A "property has an unknown identifier"
    PropertyNotAllowed MALFORMED_PACKET "MQTT-4.13.1-1" A "property is not allowed in a packet of this type"
    DuplicateProperty PROTOCOL_ERROR "MQTT-4.13.1-1" A "property that may appear once appears twice"
    InvalidPayloadFormatIndicator PROTOCOL_ERROR "MQTT-4.13.1-1" The "Payload Format Indicator is neither 0 nor 1"
    InvalidRequestProblemInformation PROTOCOL_ERROR "MQTT-4.13.1-1" Request "Problem Information is neither 0 nor 1"
    InvalidRequestResponseInformation PROTOCOL_ERROR "MQTT-4.13.1-1" Request "Response Information is neither 0 nor 1"
    InvalidMaximumQoS PROTOCOL_ERROR "MQTT-4.13.1-1" Maximum "QoS is neither 0 nor 1"
    InvalidRetainAvailable PROTOCOL_ERROR "MQTT-4.13.1-1" Retain "Available is neither 0 nor 1"
    InvalidWildcardSubscriptionAvailable PROTOCOL_ERROR "MQTT-4.13.1-1" Wildcard "Subscription Available is neither 0 nor 1"
    InvalidSubscriptionIdentifierAvailable PROTOCOL_ERROR "MQTT-4.13.1-1" Subscription "Identifiers Available is neither 0 nor 1"
    InvalidSharedSubscriptionAvailable PROTOCOL_ERROR "MQTT-4.13.1-1" Shared "Subscription Available is neither 0 nor 1"
    ReceiveMaximumZero PROTOCOL_ERROR "MQTT-4.13.1-1" Receive "Maximum is zero"
    MaximumPacketSizeZero PROTOCOL_ERROR "MQTT-4.13.1-1" Maximum "Packet Size is zero"
    TopicAliasZero TOPIC_ALIAS_INVALID "MQTT-3.3.2-8" Topic "Alias is zero"
    SubscriptionIdentifierZero PROTOCOL_ERROR "MQTT-4.13.1-1" Subscription "Identifier is zero"
}

impl core::error::Error for DecodeError {}

/// Why a packet cannot be encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[non_exhaustive]
pub enum EncodeError {
    /// The buffer is shorter than the packet.
    BufferTooSmall {
        /// The length of the packet in bytes.
        needed: usize,
    },
    /// The Remaining Length would be above 268,435,455.
    PacketTooLarge,
    /// Binary Data is longer than 65,535 bytes.
    FieldTooLong,
    /// The packet has no form in this version: an AUTH in 3.x, a CONNACK of 3.x with a Reason Code
    /// that has no return code, a PUBLISH of 3.x without a Topic Name.
    NotInThisVersion,
    /// The packet breaks a rule: what decoding it would answer.
    Refused(DecodeError),
}

impl fmt::Display for EncodeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BufferTooSmall { needed } => {
                write!(f, "the buffer is too small: {needed} bytes are needed")
            }
            Self::PacketTooLarge => f.write_str("the packet is larger than MQTT allows"),
            Self::FieldTooLong => f.write_str("a field is longer than 65,535 bytes"),
            Self::NotInThisVersion => f.write_str("this version of MQTT has no such packet"),
            Self::Refused(error) => error.fmt(f),
        }
    }
}

impl core::error::Error for EncodeError {}

impl From<DecodeError> for EncodeError {
    fn from(error: DecodeError) -> Self {
        Self::Refused(error)
    }
}

#[cfg(test)]
mod tests;
