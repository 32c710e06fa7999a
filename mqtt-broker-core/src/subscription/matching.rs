//! The walk from a Topic Name to the subscriptions whose filters match it.

use alloc::vec::Vec;
use core::mem;

use mqtt_codec::{SubscriptionIdentifier, SubscriptionOptions, TopicName};

use super::recent::SITES;
use super::table::SiteList;
use super::{GroupKey, Subscriber, Subscriptions};
use crate::broker::bytes_of;
use crate::topic_tree::{Level, Levels, Node, ROOT, Unordered, levels};

/// One matching subscription.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Match {
    pub(crate) subscriber: Subscriber,
    pub(crate) options: SubscriptionOptions,
    pub(crate) identifier: Option<SubscriptionIdentifier>,
}

/// What matched: buffers for the caller to keep, so that matching does not allocate.
#[derive(Debug, Default)]
pub(crate) struct Matches {
    /// One for each matching subscription: a subscriber may be there more than once.
    pub(crate) subscribers: Vec<Match>,
    /// The share groups, each of which gets the message once.
    pub(crate) groups: Vec<GroupKey>,
    /// How many filters they have: with one, nobody is there twice.
    pub(crate) filters: u32,
    /// The first of their sites.
    sites: [SiteList; SITES],
    /// The Topic Name that this is about, and the count of changes at which it was so.
    topic: Vec<u8>,
    at: u64,
    /// The nodes that match the levels walked so far, and those that match one more.
    frontier: Vec<u32>,
    advance: Vec<u32>,
}

impl Matches {
    /// The memory held, in bytes.
    pub(crate) const fn bytes(&self) -> usize {
        bytes_of(&self.subscribers)
            + bytes_of(&self.groups)
            + bytes_of(&self.topic)
            + bytes_of(&self.frontier)
            + bytes_of(&self.advance)
    }

    /// What is in the lists is for one message alone, and is not to be used again.
    pub(crate) const fn alter(&mut self) {
        self.at = 0;
    }

    /// Gives back the memory of lists with room for more than `kept`.
    pub(crate) fn trim(&mut self, kept: usize) {
        if self.subscribers.capacity() > kept
            || self.groups.capacity() > kept
            || self.topic.capacity() > kept
        {
            (self.subscribers, self.groups) = (Vec::new(), Vec::new());
            (self.topic, self.at) = (Vec::new(), 0);
        }
        if self.frontier.capacity() > kept || self.advance.capacity() > kept {
            (self.frontier, self.advance) = (Vec::new(), Vec::new());
        }
    }
}

impl Subscriptions {
    /// Finds every subscription whose Topic Filter matches, and replaces what was in `found`.
    ///
    /// The walk goes level by level over all nodes that match so far. There are at most twice as
    /// many with each level, and never more than subscriptions have made. A Topic Name that comes
    /// twice in a row, with no change between, is looked up once, and one that came lately is not
    /// walked for.
    //= [MQTT-3.3.2-3]
    //= [MQTT-4.7.3-4]
    pub(crate) fn matches(&mut self, topic: TopicName<'_>, found: &mut Matches) {
        if self.are_for(topic, found) {
            return;
        }
        found.at = self.changes;
        found.topic.clear();
        found.topic.extend_from_slice(topic.as_bytes());
        found.subscribers.clear();
        found.groups.clear();
        found.filters = 0;
        if let Some((sites, matching)) = self.recent.find(topic.as_bytes(), self.changes) {
            for site in sites.into_iter().take(matching) {
                self.collect(site, found);
            }
            return;
        }
        self.walk_for(topic, found);
        self.recent.keep(topic.as_bytes(), self.changes, found.sites, found.filters);
    }

    /// Whether what was found is what matches this topic.
    #[inline]
    pub(crate) fn are_for(&self, topic: TopicName<'_>, found: &Matches) -> bool {
        found.at == self.changes && found.topic == topic.as_bytes()
    }

    fn walk_for(&self, topic: TopicName<'_>, found: &mut Matches) {
        //= [MQTT-4.7.2-1]
        let mut wildcards = !topic.is_system();
        let mut levels = levels(topic.as_bytes());
        let mut key = ROOT;
        // As long as one node matches, which is most often.
        loop {
            let Some(node) = self.tree.node(key) else { return };
            let Some(level) = levels.next() else { return self.collect_end(key, node, found) };
            let (any, named) = self.children(key, node, &level, wildcards, found);
            wildcards = true;
            key = match (any, named) {
                (Some(any), Some(named)) => return self.walk_on([any, named], levels, found),
                (Some(one), None) | (None, Some(one)) => one,
                (None, None) => return,
            };
        }
    }

    /// Goes on from two nodes that match, which may become more.
    fn walk_on(&self, from: [u32; 2], levels: Levels<'_>, found: &mut Matches) {
        let mut frontier = mem::take(&mut found.frontier);
        let mut advance = mem::take(&mut found.advance);
        frontier.clear();
        frontier.extend(from);
        for level in levels {
            advance.clear();
            for &key in &frontier {
                let Some(node) = self.tree.node(key) else { continue };
                let (any, named) = self.children(key, node, &level, true, found);
                advance.extend(any);
                advance.extend(named);
            }
            mem::swap(&mut frontier, &mut advance);
            if frontier.is_empty() {
                break;
            }
        }
        for &key in &frontier {
            if let Some(node) = self.tree.node(key) {
                self.collect_end(key, node, found);
            }
        }
        found.frontier = frontier;
        found.advance = advance;
    }

    /// The children of a node that match a level: `+`, and the one of that text. What `#` matches is
    /// collected.
    #[inline]
    fn children(
        &self,
        key: u32,
        node: &Node<SiteList, Unordered>,
        level: &Level<'_>,
        wildcards: bool,
        found: &mut Matches,
    ) -> (Option<u32>, Option<u32>) {
        let mut any = None;
        if wildcards {
            any = self.tree.single_level_child(key, node);
            self.collect_at(self.tree.multi_level_child(key, node), found);
        }
        (any, self.tree.child(key, node, level))
    }

    /// What is filed at a node that the whole Topic Name leads to.
    #[inline]
    fn collect_end(&self, key: u32, node: &Node<SiteList, Unordered>, found: &mut Matches) {
        self.collect(node.value, found);
        // The multi-level wildcard stands for the parent level too.
        self.collect_at(self.tree.multi_level_child(key, node), found);
    }

    #[inline]
    fn collect_at(&self, key: Option<u32>, found: &mut Matches) {
        if let Some(node) = key.and_then(|key| self.tree.node(key)) {
            self.collect(node.value, found);
        }
    }

    #[inline]
    fn collect(&self, list: SiteList, found: &mut Matches) {
        if list.first().is_none() {
            return;
        }
        if let Some(site) = found.sites.get_mut(found.filters as usize) {
            *site = list;
        }
        found.filters += 1;
        for (_, subscription) in self.table.at_site(list) {
            match subscription.options {
                Some(options) => found.subscribers.push(Match {
                    subscriber: subscription.subscriber,
                    options,
                    identifier: subscription.identifier,
                }),
                None => found.groups.push(GroupKey::new(subscription.subscriber)),
            }
        }
    }
}
