//! Bytes for a connection: late headers, shared tails, as many packets as the buffer takes.

use alloc::boxed::Box;
use alloc::vec;

use mqtt_codec::{Ack, Delivery, Packet, Properties, PublishHead, QoS, ReasonCode, Version};

use super::topic_alias::Outgoing;
use crate::boundary::DropCause;
use crate::broker::Broker;
use crate::policy::Policy;
use crate::publication::Publication;
use crate::session::queue::{AckKind, Copy, Item, NONE};
use crate::time::Instant;

/// Payloads larger than this are lent for a vectored write instead of copied.
const LEND: usize = 4096;

/// A packet that did not fit in the host's buffer: what is left of it.
pub(crate) struct Partial {
    /// An answer, or the header of a message.
    bytes: Box<[u8]>,
    /// How much of them and of the tail has been sent.
    sent: usize,
    /// The publication whose tail follows, held.
    pub(super) publication: Option<u32>,
    whole_tail: bool,
}

impl Partial {
    /// The bytes it holds.
    pub(super) fn heap(&self) -> usize {
        self.bytes.len()
    }
}

/// A publication lent with a write; the hold on it goes with it.
pub(crate) struct Lent {
    pub(crate) publication: u32,
    /// Properties and payload, or the payload alone (3.x).
    pub(crate) whole_tail: bool,
}

/// What came of one entry.
enum Step {
    Written(usize),
    Lent(usize, Lent),
    /// Nothing to write: it was dropped.
    Nothing,
    /// There is no room left for it.
    Full,
}

impl Broker {
    /// Fills `buffer`; how much of it, and what to lend after it.
    pub(crate) fn transmit(
        &mut self,
        now: Instant,
        index: u32,
        buffer: &mut [u8],
        policy: &mut dyn Policy,
    ) -> Option<(usize, Option<Lent>)> {
        let mut len = 0;
        let mut lent = None;
        loop {
            let room = buffer.get_mut(len..).unwrap_or_default();
            let step = if self.connections.get(index)?.partial.is_some() {
                self.transmit_partial(index, room)
            } else {
                match self.transmit_next(now, index, room, len == 0, policy) {
                    Some(step) => step,
                    None if self.continue_replays(now, index) => continue,
                    None => break,
                }
            };
            match step {
                Step::Written(0) | Step::Full => break,
                Step::Written(written) => len += written,
                Step::Nothing => {}
                Step::Lent(written, publication) => {
                    len += written;
                    lent = Some(publication);
                    break;
                }
            }
        }
        self.recount_connection(index);
        self.settle(now);
        let connection = self.connections.get_mut(index)?;
        if len == 0 && lent.is_none() {
            connection.notified = connection.has_outgoing();
            return None;
        }
        Some((len, lent))
    }

    /// Writes the oldest entry; `None` if there is none.
    fn transmit_next(
        &mut self,
        now: Instant,
        index: u32,
        room: &mut [u8],
        fresh: bool,
        policy: &mut dyn Policy,
    ) -> Option<Step> {
        let connection = self.connections.get(index)?;
        let (key, version) = (connection.outgoing.head()?, connection.version);
        let item = &self.entries.get(key)?.item;
        let step = match item {
            Item::Message(_) if self.config.ask_deliver => {
                return Some(self.transmit_asked(now, (index, key), room, fresh, policy));
            }
            Item::Message(_) => return Some(self.transmit_message(now, index, key, room, fresh)),
            Item::Packet(packet) => write(self.entries.packet(*packet), room),
            item => encode(&small_packet(item), version, room),
        };
        if matches!(step, Step::Full) {
            if !fresh {
                return Some(step);
            }
            self.begin_partial_answer(index, key, version);
            return Some(Step::Nothing);
        }
        self.answer_gone(index, key);
        Some(step)
    }

