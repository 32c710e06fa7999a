//! PUBACK, PUBREC, PUBREL, PUBCOMP: the exchanges of QoS 1 and 2, in both directions.

use mqtt_codec::{Ack, PacketIdentifier, ReasonCode, Version};

use super::answers::ACK_BYTES;
use super::inbound::{Flow, Handled};
use crate::boundary::{CloseReason, DropCause, Lsn};
use crate::broker::Broker;
use crate::defect::Defect;
use crate::journal::SessionChange;
use crate::session::queue::{AckKind, Flags, Item, NONE, UnderWay};

impl Broker {
    /// The end of a QoS 1 delivery.
    pub(super) fn on_puback(&mut self, index: u32, ack: &Ack<'_>) -> Handled {
        let key = self.session_of(index).unwrap_or(NONE);
        //= [MQTT-4.3.2-3]
        //= [MQTT-4.4.0-2]
        //= [MQTT-4.8.2-6]
        if self.is_under_way(key, ack.packet_identifier, mqtt_codec::QoS::AtLeastOnce) {
            if ack.reason_code.is_error() {
                self.refused_by(key, ack.packet_identifier);
            }
            self.complete(key, ack.packet_identifier);
            return Ok(Flow::Next);
        }
        self.check_exchange(key, ack.packet_identifier)
    }

    /// The client has a QoS 2 message, or will not have it.
    pub(super) fn on_pubrec(&mut self, index: u32, ack: &Ack<'_>) -> Handled {
        let key = self.session_of(index).unwrap_or(NONE);
        let identifier = ack.packet_identifier;
        //= [MQTT-4.3.3-3]
        if self.is_under_way(key, identifier, mqtt_codec::QoS::ExactlyOnce) {
            //= [MQTT-4.3.3-4]
            //= [MQTT-4.4.0-2]
            //= [MQTT-4.8.2-6]
            if ack.reason_code.is_error() {
                self.refused_by(key, identifier);
                self.complete(key, identifier);
            } else if !self.is_planted(Defect::ForgottenPubrel) {
                self.released(key, identifier);
            }
            return Ok(Flow::Next);
        }
        let session = self.sessions.get_mut(key);
        match session.and_then(|session| session.in_flight.get_mut(identifier)) {
            // PUBREC once more: PUBREL once more.
            Some(UnderWay::Release(flags)) => {
                if !flags.has(Flags::LINKED) {
                    flags.set(Flags::LINKED, true);
                    // It was sent, so nothing that it waited for is left.
                    self.send_item(index, Item::UnderWay(identifier), Lsn(0));
                }
            }
            Some(UnderWay::Message(_)) => return self.check_exchange(key, identifier),
            None if ack.reason_code.is_error() => {}
            None => self.acknowledge(
                index,
                AckKind::Pubrel,
                identifier,
                ReasonCode::PACKET_IDENTIFIER_NOT_FOUND,
            ),
        }
        Ok(Flow::Next)
    }

    /// The client does not take a message.
    fn refused_by(&mut self, key: u32, identifier: PacketIdentifier) {
        let session = self.sessions.get(key);
        let message = session.and_then(|session| session.in_flight.get(identifier));
        if let Some(&UnderWay::Message(copy)) = message {
            self.dropped(key, copy.publication, DropCause::Refused);
        }
    }

    /// The end of a QoS 2 delivery.
    pub(super) fn on_pubcomp(&mut self, index: u32, ack: &Ack<'_>) -> Handled {
        let key = self.session_of(index).unwrap_or(NONE);
        let Some(session) = self.sessions.get(key) else { return Ok(Flow::Next) };
        match session.in_flight.get(ack.packet_identifier) {
            Some(UnderWay::Release(flags)) if !flags.has(Flags::LINKED) => {
                self.complete(key, ack.packet_identifier);
                Ok(Flow::Next)
            }
            _ => self.check_exchange(key, ack.packet_identifier),
        }
    }

    /// An acknowledgement that is not the next step of its exchange. Passed over, it would leave the
    /// message under way for ever; one that no message waits for is nothing but late.
    fn check_exchange(&self, key: u32, identifier: PacketIdentifier) -> Handled {
        let session = self.sessions.get(key);
        let under_way = session.and_then(|session| session.in_flight.get(identifier));
        // What is still to be sent cannot be meant: it is late for an earlier message.
        if under_way.is_none_or(|message| message.flags().has(Flags::LINKED)) {
            return Ok(Flow::Next);
        }
        Err(CloseReason::Violation(
            ReasonCode::PROTOCOL_ERROR,
            "an acknowledgement of another kind than its message awaits",
        ))
    }

    /// The client lets go of a QoS 2 message it has sent.
    //= [MQTT-4.3.3-11]
    pub(super) fn on_pubrel(&mut self, index: u32, ack: &Ack<'_>) -> Flow {
        let key = self.session_of(index).unwrap_or(NONE);
        let Some(session) = self.sessions.get_mut(key) else { return Flow::Next };
        //= [MQTT-4.3.3-12]
        //= [MQTT-4.3.3-13]
        let before = session.received.bytes();
        let known = session.received.remove(ack.packet_identifier);
        if session.received.bytes() != before {
            self.recount_session(key);
        }
        if known {
            self.journal_session(key, SessionChange::Released(ack.packet_identifier));
            let forgotten = self.is_planted(Defect::ForgottenQuota);
            let connection = self.connections.get_mut(index).filter(|_| !forgotten);
            if let Some(connection) = connection {
                connection.unreleased = connection.unreleased.saturating_sub(1);
            }
        }
        let code =
            if known { ReasonCode::SUCCESS } else { ReasonCode::PACKET_IDENTIFIER_NOT_FOUND };
        self.acknowledge(index, AckKind::Pubcomp, ack.packet_identifier, code);
        Flow::Next
    }

    /// Sends an acknowledgement, once what it promises is durable.
    pub(super) fn acknowledge(
        &mut self,
        index: u32,
        kind: AckKind,
        packet_identifier: PacketIdentifier,
        reason_code: ReasonCode,
    ) {
        let version = self.connections.get(index).map_or(Version::V5, |c| c.version);
        //= 3.1.1 [MQTT-3.3.5-2]
        // 3.x acknowledgements carry no code: to acknowledge is all they can do.
        let reason_code = if version == Version::V5 { reason_code } else { ReasonCode::SUCCESS };
        //= [MQTT-2.2.1-5]
        self.answer(index, Item::Ack { kind, packet_identifier, reason_code }, ACK_BYTES);
    }
}
