//! An Application Message that owns its bytes, as the host publishes and receives it.

use mqtt_broker_core::ApplicationMessage;
use mqtt_codec::{Properties, Property, QoS, SubscriptionIdentifier, TopicName, Utf8String};

use crate::error::Error;

/// An Application Message that the host publishes, or that one of its subscriptions received.
///
/// ```
/// use mqtt_broker_tokio::{Message, QoS};
///
/// let message = Message::new("kitchen/temperature", "21.5")
///     .with_qos(QoS::AtLeastOnce)
///     .with_retain(true)
///     .with_message_expiry_interval(3600)
///     .with_user_property("unit", "°C");
/// assert_eq!(message.payload, b"21.5");
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Message {
    /// The Topic Name.
    pub topic: String,
    /// The content.
    pub payload: Vec<u8>,
    /// The Quality of Service. Received: the publisher's, limited by the subscription's.
    pub qos: QoS,
    /// Published: keep it for later subscribers. Received: it was kept, and is sent because of a
    /// new subscription.
    pub retain: bool,
    /// Seconds until nobody wants it any more. Received: the seconds that are left.
    pub message_expiry_interval: Option<u32>,
    /// Whether the payload is declared to be UTF-8 text; `None` says nothing about it.
    pub payload_format_indicator: Option<bool>,
    /// What the payload is, for example a MIME type.
    pub content_type: Option<String>,
    /// The Topic Name for a response.
    pub response_topic: Option<String>,
    /// What tells the requester which request a response is for.
    pub correlation_data: Option<Vec<u8>>,
    /// Names and values with a meaning of the sender's own, in order.
    pub user_properties: Vec<(String, String)>,
    /// Received: the identifier of the subscription, if it has one.
    pub subscription_identifier: Option<SubscriptionIdentifier>,
}

impl Message {
    /// A message of QoS 0, not retained, without properties.
    #[must_use]
    pub fn new(topic: impl Into<String>, payload: impl Into<Vec<u8>>) -> Self {
        Self {
            topic: topic.into(),
            payload: payload.into(),
            qos: QoS::AtMostOnce,
            retain: false,
            message_expiry_interval: None,
            payload_format_indicator: None,
            content_type: None,
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
            subscription_identifier: None,
        }
    }

    /// The same with this Quality of Service.
    #[must_use]
    pub fn with_qos(mut self, qos: QoS) -> Self {
        self.qos = qos;
        self
    }

    /// The same, retained or not.
    #[must_use]
    pub fn with_retain(mut self, retain: bool) -> Self {
        self.retain = retain;
        self
    }

    /// The same, to be forgotten after so many seconds.
    #[must_use]
    pub fn with_message_expiry_interval(mut self, seconds: u32) -> Self {
        self.message_expiry_interval = Some(seconds);
        self
    }

    /// The same, its payload declared to be UTF-8 text or not.
    #[must_use]
    pub fn with_payload_format_indicator(mut self, is_utf8: bool) -> Self {
        self.payload_format_indicator = Some(is_utf8);
        self
    }

    /// The same with a Content Type.
    #[must_use]
    pub fn with_content_type(mut self, content_type: impl Into<String>) -> Self {
        self.content_type = Some(content_type.into());
        self
    }

    /// The same with a Response Topic.
    #[must_use]
    pub fn with_response_topic(mut self, topic: impl Into<String>) -> Self {
        self.response_topic = Some(topic.into());
        self
    }

    /// The same with Correlation Data, of at most 65,535 bytes.
    #[must_use]
    pub fn with_correlation_data(mut self, data: impl Into<Vec<u8>>) -> Self {
        self.correlation_data = Some(data.into());
        self
    }

    /// The same with one User Property more.
    #[must_use]
    pub fn with_user_property(mut self, name: impl Into<String>, value: impl Into<String>) -> Self {
        self.user_properties.push((name.into(), value.into()));
        self
    }

    /// Copies what the broker lends.
    pub(crate) fn received(lent: &mqtt_broker_core::Message<'_>) -> Self {
        let mut message = Self::new(lent.topic.as_str(), lent.payload);
        message.qos = lent.qos;
        message.retain = lent.retain;
        message.message_expiry_interval = lent.message_expiry_interval;
        message.subscription_identifier = lent.subscription_identifier;
        for property in lent.pass_through.iter() {
            message.set_property(property);
        }
        message
    }

    /// Checks every text and lends the whole to `publish`.
    pub(crate) fn lend<R>(
        &self,
        publish: impl FnOnce(&ApplicationMessage<'_>) -> R,
    ) -> Result<R, Error> {
        let topic =
            TopicName::new(&self.topic).map_err(|error| Error::invalid("the Topic Name", error))?;
        let properties = self.properties()?;
        Ok(publish(&ApplicationMessage {
            topic,
            payload: &self.payload,
            qos: self.qos,
            retain: self.retain,
            properties: Properties::new(&properties),
        }))
    }

    fn properties(&self) -> Result<Vec<Property<'_>>, Error> {
        let mut properties = Vec::new();
        properties.extend(self.payload_format_indicator.map(Property::PayloadFormatIndicator));
        properties.extend(self.message_expiry_interval.map(Property::MessageExpiryInterval));
        if let Some(content_type) = &self.content_type {
            properties.push(Property::ContentType(text("the Content Type", content_type)?));
        }
        if let Some(topic) = &self.response_topic {
            let topic = TopicName::new(topic)
                .map_err(|error| Error::invalid("the Response Topic", error))?;
            properties.push(Property::ResponseTopic(topic));
        }
        if let Some(data) = &self.correlation_data {
            if data.len() > usize::from(u16::MAX) {
                return Err(Error::invalid(
                    "the Correlation Data",
                    "it is longer than 65,535 bytes",
                ));
            }
            properties.push(Property::CorrelationData(data));
        }
        for (name, value) in &self.user_properties {
            let name = text("a User Property's name", name)?;
            let value = text("a User Property's value", value)?;
            properties.push(Property::UserProperty(name, value));
        }
        Ok(properties)
    }

    fn set_property(&mut self, property: Property<'_>) {
        match property {
            Property::PayloadFormatIndicator(is_utf8) => {
                self.payload_format_indicator = Some(is_utf8);
            }
            Property::ContentType(text) => self.content_type = Some(text.as_str().to_owned()),
            Property::ResponseTopic(topic) => {
                self.response_topic = Some(topic.as_str().to_owned());
            }
            Property::CorrelationData(data) => self.correlation_data = Some(data.to_vec()),
            Property::UserProperty(name, value) => {
                self.user_properties.push((name.as_str().to_owned(), value.as_str().to_owned()));
            }
            _ => {}
        }
    }
}

fn text<'a>(what: &'static str, text: &'a str) -> Result<Utf8String<'a>, Error> {
    Utf8String::new(text).map_err(|error| Error::invalid(what, error))
}

#[cfg(test)]
mod tests;
