//! What a client does of its own accord: connect, publish, subscribe, leave.

use mqtt_codec::{
    Connect, Disconnect, Packet, PacketIdentifier, Properties, Property, QoS, ReasonCode,
    Subscribe, SubscriptionIdentifier, SubscriptionOptions, Subscriptions, TopicFilter,
    TopicFilters, TopicName, Unsubscribe, Utf8String, Version, Will,
};

use super::{Client, Outbound, Wish};
use crate::message::{HEAD, Message, MessageId, Messages};
use crate::workload::WillProfile;

/// Packet Identifiers go round early, so that they are used again.
const IDENTIFIERS: u16 = 200;

/// Something that a client may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Deed {
    /// Publish a message.
    Publish,
    /// Subscribe to one or two of its filters.
    Subscribe,
    /// Unsubscribe from one of them.
    Unsubscribe,
    /// PINGREQ.
    Ping,
    /// DISCONNECT.
    Disconnect,
    /// Close without a word.
    Close,
    /// Leave the connection standing and come again on another.
    TakeOver,
    /// Break a rule.
    Break,
}

impl Client {
    /// It is the client's turn.
    pub fn turn(&mut self, messages: &mut Messages) -> Option<Wish> {
        self.outbox.append(&mut self.lazy);
        if self.link.is_none() {
            return self.connect(messages, false);
        }
        if !self.is_connected {
            // Nobody waits for ever for a CONNACK.
            return self.random.chance(50).then_some(Wish::Abandon);
        }
        match self.choose() {
            Deed::Publish => self.publish(messages),
            Deed::Subscribe => self.subscribe(),
            Deed::Unsubscribe => self.unsubscribe(),
            Deed::Ping => self.send(&Packet::Pingreq),
            Deed::Disconnect => return Some(self.disconnect()),
            Deed::Close => return Some(Wish::Close),
            Deed::TakeOver => {
                self.lost();
                return self.connect(messages, false);
            }
            Deed::Break => return self.break_a_rule(messages),
        }
        None
    }

    /// Microseconds until its next turn, between these numbers of milliseconds.
    pub fn random_gap(&mut self, low: u64, high: u64) -> u64 {
        self.random.magnitude(low * 1000, high * 1000)
    }

    /// Whether it stops reading now, if it is one that does.
    pub fn stops_reading(&mut self) -> bool {
        self.is_connected && self.random.chance(200)
    }

    /// Keeps the connection alive.
    pub fn ping(&mut self) {
        if self.is_connected {
            self.send(&Packet::Pingreq);
        }
    }

    /// Nothing goes wrong any more: comes back to a Session it has left, and sees everything under
    /// way to its end.
    pub fn heal(&mut self, messages: &mut Messages) -> Option<Wish> {
        self.is_healed = true;
        if self.is_spoiled {
            return Some(Wish::Abandon);
        }
        self.outbox.append(&mut self.lazy);
        if self.link.is_none() && self.is_persistent {
            return self.connect(messages, true);
        }
        None
    }

    fn choose(&mut self) -> Deed {
        let weights = &self.profile.deeds;
        let total: u64 = weights.iter().map(|(_, weight)| *weight).sum();
        let mut left = self.random.below(total);
        for (deed, weight) in weights {
            if left < *weight {
                return *deed;
            }
            left -= weight;
        }
        Deed::Ping
    }

