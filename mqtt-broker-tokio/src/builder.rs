//! How a server is put together.

use core::fmt;
use core::future::Future;
use core::hash::{BuildHasher, Hasher};
use core::time::Duration;
use std::hash::RandomState;
#[cfg(feature = "recording")]
use std::io;
use std::sync::Arc;

use mqtt_broker_core::{AllowAll, Broker, Config, Event, Policy, Request, Verdict};

use tokio::sync::mpsc;

use crate::buffers::Account;
use crate::clock::Clock;
use crate::command;
use crate::error::Error;
use crate::hooks::Hooks;
use crate::journal::Recovered;
use crate::listener;
use crate::server::Server;
use crate::shard::Parts;
use crate::store::Store;
use crate::stranger::Protocol;

/// Puts a [`Server`] together; from [`Server::builder`].
pub struct Builder {
    addresses: Vec<String>,
    config: Config,
    hooks: Hooks,
    store: Option<Box<dyn Store>>,
    shutdown_grace: Duration,
    #[cfg(feature = "recording")]
    recording: u64,
}

impl Builder {
    pub(crate) fn new() -> Self {
        Self {
            addresses: Vec::new(),
            config: Config::default(),
            hooks: Hooks {
                policy: Box::new(AllowAll),
                events: None,
                strangers: None,
                decide: None,
                #[cfg(feature = "recording")]
                recording: None,
            },
            store: None,
            shutdown_grace: Duration::from_secs(3),
            #[cfg(feature = "recording")]
            recording: 0,
        }
    }

    /// Listens for TCP connections on this address and port, such as `"0.0.0.0:1883"`,
    /// `"[::]:1883"` or a `SocketAddr`; repeat it for more. A name stands for all its addresses, port
    /// 0 for one that is free: [`Server::local_addrs`] tells which. `[::]` takes IPv4 as well unless
    /// `0.0.0.0` with the same port is asked for too.
    ///
    /// Without any the broker serves the program alone.
    #[must_use]
    pub fn listen(mut self, address: impl fmt::Display) -> Self {
        self.addresses.push(address.to_string());
        self
    }

    /// The broker's configuration. This binding fills in `seed` if it is 0 and turns `events` off
    /// without [`events`](Self::events) and [`strangers`](Self::strangers). `journal` is on with a [`store`](Self::store) and off
    /// without, and `recording` is what `record` says (feature `recording`).
    ///
    /// What connections hold outside the broker, parts of packets and output that is not taken, may be an
    /// eighth of [`Limits::memory`](crate::Limits::memory) on top of it: a connection that would make it
    /// more is ended, unless another has left a part of a packet and does not go on, see [`Buffers`](crate::Buffers).
    #[must_use]
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Who may connect, publish and subscribe; without it everyone may everything. It is called on
    /// the broker's thread, between packets: it must not block. What takes time is for
    /// [`decide`](Self::decide). A [`BlockingHandle`](crate::BlockingHandle) would wait there for the
    /// thread that it holds up, for ever; [`Handle::try_publish`](crate::Handle::try_publish) does not
    /// wait.
    #[must_use]
    pub fn policy(mut self, policy: impl Policy + Send + 'static) -> Self {
        self.hooks.policy = Box::new(policy);
        self
    }

