//! The properties of one packet: validated bytes, or a list to encode.

use core::fmt;
use core::num::{NonZeroU16, NonZeroU32};

use super::allowed::{
    DUPLICATE, INVALID_MAXIMUM_QOS, PASS_THROUGH, SUBSCRIPTION_IDENTIFIER_REPEATED, TOO_LONG, bit,
};
use super::pass_through::PassThroughRuns;
use super::{Allowed, Property, SubscriptionIdentifier, Unencodable, id, validate};
use crate::reader::Reader;
use crate::variable_byte_integer;
use crate::writer::Writer;
use crate::{DecodeError, EncodeError, QoS, TopicName, Utf8String, WIDE};

/// The properties of one packet, in order.
///
/// After decoding these are the bytes of the packet, validated once; before encoding they may be a
/// slice of [`Property`]. Both read the same, and two are equal when they hold equal properties in
/// the same order. A set of what is present makes a getter of an absent property cheap.
///
/// 3.x has no properties: there, they are empty after decoding and ignored by encoding.
#[derive(Clone, Copy, Default)]
pub struct Properties<'a> {
    /// A bit for each identifier that is present, and the bits of `allowed` beside them.
    set: u64,
    source: Source<'a>,
}

/// A length of properties with which no packet can be encoded.
const LONGER_THAN_ANY: u32 = variable_byte_integer::MAX + 1;

#[derive(Clone, Copy)]
enum Source<'a> {
    Bytes(&'a [u8]),
    List {
        /// The length of the properties in bytes, at most [`LONGER_THAN_ANY`].
        encoded_len: u32,
        list: &'a [Property<'a>],
    },
}

impl Default for Source<'_> {
    fn default() -> Self {
        Self::Bytes(&[])
    }
}

impl<'a> Properties<'a> {
    /// No properties.
    pub const EMPTY: Self = Self { set: 0, source: Source::Bytes(&[]) };

    /// [`EMPTY`](Self::EMPTY) made of its fields: the constant would be copied from memory, and twice.
    #[inline(always)]
    pub(crate) const fn none() -> Self {
        Self { set: 0, source: Source::Bytes(&[]) }
    }

