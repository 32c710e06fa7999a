//! Time passing: connections, Sessions and Will Messages whose deadline has come, and work that was
//! put off.

use super::Broker;
use crate::recording::Call;
use crate::time::Instant;

/// How many deadlines one call acts on.
const DEADLINES: usize = 1024;

/// What a timer is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Timer {
    /// CONNECT in time, Keep Alive, a deferred verdict; the connection's index.
    Connection(u32),
    /// Session expiry and Will Delay; the Session's key.
    Session(u32),
}

impl Broker {
    /// The clock speaks. Call it when the instant of [`poll_timeout`](Self::poll_timeout) has come;
    /// earlier is harmless, later makes everything that is due late.
    ///
    /// It does a bounded amount of work: if more is due, `poll_timeout` stays in the past.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.record(now, &Call::Timeout);
        self.work.begin();
        self.release_durable();
        self.resume_turns();
        self.run_peers();
        self.run_spreads(now);
        self.free_ended(self.work.of_one_kind().max(1));
        self.settle(now);
        self.shut_some(now);
        for _ in 0..DEADLINES {
            if self.work.is_done() {
                break;
            }
            self.work.add(1);
            match self.timers.pop_due(now) {
                Some(Timer::Connection(index)) => self.connection_timer(now, index),
                Some(Timer::Session(session)) => self.session_timer(now, session),
                None => break,
            }
            self.settle(now);
        }
        self.run_replays(now);
        self.give_room();
        self.settle(now);
        self.run_snapshot(now);
    }
}
