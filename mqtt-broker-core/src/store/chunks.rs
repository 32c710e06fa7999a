//! [`Chunks`]: a vector that grows without moving what it holds.

use alloc::vec::Vec;

use super::{Account, Full};

/// The size that a chunk grows to; on a small machine its growing must not take what memory is left.
pub(super) const CHUNK_BYTES: usize = if usize::BITS > 32 { 64 * 1024 } else { 256 };

/// A chunk with room for no more values than this keeps it.
const KEPT: usize = 64;

/// A chunk has room for `1 << shift_of()` values: for as many as [`CHUNK_BYTES`] hold, at least one.
pub(super) const fn shift_of<T>() -> u32 {
    let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
    if size >= CHUNK_BYTES { 0 } else { (CHUNK_BYTES / size).ilog2() }
}

/// Values in the order in which they were pushed.
///
/// They lie in chunks that never move once they are full: growing copies at most one chunk, and
/// the memory held stays within an eighth, or a chunk if that is less, of what is used. What it
/// holds is in an account.
pub(crate) struct Chunks<T> {
    chunks: Vec<Vec<T>>,
    len: u32,
    account: Account,
}

impl<T> Chunks<T> {
    pub(super) const SHIFT: u32 = shift_of::<T>();

    pub(crate) fn new(account: &Account) -> Self {
        Self { chunks: Vec::new(), len: 0, account: account.clone() }
    }

    /// Adds a value, at the index that was the length.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no memory, or after `u32::MAX` values; `value` is dropped.
    pub(crate) fn push(&mut self, value: T) -> Result<(), Full> {
        let len = self.len.checked_add(1).ok_or(Full)?;
        if self.chunks.len() <= Self::chunk(self.len) {
            if self.chunks.len() == self.chunks.capacity() {
                let wanted = self.chunks.capacity().max(4);
                grow(&mut self.chunks, wanted, &self.account)?;
            }
            self.chunks.push(Vec::new());
        }
        let chunk = self.chunks.last_mut().ok_or(Full)?;
        if chunk.len() == chunk.capacity() {
            let room = (1 << Self::SHIFT) - chunk.len();
            let wanted = (self.len as usize / 8).max(4).min(room);
            grow(chunk, wanted, &self.account)?;
        }
        chunk.push(value);
        self.len = len;
        Ok(())
    }

    /// Whoever needed the room that was refused does without.
    pub(super) fn forgive(&self) {
        self.account.take_refusal();
    }

    /// Takes out the value that was pushed last. A chunk that is empty is kept until the one before
    /// it loses a value; of a single chunk half is given back when three quarters are empty.
    pub(crate) fn pop(&mut self) -> Option<T> {
        let last = self.len.checked_sub(1)?;
        if self.chunks.len() > Self::chunk(last) + 1 {
            let freed = self.chunks.pop().map_or(0, |chunk| chunk.capacity());
            self.account.give(freed * size_of::<T>());
        }
        let value = self.chunks.last_mut()?.pop()?;
        self.len = last;
        if let [chunk] = self.chunks.as_mut_slice() {
            let capacity = chunk.capacity();
            if capacity > KEPT && chunk.len() <= capacity / 4 {
                chunk.shrink_to(capacity / 2);
                self.account.change(capacity * size_of::<T>(), chunk.capacity() * size_of::<T>());
            }
        }
        Some(value)
    }

    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&T> {
        self.chunks.get(Self::chunk(index))?.get(Self::offset(index))
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut T> {
        self.chunks.get_mut(Self::chunk(index))?.get_mut(Self::offset(index))
    }

    #[inline]
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// The values from `index` on.
    pub(crate) fn from(&self, index: u32) -> impl Iterator<Item = (u32, &T)> {
        let chunks = self.chunks.get(Self::chunk(index)..).unwrap_or_default();
        (index..).zip(chunks.iter().flatten().skip(Self::offset(index)))
    }

    /// The heap memory held, in bytes, without what the values hold themselves.
    pub(crate) fn bytes(&self) -> usize {
        let values: usize = match self.chunks.split_last() {
            Some((last, full)) => (full.len() << Self::SHIFT) + last.capacity(),
            None => 0,
        };
        values * size_of::<T>() + self.chunks.capacity() * size_of::<Vec<T>>()
    }

    #[inline]
    const fn chunk(index: u32) -> usize {
        (index >> Self::SHIFT) as usize
    }

    #[inline]
    const fn offset(index: u32) -> usize {
        (index & ((1 << Self::SHIFT) - 1)) as usize
    }
}

/// Makes room for `more` values. While they are copied there are two of them.
pub(crate) fn grow<T>(vec: &mut Vec<T>, more: usize, account: &Account) -> Result<(), Full> {
    let growth = Growth { before: vec.capacity(), after: vec.len() + more, size: size_of::<T>() };
    growth.begin(account)?;
    let _ = vec.try_reserve_exact(more);
    growth.end(account, vec.capacity())
}

/// What [`grow`] counts, whatever the values are.
struct Growth {
    before: usize,
    after: usize,
    /// Of one value.
    size: usize,
}

impl Growth {
    fn begin(&self, account: &Account) -> Result<(), Full> {
        account.take(self.after * self.size)
    }

    /// What there is room for in the end: an allocator may have given more than it was asked for, or
    /// nothing.
    fn end(&self, account: &Account, capacity: usize) -> Result<(), Full> {
        let Self { before, after, size } = *self;
        if capacity < after {
            account.give(after * size);
            return Err(Full);
        }
        account.change((before + after) * size, capacity * size);
        Ok(())
    }
}
