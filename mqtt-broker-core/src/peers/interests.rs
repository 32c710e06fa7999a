//! [`Interests`]: the Topic Filters that somebody here subscribes to, as peers are to know them.

use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::hash::BuildHasher;

use foldhash::quality::FixedState;

use crate::broker::queue_bytes;
use crate::store::{Account, Full, Index, Slab};

/// What a filter takes beside its text: the counts of its [`Arc`].
const COUNTS: usize = 2 * size_of::<usize>();

/// Each Topic Filter once, however many subscribe to it.
pub(crate) struct Interests {
    slots: Slab<Interest>,
    index: Index,
    seed: FixedState,
    /// What has begun (`true`) or ended, and the peers have not been told yet.
    changes: VecDeque<(Arc<[u8]>, bool)>,
    account: Account,
}

struct Interest {
    filter: Arc<[u8]>,
    /// Subscriptions, and SUBSCRIBE packets that wait for the peers.
    count: u32,
}

impl Interests {
    pub(crate) fn new(account: &Account, seed: u64) -> Self {
        Self {
            slots: Slab::new(account, u32::MAX),
            index: Index::new(account),
            seed: FixedState::with_seed(seed),
            changes: VecDeque::new(),
            account: account.clone(),
        }
    }

    /// One more wants this filter; its key, for [`release`](Self::release).
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no memory.
    pub(crate) fn hold(&mut self, filter: &[u8]) -> Result<u32, Full> {
        if let Some(key) = self.find(filter) {
            if let Some(interest) = self.slots.get_mut(key) {
                interest.count += 1;
            }
            return Ok(key);
        }
        let bytes = filter.len() + COUNTS;
        self.account.take(bytes)?;
        let filter: Arc<[u8]> = filter.into();
        let entered = self.enter(Interest { filter: filter.clone(), count: 1 });
        let key = entered.inspect_err(|_| self.account.give(bytes))?;
        self.changes.push_back((filter, true));
        Ok(key)
    }

    /// One less wants it.
    pub(crate) fn release(&mut self, key: u32) {
        let Some(interest) = self.slots.get_mut(key) else { return };
        interest.count -= 1;
        if interest.count > 0 {
            return;
        }
        let hash = hash_of(&self.slots, &self.seed, key);
        self.index.remove(hash, key);
        if let Some(Interest { filter, .. }) = self.slots.remove(key) {
            self.account.give(filter.len() + COUNTS);
            self.changes.push_back((filter, false));
        }
    }

    /// One less wants this filter.
    pub(crate) fn release_filter(&mut self, filter: &[u8]) {
        if let Some(key) = self.find(filter) {
            self.release(key);
        }
    }

    /// The next change that peers are to be told of.
    pub(crate) fn next_change(&mut self) -> Option<(Arc<[u8]>, bool)> {
        let change = self.changes.pop_front();
        if change.is_none() && self.changes.capacity() > 0 {
            self.changes = VecDeque::new();
        }
        change
    }

    /// The first filter at a place or after it: a walk that can stop and go on later.
    pub(crate) fn next_from(&self, place: u32) -> Option<(u32, &[u8])> {
        self.slots.next_from(place).map(|(place, interest)| (place, &*interest.filter))
    }

    #[cfg(test)]
    pub(crate) const fn len(&self) -> u32 {
        self.slots.len()
    }

    /// The memory of what is not in the account, in bytes.
    pub(crate) fn heap(&self) -> usize {
        queue_bytes(&self.changes)
    }

    fn find(&self, filter: &[u8]) -> Option<u32> {
        let is_it = |key| self.slots.get(key).is_some_and(|found| *found.filter == *filter);
        self.index.find(self.seed.hash_one(filter), is_it)
    }

    fn enter(&mut self, interest: Interest) -> Result<u32, Full> {
        let key = self.slots.insert(interest)?;
        let (slots, seed) = (&self.slots, &self.seed);
        let hash = |key| hash_of(slots, seed, key);
        if let Err(full) = self.index.insert(hash(key), key, hash) {
            self.slots.remove(key);
            return Err(full);
        }
        Ok(key)
    }
}

fn hash_of(slots: &Slab<Interest>, seed: &FixedState, key: u32) -> u64 {
    slots.get(key).map_or(0, |interest| seed.hash_one(&*interest.filter))
}

#[cfg(test)]
mod tests;
