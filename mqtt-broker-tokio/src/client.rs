//! One client as a console shows it.

use core::net::SocketAddr;
use std::time::SystemTime;

use mqtt_broker_core::SessionView;
use mqtt_codec::Version;

use crate::clock::Clock;

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
