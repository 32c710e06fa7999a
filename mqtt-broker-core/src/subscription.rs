//! [`Subscriptions`]: who subscribed to what, and who gets a given Topic Name.

mod matching;
mod recent;
mod shared;
mod table;

use alloc::vec::Vec;

use mqtt_codec::{SubscriptionIdentifier, SubscriptionOptions, TopicFilter};

use crate::journal::SessionChange;
use crate::peers::interests::Interests;
use crate::peers::{Joined, is_peer};
use crate::store::{Account, Full};
use crate::topic_tree::{TopicTree, levels};
pub(crate) use matching::{Match, Matches};
use recent::Recent;
use shared::Groups;
pub(crate) use shared::{GroupKey, Preference};
use table::{Site, SiteList, Subscription, Table};

/// Key of who subscribes: a session or the host.
pub(crate) type Subscriber = u32;

pub(crate) use table::SubscriberList;

/// Every Subscription, found by Topic Name, by Topic Filter and by subscriber.
///
/// A subscription is one entry of a table and stands in two lists: that of its *site* – the node of
/// its Topic Filter, or its share group – and that of its subscriber. A group stands in the
/// list of its filter's node as one entry.
pub(crate) struct Subscriptions {
    tree: TopicTree<SiteList>,
    table: Table,
    groups: Groups,
    recent: Recent,
    len: u32,
    limit: u32,
    /// What peers are to know of them, if there are any.
    pub(crate) interests: Joined<Interests>,
    /// Counts every change, from one.
    changes: u64,
}

/// The answer to a subscription made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Subscribed {
    /// There was one with the same Topic Filter: this one took its place.
    pub(crate) replaced: bool,
}

/// How many nodes the tree may have for each subscription: the levels of a Topic Filter that no
/// other shares, on average.
const NODES_PER_SUBSCRIPTION: u32 = 8;

impl Subscriptions {
    /// Room for `limit` subscriptions. `seed` keys the hashes.
    pub(crate) fn new(
        account: &Account,
        seed: u64,
        limit: u32,
        interests: Joined<Interests>,
    ) -> Self {
        Self {
            tree: TopicTree::new(account, seed, limit.saturating_mul(NODES_PER_SUBSCRIPTION)),
            table: Table::new(account, seed, limit),
            groups: Groups::new(account, seed, limit),
            recent: Recent::new(account, seed),
            len: 0,
            limit,
            interests,
            changes: 1,
        }
    }

    /// Adds a subscription, or gives the one there is with the same filter new options.
    ///
    /// # Errors
    ///
    /// [`Full`] at a limit; nothing is changed. A subscription can always be replaced.
    pub(crate) fn subscribe(
        &mut self,
        list: &mut SubscriberList,
        filter: TopicFilter<'_>,
        subscriber: Subscriber,
        options: SubscriptionOptions,
        identifier: Option<SubscriptionIdentifier>,
    ) -> Result<Subscribed, Full> {
        self.changes += 1;
        let site = self.make_site(filter)?;
        //= [MQTT-3.8.4-3]
        if let Some(key) = self.find(site, subscriber) {
            self.table.replace(key, options, identifier);
            return Ok(Subscribed { replaced: true });
        }
        let interest = match self.interests.as_deref_mut() {
            Some(interests) if !is_peer(subscriber) => Some(interests.hold(filter.as_bytes())),
            _ => None,
        };
        // What a peer wants is bounded there: to leave it out would lose what is published here.
        let has_room = self.len < self.limit || is_peer(subscriber);
        let added = if has_room && !matches!(interest, Some(Err(Full))) {
            let subscription = Subscription::new(subscriber, site, options, identifier);
            match self.groups.site_list_mut(&mut self.tree, site) {
                Some(site_list) => self.table.insert(site_list, list, subscription),
                None => Err(Full),
            }
        } else {
            Err(Full)
        };
        if let Err(full) = added {
            self.remove_site_if_empty(site);
            if let (Some(interests), Some(Ok(key))) = (self.interests.as_deref_mut(), interest) {
                interests.release(key);
            }
            return Err(full);
        }
        self.len += 1;
        Ok(Subscribed { replaced: false })
    }

    /// Removes the subscription with exactly this filter, and answers whether there was one.
    //= [MQTT-3.10.4-1]
    pub(crate) fn unsubscribe(
        &mut self,
        list: &mut SubscriberList,
        filter: TopicFilter<'_>,
        subscriber: Subscriber,
    ) -> bool {
        let key = self.site(filter).and_then(|site| self.find(site, subscriber));
        key.is_some_and(|key| self.remove(list, key))
    }

    /// Removes up to `budget` subscriptions of one subscriber; true when it has none left.
    pub(crate) fn unsubscribe_all(&mut self, list: &mut SubscriberList, budget: usize) -> bool {
        for _ in 0..budget {
            match list.first() {
                Some(key) if self.remove(list, key) => {}
                _ => break,
            }
        }
        list.first().is_none()
    }

