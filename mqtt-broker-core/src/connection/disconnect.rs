//! How a connection ends: by DISCONNECT, by the broker, or without a word.

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use mqtt_codec::{
    DecodeError, Disconnect, Packet, PacketType, Properties, Property, ReasonCode, Utf8String,
    Version,
};

use super::State;
use super::answers::{Answerable, PropertyList};
use super::inbound::{Flow, Handled};
use crate::boundary::{CloseReason, DropCause, Event, Lsn};
use crate::broker::Broker;
use crate::defect::Defect;
use crate::output::Pending;
use crate::session::FOR_EVER;
use crate::session::queue::{Flags, Item, List, NONE};
use crate::time::Instant;

impl Broker {
    /// The client says goodbye; the close follows.
    pub(super) fn on_disconnect(&mut self, disconnect: &Disconnect<'_>, index: u32) -> Handled {
        let maximum = self.config.session_expiry_maximum;
        let key = self.session_of(index).unwrap_or(NONE);
        let lasts = self.connections.get(index).is_some_and(|connection| connection.asked_to_last);
        let Some(session) = self.sessions.get_mut(key) else { return Ok(Flow::Next) };
        if let Some(interval) = disconnect.properties.session_expiry_interval() {
            //= [MQTT-4.13.1-1]
            if interval > 0 && !lasts {
                return Err(CloseReason::Violation(
                    ReasonCode::PROTOCOL_ERROR,
                    "a Session Expiry Interval in DISCONNECT where CONNECT had none",
                ));
            }
            session.expiry_interval = interval.min(maximum);
        }
        //= [MQTT-3.14.4-3]
        //= [MQTT-3.1.2-10]
        if disconnect.reason_code == ReasonCode::NORMAL_DISCONNECTION {
            self.discard_will(key);
        }
        Err(CloseReason::Disconnected(disconnect.reason_code))
    }

    /// Ends a connection from this side: the Session goes on without it, the client is told where
    /// its version has words for it, and the host is asked to close the transport.
    pub(crate) fn close(&mut self, now: Instant, index: u32, reason: CloseReason) {
        self.close_telling(now, index, reason, None);
    }

