//! A complete MQTT 3.1, 3.1.1 and 5.0 broker as a pure state machine: no sockets, no clock, no
//! threads, no randomness, no async runtime; `no_std` with `alloc`, on a machine with atomic
//! compare-and-swap (a Cortex-M3 and up, not a Cortex-M0).
//!
//! The host owns the transports, the time and the rules. It tells the [`Broker`] what came in and
//! what time it is, and the broker tells it what to send, when to wake up and what happened:
//!
//! - `handle_*`: the network and the clock speak to the broker;
//! - `poll_*`: the broker speaks to its host, each until it returns `None`;
//! - plain verbs ([`publish`](Broker::publish), [`subscribe`](Broker::subscribe),
//!   [`kick`](Broker::kick), …): the host's own wishes.
//!
//! # The host's loop
//!
//! One turn is: (1) give the broker what was read, (2) act on its outputs, (3) write what it has
//! for each connection, (4) sleep until a socket is ready or the time of the next deadline. This is
//! all of it, over non-blocking sockets; a real host sleeps in its poller instead:
//!
//! ```no_run
//! use std::io::{ErrorKind, Read, Write};
//! use std::net::{TcpListener, TcpStream};
//! use std::time::SystemTime;
//!
//! use mqtt_broker_core::{AllowAll, Broker, Config, ConnectionHandle, Instant, Output, Peer};
//!
//! struct Socket {
//!     handle: ConnectionHandle,
//!     stream: TcpStream,
//!     /// Read and not consumed yet.
//!     input: Vec<u8>,
//!     /// Taken from the broker and not written yet.
//!     output: Vec<u8>,
//!     /// Not read from until `Output::Resume`.
//!     waiting: bool,
//!     /// Ends when `output` is written.
//!     closing: bool,
//!     /// Ends now: there is nobody to write to.
//!     gone: bool,
//! }
//!
//! /// `None`: it ended before this was said of it.
//! fn find(sockets: &mut [Socket], handle: ConnectionHandle) -> Option<&mut Socket> {
//!     sockets.iter_mut().find(|socket| socket.handle == handle)
//! }
//!
//! fn main() -> std::io::Result<()> {
//!     let listener = TcpListener::bind("127.0.0.1:1883")?;
//!     listener.set_nonblocking(true)?;
//!     // The system's clock may step, so it is asked once and carried on by one that does not.
//!     let epoch = SystemTime::UNIX_EPOCH.elapsed().unwrap_or_default();
//!     let started = std::time::Instant::now();
//!     let now = || Instant(0) + (epoch + started.elapsed());
//!     let mut broker = Broker::new(Config::default());
//!     let mut policy = AllowAll;
//!     let mut sockets: Vec<Socket> = Vec::new();
//!     let mut buffer = vec![0; 64 * 1024];
//!     loop {
//!         // 1. What came in.
//!         while let Ok((stream, address)) = listener.accept() {
//!             stream.set_nonblocking(true)?;
//!             if let Ok(handle) = broker.handle_accept(now(), Peer::new(address)) {
//!                 let (input, output) = (Vec::new(), Vec::new());
//!                 let (waiting, closing, gone) = (false, false, false);
//!                 sockets.push(Socket { handle, stream, input, output, waiting, closing, gone });
//!             }
//!         }
//!         sockets.retain_mut(|socket| {
//!             if !socket.waiting {
//!                 match socket.stream.read(&mut buffer) {
//!                     Ok(0) => socket.closing = true,
//!                     Ok(len) => socket.input.extend_from_slice(&buffer[..len]),
//!                     Err(error) => socket.gone |= error.kind() != ErrorKind::WouldBlock,
//!                 }
//!                 let received =
//!                     broker.handle_input(now(), socket.handle, &socket.input, &mut policy);
//!                 socket.input.drain(..received.consumed);
//!                 socket.waiting = received.waiting;
//!             }
//!             if socket.gone || socket.closing && socket.output.is_empty() {
//!                 broker.handle_eof(now(), socket.handle);
//!                 return false;
//!             }
//!             true
//!         });
//!         broker.handle_timeout(now());
//!         // 2. What the broker wants.
//!         while let Some(output) = broker.poll_output() {
//!             match output {
//!                 Output::Close(handle, _reason) => {
//!                     if let Some(socket) = find(&mut sockets, handle) {
//!                         socket.closing = true;
//!                     }
//!                 }
//!                 Output::Resume(handle) => {
//!                     if let Some(socket) = find(&mut sockets, handle) {
//!                         socket.waiting = false;
//!                     }
//!                 }
//!                 Output::Event(event) => println!("{event:?}"),
//!                 _ => {} // this host looks at every connection below, and defers no verdict
//!             }
//!         }
//!         // 3. What it has to send. What the transport does not take stays in the broker, which
//!         // bounds it.
//!         for socket in &mut sockets {
//!             while !socket.gone {
//!                 if socket.output.is_empty() {
//!                     let Some(transmit) =
//!                         broker.poll_transmit(now(), socket.handle, &mut buffer, &mut policy)
//!                     else {
//!                         break;
//!                     };
//!                     let (len, payload) = (transmit.len, transmit.payload);
//!                     socket.output.extend_from_slice(&buffer[..len]);
//!                     socket.output.extend_from_slice(payload);
//!                 }
//!                 match socket.stream.write(&socket.output) {
//!                     Ok(len) => drop(socket.output.drain(..len)),
//!                     Err(error) if error.kind() == ErrorKind::WouldBlock => break,
//!                     Err(_) => socket.gone = true,
//!                 }
//!             }
//!         }
//!         // 4. Sleep: here a little, in a real host until a socket or `broker.poll_timeout()`.
//!         std::thread::sleep(std::time::Duration::from_millis(1));
//!     }
//! }
//! ```
//!
//! A host that writes well polls a connection for bytes only after [`Output::Transmit`] has named
//! it and only as long as the transport takes them: what is not polled stays in the broker, as
//! small entries that share their publication, bounded by the [`Limits`]. And it gives a connection
//! that is closing some seconds: a client that never reads would keep it for ever.
//!
//! # The same, asynchronous
//!
//! With the feature `embedded-io-async` (`no_std`, for embassy and bare metal) or `futures`
//! (`AsyncRead` and `AsyncWrite`, for smol and others), `Driver` runs this loop over somebody
//! else's I/O and timers.
//!
//! # What can be relied on
//!
//! 1. The same calls with the same arguments give the same outputs, byte for byte.
//! 2. The broker keeps no read buffer and no write buffer: an idle connection costs its entry.
//! 3. Any number of `handle_*` calls may come before the outputs are drained.
//!    [`Output::Transmit`] is edge-triggered: a burst for one subscriber is one output.
//! 4. A stale [`ConnectionHandle`] is harmless. Each accept is ended by exactly one
//!    [`handle_eof`](Broker::handle_eof), also after [`Output::Close`].
//! 5. A connection that has to wait says so in [`Received::waiting`] and is named in
//!    [`Output::Resume`] when it need not any more. Nobody else waits.
//! 6. A bad peer is an event, never an `Err`: [`Error`] is for the host's own mistakes and for
//!    "full".
//! 7. Nothing that a peer sends makes it panic, recurse or do unbounded work.
//! 8. Everything that others can make grow has a limit in [`Config`], with its answer on the wire
//!    and its counter in [`Stats`].
//!
//! # Durability
//!
//! With [`Config::journal`], state changes come out of [`poll_journal`](Broker::poll_journal), and
//! whatever acknowledges them is held back until the host has said
//! [`durable`](Broker::durable). QoS 0 and PINGRESP wait for nothing.
//!
//! # Features
//!
//! None is on by default: a broker on a microcontroller has no store and is alone, and saves the code.
//!
//! - `journal`: [`Config::journal`]. Without it there is nothing to poll, and nothing waits.
//! - `peers`: [`Config::shards`] and [`Config::shard`]. Without it every broker is alone.
//! - `recording`: a recording of every call, and its playback; with both of the above.
//! - `embedded-io-async`, `futures`: the driver.
//! - `planted-defects`: for this repository's own tests, which look whether they find a defect. Nobody
//!   else turns it on.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(all(feature = "journal", feature = "peers")),
    allow(
        dead_code,
        unused_imports,
        reason = "what is left out does not use what is there for it"
    )
)]
#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used))]

