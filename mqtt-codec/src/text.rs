//! Whether bytes are well-formed text: one pass over words of eight bytes for ASCII, and the standard
//! library's UTF-8 check for the rest.
//!
//! The word tests find the bytes that need a closer look. Each may report a clean byte next to a
//! suspicious one, never a suspicious one as clean, so "nothing found" is exact and anything
//! else goes to the slow path.

use crate::DecodeError;

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;

/// Non-zero when a byte is NUL or not ASCII.
#[inline(always)]
const fn not_plain(word: u64) -> u64 {
    (word.wrapping_sub(ONES) | word) & HIGH_BITS
}

/// Non-zero when a byte is NUL, not ASCII, `+` or `#`. The wildcards differ in one bit only.
#[inline(always)]
const fn not_plain_level(word: u64) -> u64 {
    let wildcard = (word | (ONES * 0x08)) ^ (ONES * 0x2B);
    (word.wrapping_sub(ONES) | word | wildcard.wrapping_sub(ONES)) & HIGH_BITS
}

/// Whether `test` is zero for all of `bytes`, taken as words that may overlap.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn all_zero(bytes: &[u8], test: impl Fn(u64) -> u64) -> bool {
    if let Some(last) = bytes.last_chunk::<8>() {
        let mut found = test(u64::from_le_bytes(*last));
        let mut rest = bytes;
        while let Some((word, tail)) = rest.split_first_chunk::<8>() {
            found |= test(u64::from_le_bytes(*word));
            rest = tail;
        }
        found == 0
    } else if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let low = u64::from(u32::from_le_bytes(*first));
        let high = u64::from(u32::from_le_bytes(*last));
        test(high << 32 | low) == 0
    } else {
        match *bytes {
            [a] => test(u64::from_le_bytes([a; 8])) == 0,
            [a, b] => test(u64::from_le_bytes([a, b, a, b, a, b, a, b])) == 0,
            [a, b, c] => test(u64::from_le_bytes([a, b, c, a, b, c, a, b])) == 0,
            _ => true,
        }
    }
}

/// Checks a UTF-8 Encoded String: well-formed, and without U+0000.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(crate) fn check_string(bytes: &[u8]) -> Result<(), DecodeError> {
    if all_zero(bytes, not_plain) { Ok(()) } else { check_string_slowly(bytes) }
}

/// Checks a string that must not have wildcards; `wildcard` is the error when it has one.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(crate) fn check_without_wildcards(
    bytes: &[u8],
    wildcard: DecodeError,
) -> Result<(), DecodeError> {
    if all_zero(bytes, not_plain_level) {
        return Ok(());
    }
    check_string_slowly(bytes)?;
    if has_wildcard(bytes) { Err(wildcard) } else { Ok(()) }
}

/// Whether a `+` or `#` is anywhere in `bytes`.
#[inline]
pub(crate) fn has_wildcard(bytes: &[u8]) -> bool {
    bytes.iter().any(|byte| matches!(byte, b'+' | b'#'))
}

/// Whether all bytes are ASCII and not NUL, and all wildcards are where a Topic Filter may have them.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(crate) fn is_plain_filter(bytes: &[u8]) -> bool {
    let (mut at, mut rest) = (0, bytes);
    while let Some((word, tail)) = rest.split_first_chunk::<8>() {
        if !is_plain_filter_word(bytes, at, u64::from_le_bytes(*word)) {
            return false;
        }
        (at, rest) = (at + 8, tail);
    }
    if rest.is_empty() {
        return true;
    }
    // The last bytes, shifted down from a word that begins before them, below bytes that are clean.
    let bits = 8 * rest.len();
    let word = match bytes.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last) >> (64 - bits),
        None => {
            let mut word = [0; 8];
            word.iter_mut().zip(rest).for_each(|(to, from)| *to = *from);
            u64::from_le_bytes(word)
        }
    };
    is_plain_filter_word(bytes, at, word | (ONES * 0x2F) << bits)
}

/// Whether a word of a Topic Filter, `at` bytes from its begin, is clean.
#[inline(always)]
fn is_plain_filter_word(bytes: &[u8], at: usize, word: u64) -> bool {
    if not_plain_level(word) == 0 {
        return true;
    }
    if not_plain(word) != 0 {
        return false;
    }
    let mut wildcards = zeros((word | (ONES * 0x08)) ^ (ONES * 0x2B));
    while wildcards != 0 {
        if !is_wildcard_placed(bytes, at + (wildcards.trailing_zeros() / 8) as usize) {
            return false;
        }
        wildcards &= wildcards - 1;
    }
    true
}

/// Whether the wildcard at this place has its level to itself, and `#` the last one.
#[inline(always)]
fn is_wildcard_placed(bytes: &[u8], at: usize) -> bool {
    let begins_level = at == 0 || bytes.get(at - 1) == Some(&b'/');
    begins_level && matches!(bytes.get(at..), Some([b'#' | b'+'] | [b'+', b'/', ..]))
}

/// The high bit of each byte that is zero, and no other.
#[inline(always)]
const fn zeros(word: u64) -> u64 {
    !((word & !HIGH_BITS).wrapping_add(!HIGH_BITS) | word) & HIGH_BITS
}

/// Whether all bytes are ASCII, not NUL and no wildcard.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(crate) fn is_plain_level(bytes: &[u8]) -> bool {
    all_zero(bytes, not_plain_level)
}

#[cold]
#[inline(never)]
fn check_string_slowly(bytes: &[u8]) -> Result<(), DecodeError> {
    //= [MQTT-1.5.4-1]
    //= [MQTT-1.5.4-3]
    if core::str::from_utf8(bytes).is_err() {
        return Err(DecodeError::IllFormedUtf8);
    }
    //= [MQTT-1.5.4-2]
    //= [MQTT-4.7.3-2]
    if bytes.contains(&0) { Err(DecodeError::NullCharacter) } else { Ok(()) }
}

#[cfg(test)]
mod tests;
