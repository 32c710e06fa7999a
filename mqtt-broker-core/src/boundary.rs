//! The words that host and broker exchange: handles, what a call returns, outputs; events are in `event`.

mod event;

use core::fmt;
use core::net::SocketAddr;

use alloc::string::String;
use alloc::vec::Vec;

use mqtt_codec::{
    DecodeError, PassThrough, Properties, QoS, ReasonCode, SubscriptionIdentifier,
    SubscriptionOptions, TopicName, Version,
};

use crate::policy::AuthenticationStep;
use crate::time::Instant;

pub use self::event::{DropCause, Event, RefusalCause, Unsupported};

/// Names one Network Connection from its [`handle_accept`](crate::Broker::handle_accept) to its
/// [`handle_eof`](crate::Broker::handle_eof).
///
/// Slots are used again, generations are not: a handle kept too long names nothing and every call
/// with it is harmless. It means nothing to another [`Broker`](crate::Broker), which may take it for
/// one of its own: a host with several keeps apart whose it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ConnectionHandle {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

impl ConnectionHandle {
    /// The slot: below [`Limits::connections`](crate::Limits), unique among open connections, and
    /// small, so that a host can keep its sockets in a vector.
    #[must_use]
    pub const fn index(self) -> usize {
        self.index as usize
    }
}

/// Names one subscription of the host itself, from [`subscribe`](crate::Broker::subscribe) to
/// [`unsubscribe`](crate::Broker::unsubscribe).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LocalSubscription {
    pub(crate) index: u32,
    pub(crate) generation: u32,
}

/// Names one question that a [`Policy`](crate::Policy) put off; answered once with
/// [`resolve`](crate::Broker::resolve).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Ticket(pub(crate) u64);

/// One of the brokers that are joined to be one: its number, from 0 on. See
/// [`Config::shards`](crate::Config::shards).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Shard(pub u16);

impl Shard {
    /// The shard that the Session of this Client Identifier lives on, among so many: the host
    /// brings its connections there. The same on every machine. One that leaves its Client
    /// Identifier to the broker may connect to any.
    #[must_use]
    pub fn of(client_identifier: &str, shards: u16) -> Self {
        // FNV-1a, then the high bits: nothing is gained by clients that meet on a shard.
        let hash = client_identifier.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        let spread = (hash ^ (hash >> 29)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
        let place = (spread * u64::from(shards)) >> 32;
        Self(u16::try_from(place).unwrap_or(0))
    }
}

impl fmt::Display for Shard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Log sequence number: the place of a [`Record`](crate::Record) in the journal. They grow by at
/// least one from record to record and are never used again.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Lsn(pub u64);

/// Who is at the other end of a Network Connection, as far as the host knows.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Peer {
    /// The remote address; `None` for a transport that has none (a pipe, a serial line).
    pub address: Option<SocketAddr>,
}

impl Peer {
    /// A peer with an address.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self { address: Some(address) }
    }

    /// Whether the peer is this machine: a loopback address. A transport without addresses is not.
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        match self.address {
            Some(address) => address.ip().to_canonical().is_loopback(),
            None => false,
        }
    }
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.address {
            Some(address) => write!(f, "{address}"),
            None => f.write_str("-"),
        }
    }
}

/// What [`handle_input`](crate::Broker::handle_input) made of the bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Received {
    /// Bytes the broker is done with. The host drops these and keeps the rest, in front of what it
    /// reads next.
    pub consumed: usize,
    /// How many bytes, counted from the first unconsumed one, the host must be able to hold before
    /// the next call can make progress; 0 if nothing is unconsumed. Never more than the limit on
    /// packets. While `waiting`: how many of them are the packet that waits for a verdict, 0 if it
    /// waits for something else.
    pub needed: usize,
    /// The broker takes no more input from this connection until
    /// [`Output::Resume`]: stop reading, keep the unconsumed bytes, and offer them again then.
    ///
    /// The transport may end meanwhile, and to see that a host reads on, a little. If the client
    /// has said nothing after the packet that waits (no more than `needed` bytes are unconsumed),
    /// it is gone, and `handle_eof` is due at once. If it has, that may be its goodbye: it is
    /// offered after `Resume`, following
    /// [`handle_end_of_input`](crate::Broker::handle_end_of_input), and `handle_eof` comes after that.
    pub waiting: bool,
}