    /// Ends a connection from this side, with the server to use instead.
    pub(crate) fn close_telling(
        &mut self,
        now: Instant,
        index: u32,
        reason: CloseReason,
        server_reference: Option<&str>,
    ) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let (state, version) = (connection.state, connection.version);
        if state == State::Closing {
            return;
        }
        //= [MQTT-3.14.4-1]
        connection.state = State::Closing;
        self.timers.cancel(&mut connection.timer);
        self.drop_question(index);
        //= [MQTT-3.14.0-1]
        if state == State::Connected {
            self.detach(now, index, reason);
            let greeted = self.connections.get(index).is_some_and(|connection| connection.greeted);
            //= [MQTT-3.14.0-1]
            let forgotten =
                self.is_planted(Defect::ForgottenGoodbye) && reason == CloseReason::TakenOver;
            let told = greeted && !is_goodbye(reason) && !forgotten;
            //= [MQTT-4.13.1-1]
            if told && version == Version::V5 {
                self.send_disconnect(index, reason, server_reference);
            }
        }
        if matches!(state, State::Opening | State::Authenticating) {
            self.event(|broker| {
                let connection = broker.connections.handle(index)?;
                let peer = broker.connections.get(index)?.peer;
                Some(Event::Closed { connection, peer, reason })
            });
        }
        // A client that has sent CONNECT and no more than that is refused.
        if state == State::Authenticating && !matches!(reason, CloseReason::Disconnected(_)) {
            let code = reason.reason_code().answerable(PacketType::Connack);
            self.send_refusal(index, code, &words(reason), None);
        }
        if let Some(handle) = self.connections.handle(index) {
            //= [MQTT-3.14.4-2]
            //= [MQTT-4.13.2-1]
            self.outputs.push(Pending::Close(handle, reason));
        }
    }

    /// Queues a DISCONNECT, with words where there are any beyond the reason code.
    fn send_disconnect(&mut self, index: u32, reason: CloseReason, server_reference: Option<&str>) {
        let words = words(reason);
        let mut list: PropertyList<'_> = PropertyList::new();
        let reference = server_reference.and_then(|text| Utf8String::new(text).ok());
        list.extend(reference.map(Property::ServerReference));
        list.extend(self.reason_string(index, &words));
        let reason_code = reason.reason_code().answerable(PacketType::Disconnect);
        let properties = Properties::new(&list);
        //= [MQTT-3.14.2-2]
        //= [MQTT-3.14.2-4]
        self.send_packet(index, &Packet::Disconnect(Disconnect { reason_code, properties }));
    }

    /// The transport is gone.
    pub(crate) fn connection_ended(&mut self, now: Instant, index: u32) {
        if self.session_of(index).is_some() {
            self.detach(now, index, CloseReason::ConnectionLost);
        }
        self.drop_question(index);
        if let Some(mut connection) = self.connections.remove(index) {
            self.timers.cancel(&mut connection.timer);
            self.account.give(connection.counted as usize);
            if let Some(progress) = &connection.progress {
                self.release_interests(progress.interests());
            }
            self.drop_held(NONE, connection.held);
            match connection.former {
                Some(client) => self.leave_unsent(*client, connection.outgoing),
                None => self.discard(connection.outgoing),
            }
            let tail = connection.partial.and_then(|partial| partial.publication);
            if let Some(publication) = tail {
                self.publications.release(publication);
            }
        }
        self.settle(now);
    }

    /// Takes the Session from its connection: the Will Message, the expiry and what is under way
    /// are the Session's from now on.
    fn detach(&mut self, now: Instant, index: u32, reason: CloseReason) {
        self.drop_delivery(index);
        let handle = self.connections.handle(index);
        let Some(connection) = self.connections.get_mut(index) else { return };
        let peer = connection.peer;
        let key = core::mem::replace(&mut connection.session, NONE);
        connection.state = State::Closing;
        connection.held_pubacks = 0;
        connection.held_live = 0;
        connection.connack_held = false;
        connection.promised = Lsn(0);
        let mut outgoing = core::mem::take(&mut connection.outgoing);
        let held = core::mem::take(&mut connection.held);
        self.keep_unaddressed(key, &mut outgoing);
        // Nothing that is held back may leave: what it acknowledges is not durable.
        self.drop_held(key, held);
        let Some(session) = self.sessions.get_mut(key) else { return };
        if let Some(connection) = self.connections.get_mut(index) {
            connection.outgoing = outgoing;
            // Messages with QoS 0: the others stay with the Session.
            let has_messages = connection.live_messages > 0;
            connection.former = has_messages.then(|| Box::new(session.client_identifier.clone()));
        }
        self.recount_connection(index);
        let ends = self.is_planted(Defect::EndlessEnds);
        let Some(session) = self.sessions.get_mut(key) else { return };
        session.connection = NONE;
        session.on_wire = 0;
        self.stats.offline_bytes += session.queued_bytes as usize;
        session.ends_at = match session.expiry_interval {
            FOR_EVER if !ends => Instant::NEVER,
            seconds => now + core::time::Duration::from_secs(seconds.into()),
        };
        let client_identifier = session.client_identifier.to_string();
        if let Some(handle) = handle {
            self.event(|_| {
                Some(Event::Disconnected { connection: handle, client_identifier, peer, reason })
            });
        }
        self.session_left(now, key);
    }

    /// Of what a connection had to send, keeps what is complete in itself. QoS 1 and 2 messages
    /// stay with the Session's window, unlinked.
    fn keep_unaddressed(&mut self, session: u32, line: &mut List) {
        self.work.add(line.len() as usize);
        let mut session = self.sessions.get_mut(session);
        self.entries.outgoing.retain(line, |item| {
            let Item::UnderWay(identifier) = item else { return true };
            let window = session.as_mut().map(|session| &mut session.in_flight);
            if let Some(message) = window.and_then(|window| window.get_mut(*identifier)) {
                message.flags_mut().set(Flags::LINKED, false);
            }
            false
        });
    }

    /// Drops what a connection was not to send yet.
    fn drop_held(&mut self, session: u32, mut held: List) {
        self.work.add(held.len() as usize);
        while let Some((_, item)) = self.entries.held.pop(&mut held) {
            match item {
                Item::UnderWay(identifier) => {
                    let session = self.sessions.get_mut(session);
                    let window = session.map(|session| &mut session.in_flight);
                    if let Some(message) = window.and_then(|window| window.get_mut(identifier)) {
                        message.flags_mut().set(Flags::LINKED, false);
                    }
                }
                Item::Live { publication, .. } => {
                    self.dropped(session, publication, DropCause::ConnectionEnded);
                }
                _ => {}
            }
            self.free_item(item);
        }
    }
}

/// Whether the client has said that it leaves. With a Reason Code that DISCONNECT does not have it is
/// refused, but gone all the same: it takes no answer.
const fn is_goodbye(reason: CloseReason) -> bool {
    matches!(
        reason,
        CloseReason::Disconnected(_)
            | CloseReason::Malformed(DecodeError::InvalidDisconnectReasonCode)
    )
}

/// What there is to say beyond the reason code.
fn words(reason: CloseReason) -> String {
    match reason {
        CloseReason::Malformed(error) => error.to_string(),
        CloseReason::Violation(_, rule) => rule.to_string(),
        _ => String::new(),
    }
}