    /// The subscriptions of one subscriber, the youngest first.
    pub(crate) fn of_subscriber(&self, list: &SubscriberList) -> impl Iterator<Item = Held<'_>> {
        self.table.of_subscriber(list).map(|subscription| Held { all: self, subscription })
    }

    /// Begins a walk over the subscriptions of one subscriber, in place of any other.
    pub(crate) fn begin_walk(&mut self, list: &SubscriberList) {
        self.table.begin_walk(list);
    }

    /// The next subscription of the walk. One that is there throughout comes exactly once; one that
    /// is made meanwhile does not come.
    pub(crate) fn walk(&mut self) -> Option<Held<'_>> {
        let key = self.table.walk()?;
        let subscription = self.table.get(key)?;
        Some(Held { all: self, subscription })
    }

    /// The options and the identifier of one subscription.
    pub(crate) fn get(
        &self,
        filter: TopicFilter<'_>,
        subscriber: Subscriber,
    ) -> Option<(SubscriptionOptions, Option<SubscriptionIdentifier>)> {
        let key = self.find(self.site(filter)?, subscriber)?;
        let subscription = self.table.get(key)?;
        Some((subscription.options?, subscription.identifier))
    }

    /// Appends the Topic Filter of a group, with `$share/` and Share Name.
    pub(crate) fn write_group(&self, group: GroupKey, filter: &mut Vec<u8>) {
        if let Some(node) = self.groups.write_share(group.get(), filter) {
            self.tree.write_path(node, filter);
        }
    }

    /// How many subscriptions there are.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// The heap memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.tree.bytes() + self.table.bytes() + self.groups.bytes() + self.recent.bytes()
    }

    fn find(&self, site: Site, subscriber: Subscriber) -> Option<u32> {
        self.table.find(self.groups.site_list(&self.tree, site)?, site, subscriber)
    }

    /// Where the subscriptions with this filter stand, if there are any.
    fn site(&self, filter: TopicFilter<'_>) -> Option<Site> {
        let node = self.tree.find(levels(filter.filter()))?;
        match filter.share_name() {
            Some(name) => self.groups.find(node, name).map(Site::group),
            None => Some(Site::filter(node)),
        }
    }

    /// Where subscriptions with this filter stand; remove it if none is put there.
    fn make_site(&mut self, filter: TopicFilter<'_>) -> Result<Site, Full> {
        let node = self.tree.insert(levels(filter.filter()))?;
        let Some(name) = filter.share_name() else { return Ok(Site::filter(node)) };
        let group = match (self.groups.find(node, name), self.tree.value_mut(node)) {
            (Some(group), _) => Ok(group),
            (None, Some(list)) => self.groups.insert(&mut self.table, list, node, name),
            (None, None) => Err(Full),
        };
        match group {
            Ok(group) => Ok(Site::group(group)),
            Err(full) => {
                self.tree.prune(node);
                Err(full)
            }
        }
    }

    /// Removes one subscription of the subscriber whose list is given.
    fn remove(&mut self, list: &mut SubscriberList, key: u32) -> bool {
        let Some(site) = self.table.get(key).map(|subscription| subscription.site) else {
            return false;
        };
        self.release_interest(key);
        if let Some(group) = site.as_group() {
            self.groups.pass_over(&self.table, group, key);
        }
        let Some(site_list) = self.groups.site_list_mut(&mut self.tree, site) else { return false };
        self.table.remove(site_list, Some(list), key);
        self.changes += 1;
        self.len -= 1;
        self.remove_site_if_empty(site);
        true
    }

    /// A subscription is about to go, and with it its interest, unless it is a peer's.
    fn release_interest(&mut self, key: u32) {
        if self.interests.is_none() {
            return;
        }
        let Some(subscription) = self.table.get(key) else { return };
        if is_peer(subscription.subscriber) {
            return;
        }
        let mut filter = Vec::new();
        Held { all: self, subscription }.write_filter(&mut filter);
        if let Some(interests) = self.interests.as_deref_mut() {
            interests.release_filter(&filter);
        }
    }

    /// Removes a group that has no member, and a node that has no subscription or group.
    fn remove_site_if_empty(&mut self, site: Site) {
        let node = match site.as_group() {
            Some(group) => {
                let Some(node) = self.groups.node_if_empty(group) else { return };
                if let Some(list) = self.tree.value_mut(node) {
                    self.groups.remove(&mut self.table, list, group);
                }
                node
            }
            None => site.index(),
        };
        self.tree.prune(node);
    }
}

/// One subscription of a subscriber, as consoles and journals see it.
pub(crate) struct Held<'a> {
    all: &'a Subscriptions,
    subscription: &'a Subscription,
}

impl Held<'_> {
    /// Appends the Topic Filter as it was subscribed to, with `$share/` and Share Name if any.
    pub(crate) fn write_filter(&self, filter: &mut Vec<u8>) {
        let Subscriptions { tree, groups, .. } = self.all;
        let site = self.subscription.site;
        let node = match site.as_group() {
            Some(group) => groups.write_share(group, filter),
            None => Some(site.index()),
        };
        if let Some(node) = node {
            tree.write_path(node, filter);
        }
    }

    pub(crate) fn options(&self) -> SubscriptionOptions {
        self.subscription.options.unwrap_or_default()
    }

    /// The change that makes it; `filter` is its own.
    pub(crate) fn subscribed<'a>(&self, filter: TopicFilter<'a>) -> SessionChange<'a> {
        SessionChange::Subscribed {
            filter,
            options: self.options(),
            identifier: self.identifier(),
            group: self.group(),
        }
    }

    /// The serial of its share group; 0 if it is in none.
    pub(crate) fn group(&self) -> u32 {
        let group = self.subscription.site.as_group();
        group.map_or(0, |key| self.all.serial(GroupKey::new(key)))
    }

    pub(crate) const fn identifier(&self) -> Option<SubscriptionIdentifier> {
        self.subscription.identifier
    }
}

#[cfg(test)]
mod tests;
