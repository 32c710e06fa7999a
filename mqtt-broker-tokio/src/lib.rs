//! The tokio binding of [`mqtt_broker_core`]: sockets, timers and threads around the broker that
//! knows none of them.
//!
//! ```
//! use mqtt_broker_tokio::{Message, Server};
//!
//! # fn main() -> Result<(), mqtt_broker_tokio::Error> {
//! # tokio::runtime::Builder::new_current_thread().build().unwrap().block_on(async {
//! let server = Server::builder().listen("127.0.0.1:0").bind()?;
//! println!("listening on {:?}", server.local_addrs());
//! let (handle, shutdown) = (server.handle(), server.shutdown_handle());
//! let serving = server.serve(); // from here it runs, on a thread of its own
//!
//! let mut kitchen = handle.subscribe("kitchen/#").await?;
//! handle.publish(Message::new("kitchen/temperature", "21.5").with_retain(true)).await?;
//! let message = kitchen.recv().await.expect("the server runs");
//! assert_eq!((message.topic.as_str(), message.payload.as_slice()), ("kitchen/temperature", &b"21.5"[..]));
//!
//! shutdown.shutdown();
//! serving.await
//! # }) }
//! ```
//!
//! [`Server::builder`] takes addresses, a [`Config`], a [`Policy`] that says who may do what, and
//! hooks. [`serve`](Server::serve) starts one thread, which
//! owns the sockets and the broker. A program that has a runtime already, of whatever kind, keeps it
//! to itself; a program that has none needs none:
//!
//! ```no_run
//! # fn main() -> Result<(), mqtt_broker_tokio::Error> {
//! mqtt_broker_tokio::Server::builder().listen("[::]:1883").bind()?.serve().wait()
//! # }
//! ```
//!
//! # How it works
//!
//! One thread waits for every socket. Each turn of its loop reads once from each connection that has
//! something, into one buffer that all share; then each connection that has something to be sent gets
//! one write, however many messages that is. A connection that is idle has no buffer, no task and no
//! waker. A peer that reads slowly has its output kept by the broker, within the broker's limits, and
//! slows nobody else. What is kept
//! of a packet that has not come whole, and what a transport took in part only, is [counted](Buffers) and
//! bounded.
//!
//! What a program waits for is tokio's: the channels behind its handles and subscriptions, and the
//! futures of [`decide`](Builder::decide), which run in a runtime of their own. The sockets are not, since
//! a socket in tokio costs more memory than a Session: they are polled by `mio`, as tokio does below.
//! Hooks that are called on the broker's thread may use the runtime in which [`serve`](Server::serve) was
//! called, if there was one.
//!
//! What this crate does not know is MQTT: the rules are all in [`mqtt_broker_core`].

#![allow(
    clippy::std_instead_of_alloc,
    reason = "this crate has std; the lint is there for the crates without"
)]

mod blocking;
mod buffers;
mod builder;
mod calls;
mod client;
mod clock;
mod command;
mod connection;
mod decisions;
mod error;
mod handle;
mod hooks;
mod journal;
mod listener;
mod message;
mod server;
mod shard;
mod shutdown;
mod sockets;
mod store;
mod stranger;
mod subscription;
mod transport;

pub use mqtt_broker_core;
pub use mqtt_broker_core::{
    AllowAll, AuthenticateRequest, AuthenticationStep, CloseReason, Config, ConnectRequest,
    DeliverRequest, DropCause, Event, Limit, Limits, Lsn, Overrate, Peer, Policy, PublishRequest,
    QueueOverflow, RefusalCause, ReplayError, Request, Stats, SubscribeRequest, UnsubscribeRequest,
    Unsupported, Verdict,
};
pub use mqtt_codec;
pub use mqtt_codec::{
    QoS, ReasonCode, RetainHandling, SubscriptionIdentifier, SubscriptionOptions, Version,
};

pub use buffers::Buffers;
pub use builder::Builder;
pub use client::{Client, ClientSubscription, Clients, Retained, RetainedPage};
pub use error::Error;
pub use handle::{BlockingHandle, Handle};
pub use journal::LimitNeeded;
pub use message::Message;
pub use server::{Server, Serving};
pub use shutdown::ShutdownHandle;
pub use store::{Apply, Batch, FileStore, MemoryStore, Store, SyncLevel};
pub use stranger::Protocol;
pub use subscription::{OnFull, Subscribe, Subscription};
