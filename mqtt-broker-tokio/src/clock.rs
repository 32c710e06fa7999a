//! The broker's time: microseconds since the Unix epoch, never going back during a run.

use core::time::Duration;
use std::time::{SystemTime, UNIX_EPOCH};

use mqtt_broker_core::Instant;

/// The system's clock as it was at the start, carried on by the monotonic one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: std::time::Instant,
    epoch: Duration,
}

impl Clock {
    pub(crate) fn start() -> Self {
        let epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { started: std::time::Instant::now(), epoch }
    }

    pub(crate) fn now(&self) -> Instant {
        Instant(0) + (self.epoch + self.started.elapsed())
    }

    /// Makes it later by so much.
    #[cfg(test)]
    pub(crate) fn skip(&mut self, time: Duration) {
        self.epoch += time;
    }

    /// What the system's clock would have shown at `instant`.
    pub(crate) fn system_time(instant: Instant) -> SystemTime {
        UNIX_EPOCH + Duration::from_micros(instant.as_micros())
    }
}
