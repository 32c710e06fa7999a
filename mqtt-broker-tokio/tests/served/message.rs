//! The host's messages, in the words of the transcripts and in those of the binding.

use mqtt_broker_core::ApplicationMessage;
use mqtt_broker_tokio::Message;
use mqtt_codec::{Delivery, Packet, Properties, Property, Publish, TopicName, Utf8String};

use crate::transcript::client::Seen;

/// A message that the host publishes.
pub(crate) fn published(message: &ApplicationMessage<'_>) -> Result<Message, String> {
    let mut published = Message::new(message.topic.as_str(), message.payload);
    published.qos = message.qos;
    published.retain = message.retain;
    for property in message.properties.iter() {
        published = match property {
            Property::MessageExpiryInterval(seconds) => {
                published.with_message_expiry_interval(seconds)
            }
            Property::PayloadFormatIndicator(utf8) => published.with_payload_format_indicator(utf8),
            Property::ContentType(text) => published.with_content_type(text.as_str()),
            Property::ResponseTopic(topic) => published.with_response_topic(topic.as_str()),
            Property::CorrelationData(data) => published.with_correlation_data(data),
            Property::UserProperty(name, value) => {
                published.with_user_property(name.as_str(), value.as_str())
            }
            other => return Err(format!("the binding's messages have no {other:?}")),
        };
    }
    Ok(published)
}

/// A message that the host received, as a PUBLISH without Packet Identifier.
pub(crate) fn shown(message: &Message) -> Seen {
    let text = |text| Utf8String::new(text).unwrap();
    let mut properties = Vec::new();
    properties.extend(message.message_expiry_interval.map(Property::MessageExpiryInterval));
    properties.extend(message.subscription_identifier.map(Property::SubscriptionIdentifier));
    properties.extend(message.payload_format_indicator.map(Property::PayloadFormatIndicator));
    properties.extend(message.content_type.as_deref().map(|of| Property::ContentType(text(of))));
    let response = message.response_topic.as_deref();
    properties.extend(response.map(|to| Property::ResponseTopic(TopicName::new(to).unwrap())));
    properties.extend(message.correlation_data.as_deref().map(Property::CorrelationData));
    let own = message.user_properties.iter();
    properties.extend(own.map(|(name, value)| Property::UserProperty(text(name), text(value))));
    let publish = Packet::Publish(Publish {
        delivery: Delivery::AtMostOnce,
        retain: message.retain,
        topic: Some(TopicName::new(&message.topic).unwrap()),
        properties: Properties::new(&properties),
        payload: &message.payload,
    });
    let text = |text: String| text.replacen("q0", &format!("q{}", message.qos), 1);
    Seen::Packet(text(publish.to_string()), text(format!("{publish:#}")))
}
