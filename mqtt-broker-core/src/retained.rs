//! [`Retained`]: the retained message of each Topic Name, and scans of them by Topic Filter.

mod scan;

use mqtt_codec::TopicName;

use crate::publication::Publications;
use crate::store::{Account, Full};
use crate::topic_tree::{Filed, Level, Ordered, ROOT, TopicTree, levels};
pub(crate) use scan::{Scan, Step};

/// Which publication is retained for which Topic Name.
///
/// The levels of a topic that no other one shares with it, the first of them apart, have no nodes: they
/// are looked up in the message. When another topic comes to share one, its node is made.
pub(crate) struct Retained {
    tree: TopicTree<Entry, Ordered>,
    len: u32,
    limit: u32,
    /// Of the messages themselves.
    message_bytes: usize,
    account: Account,
}

/// What is filed under a path of levels.
#[derive(Default)]
struct Entry {
    kept: Kept,
    /// How many scans stand here and need the node to stay.
    pins: u32,
}

/// A publication whose topic ends at this node, or is the only one that goes on from here: then the
/// node has no child.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
struct Kept(u32);

impl Kept {
    const NONE: Self = Self(0);
    const LONE: u32 = 1 << 31;

    /// Keys of publications are at most [`Publications::MOST`].
    const fn new(publication: u32, is_lone: bool) -> Self {
        Self((publication + 1) | if is_lone { Self::LONE } else { 0 })
    }

    const fn publication(self) -> Option<u32> {
        (self.0 & !Self::LONE).checked_sub(1)
    }

    /// The publication, if its topic goes on from here.
    const fn lone(self) -> Option<u32> {
        if self.0 & Self::LONE == 0 { None } else { self.publication() }
    }

    /// Another publication for the same topic.
    const fn replaced(self, publication: u32) -> Self {
        Self::new(publication, self.0 & Self::LONE != 0)
    }
}

impl Filed for Entry {
    fn is_vacant(&self) -> bool {
        self.kept == Kept::NONE && self.pins == 0
    }
}

/// How many nodes the tree may have for each Topic Name: the levels that only a few share, on average.
const NODES_PER_TOPIC: u32 = 8;

impl Retained {
    /// Room for the retained messages of `limit` Topic Names. `seed` keys the hashes.
    pub(crate) fn new(account: &Account, seed: u64, limit: u32) -> Self {
        let tree = TopicTree::new(account, seed, limit.saturating_mul(NODES_PER_TOPIC));
        Self { tree, len: 0, limit, message_bytes: 0, account: account.clone() }
    }

    /// Retains `publication`, one of `all`, and answers the one it replaces.
    ///
    /// # Errors
    ///
    /// [`Full`] at a limit; what is retained is not changed. What is there can always be replaced.
    //= [MQTT-3.3.1-5]
    pub(crate) fn set(
        &mut self,
        all: &Publications,
        publication: u32,
    ) -> Result<Option<u32>, Full> {
        let topic = all.topic(publication);
        let mut path = levels(topic);
        let (mut key, mut gives_way) = (ROOT, None);
        let mut node = self.tree.node(key).ok_or(Full)?;
        while let Some(level) = path.next() {
            let Some(child) = self.tree.child(key, node, &level) else {
                return self.begin(key, &level, Kept::new(publication, path.at() <= topic.len()));
            };
            key = child;
            node = self.tree.node(key).ok_or(Full)?;
            if let Some(lone) = node.value.kept.lone() {
                // They are compared once, however many levels they share.
                if gives_way != Some(lone) && all.topic(lone) == topic {
                    return self.file(key, publication);
                }
                gives_way = Some(lone);
                self.give_way(key, lone, all.topic(lone).get(path.at()..).unwrap_or_default())?;
                node = self.tree.node(key).ok_or(Full)?;
            }
        }
        self.file(key, publication)
    }

    /// Retains nothing for a Topic Name any more, and answers what was.
    pub(crate) fn remove(&mut self, all: &Publications, topic: TopicName<'_>) -> Option<u32> {
        let node = self.find(all, topic)?;
        let removed = core::mem::take(&mut self.tree.value_mut(node)?.kept).publication()?;
        self.len -= 1;
        self.tree.prune(node);
        Some(removed)
    }

    pub(crate) fn get(&self, all: &Publications, topic: TopicName<'_>) -> Option<u32> {
        self.tree.value(self.find(all, topic)?)?.kept.publication()
    }

    /// The retained messages, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.tree.values().filter_map(|entry| entry.kept.publication())
    }

    /// Bytes of the messages, as the caller has said that they come and go.
    pub(crate) const fn message_bytes(&self) -> usize {
        self.message_bytes
    }

    /// The bytes of the messages have become more by `come` and less by `gone`.
    pub(crate) const fn count_bytes(&mut self, come: usize, gone: usize) {
        self.message_bytes = (self.message_bytes + come).saturating_sub(gone);
    }

    /// How many Topic Names have a retained message.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// The heap memory held, in bytes; the publications are not part of it.
    pub(crate) fn bytes(&self) -> usize {
        self.tree.bytes()
    }

    /// The node of a Topic Name, or the one from which it goes on alone.
    fn find(&self, all: &Publications, topic: TopicName<'_>) -> Option<u32> {
        let mut key = ROOT;
        let mut node = self.tree.node(key)?;
        for level in levels(topic.as_bytes()) {
            key = self.tree.child(key, node, &level)?;
            node = self.tree.node(key)?;
            if let Some(lone) = node.value.kept.lone() {
                return (all.topic(lone) == topic.as_bytes()).then_some(key);
            }
        }
        Some(key)
    }

    /// Files the first publication of its topic at a new child of the node `above`.
    fn begin(&mut self, above: u32, level: &Level<'_>, kept: Kept) -> Result<Option<u32>, Full> {
        let added = if self.len < self.limit { self.tree.add(above, level) } else { Err(Full) };
        let entry = added.map(|node| self.tree.value_mut(node));
        match entry {
            Ok(Some(entry)) => {
                entry.kept = kept;
                self.len += 1;
                Ok(None)
            }
            _ => {
                self.tree.prune(above);
                Err(Full)
            }
        }
    }

    /// Files a publication at a node that there is.
    fn file(&mut self, node: u32, publication: u32) -> Result<Option<u32>, Full> {
        let entry = self.tree.value_mut(node).ok_or(Full)?;
        let before = entry.kept.publication();
        if before.is_none() && self.len >= self.limit {
            self.tree.prune(node);
            return Err(Full);
        }
        entry.kept = entry.kept.replaced(publication);
        self.len += u32::from(before.is_none());
        Ok(before)
    }

    /// Makes the node of the first level of `rest`, which is how the topic of the publication goes on
    /// that is alone at `node`: another one comes there.
    fn give_way(&mut self, node: u32, lone: u32, rest: &[u8]) -> Result<(), Full> {
        if self.len >= self.limit {
            return Err(Full);
        }
        let mut path = levels(rest);
        let level = path.next().ok_or(Full)?;
        let child = self.tree.add(node, &level)?;
        if let Some(entry) = self.tree.value_mut(child) {
            entry.kept = Kept::new(lone, path.at() <= rest.len());
        }
        if let Some(entry) = self.tree.value_mut(node) {
            entry.kept = Kept::NONE;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