/// Bytes for one write, from [`poll_transmit`](crate::Broker::poll_transmit): `buffer[..len]`
/// followed by `payload`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Transmit<'a> {
    /// How many bytes of the host's buffer were filled.
    pub len: usize,
    /// Bytes to send after those, lent by the broker until its next `&mut` call; often empty.
    pub payload: &'a [u8],
}

/// What the broker wants of the host, from [`poll_output`](crate::Broker::poll_output).
///
/// It may name a connection that has ended since: what was queued before its
/// [`handle_eof`](crate::Broker::handle_eof) still comes out, and is to be ignored.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Output<'a> {
    /// This connection went from nothing to something to send. Call
    /// [`poll_transmit`](crate::Broker::poll_transmit) until it returns `None`, now or when the
    /// transport can take more; there is no second notice before it has.
    Transmit(ConnectionHandle),
    /// Send what [`poll_transmit`](crate::Broker::poll_transmit) still gives, then close the
    /// Network Connection and call [`handle_eof`](crate::Broker::handle_eof) for it.
    Close(ConnectionHandle, CloseReason),
    /// Input is welcome again on a connection that was [`waiting`](Received::waiting).
    Resume(ConnectionHandle),
    /// A policy deferred this question; answer with [`resolve`](crate::Broker::resolve).
    Decide(Ticket, ConnectionHandle, Request),
    /// An Application Message for one of the host's own subscriptions.
    Message(LocalSubscription, Message<'a>),
    /// The [snapshot](crate::Broker::snapshot) that begins with this record is durable as a whole:
    /// every record before it may be deleted, and a replay begins with it.
    Snapshot(Lsn),
    /// There is something to say to this peer: call [`poll_forward`](crate::Broker::poll_forward)
    /// until it returns `None`, now or when the link can take more; there is no second notice before
    /// it has.
    Forward(Shard),
    /// Something happened that a log, a metric or a hook may want. Only with
    /// [`Config::events`](crate::Config::events).
    Event(Event),
}

/// An Application Message that the host publishes.
#[derive(Clone, Copy, Debug)]
pub struct ApplicationMessage<'a> {
    /// Where to.
    pub topic: TopicName<'a>,
    /// The content, of any form; at most what the packet limit leaves.
    pub payload: &'a [u8],
    /// The Quality of Service it is delivered with at most.
    pub qos: QoS,
    /// Keep it for later subscribers; with an empty payload, forget what is kept.
    pub retain: bool,
    /// Message Expiry Interval and the properties that travel with a message. Others are refused.
    pub properties: Properties<'a>,
}

impl<'a> ApplicationMessage<'a> {
    /// A message of QoS 0, not retained, without properties.
    #[must_use]
    pub const fn new(topic: TopicName<'a>, payload: &'a [u8]) -> Self {
        let properties = Properties::EMPTY;
        Self { topic, payload, qos: QoS::AtMostOnce, retain: false, properties }
    }
}

/// An Application Message on its way to the host, lent by the broker.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Message<'a> {
    /// The Topic Name it was published to.
    pub topic: TopicName<'a>,
    /// The content.
    pub payload: &'a [u8],
    /// The Quality of Service: the publisher's, limited by the subscription's.
    pub qos: QoS,
    /// It is a retained message sent because of a new subscription (or the subscription asked for
    /// the publisher's flag with Retain As Published).
    pub retain: bool,
    /// Seconds it has left, if it expires.
    pub message_expiry_interval: Option<u32>,
    /// Payload format, content type, response topic, correlation data, user properties.
    pub pass_through: PassThrough<'a>,
    /// The identifier of the subscription, if it has one.
    pub subscription_identifier: Option<SubscriptionIdentifier>,
}