    fn connect(&mut self, messages: &mut Messages, resume: bool) -> Option<Wish> {
        let profile = self.profile.clone();
        let version = profile.version;
        let wants_new = !resume && self.random.chance(profile.clean_per_mille);
        let clean = wants_new || self.begins_anew;
        let is_v5 = version == Version::V5;
        let expiry = if is_v5 { profile.expiry } else { u32::from(!clean) };
        self.is_persistent = expiry > 0;
        let mut properties = Vec::new();
        if is_v5 {
            if expiry > 0 {
                properties.push(Property::SessionExpiryInterval(expiry));
            }
            let maximum = profile.receive_maximum.and_then(std::num::NonZero::new);
            properties.extend(maximum.map(Property::ReceiveMaximum));
            if profile.is_terse {
                properties.push(Property::RequestProblemInformation(false));
            }
            if profile.alias_maximum > 0 {
                properties.push(Property::TopicAliasMaximum(profile.alias_maximum));
            }
            let maximum = profile.maximum_packet_size.and_then(std::num::NonZero::new);
            properties.extend(maximum.map(Property::MaximumPacketSize));
        }
        let will = profile.will.filter(|_| !resume && self.random.chance(700));
        let will = will.map(|will| (self.will_message(&will, messages), will));
        let payload = will.as_ref().map(|(id, _)| messages.payload(*id));
        let along = will.as_ref().map(|(id, _)| messages.along(*id)).unwrap_or_default();
        let mut will_properties = Vec::new();
        if let Some((id, will)) = will.as_ref().filter(|_| is_v5) {
            if will.delay > 0 {
                will_properties.push(Property::WillDelayInterval(will.delay));
            }
            let expiry = messages.get(*id).and_then(|message| message.expiry);
            will_properties.extend(expiry.map(Property::MessageExpiryInterval));
            will_properties.extend(along.properties());
        }
        let will = will.as_ref().zip(payload.as_ref()).and_then(|((_, will), payload)| {
            Some(Will {
                qos: will.qos,
                retain: will.retain,
                topic: TopicName::new(&will.topic).ok()?,
                payload,
                properties: Properties::new(&will_properties),
            })
        });
        self.is_connected = false;
        self.send(&Packet::Connect(Connect {
            version,
            clean_start: clean,
            keep_alive: profile.keep_alive,
            client_identifier: Utf8String::new(&profile.name).ok()?,
            properties: Properties::new(&properties),
            will,
            user_name: None,
            password: None,
        }));
        Some(Wish::Open)
    }

    fn will_message(&mut self, will: &WillProfile, messages: &mut Messages) -> MessageId {
        messages.add(Message {
            topic: will.topic.clone(),
            qos: will.qos,
            retain: will.retain,
            expiry: will.expiry.filter(|_| self.profile.version == Version::V5),
            len: HEAD + self.random.index(20),
            has_along: self.profile.version == Version::V5,
        })
    }

    fn publish(&mut self, messages: &mut Messages) {
        let burst = 1 + self.random.below(self.profile.burst);
        let alike = self.profile.is_alike.then(|| self.kind());
        for _ in 0..burst {
            let (topic, qos) = alike.clone().unwrap_or_else(|| self.kind());
            let retain = self.random.chance(self.profile.retain_per_mille);
            if retain && self.random.chance(200) {
                self.clear(&topic);
                continue;
            }
            let identifier = match qos {
                QoS::AtMostOnce => None,
                _ if self.outbound.len() >= self.send_quota.min(100) => return,
                _ => Some(self.identifier()),
            };
            let is_v5 = self.profile.version == Version::V5;
            let expires = is_v5 && self.random.chance(self.profile.expiry_per_mille);
            let large = self.random.chance(self.profile.large_per_mille);
            let len = if large { self.random.between(4000, 6000) } else { self.random.below(60) };
            let id = messages.add(Message {
                topic,
                qos,
                retain,
                expiry: expires.then(|| self.interval()),
                len: HEAD + usize::try_from(len).unwrap_or(0),
                has_along: is_v5,
            });
            self.send_publish(id, identifier, false, messages);
            if let Some(identifier) = identifier {
                self.outbound.push(Outbound { identifier, message: id, released: false });
            }
        }
    }

    /// Where to, and how, the next message goes.
    fn kind(&mut self) -> (String, QoS) {
        let topic = self.random.pick(&self.profile.topics).clone();
        (topic, *self.random.pick(&self.profile.qos))
    }

    /// A Message Expiry Interval: short as a rule.
    fn interval(&mut self) -> u32 {
        match self.random.below(10) {
            0 => *self.random.pick(&[100, u32::MAX]),
            _ => u32::try_from(self.random.between(1, 20)).unwrap_or(1),
        }
    }

