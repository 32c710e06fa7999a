//! [`Key`]: a slab key that leaves room for `None`, for the links between the values of a slab.

use core::num::NonZeroU32;

/// The key of a value in a [`Slab`](super::Slab), such that `Option<Key>` takes four bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Key(NonZeroU32);

impl Key {
    /// A slab never gives out `u32::MAX`, so every key it does give out is represented exactly.
    pub(crate) const fn new(key: u32) -> Self {
        Self(NonZeroU32::MIN.saturating_add(key))
    }

    pub(crate) const fn get(self) -> u32 {
        self.0.get() - 1
    }
}
