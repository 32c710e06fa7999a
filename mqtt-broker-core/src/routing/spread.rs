//! A message with very many copies: found in one call, queued over turns.
//!
//! Who gets a copy is settled when the message is accepted. Until the last copy is queued, the
//! publisher's input waits and its message is not acknowledged, and the journal's record stays open:
//! all copies are in one record, as those of any other message are. Others go on meanwhile; their
//! changes are in the same record. Who would put off another message waits until that is done, and so
//! does who ends a subscription.

use alloc::vec::Vec;

use mqtt_codec::{Delivery as QoSDelivery, ReasonCode, SubscriptionIdentifier, TopicName};

use super::local::is_local;
use super::{Delivery, addressed};
use crate::boundary::ConnectionHandle;
use crate::broker::{Broker, bytes_of};
use crate::connection::line::For;
use crate::subscription::{Match, Matches};
use crate::time::Instant;

/// As many copies are worth no turn of their own, however few steps a call has.
pub(super) const AT_ONCE: usize = 64;

/// What is left to do for one message.
pub(crate) struct Spread {
    /// Held until the end.
    publication: u32,
    origin: Option<u32>,
    /// Whom it is for, of whom none is there twice: these, and those who have yet to be looked at.
    deliveries: Vec<Delivery>,
    matches: Vec<Match>,
    /// Subscription Identifiers beyond the first, with the place of their delivery, in order.
    more: Vec<(u32, SubscriptionIdentifier)>,
    /// The serials of the share groups that have yet to choose.
    groups: Vec<u32>,
    /// How many of each are done with.
    delivered: usize,
    looked_at: usize,
    identified: usize,
    chosen: usize,
    awaited: Option<Awaited>,
}

/// Who waits for the acknowledgement.
struct Awaited {
    connection: ConnectionHandle,
    session: u32,
    delivery: QoSDelivery,
}

impl Spread {
    const fn heap(&self) -> usize {
        bytes_of(&self.deliveries)
            + bytes_of(&self.matches)
            + bytes_of(&self.more)
            + bytes_of(&self.groups)
    }
}

impl Broker {
    /// Puts off the copies of a publication: those that were listed, or all if one filter has them,
    /// and those of share groups.
    #[cold]
    pub(super) fn put_off(&mut self, publication: u32, origin: Option<u32>, found: &mut Matches) {
        let deliveries = core::mem::take(&mut self.deliveries);
        let more = core::mem::take(&mut self.more_identifiers);
        let mut matches = Vec::new();
        if found.filters <= 1 {
            // They are not there for the next message any more.
            found.alter();
            matches = core::mem::take(&mut found.subscribers);
        }
        self.work.add(found.groups.len());
        let serials = found.groups.iter().map(|group| self.subscriptions.serial(*group));
        let groups = serials.collect();
        self.publications.hold(publication);
        let (delivered, looked_at, identified, chosen, awaited) = (0, 0, 0, 0, None);
        let spread = Spread {
            publication,
            origin,
            deliveries,
            matches,
            more,
            groups,
            delivered,
            looked_at,
            identified,
            chosen,
            awaited,
        };
        self.account.take_anyway(spread.heap());
        self.spreads.push_back(spread);
    }

    /// The publisher of the message that was put off last waits for the end of it.
    pub(crate) fn await_spread(&mut self, index: u32, session: u32, delivery: QoSDelivery) {
        let Some(connection) = self.connections.handle(index) else { return };
        if let Some(spread) = self.spreads.back_mut() {
            spread.awaited = Some(Awaited { connection, session, delivery });
            self.connections.line_up(For::Spread, index);
        }
    }

    /// Puts a connection in line if an earlier message of its Session has yet to be acknowledged, or if
    /// this one would be put off behind another's: the record has to end before the next is begun.
    pub(crate) fn wait_for_spread(
        &mut self,
        now: Instant,
        index: u32,
        session: u32,
        topic: TopicName<'_>,
    ) -> bool {
        if self.spreads.is_empty() {
            return false;
        }
        let is_its = |spread: &Spread| {
            spread.awaited.as_ref().is_some_and(|awaited| awaited.session == session)
        };
        let waits = self.spreads.iter().any(is_its) || {
            self.find_matches(now, topic);
            self.are_many()
        };
        if waits {
            self.connections.line_up(For::Spread, index);
        }
        waits
    }

