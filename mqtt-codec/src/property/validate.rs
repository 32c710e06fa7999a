//! One pass over the properties of a packet that checks everything, so that reading them later
//! cannot fail.

use super::allowed::{SUBSCRIPTION_IDENTIFIER_REPEATED, bit};
use super::id;
use crate::reader::Reader;
use crate::{DecodeError, TopicName, text};

/// The set of properties that `bytes` holds, all of them in `allowed`, or what is wrong with them.
///
/// The two come as a pair since that is returned in registers, which a `Result` of the two is not.
pub(super) fn validate(bytes: &[u8], allowed: u64) -> (u64, Option<DecodeError>) {
    let mut seen = 0;
    match validate_all(bytes, allowed, &mut seen) {
        Ok(()) => (seen, None),
        Err(error) => (0, Some(error)),
    }
}

#[inline(always)]
fn validate_all(bytes: &[u8], allowed: u64, seen: &mut u64) -> Result<(), DecodeError> {
    let mut reader = Reader::new(bytes);
    while !reader.is_empty() {
        let identifier = reader.u8()?;
        let bit = bit(identifier);
        if allowed & bit == 0 || identifier > id::SHARED_SUBSCRIPTION_AVAILABLE {
            return Err(refuse(identifier));
        }
        if *seen & bit != 0 {
            *seen |= check_repeated(identifier, allowed)?;
        }
        *seen |= bit;
        validate_value(identifier, &mut reader)?;
    }
    Ok(())
}

#[inline(always)]
fn validate_value(identifier: u8, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
    match identifier {
        id::USER_PROPERTY => {
            //= [MQTT-1.5.7-1]
            text::check_string(reader.binary()?)?;
            text::check_string(reader.binary()?)
        }
        //= [MQTT-3.3.2-19]
        id::CONTENT_TYPE
        | id::ASSIGNED_CLIENT_IDENTIFIER
        | id::AUTHENTICATION_METHOD
        | id::RESPONSE_INFORMATION
        | id::SERVER_REFERENCE
        | id::REASON_STRING => text::check_string(reader.binary()?),
        //= [MQTT-3.3.2-13]
        //= [MQTT-3.3.2-14]
        id::RESPONSE_TOPIC => {
            TopicName::check(reader.binary()?, DecodeError::WildcardInResponseTopic).map(|_| ())
        }
        id::CORRELATION_DATA | id::AUTHENTICATION_DATA => reader.binary().map(|_| ()),
        id::MESSAGE_EXPIRY_INTERVAL | id::SESSION_EXPIRY_INTERVAL | id::WILL_DELAY_INTERVAL => {
            reader.u32().map(|_| ())
        }
        id::MAXIMUM_PACKET_SIZE => {
            if reader.u32()? == 0 {
                Err(DecodeError::MaximumPacketSizeZero)
            } else {
                Ok(())
            }
        }
        id::SERVER_KEEP_ALIVE | id::TOPIC_ALIAS_MAXIMUM => reader.u16().map(|_| ()),
        id::RECEIVE_MAXIMUM => reader.non_zero_u16(DecodeError::ReceiveMaximumZero).map(|_| ()),
        //= [MQTT-3.3.2-8]
        id::TOPIC_ALIAS => reader.non_zero_u16(DecodeError::TopicAliasZero).map(|_| ()),
        id::SUBSCRIPTION_IDENTIFIER => match reader.variable_byte_integer()? {
            0 => Err(DecodeError::SubscriptionIdentifierZero),
            _ => Ok(()),
        },
        // All others are a byte of 0 or 1.
        _ => {
            if reader.u8()? > 1 {
                Err(above_one(identifier))
            } else {
                Ok(())
            }
        }
    }
}

/// The error of a byte that is neither 0 nor 1.
#[cold]
const fn above_one(identifier: u8) -> DecodeError {
    match identifier {
        id::PAYLOAD_FORMAT_INDICATOR => DecodeError::InvalidPayloadFormatIndicator,
        id::REQUEST_PROBLEM_INFORMATION => DecodeError::InvalidRequestProblemInformation,
        id::REQUEST_RESPONSE_INFORMATION => DecodeError::InvalidRequestResponseInformation,
        id::MAXIMUM_QOS => DecodeError::InvalidMaximumQoS,
        id::RETAIN_AVAILABLE => DecodeError::InvalidRetainAvailable,
        id::WILDCARD_SUBSCRIPTION_AVAILABLE => DecodeError::InvalidWildcardSubscriptionAvailable,
        id::SUBSCRIPTION_IDENTIFIER_AVAILABLE => {
            DecodeError::InvalidSubscriptionIdentifierAvailable
        }
        id::SHARED_SUBSCRIPTION_AVAILABLE => DecodeError::InvalidSharedSubscriptionAvailable,
        _ => DecodeError::UnknownProperty,
    }
}

/// Whether a property may appear again, and the bit that says so.
#[inline]
const fn check_repeated(identifier: u8, allowed: u64) -> Result<u64, DecodeError> {
    match identifier {
        id::USER_PROPERTY => Ok(0),
        id::SUBSCRIPTION_IDENTIFIER if allowed & SUBSCRIPTION_IDENTIFIER_REPEATED != 0 => {
            Ok(SUBSCRIPTION_IDENTIFIER_REPEATED)
        }
        _ => Err(DecodeError::DuplicateProperty),
    }
}

/// The error of a property that is not allowed here.
#[cold]
const fn refuse(identifier: u8) -> DecodeError {
    match identifier {
        0x01..=0x03
        | 0x08
        | 0x09
        | 0x0B
        | 0x11..=0x13
        | 0x15..=0x1A
        | 0x1C
        | 0x1F
        | 0x21..=0x2A => DecodeError::PropertyNotAllowed,
        _ => DecodeError::UnknownProperty,
    }
}
