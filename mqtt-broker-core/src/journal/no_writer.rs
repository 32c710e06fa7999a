//! [`Journal`] without the feature `journal`: nothing is recorded, and nothing waits to be durable.

use super::{Change, Kind, Record};
use crate::boundary::Lsn;
use crate::config::Config;
use crate::time::Instant;

/// No journal.
pub(crate) struct Journal {
    pub(crate) snapshots: u32,
    pub(crate) sessions: u64,
}

impl Journal {
    pub(crate) const fn of(_: &Config) -> Self {
        Self { snapshots: 0, sessions: 0 }
    }

    #[inline(always)]
    pub(crate) const fn take(&mut self) -> Self {
        Self { ..*self }
    }

    #[inline(always)]
    pub(crate) const fn is_open(&self) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) const fn is_enabled(&self) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) const fn start_replay(&mut self) {}

    #[inline(always)]
    pub(crate) const fn end_replay(&mut self, _: Lsn) {}

    #[inline(always)]
    pub(crate) const fn gate(&self) -> Lsn {
        Lsn(0)
    }

    #[inline(always)]
    pub(crate) const fn open_lsn(&self) -> Lsn {
        Lsn(0)
    }

    #[inline(always)]
    pub(crate) const fn last(&self) -> Lsn {
        Lsn(0)
    }

    #[inline(always)]
    pub(crate) const fn is_durable(&self, _: Lsn) -> bool {
        true
    }

    #[inline(always)]
    pub(crate) const fn durable(&mut self, _: Lsn) {}

    #[inline(always)]
    pub(crate) const fn pending_bytes(&self) -> usize {
        0
    }

    #[inline(always)]
    pub(crate) const fn is_half_full(&self) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) const fn is_full(&self) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) const fn change(&mut self, _: &Change<'_>) {}

    #[inline(always)]
    pub(crate) const fn note_end(&mut self, _: u64) {}

    #[inline(always)]
    pub(crate) const fn end_of(&self, _: u64) -> Lsn {
        Lsn(0)
    }

    #[inline(always)]
    pub(crate) const fn heap(&self) -> usize {
        0
    }

    #[inline(always)]
    pub(crate) const fn commit(&mut self, _: Instant) {}

    #[inline(always)]
    pub(crate) const fn commit_as(&mut self, _: Instant, _: Kind) -> Lsn {
        Lsn(0)
    }

    #[inline(always)]
    pub(crate) const fn reclaim(&mut self) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) const fn poll(&mut self) -> Option<Record<'_>> {
        None
    }
}
