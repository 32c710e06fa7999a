//! [`Slab`]: values under small integer keys, with a hard limit on their number.

use alloc::vec::Vec;
use core::mem;

use super::chunks::{grow, shift_of};
use super::rooms::{NONE, Room, Rooms};
use super::{Account, Full, Key};

/// Values under `u32` keys. A key that was given back is the next to be given out of its chunk, and
/// the lowest chunk that has room gives keys out first.
///
/// The values lie in chunks that never move once they are full, as those of
/// [`Chunks`](super::Chunks) do. A chunk that has become empty gives its memory back, but for a few
/// of them: what is filled and emptied again and again must not ask the allocator each time.
pub(crate) struct Slab<T> {
    chunks: Vec<Chunk<T>>,
    rooms: Rooms,
}

/// A slab with no more slots than this keeps them when it is empty.
const KEPT: u32 = 64;

/// A slab that has had no more chunks than this does not forget them when it is empty.
const KEPT_CHUNKS: usize = 64;

struct Chunk<T> {
    slots: Vec<Slot<T>>,
    room: Room,
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
        let kept = account.kept(size_of::<Slot<T>>() << Self::SHIFT);
        Self { chunks: Vec::new(), rooms: Rooms::new(account, kept, limit) }
    }

    /// Stores `value` and answers its key.
    ///
    /// # Errors
    ///
    /// [`Full`] at the limit, or if there is no memory; `value` is dropped.
    pub(crate) fn insert(&mut self, value: T) -> Result<u32, Full> {
        let rooms = &mut self.rooms;
        if rooms.len >= rooms.limit {
            return Err(Full);
        }
        if rooms.open == NONE {
            self.open_chunk()?;
        }
        let rooms = &mut self.rooms;
        let chunk = self.chunks.get_mut(rooms.open as usize).ok_or(Full)?;
        let place = if let Some(vacant) = chunk.room.vacant {
            let slot = chunk.slots.get_mut(vacant.get() as usize).ok_or(Full)?;
            if let Slot::Vacant(next) = mem::replace(slot, Slot::Occupied(value)) {
                chunk.room.vacant = next;
            }
            vacant.get()
        } else {
            if chunk.slots.len() == chunk.slots.capacity() {
                chunk.grow(rooms)?;
            }
            let place = chunk.slots.len();
            chunk.slots.push(Slot::Occupied(value));
            #[expect(clippy::cast_possible_truncation, reason = "a chunk has few slots")]
            let place = place as u32;
            place
        };
        Ok(rooms.enter(&mut chunk.room, place, Self::SHIFT))
    }

    /// Makes sure that there is memory for the next value.
    ///
    /// # Errors
    ///
    /// [`Full`] at the limit, or if there is none.
    #[inline]
    pub(crate) fn reserve(&mut self) -> Result<(), Full> {
        if self.rooms.len >= self.rooms.limit {
            return Err(Full);
        }
        if self.rooms.open == NONE {
            self.open_chunk()?;
        }
        let chunk = self.chunks.get_mut(self.rooms.open as usize).ok_or(Full)?;
        if chunk.room.vacant.is_none() && chunk.slots.len() == chunk.slots.capacity() {
            chunk.grow(&mut self.rooms)?;
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
        let Slot::Occupied(value) = mem::replace(slot, Slot::Vacant(chunk.room.vacant)) else {
            return None;
        };
        if self.rooms.leave(&mut chunk.room, key, Self::SHIFT) {
            self.free(key >> Self::SHIFT);
        }
        Some(value)
    }

    /// Drops the value under `key` where it lies.
    pub(crate) fn discard(&mut self, key: u32) {
        let Some(chunk) = self.chunks.get_mut(Self::chunk(key)) else { return };
        let Some(slot) = chunk.slots.get_mut(Self::place(key)) else { return };
        if matches!(slot, Slot::Vacant(_)) {
            return;
        }
        *slot = Slot::Vacant(chunk.room.vacant);
        if self.rooms.leave(&mut chunk.room, key, Self::SHIFT) {
            self.free(key >> Self::SHIFT);
        }
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
        self.rooms.len
    }

    #[cfg(test)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.rooms.len == 0
    }

    #[cfg(test)]
    pub(crate) const fn limit(&self) -> u32 {
        self.rooms.limit
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
        self.rooms.places as usize * size_of::<Slot<T>>()
            + self.chunks.capacity() * size_of::<Chunk<T>>()
            + self.rooms.roomy.bytes()
    }

    /// The values whose keys are `key` or more, in the order of their keys.
    pub(crate) fn from(&self, key: u32) -> impl Iterator<Item = (u32, &T)> {
        let from = key >> Self::SHIFT;
        let chunks = self.chunks.get(from as usize..).unwrap_or_default();
        let used = (from..).zip(chunks).filter(|(_, chunk)| chunk.room.used > 0);
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
        let index = match self.rooms.freed {
            Some(freed) => freed,
            None => self.add_chunk()?,
        };
        let chunk = self.chunks.get_mut(index.get() as usize).ok_or(Full)?;
        chunk.grow(&mut self.rooms)?;
        self.rooms.open(index, &mut chunk.room);
        Ok(())
    }

    /// A new chunk, without memory as those that were freed.
    fn add_chunk(&mut self) -> Result<Key, Full> {
        let len = self.chunks.len();
        if len == self.chunks.capacity() {
            grow(&mut self.chunks, len.max(4), &self.rooms.account)?;
        }
        let index = self.rooms.add(len)?;
        self.chunks.push(Chunk { slots: Vec::new(), room: Room::default() });
        Ok(index)
    }

    /// Gives back the memory of a chunk that has become empty; of all, if there is nothing left in
    /// any of many.
    #[cold]
    fn free(&mut self, index: u32) {
        if self.rooms.len == 0 {
            if self.rooms.places <= KEPT {
                return;
            }
            if self.chunks.len() > KEPT_CHUNKS {
                self.rooms.forget(self.bytes());
                self.chunks = Vec::new();
                return;
            }
        }
        let Some(chunk) = self.chunks.get_mut(index as usize) else { return };
        let slots = mem::take(&mut chunk.slots);
        chunk.room = self.rooms.free(index, slots.capacity(), size_of::<Slot<T>>());
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
    /// Makes room for an eighth of all that there are, or for what the chunk has yet to grow.
    #[cold]
    fn grow(&mut self, rooms: &mut Rooms) -> Result<(), Full> {
        let before = self.slots.capacity();
        let left = (Slab::<T>::PER_CHUNK as usize).saturating_sub(self.slots.len());
        grow(&mut self.slots, (rooms.len as usize / 8).max(4).min(left), &rooms.account)?;
        rooms.places += u32::try_from(self.slots.capacity() - before).map_err(|_| Full)?;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