    /// Properties to encode. What may not be together, or not in that packet, encoding refuses.
    #[must_use]
    pub const fn new(list: &'a [Property<'a>]) -> Self {
        let (mut set, mut rest, mut encoded_len) = (0, list, 0_usize);
        while let [property, tail @ ..] = rest {
            let identifier = property.identifier();
            if set & bit(identifier) != 0 {
                set |= match identifier {
                    id::USER_PROPERTY => 0,
                    id::SUBSCRIPTION_IDENTIFIER => SUBSCRIPTION_IDENTIFIER_REPEATED,
                    _ => DUPLICATE,
                };
            }
            set |= bit(identifier);
            encoded_len = encoded_len.saturating_add(property.encoded_len());
            set |= match property.is_encodable() {
                Ok(()) => 0,
                Err(Unencodable::TooLong) => TOO_LONG,
                Err(Unencodable::MaximumQoS) => INVALID_MAXIMUM_QOS,
            };
            rest = tail;
        }
        Self { set, source: Source::List { encoded_len: capped(encoded_len), list } }
    }

    /// Reads property length and properties, and validates them.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn decode(reader: &mut Reader<'a>, allowed: u64) -> Result<Self, DecodeError> {
        let len = reader.variable_byte_integer()?;
        if len == 0 {
            return Ok(Self::EMPTY);
        }
        let bytes = reader.take(len as usize)?;
        // All that most SUBSCRIBE have, if they have any.
        let identifier = matches!(bytes, [id::SUBSCRIPTION_IDENTIFIER, 1..0x80]);
        if WIDE && allowed == Allowed::SUBSCRIBE && identifier {
            let set = bit(id::SUBSCRIPTION_IDENTIFIER);
            return Ok(Self { set, source: Source::Bytes(bytes) });
        }
        match validate::validate(bytes, allowed) {
            (set, None) => Ok(Self { set, source: Source::Bytes(bytes) }),
            (_, Some(error)) => Err(error),
        }
    }

    /// The properties in order.
    #[must_use]
    #[inline]
    pub fn iter(&self) -> PropertyIter<'a> {
        PropertyIter(self.source)
    }

    /// Whether there is no property.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.set == 0
    }

    /// The length of the properties in bytes, without the property length before them.
    #[must_use]
    #[inline]
    pub fn encoded_len(&self) -> usize {
        match self.source {
            Source::Bytes(bytes) => bytes.len(),
            Source::List { encoded_len, .. } => encoded_len as usize,
        }
    }

    /// The length of the property length and the properties in bytes.
    #[inline]
    pub(crate) fn framed_len(&self) -> usize {
        framed_len(self.encoded_len())
    }

    /// Whether a packet that allows these properties may have them.
    #[inline(always)]
    pub(crate) const fn check(&self, allowed: u64) -> Result<(), EncodeError> {
        let wrong = self.set & !allowed;
        if wrong == 0 { Ok(()) } else { Err(refuse(wrong)) }
    }

    /// Writes property length and properties.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn write<'w>(&self, mut writer: Writer<'w>) -> Writer<'w> {
        match self.source {
            Source::Bytes(bytes) => {
                write_len(&mut writer, bytes.len());
                writer.bytes(bytes);
                writer
            }
            Source::List { encoded_len, list } => {
                write_len(&mut writer, encoded_len as usize);
                write_list(list, writer)
            }
        }
    }

    #[inline(always)]
    pub(crate) const fn contains(&self, identifier: u8) -> bool {
        self.set & bit(identifier) != 0
    }

    fn find(&self, identifier: u8) -> Option<Property<'a>> {
        self.iter().find(|property| property.identifier() == identifier)
    }

    /// The Subscription Identifiers, in order.
    #[must_use]
    pub fn subscription_identifiers(&self) -> SubscriptionIdentifiers<'a> {
        let present = self.contains(id::SUBSCRIPTION_IDENTIFIER);
        SubscriptionIdentifiers(if present { self.iter() } else { Self::EMPTY.iter() })
    }

    /// The User Properties as pairs of name and value, in order.
    #[must_use]
    pub fn user_properties(&self) -> UserProperties<'a> {
        let present = self.contains(id::USER_PROPERTY);
        UserProperties(if present { self.iter() } else { Self::EMPTY.iter() })
    }

    /// Maximal runs of the bytes of the properties that a Server forwards unaltered with an
    /// Application Message: Payload Format Indicator, Content Type, Response Topic, Correlation Data
    /// and User Property.
    ///
    /// For properties that were decoded; a list has no bytes and gives no run. See
    /// [`encode_pass_through`](Self::encode_pass_through), which takes both.
    #[must_use]
    #[inline]
    pub fn pass_through(&self) -> PassThroughRuns<'a> {
        PassThroughRuns::new(match self.source {
            Source::Bytes(bytes) if self.set & PASS_THROUGH != 0 => bytes,
            _ => &[],
        })
    }

    /// The length of the pass-through properties in bytes. See [`pass_through`](Self::pass_through).
    #[must_use]
    pub fn pass_through_len(&self) -> usize {
        match self.source {
            _ if self.set & PASS_THROUGH == 0 => 0,
            Source::Bytes(bytes) if self.set & !PASS_THROUGH == 0 => bytes.len(),
            Source::Bytes(_) => self.pass_through().map(<[u8]>::len).sum(),
            Source::List { list, .. } => {
                list.iter().filter(|p| is_pass_through(p)).map(Property::encoded_len).sum()
            }
        }
    }

    /// Writes the pass-through properties, without a length before them, and gives their length.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], and what encoding a PUBLISH with them would answer.
    pub fn encode_pass_through(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        self.check(Allowed::PUBLISH | Allowed::WILL)?;
        let len = self.pass_through_len();
        let out = out.get_mut(..len).ok_or(EncodeError::BufferTooSmall { needed: len })?;
        let mut writer = Writer::new(out);
        match self.source {
            Source::Bytes(_) => self.pass_through().for_each(|run| writer.bytes(run)),
            Source::List { list, .. } => {
                list.iter().filter(|p| is_pass_through(p)).for_each(|p| p.write(&mut writer));
            }
        }
        Ok(len)
    }
}

