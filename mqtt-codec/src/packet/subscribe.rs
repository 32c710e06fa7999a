//! SUBSCRIBE.

use core::fmt;

use super::{packet_len, start_with_u16};
use crate::property::Allowed;
use crate::reader::Reader;
use crate::writer::Writer;
use crate::{
    DecodeError, EncodeError, Frame, Packet, PacketIdentifier, PacketType, Properties, QoS,
    TopicFilter, Version, WIDE,
};

const QOS: u8 = 0b0000_0011;
const NO_LOCAL: u8 = 0b0000_0100;
const RETAIN_AS_PUBLISHED: u8 = 0b0000_1000;

/// The request of a Client for Subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Subscribe<'a> {
    /// The Packet Identifier that the SUBACK will repeat.
    pub packet_identifier: PacketIdentifier,
    /// Properties; 5.0 only.
    pub properties: Properties<'a>,
    /// What is subscribed to; at least one.
    pub subscriptions: Subscriptions<'a>,
}

/// What happens with retained messages when a Subscription is made.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[repr(u8)]
pub enum RetainHandling {
    /// They are sent.
    #[default]
    SendAtSubscribe = 0,
    /// They are sent if the Subscription is new.
    SendIfNew = 1,
    /// They are not sent.
    DoNotSend = 2,
}

/// The options of one Subscription; in 3.x only the QoS.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "arbitrary", derive(arbitrary::Arbitrary))]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct SubscriptionOptions {
    /// The highest QoS that the Server sends Application Messages with.
    pub maximum_qos: QoS,
    /// Whether what the Client itself publishes is left out; not on a Shared Subscription.
    pub no_local: bool,
    /// Whether the RETAIN flag is kept as it was published.
    pub retain_as_published: bool,
    /// What happens with retained messages when the Subscription is made.
    pub retain_handling: RetainHandling,
}

impl SubscriptionOptions {
    /// The options with this maximum QoS, and the rest as in 3.x.
    #[must_use]
    pub const fn new(maximum_qos: QoS) -> Self {
        Self {
            maximum_qos,
            no_local: false,
            retain_as_published: false,
            retain_handling: RetainHandling::SendAtSubscribe,
        }
    }

    /// The options as one byte of 5.0.
    #[must_use]
    #[inline]
    pub const fn as_u8(self) -> u8 {
        self.maximum_qos as u8
            | (self.no_local as u8) << 2
            | (self.retain_as_published as u8) << 3
            | (self.retain_handling as u8) << 4
    }

    /// The byte after the Topic Filter: 3.x has the QoS alone.
    #[inline(always)]
    const fn in_version(self, version: Version) -> u8 {
        match version {
            Version::V5 => self.as_u8(),
            _ => self.maximum_qos as u8,
        }
    }

    /// The options in one byte of 5.0.
    ///
    /// # Errors
    /// [`DecodeError::ReservedSubscriptionOptions`], [`DecodeError::InvalidRequestedQoS`],
    /// [`DecodeError::InvalidRetainHandling`].
    #[inline]
    pub const fn from_u8(byte: u8) -> Result<Self, DecodeError> {
        if !is_valid(byte) {
            return Err(refuse(byte));
        }
        let maximum_qos = match byte & QOS {
            0 => QoS::AtMostOnce,
            1 => QoS::AtLeastOnce,
            _ => QoS::ExactlyOnce,
        };
        let retain_handling = match byte >> 4 {
            0 => RetainHandling::SendAtSubscribe,
            1 => RetainHandling::SendIfNew,
            _ => RetainHandling::DoNotSend,
        };
        Ok(Self {
            maximum_qos,
            no_local: byte & NO_LOCAL != 0,
            retain_as_published: byte & RETAIN_AS_PUBLISHED != 0,
            retain_handling,
        })
    }
}

/// The Topic Filters of a SUBSCRIBE with their options, in order: validated bytes, or a list to
/// encode. Two are equal when they hold the same.
#[derive(Clone, Copy)]
pub struct Subscriptions<'a> {
    len: usize,
    encoded_len: usize,
    /// What 5.0 refuses of them, looked for when they are made: encoding happens more than once.
    refused: Option<DecodeError>,
    /// Whether more than the QoS is set in the options of a list.
    has_options: bool,
    source: Source<'a>,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Bytes {
        /// The bits of the options that count.
        mask: u8,
        bytes: &'a [u8],
    },
    List(&'a [(TopicFilter<'a>, SubscriptionOptions)]),
}

