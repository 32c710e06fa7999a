//! Topic Names, and the levels of topics.

use core::fmt;

use crate::{DecodeError, display, text};

/// A Topic Name: a string of at least one character without wildcards, at most 65,535 bytes.
/// `[MQTT-4.7.3-1]` `[MQTT-3.3.2-2]`
///
/// It holds validated bytes: hashing, comparing and matching need no `str`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicName<'a>(&'a [u8]);

impl<'a> TopicName<'a> {
    /// A Topic Name from text.
    ///
    /// # Errors
    /// [`DecodeError::EmptyTopic`], [`DecodeError::WildcardInTopicName`],
    /// [`DecodeError::NullCharacter`], [`DecodeError::StringTooLong`].
    pub fn new(name: &'a str) -> Result<Self, DecodeError> {
        Self::from_bytes(name.as_bytes())
    }

    /// A Topic Name from bytes that may be anything.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and [`DecodeError::IllFormedUtf8`].
    #[inline]
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        //= [MQTT-4.7.3-3]
        if bytes.len() > usize::from(u16::MAX) {
            return Err(DecodeError::StringTooLong);
        }
        Self::check(bytes, DecodeError::WildcardInTopicName)
    }

    /// A Topic Name from bytes with a two byte length; `wildcard` is the error when it has one.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn check(bytes: &'a [u8], wildcard: DecodeError) -> Result<Self, DecodeError> {
        //= [MQTT-4.7.3-1]
        if bytes.is_empty() {
            return Err(DecodeError::EmptyTopic);
        }
        //= [MQTT-3.3.2-2]
        //= [MQTT-4.7.0-1]
        text::check_without_wildcards(bytes, wildcard)?;
        Ok(Self(bytes))
    }

    /// Takes back bytes that came out of [`as_bytes`](Self::as_bytes) before.
    ///
    /// Safe with any bytes: those that break the rules give a name that breaks them, no more.
    #[must_use]
    #[inline]
    pub fn assume_valid(bytes: &'a [u8]) -> Self {
        debug_assert!(Self::from_bytes(bytes).is_ok(), "not a Topic Name");
        Self(bytes)
    }

    /// A name that lies in bytes checked before.
    #[inline(always)]
    pub(crate) const fn checked(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    #[inline]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The text. It costs one pass over the bytes.
    #[must_use]
    pub fn as_str(self) -> &'a str {
        core::str::from_utf8(self.0).unwrap_or_default()
    }

    /// The levels, which `/` separates; at least one, and any may be empty.
    #[must_use]
    #[inline]
    pub const fn levels(self) -> Levels<'a> {
        Levels(Some(self.0))
    }

    /// Whether the name starts with `$`, so that no leading wildcard matches it. `[MQTT-4.7.2-1]`
    #[must_use]
    #[inline]
    pub const fn is_system(self) -> bool {
        matches!(self.0, [b'$', ..])
    }
}

impl fmt::Display for TopicName<'_> {
    /// The name itself, not escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display::plain(f, self.0)
    }
}

impl fmt::Debug for TopicName<'_> {
    /// In quotes and escaped, as `str` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display::quoted(f, self.0)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for TopicName<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str:?}", self.as_str());
    }
}

/// The levels of a Topic Name or Topic Filter, in order. See [`TopicName::levels`].
#[derive(Debug, Clone)]
pub struct Levels<'a>(Option<&'a [u8]>);

impl<'a> Levels<'a> {
    #[inline]
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(Some(bytes))
    }
}

impl<'a> Iterator for Levels<'a> {
    type Item = &'a [u8];

    #[inline]
    fn next(&mut self) -> Option<&'a [u8]> {
        let bytes = self.0?;
        let split = bytes.iter().position(|&byte| byte == b'/');
        match split.and_then(|at| bytes.split_at_checked(at)) {
            Some((level, [_, rest @ ..])) => {
                self.0 = Some(rest);
                Some(level)
            }
            _ => self.0.take(),
        }
    }
}

impl core::iter::FusedIterator for Levels<'_> {}

#[cfg(test)]
mod tests;
