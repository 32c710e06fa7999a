//! Time as the host tells it: [`Instant`] and [`Duration`] in microseconds.

use core::ops::Add;

/// A point in time: microseconds since an epoch that the host chooses.
///
/// The broker never reads a clock. With a store the epoch has to survive restarts (the Unix epoch
/// does), because deadlines are kept as instants.
///
/// While it runs, a host carries a monotonic clock on from the epoch: it asks the system's clock once,
/// and adds what has passed since. A clock that is set may step. A step forwards ends every connection
/// with a Keep Alive, and one backwards puts off all deadlines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instant(pub u64);

impl Instant {
    /// A deadline that never comes.
    pub const NEVER: Self = Self(u64::MAX);

    /// An instant `seconds` after the epoch.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000_000))
    }

    /// An instant `milliseconds` after the epoch.
    #[must_use]
    pub const fn from_millis(milliseconds: u64) -> Self {
        Self(milliseconds.saturating_mul(1_000))
    }

    /// An instant `microseconds` after the epoch.
    #[must_use]
    pub const fn from_micros(microseconds: u64) -> Self {
        Self(microseconds)
    }

    /// Microseconds since the epoch.
    #[must_use]
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// The time from `earlier` to `self`; zero if `earlier` is later (clocks step backwards).
    #[must_use]
    pub const fn since(self, earlier: Self) -> Duration {
        Duration::from_micros(self.0.saturating_sub(earlier.0))
    }
}

impl Add<Duration> for Instant {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Self(self.0.saturating_add(micros))
    }
}

/// A span of time; the standard library's type, which is as good without it.
pub type Duration = core::time::Duration;
