//! The subscriptions themselves, and the two lists each one stands in.

use core::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;
use mqtt_codec::{SubscriptionIdentifier, SubscriptionOptions};
use smallvec::SmallVec;

use super::Subscriber;
use crate::store::{Account, Full, Index, Key, Slab};
use crate::topic_tree::Filed;

/// One subscription, or one share group in the list of its filter's node.
pub(super) struct Subscription {
    /// The subscriber; for a group, its key.
    pub(super) subscriber: Subscriber,
    pub(super) site: Site,
    /// `None` marks a group.
    pub(super) options: Option<SubscriptionOptions>,
    pub(super) identifier: Option<SubscriptionIdentifier>,
    in_site: Links,
    in_subscriber: Links,
}

impl Subscription {
    pub(super) const fn new(
        subscriber: Subscriber,
        site: Site,
        options: SubscriptionOptions,
        identifier: Option<SubscriptionIdentifier>,
    ) -> Self {
        let (in_site, in_subscriber) = (Links::NONE, Links::NONE);
        Self { subscriber, site, options: Some(options), identifier, in_site, in_subscriber }
    }

    const fn group(group: u32, site: Site) -> Self {
        let (in_site, in_subscriber) = (Links::NONE, Links::NONE);
        Self { subscriber: group, site, options: None, identifier: None, in_site, in_subscriber }
    }

    /// The subscription after this one in the list of the site.
    pub(super) const fn next(&self) -> Option<Key> {
        self.in_site.next
    }
}

#[derive(Clone, Copy)]
struct Links {
    next: Option<Key>,
    previous: Option<Key>,
}

impl Links {
    const NONE: Self = Self { next: None, previous: None };
}

/// Where a subscription stands: the node of its Topic Filter, or its share group (top bit).
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Site(u32);

impl Site {
    const GROUP: u32 = 1 << 31;

    pub(super) const fn filter(node: u32) -> Self {
        Self(node)
    }

    pub(super) const fn group(group: u32) -> Self {
        Self(group | Self::GROUP)
    }

    pub(super) const fn as_group(self) -> Option<u32> {
        if self.0 & Self::GROUP == 0 { None } else { Some(self.index()) }
    }

    /// The key of the node or of the group.
    pub(super) const fn index(self) -> u32 {
        self.0 & !Self::GROUP
    }
}

/// The list of a site: the first subscription, and whether they are in the index (top bit).
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SiteList(u32);

impl SiteList {
    const INDEXED: u32 = 1 << 31;

    #[inline]
    pub(super) const fn first(self) -> Option<u32> {
        (self.0 & !Self::INDEXED).checked_sub(1)
    }

    const fn is_indexed(self) -> bool {
        self.0 & Self::INDEXED != 0
    }

    fn set_first(&mut self, first: Option<Key>) {
        self.0 = first.map_or(0, |key| (key.get() + 1) | (self.0 & Self::INDEXED));
    }
}

impl Filed for SiteList {
    fn is_vacant(&self) -> bool {
        self.first().is_none()
    }
}

/// The subscriptions of one subscriber, which holds this.
#[derive(Debug, Default)]
pub(crate) struct SubscriberList {
    first: Option<Key>,
    len: u32,
}

impl SubscriberList {
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    pub(super) fn first(&self) -> Option<u32> {
        self.first.map(Key::get)
    }
}

/// Every subscription, and an index of those that stand in a long site list.
pub(super) struct Table {
    pub(super) slab: Slab<Subscription>,
    /// Keyed by site and subscriber.
    pub(super) index: Index,
    seed: SharedSeed,
    /// The next subscription of a walk over those of one subscriber.
    walk: Option<Key>,
}

impl Table {
    /// A site list that has this many is indexed; a shorter one is searched from end to end.
    const INDEX_FROM: usize = 16;
    /// What [`SiteList`] and [`Site`] have room for.
    const MAXIMUM: u32 = (1 << 31) - 2;

    /// Room for `limit` subscriptions and as many groups.
    pub(super) fn new(account: &Account, seed: u64, limit: u32) -> Self {
        let limit = limit.saturating_mul(2);
        let limit = if limit < Self::MAXIMUM { limit } else { Self::MAXIMUM };
        Self {
            slab: Slab::new(account, limit),
            index: Index::new(account),
            seed: SharedSeed::from_u64(seed),
            walk: None,
        }
    }

    #[inline]
    pub(super) fn get(&self, key: u32) -> Option<&Subscription> {
        self.slab.get(key)
    }

    /// The subscriptions and groups at a site, the youngest first.
    #[inline]
    pub(super) fn at_site(&self, list: SiteList) -> impl Iterator<Item = (u32, &Subscription)> {
        let mut next = list.first();
        core::iter::from_fn(move || {
            let key = next?;
            let subscription = self.slab.get(key)?;
            next = subscription.in_site.next.map(Key::get);
            Some((key, subscription))
        })
    }

    pub(super) fn of_subscriber(
        &self,
        list: &SubscriberList,
    ) -> impl Iterator<Item = &Subscription> {
        let mut next = list.first;
        core::iter::from_fn(move || {
            let subscription = self.slab.get(next?.get())?;
            next = subscription.in_subscriber.next;
            Some(subscription)
        })
    }

    pub(super) fn begin_walk(&mut self, list: &SubscriberList) {
        self.walk = list.first;
    }

    pub(super) fn walk(&mut self) -> Option<u32> {
        let key = self.walk?;
        self.walk = self.slab.get(key.get())?.in_subscriber.next;
        Some(key.get())
    }

