//! The host's own subscriptions: routed like a client's, delivered as outputs.

use core::num::NonZeroU32;

use mqtt_codec::{SubscriptionIdentifier, SubscriptionOptions, TopicFilter, TopicName};

use super::Delivery;
use super::replay::Walks;
use crate::boundary::{DropCause, Error, LocalSubscription, Peer};
use crate::broker::Broker;
use crate::config::Limit;
use crate::connection::line::For;
use crate::output::LocalCopy;
use crate::peers::PEER;
use crate::recording::Call;
use crate::store::{Account, Slab};
use crate::subscription::{Subscriber, SubscriberList};
use crate::time::Instant;

/// Tells a host's subscription from a Session among subscribers.
pub(crate) const LOCAL: u32 = 1 << 31;

/// Whether this subscriber is the host, or a peer.
#[inline]
pub(crate) const fn is_local(subscriber: Subscriber) -> bool {
    subscriber & LOCAL != 0
}

/// The host's subscriptions.
pub(crate) struct Locals {
    slots: Slab<Local>,
    generation: u32,
    /// How many have a window that is full.
    full: u32,
}

struct Local {
    generation: u32,
    subscriptions: SubscriberList,
    window: Option<Window>,
}

/// How many messages may be on their way to the host.
struct Window {
    size: u32,
    /// How many are, not yet taken.
    pending: u32,
    /// Walks over the retained messages that wait for room.
    parked: Walks,
}

impl Window {
    const fn is_full(&self) -> bool {
        self.pending >= self.size
    }

    /// Half of it stays free for live messages; and who waits for room looks again when there is
    /// that much, not at every message.
    const fn is_roomy(&self) -> bool {
        self.pending < self.size.div_ceil(2)
    }
}

impl Locals {
    pub(crate) fn new(account: &Account, limit: u32) -> Self {
        Self { slots: Slab::new(account, limit.min(PEER & !LOCAL)), generation: 0, full: 0 }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.slots.len() == 0
    }

    /// Where walks wait for room, of one that has a window.
    pub(crate) fn parked(&mut self, subscriber: Subscriber) -> Option<&mut Walks> {
        self.window(subscriber).map(|window| &mut window.parked)
    }

    /// Whether one that has a window can be given a retained message.
    pub(crate) fn is_roomy(&self, subscriber: Subscriber) -> Option<bool> {
        let local = self.slots.get(subscriber & !LOCAL).filter(|_| is_local(subscriber))?;
        local.window.as_ref().map(Window::is_roomy)
    }

    fn window(&mut self, subscriber: Subscriber) -> Option<&mut Window> {
        let local = self.slots.get_mut(subscriber & !LOCAL).filter(|_| is_local(subscriber))?;
        local.window.as_mut()
    }

    fn is_full(&self, subscriber: Subscriber) -> bool {
        let local = self.slots.get(subscriber & !LOCAL).filter(|_| is_local(subscriber));
        local.and_then(|local| local.window.as_ref()).is_some_and(Window::is_full)
    }

    fn handle(&self, subscriber: Subscriber) -> Option<LocalSubscription> {
        let index = subscriber & !LOCAL;
        let generation = self.slots.get(index)?.generation;
        Some(LocalSubscription { index, generation })
    }
}

impl Broker {
    /// Subscribes the host itself: matching messages come out as
    /// [`Output::Message`](crate::Output::Message), retained ones first, as
    /// `options.retain_handling` says.
    ///
    /// Nobody waits for the host: what it does not poll within
    /// [`Limits::outputs`](crate::Limits::outputs) is dropped and counted. Peers are told, but not
    /// waited for.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] at the limit on the host's or on all subscriptions;
    /// [`Error::SharedFilter`] for `$share/…`.
    pub fn subscribe(
        &mut self,
        now: Instant,
        filter: TopicFilter<'_>,
        options: SubscriptionOptions,
        identifier: Option<SubscriptionIdentifier>,
    ) -> Result<LocalSubscription, Error> {
        self.record(now, &Call::Subscribe { filter, options, identifier, window: 0 });
        self.subscribe_local(now, filter, options, identifier, None)
    }

    /// Subscribes the host with back-pressure: at most `window` messages are on their way to it,
    /// until it says with [`taken`](Self::taken) that there is room again.
    ///
    /// Meanwhile clients that publish to this subscription wait: their input is not consumed from
    /// that PUBLISH on, and goes on after [`Output::Resume`](crate::Output::Resume); others do not
    /// notice. A host that never takes its messages stops those clients for ever. Nothing of it is
    /// lost but what cannot wait: Will Messages and the host's own messages beyond the window are
    /// dropped and counted in [`Stats::dropped_outputs`](crate::Stats::dropped_outputs).
    ///
    /// # Errors
    ///
    /// As for [`subscribe`](Self::subscribe).
    pub fn subscribe_within(
        &mut self,
        now: Instant,
        filter: TopicFilter<'_>,
        options: SubscriptionOptions,
        identifier: Option<SubscriptionIdentifier>,
        window: NonZeroU32,
    ) -> Result<LocalSubscription, Error> {
        let size = window.get();
        self.record(now, &Call::Subscribe { filter, options, identifier, window: size });
        let window = Window { size, pending: 0, parked: Walks::default() };
        self.subscribe_local(now, filter, options, identifier, Some(window))
    }