/// Declares a getter for each property that appears once.
macro_rules! getters {
    ($($(#[doc = $doc:literal])* $name:ident $identifier:ident $variant:ident $value:ty;)*) => {
        impl<'a> Properties<'a> {
            $(
                $(#[doc = $doc])*
                #[must_use]
                #[inline]
                pub fn $name(&self) -> Option<$value> {
                    if !self.contains(id::$identifier) {
                        return None;
                    }
                    match self.find(id::$identifier) {
                        Some(Property::$variant(value)) => Some(value),
                        _ => None,
                    }
                }
            )*
        }
    };
}

getters! {
    /// Payload Format Indicator: whether the payload is UTF-8 text.
    payload_format_indicator PAYLOAD_FORMAT_INDICATOR PayloadFormatIndicator bool;
    /// Message Expiry Interval, in seconds.
    message_expiry_interval MESSAGE_EXPIRY_INTERVAL MessageExpiryInterval u32;
    /// Content Type.
    content_type CONTENT_TYPE ContentType Utf8String<'a>;
    /// Response Topic.
    response_topic RESPONSE_TOPIC ResponseTopic TopicName<'a>;
    /// Correlation Data.
    correlation_data CORRELATION_DATA CorrelationData &'a [u8];
    /// Session Expiry Interval, in seconds; `u32::MAX` is for ever.
    session_expiry_interval SESSION_EXPIRY_INTERVAL SessionExpiryInterval u32;
    /// Assigned Client Identifier.
    assigned_client_identifier ASSIGNED_CLIENT_IDENTIFIER AssignedClientIdentifier Utf8String<'a>;
    /// Server Keep Alive, in seconds.
    server_keep_alive SERVER_KEEP_ALIVE ServerKeepAlive u16;
    /// Authentication Method.
    authentication_method AUTHENTICATION_METHOD AuthenticationMethod Utf8String<'a>;
    /// Authentication Data.
    authentication_data AUTHENTICATION_DATA AuthenticationData &'a [u8];
    /// Request Problem Information.
    request_problem_information REQUEST_PROBLEM_INFORMATION RequestProblemInformation bool;
    /// Will Delay Interval, in seconds.
    will_delay_interval WILL_DELAY_INTERVAL WillDelayInterval u32;
    /// Request Response Information.
    request_response_information REQUEST_RESPONSE_INFORMATION RequestResponseInformation bool;
    /// Response Information.
    response_information RESPONSE_INFORMATION ResponseInformation Utf8String<'a>;
    /// Server Reference.
    server_reference SERVER_REFERENCE ServerReference Utf8String<'a>;
    /// Reason String.
    reason_string REASON_STRING ReasonString Utf8String<'a>;
    /// Receive Maximum.
    receive_maximum RECEIVE_MAXIMUM ReceiveMaximum NonZeroU16;
    /// Topic Alias Maximum.
    topic_alias_maximum TOPIC_ALIAS_MAXIMUM TopicAliasMaximum u16;
    /// Topic Alias.
    topic_alias TOPIC_ALIAS TopicAlias NonZeroU16;
    /// Maximum QoS: 0 or 1.
    maximum_qos MAXIMUM_QOS MaximumQoS QoS;
    /// Retain Available.
    retain_available RETAIN_AVAILABLE RetainAvailable bool;
    /// Maximum Packet Size, in bytes.
    maximum_packet_size MAXIMUM_PACKET_SIZE MaximumPacketSize NonZeroU32;
    /// Wildcard Subscription Available.
    wildcard_subscription_available
        WILDCARD_SUBSCRIPTION_AVAILABLE WildcardSubscriptionAvailable bool;
    /// Subscription Identifiers Available.
    subscription_identifier_available
        SUBSCRIPTION_IDENTIFIER_AVAILABLE SubscriptionIdentifierAvailable bool;
    /// Shared Subscription Available.
    shared_subscription_available SHARED_SUBSCRIPTION_AVAILABLE SharedSubscriptionAvailable bool;
}

impl PartialEq for Properties<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.set == other.set && self.iter().eq(other.iter())
    }
}

impl Eq for Properties<'_> {}

impl fmt::Debug for Properties<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &Properties<'a> {
    type Item = Property<'a>;
    type IntoIter = PropertyIter<'a>;

    fn into_iter(self) -> PropertyIter<'a> {
        self.iter()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Properties<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        for property in self.iter() {
            defmt::write!(f, "{} ", property);
        }
    }
}