    /// Clears a retained message: an empty payload, which names no message. QoS 0, so that nothing
    /// is to be kept of it.
    fn clear(&mut self, topic: &str) {
        let Ok(topic) = TopicName::new(topic) else { return };
        self.send(&Packet::Publish(mqtt_codec::Publish {
            delivery: mqtt_codec::Delivery::AtMostOnce,
            retain: true,
            topic: Some(topic),
            properties: Properties::EMPTY,
            payload: &[],
        }));
    }

    fn subscribe(&mut self) {
        let count = 1 + self.random.index(2);
        let filters = self.profile.filters.clone();
        if filters.is_empty() {
            return;
        }
        let is_v5 = self.profile.version == Version::V5;
        let chosen: Vec<_> = (0..count).map(|_| self.random.pick(&filters).clone()).collect();
        let mut list: Vec<(TopicFilter<'_>, SubscriptionOptions)> = Vec::new();
        for wanted in &chosen {
            let options = if is_v5 {
                wanted.options
            } else {
                SubscriptionOptions::new(wanted.options.maximum_qos)
            };
            let Ok(filter) = TopicFilter::new(&wanted.filter) else { continue };
            if list.iter().all(|(known, _)| *known != filter) {
                list.push((filter, options));
            }
        }
        let number = chosen.first().and_then(|wanted| wanted.identifier);
        let number = number.filter(|_| is_v5).and_then(SubscriptionIdentifier::new);
        let properties = number.map(Property::SubscriptionIdentifier);
        let packet_identifier = self.identifier();
        self.pending.insert(packet_identifier.get());
        self.send(&Packet::Subscribe(Subscribe {
            packet_identifier,
            properties: Properties::new(properties.as_slice()),
            subscriptions: Subscriptions::new(&list),
        }));
    }

    fn unsubscribe(&mut self) {
        let filters = self.profile.filters.clone();
        if filters.is_empty() {
            return;
        }
        let count = 1 + self.random.index(2);
        let chosen: Vec<_> = (0..count).map(|_| self.random.pick(&filters).clone()).collect();
        let mut list: Vec<TopicFilter<'_>> = Vec::new();
        for filter in chosen.iter().filter_map(|wanted| TopicFilter::new(&wanted.filter).ok()) {
            if !list.contains(&filter) {
                list.push(filter);
            }
        }
        let packet_identifier = self.identifier();
        self.pending.insert(packet_identifier.get());
        self.send(&Packet::Unsubscribe(Unsubscribe {
            packet_identifier,
            properties: Properties::EMPTY,
            filters: TopicFilters::new(&list),
        }));
    }

    fn disconnect(&mut self) -> Wish {
        let is_v5 = self.profile.version == Version::V5;
        let with_will = is_v5 && self.random.chance(200);
        let reason_code = if with_will {
            ReasonCode::DISCONNECT_WITH_WILL_MESSAGE
        } else {
            ReasonCode::NORMAL_DISCONNECTION
        };
        let mut properties = Vec::new();
        if is_v5 && self.profile.expiry > 0 && self.random.chance(200) {
            let interval = *self.random.pick(&[0, 1, 2, 4, 100, u32::MAX]);
            properties.push(Property::SessionExpiryInterval(interval));
            self.is_persistent = interval > 0;
        }
        let properties = Properties::new(&properties);
        self.send(&Packet::Disconnect(Disconnect { reason_code, properties }));
        Wish::Close
    }

    /// A Packet Identifier that is not in use.
    pub(super) fn identifier(&mut self) -> PacketIdentifier {
        loop {
            self.next_identifier = self.next_identifier % IDENTIFIERS + 1;
            let number = self.next_identifier;
            let in_use = self.pending.contains(&number)
                || self.outbound.iter().any(|outbound| outbound.identifier.get() == number);
            if let Some(identifier) = PacketIdentifier::new(number).filter(|_| !in_use) {
                return identifier;
            }
        }
    }
}
