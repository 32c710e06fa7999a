//! Topic Filters, Shared Subscriptions and matching.

use core::fmt;

use crate::topic_name::Levels;
use crate::{DecodeError, TopicName, Version, WIDE, display, text};

/// The first level of the Topic Filter of a Shared Subscription, with its separator.
const SHARE: &[u8; 7] = b"$share/";

/// A Topic Filter: a string of at least one character, at most 65,535 bytes, with wildcards only
/// where they may be, and with a whole Share Name when it is that of a Shared Subscription.
/// `[MQTT-4.7.1-1]` `[MQTT-4.7.1-2]` `[MQTT-4.7.3-1]` `[MQTT-4.8.2-1]` `[MQTT-4.8.2-2]`
///
/// 3.x knows no Shared Subscriptions: there, `$share//x` is a filter like any other, and decoding a
/// SUBSCRIBE of 3.x accepts it.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TopicFilter<'a>(&'a [u8]);

impl<'a> TopicFilter<'a> {
    /// A Topic Filter from text, by the rules of 5.0.
    ///
    /// # Errors
    /// [`DecodeError::EmptyTopic`], [`DecodeError::MultiLevelWildcardMisplaced`],
    /// [`DecodeError::SingleLevelWildcardMisplaced`], [`DecodeError::EmptyShareName`],
    /// [`DecodeError::WildcardInShareName`], [`DecodeError::EmptySharedFilter`],
    /// [`DecodeError::NullCharacter`], [`DecodeError::StringTooLong`].
    pub fn new(filter: &'a str) -> Result<Self, DecodeError> {
        Self::from_bytes(filter.as_bytes())
    }

    /// A Topic Filter from bytes that may be anything, by the rules of 5.0.
    ///
    /// # Errors
    /// Those of [`new`](Self::new), and [`DecodeError::IllFormedUtf8`].
    pub fn from_bytes(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        Self::in_version(bytes, Version::V5)
    }

    /// A Topic Filter from bytes that may be anything, by the rules of one version.
    ///
    /// # Errors
    /// Those of [`from_bytes`](Self::from_bytes); in 3.x, none about Shared Subscriptions.
    pub fn in_version(bytes: &'a [u8], version: Version) -> Result<Self, DecodeError> {
        //= [MQTT-4.7.3-3]
        if bytes.len() > usize::from(u16::MAX) {
            return Err(DecodeError::StringTooLong);
        }
        Self::check(bytes, version)
    }

    /// A Topic Filter from bytes with a two byte length.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn check(bytes: &'a [u8], version: Version) -> Result<Self, DecodeError> {
        if !Self::is_plain(bytes) {
            Self(bytes).check_closely(version)?;
        }
        Ok(Self(bytes))
    }

    /// Checks a filter that is not plain.
    #[inline(never)]
    fn check_closely(self, version: Version) -> Result<(), DecodeError> {
        //= [MQTT-4.7.3-1]
        if self.0.is_empty() {
            return Err(DecodeError::EmptyTopic);
        }
        if version == Version::V5 {
            self.check_share()?;
        }
        if !(WIDE && text::is_plain_filter(self.0)) {
            text::check_string(self.0)?;
            check_wildcards(self.0)?;
        }
        Ok(())
    }

    /// Whether bytes are seen at first sight to be a Topic Filter, in every version.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn is_plain(bytes: &[u8]) -> bool {
        WIDE && text::is_plain_filter(bytes)
            && (!matches!(bytes, [b'$', ..]) || has_plain_share(bytes))
    }

    /// Takes back bytes that came out of [`as_bytes`](Self::as_bytes) before.
    ///
    /// Safe with any bytes: those that break the rules give a filter that breaks them, no more.
    #[must_use]
    #[inline]
    pub fn assume_valid(bytes: &'a [u8]) -> Self {
        debug_assert!(Self::in_version(bytes, Version::V3_1_1).is_ok(), "not a Topic Filter");
        Self(bytes)
    }

    /// A filter that lies in bytes checked before.
    #[inline(always)]
    pub(crate) const fn checked(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes, with `$share/` and the Share Name if there is one.
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

    /// The Share Name, if this is the filter of a Shared Subscription.
    #[must_use]
    pub fn share_name(self) -> Option<&'a [u8]> {
        share(self.0).map(|(name, _)| name)
    }

    /// The filter that Topic Names are matched with: what follows `$share/NAME/`, or all of it.
    #[must_use]
    pub fn filter(self) -> &'a [u8] {
        share(self.0).map_or(self.0, |(_, filter)| filter)
    }

    /// The levels of [`filter`](Self::filter).
    #[must_use]
    pub fn levels(self) -> Levels<'a> {
        Levels::new(self.filter())
    }

    /// Whether this is the filter of a Shared Subscription.
    #[must_use]
    #[inline]
    pub const fn is_shared(self) -> bool {
        matches!(self.0, [b'$', b's', b'h', b'a', b'r', b'e', b'/', ..])
            && check_share(self.0).is_ok()
    }

    /// Whether a `+` or `#` is in it.
    #[must_use]
    pub fn has_wildcard(self) -> bool {
        !text::is_plain_level(self.0) && text::has_wildcard(self.0)
    }

    /// Whether a Topic Name matches: level by level and byte by byte, nothing normalised.
    //= [MQTT-4.7.3-4]
    #[must_use]
    pub fn matches(self, name: TopicName<'_>) -> bool {
        let filter = self.filter();
        //= [MQTT-4.7.2-1]
        if name.is_system() && matches!(filter, [b'+' | b'#', ..]) {
            return false;
        }
        let mut names = name.levels();
        for level in Levels::new(filter) {
            match (level, names.next()) {
                (b"#", _) => return true,
                (b"+", Some(_)) => {}
                (level, Some(name)) if level == name => {}
                _ => return false,
            }
        }
        names.next().is_none()
    }

    /// Whether 5.0 takes it: a filter that 3.x accepted may begin with a broken Share Name.
    #[inline(always)]
    pub(crate) const fn check_share(self) -> Result<(), DecodeError> {
        if matches!(self.0, [b'$', ..]) { check_share(self.0) } else { Ok(()) }
    }
}

