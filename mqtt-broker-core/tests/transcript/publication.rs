//! What the host's own subscriptions get.

use mqtt_broker_core::Message;
use mqtt_codec::{Delivery, Packet, Properties, Property, Publish};

use super::client::Seen;

/// A message to the host, as a PUBLISH without Packet Identifier.
pub(crate) fn publication(message: &Message<'_>) -> Seen {
    let expiry = message.message_expiry_interval.map(Property::MessageExpiryInterval);
    let identifier = message.subscription_identifier.map(Property::SubscriptionIdentifier);
    let own = expiry.into_iter().chain(identifier);
    let all: Vec<_> = own.chain(message.pass_through.iter()).collect();
    let publish = Packet::Publish(Publish {
        delivery: Delivery::AtMostOnce,
        retain: message.retain,
        topic: Some(message.topic),
        properties: Properties::new(&all),
        payload: message.payload,
    });
    let text = |text: String| text.replacen("q0", &format!("q{}", message.qos), 1);
    Seen::Packet(text(publish.to_string()), text(format!("{publish:#}")))
}