/// The question behind a deferred [`Verdict`](crate::Verdict), with its own copy of what the
/// decision needs.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Request {
    /// May this client connect?
    #[non_exhaustive]
    Connect {
        /// Who asks.
        peer: Peer,
        /// The Client Identifier; empty if the broker is to assign one.
        client_identifier: String,
        /// The User Name, if one was given.
        user_name: Option<String>,
        /// The Password, if one was given.
        password: Option<Vec<u8>>,
    },
    /// What of this Authentication Data?
    #[non_exhaustive]
    Authenticate {
        /// The Client Identifier; empty if the broker is to assign one.
        client_identifier: String,
        /// The User Name that the client connected with, if it gave one.
        user_name: Option<String>,
        /// Where it is.
        peer: Peer,
        /// The Authentication Method.
        method: String,
        /// The Authentication Data.
        data: Vec<u8>,
        /// Where in the exchange this is.
        step: AuthenticationStep,
    },
    /// May this client publish this?
    #[non_exhaustive]
    Publish {
        /// The Client Identifier.
        client_identifier: String,
        /// The User Name that the client connected with, if it gave one.
        user_name: Option<String>,
        /// Where it is.
        peer: Peer,
        /// The Topic Name.
        topic: String,
        /// Its Quality of Service.
        qos: QoS,
        /// Its RETAIN flag.
        retain: bool,
    },
    /// May this client subscribe to this?
    #[non_exhaustive]
    Subscribe {
        /// The Client Identifier.
        client_identifier: String,
        /// The User Name that the client connected with, if it gave one.
        user_name: Option<String>,
        /// Where it is.
        peer: Peer,
        /// The Topic Filter, with its `$share/…/` prefix if it has one.
        filter: String,
        /// What it asks for.
        options: SubscriptionOptions,
    },
    /// May this client unsubscribe from this?
    #[non_exhaustive]
    Unsubscribe {
        /// The Client Identifier.
        client_identifier: String,
        /// The User Name that the client connected with, if it gave one.
        user_name: Option<String>,
        /// Where it is.
        peer: Peer,
        /// The Topic Filter, with its `$share/…/` prefix if it has one.
        filter: String,
    },
    /// May this client have this message?
    #[non_exhaustive]
    Deliver {
        /// The Client Identifier.
        client_identifier: String,
        /// The User Name that the client connected with, if it gave one.
        user_name: Option<String>,
        /// Where it is.
        peer: Peer,
        /// The Topic Name.
        topic: String,
    },
}

impl Request {
    /// The bytes of its own copies.
    pub(crate) fn heap(&self) -> usize {
        let (client_identifier, user_name, more) = match self {
            Self::Connect { client_identifier, user_name, password, .. } => {
                (client_identifier, user_name, password.as_ref().map_or(0, Vec::capacity))
            }
            Self::Authenticate { client_identifier, user_name, method, data, .. } => {
                (client_identifier, user_name, method.capacity() + data.capacity())
            }
            Self::Publish { client_identifier, user_name, topic, .. }
            | Self::Deliver { client_identifier, user_name, topic, .. } => {
                (client_identifier, user_name, topic.capacity())
            }
            Self::Subscribe { client_identifier, user_name, filter, .. }
            | Self::Unsubscribe { client_identifier, user_name, filter, .. } => {
                (client_identifier, user_name, filter.capacity())
            }
        };
        client_identifier.capacity() + user_name.as_ref().map_or(0, String::capacity) + more
    }
}

/// Why a Network Connection ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum CloseReason {
    /// The client sent DISCONNECT, with this reason code.
    Disconnected(ReasonCode),
    /// The transport ended without a DISCONNECT.
    ConnectionLost,
    /// The CONNECT was refused with this reason code.
    Refused(ReasonCode),
    /// A packet that breaks the form of the standard.
    Malformed(DecodeError),
    /// A packet that was well-formed and against the rules, named by the text.
    Violation(ReasonCode, &'static str),
    /// Nothing came for one and a half times the Keep Alive.
    KeepAliveTimeout,
    /// No CONNECT came in time.
    ConnectTimeout,
    /// A newer connection uses the same Client Identifier.
    TakenOver,
    /// The host asked for it, with this reason code.
    Kicked(ReasonCode),
    /// The client tried to authenticate again and failed, with this reason code.
    NotAuthenticated(ReasonCode),
    /// The broker is shutting down.
    ShuttingDown,
}

