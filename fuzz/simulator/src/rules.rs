//! [`Rules`]: who may do what in every world, and what the host takes its time to decide.

use mqtt_broker_core::{
    ConnectRequest, DeliverRequest, Policy, PublishRequest, SubscribeRequest, Verdict,
};
use mqtt_codec::ReasonCode;

/// What only the trusted may publish and subscribe to begins with this.
pub const SECRET: &str = "secret/";
/// Client Identifiers that begin with this are not let in.
pub const BANNED: &str = "banned";
/// What a denied client is told.
pub const DENIAL: ReasonCode = ReasonCode::NOT_AUTHORIZED;
/// What a banned one is told.
pub const BAN: ReasonCode = ReasonCode::BANNED;

/// Whether a client is trusted: every other one.
#[must_use]
pub fn is_trusted(client_identifier: &str) -> bool {
    client_identifier.bytes().last().is_some_and(|byte| byte.is_multiple_of(2))
}

/// Whether a client may publish to this topic or use this filter.
#[must_use]
pub fn allows(client_identifier: &str, topic_or_filter: &str) -> bool {
    is_trusted(client_identifier) || !unshared(topic_or_filter).starts_with(SECRET)
}

/// The filter without the `$share/…/` before it.
#[must_use]
pub fn unshared(filter: &str) -> &str {
    let shared = filter.strip_prefix("$share/").and_then(|rest| rest.split_once('/'));
    shared.map_or(filter, |(_, filter)| filter)
}

/// The host's policy: plain rules, and some questions put off.
#[derive(Clone, Debug, Default)]
pub struct Rules {
    /// Every so many questions, one is put off; 0 for none.
    pub defer_every: u32,
    questions: u32,
}

impl Rules {
    fn judge(&mut self, allowed: bool, denial: ReasonCode) -> Verdict {
        self.questions += 1;
        if self.defer_every > 0 && self.questions.is_multiple_of(self.defer_every) {
            return Verdict::Defer;
        }
        self.decide(allowed, denial)
    }

    /// What the rules say, without putting it off.
    pub const fn decide(&self, allowed: bool, denial: ReasonCode) -> Verdict {
        if allowed { Verdict::Allow } else { Verdict::Deny(denial) }
    }
}

impl Policy for Rules {
    fn connect(&mut self, request: &ConnectRequest<'_>) -> Verdict {
        let name = request.connect.client_identifier.as_str();
        self.judge(!name.starts_with(BANNED), BAN)
    }

    fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
        let allowed = allows(request.client.client_identifier(), request.topic.as_str());
        self.judge(allowed, DENIAL)
    }

    fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
        let allowed = allows(request.client.client_identifier(), request.filter.as_str());
        self.judge(allowed, DENIAL)
    }

    // The answer to this one cannot be put off.
    fn deliver(&mut self, request: &DeliverRequest<'_>) -> Verdict {
        let allowed = allows(request.client.client_identifier(), request.topic.as_str());
        self.decide(allowed, DENIAL)
    }
}
