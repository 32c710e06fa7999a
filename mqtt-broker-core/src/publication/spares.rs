//! [`Spares`]: the buffers of publications that are gone, for those to come.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::store::{Account, Claim, Full, grow};

/// How many bytes are kept, at most.
const BYTES: usize = 4 << 20;
/// How many bytes of one class may be kept anyway, if all may be so much.
const CLASS_BYTES: usize = 2048;
/// How many buffers of one class are kept, at most.
const CLASS_LEN: usize = 2048;
/// Buffers below twice this are one class.
const SMALLEST: usize = 32;
/// Each class has buffers twice as large as the one before; the last, of less than 128 KiB.
const CLASSES: usize = 12;

/// A steady flow of messages allocates nothing, whatever their sizes: buffers wait in classes, so that
/// one of the right size is found at once, and a flow of one size leaves the others theirs.
pub(super) struct Spares {
    classes: [Class; CLASSES],
    bytes: usize,
    limit: usize,
    class_limit: usize,
    account: Account,
}

#[derive(Default)]
struct Class {
    buffers: Vec<Box<[u8]>>,
    bytes: usize,
}

impl Spares {
    /// No buffers yet. For a broker whose publications may have `publication_bytes`, few are kept if
    /// that, or the account's ceiling, is little.
    pub(super) fn new(account: &Account, publication_bytes: usize) -> Self {
        let limit = BYTES.min(publication_bytes / 16).min(account.ceiling() / 64);
        Self {
            classes: Default::default(),
            bytes: 0,
            limit,
            class_limit: (limit / 8).max(CLASS_BYTES),
            account: account.clone(),
        }
    }

    /// A buffer of `len` bytes or more, which are in the account. There is what is left of another
    /// message in it.
    pub(super) fn take(&mut self, len: usize) -> Result<Box<[u8]>, Full> {
        let class = self.classes.get_mut(class_of(len));
        let spare = class.and_then(|class| {
            let buffer = class.buffers.pop()?;
            class.bytes -= buffer.len();
            Some(buffer)
        });
        let spare = spare.unwrap_or_default();
        let before = spare.len();
        self.bytes -= before;
        if before >= len {
            return Ok(spare);
        }
        let mut buffer = Vec::from(spare);
        let more = grow(&mut buffer, len - before, &self.account);
        more.inspect_err(|_| self.account.give(before))?;
        // With the room that an allocator may have given beyond that.
        buffer.resize(buffer.capacity(), 0);
        Ok(buffer.into_boxed_slice())
    }

    /// Keeps a buffer, or gives it back to the account.
    pub(super) fn put(&mut self, buffer: Box<[u8]>) {
        let len = buffer.len();
        // Where memory is short, others need it more.
        if !self.account.admits(Claim::Live, 0) {
            self.give_one_back();
            return self.account.give(len);
        }
        let class = match self.classes.get_mut(class_of(len)) {
            Some(class) if self.bytes + len <= self.limit => class,
            _ => return self.account.give(len),
        };
        if class.bytes + len > self.class_limit || !class.has_place(&self.account) {
            return self.account.give(len);
        }
        class.bytes += len;
        self.bytes += len;
        class.buffers.push(buffer);
    }

    /// Gives a buffer back, one of the largest.
    #[cold]
    fn give_one_back(&mut self) {
        let mut classes = self.classes.iter_mut().rev();
        let Some(class) = classes.find(|class| !class.buffers.is_empty()) else { return };
        let len = class.buffers.pop().map_or(0, |buffer| buffer.len());
        class.bytes -= len;
        self.bytes -= len;
        self.account.give(len);
    }
}

impl Class {
    /// Whether one more buffer can be kept.
    fn has_place(&mut self, account: &Account) -> bool {
        let len = self.buffers.len();
        len < self.buffers.capacity()
            || (len < CLASS_LEN && grow(&mut self.buffers, len.max(4), account).is_ok())
    }
}

/// The class of buffers with so many bytes; beyond the last, there is none.
#[inline]
fn class_of(len: usize) -> usize {
    (len.max(SMALLEST) / SMALLEST).ilog2() as usize
}

#[cfg(test)]
mod tests;
