//! A publication to everyone in `Broker::matches`, each of whom gets one copy.

use mqtt_codec::QoS;

use super::local::is_local;
use super::spread::AT_ONCE;
use super::{Delivery, addressed};
use crate::broker::Broker;
use crate::defect::Defect;
use crate::peers::is_peer;
use crate::publication::Publication;
use crate::session::queue::{Copy, Flags, Item, UnderWay};
use crate::session::sending::{Addressed, UNREAD, queued_size};
use crate::store::Claim;
use crate::subscription::{Match, Matches};
use crate::time::Instant;

/// So many matches that are only looked at are a step of work.
const LOOKS: usize = 16;

/// So many copies that go the short way are a step of work.
pub(super) const SHORT_WAYS: usize = 2;

/// A small machine has little room for the code of a second way.
const IS_ROOMY: bool = usize::BITS > 32;

/// A publication, and what its copies have in common.
#[derive(Clone, Copy)]
pub(super) struct Routed {
    publication: u32,
    qos: QoS,
    retain: bool,
    sequence: u64,
    /// The Session it comes from.
    origin: Option<u32>,
    /// What a copy counts for in a queue.
    size: u32,
}

impl Routed {
    pub(super) fn of(publication: u32, stored: &Publication, origin: Option<u32>) -> Self {
        let (qos, retain, sequence) = (stored.qos, stored.retain(), stored.sequence);
        Self { publication, qos, retain, sequence, origin, size: queued_size(stored.len()) }
    }
}

impl Broker {
    /// Queues a publication for everyone in `matches`. Of a stamp that is not 0 all peers are told.
    pub(crate) fn deliver(
        &mut self,
        now: Instant,
        publication: u32,
        origin: Option<u32>,
        stamp: u64,
    ) {
        let Some(stored) = self.publications.get(publication) else { return };
        let mut routed = Routed::of(publication, stored, origin);
        routed.retain &= !self.is_planted(Defect::LostRetainFlag);
        let many = self.are_many();
        let matches = core::mem::take(&mut self.matches);
        // A peer does not wait with what comes next, and a group may choose one.
        let alone = self.peers.is_none();
        if many && (alone || matches.groups.is_empty() && !origin.is_some_and(is_peer)) {
            self.deliver_over_turns(now, routed, matches);
            self.forward(publication, origin, stamp);
            return;
        }
        if matches.filters > 1 {
            self.deliver_merged(now, routed, &matches);
        } else {
            self.deliver_each(now, routed, &matches.subscribers);
        }
        for &group in &matches.groups {
            let (qos, retain) = (routed.qos, routed.retain);
            if let Some(delivery) = self.choose_member(group, qos, retain, origin) {
                self.queue_copy(routed, delivery, delivery.message(publication));
            }
        }
        self.work.add(matches.groups.len() * 2);
        self.tell_missed(publication);
        if self.peers.is_some() {
            self.forward(publication, origin, stamp);
        }
        self.matches = matches;
    }

    /// Whether so many match that their copies are queued over turns.
    pub(super) fn are_many(&self) -> bool {
        let matches = self.matches.subscribers.len() + self.matches.groups.len();
        matches > self.work.of_one_kind().max(AT_ONCE)
    }

    /// Of those that are to have a copy, clients have theirs over turns, and all others at once.
    #[cold]
    fn deliver_over_turns(&mut self, now: Instant, routed: Routed, mut matches: Matches) {
        if matches.filters > 1 {
            self.merge(now, routed, &matches);
        } else {
            for &found in matches.subscribers.iter().filter(|found| is_local(found.subscriber)) {
                self.deliver_aside(now, routed, addressed(found, routed.qos, routed.retain));
            }
            self.work.add(matches.subscribers.len() / LOOKS);
        }
        self.put_off(routed.publication, routed.origin, &mut matches);
        self.matches = matches;
    }

