//! New Network Connections.

use core::time::Duration;
use std::io;

use mio::net::TcpStream;
use mqtt_broker_core::{Instant, Peer};

use super::{Shard, Source};
use crate::connection::Connection;
use crate::listener::{self, Accepted};
use crate::transport::Transport;

/// Connections that one listener accepts in one turn.
const BATCH: usize = 64;

/// How often it is said that there is nothing to accept them with.
const SAID_EVERY: Duration = Duration::from_secs(30);

impl Shard {
    /// Takes the connections that wait at a listener.
    pub(super) fn accept(&mut self, now: Instant, index: usize) {
        for _ in 0..BATCH {
            let Some(listening) = self.listeners.get_mut(index) else { return };
            listening.is_listed = false;
            // The system tells of everybody who comes. One that rests is served when it has rested.
            if listening.is_resting {
                return;
            }
            match listening.listener.accept() {
                Accepted::Stream(stream, peer) => self.open(now, stream, Peer::new(peer)),
                Accepted::Nobody => return,
                Accepted::Gone => {}
                Accepted::Exhausted(error) => {
                    listening.is_resting = true;
                    self.rested = Some(now + listener::REST);
                    return self.say_exhausted(now, &error);
                }
            }
        }
        self.accept_again(index);
    }

    /// Says what the system is out of, unless it has just been said.
    fn say_exhausted(&mut self, now: Instant, error: &io::Error) {
        if self.said.is_some_and(|said| now < said + SAID_EVERY) {
            return;
        }
        self.said = Some(now);
        let open = self.open;
        tracing::warn!(
            %error, open,
            "cannot accept connections, and tries again twice a second; a higher limit on open files \
             (ulimit -n) or a lower one on connections (mqtt.connections) prevents it"
        );
    }

    /// Takes more of them in the next turn.
    fn accept_again(&mut self, index: usize) {
        if let Some(listening) = self.listeners.get_mut(index) {
            if !core::mem::replace(&mut listening.is_listed, true) {
                self.again.push(Source::Listener(index));
            }
        }
    }

    fn open(&mut self, now: Instant, mut stream: TcpStream, peer: Peer) {
        let handle = match self.parts.broker.handle_accept(now, peer) {
            Ok(handle) => handle,
            Err(error) => return tracing::debug!(%peer, %error, "connection not accepted"),
        };
        let index = handle.index();
        if let Err(error) = self.sockets.watch(&mut stream, index) {
            tracing::warn!(%peer, %error, "connection not accepted");
            return self.parts.broker.handle_eof(now, handle);
        }
        if self.slots.len() <= index {
            self.slots.resize_with(index + 1, || None);
        }
        self.slots[index] = Some(Connection::new(handle, Transport::Tcp(stream)));
        self.open += 1;
    }

    /// Lets listeners that the system refused try again.
    pub(super) fn end_rest(&mut self, now: Instant) {
        if self.rested.is_none_or(|rested| now < rested) {
            return;
        }
        self.rested = None;
        for index in 0..self.listeners.len() {
            if core::mem::take(&mut self.listeners[index].is_resting) {
                self.accept_again(index);
            }
        }
    }
}