/// The properties of a packet, in order. See [`Properties::iter`].
#[derive(Clone)]
pub struct PropertyIter<'a>(Source<'a>);

impl<'a> PropertyIter<'a> {
    pub(super) const fn of_bytes(bytes: &'a [u8]) -> Self {
        Self(Source::Bytes(bytes))
    }
}

impl<'a> Iterator for PropertyIter<'a> {
    type Item = Property<'a>;

    #[inline]
    fn next(&mut self) -> Option<Property<'a>> {
        match self.0 {
            Source::Bytes(bytes) => {
                let mut reader = Reader::new(bytes);
                // The bytes were validated: the only error is that none is left.
                let property = Property::read(&mut reader).ok()?;
                self.0 = Source::Bytes(reader.rest());
                Some(property)
            }
            Source::List { list, .. } => {
                let (property, rest) = list.split_first()?;
                // An iterator has no use for the length.
                self.0 = Source::List { encoded_len: 0, list: rest };
                Some(*property)
            }
        }
    }
}

impl core::iter::FusedIterator for PropertyIter<'_> {}

impl fmt::Debug for PropertyIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

/// The Subscription Identifiers of a packet. See [`Properties::subscription_identifiers`].
#[derive(Debug, Clone)]
pub struct SubscriptionIdentifiers<'a>(PropertyIter<'a>);

impl Iterator for SubscriptionIdentifiers<'_> {
    type Item = SubscriptionIdentifier;

    fn next(&mut self) -> Option<SubscriptionIdentifier> {
        self.0.find_map(|property| match property {
            Property::SubscriptionIdentifier(identifier) => Some(identifier),
            _ => None,
        })
    }
}

/// The User Properties of a packet. See [`Properties::user_properties`].
#[derive(Debug, Clone)]
pub struct UserProperties<'a>(PropertyIter<'a>);

impl<'a> Iterator for UserProperties<'a> {
    type Item = (Utf8String<'a>, Utf8String<'a>);

    fn next(&mut self) -> Option<Self::Item> {
        self.0.find_map(|property| match property {
            Property::UserProperty(name, value) => Some((name, value)),
            _ => None,
        })
    }
}

/// The writer is given and taken back, so that it stays in registers.
fn write_list<'w>(list: &[Property<'_>], mut writer: Writer<'w>) -> Writer<'w> {
    for property in list {
        property.write(&mut writer);
    }
    writer
}

#[allow(clippy::cast_possible_truncation, reason = "it is small then")]
const fn capped(len: usize) -> u32 {
    if len < LONGER_THAN_ANY as usize { len as u32 } else { LONGER_THAN_ANY }
}

/// The length of `len` bytes of properties with the property length before them.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(crate) fn framed_len(len: usize) -> usize {
    len + variable_byte_integer::encoded_len(len)
}

/// Writes a property length. The packet was measured, so it fits.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(crate) fn write_len(writer: &mut Writer<'_>, len: usize) {
    //= [MQTT-2.2.2-1]
    match u8::try_from(len) {
        Ok(len @ 0..0x80) => writer.u8(len),
        _ => writer.variable_byte_integer(u32::try_from(len).unwrap_or(variable_byte_integer::MAX)),
    }
}

fn is_pass_through(property: &Property<'_>) -> bool {
    bit(property.identifier()) & PASS_THROUGH != 0
}

#[cold]
const fn refuse(wrong: u64) -> EncodeError {
    if wrong & TOO_LONG != 0 {
        EncodeError::FieldTooLong
    } else if wrong & INVALID_MAXIMUM_QOS != 0 {
        EncodeError::Refused(DecodeError::InvalidMaximumQoS)
    } else if wrong & (DUPLICATE | SUBSCRIPTION_IDENTIFIER_REPEATED) != 0 {
        EncodeError::Refused(DecodeError::DuplicateProperty)
    } else {
        EncodeError::Refused(DecodeError::PropertyNotAllowed)
    }
}
