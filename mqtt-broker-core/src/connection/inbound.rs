//! Bytes from a connection: framing, and each packet to the chapter that handles it.

use mqtt_codec::{
    DecodeError, Frame, Framed, Packet, PacketType, ReasonCode, Sender, Version, frame,
};

use super::{Connection, State};
use crate::boundary::{CloseReason, Received};
use crate::broker::Broker;
use crate::config::Limit;
use crate::connection::line::For;
use crate::policy::Policy;
use crate::routing::burst::goes_on;
use crate::routing::replay::WALKS;
use crate::session::queue::Item;
use crate::time::Instant;

/// How many bytes of a packet are a step of work: what it takes to check and to copy them.
const BYTES_PER_STEP: usize = 256;

/// Why a connection ends on which something else comes first.
const NOT_CONNECT: CloseReason =
    CloseReason::Violation(ReasonCode::PROTOCOL_ERROR, "the first packet is not CONNECT");

/// What is wrong with a packet of which no more is known than its first byte.
fn misfit(first: u8, state: State, version: Version) -> Option<CloseReason> {
    let packet_type = PacketType::from_u8(first >> 4)?;
    if state == State::Opening {
        //= [MQTT-3.1.0-1]
        return (packet_type != PacketType::Connect).then_some(NOT_CONNECT);
    }
    let strict = version != Version::V3_1 && packet_type != PacketType::Publish;
    let wrong = strict && first & 0x0F != packet_type.flags();
    wrong.then_some(CloseReason::Malformed(DecodeError::InvalidFixedHeaderFlags))
}

/// What became of a packet.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Flow {
    /// It is done with.
    Next,
    /// It was not taken: a question about it is open. It comes again after `Output::Resume`.
    Wait,
    /// It is not done with, and goes on in a later turn.
    Turn,
    /// It was taken, but what it leads to has yet to end; its connection stands in a line.
    Taken,
    /// It was not taken: its connection stands in a line for room, and it comes again.
    Line,
}

/// A packet that ends its connection.
pub(super) type Handled = Result<Flow, CloseReason>;

impl Broker {
    /// Takes whole packets from the front of `bytes`.
    pub(crate) fn receive(
        &mut self,
        now: Instant,
        index: u32,
        bytes: &[u8],
        policy: &mut dyn Policy,
    ) -> Received {
        let received = self.take_packets(now, index, bytes, policy);
        if !self.burst.is_empty() {
            self.end_burst(now);
        }
        self.recount_connection(index);
        self.settle(now);
        received
    }

    fn take_packets(
        &mut self,
        now: Instant,
        index: u32,
        bytes: &[u8],
        policy: &mut dyn Policy,
    ) -> Received {
        let mut rest = bytes;
        while !rest.is_empty() {
            let Some(connection) = self.connections.get(index) else { break };
            let (state, version) = (connection.state, connection.version);
            //= [MQTT-3.1.4-6]
            if state == State::Closing {
                rest = &[];
                break;
            }
            if connection.waiting || self.is_clogged(connection) {
                self.tell_clogged(index);
                return self.wait(now, index, bytes.len() - rest.len(), 0);
            }
            if self.work.is_done() {
                return self.wait_for_turn(now, index, bytes.len() - rest.len());
            }
            let (bound, limit) = self.packet_limit(state);
            let frame = match frame(rest, Sender::Client, limit) {
                Ok(Framed::Complete(frame)) => frame,
                Ok(Framed::Incomplete { needed }) => {
                    // What cannot become a packet that fits is not waited for.
                    let misfit = rest.first().and_then(|first| misfit(*first, state, version));
                    let Some(reason) = misfit else {
                        let consumed = bytes.len() - rest.len();
                        let needed = rest.len().saturating_add(needed);
                        return Received { consumed, needed, waiting: false };
                    };
                    self.end_burst(now);
                    self.close(now, index, reason);
                    self.end_step(now);
                    rest = &[];
                    break;
                }
                Err(error) => {
                    self.end_burst(now);
                    if error == DecodeError::PacketTooLarge {
                        self.reached(bound, index);
                    }
                    self.malformed(now, index, None, error);
                    self.end_step(now);
                    rest = &[];
                    break;
                }
            };
            let len = frame.encoded_len();
            let packet = (frame, rest.get(..len).unwrap_or_default());
            self.work.add(1 + len / BYTES_PER_STEP);
            match self.handle_frame(now, index, version, packet, policy) {
                Ok(Flow::Next) => {}
                Ok(Flow::Wait) => return self.wait(now, index, bytes.len() - rest.len(), len),
                Ok(Flow::Turn) => return self.wait_for_turn(now, index, bytes.len() - rest.len()),
                Ok(Flow::Taken) => {
                    self.end_step(now);
                    return self.wait(now, index, bytes.len() - rest.len() + len, 0);
                }
                Ok(Flow::Line) => return self.wait(now, index, bytes.len() - rest.len(), 0),
                Err(reason) => {
                    self.end_burst(now);
                    self.close(now, index, reason);
                }
            }
            // A message that has joined a burst has led to nothing else yet.
            if self.burst.is_empty() {
                self.end_step(now);
            }
            rest = rest.get(len..).unwrap_or_default();
        }
        Received { consumed: bytes.len() - rest.len(), ..Received::default() }
    }

