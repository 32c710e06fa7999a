//! A bound on how many log lines a stranger can cause.

use core::time::Duration;
use std::time::Instant;

/// Lines of one kind that may be written in one stretch of time; the rest is counted.
#[derive(Debug)]
pub(crate) struct Allowance {
    lines: u32,
    stretch: Duration,
    since: Option<Instant>,
    written: u32,
    left_out: u64,
}

impl Allowance {
    /// `lines` lines in each `stretch`.
    pub(crate) fn new(lines: u32, stretch: Duration) -> Self {
        Self { lines, stretch, since: None, written: 0, left_out: 0 }
    }

    /// Whether one more line may be written. [`settle`](Self::settle) comes first.
    pub(crate) fn take(&mut self, now: Instant) -> bool {
        self.since.get_or_insert(now);
        if self.written < self.lines {
            self.written += 1;
            true
        } else {
            self.left_out += 1;
            false
        }
    }

    /// When [`settle`](Self::settle) has something to tell, at the latest.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        if self.left_out == 0 { None } else { self.since.map(|since| since + self.stretch) }
    }

    /// Ends a stretch that is over: how many lines were left out in it, if any.
    pub(crate) fn settle(&mut self, now: Instant) -> Option<u64> {
        let since = self.since?;
        if now.duration_since(since) < self.stretch { None } else { self.finish() }
    }

    /// Ends the stretch now: how many lines were left out in it, if any.
    pub(crate) fn finish(&mut self) -> Option<u64> {
        let left_out = self.left_out;
        *self = Self::new(self.lines, self.stretch);
        (left_out > 0).then_some(left_out)
    }
}

#[cfg(test)]
mod tests;