    /// The subscription of `subscriber` at `site`, whose list is given.
    pub(super) fn find(&self, list: SiteList, site: Site, subscriber: Subscriber) -> Option<u32> {
        let is_it = |found: &Subscription| {
            found.subscriber == subscriber && found.site == site && found.options.is_some()
        };
        if list.is_indexed() {
            let hash = hash(&self.seed, site, subscriber);
            return self.index.find(hash, |key| self.slab.get(key).is_some_and(is_it));
        }
        self.at_site(list).find(|(_, found)| is_it(found)).map(|(key, _)| key)
    }

    pub(super) fn replace(
        &mut self,
        key: u32,
        options: SubscriptionOptions,
        identifier: Option<SubscriptionIdentifier>,
    ) {
        if let Some(subscription) = self.slab.get_mut(key) {
            subscription.options = Some(options);
            subscription.identifier = identifier;
        }
    }

    /// Adds a subscription that is not there yet to both lists.
    pub(super) fn insert(
        &mut self,
        site: &mut SiteList,
        subscriber: &mut SubscriberList,
        subscription: Subscription,
    ) -> Result<u32, Full> {
        let key = self.insert_at_site(site, subscription)?;
        let next = subscriber.first.replace(Key::new(key));
        subscriber.len += 1;
        if let Some(added) = self.slab.get_mut(key) {
            added.in_subscriber.next = next;
        }
        if let Some(after) = next.and_then(|next| self.slab.get_mut(next.get())) {
            after.in_subscriber.previous = Some(Key::new(key));
        }
        Ok(key)
    }

    /// Adds the entry of a share group to the list of its filter's node.
    pub(super) fn insert_group(
        &mut self,
        site: &mut SiteList,
        node: u32,
        group: u32,
    ) -> Result<u32, Full> {
        self.insert_at_site(site, Subscription::group(group, Site::filter(node)))
    }

    /// Removes a subscription from both lists; a group has no list of a subscriber.
    pub(super) fn remove(
        &mut self,
        site: &mut SiteList,
        subscriber: Option<&mut SubscriberList>,
        key: u32,
    ) {
        let Some(removed) = self.slab.remove(key) else { return };
        if site.is_indexed() && removed.options.is_some() {
            self.index.remove(hash(&self.seed, removed.site, removed.subscriber), key);
        }
        let Links { next, previous } = removed.in_site;
        match previous.and_then(|previous| self.slab.get_mut(previous.get())) {
            Some(before) => before.in_site.next = next,
            None => site.set_first(next),
        }
        if let Some(after) = next.and_then(|next| self.slab.get_mut(next.get())) {
            after.in_site.previous = previous;
        }
        let Some(subscriber) = subscriber else { return };
        subscriber.len -= 1;
        let Links { next, previous } = removed.in_subscriber;
        if self.walk == Some(Key::new(key)) {
            self.walk = next;
        }
        match previous.and_then(|previous| self.slab.get_mut(previous.get())) {
            Some(before) => before.in_subscriber.next = next,
            None => subscriber.first = next,
        }
        if let Some(after) = next.and_then(|next| self.slab.get_mut(next.get())) {
            after.in_subscriber.previous = previous;
        }
    }

    pub(super) fn bytes(&self) -> usize {
        self.slab.bytes() + self.index.bytes()
    }

    fn insert_at_site(
        &mut self,
        site: &mut SiteList,
        subscription: Subscription,
    ) -> Result<u32, Full> {
        if !site.is_indexed() && self.at_site(*site).nth(Self::INDEX_FROM - 1).is_some() {
            self.index_site(site)?;
        }
        let is_group = subscription.options.is_none();
        let key = self.slab.insert(subscription)?;
        if site.is_indexed() && !is_group {
            if let Err(full) = self.enter(key) {
                self.slab.remove(key);
                return Err(full);
            }
        }
        let next = site.first().map(Key::new);
        site.set_first(Some(Key::new(key)));
        if let Some(added) = self.slab.get_mut(key) {
            added.in_site.next = next;
        }
        if let Some(after) = next.and_then(|next| self.slab.get_mut(next.get())) {
            after.in_site.previous = Some(Key::new(key));
        }
        Ok(key)
    }

    /// Puts every subscription of a site into the index. It stays so until the list is empty.
    fn index_site(&mut self, site: &mut SiteList) -> Result<(), Full> {
        let keys: SmallVec<[u32; Self::INDEX_FROM]> = self
            .at_site(*site)
            .filter(|(_, subscription)| subscription.options.is_some())
            .map(|(key, _)| key)
            .collect();
        for key in &keys {
            if let Err(full) = self.enter(*key) {
                for key in &keys {
                    self.index.remove(hash_of(&self.slab, &self.seed, *key), *key);
                }
                return Err(full);
            }
        }
        site.0 |= SiteList::INDEXED;
        Ok(())
    }

    fn enter(&mut self, key: u32) -> Result<(), Full> {
        let hash_of = |key| hash_of(&self.slab, &self.seed, key);
        self.index.insert(hash_of(key), key, hash_of)
    }
}

fn hash_of(slab: &Slab<Subscription>, seed: &SharedSeed, key: u32) -> u64 {
    slab.get(key).map_or(0, |found| hash(seed, found.site, found.subscriber))
}

fn hash(seed: &SharedSeed, site: Site, subscriber: Subscriber) -> u64 {
    let mut hasher = FoldHasher::with_seed(0, seed);
    hasher.write_u32(site.0);
    hasher.write_u32(subscriber);
    hasher.finish()
}
