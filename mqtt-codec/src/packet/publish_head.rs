//! The head of a PUBLISH, for headers written late and for vectored writes.

use core::num::NonZeroU16;

use super::publish::{check_topic, fields_len, first_byte, topic_bytes};
use super::{packet_len, start_with};
use crate::property::{framed_len, write_len};
use crate::{Delivery, EncodeError, Property, SubscriptionIdentifier, TopicName, Version};

/// All of a PUBLISH but its pass-through properties and its payload, which the caller appends, in
/// this order.
///
/// One Application Message goes to many Clients with heads that differ and a rest that does not:
///
/// ```
/// use mqtt_codec::{Delivery, PublishHead, TopicName, Version};
/// let head = PublishHead {
///     delivery: Delivery::AtMostOnce,
///     retain: false,
///     topic: Some(TopicName::new("a")?),
///     message_expiry_interval: None,
///     topic_alias: None,
///     subscription_identifiers: &[],
///     pass_through_len: 0,
///     payload_len: 2,
/// };
/// let mut out = [0; 16];
/// let len = head.encode(Version::V5, &mut out)?;
/// out[len..len + 2].copy_from_slice(b"hi");
/// assert_eq!(&out[..len + 2], b"\x30\x06\x00\x01a\x00hi");
/// assert_eq!(head.packet_len(Version::V5), len + 2);
/// # Ok::<(), Box<dyn core::error::Error>>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PublishHead<'a> {
    /// QoS, and with it DUP and Packet Identifier.
    pub delivery: Delivery,
    /// The RETAIN flag.
    pub retain: bool,
    /// The Topic Name; `None` needs a Topic Alias, so 5.0.
    pub topic: Option<TopicName<'a>>,
    /// Message Expiry Interval, in seconds; 5.0 only.
    pub message_expiry_interval: Option<u32>,
    /// Topic Alias; 5.0 only.
    pub topic_alias: Option<NonZeroU16>,
    /// Subscription Identifiers; 5.0 only.
    pub subscription_identifiers: &'a [SubscriptionIdentifier],
    /// The length of the encoded pass-through properties, in bytes; taken as 0 in 3.x, where the
    /// caller appends none.
    pub pass_through_len: usize,
    /// The length of the payload, in bytes.
    pub payload_len: usize,
}

impl PublishHead<'_> {
    /// The exact length of the head in bytes.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        self.packet_len(version) - self.appended_len(version)
    }

    /// The exact length of the whole packet in bytes: head, pass-through properties and payload.
    #[must_use]
    #[inline]
    pub fn packet_len(&self, version: Version) -> usize {
        packet_len(self.remaining_len(version))
    }

    /// Writes the head to the front of `out` and gives its length.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], and what encoding the whole PUBLISH would answer.
    #[inline]
    pub fn encode(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        check_topic(self.topic, self.topic_alias.is_some(), version)?;
        let first = first_byte(self.delivery, self.retain);
        let appended = self.appended_len(version);
        let (len, mut writer) = start_with(first, self.remaining_len(version), appended, out)?;
        writer.binary(topic_bytes(self.topic));
        if let Some(packet_identifier) = self.delivery.packet_identifier() {
            writer.u16(packet_identifier.get());
        }
        if version == Version::V5 {
            write_len(&mut writer, self.own_len() + self.pass_through_len);
            self.own().for_each(|property| property.write(&mut writer));
        }
        debug_assert_eq!(writer.remaining(), 0);
        Ok(len)
    }

    #[inline(always)]
    fn remaining_len(&self, version: Version) -> usize {
        let fields = fields_len(self.delivery, self.topic) + self.payload_len;
        match version {
            Version::V5 => fields + framed_len(self.own_len() + self.pass_through_len),
            _ => fields,
        }
    }

    #[inline(always)]
    const fn appended_len(&self, version: Version) -> usize {
        match version {
            Version::V5 => self.pass_through_len + self.payload_len,
            _ => self.payload_len,
        }
    }

    #[inline(always)]
    fn own_len(&self) -> usize {
        self.own().map(|property| property.encoded_len()).sum()
    }

    /// The properties that differ from one receiver to another.
    #[inline(always)]
    fn own(&self) -> impl Iterator<Item = Property<'static>> + '_ {
        let expiry = self.message_expiry_interval.map(Property::MessageExpiryInterval);
        let alias = self.topic_alias.map(Property::TopicAlias);
        let identifiers = self.subscription_identifiers.iter();
        expiry
            .into_iter()
            .chain(alias)
            .chain(identifiers.map(|identifier| Property::SubscriptionIdentifier(*identifier)))
    }
}

/// A PUBLISH as most receivers get it: with no property but those that pass through, and no more
/// than 16,383 bytes after its fixed header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct PlainPublish<'a> {
    /// QoS, and with it DUP and Packet Identifier.
    pub delivery: Delivery,
    /// The RETAIN flag.
    pub retain: bool,
    /// The Topic Name.
    pub topic: TopicName<'a>,
    /// The length of the encoded pass-through properties, in bytes; 0 in 3.x.
    pub pass_through_len: usize,
    /// The pass-through properties (5.0 only) and the payload, in this order.
    pub tail: &'a [u8],
}

impl PlainPublish<'_> {
    /// Writes the whole packet to the front of `out` and gives its length; `None` if there is no
    /// room, or if it is longer than such a packet may be.
    ///
    /// The bytes are those that [`PublishHead`] makes, in fewer steps: they are written once for
    /// each receiver.
    #[must_use]
    #[inline]
    pub fn encode(&self, version: Version, out: &mut [u8]) -> Option<usize> {
        let topic = self.topic.as_bytes();
        let (topic_len, properties) = (u16::try_from(topic.len()).ok()?, version == Version::V5);
        let identifier = self.delivery.packet_identifier();
        let between = usize::from(properties) + if identifier.is_some() { 2 } else { 0 };
        let remaining = 2 + topic.len() + between + self.tail.len();
        if remaining > 0x3fff || self.pass_through_len > 0x7f {
            return None;
        }
        // Bytes of seven bits each, and the top bit of all but the last.
        #[expect(clippy::cast_possible_truncation, reason = "seven bits each")]
        let (low, high) = ((remaining & 0x7f) as u8, (remaining >> 7) as u8);
        let long = usize::from(high > 0);
        let len = 2 + long + remaining;
        let (head, rest) = out.get_mut(..len)?.split_at_mut_checked(4 + long)?;
        let [t1, t0] = topic_len.to_be_bytes();
        let first = first_byte(self.delivery, self.retain);
        match head {
            [a, b, c, d] => (*a, *b, *c, *d) = (first, low, t1, t0),
            [a, b, c, d, e] => (*a, *b, *c, *d, *e) = (first, low | 0x80, high, t1, t0),
            _ => return None,
        }
        let (name, mut rest) = rest.split_at_mut_checked(topic.len())?;
        name.copy_from_slice(topic);
        if let Some(identifier) = identifier {
            let (bytes, after) = rest.split_first_chunk_mut()?;
            *bytes = identifier.get().to_be_bytes();
            rest = after;
        }
        if properties {
            let (properties_len, after) = rest.split_first_mut()?;
            *properties_len = u8::try_from(self.pass_through_len).ok()?;
            rest = after;
        }
        if rest.len() != self.tail.len() {
            return None;
        }
        rest.copy_from_slice(self.tail);
        Some(len)
    }
}

#[cfg(test)]
mod tests;