impl<'a> Subscriptions<'a> {
    /// Subscriptions to encode; at least one.
    #[must_use]
    pub const fn new(list: &'a [(TopicFilter<'a>, SubscriptionOptions)]) -> Self {
        let (mut encoded_len, mut refused, mut rest) = (0_usize, None, list);
        let mut has_options = false;
        while let [(filter, options), tail @ ..] = rest {
            encoded_len = encoded_len.saturating_add(3 + filter.as_bytes().len());
            if let Err(error) = filter.check_share() {
                refused = Some(error);
            } else if let Err(error) = check_no_local(options.no_local, *filter) {
                refused = Some(error);
            }
            has_options |= options.as_u8() & !QOS != 0;
            rest = tail;
        }
        Self { len: list.len(), encoded_len, refused, has_options, source: Source::List(list) }
    }

    fn decode(bytes: &'a [u8], version: Version) -> Result<Self, DecodeError> {
        let (len, refused) = check_all(bytes, version)?;
        //= [MQTT-3.8.3-2]
        if len == 0 {
            return Err(DecodeError::NoTopicFilter);
        }
        let source = Source::Bytes { mask: options_mask(version), bytes };
        Ok(Self { len, encoded_len: bytes.len(), refused, has_options: false, source })
    }

    /// The Subscriptions in order.
    #[must_use]
    #[inline]
    pub fn iter(&self) -> SubscriptionIter<'a> {
        SubscriptionIter(self.source)
    }

    /// How many there are.
    #[must_use]
    #[inline]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none, as no packet may have it.
    #[must_use]
    #[inline]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Writes them with their options, or with the QoS alone as 3.x has it. A loop for each source, where
    /// the iterator would ask for it at every step, and one for a list of nothing but QoS.
    #[inline(always)]
    fn write<'w>(&self, mut writer: Writer<'w>, version: Version) -> Writer<'w> {
        let whole = version == Version::V5;
        match self.source {
            Source::List(list) if WIDE && !(whole && self.has_options) => {
                for (filter, options) in list {
                    writer.binary_and(filter.as_bytes(), options.maximum_qos as u8);
                }
            }
            Source::List(list) => {
                for (filter, options) in list {
                    writer.binary_and(filter.as_bytes(), options.in_version(version));
                }
            }
            Source::Bytes { .. } => {
                for (filter, options) in self {
                    writer.binary_and(filter.as_bytes(), options.in_version(version));
                }
            }
        }
        writer
    }

    fn check(&self, version: Version) -> Result<(), EncodeError> {
        if self.is_empty() {
            return Err(DecodeError::NoTopicFilter.into());
        }
        if let (Version::V5, Some(error)) = (version, self.refused) {
            return Err(error.into());
        }
        Ok(())
    }
}

/// Checks all Subscriptions, and gives how many there are and what 5.0 would refuse of those of 3.x. Out
/// of line, so that the loop has all registers.
#[inline(never)]
fn check_all(bytes: &[u8], version: Version) -> Result<(usize, Option<DecodeError>), DecodeError> {
    let mut reader = Reader::new(bytes);
    let (mut len, mut refused) = (0, None);
    while !reader.is_empty() {
        let (filter, options) = reader.binary_and_u8()?;
        // A QoS alone is right in every version.
        if !(WIDE && options <= QoS::ExactlyOnce as u8 && TopicFilter::is_plain(filter)) {
            refused = refused.or(check_closely(filter, options, version)?);
        }
        len += 1;
    }
    Ok((len, refused))
}

/// Checks a Subscription of any kind, and gives what 5.0 would refuse of one of 3.x.
#[inline(never)]
fn check_closely(
    filter: &[u8],
    options: u8,
    version: Version,
) -> Result<Option<DecodeError>, DecodeError> {
    //= [MQTT-3.8.3-1]
    let filter = TopicFilter::check(filter, version)?;
    check_options(options, filter, version)?;
    Ok(if version < Version::V5 { filter.check_share().err() } else { None })
}

/// Whether a byte is the options of a Subscription: the reserved bits are 0, and neither the QoS nor
/// the Retain Handling is 3.
#[inline(always)]
const fn is_valid(options: u8) -> bool {
    options < 0x30 && options & QOS != QOS
}

/// What is wrong with such a byte.
#[cold]
const fn refuse(options: u8) -> DecodeError {
    match options {
        //= [MQTT-3.8.3-5]
        //= 3.1.1 [MQTT-3.8.3-4]
        0x40.. => DecodeError::ReservedSubscriptionOptions,
        //= 3.1.1 [MQTT-3.8.3-4]
        _ if options & QOS == QOS => DecodeError::InvalidRequestedQoS,
        _ => DecodeError::InvalidRetainHandling,
    }
}

