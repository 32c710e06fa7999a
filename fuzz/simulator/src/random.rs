//! [`Random`]: all chance in a world, from its seed.

/// A stream of numbers that look random. The same seed gives the same stream, on every machine.
///
/// SplitMix64: a counter and a mixing of its value. [`fork`](Self::fork) gives a stream of its own
/// to each purpose, so that what one of them draws changes nothing for the others: a world without
/// one of its faults is otherwise the same world.
#[derive(Clone, Debug)]
pub struct Random(u64);

/// The golden ratio's fraction: odd, and without a pattern.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;

impl Random {
    /// The stream of this seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(mix(seed ^ STEP))
    }

    /// Another stream, named by `purpose`. It does not matter what this one has drawn before.
    #[must_use]
    pub fn fork(&self, purpose: u64) -> Self {
        Self(mix(self.0 ^ mix(purpose.wrapping_add(STEP))))
    }

    /// The next number.
    pub fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(STEP);
        mix(self.0)
    }

    /// A number below `end`, which is not 0.
    pub fn below(&mut self, end: u64) -> u64 {
        // The bias is of no account for ends this small.
        self.number() % end.max(1)
    }

    /// An index below `len`, which is not 0.
    pub fn index(&mut self, len: usize) -> usize {
        usize::try_from(self.below(len as u64)).unwrap_or(0)
    }

    /// A number from `low` to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high.saturating_sub(low) + 1)
    }

    /// A number from `low`, at least 1, to about `high`; each order of magnitude is as likely.
    pub fn magnitude(&mut self, low: u64, high: u64) -> u64 {
        let octaves = u64::from((high / low.max(1)).max(1).ilog2());
        let from = low << self.between(0, octaves);
        self.between(from, from * 2 - 1).min(high)
    }

    /// `true` so many times out of a thousand.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1000) < per_mille
    }

    /// One of them; they are not empty.
    pub fn pick<'a, T>(&mut self, of: &'a [T]) -> &'a T {
        &of[self.index(of.len())]
    }
}

fn mix(value: u64) -> u64 {
    let value = (value ^ (value >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ (value >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ (value >> 31)
}
