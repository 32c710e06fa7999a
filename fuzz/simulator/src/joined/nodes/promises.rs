//! What each broker of a joined world owes its own clients: every request is answered once, in its turn,
//! and not before what it stands for is on the disk of that broker.
//!
//! Of a PUBLISH it is not known whether anybody subscribes to it: that is for the peers to say, who may be
//! late. Nor is it known in which record a message from a peer is.

use std::collections::BTreeMap;

use mqtt_broker_core::Lsn;
use mqtt_codec::{Packet, PacketType, QoS, ReasonCode, Version};

use super::Wrong;
use crate::link::LinkId;
use crate::node::NodeId;
use crate::oracle::answers::{Answers, Expected, Owed};
use crate::oracle::durable;

/// What is owed on all connections.
#[derive(Debug, Default)]
pub(super) struct Promises {
    answers: Answers,
    connections: LinkId,
    /// QoS 2 messages that are not released, by client and Packet Identifier: the record of each.
    received: BTreeMap<(String, u16), (NodeId, Lsn)>,
}

impl Promises {
    /// A connection is opened; its number.
    pub(super) const fn opened(&mut self) -> LinkId {
        self.connections += 1;
        self.connections
    }

    /// The broker of a client has taken a packet of it, and has made this record for that.
    pub(super) fn taken(
        &mut self,
        (node, name, link): (NodeId, &str, LinkId),
        packet: &Packet<'_>,
        made: Option<Lsn>,
    ) {
        let mut owe = |answer, identifier: u16, lsn, expected| {
            self.answers.owe(link, answer, Owed { identifier, lsn, expected });
        };
        match packet {
            Packet::Publish(publish) => {
                let identifier = publish.delivery.packet_identifier().map_or(0, |id| id.get());
                match publish.delivery.qos() {
                    QoS::AtMostOnce => {}
                    QoS::AtLeastOnce => {
                        owe(PacketType::Puback, identifier, made, Expected::Anything);
                    }
                    QoS::ExactlyOnce => {
                        // Sent again, it promises what it did the first time.
                        let key = (name.to_string(), identifier);
                        let first = self.received.get(&key).map(|(_, lsn)| *lsn);
                        let promised = first.max(made);
                        owe(PacketType::Pubrec, identifier, promised, Expected::Anything);
                        self.received.extend(promised.map(|lsn| (key, (node, lsn))));
                    }
                }
            }
            Packet::Pubrel(ack) => {
                let identifier = ack.packet_identifier.get();
                self.received.remove(&(name.to_string(), identifier));
                owe(PacketType::Pubcomp, identifier, made, Expected::Anything);
            }
            Packet::Subscribe(subscribe) => {
                let levels = subscribe.subscriptions.iter();
                let codes = levels.map(|(_, o)| ReasonCode::from_u8(o.maximum_qos as u8)).collect();
                let identifier = subscribe.packet_identifier.get();
                owe(PacketType::Suback, identifier, made, Expected::Codes(codes));
            }
            Packet::Unsubscribe(unsubscribe) => {
                let identifier = unsubscribe.packet_identifier.get();
                owe(PacketType::Unsuback, identifier, made, Expected::Anything);
            }
            _ => {}
        }
    }

    /// A client was given a packet, when this was durable on the disk of its broker.
    pub(super) fn given(
        &mut self,
        link: LinkId,
        version: Version,
        packet: &Packet<'_>,
        durable: Lsn,
    ) -> Result<(), Wrong> {
        let promised =
            self.answers.given(link, version, packet).map_err(|words| ("answers", words))?;
        durable::given(link, packet, promised, durable).map_err(|words| ("durable", words))
    }

    /// A broker has died, and this is its last record.
    pub(super) fn died(&mut self, node: NodeId, left: Lsn) {
        self.received.retain(|_, (at, lsn)| *at != node || *lsn <= left);
    }

    /// All is at rest, and this connection is open: has it been answered?
    pub(super) fn missing(&self, link: LinkId) -> Option<String> {
        self.answers.missing(link)
    }
}