/// Checks the byte after a Topic Filter: the options of 5.0, or the QoS of 3.x.
#[inline]
fn check_options(byte: u8, filter: TopicFilter<'_>, version: Version) -> Result<(), DecodeError> {
    if version == Version::V5 {
        if !is_valid(byte) {
            return Err(refuse(byte));
        }
        return check_no_local(byte & NO_LOCAL != 0, filter);
    }
    match byte & options_mask(version) {
        0..=2 => Ok(()),
        3 => Err(DecodeError::InvalidRequestedQoS),
        _ => Err(DecodeError::ReservedSubscriptionOptions),
    }
}

/// The bits of the options that count: 3.1 uses those of the QoS only.
#[inline]
const fn options_mask(version: Version) -> u8 {
    match version {
        Version::V3_1 => QOS,
        _ => u8::MAX,
    }
}

#[inline]
const fn check_no_local(no_local: bool, filter: TopicFilter<'_>) -> Result<(), DecodeError> {
    //= [MQTT-3.8.3-4]
    if no_local && filter.is_shared() {
        return Err(DecodeError::NoLocalOnSharedSubscription);
    }
    Ok(())
}

impl PartialEq for Subscriptions<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for Subscriptions<'_> {}

impl fmt::Debug for Subscriptions<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &Subscriptions<'a> {
    type Item = (TopicFilter<'a>, SubscriptionOptions);
    type IntoIter = SubscriptionIter<'a>;

    fn into_iter(self) -> SubscriptionIter<'a> {
        self.iter()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Subscriptions<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        for (filter, options) in self.iter() {
            defmt::write!(f, "{} {} ", filter, options);
        }
    }
}

/// The Subscriptions of a SUBSCRIBE, in order. See [`Subscriptions::iter`].
#[derive(Clone)]
pub struct SubscriptionIter<'a>(Source<'a>);

impl<'a> Iterator for SubscriptionIter<'a> {
    type Item = (TopicFilter<'a>, SubscriptionOptions);

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match self.0 {
            Source::Bytes { mask, bytes } => {
                let mut reader = Reader::new(bytes);
                // The bytes were validated: the only error is that none is left.
                let filter = TopicFilter::checked(reader.binary().ok()?);
                let options = SubscriptionOptions::from_u8(reader.u8().ok()? & mask).ok()?;
                self.0 = Source::Bytes { mask, bytes: reader.rest() };
                Some((filter, options))
            }
            Source::List(list) => {
                let (subscription, rest) = list.split_first()?;
                self.0 = Source::List(rest);
                Some(*subscription)
            }
        }
    }
}

impl core::iter::FusedIterator for SubscriptionIter<'_> {}

impl fmt::Debug for SubscriptionIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Subscribe<'a> {
    /// Out of line, and it makes the `Packet` itself: what was decoded is not moved.
    #[inline(never)]
    pub(super) fn decode(frame: Frame<'a>, version: Version) -> Result<Packet<'a>, DecodeError> {
        let mut reader = Reader::new(frame.body);
        let packet_identifier = reader.packet_identifier()?;
        let properties = match version {
            Version::V5 => Properties::decode(&mut reader, Allowed::SUBSCRIBE)?,
            _ => Properties::none(),
        };
        let subscriptions = Subscriptions::decode(reader.rest(), version)?;
        Ok(Packet::Subscribe(Self { packet_identifier, properties, subscriptions }))
    }

    /// The exact length of the packet in bytes.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        packet_len(self.remaining_len(version))
    }

    /// Writes the packet to the front of `out` and gives its length.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], [`EncodeError::PacketTooLarge`], and what decoding the packet would
    /// answer.
    #[inline(never)]
    pub fn encode(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        self.subscriptions.check(version)?;
        if version == Version::V5 {
            self.properties.check(Allowed::SUBSCRIBE)?;
        }
        let (remaining, id) = (self.remaining_len(version), self.packet_identifier.get());
        let (len, mut writer) = start_with_u16(PacketType::Subscribe, remaining, id, out)?;
        if version == Version::V5 {
            writer = self.properties.write(writer);
        }
        writer = self.subscriptions.write(writer, version);
        debug_assert_eq!(writer.remaining(), 0);
        Ok(len)
    }

    fn remaining_len(&self, version: Version) -> usize {
        let fields = self.subscriptions.encoded_len.saturating_add(2);
        match version {
            Version::V5 => fields.saturating_add(self.properties.framed_len()),
            _ => fields,
        }
    }
}
