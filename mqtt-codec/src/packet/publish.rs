//! PUBLISH.

use super::{packet_len, start_and};
use crate::property::{Allowed, id};
use crate::reader::Reader;
use crate::{
    DecodeError, Delivery, EncodeError, Frame, Packet, PacketType, Properties, Sender, TopicName,
    Version, WIDE,
};

/// The RETAIN flag of the fixed header.
pub(super) const RETAIN: u8 = 0b0001;

/// An Application Message on its way.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Publish<'a> {
    /// QoS, and with it DUP and Packet Identifier.
    pub delivery: Delivery,
    /// The RETAIN flag.
    pub retain: bool,
    /// The Topic Name; `None` is the zero-length one of 5.0, for which a Topic Alias stands.
    pub topic: Option<TopicName<'a>>,
    /// Properties; 5.0 only.
    pub properties: Properties<'a>,
    /// The Application Message; it may be empty.
    pub payload: &'a [u8],
}

impl<'a> Publish<'a> {
    /// Decodes the PUBLISH of a frame, for whom no other type will do.
    ///
    /// # Errors
    /// [`DecodeError::UnexpectedPacketType`] for another type, and the rule that the packet breaks.
    pub fn from_frame(frame: Frame<'a>, version: Version) -> Result<Self, DecodeError> {
        if frame.packet_type() != PacketType::Publish {
            return Err(DecodeError::UnexpectedPacketType);
        }
        match Self::decode(frame, version)? {
            Packet::Publish(publish) => Ok(publish),
            _ => Err(DecodeError::UnexpectedPacketType),
        }
    }

