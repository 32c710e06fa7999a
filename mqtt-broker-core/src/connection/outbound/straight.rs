//! The short way out: acknowledgements, and messages about which nothing is to be decided.
//!
//! What [`Broker::transmit_next`] does with these, without a look at anything twice. It takes everything
//! else, and what does not fit.

use mqtt_codec::{PacketIdentifier, PlainPublish, Version};

use super::message::{Outbound, tail};
use super::written::{Piece, Written};
use super::{LEND, SUCCESS, encode_ack};
use crate::broker::Broker;
use crate::connection::answers::ACK_BYTES;
use crate::publication::Publications;
use crate::session::queue::{AckKind, Flags, Item, UnderWay};
use crate::session::sending::queued_size;
use crate::time::Instant;

/// A small machine has little room for the code: what the standard orders goes the long way there.
const IS_USED: bool = usize::BITS > 32;

impl Broker {
    /// Writes the oldest items as long as they are of one kind, nothing is to be decided about them, and
    /// they fit; how many bytes that is. Those that the standard orders wait if `live_only`.
    #[inline]
    pub(super) fn transmit_straight(
        &mut self,
        index: u32,
        room: &mut [u8],
        live_only: bool,
    ) -> usize {
        let Some(connection) = self.connections.get(index) else { return 0 };
        match self.entries.outgoing.front(&connection.outgoing).first() {
            Some(Item::Live { .. }) => self.transmit_live(index, room),
            Some(Item::Ack { .. } | Item::UnderWay(_)) if IS_USED && !live_only => {
                self.transmit_ordered(index, room)
            }
            _ => 0,
        }
    }

    /// QoS 0 messages: they do not expire and have no Subscription Identifier.
    #[inline(never)]
    fn transmit_live(&mut self, index: u32, room: &mut [u8]) -> usize {
        let Some(connection) = self.connections.get_mut(index) else { return 0 };
        let aliases = connection.aliases.as_ref();
        if self.config.ask_deliver || aliases.is_some_and(|aliases| aliases.are_sent()) {
            return 0;
        }
        let (version, maximum) = (connection.version, connection.maximum_packet_size.get());
        let written = self.written.of(version);
        let (mut len, mut sent, mut size) = (0, 0, 0u32);
        loop {
            let mut taken = 0u8;
            let front = self.entries.outgoing.front(&connection.outgoing);
            while let Some(items @ [item, ..]) = front.get(usize::from(taken)..) {
                let room = room.get_mut(len..).unwrap_or_default();
                let publications = &mut self.publications;
                let piece = match written.copy(items, publications, maximum, room) {
                    Some(piece) => piece,
                    None => match write_live(item, publications, version, maximum, room) {
                        Some(piece) => {
                            let packet = room.get(..piece.len).unwrap_or_default();
                            let_go_of_plain(item, publications, written, packet);
                            piece
                        }
                        None => break,
                    },
                };
                len += piece.len;
                size = size.saturating_add(piece.size);
                taken += piece.messages;
            }
            let whole = taken > 0 && usize::from(taken) == front.len();
            sent += u32::from(taken);
            self.entries.outgoing.advance(&mut connection.outgoing, taken);
            if !whole {
                break;
            }
        }
        if sent > 0 {
            connection.live_messages = connection.live_messages.saturating_sub(sent);
            connection.live_bytes = connection.live_bytes.saturating_sub(size);
            self.entries.give(sent);
            self.stats.packets_sent += u64::from(sent);
            self.stats.publish_sent += u64::from(sent);
        }
        len
    }

