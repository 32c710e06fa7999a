//! [`Roomy`]: which chunks of a slab have room, and the lowest of them.

use alloc::vec::Vec;

use super::{Account, Full, grow};

/// A set of chunks, one bit for each. The first take no memory of their own.
#[derive(Default)]
pub(super) struct Roomy {
    first: usize,
    more: Vec<usize>,
}

/// How many chunks a word is for.
const BITS: u32 = usize::BITS;

impl Roomy {
    /// Makes sure that this chunk can be inserted.
    pub(super) fn reserve(&mut self, chunk: u32, account: &Account) -> Result<(), Full> {
        let words = (chunk / BITS) as usize;
        if words > self.more.capacity() {
            let more = 2 * words - self.more.len();
            grow(&mut self.more, more, account)?;
        }
        if words > self.more.len() {
            self.more.resize(words, 0);
        }
        Ok(())
    }

    pub(super) fn insert(&mut self, chunk: u32) {
        if let Some(word) = self.word_mut(chunk) {
            *word |= 1 << (chunk % BITS);
        }
    }

    pub(super) fn remove(&mut self, chunk: u32) {
        if let Some(word) = self.word_mut(chunk) {
            *word &= !(1 << (chunk % BITS));
        }
    }

    /// The lowest that is there and is not below `chunk`; `u32::MAX` if there is none. It looks at
    /// words of 64 chunks, where there is a gigabyte at 256 of them.
    pub(super) fn first_from(&self, chunk: u32) -> u32 {
        let mut at = chunk / BITS;
        let mut wanted = usize::MAX << (chunk % BITS);
        while let Some(word) = self.word(at) {
            let word = word & wanted;
            if word != 0 {
                return at * BITS + word.trailing_zeros();
            }
            (at, wanted) = (at + 1, usize::MAX);
        }
        u32::MAX
    }

    /// The heap memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.more.capacity() * size_of::<usize>()
    }

    fn word(&self, at: u32) -> Option<usize> {
        match at.checked_sub(1) {
            None => Some(self.first),
            Some(at) => self.more.get(at as usize).copied(),
        }
    }

    fn word_mut(&mut self, chunk: u32) -> Option<&mut usize> {
        match (chunk / BITS).checked_sub(1) {
            None => Some(&mut self.first),
            Some(at) => self.more.get_mut(at as usize),
        }
    }
}