impl fmt::Display for TopicFilter<'_> {
    /// The filter itself, not escaped.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display::plain(f, self.0)
    }
}

impl fmt::Debug for TopicFilter<'_> {
    /// In quotes and escaped, as `str` does.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        display::quoted(f, self.0)
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for TopicFilter<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{=str:?}", self.as_str());
    }
}

/// The Share Name and the filter after it; `None` unless both are there and the name has no wildcard.
fn share(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let rest = bytes.strip_prefix(SHARE)?;
    let end = rest.iter().position(|&byte| byte == b'/')?;
    let (name, filter) = rest.split_at_checked(end)?;
    let (_, filter) = filter.split_first()?;
    let whole = !name.is_empty() && !filter.is_empty() && !text::has_wildcard(name);
    whole.then_some((name, filter))
}

const fn check_share(bytes: &[u8]) -> Result<(), DecodeError> {
    let [b'$', b's', b'h', b'a', b'r', b'e', b'/', name @ ..] = bytes else { return Ok(()) };
    //= [MQTT-4.8.2-1]
    if matches!(name, [] | [b'/', ..]) {
        return Err(DecodeError::EmptyShareName);
    }
    let mut rest = name;
    while let [byte, tail @ ..] = rest {
        match byte {
            b'/' if tail.is_empty() => break,
            b'/' => return Ok(()),
            //= [MQTT-4.8.2-2]
            b'+' | b'#' => return Err(DecodeError::WildcardInShareName),
            _ => rest = tail,
        }
    }
    Err(DecodeError::EmptySharedFilter)
}

/// Whether [`check_share`] takes a plain filter. A wildcard has its level to itself there, so it is in
/// the Share Name only if that begins with it.
#[inline(never)]
fn has_plain_share(filter: &[u8]) -> bool {
    match filter.split_first_chunk() {
        Some((share, name)) if share == SHARE => match name {
            [b'/' | b'+', ..] => false,
            [_, rest @ .., _] => rest.contains(&b'/'),
            _ => false,
        },
        _ => true,
    }
}

/// Checks the place of each wildcard, byte by byte.
#[cold]
fn check_wildcards(bytes: &[u8]) -> Result<(), DecodeError> {
    let (mut previous, mut rest) = (b'/', bytes);
    while let [byte, tail @ ..] = rest {
        match byte {
            //= [MQTT-4.7.1-1]
            b'#' if previous != b'/' || !tail.is_empty() => {
                return Err(DecodeError::MultiLevelWildcardMisplaced);
            }
            //= [MQTT-4.7.1-2]
            b'+' if previous != b'/' || !matches!(tail, [] | [b'/', ..]) => {
                return Err(DecodeError::SingleLevelWildcardMisplaced);
            }
            _ => {}
        }
        (previous, rest) = (*byte, tail);
    }
    Ok(())
}

#[cfg(test)]
mod tests;
