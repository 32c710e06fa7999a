//! What the broker answers: queued in the connection's line, or held until what it promises is
//! durable.

use alloc::vec;

use mqtt_codec::{Packet, PacketIdentifier, PacketType, Property, ReasonCode, Utf8String, Version};
use smallvec::SmallVec;

use crate::boundary::{CloseReason, DropCause, Lsn};
use crate::broker::Broker;
use crate::connection::line::For;
use crate::defect::Defect;
use crate::publication::{Publication, Publications};
use crate::session::queue::{AckKind, Entries, Flags, Item, List, NONE};

/// A host may deny with any reason code; a packet has some.
pub(super) trait Answerable {
    /// This code, or 0x80 Unspecified error where it is no refusal that such a packet can carry.
    fn answerable(self, packet_type: PacketType) -> Self;
}

impl Answerable for ReasonCode {
    fn answerable(self, packet_type: PacketType) -> Self {
        if self.is_error() && self.is_valid_in(packet_type) {
            self
        } else {
            Self::UNSPECIFIED_ERROR
        }
    }
}

/// The properties of an answer, at most all that a CONNACK can have. There is one length for all, and
/// so one type.
pub(super) type PropertyList<'a> = SmallVec<[Property<'a>; 14]>;

/// What an acknowledgement counts for among the answers of its connection.
pub(super) const ACK_BYTES: u32 = 4;

/// As many items that are held back are looked at in a step.
const HELD_PER_STEP: usize = 16;

/// What a CONNACK, SUBACK or DISCONNECT has beyond the words of its Reason String, generously.
const REASON_OVERHEAD: usize = 64;

impl Broker {
    /// Queues an answer of `size` bytes: an acknowledgement or PINGRESP.
    pub(super) fn answer(&mut self, index: u32, item: Item, size: u32) {
        let lsn = match item {
            Item::Pingresp => Lsn(0),
            _ if self.is_planted(Defect::AckBeforeSync) => Lsn(0),
            // It may be said again of what an earlier record has changed.
            Item::Ack { kind: AckKind::Pubrec | AckKind::Pubcomp, .. } => {
                self.journal.gate().max(self.newest_record_of(index))
            }
            _ => self.journal.gate(),
        };
        if self.entries.take_answer().is_ok() {
            self.queue_answer(index, item, size, lsn);
        } else {
            self.close_overfull(index);
        }
    }

