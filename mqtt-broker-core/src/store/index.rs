//! [`Index`]: keys by hash, in buckets of one cache line.

use smallvec::SmallVec;

use super::{Account, Chunks, Full, Key, Slab};

/// A hash table of keys, which the caller compares.
///
/// It grows by linear hashing, one bucket at a time: the entries of the new bucket all come from
/// one other bucket, so that no insertion has to move the whole table; and it shrinks by the same
/// steps backwards. A lookup reads one cache
/// line, seldom two, and nearly never asks the caller about a key that is not the one.
pub(crate) struct Index {
    buckets: Chunks<Bucket>,
    /// What follows a bucket that is full.
    overflow: Slab<Bucket>,
    /// One less than the number of buckets, rounded up to a power of two.
    mask: u32,
    len: u32,
}

/// A table with no more buckets than this keeps them.
const KEPT: u32 = 16;

/// Up to 12 entries. `tags` has eight bits of the hash of each, zero where there is no entry.
#[derive(Clone)]
// A small machine has no cache lines, and nothing to spare for alignment.
#[cfg_attr(target_pointer_width = "64", repr(align(64)))]
struct Bucket {
    tags: [u8; Self::ENTRIES],
    next: Option<Key>,
    keys: [Key; Self::ENTRIES],
}

impl Bucket {
    const ENTRIES: usize = 12;
    /// How many entries a bucket has on average when the table grows.
    const LOAD: u64 = 9;
    /// How many when it shrinks.
    const LOW: u64 = 4;
    const EMPTY: Self =
        Self { tags: [0; Self::ENTRIES], next: None, keys: [Key::new(0); Self::ENTRIES] };

    /// The places whose tag is `tag`, one bit for each: see [`Bucket::place`].
    #[inline]
    fn places(&self, tag: u8) -> u64 {
        const SEVEN: u64 = u64::from_le_bytes([0x7f; 8]);
        let [a, b, c, d, e, f, g, h, i, j, k, l] = self.tags;
        let [low, high] = [[a, b, c, d, e, f, g, h], [i, j, k, l, 0, 0, 0, 0]].map(|tags| {
            let differing = u64::from_le_bytes(tags) ^ u64::from_le_bytes([tag; 8]);
            // The top bit of each byte that is zero, and no other bit.
            !(((differing & SEVEN) + SEVEN) | differing | SEVEN)
        });
        (low >> 7) | (high >> 6)
    }

    /// The place of the lowest bit of `places`.
    #[inline]
    const fn place(places: u64) -> usize {
        let bit = places.trailing_zeros() as usize;
        (bit / 8) + (bit % 8) * 8
    }

    fn insert(&mut self, tag: u8, key: Key) -> bool {
        let mut entries = self.tags.iter_mut().zip(&mut self.keys);
        match entries.find(|(tag, _)| **tag == 0) {
            Some(entry) => {
                (*entry.0, *entry.1) = (tag, key);
                true
            }
            None => false,
        }
    }

    fn remove(&mut self, tag: u8, key: Key) -> bool {
        let mut entries = self.tags.iter_mut().zip(&self.keys);
        match entries.find(|(found, entry)| **found == tag && **entry == key) {
            Some((found, _)) => {
                *found = 0;
                true
            }
            None => false,
        }
    }

    /// How many places it has that are free.
    fn vacant(&self) -> usize {
        self.tags.iter().filter(|tag| **tag == 0).count()
    }

    fn is_empty(&self) -> bool {
        self.tags == [0; Self::ENTRIES]
    }

    fn entries(&self) -> impl Iterator<Item = Key> {
        self.tags.iter().zip(self.keys).filter(|(tag, _)| **tag != 0).map(|(_, key)| key)
    }
}

impl Index {
    pub(crate) fn new(account: &Account) -> Self {
        let overflow = Slab::new(account, u32::MAX);
        Self { buckets: Chunks::new(account), overflow, mask: 0, len: 0 }
    }

