//! What is told of what happens: events, with their counters.

use alloc::string::{String, ToString};

use mqtt_codec::{ReasonCode, TopicFilter, TopicName};

use super::Broker;
use crate::boundary::{DropCause, Event, Peer, RefusalCause};
use crate::config::Limit;
use crate::session::queue::NONE;

/// The clients that were away when a QoS 0 message came for them.
#[derive(Clone, Copy)]
pub(crate) struct Missed {
    /// The Session of the first.
    session: u32,
    clients: u32,
}

impl Default for Missed {
    fn default() -> Self {
        Self { session: NONE, clients: 0 }
    }
}

impl Missed {
    /// Notes one more.
    pub(crate) const fn add(&mut self, session: u32) {
        if self.clients == 0 {
            self.session = session;
        }
        self.clients = self.clients.saturating_add(1);
    }
}

impl Broker {
    /// Tells an event, if the host wants them. The closure runs only then.
    pub(crate) fn event(&mut self, event: impl FnOnce(&Self) -> Option<Event>) {
        if self.config.events {
            if let Some(event) = event(self) {
                self.outputs.push_event(event);
            }
        }
    }

    /// Counts and tells that a limit has refused the client of this connection.
    pub(crate) fn reached(&mut self, limit: Limit, index: u32) {
        let peer = self.connections.get(index).map(|connection| connection.peer);
        let client = self.session_of(index).and_then(|session| self.sessions.get(session));
        let client = client.map(|session| String::from(&*session.client_identifier));
        self.reached_by(limit, &client.unwrap_or_default(), peer.unwrap_or_default());
    }

    pub(crate) fn reached_by(&mut self, limit: Limit, client_identifier: &str, peer: Peer) {
        self.stats.reached.add(limit);
        self.event(|_| {
            Some(Event::LimitReached { limit, client_identifier: client_identifier.into(), peer })
        });
    }

    /// Counts a copy that did not reach its subscriber, and says so.
    pub(crate) fn dropped(&mut self, session: u32, publication: u32, cause: DropCause) {
        self.count_dropped(cause);
        self.event(|broker| {
            let client = &broker.sessions.get(session)?.client_identifier;
            broker.dropped_event(client, publication, cause)
        });
    }

    /// The same of a copy whose subscriber has no Session, or none any more.
    pub(crate) fn dropped_of(&mut self, client: &str, publication: u32, cause: DropCause) {
        self.count_dropped(cause);
        self.event(|broker| broker.dropped_event(client, publication, cause));
    }

    fn dropped_event(&self, client: &str, publication: u32, cause: DropCause) -> Option<Event> {
        let topic = self.publications.get(publication)?.topic().as_str().into();
        Some(Event::Dropped { client_identifier: client.into(), topic, cause })
    }

    const fn count_dropped(&mut self, cause: DropCause) {
        let counter = match cause {
            DropCause::Expired => &mut self.stats.dropped_expired,
            DropCause::QueueFull => &mut self.stats.dropped_queue_full,
            DropCause::OfflineFull => &mut self.stats.dropped_offline_full,
            DropCause::TooLarge => &mut self.stats.dropped_too_large,
            DropCause::Denied => &mut self.stats.denied_deliver,
            DropCause::BrokerFull => &mut self.stats.dropped_broker_full,
            DropCause::ConnectionEnded => &mut self.stats.dropped_connection_ended,
            DropCause::Refused => &mut self.stats.dropped_refused,
            DropCause::NoMember => &mut self.stats.dropped_no_member,
            // The outputs have counted it.
            DropCause::HostFull => return,
        };
        *counter += 1;
    }

    /// Says who has missed this message, if anybody has.
    #[inline]
    pub(crate) fn tell_missed(&mut self, publication: u32) {
        if self.missed.clients == 0 {
            return;
        }
        let Missed { session, clients } = core::mem::take(&mut self.missed);
        self.stats.missed += u64::from(clients);
        self.event(|broker| {
            Some(Event::Missed {
                client_identifier: broker.sessions.get(session)?.client_identifier[..].into(),
                clients,
                topic: broker.publications.get(publication)?.topic().as_str().into(),
            })
        });
    }

    /// Says that a client's message was not published.
    pub(crate) fn not_published(
        &mut self,
        session: u32,
        topic: TopicName<'_>,
        reason_code: ReasonCode,
        cause: RefusalCause,
    ) {
        self.event(|broker| {
            Some(Event::NotPublished {
                client_identifier: broker.sessions.get(session)?.client_identifier[..].into(),
                topic: topic.as_str().into(),
                reason_code,
                cause,
            })
        });
    }

    /// Says that a client was not given a subscription.
    pub(crate) fn not_subscribed(
        &mut self,
        session: u32,
        filter: TopicFilter<'_>,
        reason_code: ReasonCode,
        cause: RefusalCause,
    ) {
        self.event(|broker| {
            Some(Event::NotSubscribed {
                client_identifier: broker.sessions.get(session)?.client_identifier[..].into(),
                filter: filter.as_str().to_string(),
                reason_code,
                cause,
            })
        });
    }

    /// Says that a client keeps a subscription that it wanted to end.
    pub(crate) fn not_unsubscribed(
        &mut self,
        session: u32,
        filter: TopicFilter<'_>,
        reason_code: ReasonCode,
    ) {
        self.event(|broker| {
            Some(Event::NotUnsubscribed {
                client_identifier: broker.sessions.get(session)?.client_identifier[..].into(),
                filter: filter.as_str().to_string(),
                reason_code,
            })
        });
    }
}
