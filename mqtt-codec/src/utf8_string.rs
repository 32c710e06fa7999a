//! UTF-8 Encoded Strings.

use core::fmt;

use crate::{DecodeError, display, text};

/// A UTF-8 Encoded String: well-formed UTF-8 without U+0000, at most 65,535 bytes. `[MQTT-1.5.4-1]`
/// `[MQTT-1.5.4-2]`
///
/// It holds validated bytes rather than a `str`, because checking ASCII is cheaper than checking
/// UTF-8 and few callers need the `str`.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Utf8String<'a>(&'a [u8]);

impl<'a> Utf8String<'a> {
    /// The empty string.
    pub const EMPTY: Self = Self(&[]);

    /// A string to encode.
    ///
    /// # Errors
    /// [`DecodeError::NullCharacter`] and [`DecodeError::StringTooLong`].
    pub fn new(text: &'a str) -> Result<Self, DecodeError> {
        Self::from_bytes(text.as_bytes())
    }

    /// A string from bytes that may be anything.
    ///
    /// # Errors
    /// [`DecodeError::IllFormedUtf8`], [`DecodeError::NullCharacter`] and [`DecodeError::StringTooLong`].
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        if bytes.len() > usize::from(u16::MAX) {
            return Err(DecodeError::StringTooLong);
        }
        text::check_string(bytes)?;
        Ok(Self(bytes))
    }

    /// Takes back bytes that came out of [`as_bytes`](Self::as_bytes) before.
    ///
    /// Safe with any bytes: those that break the rules give a string that breaks them, no more.
    #[must_use]
    #[inline]
    pub fn assume_valid(bytes: &'a [u8]) -> Self {
        debug_assert!(Self::from_bytes(bytes).is_ok(), "not a UTF-8 Encoded String");
        Self(bytes)
    }

    /// A string that the caller has just checked, or that lies in bytes checked before.
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
        // The bytes were checked; "" is unreachable but for a false `assume_valid`.
        core::str::from_utf8(self.0).unwrap_or_default()
    }

    /// The length in bytes.
    #[must_use]
    #[inline]
    pub const fn len(self) -> usize {
        self.0.len()
    }

    /// Whether there is no character.
    #[must_use]
    #[inline]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

impl fmt::Display for Utf8String<'_> {
    /// The text itself, not escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display::plain(f, self.0)
    }
}

impl fmt::Debug for Utf8String<'_> {
    /// In quotes and escaped, as `str` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display::quoted(f, self.0)
    }
}

impl PartialEq<str> for Utf8String<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Utf8String<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Utf8String<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str:?}", self.as_str());
    }
}

#[cfg(test)]
mod tests;