    /// The key that has this hash, and is the one.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_it: impl Fn(u32) -> bool) -> Option<u32> {
        let mut bucket = self.buckets.get(self.bucket(hash))?;
        let tag = tag(hash);
        loop {
            let mut places = bucket.places(tag);
            while places != 0 {
                let key = bucket.keys.get(Bucket::place(places))?.get();
                if is_it(key) {
                    return Some(key);
                }
                places &= places - 1;
            }
            bucket = self.overflow.get(bucket.next?.get())?;
        }
    }

    /// Puts in a key that is not in; `hash_of` answers the hash of one that is.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no memory; the key is not in then.
    pub(crate) fn insert(
        &mut self,
        hash: u64,
        key: u32,
        hash_of: impl Fn(u32) -> u64,
    ) -> Result<(), Full> {
        if u64::from(self.len) >= u64::from(self.buckets.len()) * Bucket::LOAD {
            // Without memory for more buckets there is room behind those there are, for a while.
            let grown = self.split(hash_of);
            if self.buckets.len() == 0 {
                return grown;
            }
            self.buckets.forgive();
        }
        self.place(self.bucket(hash), tag(hash), Key::new(key))?;
        self.len += 1;
        Ok(())
    }

    /// Takes a key out, if it is in.
    pub(crate) fn remove(&mut self, hash: u64, key: u32) {
        let (index, tag, key) = (self.bucket(hash), tag(hash), Key::new(key));
        let Some(first) = self.buckets.get_mut(index) else {
            return;
        };
        if first.remove(tag, key) {
            self.len -= 1;
            self.merge_if_low();
            return;
        }
        let (mut before, mut next) = (None, first.next);
        while let Some(at) = next {
            let Some(bucket) = self.overflow.get_mut(at.get()) else {
                return;
            };
            let after = bucket.next;
            if bucket.remove(tag, key) {
                self.len -= 1;
                if bucket.is_empty() {
                    self.overflow.remove(at.get());
                    self.link(index, before, after);
                }
                self.merge_if_low();
                return;
            }
            (before, next) = (next, after);
        }
    }

    /// How many keys are in.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// The heap memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.buckets.bytes() + self.overflow.bytes()
    }

    /// The bucket of a hash: its low bits, one fewer if there is no such bucket yet. A shift, not a
    /// branch: it would go either way as often.
    #[inline]
    fn bucket(&self, hash: u64) -> u32 {
        #[expect(clippy::cast_possible_truncation, reason = "the low bits are what is wanted")]
        let low = hash as u32 & self.mask;
        low & (self.mask >> u32::from(low >= self.buckets.len()))
    }

    /// Lets `next` follow the overflow bucket `before`, or else the bucket `index`.
    fn link(&mut self, index: u32, before: Option<Key>, next: Option<Key>) {
        let bucket = match before {
            Some(before) => self.overflow.get_mut(before.get()),
            None => self.buckets.get_mut(index),
        };
        if let Some(bucket) = bucket {
            bucket.next = next;
        }
    }

    /// Puts an entry into a bucket, or one that follows.
    fn place(&mut self, index: u32, tag: u8, key: Key) -> Result<(), Full> {
        let first = self.buckets.get_mut(index).ok_or(Full)?;
        if first.insert(tag, key) {
            return Ok(());
        }
        let (mut before, mut next) = (None, first.next);
        while let Some(at) = next {
            let bucket = self.overflow.get_mut(at.get()).ok_or(Full)?;
            if bucket.insert(tag, key) {
                return Ok(());
            }
            (before, next) = (next, bucket.next);
        }
        let mut bucket = Bucket::EMPTY;
        bucket.insert(tag, key);
        let at = self.overflow.insert(bucket)?;
        self.link(index, before, Some(Key::new(at)));
        Ok(())
    }

    /// Adds a bucket, and moves to it what belongs there now.
    fn split(&mut self, hash_of: impl Fn(u32) -> u64) -> Result<(), Full> {
        let new = self.buckets.len();
        // Where the entries of the new bucket were until now.
        let old = self.bucket(u64::from(new));
        self.buckets.push(Bucket::EMPTY)?;
        self.mask |= new;
        let mut entries: SmallVec<[Key; 2 * Bucket::ENTRIES]> = SmallVec::new();
        let Some(first) = self.buckets.get_mut(old) else {
            return Ok(());
        };
        let mut taken = core::mem::replace(first, Bucket::EMPTY);
        loop {
            entries.extend(taken.entries());
            match taken.next.and_then(|next| self.overflow.remove(next.get())) {
                Some(next) => taken = next,
                None => break,
            }
        }
        // Two buckets need no more overflow buckets for them than were just freed.
        for key in entries {
            let hash = hash_of(key.get());
            self.place(self.bucket(hash), tag(hash), key)?;
        }
        Ok(())
    }

    /// Takes the last bucket away if there are few entries in each, and moves its entries to where
    /// they were before it was split off. It needs no memory, so where there is no place for them
    /// nothing is done.
    #[inline]
    fn merge_if_low(&mut self) {
        let buckets = self.buckets.len();
        if buckets > KEPT && u64::from(self.len) < u64::from(buckets) * Bucket::LOW {
            self.merge(buckets - 1);
        }
    }

    #[cold]
    fn merge(&mut self, last: u32) {
        // Without this bucket the table may be a power of two: then every hash has one bit less.
        let mask = if last.is_power_of_two() { last - 1 } else { self.mask };
        let low = last & mask;
        let into = low & (mask >> u32::from(low >= last));
        let (Some(taken), Some(first)) = (self.buckets.get(last), self.buckets.get(into)) else {
            return;
        };
        let taken = taken.clone();
        let (mut tail, mut vacant) = (None, first.vacant());
        let mut next = first.next;
        while let Some(bucket) = next.and_then(|next| self.overflow.get(next.get())) {
            vacant += bucket.vacant();
            (tail, next) = (next, bucket.next);
        }
        let mut next = taken.next;
        while let Some(bucket) = next.and_then(|next| self.overflow.get(next.get())) {
            vacant += bucket.vacant();
            next = bucket.next;
        }
        if vacant < Bucket::ENTRIES - taken.vacant() {
            return;
        }
        self.buckets.pop();
        self.mask = mask;
        self.link(into, tail, taken.next);
        let entries = taken.tags.into_iter().zip(taken.keys).filter(|(tag, _)| *tag != 0);
        for (tag, key) in entries {
            // There is a place for it.
            let _ = self.place(into, tag, key);
        }
    }
}

/// The tag of a hash: its high bits, and never zero.
#[inline]
fn tag(hash: u64) -> u8 {
    let [.., high] = hash.to_le_bytes();
    high.max(1)
}

#[cfg(test)]
mod tests;
