//! How a client breaks the rules.

use std::num::NonZero;

use mqtt_codec::{
    Ack, Delivery, Packet, PacketIdentifier, Properties, Property, Publish, QoS, Version,
};

use super::{Client, Wish};
use crate::message::{HEAD, Message, Messages};

/// Packet Identifiers that no honest exchange uses.
const STRANGE: u16 = 40_000;

impl Client {
    /// Sends something that no client should.
    pub(super) fn break_a_rule(&mut self, messages: &mut Messages) -> Option<Wish> {
        let stranger = STRANGE + u16::try_from(self.random.below(20_000)).unwrap_or(0);
        let strange = Ack::success(PacketIdentifier::new(stranger)?);
        match self.random.below(14) {
            0 => {
                self.is_spoiled = true;
                let len = self.random.between(1, 20);
                let garbage: Vec<u8> =
                    (0..len).map(|_| self.random.number().to_le_bytes()[0]).collect();
                self.outbox.extend_from_slice(&garbage);
            }
            1 => {
                // A second CONNECT.
                self.outbox.extend_from_slice(b"\x10\x0d\0\x04MQTT\x04\x02\0\0\0\x01x");
            }
            // QoS 3.
            2 => self.outbox.extend_from_slice(b"\x36\x07\0\x03t/0\0\x01"),
            // A wildcard in a Topic Name.
            3 => self.outbox.extend_from_slice(b"\x30\x06\0\x03t/#\0"),
            // What only a server sends.
            4 => self.outbox.extend_from_slice(b"\x90\x04\0\x01\0\0"),
            // A length that nobody means.
            5 => self.outbox.extend_from_slice(b"\x30\xff\xff\xff\x7f\0\x03"),
            6 => self.send(&Packet::Puback(strange)),
            7 => self.send(&Packet::Pubrec(strange)),
            8 => self.send(&Packet::Pubrel(strange)),
            9 => {
                // Half a packet, and silence.
                self.outbox.extend_from_slice(b"\x30\x20\0\x03t/");
                return Some(Wish::Abandon);
            }
            10 | 11 => self.use_an_alias(messages),
            12 => {
                // Once more what is under way, on the connection that it is under way on.
                for outbound in self.outbound.clone() {
                    self.send_outbound(&outbound, true, messages);
                }
            }
            _ => self.flood(stranger, messages),
        }
        None
    }

    /// A Topic Alias that stands for nothing on this connection, whatever it stood for on another,
    /// or one more than there may be.
    fn use_an_alias(&mut self, messages: &mut Messages) {
        if self.profile.version != Version::V5 {
            return;
        }
        let known = u16::try_from(self.aliases.len()).unwrap_or(u16::MAX);
        let beyond = self.aliases_allowed.saturating_add(1);
        let number = if self.random.chance(300) { beyond } else { known.saturating_add(1) };
        let topic = self.random.pick(&self.profile.topics).clone();
        let id = messages.add(Message {
            topic,
            qos: QoS::AtMostOnce,
            retain: false,
            expiry: None,
            len: HEAD,
            has_along: false,
        });
        let payload = messages.payload(id);
        let alias = NonZero::new(number).map(Property::TopicAlias);
        self.send(&Packet::Publish(Publish {
            delivery: Delivery::AtMostOnce,
            retain: false,
            topic: None,
            properties: Properties::new(alias.as_slice()),
            payload: &payload,
        }));
    }

    /// More QoS 2 messages at once than the broker said it takes.
    fn flood(&mut self, first: u16, messages: &mut Messages) {
        self.begins_anew = true;
        let topic = self.random.pick(&self.profile.topics).clone();
        for number in first..first.saturating_add(30) {
            let id = messages.add(Message {
                topic: topic.clone(),
                qos: QoS::ExactlyOnce,
                retain: false,
                expiry: None,
                len: HEAD,
                has_along: self.profile.version == Version::V5,
            });
            self.send_publish(id, PacketIdentifier::new(number), false, messages);
        }
    }
}
