//! [`Retained`]: the retained message of each Topic Name, and scans of them by Topic Filter.

mod scan;

use mqtt_codec::TopicName;

use crate::store::{Account, Full, Key};
use crate::topic_tree::{Filed, Ordered, TopicTree, levels};
pub(crate) use scan::{Scan, Step};

/// Which publication is retained for which Topic Name.
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
    publication: Option<Key>,
    /// How many scans stand here and need the node to stay.
    pins: u32,
}

impl Filed for Entry {
    fn is_vacant(&self) -> bool {
        self.publication.is_none() && self.pins == 0
    }
}

/// How many nodes the tree may have for each Topic Name: the levels that no other one shares, on
/// average.
const NODES_PER_TOPIC: u32 = 8;

impl Retained {
    /// Room for the retained messages of `limit` Topic Names. `seed` keys the hashes.
    pub(crate) fn new(account: &Account, seed: u64, limit: u32) -> Self {
        let tree = TopicTree::new(account, seed, limit.saturating_mul(NODES_PER_TOPIC));
        Self { tree, len: 0, limit, message_bytes: 0, account: account.clone() }
    }

    /// Retains `publication` for a Topic Name, and answers the one it replaces.
    ///
    /// # Errors
    ///
    /// [`Full`] at a limit; nothing is changed. What is there can always be replaced.
    //= [MQTT-3.3.1-5]
    pub(crate) fn set(
        &mut self,
        topic: TopicName<'_>,
        publication: u32,
    ) -> Result<Option<u32>, Full> {
        let node = self.tree.insert(levels(topic.as_bytes()))?;
        let Some(entry) = self.tree.value_mut(node) else { return Err(Full) };
        if entry.publication.is_none() && self.len >= self.limit {
            self.tree.prune(node);
            return Err(Full);
        }
        let replaced = entry.publication.replace(Key::new(publication));
        self.len += u32::from(replaced.is_none());
        Ok(replaced.map(Key::get))
    }

    /// Retains nothing for a Topic Name any more, and answers what was.
    pub(crate) fn remove(&mut self, topic: TopicName<'_>) -> Option<u32> {
        let node = self.tree.find(levels(topic.as_bytes()))?;
        let removed = self.tree.value_mut(node)?.publication.take()?;
        self.len -= 1;
        self.tree.prune(node);
        Some(removed.get())
    }

    pub(crate) fn get(&self, topic: TopicName<'_>) -> Option<u32> {
        let node = self.tree.find(levels(topic.as_bytes()))?;
        self.tree.value(node)?.publication.map(Key::get)
    }

    /// The retained messages, in no order that means anything.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> {
        self.tree.values().filter_map(|entry| entry.publication.map(Key::get))
    }

    /// What is at the places from `place` on: at each the retained message, if there is one.
    pub(crate) fn from(&self, place: u32) -> impl Iterator<Item = (u32, Option<u32>)> {
        self.tree.values_from(place).map(|(key, entry)| (key, entry.publication.map(Key::get)))
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
}

#[cfg(test)]
mod tests;
