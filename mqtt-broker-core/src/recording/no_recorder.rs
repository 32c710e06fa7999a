//! [`Recorder`] without the feature `recording`: nothing is written, and nothing is left of it.

use core::fmt;

use super::call::Call;
use crate::boundary::ConnectionHandle;
use crate::config::Config;
use crate::policy::Verdict;
use crate::time::Instant;

/// No recording.
pub(crate) struct Recorder;

impl Recorder {
    pub(crate) const fn new(_: &Config) -> Self {
        Self
    }

    #[inline(always)]
    pub(crate) const fn is_on(&self) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) const fn call(&mut self, _: &Call<'_>) {}

    #[inline(always)]
    pub(crate) const fn call_at(&mut self, _: Instant, _: &Call<'_>) {}

    #[inline(always)]
    pub(crate) const fn input(
        &mut self,
        _: Instant,
        _: ConnectionHandle,
        _: &[u8],
        _: usize,
        _: &[Verdict],
    ) {
    }

    #[inline(always)]
    pub(crate) const fn eof(&mut self, _: Instant, _: ConnectionHandle) {}

    #[inline(always)]
    pub(crate) const fn transmit(
        &mut self,
        _: Instant,
        _: ConnectionHandle,
        _: usize,
        _: &[Verdict],
    ) {
    }

    #[inline(always)]
    pub(crate) const fn sent(&mut self, _: &[u8]) {}

    #[inline(always)]
    pub(crate) const fn output(&mut self, _: Option<&impl fmt::Debug>) {}

    #[inline(always)]
    pub(crate) const fn record(&mut self, _: &[u8]) {}
}
