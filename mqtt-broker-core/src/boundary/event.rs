//! [`Event`]: what happened, for logs, metrics and hooks.

use core::fmt;

use alloc::string::String;

use mqtt_codec::{DecodeError, QoS, ReasonCode, Version};

use super::{CloseReason, ConnectionHandle, Peer, Shard};
use crate::config::Limit;

/// Something that happened. Each is told once, in the order of things. Kinds of events may be added, and
/// fields to each: a pattern ends with `..`.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A client connected.
    #[non_exhaustive]
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
    #[non_exhaustive]
    Refused {
        /// The connection.
        connection: ConnectionHandle,
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
    #[non_exhaustive]
    Closed {
        /// The connection.
        connection: ConnectionHandle,
        /// Where it is from.
        peer: Peer,
        /// Why.
        reason: CloseReason,
    },
    /// A connected client is gone.
    #[non_exhaustive]
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
    #[non_exhaustive]
    Subscribed {
        /// Its Client Identifier.
        client_identifier: String,
        /// The Topic Filter.
        filter: String,
        /// The Quality of Service granted.
        qos: QoS,
    },
    /// A client unsubscribed.
    #[non_exhaustive]
    Unsubscribed {
        /// Its Client Identifier.
        client_identifier: String,
        /// The Topic Filter.
        filter: String,
    },
    /// A Session ended, with its subscriptions and what was queued.
    #[non_exhaustive]
    SessionEnded {
        /// Its Client Identifier.
        client_identifier: String,
        /// Messages that waited for it or were under way to it, which are gone with it; those of a
        /// share group go to another member.
        messages: u32,
    },
    /// Somebody was refused because a bound was reached.
    #[non_exhaustive]
    LimitReached {
        /// Which.
        limit: Limit,
        /// Its Client Identifier; empty if it has not connected yet, or is the host.
        client_identifier: String,
        /// Where it is.
        peer: Peer,
    },
    /// A message was not delivered to a subscriber.
    #[non_exhaustive]
    Dropped {
        /// The subscriber's Client Identifier; empty if it is the host, or if nobody is left of its
        /// share group.
        client_identifier: String,
        /// The Topic Name.
        topic: String,
        /// Why.
        cause: DropCause,
    },
    /// A QoS 0 message was not kept for clients that are away, as
    /// [`Config::queue_qos0`](crate::Config::queue_qos0) says.
    #[non_exhaustive]
    Missed {
        /// The Client Identifier of one of them.
        client_identifier: String,
        /// How many they are.
        clients: u32,
        /// The Topic Name.
        topic: String,
    },
    /// A client's message was not published.
    #[non_exhaustive]
    NotPublished {
        /// Its Client Identifier.
        client_identifier: String,
        /// The Topic Name.
        topic: String,
        /// The answer it got, where its version and the QoS have one.
        reason_code: ReasonCode,
        /// What was wrong.
        cause: RefusalCause,
    },
    /// A client was not given a subscription.
    #[non_exhaustive]
    NotSubscribed {
        /// Its Client Identifier.
        client_identifier: String,
        /// The Topic Filter.
        filter: String,
        /// The answer it got, or would have got if its version has one.
        reason_code: ReasonCode,
        /// What was wrong.
        cause: RefusalCause,
    },
    /// The [`Policy`](crate::Policy) did not let a client end a subscription.
    #[non_exhaustive]
    NotUnsubscribed {
        /// Its Client Identifier.
        client_identifier: String,
        /// The Topic Filter.
        filter: String,
        /// The answer it got.
        reason_code: ReasonCode,
    },
    /// A Will Message was published, and not retained although it should have been.
    #[non_exhaustive]
    NotRetained {
        /// The Client Identifier of its publisher.
        client_identifier: String,
        /// The Topic Name.
        topic: String,
        /// The bound that was reached.
        limit: Limit,
    },
    /// A retained message expired: it is forgotten when a new subscription comes upon it.
    #[non_exhaustive]
    RetainedExpired {
        /// The Topic Name.
        topic: String,
    },
    /// There was no memory to go on sending the retained messages for a new subscription: the
    /// subscriber does without the rest of them.
    #[non_exhaustive]
    RetainedCutShort {
        /// Its Client Identifier; empty if it is the host.
        client_identifier: String,
        /// The Topic Filter.
        filter: String,
    },
    /// Events and host messages were dropped before this one, because the host did not poll them in
    /// time ([`Limits::outputs`](crate::Limits::outputs)) or there was no memory.
    #[non_exhaustive]
    OutputsDropped {
        /// How many.
        count: u64,
    },
    /// A message was not forwarded to a peer: too many wait for it.
    #[non_exhaustive]
    ForwardDropped {
        /// The peer.
        peer: Shard,
        /// The Topic Name.
        topic: String,
    },
}

