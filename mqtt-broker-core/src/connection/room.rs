//! Back-pressure of the journal: while its host cannot keep up, or its disk is full, whoever would
//! add to it waits, and nobody else.

use mqtt_codec::{Packet, QoS, TopicName};

use super::State;
use super::line::For;
use crate::broker::Broker;
use crate::config::Limit;
use crate::peers::is_peer;
use crate::routing::local::is_local;

impl Broker {
    /// Whether a message would be recorded: it is to be retained, it comes from a Session that
    /// remembers it, or it goes to one that lasts. Of a share group it is assumed.
    pub(crate) fn would_record(
        &mut self,
        publisher: u32,
        qos: QoS,
        retain: bool,
        topic: TopicName<'_>,
    ) -> bool {
        let sessions = &self.sessions;
        let lasts = |key| sessions.get(key).is_some_and(|session| session.is_journalled);
        if retain || qos == QoS::AtMostOnce {
            return retain;
        }
        if qos == QoS::ExactlyOnce && lasts(publisher) {
            return true;
        }
        self.subscriptions.matches(topic, &mut self.matches);
        let mut subscribers = self.matches.subscribers.iter();
        !self.matches.groups.is_empty()
            || subscribers.any(|found| {
                // A peer's copy is kept.
                let local = is_local(found.subscriber);
                if local { is_peer(found.subscriber) } else { lasts(found.subscriber) }
            })
    }

    /// Whether a packet other than a PUBLISH may be recorded.
    pub(super) fn may_record(&self, state: State, index: u32, packet: &Packet<'_>) -> bool {
        match packet {
            Packet::Connect(connect) if state == State::Opening => {
                let known = self.sessions.find(connect.client_identifier.as_str());
                self.expiry_interval(connect) > 0 || connect.will.is_some() || known.is_some()
            }
            Packet::Auth(_) => state == State::Authenticating,
            Packet::Puback(_)
            | Packet::Pubrec(_)
            | Packet::Pubrel(_)
            | Packet::Pubcomp(_)
            | Packet::Subscribe(_)
            | Packet::Unsubscribe(_) => {
                let session = self.session_of(index).and_then(|key| self.sessions.get(key));
                session.is_some_and(|session| session.is_journalled)
            }
            _ => false,
        }
    }

    /// The packet at hand waits until the journal has room.
    pub(super) fn wait_for_room(&mut self, index: u32) {
        self.reached(Limit::JournalBytes, index);
        self.connections.line_up(For::Room, index);
    }

    /// Whether connections wait for room that is there.
    pub(crate) fn has_room_to_give(&self) -> bool {
        self.connections.waiting_for(For::Room) > 0 && !self.journal.is_half_full()
    }

    /// Lets those go on that wait for room, as far as this call goes.
    pub(crate) fn give_room(&mut self) {
        while self.has_room_to_give() && !self.work.is_done() {
            let Some(index) = self.connections.take_first(For::Room) else { return };
            self.work.add(1);
            self.resume(index);
        }
    }
}
