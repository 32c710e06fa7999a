//! [`Slab`]: values under small integer keys, with a hard limit on their number.

use alloc::vec::Vec;
use core::mem;

use super::{Full, Key};

/// The size that a chunk of slots grows to.
const CHUNK_BYTES: usize = 64 * 1024;

/// Values under `u32` keys. A key that was given back is the next to be given out.
///
/// The slots lie in chunks that never move once they are full: growing copies at most one chunk,
/// and the memory held stays within an eighth, or a chunk if that is less, of the most ever used.
/// None of it is given back before the slab is dropped.
pub(crate) struct Slab<T> {
    chunks: Vec<Vec<Slot<T>>>,
    /// How many slots there are, vacant ones included.
    slots: u32,
    /// The vacant slot to use next; the others follow from slot to slot.
    vacant: Option<Key>,
    len: u32,
    limit: u32,
}

/// The link of a vacant slot hides beside a niche of `T` where there is one.
enum Slot<T> {
    Occupied(T),
    Vacant(Option<Key>),
}

impl<T> Slab<T> {
    /// A chunk has `1 << SHIFT` slots: as many as fit into [`CHUNK_BYTES`], at least one.
    const SHIFT: u32 = {
        let size = if size_of::<Slot<T>>() == 0 { 1 } else { size_of::<Slot<T>>() };
        if size >= CHUNK_BYTES { 0 } else { (CHUNK_BYTES / size).ilog2() }
    };

    /// An empty slab that will hold at most `limit` values. It allocates nothing yet.
    pub(crate) const fn new(limit: u32) -> Self {
        Self { chunks: Vec::new(), slots: 0, vacant: None, len: 0, limit }
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
        let key = if let Some(vacant) = self.vacant {
            let slot = self.slot_mut(vacant.get()).ok_or(Full)?;
            if let Slot::Vacant(next) = mem::replace(slot, Slot::Occupied(value)) {
                self.vacant = next;
            }
            vacant.get()
        } else {
            let key = self.slots;
            self.last_chunk()?.push(Slot::Occupied(value));
            self.slots += 1;
            key
        };
        self.len += 1;
        Ok(key)
    }

    /// Takes the value under `key` out.
    pub(crate) fn remove(&mut self, key: u32) -> Option<T> {
        let vacant = self.vacant;
        let slot = self.slot_mut(key)?;
        if matches!(slot, Slot::Vacant(_)) {
            return None;
        }
        let Slot::Occupied(value) = mem::replace(slot, Slot::Vacant(vacant)) else {
            return None;
        };
        self.vacant = Some(Key::new(key));
        self.len -= 1;
        Some(value)
    }

    #[inline]
    pub(crate) fn get(&self, key: u32) -> Option<&T> {
        match self.chunks.get(Self::chunk(key))?.get(Self::offset(key))? {
            Slot::Occupied(value) => Some(value),
            Slot::Vacant(_) => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        match self.slot_mut(key)? {
            Slot::Occupied(value) => Some(value),
            Slot::Vacant(_) => None,
        }
    }

    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.len == 0
    }

    pub(crate) const fn limit(&self) -> u32 {
        self.limit
    }

    /// The values in the order of their keys.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.from(0)
    }

    /// The first value whose key is `key` or more: a scan that can stop and go on later.
    ///
    /// It steps over vacant slots, so one call may take as long as the slab was ever large.
    pub(crate) fn next_from(&self, key: u32) -> Option<(u32, &T)> {
        self.from(key).next()
    }

    /// The heap memory held, in bytes, without what the values hold themselves.
    pub(crate) fn bytes(&self) -> usize {
        let slots: usize = match self.chunks.split_last() {
            Some((last, full)) => (full.len() << Self::SHIFT) + last.capacity(),
            None => 0,
        };
        slots * size_of::<Slot<T>>() + self.chunks.capacity() * size_of::<Vec<Slot<T>>>()
    }

    fn from(&self, key: u32) -> impl Iterator<Item = (u32, &T)> {
        let chunks = self.chunks.get(Self::chunk(key)..).unwrap_or_default();
        (key..).zip(chunks.iter().flatten().skip(Self::offset(key))).filter_map(|(key, slot)| {
            match slot {
                Slot::Occupied(value) => Some((key, value)),
                Slot::Vacant(_) => None,
            }
        })
    }

    const fn chunk(key: u32) -> usize {
        (key >> Self::SHIFT) as usize
    }

    const fn offset(key: u32) -> usize {
        (key & ((1 << Self::SHIFT) - 1)) as usize
    }

    fn slot_mut(&mut self, key: u32) -> Option<&mut Slot<T>> {
        self.chunks.get_mut(Self::chunk(key))?.get_mut(Self::offset(key))
    }

    /// The chunk that the next new slot goes into, with room for it.
    fn last_chunk(&mut self) -> Result<&mut Vec<Slot<T>>, Full> {
        if self.chunks.len() <= Self::chunk(self.slots) {
            self.chunks.try_reserve(1).map_err(|_| Full)?;
            self.chunks.push(Vec::new());
        }
        let room = (1 << Self::SHIFT) - Self::offset(self.slots);
        let wanted =
            (self.slots as usize / 8).max(4).min(room).min((self.limit - self.slots) as usize);
        let chunk = self.chunks.last_mut().ok_or(Full)?;
        if chunk.len() == chunk.capacity() {
            chunk.try_reserve_exact(wanted).map_err(|_| Full)?;
        }
        Ok(chunk)
    }
}

#[cfg(test)]
mod tests;
