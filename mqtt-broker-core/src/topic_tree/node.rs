//! A node of the tree, and what it knows of its children.

use crate::store::Key;

use super::level::Text;

pub(crate) struct Node<V, S> {
    /// The root is its own parent.
    pub(super) parent: Key,
    pub(super) children: Children,
    pub(super) text: Text,
    pub(super) siblings: S,
    pub(crate) value: V,
}

impl<V: Default, S: Default> Node<V, S> {
    pub(super) fn new(parent: u32, text: Text) -> Self {
        Self {
            parent: Key::new(parent),
            children: Children::default(),
            text,
            siblings: S::default(),
            value: V::default(),
        }
    }
}

/// None (zero), the key of the only child, or what [`Siblings`](super::Siblings) know of several; and
/// which wildcards are there.
///
/// The root has key 0 and is nobody's child, so zero means none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(crate) struct Children(u32);

impl Children {
    /// The largest key and the largest number of children there is room for.
    pub(super) const MAXIMUM: u32 = (1 << 29) - 1;
    /// The children are in the index. It stays so until none is left, because the last one could not
    /// be found without a search.
    const MANY: u32 = 1 << 29;
    const SINGLE_LEVEL: u32 = 1 << 30;
    const MULTI_LEVEL: u32 = 1 << 31;

    #[inline]
    pub(super) const fn is_empty(self) -> bool {
        self.0 == 0
    }

    /// The only child, if its key is here.
    #[inline]
    pub(super) const fn only(self) -> Option<u32> {
        if self.0 == 0 || self.0 & Self::MANY != 0 { None } else { Some(self.0 & Self::MAXIMUM) }
    }

    #[inline]
    pub(super) const fn has_single_level(self) -> bool {
        self.0 & Self::SINGLE_LEVEL != 0
    }

    #[inline]
    pub(super) const fn has_multi_level(self) -> bool {
        self.0 & Self::MULTI_LEVEL != 0
    }

    /// What is known of several children, or the key of the only one; zero without children.
    pub(super) const fn number(self) -> u32 {
        self.0 & Self::MAXIMUM
    }

    /// The child of this key alone.
    pub(super) const fn one(key: u32) -> Self {
        Self(key)
    }

    /// The same children and others, of whom `number` is known. It is not zero.
    pub(super) const fn many(self, number: u32) -> Self {
        Self((self.0 & !Self::MAXIMUM) | Self::MANY | number)
    }

    /// With one that has this text.
    pub(super) fn with(self, text: Text) -> Self {
        Self(self.0 | Self::flag(text))
    }

    /// Without the one that had this text.
    pub(super) fn without(self, text: Text) -> Self {
        if self.is_empty() { self } else { Self(self.0 & !Self::flag(text)) }
    }

    fn flag(text: Text) -> u32 {
        match text {
            Text::SINGLE => Self::SINGLE_LEVEL,
            Text::MULTI => Self::MULTI_LEVEL,
            _ => 0,
        }
    }
}
