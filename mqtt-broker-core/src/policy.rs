//! The host's rules: who may connect, publish and subscribe.

use mqtt_codec::{Connect, QoS, ReasonCode, SubscriptionOptions, TopicFilter, TopicName, Version};

use crate::boundary::Peer;

/// An answer to one question of a [`Policy`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Yes.
    Allow,
    /// No, with the reason code that the client gets where its version has one:
    /// 0x87 Not authorized unless there is a better one.
    Deny(ReasonCode),
    /// Not known yet. The connection waits, alone; the question comes out as
    /// [`Output::Decide`](crate::Output::Decide) and is answered with
    /// [`Broker::resolve`](crate::Broker::resolve).
    Defer,
}

impl Verdict {
    /// No: 0x87 Not authorized.
    pub const DENY: Self = Self::Deny(ReasonCode::NOT_AUTHORIZED);
}

/// The host's rules, asked before a thing is done. A call must not block: answer
/// [`Verdict::Defer`] instead.
///
/// Every method has a default that allows.
pub trait Policy {
    /// May this client connect? Asked once for each CONNECT that is well-formed.
    fn connect(&mut self, request: &ConnectRequest<'_>) -> Verdict {
        let _ = request;
        Verdict::Allow
    }

    /// May this client publish this? Asked for each PUBLISH, and at CONNECT for the Will Message.
    fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
        let _ = request;
        Verdict::Allow
    }

    /// May this client subscribe to this? Asked for each Topic Filter of a SUBSCRIBE.
    fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
        let _ = request;
        Verdict::Allow
    }
}

/// The policy without rules: everything is allowed to everyone.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Policy for AllowAll {}

/// A client that asks to connect.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ConnectRequest<'a> {
    /// Where it is.
    pub peer: Peer,
    /// Its whole CONNECT.
    pub connect: &'a Connect<'a>,
}

/// A connected client that asks something.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Client<'a> {
    /// Its Client Identifier.
    pub client_identifier: &'a str,
    /// The User Name it connected with.
    pub user_name: Option<&'a str>,
    /// Where it is.
    pub peer: Peer,
    /// The version it speaks.
    pub version: Version,
}

/// A client that asks to publish.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct PublishRequest<'a> {
    /// Who.
    pub client: Client<'a>,
    /// Where to.
    pub topic: TopicName<'a>,
    /// What.
    pub payload: &'a [u8],
    /// Its Quality of Service.
    pub qos: QoS,
    /// Its RETAIN flag.
    pub retain: bool,
}

/// A client that asks to subscribe.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct SubscribeRequest<'a> {
    /// Who.
    pub client: Client<'a>,
    /// To what, with its `$share/…/` prefix if it has one.
    pub filter: TopicFilter<'a>,
    /// How.
    pub options: SubscriptionOptions,
}