    /// An answer is written: its entry goes, or goes back to the window that owns it.
    fn answer_gone(&mut self, index: u32, key: u32) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        self.entries.pop(&mut connection.outgoing);
        let size = match self.entries.get_mut(key).map(|entry| &mut entry.item) {
            Some(Item::Release { linked, .. }) => {
                *linked = false;
                self.stats.packets_sent += 1;
                return;
            }
            Some(Item::Packet(packet)) => {
                let packet = *packet;
                u32::try_from(self.entries.packet(packet).len()).unwrap_or(u32::MAX)
            }
            Some(Item::Pingresp) => 2,
            _ => 4,
        };
        self.entries.remove(key);
        self.stats.packets_sent += 1;
        connection.answer_bytes = connection.answer_bytes.saturating_sub(size);
        if connection.waiting {
            self.resume(index);
        }
    }

    /// A packet larger than the host's whole buffer: it goes in parts.
    fn begin_partial_answer(&mut self, index: u32, key: u32, version: Version) {
        let Some(item) = self.entries.get(key).map(|entry| &entry.item) else { return };
        let bytes: Box<[u8]> = if let Item::Packet(packet) = item {
            self.entries.packet(*packet).into()
        } else {
            let mut whole = [0; 8];
            let len = small_packet(item).encode(version, &mut whole).unwrap_or(0);
            whole.get(..len).unwrap_or_default().into()
        };
        self.answer_gone(index, key);
        if let Some(connection) = self.connections.get_mut(index) {
            let partial = Partial { bytes, sent: 0, publication: None, whole_tail: false };
            connection.partial = Some(Box::new(partial));
        }
    }

    /// Writes what is left of a packet that comes in parts.
    fn transmit_partial(&mut self, index: u32, room: &mut [u8]) -> Step {
        let Some(connection) = self.connections.get_mut(index) else { return Step::Full };
        let Some(partial) = &mut connection.partial else { return Step::Nothing };
        let head_len = partial.bytes.len();
        let mut len = copy_into(partial.bytes.get(partial.sent..).unwrap_or_default(), room);
        partial.sent += len;
        if partial.sent < head_len {
            return Step::Written(len);
        }
        if let Some(publication) = partial.publication {
            let stored = self.publications.get(publication);
            let tail = stored.map_or(&[][..], |stored| tail(stored, partial.whole_tail));
            if tail.len() > LEND {
                let lent = Lent { publication, whole_tail: partial.whole_tail };
                connection.partial = None;
                return Step::Lent(len, lent);
            }
            let rest = tail.get(partial.sent - head_len..).unwrap_or_default();
            let copied = copy_into(rest, room.get_mut(len..).unwrap_or_default());
            len += copied;
            partial.sent += copied;
            if copied < rest.len() {
                return Step::Written(len);
            }
            self.publications.release(publication);
        }
        connection.partial = None;
        if len == 0 { Step::Nothing } else { Step::Written(len) }
    }

    fn transmit_message(
        &mut self,
        now: Instant,
        index: u32,
        key: u32,
        room: &mut [u8],
        fresh: bool,
    ) -> Step {
        let Some(connection) = self.connections.get_mut(index) else { return Step::Full };
        let version = connection.version;
        let entry = self.entries.get(key).map(|entry| &entry.item);
        let Some(Item::Message(copy)) = entry else { return Step::Full };
        let Some(publication) = self.publications.get(copy.publication) else { return Step::Full };
        //= [MQTT-3.3.2-5]
        //= [MQTT-4.3.3-7]
        if publication.expired(now) && !copy.sent {
            return self.drop_outgoing(index, key, DropCause::Expired);
        }
        let mut one = None;
        let identifiers = self.entries.identifiers(copy.identifiers, &mut one);
        let whole_tail = version == Version::V5;
        let tail = tail(publication, whole_tail);
        let mut head = PublishHead {
            delivery: delivery(copy),
            retain: copy.retain,
            topic: Some(publication.topic()),
            message_expiry_interval: publication.expiry_left(now),
            topic_alias: None,
            //= [MQTT-3.3.4-3]
            subscription_identifiers: identifiers,
            pass_through_len: publication.pass_through_len(),
            payload_len: publication.payload().len(),
        };
        let whole = head.packet_len(version);
        //= [MQTT-3.1.2-24]
        //= [MQTT-3.1.2-25]
        if whole > connection.maximum_packet_size.get() as usize {
            return self.drop_outgoing(index, key, DropCause::TooLarge);
        }
        // Room for the longest form is asked for before an alias is settled: once settled, the
        // packet has to go out as it is.
        let lend = tail.len() > LEND;
        let alias_bytes = if connection.aliases.is_some() { 3 + 4 } else { 0 };
        let wanted = alias_bytes + if lend { whole - tail.len() } else { whole };
        if wanted > room.len() && !fresh {
            return Step::Full;
        }
        if let Some(aliases) = &mut connection.aliases {
            match aliases.outgoing(publication.topic()) {
                Outgoing::Name => {}
                Outgoing::NameAndAlias(alias) => head.topic_alias = Some(alias),
                Outgoing::Alias(alias) => (head.topic, head.topic_alias) = (None, Some(alias)),
            }
        }
        let head_len = head.encoded_len(version);
        let fits = head_len + if lend { 0 } else { tail.len() } <= room.len();
        let publication = copy.publication;
        if head_len > room.len() {
            let mut bytes = vec![0; head_len];
            let encoded = head.encode(version, &mut bytes);
            debug_assert!(encoded.is_ok(), "the broker makes packets that can be encoded");
            let bytes = bytes.into();
            let partial = Partial { bytes, sent: 0, publication: Some(publication), whole_tail };
            connection.partial = Some(Box::new(partial));
            self.publications.hold(publication);
            self.message_gone(index, key);
            return Step::Nothing;
        }
        let len = head.encode(version, room).unwrap_or(0);
        if lend {
            self.publications.hold(publication);
            self.message_gone(index, key);
            return Step::Lent(len, Lent { publication, whole_tail });
        }
        let copied = copy_into(tail, room.get_mut(len..).unwrap_or_default());
        if !fits {
            let bytes = Box::default();
            let partial =
                Partial { bytes, sent: copied, publication: Some(publication), whole_tail };
            connection.partial = Some(Box::new(partial));
            self.publications.hold(publication);
        }
        self.message_gone(index, key);
        Step::Written(len + copied)
    }

    /// Writes a message that the policy lets the client have; drops one that it may not have.
    fn transmit_asked(
        &mut self,
        now: Instant,
        (index, key): (u32, u32),
        room: &mut [u8],
        fresh: bool,
        policy: &mut dyn Policy,
    ) -> Step {
        let step = match self.may_have(now, index, key, policy) {
            Some(true) => self.transmit_message(now, index, key, room, fresh),
            // Left over from a Session that has gone on: there is nobody to ask about.
            Some(false) if self.session_of(index).is_none() => {
                self.drop_outgoing(index, key, DropCause::ConnectionEnded)
            }
            Some(false) => self.drop_outgoing(index, key, DropCause::Denied),
            None => {
                self.stall(index);
                return Step::Nothing;
            }
        };
        if !matches!(step, Step::Full) {
            self.forget_delivery(index);
        }
        step
    }

    /// A message is written: QoS 0 is over, the rest stays with the window.
    #[inline]
    fn message_gone(&mut self, index: u32, key: u32) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let session = connection.session;
        self.entries.pop(&mut connection.outgoing);
        self.stats.packets_sent += 1;
        self.stats.publish_sent += 1;
        let Some(copy) = self.entries.copy_mut(key) else { return };
        copy.sent = true;
        copy.linked = false;
        if copy.qos == QoS::AtMostOnce {
            self.unqueue(session, key);
            self.free_entry(key);
        }
    }

    /// A message is not to be written after all.
    fn drop_outgoing(&mut self, index: u32, key: u32, cause: DropCause) -> Step {
        let Some(connection) = self.connections.get_mut(index) else { return Step::Full };
        let session = connection.session;
        self.entries.pop(&mut connection.outgoing);
        let Some(copy) = self.entries.copy_mut(key) else { return Step::Nothing };
        copy.linked = false;
        let (publication, identifier) = (copy.publication, copy.packet_identifier);
        if session == NONE {
            let former = connection.former.take();
            self.dropped_of(former.as_deref().unwrap_or_default(), publication, cause);
            if let Some(connection) = self.connections.get_mut(index) {
                connection.former = former;
            }
        } else {
            self.dropped(session, publication, cause);
        }
        if let Some(identifier) = identifier {
            self.complete(session, identifier);
        } else {
            self.unqueue(session, key);
            self.free_entry(key);
        }
        Step::Nothing
    }

    /// A QoS 0 message counts as queued no longer.
    fn unqueue(&mut self, session: u32, key: u32) {
        let size = self.size_of(key);
        if let Some(session) = self.sessions.get_mut(session) {
            session.queued_messages = session.queued_messages.saturating_sub(1);
            session.queued_bytes = session.queued_bytes.saturating_sub(size);
            session.live_messages = session.live_messages.saturating_sub(1);
            session.live_bytes = session.live_bytes.saturating_sub(size);
        }
    }
}

