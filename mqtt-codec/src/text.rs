//! Whether bytes are well-formed text: one pass that finds the bytes that need a closer look, and the
//! standard library's UTF-8 check where there are any.
//!
//! A string is looked at in parts of a fixed length, which the compiler turns into vector
//! instructions. The first part and the last may overlap, so a short string needs no loop.

use crate::{DecodeError, WIDE};

const ONES: u64 = 0x0101_0101_0101_0101;
const HIGH_BITS: u64 = 0x8080_8080_8080_8080;
/// The bits in which `#` and a space differ.
const SWAP: u8 = b'#' ^ b' ';
/// The bits in which `+` and `/` differ.
const APART: u8 = b'+' ^ b'/';

/// Checks a UTF-8 Encoded String: well-formed, and without U+0000.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(crate) fn check_string(bytes: &[u8]) -> Result<(), DecodeError> {
    if WIDE && none(bytes, is_odd) { Ok(()) } else { check_string_slowly(bytes) }
}

/// Checks a string that must not have wildcards; `wildcard` is the error when it has one.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(crate) fn check_without_wildcards(
    bytes: &[u8],
    wildcard: DecodeError,
) -> Result<(), DecodeError> {
    if WIDE && is_plain_level(bytes) {
        return Ok(());
    }
    check_string_slowly(bytes)?;
    if has_wildcard(bytes) { Err(wildcard) } else { Ok(()) }
}

/// Whether a `+` or `#` is anywhere in `bytes`.
#[inline]
pub(crate) fn has_wildcard(bytes: &[u8]) -> bool {
    bytes.iter().any(|&byte| is_wildcard(byte))
}

/// Whether all bytes are ASCII, not NUL and no wildcard.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(crate) fn is_plain_level(bytes: &[u8]) -> bool {
    none(bytes, |byte| is_odd(byte) | is_wildcard(byte))
}

/// Whether all bytes are ASCII and no control characters, and all wildcards are where a Topic Filter
/// may have them; `false` for no bytes.
///
/// That is a rule about neighbours: beside a `+` there is `/` only, and only the last byte is a `#`,
/// after a `/`. So the filter but for its end is held against itself, moved by one byte. Control
/// characters may be in a filter; to refuse them here saves a comparison, and few filters have them.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(crate) fn is_plain_filter(bytes: &[u8]) -> bool {
    let (Some((last, left)), Some((_, right))) = (bytes.split_last(), bytes.split_first()) else {
        return false;
    };
    if !is_inner(*last) && !matches!(bytes, [.., b'/', b'#'] | [b'#']) {
        return false;
    }
    if left.len() >= 16 {
        are_neighbours(left, right)
    } else if let (Some(left), Some(right)) = (ends::<8>(left), ends::<8>(right)) {
        let [a, b, c, d] =
            [left[0], right[0], left[1], right[1]].map(|bytes| u64::from_le_bytes(*bytes));
        (strangers(a, b) | strangers(c, d)) & HIGH_BITS == 0
    } else {
        strangers(short_word(left), short_word(right)) & HIGH_BITS == 0
    }
}

/// Whether a byte may be in a plain filter at another place than the end: the bytes of signed numbers up
/// to 0x1F may not, nor may `#`, and an exclusive or with 3 has `#` trade places with 0x20, a space.
#[inline(always)]
const fn is_inner(byte: u8) -> bool {
    (byte ^ SWAP).cast_signed() > 0x20
}

/// Whether a byte is NUL or not ASCII: as a signed number, it is not above 0.
#[inline(always)]
const fn is_odd(byte: u8) -> bool {
    byte.cast_signed() <= 0
}

/// Whether a byte is `+` or `#`, which differ in one bit only.
#[inline(always)]
const fn is_wildcard(byte: u8) -> bool {
    byte | 0x08 == 0x2B
}

/// Whether `test` says no to every byte.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn none(bytes: &[u8], test: impl Fn(u8) -> bool + Copy) -> bool {
    if let Some(ends) = ends::<16>(bytes) {
        !any_in(ends, test) && (bytes.len() <= 32 || none_in_parts(bytes, test))
    } else if let Some(ends) = ends::<8>(bytes) {
        !any_in(ends, test)
    } else if let Some(ends) = ends::<4>(bytes) {
        !any_in(ends, test)
    } else {
        let mut found = false;
        for &byte in bytes {
            found |= test(byte);
        }
        !found
    }
}

