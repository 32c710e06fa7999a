//! [`TopicAliases`]: numbers in place of Topic Names, one table for each direction, both as long as
//! the Network Connection [MQTT-3.3.2-7].

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroU16;

use mqtt_codec::TopicName;

/// A Topic Name shorter than this is not worth a number: the property costs three bytes.
const SHORTEST: usize = 4;

/// Both tables of one connection. They allocate as they are used.
#[derive(Default)]
pub(crate) struct TopicAliases {
    /// The client's: alias less one is the place.
    received: Vec<Option<Box<[u8]>>>,
    received_maximum: u16,
    /// The broker's: alias less one is the place.
    sent: Vec<Sent>,
    sent_maximum: u16,
    /// Counts uses, to find the one least recently used.
    uses: u32,
    /// Of the topics in both tables.
    topic_bytes: usize,
}

struct Sent {
    topic: Box<[u8]>,
    last_use: u32,
}

/// How a Topic Name goes out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Outgoing {
    /// As it is.
    Name,
    /// With a number that stands for it from now on.
    NameAndAlias(NonZeroU16),
    /// As the number alone.
    Alias(NonZeroU16),
}

impl TopicAliases {
    //= [MQTT-3.3.2-7]
    pub(crate) fn new(received_maximum: u16, sent_maximum: u16) -> Self {
        Self { received_maximum, sent_maximum, ..Self::default() }
    }

    /// The bytes of both tables.
    pub(crate) fn heap(&self) -> usize {
        self.topic_bytes
            + self.received.capacity() * size_of::<Option<Box<[u8]>>>()
            + self.sent.capacity() * size_of::<Sent>()
    }

    /// Whether the client may use this alias.
    //= [MQTT-3.3.2-9]
    //= [MQTT-3.3.2-12]
    pub(crate) const fn allows(&self, alias: NonZeroU16) -> bool {
        alias.get() <= self.received_maximum
    }

    /// The Topic Name that the client gave this alias.
    pub(crate) fn resolve(&self, alias: NonZeroU16) -> Option<TopicName<'_>> {
        let topic = self.received.get(usize::from(alias.get()) - 1)?.as_ref()?;
        Some(TopicName::assume_valid(topic))
    }

    /// The client gives `alias` to `topic`; an alias that is not allowed is ignored.
    pub(crate) fn define(&mut self, alias: NonZeroU16, topic: TopicName<'_>) {
        if !self.allows(alias) {
            return;
        }
        let place = usize::from(alias.get()) - 1;
        if self.received.len() <= place {
            self.received.resize_with(place + 1, || None);
        }
        if let Some(slot) = self.received.get_mut(place) {
            // The same again, as some clients send it every time, allocates nothing.
            if slot.as_deref() != Some(topic.as_bytes()) {
                self.topic_bytes -= slot.as_ref().map_or(0, |topic| topic.len());
                self.topic_bytes += topic.as_bytes().len();
                *slot = Some(topic.as_bytes().into());
            }
        }
    }

    /// Whether the client takes any.
    #[inline]
    pub(crate) const fn are_sent(&self) -> bool {
        self.sent_maximum > 0
    }

    /// How the next PUBLISH of `topic` goes out. The caller sends it so: the client learns a new
    /// number only from the packet.
    pub(crate) fn outgoing(&mut self, topic: TopicName<'_>) -> Outgoing {
        let name = topic.as_bytes();
        //= [MQTT-3.1.2-27]
        if self.sent_maximum == 0 || name.len() < SHORTEST {
            return Outgoing::Name;
        }
        self.uses = self.uses.wrapping_add(1);
        let uses = self.uses;
        if let Some(place) = self.sent.iter().position(|sent| *sent.topic == *name) {
            if let Some(sent) = self.sent.get_mut(place) {
                sent.last_use = uses;
            }
            return alias(place).map_or(Outgoing::Name, Outgoing::Alias);
        }
        let entry = Sent { topic: name.into(), last_use: uses };
        //= [MQTT-3.1.2-26]
        //= [MQTT-3.3.2-11]
        let place = if self.sent.len() < usize::from(self.sent_maximum) {
            self.topic_bytes += name.len();
            self.sent.push(entry);
            self.sent.len() - 1
        } else {
            let age = |sent: &Sent| uses.wrapping_sub(sent.last_use);
            let oldest = (0..).zip(&self.sent).max_by_key(|(_, sent)| age(sent));
            let Some((place, _)) = oldest else { return Outgoing::Name };
            if let Some(sent) = self.sent.get_mut(place) {
                self.topic_bytes = self.topic_bytes + name.len() - sent.topic.len();
                *sent = entry;
            }
            place
        };
        alias(place).map_or(Outgoing::Name, Outgoing::NameAndAlias)
    }
}

fn alias(place: usize) -> Option<NonZeroU16> {
    NonZeroU16::new(u16::try_from(place + 1).ok()?)
}

#[cfg(test)]
mod tests;