impl Event {
    /// The bytes of its texts.
    pub(crate) fn heap(&self) -> usize {
        match self {
            Self::Connected { client_identifier, .. }
            | Self::Refused { client_identifier, .. }
            | Self::Disconnected { client_identifier, .. }
            | Self::SessionEnded { client_identifier, .. }
            | Self::LimitReached { client_identifier, .. } => client_identifier.capacity(),
            Self::Subscribed { client_identifier, filter, .. }
            | Self::Unsubscribed { client_identifier, filter } => {
                client_identifier.capacity() + filter.capacity()
            }
            Self::NotSubscribed { client_identifier, filter, .. }
            | Self::NotUnsubscribed { client_identifier, filter, .. }
            | Self::RetainedCutShort { client_identifier, filter } => {
                client_identifier.capacity() + filter.capacity()
            }
            Self::Dropped { client_identifier, topic, .. }
            | Self::Missed { client_identifier, topic, .. }
            | Self::NotPublished { client_identifier, topic, .. }
            | Self::NotRetained { client_identifier, topic, .. } => {
                client_identifier.capacity() + topic.capacity()
            }
            Self::RetainedExpired { topic } | Self::ForwardDropped { topic, .. } => {
                topic.capacity()
            }
            Self::Closed { .. } | Self::OutputsDropped { .. } => 0,
        }
    }
}

/// Why a CONNECT, a message or a subscription was refused.
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
    /// It asks for something that this broker does not have or take.
    Unsupported(Unsupported),
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

/// What a broker does not have, or does not take.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unsupported {
    /// Retained messages, asked for by a Will Message:
    /// [`Config::retain_available`](crate::Config::retain_available).
    RetainedMessages,
    /// A Will Message above [`Config::maximum_qos`](crate::Config::maximum_qos).
    WillQoS,
    /// [`Config::shared_subscriptions`](crate::Config::shared_subscriptions).
    SharedSubscriptions,
    /// [`Config::wildcard_subscriptions`](crate::Config::wildcard_subscriptions).
    WildcardSubscriptions,
    /// A payload, of a Will Message too, that is declared UTF-8 and is not:
    /// [`Config::validate_payload_format`](crate::Config::validate_payload_format).
    PayloadFormat,
    /// The Session of a client that is connected, for one that is gone by now
    /// ([`Broker::handle_end_of_input`](crate::Broker::handle_end_of_input)).
    Takeover,
}

impl Unsupported {
    /// Every one, in the order of their declaration.
    pub const ALL: [Self; 6] = [
        Self::RetainedMessages,
        Self::WillQoS,
        Self::SharedSubscriptions,
        Self::WildcardSubscriptions,
        Self::PayloadFormat,
        Self::Takeover,
    ];

    /// What it is, in words.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::RetainedMessages => "retained messages",
            Self::WillQoS => "this QoS of the Will Message",
            Self::SharedSubscriptions => "shared subscriptions",
            Self::WildcardSubscriptions => "wildcards in Topic Filters",
            Self::PayloadFormat => "a payload that is declared UTF-8 and is not",
            Self::Takeover => "taking over from a client that is connected, when gone",
        }
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
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
    /// It has QoS 0, and its connection ended before the transport took it.
    ConnectionEnded,
    /// The subscriber answered PUBACK or PUBREC with a reason code of 0x80 or more.
    Refused,
    /// It came to a member of a share group that is gone, and there is no other member.
    NoMember,
    /// The host's subscription has no room for what cannot wait
    /// ([`Broker::subscribe_within`](crate::Broker::subscribe_within)); it counts as a dropped output.
    HostFull,
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
            Self::ConnectionEnded => "connection ended",
            Self::Refused => "refused by the subscriber",
            Self::NoMember => "no member of its share group is left",
            Self::HostFull => "the host has no room for it",
        })
    }
}
