//! New Network Connections.

use mio::net::TcpStream;
use mqtt_broker_core::{Instant, Peer};

use super::{Shard, Source};
use crate::connection::Connection;
use crate::listener::{self, Accepted};
use crate::transport::Transport;

/// Connections that one listener accepts in one turn.
const BATCH: usize = 64;

impl Shard {
    /// Takes the connections that wait at a listener.
    pub(super) fn accept(&mut self, now: Instant, index: usize) {
        for _ in 0..BATCH {
            let Some(listening) = self.listeners.get_mut(index) else { return };
            listening.is_listed = false;
            match listening.listener.accept() {
                Accepted::Stream(stream, peer) => self.open(now, stream, Peer::new(peer)),
                Accepted::Nobody => return,
                Accepted::Gone => {}
                Accepted::Exhausted(error) => {
                    tracing::warn!(%error, "cannot accept connections; trying again shortly");
                    listening.is_resting = true;
                    self.rested = Some(now + listener::REST);
                    return;
                }
            }
        }
        self.accept_again(index);
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
