//! What there is to know of a connection, a bit each: there may be very many connections.

/// A set of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Flags(u16);

impl Flags {
    /// Its socket may have something to read.
    pub(crate) const READABLE: Self = Self(1);
    /// Its socket may take something.
    pub(crate) const WRITABLE: Self = Self(1 << 1);
    /// The system has told that the peer has ended its side, or that the socket is broken. What was
    /// sent before may still wait to be read, so it is read until that shows.
    pub(crate) const ENDING: Self = Self(1 << 2);
    /// The system tells when its socket takes something again.
    pub(crate) const WATCHED: Self = Self(1 << 3);
    /// The peer's end was read, while something was still being sent or what it said waits.
    pub(crate) const PEER_ENDED: Self = Self(1 << 4);
    /// The broker takes no input until it says `Resume`.
    pub(crate) const WAITING: Self = Self(1 << 5);
    /// It said so: what is kept is to be offered again.
    pub(crate) const RESUMED: Self = Self(1 << 6);
    /// The broker has something to send, as far as is known.
    pub(crate) const OUTPUT: Self = Self(1 << 7);
    /// It is in the turn's list of connections to transmit for.
    pub(crate) const TO_TRANSMIT: Self = Self(1 << 8);
    /// It is in the list of what is to be served, in this turn or the next.
    pub(crate) const TO_SERVE: Self = Self(1 << 9);
    /// Something was read from it.
    pub(crate) const HEARD: Self = Self(1 << 10);
    /// That began as TLS does.
    pub(crate) const TLS: Self = Self(1 << 11);
    /// That began as HTTP does.
    pub(crate) const HTTP: Self = Self(1 << 12);

    /// Of a connection that is new. Nothing was seen of it, so a write is tried and a read is not.
    pub(crate) const NEW: Self = Self::WRITABLE;

    /// What the system says of a socket.
    pub(crate) fn of(event: &mio::event::Event) -> Self {
        let mut flags = Self(0);
        if event.is_read_closed() || event.is_write_closed() {
            flags.add(Self::READABLE);
            flags.add(Self::WRITABLE);
            flags.add(Self::ENDING);
        }
        if event.is_readable() {
            flags.add(Self::READABLE);
        }
        if event.is_writable() {
            flags.add(Self::WRITABLE);
        }
        flags
    }

    /// These and those.
    pub(crate) const fn or(self, flags: Self) -> Self {
        Self(self.0 | flags.0)
    }

    /// Whether it has one of these.
    pub(crate) const fn has(self, flags: Self) -> bool {
        self.0 & flags.0 != 0
    }

    /// Adds these. False: it had one of them.
    pub(crate) const fn add(&mut self, flags: Self) -> bool {
        let is_new = !self.has(flags);
        self.0 |= flags.0;
        is_new
    }

    /// Removes these. True: it had one of them.
    pub(crate) const fn remove(&mut self, flags: Self) -> bool {
        let had = self.has(flags);
        self.0 &= !flags.0;
        had
    }
}
