//! [`Chunks`]: a vector that grows without moving what it holds.

use alloc::vec::Vec;

use super::Full;

/// The size that a chunk grows to; on a small machine its growing must not take what memory is left.
pub(super) const CHUNK_BYTES: usize = if usize::BITS > 32 { 64 * 1024 } else { 1024 };

/// Values in the order in which they were pushed.
///
/// They lie in chunks that never move once they are full: growing copies at most one chunk, and
/// the memory held stays within an eighth, or a chunk if that is less, of what is used. There is
/// no way to take a value out.
pub(crate) struct Chunks<T> {
    chunks: Vec<Vec<T>>,
    len: u32,
}

impl<T> Chunks<T> {
    /// A chunk has room for `1 << SHIFT` values: for as many as [`CHUNK_BYTES`] hold, at least one.
    pub(super) const SHIFT: u32 = {
        let size = if size_of::<T>() == 0 { 1 } else { size_of::<T>() };
        if size >= CHUNK_BYTES { 0 } else { (CHUNK_BYTES / size).ilog2() }
    };

    pub(crate) const fn new() -> Self {
        Self { chunks: Vec::new(), len: 0 }
    }

    /// Adds a value, at the index that was the length.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no memory, or after `u32::MAX` values; `value` is dropped.
    pub(crate) fn push(&mut self, value: T) -> Result<(), Full> {
        let len = self.len.checked_add(1).ok_or(Full)?;
        if self.chunks.len() <= Self::chunk(self.len) {
            self.chunks.try_reserve(1).map_err(|_| Full)?;
            self.chunks.push(Vec::new());
        }
        let chunk = self.chunks.last_mut().ok_or(Full)?;
        if chunk.len() == chunk.capacity() {
            let room = (1 << Self::SHIFT) - chunk.len();
            let wanted = (self.len as usize / 8).max(4).min(room);
            chunk.try_reserve_exact(wanted).map_err(|_| Full)?;
        }
        chunk.push(value);
        self.len = len;
        Ok(())
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
