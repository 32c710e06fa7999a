//! What a console shows: clients, their subscriptions, retained messages; copies all.

use core::net::SocketAddr;
use std::time::SystemTime;

use mqtt_broker_core::{Broker, Instant, SessionView};
use mqtt_codec::{SubscriptionIdentifier, SubscriptionOptions, TopicFilter, Version};

use crate::clock::Clock;
use crate::message::Message;

/// How many levels of topics one listing of retained messages looks at, at most.
const STEPS: u32 = 1 << 16;

/// One client that has a Session, connected or not: a copy, taken when it was asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Client {
    /// The Client Identifier.
    pub client_identifier: String,
    /// Whether it has a Network Connection.
    pub connected: bool,
    /// Where it is, while connected.
    pub peer: Option<SocketAddr>,
    /// The version it speaks or last spoke.
    pub version: Version,
    /// The User Name it connected with.
    pub user_name: Option<String>,
    /// When it connected, while connected.
    pub connected_at: Option<SystemTime>,
    /// Keep Alive in seconds as in force; 0 is none.
    pub keep_alive: u16,
    /// How many seconds the Session outlives its connection; `u32::MAX` is for ever.
    pub session_expiry_interval: u32,
    /// How many subscriptions it has.
    pub subscriptions: u32,
    /// Messages waiting to be sent to it.
    pub queued: u32,
    /// Messages sent to it and not yet acknowledged.
    pub in_flight: u32,
}

impl Client {
    pub(crate) fn of(session: &SessionView<'_>) -> Self {
        Self {
            client_identifier: session.client_identifier.to_owned(),
            connected: session.connection.is_some(),
            peer: session.peer.and_then(|peer| peer.address),
            version: session.version,
            user_name: session.user_name.map(str::to_owned),
            connected_at: session.connected_at.map(Clock::system_time),
            keep_alive: session.keep_alive,
            session_expiry_interval: session.session_expiry_interval,
            subscriptions: session.subscriptions,
            queued: session.queued,
            in_flight: session.in_flight,
        }
    }
}

/// Some of the clients, from [`Handle::clients_page`](crate::Handle::clients_page).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Clients {
    /// The clients of this page.
    pub clients: Vec<Client>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<u32>,
}

impl Clients {
    pub(crate) fn page(broker: &Broker, from: u32, limit: usize) -> Self {
        let mut sessions = broker.sessions_from(from);
        let clients = sessions.by_ref().take(limit).map(|session| Client::of(&session)).collect();
        Self { clients, next: sessions.next().map(|session| session.place) }
    }
}

/// A subscription that a client has.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct ClientSubscription {
    /// The Topic Filter, with its `$share/…/` prefix if it has one.
    pub filter: String,
    /// What the client asked for, with the Quality of Service that it was granted.
    pub options: SubscriptionOptions,
    /// The Subscription Identifier, if it has one.
    pub identifier: Option<SubscriptionIdentifier>,
}

impl ClientSubscription {
    pub(crate) fn all(broker: &Broker, client_identifier: &str) -> Vec<Self> {
        let held = broker.subscriptions(client_identifier);
        held.map(|(filter, options, identifier)| Self { filter, options, identifier }).collect()
    }
}

/// Some of the retained messages, from [`Handle::retained`](crate::Handle::retained).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retained {
    /// The messages.
    pub messages: Vec<Message>,
    /// Whether these are all that match.
    pub is_complete: bool,
}

/// A page of the retained messages, from [`Handle::retained_page`](crate::Handle::retained_page).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetainedPage {
    /// The messages of this page; fewer than were asked for, or none, where it took long to find them.
    pub messages: Vec<Message>,
    /// Where the next page begins; `None` if this is the last one.
    pub next: Option<u32>,
}

impl RetainedPage {
    pub(crate) fn of(
        broker: &Broker,
        now: Instant,
        filter: TopicFilter<'_>,
        from: u32,
        limit: usize,
    ) -> Self {
        let mut messages = Vec::new();
        let next = broker.retained_from(now, filter, from, STEPS, |message| {
            let room = messages.len() < limit;
            if room {
                messages.push(Message::received(&message));
            }
            room
        });
        Self { messages, next }
    }
}

impl Retained {
    pub(crate) fn list(
        broker: &mut Broker,
        now: Instant,
        filter: TopicFilter<'_>,
        limit: usize,
    ) -> Self {
        let mut messages = Vec::new();
        let is_complete = broker.retained(now, filter, STEPS, |message| {
            let room = messages.len() < limit;
            if room {
                messages.push(Message::received(&message));
            }
            room
        });
        Self { messages, is_complete }
    }
}