    fn handle_frame(
        &mut self,
        now: Instant,
        index: u32,
        version: Version,
        (frame, bytes): (Frame<'_>, &[u8]),
        policy: &mut dyn Policy,
    ) -> Handled {
        let Some(connection) = self.connections.get_mut(index) else { return Ok(Flow::Next) };
        connection.last_received = now;
        connection.was_stopped = false;
        let state = connection.state;
        // Refused for its place before it is read: no work is done for nobody.
        //= [MQTT-3.1.0-1]
        if state == State::Opening && frame.packet_type() != PacketType::Connect {
            return Err(NOT_CONNECT);
        }
        let packet = match frame.decode(version) {
            Ok(packet) => packet,
            Err(error) => {
                self.end_burst(now);
                self.malformed(now, index, Some(frame), error);
                return Ok(Flow::Next);
            }
        };
        if !goes_on(&packet) {
            self.end_burst(now);
        }
        if self.journal.is_full() && self.may_record(state, index, &packet) {
            self.wait_for_room(index);
            return Ok(Flow::Line);
        }
        let handled = self.handle_packet(now, index, state, bytes, &packet, policy);
        // One that ends its connection has come like any other.
        if matches!(handled, Ok(Flow::Next | Flow::Taken) | Err(_)) {
            self.stats.packets_received += 1;
            self.stats.bytes_received += frame.encoded_len() as u64;
        }
        handled
    }

    fn handle_packet(
        &mut self,
        now: Instant,
        index: u32,
        state: State,
        bytes: &[u8],
        packet: &Packet<'_>,
        policy: &mut dyn Policy,
    ) -> Handled {
        let flow = match packet {
            //= [MQTT-3.1.0-1]
            //= [MQTT-3.2.0-2]
            Packet::Connect(connect) if state == State::Opening => {
                self.on_connect(now, index, bytes, connect, policy)?
            }
            Packet::Auth(auth) => self.on_auth(now, index, auth, policy)?,
            Packet::Disconnect(disconnect) if state == State::Authenticating => {
                return Err(CloseReason::Disconnected(disconnect.reason_code));
            }
            //= [MQTT-3.1.2-30]
            _ if state == State::Authenticating => {
                return Err(CloseReason::Violation(
                    ReasonCode::PROTOCOL_ERROR,
                    "neither AUTH nor DISCONNECT before the CONNACK",
                ));
            }
            //= [MQTT-3.1.0-2]
            Packet::Connect(_) => {
                return Err(CloseReason::Violation(ReasonCode::PROTOCOL_ERROR, "a second CONNECT"));
            }
            Packet::Publish(publish) => self.on_publish(now, index, publish, policy)?,
            Packet::Puback(ack) => self.on_puback(index, ack)?,
            Packet::Pubrec(ack) => self.on_pubrec(index, ack)?,
            Packet::Pubrel(ack) => self.on_pubrel(index, ack),
            Packet::Pubcomp(ack) => self.on_pubcomp(index, ack)?,
            Packet::Subscribe(subscribe) => self.on_subscribe(now, index, subscribe, policy)?,
            Packet::Unsubscribe(unsubscribe) => {
                self.on_unsubscribe(now, index, unsubscribe, policy)
            }
            Packet::Pingreq => {
                //= [MQTT-3.12.4-1]
                self.answer(index, Item::Pingresp, 2);
                Flow::Next
            }
            Packet::Disconnect(disconnect) => self.on_disconnect(disconnect, index)?,
            _ => {
                return Err(CloseReason::Violation(
                    ReasonCode::PROTOCOL_ERROR,
                    "a packet that only a server sends",
                ));
            }
        };
        if matches!(flow, Flow::Next | Flow::Taken) {
            self.forget_taken(index);
        }
        Ok(flow)
    }

    /// A packet is done with: what was kept for it until now is of no more use.
    #[inline]
    fn forget_taken(&mut self, index: u32) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        if connection.question.is_some() || connection.progress.is_some() {
            (connection.question, connection.progress) = (None, None);
        }
    }

    /// What bounds a packet, and to how many bytes.
    const fn packet_limit(&self, state: State) -> (Limit, u32) {
        let (first, any) =
            (self.config.limits.connect_packet_size, self.config.maximum_packet_size);
        match state {
            State::Opening | State::Authenticating if first < any => {
                (Limit::ConnectPacketSize, first)
            }
            _ => (Limit::MaximumPacketSize, any),
        }
    }

    fn wait(&mut self, now: Instant, index: u32, consumed: usize, needed: usize) -> Received {
        self.end_burst(now);
        self.commit(now);
        if let Some(connection) = self.connections.get_mut(index) {
            connection.waiting = true;
        }
        Received { consumed, needed, waiting: true }
    }

    fn wait_for_turn(&mut self, now: Instant, index: u32, consumed: usize) -> Received {
        self.connections.line_up(For::Turn, index);
        self.wait(now, index, consumed, 0)
    }

    /// Counts and tells that a client has to read what it is sent first; once for each time that its
    /// input comes to wait.
    fn tell_clogged(&mut self, index: u32) {
        let outgoing = self.config.limits.outgoing;
        let connection = self.connections.get(index);
        if connection.is_some_and(|c| !c.waiting && c.answer_bytes > outgoing) {
            self.reached(Limit::Outgoing, index);
        }
    }

    /// Whether the client leaves so many answers unread, or has asked for retained messages so
    /// often, that its input has to wait.
    #[inline]
    pub(super) fn is_clogged(&self, connection: &Connection) -> bool {
        // A Session is looked at only if there can be something to see: of many that take turns, it
        // is in no cache.
        let is_asking = !self.replays.is_empty()
            && self.sessions.get(connection.session).is_some_and(|found| found.replays > WALKS);
        connection.answer_bytes > self.config.limits.outgoing || is_asking
    }
}