    /// To subscribers of whom none is there twice.
    pub(super) fn deliver_each(&mut self, now: Instant, routed: Routed, found: &[Match]) {
        let subscribers = u32::try_from(found.len()).unwrap_or(u32::MAX);
        // One count for all that go the short way, and back for those that do not.
        self.publications.hold_for(routed.publication, subscribers);
        let mut held = 0;
        for &found in found {
            //= [MQTT-3.8.3-3]
            if found.options.no_local && routed.origin == Some(found.subscriber) {
                continue;
            }
            let delivery = addressed(found, routed.qos, routed.retain);
            if self.send_one_at_once(routed, delivery) {
                held += 1;
            } else if is_local(delivery.subscriber) {
                self.deliver_aside(now, routed, delivery);
            } else if self.sessions.get(delivery.subscriber).is_some_and(|found| !found.ended) {
                self.queue_copy(routed, delivery, delivery.message(routed.publication));
            }
        }
        self.publications.release_for(routed.publication, subscribers - held);
        self.work.add((subscribers - held) as usize * 2 + held as usize / SHORT_WAYS);
    }

    /// To a Session, by the long way.
    fn queue_copy(&mut self, routed: Routed, delivery: Delivery, message: Addressed) {
        let chosen = routed.sequence % 8 == 7;
        if self.is_planted(Defect::LostEnqueue) && chosen {
            self.entries.remove_identifiers(message.identifiers);
            return;
        }
        self.enqueue(delivery.subscriber, message);
        if self.is_planted(Defect::DoubleDelivery) && chosen {
            self.enqueue(delivery.subscriber, delivery.message(routed.publication));
        }
    }

    /// To a subscriber that has no Session: the host, or a peer.
    fn deliver_aside(&mut self, now: Instant, routed: Routed, delivery: Delivery) {
        if is_peer(delivery.subscriber) {
            self.route_to_peer(delivery.subscriber, routed.origin);
        } else {
            self.deliver_local(now, routed.publication, delivery);
        }
    }

    /// Sends one copy the short way; whether there is nothing to be weighed.
    #[inline]
    fn send_one_at_once(&mut self, routed: Routed, delivery: Delivery) -> bool {
        if self.is_planted(Defect::LostEnqueue) || self.is_planted(Defect::DoubleDelivery) {
            return false;
        }
        let Delivery { subscriber, qos, retain, .. } = delivery;
        let (publication, identifiers) = (routed.publication, delivery.identifier.into());
        if qos == QoS::AtMostOnce {
            let item = Item::Live { publication, identifiers, retain };
            return self.send_at_once(subscriber, &[item], routed.size);
        }
        let flags = Flags::default().with(Flags::RETAIN, retain);
        self.start_at_once(subscriber, Copy { publication, identifiers, group: 0, qos, flags })
    }

    /// Puts QoS 0 copies that count for `size` in the line of a subscriber's connection, if there is
    /// nothing to be weighed; whether that was so. Their holds on the publications are the caller's
    /// business.
    ///
    /// What [`enqueue`](Self::enqueue) does, without a look at anything twice.
    #[inline]
    pub(super) fn send_at_once(&mut self, subscriber: u32, items: &[Item], size: u32) -> bool {
        let Some(session) = self.sessions.get(subscriber) else { return false };
        let Some(connection) = self.connections.get_mut(session.connection) else { return false };
        let (unsent, copies) = (connection.live_bytes.saturating_add(size), count(items));
        if session.waiting_live > 0
            || session.ended
            || connection.connack_held
            || connection.held_live > 0
            || session.queued_bytes.saturating_add(unsent) > self.config.queue_bytes
            || (unsent > UNREAD && !self.account.admits(Claim::Live, size as usize))
            || self.entries.take_messages(copies).is_err()
        {
            return false;
        }
        if self.entries.outgoing.extend(&mut connection.outgoing, items).is_err() {
            self.entries.give(copies);
            return false;
        }
        connection.live_messages += copies;
        connection.live_bytes = unsent;
        if !connection.notified {
            self.notify(session.connection);
        }
        true
    }

