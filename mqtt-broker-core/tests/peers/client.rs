//! A client that acknowledges what it gets, and remembers it.

use alloc::collections::BTreeSet;

use mqtt_broker_core::ConnectionHandle;
use mqtt_codec::{
    Ack, Framed, Packet, PacketIdentifier, Property, Publish, Sender, Version, frame,
};

/// One message as the application gets it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Delivered {
    pub(crate) topic: String,
    pub(crate) payload: String,
    pub(crate) qos: u8,
    pub(crate) retain: bool,
    pub(crate) identifiers: Vec<u32>,
    pub(crate) expiry: Option<u32>,
}

#[derive(Default)]
pub(crate) struct Client {
    pub(crate) handle: Option<ConnectionHandle>,
    /// On the way to the broker.
    pub(crate) input: Vec<u8>,
    pub(crate) waiting: bool,
    /// From the broker, not a whole packet yet.
    pub(crate) output: Vec<u8>,
    pub(crate) delivered: Vec<Delivered>,
    /// Acknowledgements and the like, as text.
    pub(crate) answers: Vec<String>,
    /// Whether it acknowledges.
    pub(crate) silent: bool,
    exactly_once: BTreeSet<PacketIdentifier>,
}

impl Client {
    pub(crate) fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = vec![0; packet.encoded_len(Version::V5)];
        packet.encode(Version::V5, &mut bytes).unwrap();
        self.input.extend_from_slice(&bytes);
    }

    pub(crate) fn read(&mut self) {
        let output = core::mem::take(&mut self.output);
        let mut rest = &*output;
        while let Ok(Framed::Complete(frame)) = frame(rest, Sender::Server, u32::MAX) {
            self.packet(&frame.decode(Version::V5).unwrap());
            rest = &rest[frame.encoded_len()..];
        }
        self.output = rest.to_vec();
    }

    pub(crate) fn forget_connection(&mut self) {
        (self.handle, self.waiting) = (None, false);
        (self.input, self.output) = (Vec::new(), Vec::new());
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        match packet {
            Packet::Publish(publish) => self.publish(publish),
            Packet::Pubrel(ack) => {
                self.exactly_once.remove(&ack.packet_identifier);
                self.send(&Packet::Pubcomp(Ack::success(ack.packet_identifier)));
            }
            Packet::Pubrec(ack) => {
                self.answers.push(format!("{packet}"));
                if !ack.reason_code.is_error() {
                    self.send(&Packet::Pubrel(Ack::success(ack.packet_identifier)));
                }
            }
            Packet::Connack(connack) if !connack.session_present => {
                self.exactly_once.clear();
                self.answers.push(format!("{packet}"));
            }
            _ => self.answers.push(format!("{packet}")),
        }
    }

    fn publish(&mut self, publish: &Publish<'_>) {
        let identifier = publish.delivery.packet_identifier();
        let qos = publish.delivery.qos() as u8;
        if self.silent && qos > 0 {
            return;
        }
        match (qos, identifier) {
            (1, Some(id)) => self.send(&Packet::Puback(Ack::success(id))),
            (2, Some(id)) => {
                self.send(&Packet::Pubrec(Ack::success(id)));
                if !self.exactly_once.insert(id) {
                    return;
                }
            }
            _ => {}
        }
        let mut identifiers: Vec<u32> =
            publish.properties.subscription_identifiers().map(|id| id.get()).collect();
        identifiers.sort_unstable();
        self.delivered.push(Delivered {
            topic: publish.topic.unwrap().as_str().into(),
            payload: String::from_utf8_lossy(publish.payload).into_owned(),
            qos,
            retain: publish.retain,
            identifiers,
            expiry: publish.properties.iter().find_map(|property| match property {
                Property::MessageExpiryInterval(seconds) => Some(seconds),
                _ => None,
            }),
        });
    }
}
