//! [`Slab`]: values under small integer keys, with a hard limit on their number.

use alloc::vec::Vec;
use core::mem;

use super::chunks::{grow, shift_of};
use super::{Account, Full, Key, Roomy};

/// Values under `u32` keys. A key that was given back is the next to be given out of its chunk, and
/// the lowest chunk that has room gives keys out first.
///
/// The values lie in chunks that never move once they are full, as those of
/// [`Chunks`](super::Chunks) do. A chunk that has become empty gives its memory back, but for a few
/// of them: what is filled and emptied again and again must not ask the allocator each time.
pub(crate) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    /// The chunks that have memory, and room.
    roomy: Roomy,
    /// The lowest of them, or [`NONE`].
    open: u32,
    /// The first of the chunks that have no memory; the others follow from chunk to chunk.
    freed: Option<Key>,
    /// How many chunks have memory and no values.
    empty: u32,
    /// How many of those keep their memory.
    kept: u32,
    /// For how many values there is memory.
    places: u32,
    len: u32,
    limit: u32,
    account: Account,
}

/// A slab with no more slots than this keeps them when it is empty.
const KEPT: u32 = 64;

/// A slab that has had no more chunks than this does not forget them when it is empty.
const KEPT_CHUNKS: usize = 64;

/// No chunk.
const NONE: u32 = u32::MAX;

struct Chunk<T> {
    slots: Vec<Slot<T>>,
    /// The slot to use next, by its place here; the others follow from slot to slot. Of a chunk
    /// without memory: the next such chunk.
    vacant: Option<Key>,
    /// How many values it has.
    used: u32,
}

/// The link of a vacant slot hides beside a niche of `T` where there is one.
enum Slot<T> {
    Occupied(T),
    Vacant(Option<Key>),
}

impl<T> Slab<T> {
    const SHIFT: u32 = shift_of::<Slot<T>>();
    const PER_CHUNK: u32 = 1 << Self::SHIFT;

    /// An empty slab that will hold at most `limit` values. It allocates nothing yet.
    pub(crate) fn new(account: &Account, limit: u32) -> Self {
        Self {
            chunks: Vec::new(),
            roomy: Roomy::default(),
            open: NONE,
            freed: None,
            empty: 0,
            kept: account.kept(size_of::<Slot<T>>() << Self::SHIFT),
            places: 0,
            len: 0,
            limit,
            account: account.clone(),
        }
    }

    /// Stores `value` and answers its key.
    ///
    /// # Errors
    ///
    /// [`Full`] at the limit, or if there is no memory; `value` is dropped.
    pub(crate) fn insert(&mut self, value: T) -> Result<u32, Full> {
        if self.len >= self.limit {
            return Err(Full);
        }
        if self.open == NONE {
            self.open_chunk()?;
        }
        let chunk = self.chunks.get_mut(self.open as usize).ok_or(Full)?;
        let place = if let Some(vacant) = chunk.vacant {
            let slot = chunk.slots.get_mut(vacant.get() as usize).ok_or(Full)?;
            if let Slot::Vacant(next) = mem::replace(slot, Slot::Occupied(value)) {
                chunk.vacant = next;
            }
            vacant.get()
        } else {
            if chunk.slots.len() == chunk.slots.capacity() {
                self.places += chunk.grow(self.len, &self.account)?;
            }
            let place = chunk.slots.len();
            chunk.slots.push(Slot::Occupied(value));
            #[expect(clippy::cast_possible_truncation, reason = "a chunk has few slots")]
            let place = place as u32;
            place
        };
        chunk.used += 1;
        self.len += 1;
        let key = (self.open << Self::SHIFT) | place;
        let used = chunk.used;
        if used == 1 {
            self.empty -= 1;
        }
        if used == Self::PER_CHUNK {
            self.close();
        }
        Ok(key)
    }

    /// Makes sure that there is memory for the next value.
    ///
    /// # Errors
    ///
    /// [`Full`] at the limit, or if there is none.
    #[inline]
    pub(crate) fn reserve(&mut self) -> Result<(), Full> {
        if self.len >= self.limit {
            return Err(Full);
        }
        if self.open == NONE {
            self.open_chunk()?;
        }
        let chunk = self.chunks.get_mut(self.open as usize).ok_or(Full)?;
        if chunk.vacant.is_none() && chunk.slots.len() == chunk.slots.capacity() {
            self.places += chunk.grow(self.len, &self.account)?;
        }
        Ok(())
    }

    /// Takes the value under `key` out.
    pub(crate) fn remove(&mut self, key: u32) -> Option<T> {
        let (index, place) = (Self::chunk(key), Self::place(key));
        let chunk = self.chunks.get_mut(index)?;
        let slot = chunk.slots.get_mut(place)?;
        if matches!(slot, Slot::Vacant(_)) {
            return None;
        }
        let Slot::Occupied(value) = mem::replace(slot, Slot::Vacant(chunk.vacant)) else {
            return None;
        };
        chunk.vacant = Some(Key::new(key & (Self::PER_CHUNK - 1)));
        chunk.used -= 1;
        self.len -= 1;
        let used = chunk.used;
        if used == Self::PER_CHUNK - 1 {
            self.reopen(key >> Self::SHIFT);
        }
        if used == 0 {
            self.empty += 1;
            if self.empty > self.kept {
                self.free(key >> Self::SHIFT);
            }
        }
        Some(value)
    }

