//! How fast one client may publish: a bucket of tokens, written as the time at which it is full.

use mqtt_codec::ReasonCode;

use crate::boundary::CloseReason;
use crate::broker::Broker;
use crate::config::{Limit, Overrate};
use crate::time::{Duration, Instant};

/// A client that was idle for this long may send a burst of as many messages as are allowed in it.
const BURST: Duration = Duration::from_secs(1);

impl Broker {
    /// Whether the client may publish now. If not, its input waits or it is disconnected.
    pub(super) fn is_within_rate(
        &mut self,
        now: Instant,
        index: u32,
        key: u32,
    ) -> Result<bool, CloseReason> {
        let Some(interval) = self.publish_interval() else { return Ok(true) };
        let Some(session) = self.sessions.get(key) else { return Ok(true) };
        let paid = session.paid_until.max(now) + interval;
        if paid <= now + BURST {
            return Ok(true);
        }
        self.reached(Limit::PublishRate, index);
        if self.config.publish_overrate == Overrate::Disconnect {
            let code = ReasonCode::MESSAGE_RATE_TOO_HIGH;
            return Err(CloseReason::Violation(code, "more messages a second than `publish_rate`"));
        }
        if let Some(connection) = self.connections.get_mut(index) {
            connection.throttled = now + paid.since(now + BURST);
        }
        self.arm_connection_timer(now, index);
        Ok(false)
    }

    /// The client has published.
    pub(super) fn spend_rate(&mut self, now: Instant, key: u32) {
        let Some(interval) = self.publish_interval() else { return };
        if let Some(session) = self.sessions.get_mut(key) {
            session.paid_until = session.paid_until.max(now) + interval;
        }
    }

    /// The time that one message takes from the bucket; `None` if there is no bound.
    fn publish_interval(&self) -> Option<Duration> {
        BURST.checked_div(self.config.limits.publish_rate)
    }
}
