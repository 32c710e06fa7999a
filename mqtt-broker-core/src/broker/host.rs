//! The host's own wishes: publish, disconnect a client, shut down.

use mqtt_codec::{Property, ReasonCode};

use super::Broker;
use crate::boundary::{ApplicationMessage, CloseReason, Error};
use crate::publication::Draft;
use crate::session::queue::NONE;
use crate::time::Instant;

impl Broker {
    /// Publishes a message as the host. Policies are not asked. Whether anyone subscribes to it is
    /// not an error.
    ///
    /// # Errors
    ///
    /// [`Error::Property`] for a property that does not travel with a message,
    /// [`Error::TooLarge`] for one above [`Config::maximum_packet_size`](crate::Config),
    /// [`Error::Full`] if the broker's store is full.
    pub fn publish(&mut self, now: Instant, message: &ApplicationMessage<'_>) -> Result<(), Error> {
        if !message.properties.iter().all(|property| travels(&property)) {
            return Err(Error::Property);
        }
        let len = message.topic.as_bytes().len()
            + message.properties.encoded_len()
            + message.payload.len();
        if len > self.config.maximum_packet_size as usize {
            return Err(Error::TooLarge);
        }
        let draft = Draft {
            topic: message.topic,
            properties: &message.properties,
            payload: message.payload,
            qos: message.qos,
            retain: message.retain && self.config.retain_available,
            expires_at: self.expires_at(now, message.properties.message_expiry_interval()),
        };
        let accepted = self.accept(now, &draft, None);
        self.settle(now);
        accepted.map(|_| ()).map_err(|_| Error::Full("publications"))
    }

    /// Disconnects the client of this identifier, with a reason code that a 5.0 client is told.
    /// `false` if it is not connected.
    pub fn kick(&mut self, now: Instant, client_identifier: &str, reason_code: ReasonCode) -> bool {
        let session = self.sessions.find(client_identifier);
        let index = session.and_then(|key| self.sessions.get(key)).map_or(NONE, |s| s.connection);
        let connected = self.connections.get(index).is_some();
        if connected {
            self.close(now, index, CloseReason::Kicked(reason_code));
            self.settle(now);
        }
        connected
    }

    /// Ends every connection: 5.0 clients are told 0x8B Server shutting down. Nothing is accepted
    /// from here on; the host drains the outputs, closes what it is asked to, and is done.
    pub fn shutdown(&mut self, now: Instant) {
        self.shutting_down = true;
        let mut next = 0;
        while let Some(index) = self.connections.next_from(next) {
            self.close(now, index, CloseReason::ShuttingDown);
            next = index + 1;
        }
        self.settle(now);
    }
}

/// Whether a property goes from publisher to subscriber.
fn travels(property: &Property<'_>) -> bool {
    matches!(
        property,
        Property::MessageExpiryInterval(_)
            | Property::PayloadFormatIndicator(_)
            | Property::ContentType(_)
            | Property::ResponseTopic(_)
            | Property::CorrelationData(_)
            | Property::UserProperty(..)
    )
}
