//! Every request is answered once, in the order of its kind, with the right reason code.

use std::collections::{BTreeMap, VecDeque};

use mqtt_broker_core::Lsn;
use mqtt_codec::{Packet, PacketType, ReasonCode, Version};

use crate::link::LinkId;
use crate::reach::reached;

/// What is owed to each connection.
#[derive(Debug, Default)]
pub struct Answers {
    owed: BTreeMap<(LinkId, u8), VecDeque<Owed>>,
}

/// One answer to come.
#[derive(Clone, Debug)]
pub struct Owed {
    /// The Packet Identifier it repeats; 0 for none.
    pub identifier: u16,
    /// The record it promises, if any.
    pub lsn: Option<Lsn>,
    /// What it is to say.
    pub expected: Expected,
}

/// What an answer is to say.
#[derive(Clone, Debug)]
pub enum Expected {
    /// Whatever it says is right.
    Anything,
    /// This reason code, where the version has one.
    Code(ReasonCode),
    /// A reason code for each filter; `None` is any refusal.
    Codes(Vec<Option<ReasonCode>>),
}

impl Answers {
    /// A request was taken that is answered by a packet of this type.
    pub fn owe(&mut self, link: LinkId, answer: PacketType, owed: Owed) {
        self.owed.entry((link, answer as u8)).or_default().push_back(owed);
    }

    /// An answer was given: the record that it promises.
    ///
    /// # Errors
    ///
    /// Nobody asked for it, or it says something else than it should.
    pub fn given(
        &mut self,
        link: LinkId,
        version: Version,
        packet: &Packet<'_>,
    ) -> Result<Option<Lsn>, String> {
        let (identifier, codes) = match packet {
            Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubcomp(ack) => {
                (ack.packet_identifier.get(), vec![ack.reason_code])
            }
            Packet::Suback(ack) => (ack.packet_identifier.get(), ack.reason_codes.iter().collect()),
            Packet::Unsuback(ack) => {
                (ack.packet_identifier.get(), ack.reason_codes.iter().collect())
            }
            Packet::Pingresp => (0, Vec::new()),
            _ => return Ok(None),
        };
        let queue = self.owed.entry((link, packet.packet_type() as u8)).or_default();
        let Some(owed) = queue.pop_front() else {
            return Err(format!("link {link} is sent an answer that nobody asked for: {packet}"));
        };
        if owed.identifier != identifier {
            let first = owed.identifier;
            return Err(format!("link {link} is owed the answer to {first} first: {packet}"));
        }
        reach(packet.packet_type(), codes.len());
        if !owed.expected.allows(version, &codes) {
            let expected = &owed.expected;
            return Err(format!("link {link} should be told {expected:?}: {packet}"));
        }
        Ok(owed.lsn)
    }

    /// Whether a connection waits for an answer of this type.
    #[must_use]
    pub fn owes(&self, link: LinkId, packet_type: PacketType) -> bool {
        let owed = self.owed.get(&(link, packet_type as u8));
        owed.is_some_and(|queue| !queue.is_empty())
    }

    /// What a connection that is still open has not been answered.
    #[must_use]
    pub fn missing(&self, link: LinkId) -> Option<String> {
        let mut of_link = self.owed.range((link, 0)..=(link, u8::MAX));
        let ((_, kind), queue) = of_link.find(|(_, queue)| !queue.is_empty())?;
        let name = PacketType::from_u8(*kind).map_or("?", PacketType::name);
        Some(format!("link {link} never got its {name} for {}", queue.front()?.identifier))
    }
}

/// The requirements that an answer of this type, with so many reason codes, is judged by.
fn reach(packet_type: PacketType, codes: usize) {
    let of_type: &[&'static str] = match packet_type {
        PacketType::Puback => &["MQTT-3.3.4-1", "MQTT-4.3.2-4", "MQTT-4.6.0-2"],
        PacketType::Pubrec => &["MQTT-3.3.4-1", "MQTT-4.3.3-8", "MQTT-4.6.0-3"],
        PacketType::Pubcomp => &["MQTT-4.3.3-11"],
        PacketType::Suback => &["MQTT-3.8.4-1", "MQTT-3.8.4-2", "MQTT-3.8.4-6", "MQTT-3.8.4-7"],
        PacketType::Unsuback => &["MQTT-3.10.4-4", "MQTT-3.10.4-5"],
        PacketType::Pingresp => &["MQTT-3.12.4-1"],
        _ => &[],
    };
    of_type.iter().copied().for_each(reached);
    let of_several: &[&'static str] = match packet_type {
        PacketType::Suback if codes > 1 => &["MQTT-3.8.4-5", "MQTT-3.9.3-1"],
        PacketType::Unsuback if codes > 1 => &["MQTT-3.10.4-6"],
        _ => &[],
    };
    of_several.iter().copied().for_each(reached);
}

impl Expected {
    fn allows(&self, version: Version, codes: &[ReasonCode]) -> bool {
        match self {
            Self::Anything => true,
            Self::Code(code) => version != Version::V5 || codes == [*code],
            Self::Codes(expected) => {
                // An UNSUBACK of 3.x has none.
                if codes.is_empty() && version != Version::V5 {
                    return true;
                }
                expected.len() == codes.len()
                    && expected.iter().zip(codes).all(|(expected, code)| match expected {
                        Some(expected) if expected.is_error() && version != Version::V5 => {
                            code.is_error()
                        }
                        Some(expected) => expected == code,
                        None => code.is_error(),
                    })
            }
        }
    }
}
