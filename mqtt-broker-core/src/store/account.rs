//! [`Account`]: how many bytes the broker holds, and how many it may.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use super::Full;

/// The one account of all containers. Whoever allocates for longer than a call takes the bytes
/// here first, and gives them back; a container that grows has both its halves in the account while
/// it copies.
///
/// A broker is used by one thread at a time, so a load and a store are enough where another would
/// need them to be one: the atomics are there only for the broker to be `Send`.
#[derive(Clone)]
pub(crate) struct Account(Arc<Ledger>);

struct Ledger {
    held: AtomicUsize,
    ceiling: usize,
    /// Somebody was refused since this was last asked.
    refused: AtomicBool,
    /// What is asked for is an answer.
    urgent: AtomicBool,
    /// For whom memory is taken at the moment, as [`Claim::steps`].
    claim: AtomicUsize,
}

/// The least difference between one claim and the next, in bytes, but for a tiny ceiling.
const STEP: usize = 1024;

/// Who asks for memory: the nearer the ceiling, the fewer are given any.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Claim {
    /// A QoS 0 copy that would have to wait: up to three quarters.
    Live,
    /// What is there without a connection: a retained message, a copy for a Session whose client is
    /// away, a Session that outlasts its connection and what that subscribes to: up to seven eighths.
    /// Who leaves all of it behind leaves room for others.
    Lasting,
    /// A copy for a client that has left much unread or unacknowledged: up to twenty-nine
    /// thirty-seconds.
    Behind,
    /// Whoever or whatever is new, and a large message: up to fifteen sixteenths.
    New,
    /// What those who are there already need to go on: up to thirty-one thirty-seconds. What is
    /// left above is for answers, and for what cannot be refused.
    Begun,
}

impl Claim {
    /// How many steps below the ceiling it ends.
    const fn steps(self) -> usize {
        match self {
            Self::Live => 8,
            Self::Lasting => 4,
            Self::Behind => 3,
            Self::New => 2,
            Self::Begun => 1,
        }
    }
}

impl Account {
    pub(crate) fn new(ceiling: usize) -> Self {
        let (refused, urgent) = (AtomicBool::new(false), AtomicBool::new(false));
        let (held, claim) = (AtomicUsize::new(0), AtomicUsize::new(Claim::Begun.steps()));
        Self(Arc::new(Ledger { held, ceiling, refused, urgent, claim }))
    }

    /// Counts `bytes` that are about to be allocated.
    ///
    /// # Errors
    ///
    /// [`Full`] at the ceiling.
    pub(crate) fn take(&self, bytes: usize) -> Result<(), Full> {
        if !self.leaves(self.0.claim.load(Ordering::Relaxed), bytes) {
            let urgent = self.0.urgent.load(Ordering::Relaxed);
            if !urgent || self.held().saturating_add(bytes) > self.0.ceiling {
                return self.refuse();
            }
        }
        self.take_anyway(bytes);
        Ok(())
    }

    /// Does again what was refused memory, for which there is more where it is needed to answer.
    #[cold]
    pub(crate) fn urgently<R>(&self, act: impl FnOnce() -> R) -> R {
        self.0.urgent.store(true, Ordering::Relaxed);
        let result = act();
        self.0.urgent.store(false, Ordering::Relaxed);
        self.take_refusal();
        result
    }

    /// Whatever `act` takes is for this claim: also a table that has to grow leaves what others are
    /// to have.
    pub(crate) fn taking_for<T>(&self, claim: Claim, act: impl FnOnce() -> T) -> T {
        self.0.claim.store(claim.steps(), Ordering::Relaxed);
        let result = act();
        self.0.claim.store(Claim::Begun.steps(), Ordering::Relaxed);
        result
    }

    /// Refuses without being asked for more than is left: near the ceiling a newcomer is kept out.
    pub(crate) fn refuse<T>(&self) -> Result<T, Full> {
        self.0.refused.store(true, Ordering::Relaxed);
        Err(Full)
    }

    /// Counts what cannot be refused: it is little, and bounded by what could be.
    pub(crate) fn take_anyway(&self, bytes: usize) {
        self.0.held.store(self.held().saturating_add(bytes), Ordering::Relaxed);
    }

    /// These bytes are free again.
    pub(crate) fn give(&self, bytes: usize) {
        self.0.held.store(self.held().saturating_sub(bytes), Ordering::Relaxed);
    }

    /// What was `before` bytes is `after` bytes now.
    pub(crate) fn change(&self, before: usize, after: usize) {
        self.give(before);
        self.take_anyway(after);
    }

    #[inline]
    pub(crate) fn held(&self) -> usize {
        self.0.held.load(Ordering::Relaxed)
    }

    /// How many bytes may be held.
    pub(crate) fn ceiling(&self) -> usize {
        self.0.ceiling
    }

    /// How many chunks of so many bytes one container may keep that it has no use for: no more than
    /// sixteen, and none where that would be much of what there is.
    pub(crate) fn kept(&self, chunk: usize) -> u32 {
        let ceiling = self.0.ceiling;
        if chunk > ceiling / 256 {
            return 0;
        }
        u32::try_from(ceiling / 2048 / chunk.max(1)).unwrap_or(u32::MAX).clamp(1, 16)
    }

    /// Whether `bytes` more may be had.
    pub(crate) fn has_room(&self, bytes: usize) -> bool {
        self.admits(Claim::Begun, bytes)
    }

    /// Whether this claim may have `bytes` more.
    #[inline]
    pub(crate) fn admits(&self, claim: Claim, bytes: usize) -> bool {
        self.leaves(claim.steps(), bytes)
    }

    /// Whether so many steps are left below the ceiling with `bytes` more.
    #[inline]
    fn leaves(&self, steps: usize, bytes: usize) -> bool {
        // Of a small machine's memory a thirty-second is less than one connection takes.
        let step = (self.0.ceiling / 32).max(STEP.min(self.0.ceiling / 16));
        self.held().saturating_add(bytes) <= self.0.ceiling - steps * step
    }

    /// Whether so much is held that anybody has to do without.
    #[inline]
    pub(crate) fn is_short(&self) -> bool {
        self.held() > self.0.ceiling / 2
    }

    /// Messages with more bytes than this are large where memory is short.
    #[inline]
    pub(crate) fn large(&self) -> usize {
        (self.0.ceiling / 1024).min(4096)
    }

    /// Whether somebody was refused since this was last asked.
    pub(crate) fn take_refusal(&self) -> bool {
        let refused = self.0.refused.load(Ordering::Relaxed);
        self.0.refused.store(false, Ordering::Relaxed);
        refused
    }
}

/// A copy of `bytes`, which the caller gives back in the end.
pub(crate) fn boxed(bytes: &[u8], account: &Account) -> Result<Box<[u8]>, Full> {
    account.take(bytes.len())?;
    let mut stored = Vec::new();
    if stored.try_reserve_exact(bytes.len()).is_err() {
        account.give(bytes.len());
        return Err(Full);
    }
    stored.extend_from_slice(bytes);
    Ok(stored.into_boxed_slice())
}

/// One without a ceiling.
#[cfg(test)]
impl Default for Account {
    fn default() -> Self {
        Self::new(usize::MAX)
    }
}

#[cfg(test)]
mod tests;