    /// The host has done with so many messages of a subscription
    /// [with back-pressure](Self::subscribe_within).
    pub fn taken(&mut self, now: Instant, subscription: LocalSubscription, messages: u32) {
        self.record(now, &Call::Taken { subscription, messages });
        let subscriber = subscription.index | LOCAL;
        if self.locals.handle(subscriber) != Some(subscription) {
            return;
        }
        let Some(window) = self.locals.window(subscriber) else { return };
        let was_full = window.is_full();
        window.pending = window.pending.saturating_sub(messages);
        if was_full && !window.is_full() {
            self.locals.full -= 1;
        }
        self.look_for_room(subscriber);
    }

    /// Ends a subscription of the host. Messages that are already among the outputs still come.
    pub fn unsubscribe(&mut self, now: Instant, subscription: LocalSubscription) {
        self.record(now, &Call::Unsubscribe(subscription));
        let subscriber = subscription.index | LOCAL;
        if self.locals.handle(subscriber) != Some(subscription) {
            return;
        }
        if let Some(window) = self.locals.window(subscriber) {
            let was_full = window.is_full();
            (window.pending, window.size) = (0, u32::MAX);
            self.locals.full -= u32::from(was_full);
            self.look_for_room(subscriber);
        }
        self.drop_replays(subscriber);
        if let Some(mut local) = self.locals.slots.remove(subscription.index) {
            while !self.subscriptions.unsubscribe_all(&mut local.subscriptions, usize::MAX) {}
            self.tell_interests();
        }
        self.settle(now);
    }

    /// Puts a connection in line if its message to this topic has to wait for the host.
    pub(crate) fn wait_for_host(&mut self, now: Instant, index: u32, topic: TopicName<'_>) -> bool {
        if self.locals.full == 0 {
            return false;
        }
        self.find_matches(now, topic);
        let waits =
            self.matches.subscribers.iter().any(|found| self.locals.is_full(found.subscriber));
        if waits {
            self.connections.line_up(For::Host, index);
        }
        waits
    }

    /// Has those who wait for room look again, if there is enough of it.
    fn look_for_room(&mut self, subscriber: Subscriber) {
        let Some(window) = self.locals.window(subscriber).filter(|window| window.is_roomy()) else {
            return;
        };
        let parked = core::mem::take(&mut window.parked);
        self.go_on_replaying(parked);
        self.making_room = self.connections.waiting_for(For::Host);
    }

    fn subscribe_local(
        &mut self,
        now: Instant,
        filter: TopicFilter<'_>,
        options: SubscriptionOptions,
        identifier: Option<SubscriptionIdentifier>,
        window: Option<Window>,
    ) -> Result<LocalSubscription, Error> {
        if filter.is_shared() {
            return Err(Error::SharedFilter);
        }
        self.locals.generation = self.locals.generation.wrapping_add(1);
        let generation = self.locals.generation;
        let mut subscriptions = SubscriberList::default();
        let local = Local { generation, subscriptions: SubscriberList::default(), window };
        let Ok(index) = self.locals.slots.insert(local) else {
            return Err(self.host_is_refused(Limit::LocalSubscriptions));
        };
        let subscriber = index | LOCAL;
        let subscribed = self.subscriptions.subscribe(
            &mut subscriptions,
            filter,
            subscriber,
            options,
            identifier,
        );
        if subscribed.is_err() {
            self.locals.slots.remove(index);
            return Err(self.host_is_refused(Limit::Subscriptions));
        }
        if let Some(local) = self.locals.slots.get_mut(index) {
            local.subscriptions = subscriptions;
        }
        self.tell_interests();
        if options.retain_handling != mqtt_codec::RetainHandling::DoNotSend {
            let newest = self.publications.sequence();
            self.start_replay(now, subscriber, filter, options, identifier, newest);
        }
        self.settle(now);
        Ok(LocalSubscription { index, generation })
    }

    fn host_is_refused(&mut self, limit: Limit) -> Error {
        let limit = self.full(limit);
        self.reached_by(limit, "", Peer::default());
        Error::Full(limit.name())
    }

    /// Puts a copy among the outputs.
    pub(crate) fn deliver_local(&mut self, now: Instant, publication: u32, delivery: Delivery) {
        let Some(subscription) = self.locals.handle(delivery.subscriber) else { return };
        let Some(stored) = self.publications.get(publication) else { return };
        let copy = LocalCopy {
            subscription,
            publication,
            qos: delivery.qos,
            retain: delivery.retain,
            expiry_left: stored.expiry_left(now),
            identifier: delivery.identifier,
        };
        let mut has_window = false;
        if let Some(window) = self.locals.window(delivery.subscriber) {
            if window.is_full() {
                self.outputs.drop_message();
                self.dropped_of("", publication, DropCause::HostFull);
                return;
            }
            has_window = true;
            window.pending += 1;
            let is_full = window.is_full();
            self.locals.full += u32::from(is_full);
        }
        if self.outputs.push_message(copy, has_window) {
            self.publications.hold(publication);
        }
    }
}
