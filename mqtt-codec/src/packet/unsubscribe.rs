//! UNSUBSCRIBE.

use core::fmt;

use super::{packet_len, start_with_u16};
use crate::property::Allowed;
use crate::reader::Reader;
use crate::{
    DecodeError, EncodeError, Frame, Packet, PacketIdentifier, PacketType, Properties, TopicFilter,
    Version,
};

/// The request of a Client to end Subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Unsubscribe<'a> {
    /// The Packet Identifier that the UNSUBACK will repeat.
    pub packet_identifier: PacketIdentifier,
    /// Properties; 5.0 only.
    pub properties: Properties<'a>,
    /// The Topic Filters of the Subscriptions; at least one.
    pub filters: TopicFilters<'a>,
}

/// The Topic Filters of an UNSUBSCRIBE, in order: validated bytes, or a list to encode. Two are equal
/// when they hold the same.
#[derive(Clone, Copy)]
pub struct TopicFilters<'a> {
    len: usize,
    source: Source<'a>,
}

#[derive(Clone, Copy)]
enum Source<'a> {
    Bytes(&'a [u8]),
    List(&'a [TopicFilter<'a>]),
}

impl<'a> TopicFilters<'a> {
    /// Topic Filters to encode; at least one.
    #[must_use]
    pub const fn new(list: &'a [TopicFilter<'a>]) -> Self {
        Self { len: list.len(), source: Source::List(list) }
    }

    fn decode(bytes: &'a [u8], version: Version) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let mut len = 0;
        while !reader.is_empty() {
            //= [MQTT-3.10.3-1]
            TopicFilter::check(reader.binary()?, version)?;
            len += 1;
        }
        //= [MQTT-3.10.3-2]
        if len == 0 {
            return Err(DecodeError::NoTopicFilterToUnsubscribe);
        }
        Ok(Self { len, source: Source::Bytes(bytes) })
    }

    /// The Topic Filters in order.
    #[must_use]
    #[inline]
    pub fn iter(&self) -> TopicFilterIter<'a> {
        TopicFilterIter(self.source)
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

    fn encoded_len(&self) -> usize {
        match self.source {
            Source::Bytes(bytes) => bytes.len(),
            Source::List(list) => list
                .iter()
                .fold(0, |len: usize, filter| len.saturating_add(2 + filter.as_bytes().len())),
        }
    }

    fn check(&self, version: Version) -> Result<(), EncodeError> {
        if self.is_empty() {
            return Err(DecodeError::NoTopicFilterToUnsubscribe.into());
        }
        if version == Version::V5 {
            self.iter().try_for_each(TopicFilter::check_share)?;
        }
        Ok(())
    }
}

impl PartialEq for TopicFilters<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl Eq for TopicFilters<'_> {}

impl fmt::Debug for TopicFilters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl<'a> IntoIterator for &TopicFilters<'a> {
    type Item = TopicFilter<'a>;
    type IntoIter = TopicFilterIter<'a>;

    fn into_iter(self) -> TopicFilterIter<'a> {
        self.iter()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for TopicFilters<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        for filter in self.iter() {
            defmt::write!(f, "{} ", filter);
        }
    }
}

/// The Topic Filters of an UNSUBSCRIBE, in order. See [`TopicFilters::iter`].
#[derive(Clone)]
pub struct TopicFilterIter<'a>(Source<'a>);

impl<'a> Iterator for TopicFilterIter<'a> {
    type Item = TopicFilter<'a>;

    #[inline]
    fn next(&mut self) -> Option<TopicFilter<'a>> {
        match self.0 {
            Source::Bytes(bytes) => {
                let mut reader = Reader::new(bytes);
                // The bytes were validated: the only error is that none is left.
                let filter = TopicFilter::checked(reader.binary().ok()?);
                self.0 = Source::Bytes(reader.rest());
                Some(filter)
            }
            Source::List(list) => {
                let (filter, rest) = list.split_first()?;
                self.0 = Source::List(rest);
                Some(*filter)
            }
        }
    }
}

impl core::iter::FusedIterator for TopicFilterIter<'_> {}

impl fmt::Debug for TopicFilterIter<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.clone()).finish()
    }
}

impl<'a> Unsubscribe<'a> {
    /// Out of line, and it makes the `Packet` itself: what was decoded is not moved.
    #[inline(never)]
    pub(super) fn decode(frame: Frame<'a>, version: Version) -> Result<Packet<'a>, DecodeError> {
        let mut reader = Reader::new(frame.body);
        let packet_identifier = reader.packet_identifier()?;
        let properties = match version {
            Version::V5 => Properties::decode(&mut reader, Allowed::UNSUBSCRIBE)?,
            _ => Properties::none(),
        };
        let filters = TopicFilters::decode(reader.rest(), version)?;
        Ok(Packet::Unsubscribe(Self { packet_identifier, properties, filters }))
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
        self.filters.check(version)?;
        if version == Version::V5 {
            self.properties.check(Allowed::UNSUBSCRIBE)?;
        }
        let (remaining, id) = (self.remaining_len(version), self.packet_identifier.get());
        let (len, mut writer) = start_with_u16(PacketType::Unsubscribe, remaining, id, out)?;
        if version == Version::V5 {
            writer = self.properties.write(writer);
        }
        for filter in self.filters.iter() {
            writer.binary(filter.as_bytes());
        }
        debug_assert_eq!(writer.remaining(), 0);
        Ok(len)
    }

    fn remaining_len(&self, version: Version) -> usize {
        let fields = self.filters.encoded_len().saturating_add(2);
        match version {
            Version::V5 => fields.saturating_add(self.properties.framed_len()),
            _ => fields,
        }
    }
}
