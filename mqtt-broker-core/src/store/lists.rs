//! [`Lists`]: many first-in, first-out lists of small values, in blocks of a few cache lines.

use core::num::NonZeroU8;

use super::{Account, Full, Slab};

/// No block.
const NONE: u32 = u32::MAX;

/// The lists: an empty one holds nothing, and to walk one is to read block after block.
///
/// Blocks lie in a [`Slab`], which gives back what no list has.
pub(crate) struct Lists<T, const N: usize> {
    blocks: Slab<Block<T, N>>,
}

struct Block<T, const N: usize> {
    next: u32,
    /// The values from this place on, and before the other, are in the list.
    first: u8,
    end: NonZeroU8,
    values: [T; N],
}

impl<T, const N: usize> Block<T, N> {
    fn values(&self) -> &[T] {
        self.values.get(usize::from(self.first)..usize::from(self.end.get())).unwrap_or_default()
    }

    /// How many values there are from this place on.
    fn count(&self, from: usize) -> u32 {
        u32::from(self.end.get()).saturating_sub(u32::try_from(from).unwrap_or(u32::MAX))
    }
}

impl<T: Copy, const N: usize> Block<T, N> {
    /// Puts values from this place on, where there is room for them; they are the last.
    #[inline]
    fn put(&mut self, from: usize, values: &[T]) {
        let end = from + values.len();
        if let Some(places) = self.values.get_mut(from..end) {
            places.copy_from_slice(values);
        }
        self.end = u8::try_from(end).ok().and_then(NonZeroU8::new).unwrap_or(self.end);
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
        // Does not compile unless it is more than none, and a place in a block fits a byte.
        let _ = const { (N - 1, u8::MAX as usize - 1 - N) };
        Self { blocks: Slab::new(account, u32::MAX) }
    }

    /// Appends a value.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no memory; the list is as it was.
    #[inline]
    pub(crate) fn push(&mut self, list: &mut List, value: T) -> Result<(), Full> {
        if let Some(block) = self.blocks.get_mut(list.tail) {
            if let Some(place) = block.values.get_mut(usize::from(block.end.get())) {
                *place = value;
                block.end = block.end.saturating_add(1);
                list.len += 1;
                return Ok(());
            }
        }
        self.push_block(list, value)
    }

    /// Appends values, in their order.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no memory for all of them; the list is as it was.
    #[inline]
    pub(crate) fn extend(&mut self, list: &mut List, values: &[T]) -> Result<(), Full> {
        let mut beyond = values;
        let mut room = 0;
        if let Some(block) = self.blocks.get_mut(list.tail) {
            let end = usize::from(block.end.get());
            room = values.len().min(N - end);
            if room == values.len() {
                block.put(end, values);
                list.len += block.count(end);
                return Ok(());
            }
            beyond = values.get(room..).unwrap_or_default();
        }
        let more = self.chain(beyond)?;
        if let Some(block) = self.blocks.get_mut(list.tail) {
            let end = usize::from(block.end.get());
            block.put(end, values.get(..room).unwrap_or_default());
            list.len += block.count(end);
        }
        self.append(list, more);
        Ok(())
    }

    /// Makes room for one more value in this list, so that the next that is pushed will find it.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no memory.
    #[inline]
    pub(crate) fn reserve(&mut self, list: &List) -> Result<(), Full> {
        let has_place = |block: &Block<T, N>| usize::from(block.end.get()) < N;
        if self.blocks.get(list.tail).is_some_and(has_place) {
            return Ok(());
        }
        self.blocks.reserve()
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
        let first = block.first.saturating_add(values).min(block.end.get());
        list.len -= u32::from(first - block.first);
        block.first = first;
        if first == block.end.get() {
            let next = block.next;
            self.blocks.discard(list.head);
            list.head = next;
            if next == NONE {
                list.tail = NONE;
            }
        }
    }

    /// The youngest value.
    pub(crate) fn newest_mut(&mut self, list: &List) -> Option<&mut T> {
        let block = self.blocks.get_mut(list.tail)?;
        let last = usize::from(block.end.get()) - 1;
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
            for place in usize::from(block.first)..usize::from(block.end.get()) {
                let Some(&value) = block.values.get(place) else { break };
                if keep(&value) {
                    if let Some(kept) = block.values.get_mut(usize::from(end)) {
                        *kept = value;
                    }
                    end += 1;
                }
            }
            let key = core::mem::replace(&mut next, core::mem::replace(&mut block.next, NONE));
            match NonZeroU8::new(end) {
                Some(kept) => {
                    (block.first, block.end) = (0, kept);
                    self.append(list, List { head: key, tail: key, len: end.into() });
                }
                None => self.blocks.discard(key),
            }
        }
    }

    /// The values of a list, the oldest first.
    pub(crate) fn iter<'a>(&'a self, list: &List) -> impl Iterator<Item = &'a T> + use<'a, T, N> {
        let first = self.blocks.get(list.head);
        core::iter::successors(first, |block| self.blocks.get(block.next)).flat_map(Block::values)
    }

    /// Changes the values of a list, the oldest first.
    pub(crate) fn change(&mut self, list: &List, mut change: impl FnMut(&mut T)) {
        let mut key = list.head;
        while let Some(block) = self.blocks.get_mut(key) {
            let places = usize::from(block.first)..usize::from(block.end.get());
            block.values.get_mut(places).unwrap_or_default().iter_mut().for_each(&mut change);
            key = block.next;
        }
    }

    /// The heap held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.blocks.bytes()
    }

    /// A new list of these values.
    fn chain(&mut self, values: &[T]) -> Result<List, Full> {
        let mut list = List::default();
        for part in values.chunks(N) {
            let (Some(&first), Ok(len)) = (part.first(), u8::try_from(part.len())) else { break };
            let values = part.try_into().unwrap_or_else(|_| {
                let mut values = [first; N];
                values.iter_mut().zip(part).for_each(|(place, value)| *place = *value);
                values
            });
            let end = NonZeroU8::new(len).unwrap_or(NonZeroU8::MIN);
            if let Err(full) = self.append_block(&mut list, values, end) {
                while self.pop(&mut list).is_some() {}
                return Err(full);
            }
        }
        Ok(list)
    }

    fn push_block(&mut self, list: &mut List, value: T) -> Result<(), Full> {
        self.append_block(list, [value; N], NonZeroU8::MIN)
    }

    fn append_block(
        &mut self,
        list: &mut List,
        values: [T; N],
        end: NonZeroU8,
    ) -> Result<(), Full> {
        let key = self.blocks.insert(Block { next: NONE, first: 0, end, values })?;
        self.append(list, List { head: key, tail: key, len: end.get().into() });
        Ok(())
    }
}

#[cfg(test)]
mod tests;