impl CloseReason {
    /// The reason code that goes, or would go, to a 5.0 client in CONNACK or DISCONNECT.
    #[must_use]
    pub fn reason_code(self) -> ReasonCode {
        match self {
            Self::Disconnected(code)
            | Self::Refused(code)
            | Self::Violation(code, _)
            | Self::Kicked(code)
            | Self::NotAuthenticated(code) => code,
            Self::ConnectionLost => ReasonCode::UNSPECIFIED_ERROR,
            Self::Malformed(error) => error.reason_code(),
            Self::KeepAliveTimeout => ReasonCode::KEEP_ALIVE_TIMEOUT,
            Self::ConnectTimeout => ReasonCode::MAXIMUM_CONNECT_TIME,
            Self::TakenOver => ReasonCode::SESSION_TAKEN_OVER,
            Self::ShuttingDown => ReasonCode::SERVER_SHUTTING_DOWN,
        }
    }
}

impl fmt::Display for CloseReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Disconnected(code) => write!(f, "client disconnected ({code})"),
            Self::ConnectionLost => f.write_str("connection lost without DISCONNECT"),
            Self::Refused(code) => write!(f, "refused ({code})"),
            Self::Malformed(error) => write!(f, "malformed packet: {error}"),
            Self::Violation(code, rule) => write!(f, "protocol violation: {rule} ({code})"),
            Self::KeepAliveTimeout => f.write_str("keep alive timeout"),
            Self::ConnectTimeout => f.write_str("no CONNECT in time"),
            Self::TakenOver => f.write_str("session taken over by a newer connection"),
            Self::Kicked(code) => write!(f, "disconnected by the host ({code})"),
            Self::NotAuthenticated(code) => write!(f, "authentication failed ({code})"),
            Self::ShuttingDown => f.write_str("server shutting down"),
        }
    }
}

/// One Session, as a console shows it; from [`Broker::sessions`](crate::Broker::sessions).
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SessionView<'a> {
    /// Its place among the Sessions, as long as it lasts: for
    /// [`sessions_from`](crate::Broker::sessions_from).
    pub place: u32,
    /// The Client Identifier.
    pub client_identifier: &'a str,
    /// Its Network Connection, while it has one.
    pub connection: Option<ConnectionHandle>,
    /// Where the client is, while connected.
    pub peer: Option<Peer>,
    /// The version it speaks or last spoke.
    pub version: Version,
    /// The User Name it connected with.
    pub user_name: Option<&'a str>,
    /// When it connected, while connected.
    pub connected_at: Option<Instant>,
    /// Keep Alive in seconds as in force; 0 is none.
    pub keep_alive: u16,
    /// How many seconds the Session outlives its connection; `u32::MAX` is for ever.
    pub session_expiry_interval: u32,
    /// How many subscriptions it has.
    pub subscriptions: u32,
    /// Messages waiting to be sent.
    pub queued: u32,
    /// Messages sent and not yet acknowledged.
    pub in_flight: u32,
}

/// The host's own mistakes, and "full".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Error {
    /// A limit is reached; the name is that of the field of [`Limits`](crate::Limits) or
    /// [`Config`](crate::Config).
    Full(&'static str),
    /// The message has a property that a host cannot publish.
    Property,
    /// The message is larger than any packet may be.
    TooLarge,
    /// The filter is a shared subscription, which a host does not have.
    SharedFilter,
    /// This broker has no such peer.
    Peer,
    /// The bytes are no frame of a peer, as the text says: end the link.
    Frame(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Full(name) => write!(f, "the limit `{name}` is reached"),
            Self::Property => f.write_str("a property that does not travel with a message"),
            Self::TooLarge => f.write_str("message larger than the Maximum Packet Size"),
            Self::SharedFilter => f.write_str("a host's subscription cannot be shared"),
            Self::Peer => f.write_str("no peer of this broker"),
            Self::Frame(what) => write!(f, "not a frame of a peer: {what}"),
        }
    }
}

impl core::error::Error for Error {}
