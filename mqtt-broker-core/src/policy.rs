//! The host's rules: who may connect, publish, subscribe and receive.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use mqtt_codec::{Connect, QoS, ReasonCode, SubscriptionOptions, TopicFilter, TopicName, Version};

use crate::boundary::{ConnectionHandle, Peer};
use crate::broker::Broker;
use crate::session::Session;

/// An answer to one question of a [`Policy`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Verdict {
    /// Yes.
    Allow,
    /// Yes, with Authentication Data for the client; to [`Policy::authenticate`] only, elsewhere
    /// the same as `Allow`. More than 65,535 bytes, which no packet has room for, are a denial with
    /// 0x83 Implementation specific error; so they are in a `Challenge`.
    AllowWith(Vec<u8>),
    /// Not yet: the client is sent this Authentication Data and has to answer it; to
    /// [`Policy::authenticate`] only, elsewhere a denial.
    Challenge(Vec<u8>),
    /// No, with the reason code that the client gets where its version has one:
    /// 0x87 Not authorized unless there is a better one.
    Deny(ReasonCode),
    /// No, and another server should be used: 0x9C Use another server, or 0x9D Server moved if
    /// `permanently`, with this Server Reference; to [`Policy::connect`] and
    /// [`Policy::authenticate`] only, elsewhere a denial. A 3.x client is refused as unavailable.
    Redirect {
        /// Server names, separated by spaces, as 4.11 describes.
        server_reference: String,
        /// Whether to remember it.
        permanently: bool,
    },
    /// Not known yet. The connection waits, alone; the question comes out as
    /// [`Output::Decide`](crate::Output::Decide) and is answered with
    /// [`Broker::resolve`](crate::Broker::resolve).
    Defer,
}

impl Verdict {
    /// No: 0x87 Not authorized.
    pub const DENY: Self = Self::Deny(ReasonCode::NOT_AUTHORIZED);

    /// This answer, or a denial in place of data that no packet has room for.
    pub(crate) fn sendable(self) -> Self {
        match self {
            Self::AllowWith(data) | Self::Challenge(data) if data.len() > usize::from(u16::MAX) => {
                Self::Deny(ReasonCode::IMPLEMENTATION_SPECIFIC_ERROR)
            }
            answer => answer,
        }
    }

    /// The reason code of a plain question's denial, if it is one.
    pub(crate) fn denial(&self) -> Option<ReasonCode> {
        match self {
            Self::Allow | Self::AllowWith(_) => None,
            Self::Deny(code) => Some(*code),
            Self::Challenge(_) | Self::Redirect { .. } | Self::Defer => {
                Some(ReasonCode::NOT_AUTHORIZED)
            }
        }
    }
}

/// The host's rules, asked before a thing is done. A call must not block: answer
/// [`Verdict::Defer`] instead.
///
/// Rights may change while clients are connected: the next question gets the next answer. What was
/// allowed before stays done, and is undone by name where that is wanted: a subscription by
/// [`Broker::remove_subscription`](crate::Broker::remove_subscription), a Will Message by
/// [`remove_will`](crate::Broker::remove_will), a connection by [`kick`](crate::Broker::kick), a
/// Session by [`remove_session`](crate::Broker::remove_session). With
/// [`Config::ask_deliver`](crate::Config::ask_deliver) nothing is sent that is not allowed when it
/// is sent, whatever it was subscribed to and wherever it has waited.
///
/// Every method has a default, which allows; but nobody is authenticated by a method that the host
/// does not know.
pub trait Policy {
    /// May this client connect? Asked once for each CONNECT that is well-formed.
    fn connect(&mut self, request: &ConnectRequest<'_>) -> Verdict {
        let _ = request;
        Verdict::Allow
    }

    /// What of this Authentication Data? Asked after [`connect`](Self::connect) for a CONNECT with
    /// an Authentication Method, then for each AUTH that answers a [`Verdict::Challenge`], and when
    /// a connected client authenticates again.
    fn authenticate(&mut self, request: &AuthenticateRequest<'_>) -> Verdict {
        let _ = request;
        Verdict::Deny(ReasonCode::BAD_AUTHENTICATION_METHOD)
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

    /// May this client end this subscription? Asked for each Topic Filter of an UNSUBSCRIBE of a
    /// 5.0 client, whether or not it has that subscription; a 3.x client cannot be refused.
    fn unsubscribe(&mut self, request: &UnsubscribeRequest<'_>) -> Verdict {
        let _ = request;
        Verdict::Allow
    }

    /// May this client have this message? Asked, with [`Config::ask_deliver`](crate::Config), at the
    /// moment a copy is sent, by whatever path it came: live, retained, queued, shared or a Will
    /// Message. So a right that is revoked is gone at once.
    ///
    /// If the answer is [`Verdict::Defer`], this message waits with those behind it, so that they
    /// stay in order; acknowledgements and other answers to the client go on. It asks memory for
    /// nothing but what already waits, which the limits on queues bound.
    fn deliver(&mut self, request: &DeliverRequest<'_>) -> Verdict {
        let _ = request;
        Verdict::Allow
    }
}

macro_rules! forwarded {
    ($of:ty) => {
        impl<P: Policy + ?Sized> Policy for $of {
            fn connect(&mut self, request: &ConnectRequest<'_>) -> Verdict {
                (**self).connect(request)
            }

            fn authenticate(&mut self, request: &AuthenticateRequest<'_>) -> Verdict {
                (**self).authenticate(request)
            }

            fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
                (**self).publish(request)
            }

            fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
                (**self).subscribe(request)
            }

            fn unsubscribe(&mut self, request: &UnsubscribeRequest<'_>) -> Verdict {
                (**self).unsubscribe(request)
            }

            fn deliver(&mut self, request: &DeliverRequest<'_>) -> Verdict {
                (**self).deliver(request)
            }
        }
    };
}

