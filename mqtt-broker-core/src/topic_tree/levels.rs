//! [`Levels`]: the levels of a path, one after the other, each ready to be looked up.

use super::Level;

/// The levels of a path: what stands between the slashes, empty levels included.
///
/// Most are shorter than eight bytes, and are found and made ready as one number.
//= [MQTT-4.7.3-4]
pub(crate) struct Levels<'a> {
    path: &'a [u8],
    /// Where the next level begins; behind the end after the last one.
    at: usize,
    /// The last eight bytes of the path; those that it does not have are zero, and come first.
    last: u64,
}

/// A smaller processor has no words of eight bytes: it looks for slashes one by one.
const IN_WORDS: bool = usize::BITS > 32;

/// The levels of `path`.
#[inline]
pub(crate) fn levels(path: &[u8]) -> Levels<'_> {
    let last = match path.last_chunk() {
        _ if !IN_WORDS => 0,
        Some(last) => u64::from_le_bytes(*last),
        None => path.iter().fold(0, |last, byte| (last >> 8) | (u64::from(*byte) << 56)),
    };
    Levels { path, at: 0, last }
}

impl<'a> Iterator for Levels<'a> {
    type Item = Level<'a>;

    #[inline]
    fn next(&mut self) -> Option<Level<'a>> {
        let rest = self.path.get(self.at..)?;
        if IN_WORDS {
            let word = self.word(rest);
            let len = before_slash(word).min(rest.len());
            if len < 8 {
                self.at += len + 1;
                return Some(Level::short(rest.get(..len)?, word));
            }
        }
        let len = rest.iter().position(|byte| *byte == b'/').unwrap_or(rest.len());
        self.at += len + 1;
        Some(Level::new(rest.get(..len)?))
    }
}

impl Levels<'_> {
    /// Where the next level begins; beyond the end of the path if there is none.
    pub(crate) const fn at(&self) -> usize {
        self.at
    }

    /// The first eight bytes of `rest`, which is what is left of the path. Where there are fewer, the
    /// others are zero.
    #[inline]
    fn word(&self, rest: &[u8]) -> u64 {
        match rest.first_chunk() {
            Some(first) => u64::from_le_bytes(*first),
            None if rest.is_empty() => 0,
            None => self.last >> (64 - 8 * rest.len()),
        }
    }
}

/// How many of eight bytes come before the first slash.
#[inline]
const fn before_slash(word: u64) -> usize {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    // The lowest bit that is set is the highest of the first byte that is a slash.
    let unlike = word ^ (ONES * b'/' as u64);
    let slashes = unlike.wrapping_sub(ONES) & !unlike & (ONES << 7);
    slashes.trailing_zeros() as usize / 8
}

#[cfg(test)]
mod tests;