extern crate alloc;

mod boundary;
mod broker;
mod config;
mod connection;
mod defect;
#[cfg(any(feature = "embedded-io-async", feature = "futures"))]
mod driver;
mod journal;
mod output;
mod peers;
mod policy;
mod publication;
mod recording;
mod retained;
mod routing;
mod session;
mod store;
mod subscription;
mod time;
mod timers;
mod topic_tree;

pub use mqtt_codec as codec;

pub use self::boundary::{
    ApplicationMessage, CloseReason, ConnectionHandle, DropCause, Error, Event, LocalSubscription,
    Lsn, Message, Output, Peer, Received, RefusalCause, Request, SessionView, Shard, Ticket,
    Transmit, Unsupported,
};
pub use self::broker::{Broker, Replay, ReplayCause, ReplayError};
pub use self::config::{Config, Limit, Limits, Overrate, QueueOverflow, Reached, Stats};
#[cfg(feature = "planted-defects")]
#[doc(hidden)]
pub use self::defect::Defect;
#[cfg(any(feature = "embedded-io-async", feature = "futures"))]
pub use self::driver::{Driver, Host};
pub use self::journal::{Record, Records, Stored};
pub use self::policy::{
    AllowAll, AuthenticateRequest, AuthenticationStep, Client, ConnectRequest, DeliverRequest,
    Policy, PublishRequest, SubscribeRequest, UnsubscribeRequest, Verdict,
};
#[cfg(feature = "recording")]
pub use self::recording::{PlaybackError, Played, Step, play};
pub use self::time::{Duration, Instant};