    /// Puts a connection in line until no message is being put off: a copy that has yet to be queued
    /// would come after the end of its subscription.
    //= [MQTT-3.10.4-2]
    pub(crate) fn wait_for_spreads(&mut self, index: u32) -> bool {
        let waits = !self.spreads.is_empty();
        if waits {
            self.connections.line_up(For::Spread, index);
        }
        waits
    }

    /// Whether a message of the host has yet to be queued for all.
    pub(crate) fn spreads_for_host(&self) -> bool {
        self.spreads.iter().any(|spread| spread.origin.is_none())
    }

    /// Goes on with messages that were put off, as far as this call goes.
    pub(crate) fn run_spreads(&mut self, now: Instant) {
        while let Some(mut spread) = self.spreads.pop_front() {
            let done = self.spread_some(&mut spread);
            self.tell_missed(spread.publication);
            if !done {
                self.spreads.push_front(spread);
                return;
            }
            self.end_spread(&spread);
            if self.spreads.is_empty() {
                self.settle(now);
            }
            if self.work.is_done() {
                return;
            }
        }
        // Those who stood in line: one at least, however much else this call has done.
        while let Some(index) = self.connections.take_first(For::Spread) {
            self.work.add(1);
            self.resume(index);
            if self.work.is_done() {
                return;
            }
        }
    }

    /// Does all that was put off: for who needs one record to be at an end.
    pub(crate) fn finish_spreads(&mut self, now: Instant) {
        while !self.spreads.is_empty() {
            self.work.begin();
            self.run_spreads(now);
        }
    }

    /// Whether it is done with; it does one thing at least.
    fn spread_some(&mut self, spread: &mut Spread) -> bool {
        let Some(stored) = self.publications.get(spread.publication) else { return true };
        let (qos, retain) = (stored.qos, stored.retain());
        loop {
            self.work.add(1);
            if let Some(&delivery) = spread.deliveries.get(spread.delivered) {
                let mut message = delivery.message(spread.publication);
                let mut rest = spread.more.iter().skip(spread.identified);
                while let Some((_, identifier)) =
                    rest.next().filter(|(place, _)| *place as usize == spread.delivered)
                {
                    self.entries.add_identifier(&mut message.identifiers, *identifier);
                    spread.identified += 1;
                }
                spread.delivered += 1;
                // Its key is its own until what it held is freed, which waits for this.
                let goes_on = self.sessions.get(delivery.subscriber).is_some_and(|s| !s.ended);
                if goes_on {
                    self.enqueue(delivery.subscriber, message);
                } else {
                    self.entries.remove_identifiers(message.identifiers);
                }
            } else if let Some(&found) = spread.matches.get(spread.looked_at) {
                spread.looked_at += 1;
                let goes_on = self.sessions.get(found.subscriber).is_some_and(|s| !s.ended);
                //= [MQTT-3.8.3-3]
                let own = found.options.no_local && spread.origin == Some(found.subscriber);
                if goes_on && !own && !is_local(found.subscriber) {
                    let delivery = addressed(found, qos, retain);
                    self.enqueue(delivery.subscriber, delivery.message(spread.publication));
                }
            } else if let Some(&serial) = spread.groups.get(spread.chosen) {
                spread.chosen += 1;
                let group = self.subscriptions.group(serial);
                let delivery =
                    group.and_then(|group| self.choose_member(group, qos, retain, spread.origin));
                if let Some(delivery) = delivery {
                    self.enqueue(delivery.subscriber, delivery.message(spread.publication));
                }
            } else {
                return true;
            }
            if self.work.is_done() {
                return false;
            }
        }
    }

    fn end_spread(&mut self, spread: &Spread) {
        self.account.give(spread.heap());
        self.publications.release(spread.publication);
        let Some(awaited) = &spread.awaited else { return };
        let Awaited { connection, session, delivery } = *awaited;
        let index = self.connections.resolve(connection);
        match index.filter(|index| self.session_of(*index) == Some(session)) {
            Some(index) => {
                self.acknowledge_publish(index, session, delivery, ReasonCode::SUCCESS);
            }
            // It comes again, on another connection, and is known then.
            None if self.sessions.get(session).is_some_and(|state| !state.ended) => {
                if let QoSDelivery::ExactlyOnce { packet_identifier, .. } = delivery {
                    self.remember_received(session, packet_identifier);
                }
            }
            None => {}
        }
        let current = self.sessions.get(session).map(|state| state.connection);
        for index in index.into_iter().chain(current) {
            // Its next message comes after those that have waited meanwhile.
            if self.connections.step_out(For::Spread, index) {
                self.connections.line_up(For::Spread, index);
            }
        }
    }
}
