//! [`Event`]: what happened, for logs, metrics and hooks.

use core::fmt;

use alloc::string::String;

use mqtt_codec::{DecodeError, QoS, ReasonCode, Version};

use super::{CloseReason, ConnectionHandle, Peer};
use crate::config::Limit;

/// Something that happened. Each is told once, in the order of things.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A client connected.
    Connected {
        /// Its connection.
        connection: ConnectionHandle,
        /// Its Client Identifier, assigned or given.
        client_identifier: String,
        /// Where it is.
        peer: Peer,
        /// The version it speaks.
        version: Version,
        /// Whether a Session was waiting for it.
        session_present: bool,
    },
    /// A connection attempt was refused.
    Refused {
        /// Its Client Identifier, as far as it came.
        client_identifier: String,
        /// Where it is.
        peer: Peer,
        /// The answer it got, or would have got if its version has one.
        reason_code: ReasonCode,
        /// What was wrong.
        cause: RefusalCause,
    },
    /// The broker closes a connection that never had a Session: what came was no CONNECT, or came
    /// too late.
    Closed {
        /// The connection.
        connection: ConnectionHandle,
        /// Where it is from.
        peer: Peer,
        /// Why.
        reason: CloseReason,
    },
    /// A connected client is gone.
    Disconnected {
        /// Its connection, which no longer exists.
        connection: ConnectionHandle,
        /// Its Client Identifier.
        client_identifier: String,
        /// Where it was.
        peer: Peer,
        /// Why.
        reason: CloseReason,
    },
    /// A client subscribed.
    Subscribed {
        /// Its Client Identifier.
        client_identifier: String,
        /// The Topic Filter.
        filter: String,
        /// The Quality of Service granted.
        qos: QoS,
    },
    /// A client unsubscribed.
    Unsubscribed {
        /// Its Client Identifier.
        client_identifier: String,
        /// The Topic Filter.
        filter: String,
    },
    /// A Session ended, with its subscriptions and what was queued.
    SessionEnded {
        /// Its Client Identifier.
        client_identifier: String,
    },
    /// Somebody was refused because a bound was reached.
    LimitReached {
        /// Which.
        limit: Limit,
        /// Its Client Identifier; empty if it has not connected yet, or is the host.
        client_identifier: String,
        /// Where it is.
        peer: Peer,
    },
    /// A message was not delivered to a subscriber.
    Dropped {
        /// The subscriber's Client Identifier.
        client_identifier: String,
        /// The Topic Name.
        topic: String,
        /// Why.
        cause: DropCause,
    },
}

impl Event {
    /// The bytes of its texts.
    pub(crate) fn heap(&self) -> usize {
        match self {
            Self::Connected { client_identifier, .. }
            | Self::Refused { client_identifier, .. }
            | Self::Disconnected { client_identifier, .. }
            | Self::SessionEnded { client_identifier }
            | Self::LimitReached { client_identifier, .. } => client_identifier.capacity(),
            Self::Subscribed { client_identifier, filter, .. }
            | Self::Unsubscribed { client_identifier, filter } => {
                client_identifier.capacity() + filter.capacity()
            }
            Self::Dropped { client_identifier, topic, .. } => {
                client_identifier.capacity() + topic.capacity()
            }
            Self::Closed { .. } => 0,
        }
    }
}

/// Why a CONNECT was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum RefusalCause {
    /// The [`Policy`](crate::Policy) said no.
    Policy,
    /// The broker is full: the [limit](crate::Limits) of this name is reached.
    Limit(&'static str),
    /// A packet that breaks the form of the standard.
    Malformed(DecodeError),
    /// The Client Identifier cannot be accepted.
    ClientIdentifier,
    /// The CONNECT asks for something this broker does not have, named by the text.
    Unsupported(&'static str),
}

impl fmt::Display for RefusalCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Policy => f.write_str("not allowed"),
            Self::Limit(name) => write!(f, "the limit `{name}` is reached"),
            Self::Malformed(error) => write!(f, "malformed packet: {error}"),
            Self::ClientIdentifier => f.write_str("client identifier not acceptable"),
            Self::Unsupported(what) => write!(f, "not supported: {what}"),
        }
    }
}

/// Why a message did not reach a subscriber. Each has a counter in [`Stats`](crate::Stats).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum DropCause {
    /// Its Message Expiry Interval passed first.
    Expired,
    /// The subscriber's queue was full (`queue_messages`, `queue_bytes`).
    QueueFull,
    /// It would have waited, and Sessions without a connection hold as much as they may
    /// (`offline_bytes`).
    OfflineFull,
    /// It is larger than the client's Maximum Packet Size.
    TooLarge,
    /// The [`Policy`](crate::Policy) does not let the client have it.
    Denied,
    /// The broker's own store is full (`publications`, `entries`, `publication_bytes`).
    BrokerFull,
}

impl fmt::Display for DropCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Expired => "message expired",
            Self::QueueFull => "subscriber's queue full",
            Self::OfflineFull => "too much waits for absent subscribers",
            Self::TooLarge => "larger than the client's Maximum Packet Size",
            Self::Denied => "not allowed",
            Self::BrokerFull => "broker's store full",
        })
    }
}
