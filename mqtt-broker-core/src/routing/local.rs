//! The host's own subscriptions: routed like a client's, delivered as outputs.

use mqtt_codec::{SubscriptionIdentifier, SubscriptionOptions, TopicFilter};

use super::Delivery;
use crate::boundary::{Error, LocalSubscription};
use crate::broker::Broker;
use crate::output::LocalCopy;
use crate::recording::Call;
use crate::store::Slab;
use crate::subscription::{Subscriber, SubscriberList};
use crate::time::Instant;

/// Tells a host's subscription from a Session among subscribers.
const LOCAL: u32 = 1 << 31;

/// Whether this subscriber is the host.
#[inline]
pub(crate) const fn is_local(subscriber: Subscriber) -> bool {
    subscriber & LOCAL != 0
}

/// The host's subscriptions.
pub(crate) struct Locals {
    slots: Slab<Local>,
    generation: u32,
}

struct Local {
    generation: u32,
    subscriptions: SubscriberList,
}

impl Locals {
    pub(crate) fn new(limit: u32) -> Self {
        Self { slots: Slab::new(limit.min(LOCAL)), generation: 0 }
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
        self.record(now, &Call::Subscribe { filter, options, identifier });
        if filter.is_shared() {
            return Err(Error::SharedFilter);
        }
        self.locals.generation = self.locals.generation.wrapping_add(1);
        let generation = self.locals.generation;
        let mut subscriptions = SubscriberList::default();
        let index = self
            .locals
            .slots
            .insert(Local { generation, subscriptions: SubscriberList::default() })
            .map_err(|_| Error::Full("local_subscriptions"))?;
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
            return Err(Error::Full("subscriptions"));
        }
        if let Some(local) = self.locals.slots.get_mut(index) {
            local.subscriptions = subscriptions;
        }
        if options.retain_handling != mqtt_codec::RetainHandling::DoNotSend {
            let newest = self.publications.sequence();
            self.start_replay(now, subscriber, filter, options, identifier, newest);
        }
        self.settle(now);
        Ok(LocalSubscription { index, generation })
    }

    /// Ends a subscription of the host. Messages that are already among the outputs still come.
    pub fn unsubscribe(&mut self, now: Instant, subscription: LocalSubscription) {
        self.record(now, &Call::Unsubscribe(subscription));
        let subscriber = subscription.index | LOCAL;
        if self.locals.handle(subscriber) != Some(subscription) {
            return;
        }
        self.drop_replays(subscriber);
        if let Some(mut local) = self.locals.slots.remove(subscription.index) {
            while !self.subscriptions.unsubscribe_all(&mut local.subscriptions, usize::MAX) {}
        }
        self.settle(now);
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
        if self.outputs.push_message(copy) {
            self.publications.hold(publication);
        }
    }
}
