//! Variable Byte Integers: 0 to 268,435,455 in one to four bytes of seven bits each.

use crate::DecodeError;

/// The largest number that a Variable Byte Integer holds, 268,435,455.
pub(crate) const MAX: u32 = 0x0FFF_FFFF;

/// How many bytes the shortest form of `value` takes, which is at most [`MAX`].
#[inline(always)]
pub(crate) const fn encoded_len(value: usize) -> usize {
    // Two branches that are nearly always guessed take less time than to count.
    match value {
        0..0x80 => 1,
        0x80..0x4000 => 2,
        _ => 3 + (value >= 1 << 21) as usize,
    }
}

/// The number at the front of `bytes` and how many bytes it took; `None` when it has not ended yet.
/// A form longer than necessary is accepted here, since 3.x does not forbid it.
pub(crate) fn decode(bytes: &[u8]) -> Result<Option<(u32, u8)>, DecodeError> {
    let mut value = 0;
    for (&byte, len) in bytes.iter().zip(1..=4) {
        value |= u32::from(byte & 0x7F) << (7 * (len - 1));
        if byte < 0x80 {
            return Ok(Some((value, len)));
        }
    }
    if bytes.len() >= 4 { Err(DecodeError::VariableByteIntegerTooLong) } else { Ok(None) }
}

/// The shortest form of `value`: bytes, of which the first [`encoded_len`] count.
#[cfg_attr(target_pointer_width = "64", inline(always))]
pub(crate) fn encode(value: u32) -> [u8; 4] {
    let [a, b, c, d] = [0, 7, 14, 21].map(|shift| {
        let [low, ..] = (value >> shift).to_le_bytes();
        low & 0x7F
    });
    match encoded_len(value as usize) {
        1 => [a, 0, 0, 0],
        2 => [a | 0x80, b, 0, 0],
        3 => [a | 0x80, b | 0x80, c, 0],
        _ => [a | 0x80, b | 0x80, c | 0x80, d],
    }
}

#[cfg(test)]
mod tests;
