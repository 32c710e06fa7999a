//! [`Lists`]: many first-in, first-out lists of small values, in blocks of a few cache lines.

use super::{Account, Chunks, Full};

/// No block.
const NONE: u32 = u32::MAX;

/// The lists: an empty one holds nothing, and to walk one is to read block after block.
///
/// Blocks lie in [`Chunks`]. One that no list has is the next to be used. When no list has any, they
/// are given back, unless they are few.
pub(crate) struct Lists<T, const N: usize> {
    blocks: Chunks<Block<T, N>>,
    /// The block to use next; the others that are free follow from block to block.
    vacant: u32,
    /// How many blocks are in lists.
    used: u32,
    /// How many are kept when none is.
    kept: u32,
}

struct Block<T, const N: usize> {
    next: u32,
    /// The values at these places and between them are in the list.
    first: u8,
    end: u8,
    values: [T; N],
}

impl<T, const N: usize> Block<T, N> {
    fn values(&self) -> &[T] {
        self.values.get(usize::from(self.first)..usize::from(self.end)).unwrap_or_default()
    }
}

/// One list. It belongs to one [`Lists`], and to nobody else once it was given away.
#[derive(Clone, Copy)]
pub(crate) struct List {
    head: u32,
    tail: u32,
    len: u32,
}

impl Default for List {
    fn default() -> Self {
        Self { head: NONE, tail: NONE, len: 0 }
    }
}

impl List {
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }
}

impl<T: Copy, const N: usize> Lists<T, N> {
    /// No lists yet; it allocates nothing.
    pub(crate) fn new(account: &Account) -> Self {
        const { assert!(N > 0 && N <= u8::MAX as usize) };
        // A burst's memory is used again by the next one, as long as it is little.
        let kept = account.ceiling() / 256 / size_of::<Block<T, N>>();
        let kept = u32::try_from(kept).unwrap_or(u32::MAX);
        Self { blocks: Chunks::new(account), vacant: NONE, used: 0, kept }
    }

    /// Appends a value.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no memory; the list is as it was.
    #[inline]
    pub(crate) fn push(&mut self, list: &mut List, value: T) -> Result<(), Full> {
        if let Some(block) = self.blocks.get_mut(list.tail) {
            if let Some(place) = block.values.get_mut(usize::from(block.end)) {
                *place = value;
                block.end += 1;
                list.len += 1;
                return Ok(());
            }
        }
        self.push_block(list, value)
    }

    /// Makes room for one more value in this list, so that the next that is pushed will find it.
    /// `filler` is never seen.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no memory.
    #[inline]
    pub(crate) fn reserve(&mut self, list: &List, filler: T) -> Result<(), Full> {
        let has_place = |block: &Block<T, N>| usize::from(block.end) < N;
        if self.vacant != NONE || self.blocks.get(list.tail).is_some_and(has_place) {
            return Ok(());
        }
        let key = self.blocks.len();
        self.blocks.push(Block { next: NONE, first: 0, end: 0, values: [filler; N] })?;
        self.vacant = key;
        Ok(())
    }

    /// Takes out the oldest value.
    #[inline]
    pub(crate) fn pop(&mut self, list: &mut List) -> Option<T> {
        let value = *self.front(list).first()?;
        self.advance(list, 1);
        Some(value)
    }

    /// The oldest values, as many as lie together.
    #[inline]
    pub(crate) fn front(&self, list: &List) -> &[T] {
        self.blocks.get(list.head).map_or(&[], Block::values)
    }

    /// Takes out as many of [`front`](Self::front), at most all of them.
    #[inline]
    pub(crate) fn advance(&mut self, list: &mut List, values: u8) {
        let Some(block) = self.blocks.get_mut(list.head) else { return };
        let first = block.first.saturating_add(values).min(block.end);
        list.len -= u32::from(first - block.first);
        block.first = first;
        if first == block.end {
            let next = block.next;
            self.free(list.head);
            list.head = next;
            if next == NONE {
                list.tail = NONE;
            }
        }
    }

    /// The youngest value.
    pub(crate) fn newest_mut(&mut self, list: &List) -> Option<&mut T> {
        let block = self.blocks.get_mut(list.tail)?;
        let last = usize::from(block.end).checked_sub(1)?;
        block.values.get_mut(last)
    }

    /// Moves all of `more` to the end of `list`.
    pub(crate) fn append(&mut self, list: &mut List, more: List) {
        if more.is_empty() {
            return;
        }
        match self.blocks.get_mut(list.tail) {
            Some(last) => last.next = more.head,
            None => list.head = more.head,
        }
        list.tail = more.tail;
        list.len += more.len;
    }

    /// Leaves out the values that `keep` does not keep.
    pub(crate) fn retain(&mut self, list: &mut List, mut keep: impl FnMut(&T) -> bool) {
        let mut next = core::mem::take(list).head;
        while let Some(block) = self.blocks.get_mut(next) {
            let mut end = 0;
            for place in usize::from(block.first)..usize::from(block.end) {
                let Some(&value) = block.values.get(place) else { break };
                if keep(&value) {
                    if let Some(kept) = block.values.get_mut(usize::from(end)) {
                        *kept = value;
                    }
                    end += 1;
                }
            }
            (block.first, block.end) = (0, end);
            let key = core::mem::replace(&mut next, core::mem::replace(&mut block.next, NONE));
            if end == 0 {
                self.free(key);
            } else {
                self.append(list, List { head: key, tail: key, len: end.into() });
            }
        }
    }

    /// The values of a list, the oldest first.
    pub(crate) fn iter<'a>(&'a self, list: &List) -> impl Iterator<Item = &'a T> + use<'a, T, N> {
        let first = self.blocks.get(list.head);
        core::iter::successors(first, |block| self.blocks.get(block.next)).flat_map(Block::values)
    }

    /// The heap held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.bytes()
    }

    fn push_block(&mut self, list: &mut List, value: T) -> Result<(), Full> {
        let key = if let Some(block) = self.blocks.get_mut(self.vacant) {
            let key = core::mem::replace(&mut self.vacant, block.next);
            (block.next, block.first, block.end) = (NONE, 0, 1);
            if let Some(place) = block.values.first_mut() {
                *place = value;
            }
            key
        } else {
            let key = self.blocks.len();
            self.blocks.push(Block { next: NONE, first: 0, end: 1, values: [value; N] })?;
            key
        };
        self.used += 1;
        self.append(list, List { head: key, tail: key, len: 1 });
        Ok(())
    }

    fn free(&mut self, key: u32) {
        if let Some(block) = self.blocks.get_mut(key) {
            block.next = core::mem::replace(&mut self.vacant, key);
            self.used -= 1;
        }
        if self.used == 0 && self.blocks.len() > self.kept {
            self.blocks.clear();
            self.vacant = NONE;
        }
    }
}

#[cfg(test)]
mod tests;