    /// Answers what the policy [defers](Verdict::Defer), for example from a database. While it takes
    /// its time only that connection waits. It is called on a thread of its own, in a current-thread
    /// tokio runtime with all that tokio was built with (sockets, timers), and so are the futures: one
    /// that blocks holds up the other decisions, though not the broker.
    ///
    /// Without it, what is deferred is denied. So it is if the call or its future panics, and if there is
    /// no answer within [`Config::decision_timeout`]. A shutdown drops the futures that are not done.
    ///
    /// ```
    /// use mqtt_broker_tokio::{
    ///     ConnectRequest, Policy, PublishRequest, ReasonCode, Request, Server, Verdict,
    /// };
    ///
    /// /// Each user has a Password, and publishes below its own name.
    /// struct Users;
    ///
    /// impl Policy for Users {
    ///     fn connect(&mut self, _: &ConnectRequest<'_>) -> Verdict {
    ///         Verdict::Defer
    ///     }
    ///
    ///     fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
    ///         let user = request.client.user_name().unwrap_or_default();
    ///         let below = request.topic.as_str().strip_prefix(user);
    ///         match below.is_some_and(|below| below.starts_with('/')) {
    ///             true => Verdict::Allow,
    ///             false => Verdict::DENY,
    ///         }
    ///     }
    /// }
    ///
    /// async fn is_known(user: &str, password: &[u8]) -> bool {
    ///     // Here a database is asked.
    ///     # !user.is_empty() && password == b"secret"
    /// }
    ///
    /// async fn decide(request: Request) -> Verdict {
    ///     match request {
    ///         Request::Connect { user_name: Some(user), password: Some(password), .. }
    ///             if is_known(&user, &password).await =>
    ///         {
    ///             Verdict::Allow
    ///         }
    ///         _ => Verdict::Deny(ReasonCode::BAD_USER_NAME_OR_PASSWORD),
    ///     }
    /// }
    ///
    /// let builder = Server::builder().policy(Users).decide(decide);
    /// ```
    #[must_use]
    pub fn decide<F>(mut self, mut decide: impl FnMut(Request) -> F + Send + 'static) -> Self
    where
        F: Future<Output = Verdict> + Send + 'static,
    {
        self.hooks.decide = Some(Box::new(move |request| Box::pin(decide(request))));
        self
    }

    /// Hears of everything that happens, for logs and metrics. It is called on the broker's thread
    /// and must not block; as for a [`policy`](Self::policy), a
    /// [`BlockingHandle`](crate::BlockingHandle) would wait there for ever.
    #[must_use]
    pub fn events(mut self, events: impl FnMut(&Event) + Send + 'static) -> Self {
        self.hooks.events = Some(Box::new(events));
        self
    }

    /// Hears of those who are turned away ([`Refused`](Event::Refused), [`Closed`](Event::Closed)) and spoke
    /// another protocol than MQTT, as far as what was read first shows; [`events`](Self::events) does not
    /// hear of these then. They have mistaken the port, and a log can tell them so. What is said of
    /// `events` is true of it, too.
    #[must_use]
    pub fn strangers(mut self, strangers: impl FnMut(&Event, Protocol) + Send + 'static) -> Self {
        self.hooks.strangers = Some(Box::new(strangers));
        self
    }

    /// Writes down all that happens, up to `limit` bytes, for
    /// [`play`](mqtt_broker_core::play): a tool to find out what went wrong. It holds what clients
    /// sent, passwords too. `sink` is written to on the broker's thread once a turn, so a slow one
    /// slows the broker; when it fails, that is
    /// logged, the recording ends there, and the broker goes on.
    #[cfg(feature = "recording")]
    #[must_use]
    pub fn record(mut self, limit: u64, sink: impl io::Write + Send + 'static) -> Self {
        self.recording = limit;
        self.hooks.recording = Some(Box::new(sink));
        self
    }

    /// Keeps what lasts (Sessions, retained messages, Will Messages) over a restart, and promises
    /// nothing to a client before it is kept. Without it, the broker begins with nothing.
    #[must_use]
    pub fn store(mut self, store: impl Store) -> Self {
        self.store = Some(Box::new(store));
        self
    }

    /// How long a shutdown may take for what is still to be sent. Default 3 seconds.
    #[must_use]
    pub fn shutdown_grace(mut self, grace: Duration) -> Self {
        self.shutdown_grace = grace;
        self
    }

    /// Binds the addresses, and reads what the [store](Self::store) keeps. From here on clients can
    /// reach them; they are served by [`Server::serve`].
    ///
    /// # Errors
    ///
    /// [Bind](Error::is_bind), naming the address that cannot be listened on;
    /// [store](Error::is_store), if what it keeps cannot be read; if that is for a limit that is too low,
    /// [`Error::limits_needed`] says what is needed.
    pub fn bind(mut self) -> Result<Server, Error> {
        let listeners = listener::bind(&self.addresses)?;
        if self.config.seed == 0 {
            self.config.seed = entropy();
        }
        self.config.events &= self.hooks.events.is_some() || self.hooks.strangers.is_some();
        self.config.journal = self.store.is_some();
        #[cfg(feature = "recording")]
        {
            self.config.recording = self.recording;
        }
        let most_buffered = Account::most(&self.config);
        let clock = Clock::start();
        let (broker, recovered) = match self.store {
            None => (Broker::new(self.config), None),
            Some(store) => {
                let (broker, recovered) = Recovered::from(store, &self.config, || clock.now())?;
                (broker, Some(recovered))
            }
        };
        let (command_sender, commands) = mpsc::channel(command::CAPACITY);
        let parts = Parts {
            broker,
            clock,
            recovered,
            hooks: self.hooks,
            most_buffered,
            shutdown_grace: self.shutdown_grace,
            calls: Arc::default(),
            commands,
            command_sender,
        };
        Ok(Server::new(listeners, parts))
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("addresses", &self.addresses)
            .field("config", &self.config)
            .field("shutdown_grace", &self.shutdown_grace)
            .finish_non_exhaustive()
    }
}

/// A number that nobody else can know, never 0: the standard library's hash keys come from the
/// system.
fn entropy() -> u64 {
    RandomState::new().build_hasher().finish().max(1)
}
