//! The sockets of the broker's thread, which the system watches: one call waits for all of them.
//!
//! A socket is told of once, when it becomes ready, and not again before it was found not to be
//! ("edge-triggered"). What is known of a connection in between are its [`Flags`].

use core::time::Duration;
use std::io;

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Registry, Token, Waker};

use crate::connection::Flags;

/// Events taken in one call; further ones come with the next.
const EVENTS: usize = 1024;

/// Connections have the tokens below, by their slots; listeners those from here on.
const LISTENERS: usize = 1 << (usize::BITS - 1);

/// The one by which other threads wake this one.
const CALLS: Token = Token(usize::MAX);

/// What the system watches, and what it said last.
pub(crate) struct Sockets {
    poll: Poll,
    events: Events,
}

/// What the system says.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Event {
    /// The connection in this slot can be read or written, or has ended. If another one was in this slot
    /// a moment ago it may be about that one: a flag too many costs a call that finds nothing.
    Connection(usize, Flags),
    /// This listener has Network Connections to accept.
    Listener(usize),
    /// Another thread wants something.
    Called,
}

impl Sockets {
    /// With what wakes the thread that waits for them.
    pub(crate) fn new() -> io::Result<(Self, Waker)> {
        let poll = Poll::new()?;
        let waker = Waker::new(poll.registry(), CALLS)?;
        Ok((Self { poll, events: Events::with_capacity(EVENTS) }, waker))
    }

    /// Waits until there are events, or for so long; `None` is for ever. It may end too early.
    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<()> {
        match self.poll.poll(&mut self.events, timeout) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => Ok(()),
            done => done,
        }
    }

    /// What the last wait ended with.
    pub(crate) fn events(&self) -> impl Iterator<Item = Event> {
        self.events.iter().map(|event| match event.token() {
            CALLS => Event::Called,
            Token(token) if token >= LISTENERS => Event::Listener(token - LISTENERS),
            Token(slot) => Event::Connection(slot, Flags::of(event)),
        })
    }

    /// Watches a listener, which is told of by `index`.
    pub(crate) fn watch_listener(
        &self,
        listener: &mut TcpListener,
        index: usize,
    ) -> io::Result<()> {
        self.registry().register(listener, Token(LISTENERS + index), Interest::READABLE)
    }

    /// Watches whether the connection in `slot` can be read. What it has already is told of.
    pub(crate) fn watch(&self, stream: &mut TcpStream, slot: usize) -> io::Result<()> {
        self.registry().register(stream, Token(slot), Interest::READABLE)
    }

    /// Watches from now on whether it can be written, too: most connections never need it.
    pub(crate) fn watch_writing(&self, stream: &mut TcpStream, slot: usize) -> io::Result<()> {
        let both = Interest::READABLE | Interest::WRITABLE;
        self.registry().reregister(stream, Token(slot), both)
    }

    fn registry(&self) -> &Registry {
        self.poll.registry()
    }
}
