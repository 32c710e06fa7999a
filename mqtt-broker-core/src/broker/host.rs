//! The host's own wishes: publish, disconnect a client, shut down.

use mqtt_codec::{Property, ReasonCode, TopicFilter};

use super::Broker;
use crate::boundary::{ApplicationMessage, CloseReason, Error, Peer};
use crate::config::Limit;
use crate::publication::Draft;
use crate::recording::Call;
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
    /// [`Error::Full`] if the broker's store is full, or so much is recorded that is not durable yet
    /// that nothing can be added.
    pub fn publish(&mut self, now: Instant, message: &ApplicationMessage<'_>) -> Result<(), Error> {
        self.record_publish(now, message);
        if !message.properties.iter().all(|property| travels(&property)) {
            return Err(Error::Property);
        }
        let len = message.topic.as_bytes().len()
            + message.properties.encoded_len()
            + message.payload.len();
        if len > self.config.maximum_packet_size as usize {
            return Err(Error::TooLarge);
        }
        if self.spreads_for_host() {
            // It cannot be asked to wait, and what it publishes stays in order.
            self.finish_spreads(now);
        }
        self.work.begin();
        let draft = Draft {
            topic: message.topic,
            properties: &message.properties,
            payload: message.payload,
            qos: message.qos,
            retain: message.retain && self.config.retain_available,
            expires_at: self.expires_at(now, message.properties.message_expiry_interval()),
        };
        if self.journal.is_half_full() {
            let (qos, retain) = (draft.qos, draft.retain);
            if self.would_record(NONE, qos, retain, draft.topic) {
                let limit = Limit::JournalBytes;
                self.reached_by(limit, "", Peer::default());
                return Err(Error::Full(limit.name()));
            }
        }
        let accepted = self.accept(now, &draft, None);
        if let Err(limit) = accepted {
            self.reached_by(limit, "", Peer::default());
        }
        self.settle(now);
        accepted.map(|_| ()).map_err(|limit| Error::Full(limit.name()))
    }

    /// Disconnects the client of this identifier, with a reason code that a 5.0 client is told.
    /// `false` if it is not connected.
    pub fn kick(&mut self, now: Instant, client_identifier: &str, reason_code: ReasonCode) -> bool {
        self.record(now, &Call::Kick { client: client_identifier, reason_code });
        self.work.begin();
        let Some(index) = self.connection_of(client_identifier) else { return false };
        self.close(now, index, CloseReason::Kicked(reason_code));
        self.settle(now);
        true
    }

    /// Sends the client of this identifier to another server: a 5.0 client is told 0x9C Use another
    /// server, or 0x9D Server moved if `permanently`, with this Server Reference; a 3.x client is
    /// disconnected. `false` if it is not connected.
    pub fn redirect(
        &mut self,
        now: Instant,
        client_identifier: &str,
        server_reference: &str,
        permanently: bool,
    ) -> bool {
        let client = client_identifier;
        self.record(now, &Call::Redirect { client, server_reference, permanently });
        let code =
            if permanently { ReasonCode::SERVER_MOVED } else { ReasonCode::USE_ANOTHER_SERVER };
        self.work.begin();
        let Some(index) = self.connection_of(client_identifier) else { return false };
        self.close_telling(now, index, CloseReason::Kicked(code), Some(server_reference));
        self.settle(now);
        true
    }

    /// Ends the Session of this identifier with all it holds, disconnecting the client first (0x98
    /// Administrative action). `false` if there is no such Session.
    pub fn remove_session(&mut self, now: Instant, client_identifier: &str) -> bool {
        self.record(now, &Call::RemoveSession { client: client_identifier });
        self.work.begin();
        let Some(key) = self.sessions.find(client_identifier) else { return false };
        if let Some(index) = self.connection_of(client_identifier) {
            let reason = CloseReason::Kicked(ReasonCode::ADMINISTRATIVE_ACTION);
            self.close(now, index, reason);
        }
        // A Session that does not outlive its connection is gone with it.
        if self.sessions.find(client_identifier) == Some(key) {
            self.end_session(now, key);
        }
        self.settle(now);
        true
    }

    /// Takes the Will Message from a client, connected or not, so that it will not be published: for a
    /// client that has lost the right to. `false` if there is none.
    pub fn remove_will(&mut self, now: Instant, client_identifier: &str) -> bool {
        self.record(now, &Call::RemoveWill { client: client_identifier });
        let Some(session) = self.sessions.find(client_identifier) else { return false };
        let removed = self.discard_will(session);
        self.session_timer(now, session);
        self.settle(now);
        removed
    }

    /// Takes a subscription from a client, which is not told: MQTT has no word for it. `false` if
    /// there is none.
    pub fn remove_subscription(
        &mut self,
        now: Instant,
        client_identifier: &str,
        filter: TopicFilter<'_>,
    ) -> bool {
        self.record(now, &Call::RemoveSubscription { client: client_identifier, filter });
        // A copy that has yet to be queued would come after the end of its subscription.
        self.finish_spreads(now);
        let session = self.sessions.find(client_identifier);
        let removed = session.is_some_and(|session| self.unsubscribe_session(session, filter));
        self.settle(now);
        removed
    }

    /// Ends every connection: 5.0 clients are told 0x8B Server shutting down. Nothing is accepted
    /// from here on; the host goes on with its turns, in which it is asked to close them all, and is
    /// done when the last is gone.
    pub fn shutdown(&mut self, now: Instant) {
        self.record(now, &Call::Shutdown);
        self.work.begin();
        self.shutting_down = true;
        self.shut_from = Some(0);
        self.shut_some(now);
    }
}

impl Broker {
    /// The connection of a client, while it has one.
    fn connection_of(&self, client_identifier: &str) -> Option<u32> {
        let session = self.sessions.get(self.sessions.find(client_identifier)?)?;
        session.is_connected().then_some(session.connection)
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
            | Property::UserProperty(..)
    ) || matches!(property, Property::CorrelationData(data) if data.len() <= usize::from(u16::MAX))
}