/// The first `N` bytes and the last `N`, if there are so many.
#[inline(always)]
fn ends<const N: usize>(bytes: &[u8]) -> Option<[&[u8; N]; 2]> {
    Some([bytes.first_chunk()?, bytes.last_chunk()?])
}

/// Whether `test` says yes to a byte. It looks at all of them: to stop early is to go one by one.
#[inline(always)]
fn any_in<const N: usize>([a, b]: [&[u8; N]; 2], test: impl Fn(u8) -> bool) -> bool {
    let mut found = false;
    for (&a, &b) in a.iter().zip(b) {
        found |= test(a) | test(b);
    }
    found
}

/// Whether `test` says no to every byte before the last 16.
#[inline(never)]
fn none_in_parts(bytes: &[u8], test: impl Fn(u8) -> bool + Copy) -> bool {
    let mut rest = bytes;
    while let Some((part, tail)) = rest.split_first_chunk::<16>() {
        if any_in([part, part], test) {
            return false;
        }
        rest = tail;
    }
    true
}

/// Whether each byte of `left` may come before the byte of `right` in its place. There are 16 or more.
///
/// It is a function of its own so that the compiler does not see that the two overlap: it would load
/// what they share once, and move it into place byte by byte.
#[inline(never)]
fn are_neighbours(left: &[u8], right: &[u8]) -> bool {
    let (Some([a, b]), Some([c, d])) = (ends::<16>(left), ends::<16>(right)) else { return false };
    !(any_strangers(a, c) | any_strangers(b, d))
        && (left.len() <= 32 || are_neighbours_in_parts(left, right))
}

/// [`are_neighbours`] but for the last 16.
#[inline(never)]
fn are_neighbours_in_parts(mut left: &[u8], mut right: &[u8]) -> bool {
    while let (Some((a, left_tail)), Some((b, right_tail))) =
        (left.split_first_chunk::<16>(), right.split_first_chunk::<16>())
    {
        if any_strangers(a, b) {
            return false;
        }
        (left, right) = (left_tail, right_tail);
    }
    true
}

/// Whether a byte of `left` may only be at the end, or may not come before the one of `right`.
#[inline(always)]
fn any_strangers(left: &[u8; 16], right: &[u8; 16]) -> bool {
    let mut found = false;
    for (&left, &right) in left.iter().zip(right) {
        let plus = (left == b'+') | (right == b'+');
        found |= !is_inner(left) | (plus & (left ^ right != APART));
    }
    found
}

/// Up to seven bytes, each at least once, in the same order for each length.
#[inline(always)]
fn short_word(bytes: &[u8]) -> u64 {
    if let (Some(first), Some(last)) = (bytes.first_chunk::<4>(), bytes.last_chunk::<4>()) {
        let [low, high] = [first, last].map(|bytes| u64::from(u32::from_le_bytes(*bytes)));
        return high << 32 | low;
    }
    u64::from_le_bytes(match *bytes {
        [a, b, c] => [a, b, c, a, b, c, a, b],
        [a, b] => [a, b, a, b, a, b, a, b],
        [a] => [a; 8],
        _ => [b'/'; 8],
    })
}

/// As [`any_strangers`] for the bytes of a word: the answers are the high bits. Where a byte is not
/// ASCII, those of its neighbours may be wrong; its own says that it is a stranger.
#[inline(always)]
const fn strangers(left: u64, right: u64) -> u64 {
    // No byte borrows from the next: each is at least 0x80 before the subtraction.
    let inner = ((left ^ (ONES * SWAP as u64)) | HIGH_BITS) - ONES * 0x21;
    let plus = !(differs(left, b'+') & differs(right, b'+'));
    left | !inner | (plus & differs(left ^ right, APART))
}

/// The high bit of each ASCII byte that is not `byte`.
#[inline(always)]
const fn differs(word: u64, byte: u8) -> u64 {
    (word ^ (ONES * byte as u64)).wrapping_add(!HIGH_BITS)
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
