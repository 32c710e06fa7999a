//! A broker whose policy refuses SUBSCRIBE to `test/nosubscribe`, for those tests of the Eclipse Paho
//! suites that want a subscription to fail: `denying_host ADDRESS`.
//!
//! The binary `mqtt-broker` has no access rules of its own yet. The core underneath is the same.

use mqtt_broker_tokio::mqtt_broker_core::SubscribeRequest;
use mqtt_broker_tokio::{Error, Policy, ReasonCode, Server, Verdict};

struct NoSubscribe;

impl Policy for NoSubscribe {
    fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
        match request.filter.as_str() {
            "test/nosubscribe" => Verdict::Deny(ReasonCode::UNSPECIFIED_ERROR),
            _ => Verdict::Allow,
        }
    }
}

fn main() -> Result<(), Error> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:1883".into());
    Server::builder().listen(address).policy(NoSubscribe).bind()?.serve().wait()
}