    /// It makes the `Packet` itself, since to move a packet into one takes as long as decoding it.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(super) fn decode(frame: Frame<'a>, version: Version) -> Result<Packet<'a>, DecodeError> {
        frame.check_version(version)?;
        let mut reader = Reader::new(frame.body);
        //= [MQTT-3.3.2-1]
        let topic = reader.binary()?;
        let dup = frame.flags() & 0b1000 != 0;
        // `frame` has refused QoS 3, and DUP at QoS 0.
        //= [MQTT-2.2.1-2]
        let delivery = if frame.flags() & 0b0110 == 0 {
            Delivery::AtMostOnce
        } else {
            let packet_identifier = reader.packet_identifier()?;
            match frame.flags() & 0b0010 {
                0 => Delivery::ExactlyOnce { packet_identifier, dup },
                _ => Delivery::AtLeastOnce { packet_identifier, dup },
            }
        };
        let retain = frame.flags() & RETAIN != 0;
        if version < Version::V5 {
            let topic = Some(TopicName::check(topic, DecodeError::WildcardInTopicName)?);
            let (properties, payload) = (Properties::none(), reader.rest());
            return Ok(Packet::Publish(Self { delivery, retain, topic, properties, payload }));
        }
        let properties = Properties::decode(&mut reader, Allowed::PUBLISH)?;
        //= [MQTT-3.3.4-6]
        if frame.sender() == Sender::Client && properties.contains(id::SUBSCRIPTION_IDENTIFIER) {
            return Err(DecodeError::SubscriptionIdentifierFromClient);
        }
        let topic = match topic {
            [] if properties.contains(id::TOPIC_ALIAS) => None,
            [] => return Err(DecodeError::TopicMissing),
            _ => Some(TopicName::check(topic, DecodeError::WildcardInTopicName)?),
        };
        let payload = reader.rest();
        Ok(Packet::Publish(Self { delivery, retain, topic, properties, payload }))
    }

    /// The exact length of the packet in bytes.
    #[must_use]
    pub fn encoded_len(&self, version: Version) -> usize {
        packet_len(self.remaining_len(version))
    }

    /// Writes the packet to the front of `out` and gives its length.
    ///
    /// # Errors
    /// [`EncodeError::BufferTooSmall`], [`EncodeError::PacketTooLarge`],
    /// [`EncodeError::NotInThisVersion`] without a Topic Name in 3.x, and what decoding the packet would
    /// answer.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub fn encode(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        if WIDE && version < Version::V5 {
            self.encode_plain(out)
        } else {
            self.encode_any(version, out)
        }
    }

    /// A PUBLISH without properties. Where it is short nothing is called, so that there is a register for
    /// each field, and none has to be saved.
    #[inline(never)]
    fn encode_plain(&self, out: &mut [u8]) -> Result<usize, EncodeError> {
        let version = Version::V3_1_1;
        match self.topic {
            Some(topic) if topic.as_bytes().len() <= 32 && self.payload.len() <= 64 => {}
            _ => return self.encode_any(version, out),
        }
        match self.delivery {
            Delivery::AtMostOnce => self.encode_here(Delivery::AtMostOnce, version, out),
            delivery => self.encode_here(delivery, version, out),
        }
    }

    /// A PUBLISH of any version and length.
    #[inline(never)]
    fn encode_any(&self, version: Version, out: &mut [u8]) -> Result<usize, EncodeError> {
        self.encode_here(self.delivery, version, out)
    }

    #[inline(always)]
    fn encode_here(
        &self,
        delivery: Delivery,
        version: Version,
        out: &mut [u8],
    ) -> Result<usize, EncodeError> {
        if version == Version::V5 {
            self.properties.check(Allowed::PUBLISH)?;
        }
        check_topic(self.topic, self.properties.contains(id::TOPIC_ALIAS), version)?;
        let topic = topic_bytes(self.topic);
        let mut remaining = fields_len(delivery, self.topic) + self.payload.len();
        if version == Version::V5 {
            remaining += self.properties.framed_len();
        }
        let first = first_byte(delivery, self.retain);
        let (len, mut writer) = start_and(first, remaining, short_len(topic), out)?;
        writer.bytes(topic);
        if let Some(packet_identifier) = delivery.packet_identifier() {
            writer.u16(packet_identifier.get());
        }
        if version == Version::V5 {
            writer = self.properties.write(writer);
        }
        writer.payload(self.payload);
        debug_assert_eq!(writer.remaining(), 0);
        Ok(len)
    }

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    fn remaining_len(&self, version: Version) -> usize {
        let fields = fields_len(self.delivery, self.topic) + self.payload.len();
        if version == Version::V5 { fields + self.properties.framed_len() } else { fields }
    }
}

/// The first byte of the fixed header.
#[inline(always)]
pub(super) fn first_byte(delivery: Delivery, retain: bool) -> u8 {
    (PacketType::Publish as u8) << 4 | delivery.flags() | if retain { RETAIN } else { 0 }
}

/// The length of Topic Name and Packet Identifier.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn fields_len(delivery: Delivery, topic: Option<TopicName<'_>>) -> usize {
    let packet_identifier = if delivery == Delivery::AtMostOnce { 0 } else { 2 };
    2 + topic_bytes(topic).len() + packet_identifier
}

#[inline(always)]
pub(super) fn topic_bytes(topic: Option<TopicName<'_>>) -> &[u8] {
    topic.map_or(&[], TopicName::as_bytes)
}

/// The length of a Topic Name, which is at most 65,535 bytes long.
#[inline(always)]
fn short_len(topic: &[u8]) -> u16 {
    let [low, high, ..] = topic.len().to_le_bytes();
    u16::from_le_bytes([low, high])
}

/// A PUBLISH without a Topic Name has a Topic Alias, so it is of 5.0.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(super) fn check_topic(
    topic: Option<TopicName<'_>>,
    alias: bool,
    version: Version,
) -> Result<(), EncodeError> {
    match topic {
        Some(_) => Ok(()),
        None if version < Version::V5 => Err(EncodeError::NotInThisVersion),
        None if !alias => Err(DecodeError::TopicMissing.into()),
        None => Ok(()),
    }
}