/// The packet of an entry that is neither a message nor encoded already.
fn small_packet(item: &Item) -> Packet<'static> {
    //= [MQTT-3.1.2-29]
    //= [MQTT-3.4.2-2]
    //= [MQTT-3.4.2-3]
    //= [MQTT-3.5.2-2]
    //= [MQTT-3.5.2-3]
    //= [MQTT-3.6.2-2]
    //= [MQTT-3.6.2-3]
    //= [MQTT-3.7.2-2]
    //= [MQTT-3.7.2-3]
    let properties = Properties::EMPTY;
    match *item {
        Item::Ack { kind, packet_identifier, reason_code } => {
            let ack = Ack { packet_identifier, reason_code, properties };
            match kind {
                AckKind::Puback => Packet::Puback(ack),
                AckKind::Pubrec => Packet::Pubrec(ack),
                AckKind::Pubrel => Packet::Pubrel(ack),
                AckKind::Pubcomp => Packet::Pubcomp(ack),
            }
        }
        //= [MQTT-4.3.3-6]
        Item::Release { packet_identifier, .. } => {
            let reason_code = ReasonCode::SUCCESS;
            Packet::Pubrel(Ack { packet_identifier, reason_code, properties })
        }
        Item::Pingresp | Item::Message(_) | Item::Packet(_) => Packet::Pingresp,
    }
}