    #[inline]
    pub(crate) fn get(&self, key: u32) -> Option<&T> {
        match self.chunks.get(Self::chunk(key))?.slots.get(Self::place(key))? {
            Slot::Occupied(value) => Some(value),
            Slot::Vacant(_) => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        match self.chunks.get_mut(Self::chunk(key))?.slots.get_mut(Self::place(key))? {
            Slot::Occupied(value) => Some(value),
            Slot::Vacant(_) => None,
        }
    }

    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    #[cfg(test)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    #[cfg(test)]
    pub(crate) const fn limit(&self) -> u32 {
        self.limit
    }

    /// The first value whose key is `key` or more: a scan that can stop and go on later.
    ///
    /// It steps over vacant slots, at most over those of all chunks that have a value.
    pub(crate) fn next_from(&self, key: u32) -> Option<(u32, &T)> {
        self.from(key).next()
    }

    /// More than the largest key in use.
    pub(crate) fn places(&self) -> u32 {
        u32::try_from(self.chunks.len()).unwrap_or(u32::MAX).saturating_mul(Self::PER_CHUNK)
    }

    /// The heap memory held, in bytes, without what the values hold themselves.
    pub(crate) fn bytes(&self) -> usize {
        self.places as usize * size_of::<Slot<T>>()
            + self.chunks.capacity() * size_of::<Chunk<T>>()
            + self.roomy.bytes()
    }

    /// The values whose keys are `key` or more, in the order of their keys.
    pub(crate) fn from(&self, key: u32) -> impl Iterator<Item = (u32, &T)> {
        let from = key >> Self::SHIFT;
        let chunks = self.chunks.get(from as usize..).unwrap_or_default();
        let used = (from..).zip(chunks).filter(|(_, chunk)| chunk.used > 0);
        used.flat_map(move |(index, chunk)| {
            let skipped = if index == from { key & (Self::PER_CHUNK - 1) } else { 0 };
            let slots = chunk.slots.get(skipped as usize..).unwrap_or_default();
            let keys = (index << Self::SHIFT) | skipped..;
            keys.zip(slots).filter_map(|(key, slot)| match slot {
                Slot::Occupied(value) => Some((key, value)),
                Slot::Vacant(_) => None,
            })
        })
    }

    /// Gives keys out of a chunk that has no memory yet: no other has room.
    #[cold]
    fn open_chunk(&mut self) -> Result<(), Full> {
        if let Some(freed) = self.freed {
            let chunk = self.chunks.get_mut(freed.get() as usize).ok_or(Full)?;
            self.places += chunk.grow(self.len, &self.account)?;
            self.freed = chunk.vacant.take();
            self.open = freed.get();
        } else {
            let index = u32::try_from(self.chunks.len()).map_err(|_| Full)?;
            if self.chunks.len() == self.chunks.capacity() {
                let wanted = self.chunks.capacity().max(4);
                grow(&mut self.chunks, wanted, &self.account)?;
            }
            self.roomy.reserve(index, &self.account)?;
            let mut chunk = Chunk { slots: Vec::new(), vacant: None, used: 0 };
            self.places += chunk.grow(self.len, &self.account)?;
            self.chunks.push(chunk);
            self.open = index;
        }
        self.empty += 1;
        self.roomy.insert(self.open);
        Ok(())
    }

    /// The open chunk has no room any more.
    #[cold]
    fn close(&mut self) {
        self.roomy.remove(self.open);
        self.open = self.roomy.first_from(self.open);
    }

    /// A chunk has room again.
    #[cold]
    fn reopen(&mut self, index: u32) {
        self.roomy.insert(index);
        self.open = self.open.min(index);
    }

    /// Gives back the memory of a chunk that has become empty; of all, if there is nothing left in
    /// any of many.
    #[cold]
    fn free(&mut self, index: u32) {
        if self.len == 0 && self.places <= KEPT {
            return;
        }
        if self.len == 0 && self.chunks.len() > KEPT_CHUNKS {
            self.account.give(self.bytes());
            (self.chunks, self.roomy) = (Vec::new(), Roomy::default());
            (self.open, self.freed, self.empty, self.places) = (NONE, None, 0, 0);
            return;
        }
        let Some(chunk) = self.chunks.get_mut(index as usize) else { return };
        let capacity = chunk.slots.capacity();
        self.account.give(capacity * size_of::<Slot<T>>());
        *chunk = Chunk { slots: Vec::new(), vacant: self.freed, used: 0 };
        self.freed = Some(Key::new(index));
        self.empty -= 1;
        self.places -= u32::try_from(capacity).unwrap_or(self.places);
        self.roomy.remove(index);
        if self.open == index {
            self.open = self.roomy.first_from(index);
        }
    }

    #[inline]
    const fn chunk(key: u32) -> usize {
        (key >> Self::SHIFT) as usize
    }

    #[inline]
    const fn place(key: u32) -> usize {
        (key & (Self::PER_CHUNK - 1)) as usize
    }
}

impl<T> Chunk<T> {
    /// Makes room for an eighth of all that there are, or for what the chunk has yet to grow; for
    /// how many more there is.
    #[cold]
    fn grow(&mut self, all: u32, account: &Account) -> Result<u32, Full> {
        let before = self.slots.capacity();
        let left = (Slab::<T>::PER_CHUNK as usize).saturating_sub(self.slots.len());
        grow(&mut self.slots, (all as usize / 8).max(4).min(left), account)?;
        u32::try_from(self.slots.capacity() - before).map_err(|_| Full)
    }
}

#[cfg(test)]
mod tests;