    /// Puts a copy into the window of a subscriber and into the line of its connection, if there is
    /// nothing to be weighed; whether that was so. The hold on its publication is the caller's business.
    ///
    /// What [`enqueue`](Self::enqueue) does, without a look at anything twice.
    #[inline(never)]
    fn start_at_once(&mut self, subscriber: u32, mut copy: Copy) -> bool {
        let Some(session) = self.sessions.get_mut(subscriber) else { return false };
        let Some(connection) = self.connections.get_mut(session.connection) else { return false };
        if !IS_ROOMY
            || session.is_journalled
            || session.ended
            || !session.waiting.is_empty()
            || session.on_wire >= connection.receive_maximum
            || !session.in_flight.resent()
            || session.in_flight.growth() > 0
            || !connection.held.is_empty()
            || !self.journal.is_durable(connection.promised)
            || self.account.is_short()
        {
            return false;
        }
        let Some(identifier) = session.in_flight.next_identifier() else { return false };
        if self.entries.take_messages(1).is_err() {
            return false;
        }
        let (lines, item) = (&mut self.entries.outgoing, Item::UnderWay(identifier));
        if lines.push(&mut connection.outgoing, item).is_err() {
            self.entries.give(1);
            return false;
        }
        copy.flags.set(Flags::ON_WIRE, true);
        copy.flags.set(Flags::LINKED, true);
        session.in_flight.push(UnderWay::Message(copy));
        session.on_wire += 1;
        let (index, is_notified) = (session.connection, connection.notified);
        if !is_notified {
            self.notify(index);
        }
        true
    }

    /// To subscribers of whom some may be there more than once.
    fn deliver_merged(&mut self, now: Instant, routed: Routed, matches: &Matches) {
        self.merge(now, routed, matches);
        let mut deliveries = core::mem::take(&mut self.deliveries);
        let mut more = core::mem::take(&mut self.more_identifiers);
        self.work.add(deliveries.len());
        let mut rest = more.drain(..).peekable();
        let copies = u32::try_from(deliveries.len()).unwrap_or(u32::MAX);
        self.publications.hold_for(routed.publication, copies);
        let mut held = 0;
        for (place, delivery) in (0u32..).zip(deliveries.drain(..)) {
            let has_more = rest.peek().is_some_and(|(of, _)| *of == place);
            if !has_more && self.send_one_at_once(routed, delivery) {
                held += 1;
                continue;
            }
            let mut message = delivery.message(routed.publication);
            while let Some((_, identifier)) = rest.next_if(|(of, _)| *of == place) {
                self.entries.add_identifier(&mut message.identifiers, identifier);
            }
            self.queue_copy(routed, delivery, message);
        }
        drop(rest);
        self.publications.release_for(routed.publication, copies - held);
        (self.deliveries, self.more_identifiers) = (deliveries, more);
    }

    /// Lists who gets a copy: overlapping subscriptions make one, of the highest QoS, with all
    /// identifiers. The host and peers have theirs at once.
    fn merge(&mut self, now: Instant, routed: Routed, matches: &Matches) {
        let mut deliveries = core::mem::take(&mut self.deliveries);
        let mut more = core::mem::take(&mut self.more_identifiers);
        for &found in &matches.subscribers {
            //= [MQTT-3.8.3-3]
            if found.options.no_local && routed.origin == Some(found.subscriber) {
                continue;
            }
            let delivery = addressed(found, routed.qos, routed.retain);
            if is_local(delivery.subscriber) {
                self.deliver_aside(now, routed, delivery);
                continue;
            }
            let Some(session) = self.sessions.get_mut(delivery.subscriber) else { continue };
            if session.ended {
                continue;
            }
            if session.routed != routed.sequence {
                session.routed = routed.sequence;
                session.routed_place = u32::try_from(deliveries.len()).unwrap_or(u32::MAX);
                deliveries.push(delivery);
                continue;
            }
            //= [MQTT-3.3.4-2]
            let place = session.routed_place;
            if let Some(first) = deliveries.get_mut(place as usize) {
                first.qos = first.qos.max(delivery.qos);
                first.retain |= delivery.retain;
                match (first.identifier, delivery.identifier) {
                    (Some(_), Some(identifier)) => more.push((place, identifier)),
                    (None, identifier) => first.identifier = identifier,
                    (Some(_), None) => {}
                }
            }
        }
        self.work.add(matches.subscribers.len());
        // Not the stable sort: that takes 4 KiB of stack.
        more.sort_unstable();
        (self.deliveries, self.more_identifiers) = (deliveries, more);
    }
}

fn count(items: &[Item]) -> u32 {
    u32::try_from(items.len()).unwrap_or(u32::MAX)
}
