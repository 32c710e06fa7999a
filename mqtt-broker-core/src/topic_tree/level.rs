//! The text of one topic level: made ready to look up ([`Level`]), and as a node stores it ([`Text`]).

use alloc::boxed::Box;
use core::hash::Hasher;

use foldhash::SharedSeed;
use foldhash::fast::FoldHasher;

use crate::store::{Account, Full, Slab, boxed};

/// A level of a topic, ready to be looked up under any number of nodes.
pub(crate) struct Level<'a> {
    bytes: &'a [u8],
    /// As in [`Text`], but in a register.
    text: u128,
}

impl<'a> Level<'a> {
    /// The single-level wildcard.
    pub(crate) const SINGLE: Level<'static> = Level { bytes: b"+", text: Text::SINGLE.number() };
    /// The multi-level wildcard.
    pub(crate) const MULTI: Level<'static> = Level { bytes: b"#", text: Text::MULTI.number() };

    #[inline]
    pub(crate) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, text: number(bytes).unwrap_or(Text::LONG.number()) }
    }

    /// A level of less than eight bytes, which are the first of `word`.
    #[inline]
    pub(super) const fn short(bytes: &'a [u8], word: u64) -> Self {
        let len = bytes.len();
        let text = ((word & !(u64::MAX << (8 * len))) << 8) | len as u64;
        Self { bytes, text: text as u128 }
    }

    pub(crate) const fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    pub(super) const fn text(&self) -> Text {
        Text(self.text.to_le_bytes())
    }

    /// The hash of this level under the node `parent`.
    #[inline]
    pub(super) fn hash(&self, seed: &SharedSeed, parent: u32) -> u64 {
        hash(seed, parent, self.text, self.bytes)
    }

    #[inline]
    const fn is_long(&self) -> bool {
        self.text == Text::LONG.number()
    }
}

/// A level's text as a node keeps it: up to 15 bytes in place, a longer one in [`Texts`].
///
/// The first byte is the length, or 255 before the key of a long text; unused bytes are zero, so
/// that texts in place are equal when the arrays are.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Text([u8; 16]);

impl Text {
    pub(super) const SINGLE: Self = Self::wildcard(b'+');
    pub(super) const MULTI: Self = Self::wildcard(b'#');
    const LONG: Self = Self::long(0);
    const LONG_MARK: u8 = 255;

    const fn wildcard(byte: u8) -> Self {
        Self([1, byte, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    const fn long(key: u32) -> Self {
        let [a, b, c, d] = key.to_le_bytes();
        Self([Self::LONG_MARK, a, b, c, d, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])
    }

    const fn number(self) -> u128 {
        u128::from_le_bytes(self.0)
    }

    #[inline]
    const fn is_long(self) -> bool {
        let [mark, ..] = self.0;
        mark == Self::LONG_MARK
    }

    /// The key of a long text.
    const fn key(self) -> u32 {
        let [_, a, b, c, d, ..] = self.0;
        u32::from_le_bytes([a, b, c, d])
    }
}

/// The number whose bytes are the length and then `bytes`, if there are 15 at most.
///
/// It is put together from two loads that may overlap: copying an unknown number of bytes into an
/// array and reading that back costs several times as much.
#[inline]
fn number(bytes: &[u8]) -> Option<u128> {
    let len = bytes.len();
    let (first, last, size) = match bytes {
        [] => (0, 0, 0),
        [byte] => (u64::from(*byte), 0, 1),
        _ if len > 15 => return None,
        _ => {
            if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
                (u64::from_le_bytes(*first), u64::from_le_bytes(*last), 8)
            } else if let (Some(first), Some(last)) = (bytes.first_chunk(), bytes.last_chunk()) {
                (u32::from_le_bytes(*first).into(), u32::from_le_bytes(*last).into(), 4)
            } else {
                let (first, last) = (bytes.first_chunk()?, bytes.last_chunk()?);
                (u16::from_le_bytes(*first).into(), u16::from_le_bytes(*last).into(), 2)
            }
        }
    };
    let text = u128::from(first) | (u128::from(last) << (8 * (len - size)));
    Some((text << 8) | len as u128)
}

/// The texts that are too long to be kept in their node.
pub(super) struct Texts {
    long: Slab<Box<[u8]>>,
    /// The sum of their lengths.
    pub(super) bytes: usize,
    account: Account,
}

impl Texts {
    pub(super) fn new(account: &Account, limit: u32) -> Self {
        Self { long: Slab::new(account, limit), bytes: 0, account: account.clone() }
    }

    pub(super) fn store(&mut self, level: &Level<'_>) -> Result<Text, Full> {
        if !level.is_long() {
            return Ok(level.text());
        }
        let stored = boxed(level.bytes, &self.account)?;
        let key = self.long.insert(stored).inspect_err(|_| {
            self.account.give(level.bytes.len());
        })?;
        self.bytes += level.bytes.len();
        Ok(Text::long(key))
    }

    pub(super) fn remove(&mut self, text: &Text) {
        if text.is_long() {
            let bytes = self.long.remove(text.key());
            let len = bytes.map_or(0, |bytes| bytes.len());
            self.bytes -= len;
            self.account.give(len);
        }
    }

    #[inline]
    pub(super) fn matches(&self, text: &Text, level: &Level<'_>) -> bool {
        if text.is_long() { self.matches_long(text, level) } else { text.number() == level.text }
    }

    /// Out of the way: what calls nothing keeps its registers.
    #[inline(never)]
    fn matches_long(&self, text: &Text, level: &Level<'_>) -> bool {
        level.is_long() && self.bytes_of(text) == level.bytes
    }

    pub(super) fn bytes_of<'a>(&'a self, text: &'a Text) -> &'a [u8] {
        if text.is_long() {
            self.long.get(text.key()).map(|bytes| &**bytes).unwrap_or_default()
        } else {
            let [len, place @ ..] = &text.0;
            place.get(..usize::from(*len)).unwrap_or_default()
        }
    }

    pub(super) fn hash(&self, text: &Text, seed: &SharedSeed, parent: u32) -> u64 {
        hash(seed, parent, text.number(), self.bytes_of(text))
    }

    pub(super) fn bytes(&self) -> usize {
        self.long.bytes() + self.bytes
    }
}

/// What hashing starts from. The lowest byte is no length of a text in place, so that no text makes
/// the first product zero.
const START: u64 = 0x9e37_79b9_7f4a_7cff;

/// A text in place is hashed as one number, which is quicker than as bytes.
#[inline]
fn hash(seed: &SharedSeed, parent: u32, text: u128, bytes: &[u8]) -> u64 {
    let mut hasher = FoldHasher::with_seed(START, seed);
    if bytes.len() > 15 {
        hasher.write(bytes);
    } else {
        hasher.write_u128(text);
    }
    hasher.write_u32(parent);
    hasher.finish()
}
