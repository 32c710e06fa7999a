//! [`Link`]: one Network Connection between a client and a node, as bytes under way.

use std::collections::VecDeque;

use mqtt_broker_core::{ConnectionHandle, Instant};

use crate::node::NodeId;

/// Names a link; never used again.
pub type LinkId = u32;

/// One Network Connection.
#[derive(Debug)]
pub struct Link {
    /// Whose it is.
    pub client: usize,
    /// The node it leads to.
    pub node: NodeId,
    /// Its name in the broker, until the broker was told that it ended.
    pub handle: Option<ConnectionHandle>,
    /// From the client to the broker.
    pub up: Pipe,
    /// From the broker to the client.
    pub down: Pipe,
    /// Bytes that arrived at the host and that the broker has not consumed.
    pub unread: Vec<u8>,
    /// The broker takes no input at present.
    pub waiting: bool,
    /// The broker has something to send.
    pub ready: bool,
    /// The broker asked to close: once all is sent, and everything sent is under way.
    pub closing: bool,
    /// The client has turned its back on it.
    pub abandoned: bool,
    /// Bytes given by the broker that are not a whole packet yet, and when the first of them came.
    pub given: Vec<u8>,
    /// When the first byte of `given` came.
    pub given_at: Instant,
}

impl Link {
    /// A link that has just been opened.
    #[must_use]
    pub fn new(client: usize, node: NodeId, capacity: usize) -> Self {
        Self {
            client,
            node,
            handle: None,
            up: Pipe::new(usize::MAX),
            down: Pipe::new(capacity),
            unread: Vec::new(),
            waiting: false,
            ready: false,
            closing: false,
            abandoned: false,
            given: Vec::new(),
            given_at: Instant::default(),
        }
    }
}

/// Bytes under way in one direction: they arrive in order, in pieces.
#[derive(Debug)]
pub struct Pipe {
    pieces: VecDeque<Piece>,
    bytes: usize,
    capacity: usize,
    last: Instant,
    /// Nothing arrives before.
    pub stalled_until: Instant,
    /// Nothing arrives any more.
    pub is_cut: bool,
}

#[derive(Debug)]
struct Piece {
    at: Instant,
    what: Arrival,
}

/// What comes out of a pipe.
#[derive(Debug, PartialEq, Eq)]
pub enum Arrival {
    /// These bytes.
    Bytes(Vec<u8>),
    /// The end: no byte comes after it.
    End,
}

impl Pipe {
    fn new(capacity: usize) -> Self {
        let (last, stalled_until) = (Instant::default(), Instant::default());
        Self { pieces: VecDeque::new(), bytes: 0, capacity, last, stalled_until, is_cut: false }
    }

    /// How many bytes it takes at present.
    #[must_use]
    pub const fn room(&self) -> usize {
        self.capacity.saturating_sub(self.bytes)
    }

    /// Sends something on its way, to arrive at `at` or as soon after as what went before lets it;
    /// when that is.
    pub fn send(&mut self, at: Instant, what: Arrival) -> Instant {
        let at = at.max(self.last);
        self.last = at;
        if let Arrival::Bytes(bytes) = &what {
            self.bytes += bytes.len();
        }
        self.pieces.push_back(Piece { at, what });
        at
    }

    /// What has arrived by now, one at a time.
    pub fn receive(&mut self, now: Instant) -> Option<Arrival> {
        if self.is_cut || self.stalled_until > now {
            return None;
        }
        self.pieces.front().filter(|piece| piece.at <= now)?;
        let what = self.pieces.pop_front()?.what;
        if let Arrival::Bytes(bytes) = &what {
            self.bytes -= bytes.len();
        }
        Some(what)
    }
}