    /// PUBREC of a broker that is to have that defect: as if nothing before it had promised anything.
    pub(super) fn acknowledge_too_early(
        &mut self,
        index: u32,
        packet_identifier: PacketIdentifier,
    ) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let promised = core::mem::take(&mut connection.promised);
        let (kind, reason_code) = (AckKind::Pubrec, ReasonCode::SUCCESS);
        if self.entries.take_answer().is_ok() {
            let item = Item::Ack { kind, packet_identifier, reason_code };
            self.queue_answer(index, item, ACK_BYTES, Lsn(0));
        }
        if let Some(connection) = self.connections.get_mut(index) {
            connection.promised = promised;
        }
    }

    /// Encodes a packet and queues it. `false` if it is larger than the client takes: a client that
    /// cannot be answered is disconnected.
    //= [MQTT-3.1.2-24]
    pub(super) fn send_packet(&mut self, index: u32, packet: &Packet<'_>) -> bool {
        let Some(connection) = self.connections.get(index) else { return false };
        let version = connection.version;
        let len = packet.encoded_len(version);
        if len > connection.maximum_packet_size.get() as usize {
            if let Some(handle) = self.connections.handle(index) {
                let rule = "an answer is larger than the client's Maximum Packet Size";
                let reason = CloseReason::Violation(ReasonCode::PACKET_TOO_LARGE, rule);
                self.closing.push_back((handle, reason));
            }
            return false;
        }
        let mut bytes = vec![0; len];
        let encoded = packet.encode(version, &mut bytes);
        debug_assert!(encoded.is_ok(), "the broker makes packets that can be encoded");
        if encoded.is_err() {
            return false;
        }
        let size = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let lsn = self.promised_by(index, packet);
        match self.entries.insert_packet(bytes.into_boxed_slice()) {
            Ok(item) => self.queue_answer(index, item, size, lsn),
            Err(_) => self.close_overfull(index),
        }
        true
    }

    /// `words` as a Reason String, if there are any and they are welcome; too long for the client
    /// with a small Maximum Packet Size they never are.
    //= [MQTT-3.2.2-19]
    //= [MQTT-3.14.2-3]
    //= [MQTT-3.9.2-1]
    pub(super) fn reason_string<'a>(&self, index: u32, words: &'a str) -> Option<Property<'a>> {
        let connection = self.connections.get(index)?;
        let room = connection.maximum_packet_size.get() as usize;
        let welcome = self.config.reason_strings
            && connection.version == Version::V5
            && !words.is_empty()
            && words.len() + REASON_OVERHEAD <= room;
        Utf8String::new(words).ok().filter(|_| welcome).map(Property::ReasonString)
    }

    /// The same on packets that a client may have asked to be without them.
    //= [MQTT-3.1.2-29]
    pub(super) fn reason_for_problem<'a>(
        &self,
        index: u32,
        words: &'a str,
    ) -> Option<Property<'a>> {
        let welcome = self.connections.get(index)?.problem_information;
        self.reason_string(index, words).filter(|_| welcome)
    }

    /// Puts an item, which is counted, in the connection's line, or aside until `lsn` is durable. A
    /// connection that there is no memory for is closed.
    #[inline]
    pub(crate) fn send_item(&mut self, index: u32, item: Item, lsn: Lsn) {
        let Some(connection) = self.connections.get_mut(index) else {
            self.free_item(item);
            return;
        };
        let mut lsn = lsn;
        if item.is_in_order() {
            lsn = connection.promised.max(lsn);
            connection.promised = lsn;
        }
        let is_free = self.journal.is_durable(lsn) && connection.held.is_empty();
        let (lines, line) = (&mut self.entries.outgoing, &mut connection.outgoing);
        if is_free && lines.push(line, item).is_ok() {
            if !connection.notified {
                self.notify(index);
            }
            return;
        }
        self.send_or_hold(index, item, lsn);
    }

    /// What there may be a reason to hold back, or no memory for at first.
    #[inline(never)]
    fn send_or_hold(&mut self, index: u32, item: Item, lsn: Lsn) {
        // An answer cannot be left out, nor can a message that has its Packet Identifier.
        let is_live = matches!(item, Item::Live { .. });
        let urgent = !is_live;
        let overtakes = lsn > Lsn(0) && self.is_releasing(index);
        let overtakes = overtakes || self.is_behind_retained(index, item);
        let Some(connection) = self.connections.get_mut(index) else { return };
        if self.journal.is_durable(lsn) && !connection.connack_held && !overtakes {
            let (lines, line) = (&mut self.entries.outgoing, &mut connection.outgoing);
            if lines.push(line, item).is_ok()
                || (urgent && self.account.urgently(|| lines.push(line, item)).is_ok())
            {
                self.notify(index);
                return;
            }
            self.give_up(index, item);
            return;
        }
        let (lines, line) = (&mut self.entries.held, &mut connection.held);
        let held = lines.push(line, (lsn, item)).is_ok()
            || (urgent && self.account.urgently(|| lines.push(line, (lsn, item))).is_ok());
        if held {
            if let Item::Ack { kind: AckKind::Puback, .. } = item {
                connection.held_pubacks = connection.held_pubacks.saturating_add(1);
            }
            connection.held_live += u32::from(is_live);
            self.connections.line_up(For::Durable, index);
            return;
        }
        self.give_up(index, item);
    }

    /// Whether a QoS 0 message would overtake a retained one of its topic, which is older and held back.
    //= [MQTT-4.6.0-6]
    fn is_behind_retained(&mut self, index: u32, item: Item) -> bool {
        let Some(connection) = self.connections.get(index) else { return false };
        if connection.held_live == 0 || !matches!(item, Item::Live { .. }) {
            return false;
        }
        self.work.add(connection.held.len() as usize / HELD_PER_STEP);
        is_topic_in(&self.entries, &self.publications, &connection.held, item)
    }

    /// Closes a connection that there is no memory for: what it was to be sent is in no line. It
    /// can do without a message of QoS 0.
    pub(super) fn give_up(&mut self, index: u32, item: Item) {
        if let Item::Live { publication, .. } = item {
            let session = self.session_of(index).unwrap_or(NONE);
            self.dropped(session, publication, DropCause::BrokerFull);
            self.live_gone(index, item);
            return;
        }
        if let Item::UnderWay(identifier) = item {
            let session = self.session_of(index).and_then(|key| self.sessions.get_mut(key));
            let window = session.map(|session| &mut session.in_flight);
            if let Some(message) = window.and_then(|window| window.get_mut(identifier)) {
                message.flags_mut().set(Flags::LINKED, false);
            }
        }
        self.free_item(item);
        self.close_overfull(index);
    }

    /// Whether what is durable still waits for its turn to leave: nothing may overtake it.
    fn is_releasing(&self, index: u32) -> bool {
        self.releasing > 0 && self.connections.waits_for(For::Durable, index)
    }

    /// Lets go what is durable by now, as far as this call goes but one thing at least; the rest stands
    /// in line again.
    pub(crate) fn release_held(&mut self, index: u32) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let mut held = core::mem::take(&mut connection.held);
        let mut kept = List::default();
        let (mut after_connack, mut put_off, mut overfull) = (false, false, false);
        let (mut moved, mut kept_live, mut is_passing) = (0_u32, false, false);
        while let Some(&(lsn, item)) = self.entries.held.front(&held).first() {
            let is_live = matches!(item, Item::Live { .. });
            let is_behind =
                is_live && kept_live && is_topic_in(&self.entries, &self.publications, &kept, item);
            // What is passed over lets nothing by but QoS 0 messages that wait for no record.
            let may_go = !is_passing || after_connack || (is_live && lsn == Lsn(0));
            let durable = self.journal.is_durable(lsn) && !is_behind && may_go;
            // What only waited for the CONNACK, or for a retained message, may lie behind what is not
            // durable yet; without these the rest is in order.
            let may_pass = connection.held_live > 0 && !connection.connack_held;
            if !durable && !after_connack && !may_pass {
                break;
            }
            is_passing |= !durable;
            // The CONNACK takes with it whatever waits for nothing else; what is passed over once is passed
            // over to the end, or the next call would begin with the same.
            let may_stop = !after_connack && !connection.connack_held && !is_passing;
            if moved > 0 && may_stop && self.work.is_done() {
                put_off = true;
                break;
            }
            self.work.add(1);
            let has_room = if durable {
                self.entries.outgoing.push(&mut connection.outgoing, item)
            } else {
                self.entries.held.push(&mut kept, (lsn, item))
            };
            if has_room.is_err() {
                overfull = true;
                break;
            }
            moved = moved.saturating_add(1);
            connection.held_live -= u32::from(is_live && durable);
            kept_live |= is_live && !durable;
            if durable && matches!(item, Item::Ack { kind: AckKind::Puback, .. }) {
                connection.held_pubacks = connection.held_pubacks.saturating_sub(1);
            }
            if core::mem::take(&mut connection.connack_held) {
                connection.greeted = true;
                after_connack = true;
            }
            self.entries.held.advance(&mut held, 1);
        }
        self.entries.held.append(&mut kept, held);
        connection.held = kept;
        if !kept.is_empty() {
            self.connections.line_up(For::Durable, index);
        }
        if overfull {
            self.close_overfull(index);
        }
        if put_off {
            self.releasing = self.connections.waiting_for(For::Durable);
        }
        self.notify(index);
    }

    /// The record that a packet depends on. A refusal or a goodbye promises nothing.
    fn promised_by(&self, index: u32, packet: &Packet<'_>) -> Lsn {
        let key = self.session_of(index).unwrap_or(NONE);
        let Some(session) = self.sessions.get(key) else { return Lsn(0) };
        let gate = self.journal.gate().max(session.lsn);
        match packet {
            // That there is no Session means that the one there was is gone for good.
            Packet::Connack(connack) if !connack.session_present => {
                gate.max(self.journal.end_of(self.sessions.hash_of(key)))
            }
            Packet::Connack(_) | Packet::Suback(_) | Packet::Unsuback(_) => gate,
            _ => Lsn(0),
        }
    }

    /// The newest record that changed the Session of a connection.
    fn newest_record_of(&self, index: u32) -> Lsn {
        let session = self.session_of(index).and_then(|key| self.sessions.get(key));
        session.map_or(Lsn(0), |session| session.lsn)
    }

    fn queue_answer(&mut self, index: u32, item: Item, size: u32, lsn: Lsn) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.answer_bytes = connection.answer_bytes.saturating_add(size);
        }
        self.send_item(index, item, lsn);
    }

    /// There is no entry left for an answer, and an answer cannot be left out.
    fn close_overfull(&mut self, index: u32) {
        if let Some(handle) = self.connections.handle(index) {
            let code = ReasonCode::QUOTA_EXCEEDED;
            let reason = CloseReason::Violation(code, "the broker is full");
            self.closing.push_back((handle, reason));
        }
    }
}

/// Whether a QoS 0 message of the topic of this one is in a list of what is held back.
fn is_topic_in(entries: &Entries, publications: &Publications, held: &List, item: Item) -> bool {
    let topic = |item| match item {
        Item::Live { publication, .. } => publications.get(publication).map(Publication::topic),
        _ => None,
    };
    let wanted = topic(item);
    wanted.is_some() && entries.held.iter(held).any(|(_, item)| topic(*item) == wanted)
}
