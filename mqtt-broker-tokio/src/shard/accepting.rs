//! New Network Connections.

use core::task::Context;

use mqtt_broker_core::{Instant, Peer};
use tokio::net::TcpStream;

use super::{Shard, Slot};
use crate::connection::Connection;
use crate::listener::{self, Accepted};
use crate::ready::Source;
use crate::transport::Transport;

/// Connections that one listener accepts in one turn.
const BATCH: usize = 64;

impl Shard {
    /// Takes the connections that wait at a listener.
    pub(super) fn accept(&mut self, now: Instant, index: usize) {
        for _ in 0..BATCH {
            let Some(listening) = self.listeners.get_mut(index) else { return };
            let mut cx = Context::from_waker(&listening.waker);
            match listener::accept(&listening.listener, &mut cx) {
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
        self.again.push(Source::Listener(index));
    }

    fn open(&mut self, now: Instant, stream: TcpStream, peer: Peer) {
        // Every write is already as large as it can be; waiting to fill a segment only delays it.
        let _ = stream.set_nodelay(true);
        let handle = match self.parts.broker.handle_accept(now, peer) {
            Ok(handle) => handle,
            Err(error) => return tracing::debug!(%peer, %error, "connection not accepted"),
        };
        let index = handle.index();
        while self.slots.len() <= index {
            let waker = self.parts.ready.waker(Source::Connection(self.slots.len()));
            self.slots.push(Slot { waker, connection: None });
        }
        self.slots[index].connection = Some(Connection::new(handle, Transport::Tcp(stream)));
        self.open += 1;
        self.serve_connection(now, index);
    }

    /// Lets listeners that the system refused try again.
    pub(super) fn end_rest(&mut self, now: Instant) {
        if self.rested.is_none_or(|rested| now < rested) {
            return;
        }
        self.rested = None;
        for (index, listening) in self.listeners.iter_mut().enumerate() {
            if core::mem::take(&mut listening.is_resting) {
                self.again.push(Source::Listener(index));
            }
        }
    }
}