fn delivery(copy: &Copy) -> Delivery {
    //= [MQTT-3.3.1-1]
    //= [MQTT-3.3.1-3]
    //= [MQTT-4.3.1-1]
    //= [MQTT-4.3.2-2]
    //= [MQTT-4.3.3-2]
    Delivery::new(copy.qos, copy.sent && copy.qos > QoS::AtMostOnce, copy.packet_identifier)
        .unwrap_or(Delivery::AtMostOnce)
}

/// What follows the header of a message: properties and payload, or the payload alone (3.x).
#[inline]
fn tail(publication: &Publication, whole: bool) -> &[u8] {
    if whole { publication.tail() } else { publication.payload() }
}

/// Copies as much as there is room for; how much that was.
#[inline]
fn copy_into(bytes: &[u8], room: &mut [u8]) -> usize {
    let len = bytes.len().min(room.len());
    if let (Some(from), Some(to)) = (bytes.get(..len), room.get_mut(..len)) {
        to.copy_from_slice(from);
    }
    len
}

fn write(bytes: &[u8], room: &mut [u8]) -> Step {
    match room.get_mut(..bytes.len()) {
        Some(room) => {
            room.copy_from_slice(bytes);
            Step::Written(bytes.len())
        }
        None => Step::Full,
    }
}

fn encode(packet: &Packet<'_>, version: Version, room: &mut [u8]) -> Step {
    packet.encode(version, room).map_or(Step::Full, Step::Written)
}
