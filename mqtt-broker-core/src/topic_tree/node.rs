//! A node of the tree, and what it knows of its children.

use crate::store::Key;

use super::Level;
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

/// None (zero), the key of the only child, or the number of children; and which wildcards are there.
///
/// The root has key 0 and is nobody's child, so zero means none.
#[derive(Clone, Copy, Default, PartialEq, Eq, Debug)]
pub(super) struct Children(u32);

impl Children {
    /// The largest key and the largest number of children there is room for.
    pub(super) const MAXIMUM: u32 = (1 << 29) - 1;
    /// The number, not a key: the children are in the index. It stays so until none is left,
    /// because the last one could not be found without a search.
    const MANY: u32 = 1 << 29;
    const SINGLE_LEVEL: u32 = 1 << 30;
    const MULTI_LEVEL: u32 = 1 << 31;

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

    /// With one more child, whose key and level are given.
    pub(super) fn with(self, key: u32, level: &Level<'_>) -> Self {
        let flag = Self::flag(level.text());
        if self.is_empty() {
            Self(key | flag)
        } else if self.only().is_some() {
            Self((self.0 & !Self::MAXIMUM) | 2 | Self::MANY | flag)
        } else {
            Self((self.0 + 1) | flag)
        }
    }

    /// With one child less, which had this text.
    pub(super) fn without(self, text: &Text) -> Self {
        let count = self.0 & Self::MAXIMUM;
        if self.0 & Self::MANY == 0 || count <= 1 {
            Self(0)
        } else {
            Self((self.0 - 1) & !Self::flag(*text))
        }
    }

    fn flag(text: Text) -> u32 {
        match text {
            Text::SINGLE => Self::SINGLE_LEVEL,
            Text::MULTI => Self::MULTI_LEVEL,
            _ => 0,
        }
    }
}
