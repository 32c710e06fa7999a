//! [`Burst`]: QoS 0 messages of one client to one topic that came one after the other.
//!
//! They are queued together, so that each subscriber is looked at once for all of them. A burst ends
//! before anything else is done that depends on who has got what: when the call that took its messages
//! comes to another packet, to another topic, or to its end.

use mqtt_codec::{Packet, QoS};

use super::Routed;
use super::spread::AT_ONCE;
use crate::broker::Broker;
use crate::defect::Defect;
use crate::publication::Draft;
use crate::session::queue::{Identifiers, Item};
use crate::session::sending::queued_size;
use crate::subscription::Match;
use crate::time::Instant;

/// How many messages are queued together at most: what is done once for all of them is little of each
/// then.
const MESSAGES: usize = 16;

/// A small machine has few subscribers, and little room for the code: each message is queued alone there.
const IS_USED: bool = usize::BITS > 32;

/// Messages that are accepted and not queued yet, for everyone in `Broker::matches`.
#[derive(Clone, Copy)]
pub(crate) struct Burst {
    /// A copy of each, without a Subscription Identifier. Each has a hold on its publication.
    items: [Item; MESSAGES],
    len: u8,
    /// What they count for in a queue.
    size: u32,
    /// The Session they come from.
    origin: Option<u32>,
}

impl Default for Burst {
    fn default() -> Self {
        Self { items: [Item::Pingresp; MESSAGES], len: 0, size: 0, origin: None }
    }
}

impl Burst {
    #[inline]
    pub(crate) const fn is_empty(&self) -> bool {
        !IS_USED || self.len == 0
    }

    fn items(&self) -> &[Item] {
        self.items.get(..usize::from(self.len)).unwrap_or_default()
    }

    fn publications(&self) -> impl Iterator<Item = u32> {
        self.items().iter().filter_map(|item| match item {
            Item::Live { publication, .. } => Some(*publication),
            _ => None,
        })
    }
}

/// Whether a packet may become part of a burst.
pub(crate) const fn goes_on(packet: &Packet<'_>) -> bool {
    match packet {
        Packet::Publish(publish) => {
            matches!(publish.delivery, mqtt_codec::Delivery::AtMostOnce) && !publish.retain
        }
        _ => false,
    }
}

impl Broker {
    /// Whether a message that has just been matched is queued with those that came before it and come
    /// after it: there is nothing in it, or in who gets it, that has to be settled at once.
    #[inline]
    pub(super) fn is_for_burst(&self, draft: &Draft<'_>, origin: Option<u32>) -> bool {
        let subscribers = self.matches.subscribers.len();
        IS_USED
            && draft.qos == QoS::AtMostOnce
            && !draft.retain
            && origin.is_some()
            && self.matches.filters == 1
            && self.matches.groups.is_empty()
            && subscribers <= self.work.of_one_kind().max(AT_ONCE)
            && self.peers.is_none()
            && self.locals.is_empty()
            && self.config.queue_overflow != crate::config::QueueOverflow::Disconnect
            // Where memory is short, what is queued counts for what comes next.
            && !self.account.is_short()
            && !self.is_planted(Defect::LostEnqueue)
            && !self.is_planted(Defect::DoubleDelivery)
    }

    /// Adds a message, whose hold on its publication goes with it.
    #[inline]
    pub(super) fn join_burst(&mut self, now: Instant, publication: u32, origin: Option<u32>) {
        let Some(stored) = self.publications.get(publication) else { return };
        let burst = &mut self.burst;
        if let Some(place) = burst.items.get_mut(usize::from(burst.len)) {
            *place = Item::Live { publication, identifiers: Identifiers::default(), retain: false };
            burst.len += 1;
        }
        burst.size = burst.size.saturating_add(queued_size(stored.len()));
        burst.origin = origin;
        let is_full = usize::from(burst.len) == MESSAGES;
        self.work.add(self.matches.subscribers.len() / super::delivery::SHORT_WAYS);
        if is_full {
            self.queue_burst(now);
        }
    }

    /// Queues what has yet to be queued.
    #[inline]
    pub(crate) fn end_burst(&mut self, now: Instant) {
        if !self.burst.is_empty() {
            self.queue_burst(now);
        }
    }

    #[inline(never)]
    fn queue_burst(&mut self, now: Instant) {
        let burst = self.burst;
        (self.burst.len, self.burst.size) = (0, 0);
        let mut subscribers = core::mem::take(&mut self.matches.subscribers);
        // Those for whom more has to be looked at come to the front, and have theirs afterwards.
        let mut left = 0;
        for place in 0..subscribers.len() {
            let Some(&found) = subscribers.get(place) else { break };
            if !self.send_burst(&burst, found) {
                subscribers.swap(left, place);
                left += 1;
            }
        }
        let sent = u32::try_from(subscribers.len() - left).unwrap_or(u32::MAX);
        let others = subscribers.get(..left).unwrap_or_default();
        for publication in burst.publications() {
            self.publications.hold_for(publication, sent);
            if let Some(routed) = self.routed(publication, burst.origin).filter(|_| left > 0) {
                self.deliver_each(now, routed, others);
                self.tell_missed(publication);
            }
            self.publications.release(publication);
        }
        self.matches.subscribers = subscribers;
    }

    /// Puts all of a burst in a subscriber's line; whether that could be done.
    #[inline]
    fn send_burst(&mut self, burst: &Burst, found: Match) -> bool {
        //= [MQTT-3.8.3-3]
        if found.options.no_local && burst.origin == Some(found.subscriber) {
            return false;
        }
        if found.identifier.is_none() {
            return self.send_at_once(found.subscriber, burst.items(), burst.size);
        }
        let mut identified = *burst;
        for item in &mut identified.items {
            if let Item::Live { identifiers, .. } = item {
                *identifiers = found.identifier.into();
            }
        }
        self.send_at_once(found.subscriber, identified.items(), burst.size)
    }

    fn routed(&self, publication: u32, origin: Option<u32>) -> Option<Routed> {
        let stored = self.publications.get(publication)?;
        Some(Routed::of(publication, stored, origin))
    }
}
