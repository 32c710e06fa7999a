//! [`Roomy`]: which chunks of a slab have room, and the lowest of them.

use smallvec::SmallVec;

use super::{Account, Full};

/// A set of chunks, one bit for each. The first 64 take no memory of their own.
#[derive(Default)]
pub(super) struct Roomy(SmallVec<[u64; 1]>);

impl Roomy {
    /// Makes sure that this chunk can be inserted.
    pub(super) fn reserve(&mut self, chunk: u32, account: &Account) -> Result<(), Full> {
        let words = (chunk / 64) as usize + 1;
        if words <= self.0.len() {
            return Ok(());
        }
        if words > self.0.capacity() {
            let (before, wanted) = (self.bytes(), words * 2);
            account.take(wanted * size_of::<u64>())?;
            if self.0.try_reserve_exact(wanted - self.0.len()).is_err() {
                account.give(wanted * size_of::<u64>());
                return Err(Full);
            }
            account.give(before);
            account.change(wanted * size_of::<u64>(), self.bytes());
        }
        self.0.resize(words, 0);
        Ok(())
    }

    pub(super) fn insert(&mut self, chunk: u32) {
        if let Some(word) = self.0.get_mut((chunk / 64) as usize) {
            *word |= 1 << (chunk % 64);
        }
    }

    pub(super) fn remove(&mut self, chunk: u32) {
        if let Some(word) = self.0.get_mut((chunk / 64) as usize) {
            *word &= !(1 << (chunk % 64));
        }
    }

    /// The lowest that is there and is not below `chunk`; `u32::MAX` if there is none. It looks at
    /// a word for 64 chunks: for a gigabyte, at 256 of them.
    pub(super) fn first_from(&self, chunk: u32) -> u32 {
        let (first, below) = (chunk / 64, (1u64 << (chunk % 64)) - 1);
        let words = self.0.get(first as usize..).unwrap_or_default();
        for (index, word) in (first..).zip(words) {
            let word = if index == first { word & !below } else { *word };
            if word != 0 {
                return index * 64 + word.trailing_zeros();
            }
        }
        u32::MAX
    }

    /// The heap memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        if self.0.spilled() { self.0.capacity() * size_of::<u64>() } else { 0 }
    }
}
