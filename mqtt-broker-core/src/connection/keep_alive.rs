//! Deadlines of a connection: CONNECT in time, a sign of life in time, a verdict in time.
//!
//! One timer a connection, armed lazily: traffic only notes the time, and a timer that finds the
//! client alive goes back to sleep.

use super::State;
use crate::boundary::CloseReason;
use crate::broker::{Broker, Timer};
use crate::config::Limit;
use crate::defect::Defect;
use crate::time::{Duration, Instant};

impl Broker {
    /// Arms the timer for the earliest deadline this connection has.
    pub(crate) fn arm_connection_timer(&mut self, now: Instant, index: u32) {
        let deadline = self.connection_deadline(now, index);
        let deadline = deadline.into_iter().chain(self.delivery_deadline(index)).min();
        let Some(connection) = self.connections.get_mut(index) else { return };
        match deadline {
            Some(deadline) => {
                self.timers.arm(&mut connection.timer, deadline, Timer::Connection(index));
            }
            None => self.timers.cancel(&mut connection.timer),
        }
    }

    /// The timer has fired: something is overdue, or the client was heard since.
    pub(crate) fn connection_timer(&mut self, now: Instant, index: u32) {
        if self.decision_deadline(index).is_some_and(|deadline| deadline <= now) {
            self.deny_question(now, index);
            return;
        }
        self.deny_delivery(now, index);
        if let Some(connection) = self.connections.get_mut(index) {
            if connection.throttled().is_some_and(|until| until <= now) {
                connection.throttled = Instant::default();
                self.resume(index);
            }
        }
        if let Some(connection) = self.connections.get_mut(index) {
            if core::mem::take(&mut connection.was_stopped) {
                // What it said meanwhile has yet to be offered: it is given its time anew.
                connection.last_received = now;
            }
        }
        let overdue = self.connection_deadline(now, index).is_some_and(|at| at <= now);
        let Some(connection) = self.connections.get(index) else { return };
        match connection.state {
            State::Opening if overdue => {
                self.reached(Limit::ConnectTimeout, index);
                self.close(now, index, CloseReason::ConnectTimeout);
            }
            State::Authenticating if overdue => {
                self.reached(Limit::ConnectTimeout, index);
                let code = mqtt_codec::ReasonCode::NOT_AUTHORIZED;
                self.close(now, index, CloseReason::NotAuthenticated(code));
            }
            //= [MQTT-3.1.2-22]
            State::Connected if overdue && !self.is_planted(Defect::EndlessKeepAlive) => {
                self.close(now, index, CloseReason::KeepAliveTimeout);
            }
            _ => self.arm_connection_timer(now, index),
        }
    }

    fn connection_deadline(&self, now: Instant, index: u32) -> Option<Instant> {
        // A client that waits for a verdict cannot be heard.
        if let Some(deadline) = self.decision_deadline(index) {
            return Some(deadline);
        }
        let connection = self.connections.get(index)?;
        if let Some(until) = connection.throttled() {
            return Some(until);
        }
        match connection.state {
            State::Opening | State::Authenticating => {
                let timeout = Duration::from_secs(self.config.connect_timeout.into());
                // Once a verdict on its CONNECT has been awaited, the client has done its part.
                let asked = connection.question.is_some();
                let since = if asked { connection.last_received } else { connection.connected_at };
                Some(since + timeout)
            }
            State::Connected if connection.keep_alive > 0 => {
                let grace = if self.is_planted(Defect::PatientKeepAlive) { 3000 } else { 1500 };
                let grace = Duration::from_millis(u64::from(connection.keep_alive) * grace);
                // The broker itself has stopped reading: silence says nothing.
                let heard = if connection.waiting { now } else { connection.last_received };
                Some(heard + grace)
            }
            State::Connected | State::Closing => None,
        }
    }
}
