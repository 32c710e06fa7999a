//! [`Stamps`]: which change of a topic's retained message is the last, where several brokers make
//! them.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use core::hash::BuildHasher;

use foldhash::quality::FixedState;

use crate::boundary::Shard;
use crate::broker::queue_bytes;
use crate::store::{Account, Full, Index, Slab, boxed};
use crate::time::Instant;

/// When a retained message was set or cleared, in an order that all shards agree on: by the count,
/// and for the same count by the shard.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Stamp {
    /// 0 only in the stamp that is before any other.
    pub(crate) count: u64,
    pub(crate) shard: Shard,
}

/// How many topics that were cleared are remembered, and how many bytes they have together.
const CLEARED: usize = 65_536;
const CLEARED_BYTES: usize = if usize::BITS > 32 { 8 << 20 } else { 8 << 10 };

/// The stamp of each topic that has a retained message, and of those that were cleared last.
pub(crate) struct Stamps {
    slots: Slab<Stamped>,
    index: Index,
    seed: FixedState,
    /// No stamp has been seen with a higher count.
    last: u64,
    /// Those that were cleared, the first of them first, with the length of the topic; some may be set
    /// again by now.
    cleared: VecDeque<(u32, u16, Stamp)>,
    cleared_bytes: usize,
    account: Account,
}

struct Stamped {
    topic: Box<[u8]>,
    stamp: Stamp,
    cleared: bool,
}

impl Stamps {
    pub(crate) fn new(account: &Account, seed: u64) -> Self {
        Self {
            slots: Slab::new(account, u32::MAX),
            index: Index::new(account),
            seed: FixedState::with_seed(seed),
            last: 0,
            cleared: VecDeque::new(),
            cleared_bytes: 0,
            account: account.clone(),
        }
    }

    /// The stamp of a change that is made here and now.
    pub(crate) fn next(&mut self, now: Instant, shard: Shard) -> Stamp {
        self.last = self.last.saturating_add(1).max(now.0);
        Stamp { count: self.last, shard }
    }

    /// The stamp of the last change of a topic.
    pub(crate) fn get(&self, topic: &[u8]) -> Stamp {
        let stamped = self.find(topic).and_then(|key| self.slots.get(key));
        stamped.map(|stamped| stamped.stamp).unwrap_or_default()
    }

    /// Notes a change.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no memory.
    pub(crate) fn set(&mut self, topic: &[u8], stamp: Stamp, cleared: bool) -> Result<(), Full> {
        self.last = self.last.max(stamp.count);
        let key = match self.find(topic) {
            Some(key) => key,
            None => self.enter(topic)?,
        };
        if let Some(stamped) = self.slots.get_mut(key) {
            (stamped.stamp, stamped.cleared) = (stamp, cleared);
        }
        if cleared {
            let len = u16::try_from(topic.len()).unwrap_or(u16::MAX);
            self.cleared.push_back((key, len, stamp));
            self.cleared_bytes += usize::from(len);
            while self.cleared.len() > CLEARED || self.cleared_bytes > CLEARED_BYTES {
                self.forget_oldest();
            }
        }
        Ok(())
    }

    /// The first topic at a place or after it, with its stamp and whether it was cleared.
    pub(crate) fn next_from(&self, place: u32) -> Option<(u32, &[u8], Stamp, bool)> {
        let (place, stamped) = self.slots.next_from(place)?;
        Some((place, &stamped.topic, stamped.stamp, stamped.cleared))
    }

    /// The memory of what is not in the account, in bytes.
    pub(crate) fn heap(&self) -> usize {
        queue_bytes(&self.cleared)
    }

    fn forget_oldest(&mut self) {
        let Some((key, len, stamp)) = self.cleared.pop_front() else { return };
        self.cleared_bytes -= usize::from(len);
        let still = |stamped: &Stamped| stamped.cleared && stamped.stamp == stamp;
        if !self.slots.get(key).is_some_and(still) {
            return;
        }
        let hash = hash_of(&self.slots, &self.seed, key);
        self.index.remove(hash, key);
        if let Some(stamped) = self.slots.remove(key) {
            self.account.give(stamped.topic.len());
        }
    }

    fn find(&self, topic: &[u8]) -> Option<u32> {
        let is_it = |key| self.slots.get(key).is_some_and(|found| *found.topic == *topic);
        self.index.find(self.seed.hash_one(topic), is_it)
    }

    fn enter(&mut self, topic: &[u8]) -> Result<u32, Full> {
        let len = topic.len();
        let topic = boxed(topic, &self.account)?;
        let stamp = Stamp::default();
        let inserted = self.slots.insert(Stamped { topic, stamp, cleared: false });
        let key = inserted.inspect_err(|_| self.account.give(len))?;
        let (slots, seed) = (&self.slots, &self.seed);
        let hash = |key| hash_of(slots, seed, key);
        if let Err(full) = self.index.insert(hash(key), key, hash) {
            self.slots.remove(key);
            self.account.give(len);
            return Err(full);
        }
        Ok(key)
    }
}

fn hash_of(slots: &Slab<Stamped>, seed: &FixedState, key: u32) -> u64 {
    slots.get(key).map_or(0, |stamped| seed.hash_one(&*stamped.topic))
}

#[cfg(test)]
mod tests;
