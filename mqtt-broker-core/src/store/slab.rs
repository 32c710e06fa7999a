//! [`Slab`]: values under small integer keys, with a hard limit on their number.

use core::mem;

use super::{Account, Chunks, Full, Key};

/// Values under `u32` keys. A key that was given back is the next to be given out.
///
/// It grows as [`Chunks`] do. Its memory is given back when it is empty.
pub(crate) struct Slab<T> {
    slots: Chunks<Slot<T>>,
    /// The vacant slot to use next; the others follow from slot to slot.
    vacant: Option<Key>,
    len: u32,
    limit: u32,
}

/// A slab with no more slots than this keeps them when it is empty.
const KEPT: u32 = 64;

/// The link of a vacant slot hides beside a niche of `T` where there is one.
enum Slot<T> {
    Occupied(T),
    Vacant(Option<Key>),
}

impl<T> Slab<T> {
    /// An empty slab that will hold at most `limit` values. It allocates nothing yet.
    pub(crate) fn new(account: &Account, limit: u32) -> Self {
        Self { slots: Chunks::new(account), vacant: None, len: 0, limit }
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
            let slot = self.slots.get_mut(vacant.get()).ok_or(Full)?;
            if let Slot::Vacant(next) = mem::replace(slot, Slot::Occupied(value)) {
                self.vacant = next;
            }
            vacant.get()
        } else {
            let key = self.slots.len();
            self.slots.push(Slot::Occupied(value))?;
            key
        };
        self.len += 1;
        Ok(key)
    }

    /// Takes the value under `key` out.
    pub(crate) fn remove(&mut self, key: u32) -> Option<T> {
        let slot = self.slots.get_mut(key)?;
        if matches!(slot, Slot::Vacant(_)) {
            return None;
        }
        let Slot::Occupied(value) = mem::replace(slot, Slot::Vacant(self.vacant)) else {
            return None;
        };
        self.vacant = Some(Key::new(key));
        self.len -= 1;
        if self.len == 0 && self.slots.len() > KEPT {
            self.slots.clear();
            self.vacant = None;
        }
        Some(value)
    }

    #[inline]
    pub(crate) fn get(&self, key: u32) -> Option<&T> {
        match self.slots.get(key)? {
            Slot::Occupied(value) => Some(value),
            Slot::Vacant(_) => None,
        }
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut T> {
        match self.slots.get_mut(key)? {
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
    /// It steps over vacant slots, so one call may take as long as the slab was ever large.
    pub(crate) fn next_from(&self, key: u32) -> Option<(u32, &T)> {
        self.from(key).next()
    }

    /// One more than the largest key there ever was.
    pub(crate) const fn places(&self) -> u32 {
        self.slots.len()
    }

    /// The heap memory held, in bytes, without what the values hold themselves.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.bytes()
    }

    /// The values whose keys are `key` or more, in the order of their keys.
    pub(crate) fn from(&self, key: u32) -> impl Iterator<Item = (u32, &T)> {
        self.slots.from(key).filter_map(|(key, slot)| match slot {
            Slot::Occupied(value) => Some((key, value)),
            Slot::Vacant(_) => None,
        })
    }
}

#[cfg(test)]
mod tests;
