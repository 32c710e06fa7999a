//! Bytes for a connection: late headers, shared tails, as many packets as the buffer takes.

mod message;
mod put_off;
mod straight;
pub(crate) mod written;

use alloc::boxed::Box;

use mqtt_codec::{
    Ack, EncodeError, Packet, PacketIdentifier, PacketType, Properties, ReasonCode, Version,
};

use self::message::tail;
use self::put_off::PutOff;
use crate::boundary::Lsn;
use crate::broker::Broker;
use crate::connection::answers::ACK_BYTES;
use crate::policy::Policy;
use crate::session::queue::{AckKind, Flags, Item, UnderWay};
use crate::time::Instant;

/// What a PUBREL says of a message that there is.
const SUCCESS: ReasonCode = ReasonCode::SUCCESS;

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

/// What came of one item.
enum Step {
    Written(usize),
    Lent(usize, Lent),
    /// Nothing to write.
    Nothing,
    /// Nothing to write: it was dropped, which this record tells, if any does.
    Dropped(Lsn),
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
        let connection = self.connections.get_mut(index)?;
        let has_walks = !self.replays.is_empty()
            && self.sessions.get(connection.session).is_some_and(|found| !found.parked.is_empty());
        if !connection.has_outgoing() && !has_walks {
            // The host is to be told when that changes.
            connection.notified = false;
            return None;
        }
        let (mut len, mut lent) = (0, None);
        let mut put_off = PutOff::default();
        let mut is_settled = !has_walks;
        loop {
            let room = buffer.get_mut(len..).unwrap_or_default();
            let step = if self.connections.get(index)?.partial.is_some() {
                self.transmit_partial(index, room)
            } else {
                let written = self.transmit_straight(index, room, put_off.is_due());
                if written > 0 {
                    len += written;
                    if is_settled && !self.connections.get(index)?.has_outgoing() {
                        return Some((len, None));
                    }
                    continue;
                }
                let next = if put_off.is_due() {
                    self.transmit_behind(now, index, room, len == 0, policy, &mut put_off)
                } else {
                    self.transmit_next(now, index, room, len == 0, policy)
                };
                match next {
                    Some(step) => step,
                    None if self.continue_replays(now, index) => continue,
                    None => break,
                }
            };
            // What has come about may have to be settled.
            is_settled = false;
            match step {
                Step::Written(0) | Step::Full => break,
                Step::Written(written) => len += written,
                Step::Nothing => {}
                Step::Dropped(lsn) => put_off.wait_for(lsn),
                Step::Lent(written, publication) => {
                    len += written;
                    lent = Some(publication);
                    break;
                }
            }
        }
        if put_off.is_due() {
            self.hold_put_off(index, put_off);
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

    /// Writes the oldest item; `None` if there is none.
    fn transmit_next(
        &mut self,
        now: Instant,
        index: u32,
        room: &mut [u8],
        fresh: bool,
        policy: &mut dyn Policy,
    ) -> Option<Step> {
        let connection = self.connections.get(index)?;
        let version = connection.version;
        let item = *self.entries.outgoing.front(&connection.outgoing).first()?;
        let step = match item {
            Item::Live { .. } => {
                return Some(self.transmit_message(now, index, item, room, fresh, policy));
            }
            Item::UnderWay(identifier) => {
                let session = self.sessions.get(connection.session);
                match session.and_then(|session| session.in_flight.get(identifier)) {
                    //= [MQTT-4.3.3-6]
                    Some(UnderWay::Release(_)) => {
                        step(encode_ack(AckKind::Pubrel, identifier, SUCCESS, version, room))
                    }
                    _ => return Some(self.transmit_message(now, index, item, room, fresh, policy)),
                }
            }
            Item::Ack { kind, packet_identifier, reason_code } => {
                step(encode_ack(kind, packet_identifier, reason_code, version, room))
            }
            Item::Pingresp => step(Packet::Pingresp.encode(version, room)),
            Item::Packet(packet) => write(self.entries.packet(packet), room),
        };
        if matches!(step, Step::Full) {
            if fresh {
                self.begin_partial_answer(index, item, version);
                return Some(Step::Nothing);
            }
            return Some(step);
        }
        self.answer_gone(index, item);
        Some(step)
    }

    /// An answer is written. A PUBREL stays with the window.
    fn answer_gone(&mut self, index: u32, item: Item) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        self.entries.outgoing.advance(&mut connection.outgoing, 1);
        self.stats.packets_sent += 1;
        let size = match item {
            Item::UnderWay(identifier) => {
                let session = self.sessions.get_mut(connection.session);
                let window = session.map(|session| &mut session.in_flight);
                if let Some(message) = window.and_then(|window| window.get_mut(identifier)) {
                    message.flags_mut().set(Flags::LINKED, false);
                }
                return;
            }
            Item::Packet(packet) => {
                u32::try_from(self.entries.packet(packet).len()).unwrap_or(u32::MAX)
            }
            Item::Pingresp => 2,
            _ => ACK_BYTES,
        };
        connection.answer_bytes = connection.answer_bytes.saturating_sub(size);
        let waiting = connection.waiting;
        self.free_item(item);
        if waiting {
            self.resume(index);
        }
    }

    /// An answer larger than the host's whole buffer: it goes in parts.
    fn begin_partial_answer(&mut self, index: u32, item: Item, version: Version) {
        let mut small = [0; 8];
        let bytes: Box<[u8]> = match item {
            Item::Packet(packet) => self.entries.packet(packet).into(),
            item => {
                let encoded = match item {
                    Item::Ack { kind, packet_identifier, reason_code } => {
                        encode_ack(kind, packet_identifier, reason_code, version, &mut small)
                    }
                    Item::UnderWay(identifier) => {
                        encode_ack(AckKind::Pubrel, identifier, SUCCESS, version, &mut small)
                    }
                    _ => Packet::Pingresp.encode(version, &mut small),
                };
                small.get(..encoded.unwrap_or(0)).unwrap_or_default().into()
            }
        };
        self.answer_gone(index, item);
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
}

/// Writes an acknowledgement without properties.
#[inline]
fn encode_ack(
    kind: AckKind,
    packet_identifier: PacketIdentifier,
    reason_code: ReasonCode,
    version: Version,
    room: &mut [u8],
) -> Result<usize, EncodeError> {
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
    let ack = Ack { packet_identifier, reason_code, properties };
    let packet_type = match kind {
        AckKind::Puback => PacketType::Puback,
        AckKind::Pubrec => PacketType::Pubrec,
        AckKind::Pubrel => PacketType::Pubrel,
        AckKind::Pubcomp => PacketType::Pubcomp,
    };
    ack.encode(packet_type, version, room)
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

fn step(encoded: Result<usize, EncodeError>) -> Step {
    encoded.map_or(Step::Full, Step::Written)
}
