//! [`Rules`]: what a client may do here.

use mqtt_broker_core::codec::ReasonCode;
use mqtt_broker_core::{ConnectRequest, Policy, PublishRequest, SubscribeRequest, Verdict};

/// Where the broker tells about itself.
pub(crate) const STATISTICS: &str = "$SYS/";

/// Everybody may do everything, with names of a reasonable length, but speak for the broker.
#[derive(Default)]
pub(crate) struct Rules {
    /// Somebody has subscribed to the numbers since this was last reset.
    pub(crate) asked_for_statistics: bool,
}

/// Bytes of a Client Identifier or User Name.
const NAME: usize = 64;

impl Policy for Rules {
    fn connect(&mut self, request: &ConnectRequest<'_>) -> Verdict {
        let connect = request.connect;
        let user_name = connect.user_name.map_or(0, |name| name.len());
        if connect.client_identifier.len() > NAME || user_name > NAME {
            return Verdict::Deny(ReasonCode::QUOTA_EXCEEDED);
        }
        Verdict::Allow
    }

    fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
        let is_ours = request.topic.as_bytes().starts_with(STATISTICS.as_bytes());
        if is_ours { Verdict::DENY } else { Verdict::Allow }
    }

    fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
        let is_about_us = request.filter.as_bytes().starts_with(STATISTICS.as_bytes());
        self.asked_for_statistics |= is_about_us;
        Verdict::Allow
    }
}