forwarded!(&mut P);
forwarded!(Box<P>);

/// The policy without rules: everything is allowed to everyone.
#[derive(Clone, Copy, Debug, Default)]
pub struct AllowAll;

impl Policy for AllowAll {}

/// A client that asks to connect.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct ConnectRequest<'a> {
    /// Its connection.
    pub connection: ConnectionHandle,
    /// Where it is.
    pub peer: Peer,
    /// Its whole CONNECT.
    pub connect: &'a Connect<'a>,
}

/// A client in an exchange of enhanced authentication [MQTT-4.12.0-2].
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct AuthenticateRequest<'a> {
    /// Who; its Client Identifier is empty if the broker is to assign one.
    pub client: Client<'a>,
    /// The Authentication Method, the same throughout a connection.
    pub method: &'a str,
    /// The Authentication Data; empty if there is none.
    pub data: &'a [u8],
    /// Where in the exchange this is.
    pub step: AuthenticationStep,
}

/// Where an exchange of enhanced authentication stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum AuthenticationStep {
    /// The CONNECT.
    Connect,
    /// A connected client begins again.
    Again,
    /// The answer to a challenge.
    Continue,
}

/// A client that asks something, as the broker knows it. What the policy does not ask is not looked up.
#[derive(Clone, Copy)]
pub struct Client<'a> {
    pub(crate) broker: &'a Broker,
    /// Of its connection.
    pub(crate) index: u32,
    /// Its CONNECT, as long as it has no Session.
    pub(crate) connect: Option<&'a Connect<'a>>,
}

impl<'a> Client<'a> {
    /// Its connection.
    #[must_use]
    pub fn connection(&self) -> ConnectionHandle {
        let nobody = ConnectionHandle { index: self.index, generation: 0 };
        self.broker.connections.handle(self.index).unwrap_or(nobody)
    }

    /// Its Client Identifier.
    #[must_use]
    pub fn client_identifier(&self) -> &'a str {
        match self.connect {
            Some(connect) => connect.client_identifier.as_str(),
            None => self.session().map_or("", |session| &session.client_identifier),
        }
    }

    /// The User Name it connected with.
    #[must_use]
    pub fn user_name(&self) -> Option<&'a str> {
        match self.connect {
            Some(connect) => connect.user_name.map(|name| name.as_str()),
            None => self.session().and_then(|session| session.user_name.as_deref()),
        }
    }

    /// Where it is.
    #[must_use]
    pub fn peer(&self) -> Peer {
        self.broker.connections.get(self.index).map(|found| found.peer).unwrap_or_default()
    }

    /// The version it speaks.
    #[must_use]
    pub fn version(&self) -> Version {
        let connection = self.broker.connections.get(self.index);
        let spoken = || connection.map_or(Version::V5, |connection| connection.version);
        self.connect.map_or_else(spoken, |connect| connect.version)
    }

    fn session(&self) -> Option<&'a Session> {
        self.broker.sessions.get(self.broker.connections.get(self.index)?.session)
    }
}

impl fmt::Debug for Client<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("connection", &self.connection())
            .field("client_identifier", &self.client_identifier())
            .field("user_name", &self.user_name())
            .field("peer", &self.peer())
            .field("version", &self.version())
            .finish()
    }
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

/// A message about to be sent.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct DeliverRequest<'a> {
    /// To whom.
    pub client: Client<'a>,
    /// Its Topic Name.
    pub topic: TopicName<'a>,
    /// Its payload.
    pub payload: &'a [u8],
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

/// A client that asks to unsubscribe.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct UnsubscribeRequest<'a> {
    /// Who.
    pub client: Client<'a>,
    /// From what, with its `$share/…/` prefix if it has one.
    pub filter: TopicFilter<'a>,
}
