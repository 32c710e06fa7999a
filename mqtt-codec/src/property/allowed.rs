//! Which properties may appear in which packet, as sets of bits: the bit's number is the identifier.

use super::id;

/// A set of properties that may appear together in one place.
pub(crate) struct Allowed;

/// Beside the properties: one that may appear once appears twice.
pub(super) const DUPLICATE: u64 = 1 << 63;
/// Beside the properties: Subscription Identifier appears more than once, as a PUBLISH may have it.
pub(super) const SUBSCRIPTION_IDENTIFIER_REPEATED: u64 = 1 << 62;
/// Beside the properties: a list has a value longer than its length field can say.
pub(super) const TOO_LONG: u64 = 1 << 61;
/// Beside the properties: a list has a Maximum QoS of 2.
pub(super) const INVALID_MAXIMUM_QOS: u64 = 1 << 60;

/// The bit of one property.
#[inline(always)]
pub(super) const fn bit(identifier: u8) -> u64 {
    1 << (identifier & 0x3F)
}

const fn bits(identifiers: &[u8]) -> u64 {
    let (mut set, mut rest) = (0, identifiers);
    while let [identifier, tail @ ..] = rest {
        set |= bit(*identifier);
        rest = tail;
    }
    set
}

/// What a Server forwards unaltered with an Application Message.
//= [MQTT-3.3.2-4]
//= [MQTT-3.3.2-15]
//= [MQTT-3.3.2-16]
//= [MQTT-3.3.2-17]
//= [MQTT-3.3.2-20]
pub(super) const PASS_THROUGH: u64 = bits(&[
    id::PAYLOAD_FORMAT_INDICATOR,
    id::CONTENT_TYPE,
    id::RESPONSE_TOPIC,
    id::CORRELATION_DATA,
    id::USER_PROPERTY,
]);

const REASON: u64 = bits(&[id::REASON_STRING, id::USER_PROPERTY]);
const AUTHENTICATION: u64 = bits(&[id::AUTHENTICATION_METHOD, id::AUTHENTICATION_DATA]);
const LIMITS: u64 = bits(&[
    id::SESSION_EXPIRY_INTERVAL,
    id::RECEIVE_MAXIMUM,
    id::TOPIC_ALIAS_MAXIMUM,
    id::MAXIMUM_PACKET_SIZE,
]);

impl Allowed {
    pub(crate) const CONNECT: u64 = LIMITS
        | AUTHENTICATION
        | bits(&[
            id::REQUEST_PROBLEM_INFORMATION,
            id::REQUEST_RESPONSE_INFORMATION,
            id::USER_PROPERTY,
        ]);
    pub(crate) const WILL: u64 =
        PASS_THROUGH | bits(&[id::MESSAGE_EXPIRY_INTERVAL, id::WILL_DELAY_INTERVAL]);
    pub(crate) const CONNACK: u64 = LIMITS
        | AUTHENTICATION
        | REASON
        | bits(&[
            id::ASSIGNED_CLIENT_IDENTIFIER,
            id::SERVER_KEEP_ALIVE,
            id::RESPONSE_INFORMATION,
            id::SERVER_REFERENCE,
            id::MAXIMUM_QOS,
            id::RETAIN_AVAILABLE,
            id::WILDCARD_SUBSCRIPTION_AVAILABLE,
            id::SUBSCRIPTION_IDENTIFIER_AVAILABLE,
            id::SHARED_SUBSCRIPTION_AVAILABLE,
        ]);
    pub(crate) const PUBLISH: u64 = PASS_THROUGH
        | SUBSCRIPTION_IDENTIFIER_REPEATED
        | bits(&[id::MESSAGE_EXPIRY_INTERVAL, id::TOPIC_ALIAS, id::SUBSCRIPTION_IDENTIFIER]);
    /// PUBACK, PUBREC, PUBREL, PUBCOMP, SUBACK and UNSUBACK.
    pub(crate) const ACKNOWLEDGEMENT: u64 = REASON;
    pub(crate) const SUBSCRIBE: u64 = bits(&[id::SUBSCRIPTION_IDENTIFIER, id::USER_PROPERTY]);
    pub(crate) const UNSUBSCRIBE: u64 = bits(&[id::USER_PROPERTY]);
    pub(crate) const DISCONNECT: u64 =
        REASON | bits(&[id::SESSION_EXPIRY_INTERVAL, id::SERVER_REFERENCE]);
    pub(crate) const AUTH: u64 = AUTHENTICATION | REASON;
}