    /// Acknowledgements, and what has its place in the Session's window.
    #[inline(never)]
    fn transmit_ordered(&mut self, index: u32, room: &mut [u8]) -> usize {
        let Some(connection) = self.connections.get_mut(index) else { return 0 };
        let aliases = connection.aliases.as_ref();
        let form = Form {
            version: connection.version,
            maximum: connection.maximum_packet_size.get(),
            messages: !self.config.ask_deliver && !aliases.is_some_and(|found| found.are_sent()),
        };
        let (mut len, mut packets, mut messages, mut acks) = (0, 0, 0, 0);
        loop {
            let mut taken = 0_u8;
            let front = self.entries.outgoing.front(&connection.outgoing);
            for item in front {
                let room = room.get_mut(len..).unwrap_or_default();
                len += match *item {
                    Item::Ack { kind, packet_identifier, reason_code: code } => {
                        let ack = encode_ack(kind, packet_identifier, code, form.version, room);
                        let Ok(written) = ack else { break };
                        acks += 1;
                        written
                    }
                    Item::UnderWay(identifier) => {
                        let session = self.sessions.get_mut(connection.session);
                        let window = session.map(|session| &mut session.in_flight);
                        let slot = window.and_then(|window| window.get_mut(identifier));
                        let Some(slot) = slot else { break };
                        let publications = &self.publications;
                        let written = write_under_way(slot, identifier, publications, form, room);
                        let Some(written) = written else { break };
                        messages += u64::from(matches!(slot, UnderWay::Message(_)));
                        written
                    }
                    _ => break,
                };
                taken += 1;
            }
            let whole = taken > 0 && usize::from(taken) == front.len();
            packets += u64::from(taken);
            self.entries.outgoing.advance(&mut connection.outgoing, taken);
            if !whole {
                break;
            }
        }
        self.stats.packets_sent += packets;
        self.stats.publish_sent += messages;
        if acks > 0 {
            self.entries.give(acks);
            connection.answer_bytes = connection.answer_bytes.saturating_sub(acks * ACK_BYTES);
            if connection.waiting {
                self.resume(index);
            }
        }
        len
    }
}

/// What a connection takes.
#[derive(Clone, Copy)]
struct Form {
    version: Version,
    maximum: u32,
    /// Nobody is asked about its messages, and none has a Topic Alias.
    messages: bool,
}

/// Writes what has a place in a window, which says then that it has left.
#[inline]
//= [MQTT-4.3.3-6]
fn write_under_way(
    under_way: &mut UnderWay,
    identifier: PacketIdentifier,
    publications: &Publications,
    form: Form,
    room: &mut [u8],
) -> Option<usize> {
    match under_way {
        UnderWay::Release(flags) => {
            let pubrel = encode_ack(AckKind::Pubrel, identifier, SUCCESS, form.version, room);
            let written = pubrel.ok()?;
            flags.set(Flags::LINKED, false);
            Some(written)
        }
        UnderWay::Message(_) if !form.messages => None,
        UnderWay::Message(copy) => {
            let message = Outbound::under_way(copy, identifier)?;
            let piece = write_plain(&message, publications, form.version, form.maximum, room)?;
            copy.flags.set(Flags::SENT, true);
            copy.flags.set(Flags::LINKED, false);
            Some(piece.len)
        }
    }
}

/// Writes a message that does not expire and has no property of its own, if it is to be copied and
/// there is room.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn write_plain(
    message: &Outbound,
    publications: &Publications,
    version: Version,
    maximum: u32,
    room: &mut [u8],
) -> Option<Piece> {
    let publication = publications.get(message.publication)?;
    if !message.identifiers.is_none() || publication.expires_at != Instant::NEVER {
        return None;
    }
    let (topic, pass_through_len) = (publication.topic(), publication.pass_through_len());
    let tail = tail(publication, version == Version::V5);
    if tail.len() > LEND {
        return None;
    }
    let Outbound { delivery, retain, .. } = *message;
    let plain = PlainPublish { delivery, retain, topic, pass_through_len, tail };
    let len = plain.encode(version, room)?;
    let size = queued_size(publication.len());
    (len <= maximum as usize).then_some(Piece { messages: 1, len, size })
}

/// [`write_plain`] of a QoS 0 message.
#[inline]
fn write_live(
    item: &Item,
    publications: &Publications,
    version: Version,
    maximum: u32,
    room: &mut [u8],
) -> Option<Piece> {
    let Item::Live { publication, identifiers, retain } = *item else { return None };
    let message = Outbound::live(publication, identifiers, retain);
    write_plain(&message, publications, version, maximum, room)
}

/// Lets go of a message that was written so. If others wait for it, it is kept as it was written.
#[inline]
fn let_go_of_plain(
    item: &Item,
    publications: &mut Publications,
    written: &mut Written,
    packet: &[u8],
) {
    let Item::Live { publication, .. } = *item else { return };
    let Some(stored) = publications.get_mut(publication) else { return };
    if stored.release_unless_last() {
        written.keep(item, publications, packet);
    } else {
        publications.release(publication);
    }
}
