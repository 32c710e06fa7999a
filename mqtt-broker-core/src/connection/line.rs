//! [`Line`]: connections that stand in line for something, each at most once.

use super::Connections;
use crate::session::queue::NONE;

/// What connections stand in line for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum For {
    /// Their input was put off: it goes on in a later turn.
    Turn,
    /// What they hold back is to become durable.
    Durable,
    /// Their input waits for room in the journal.
    Room,
    /// What they publish is for a subscription of the host that has no room.
    Host,
    /// What they subscribe to is to be known to the peers.
    Peers,
    /// What they have published is queued over turns.
    Spread,
}

/// How many lines there are.
pub(super) const LINES: usize = 6;

/// The ends of one line. It goes through the connections themselves, so that it takes no memory of
/// its own and nobody stands in it who is gone.
#[derive(Clone, Copy)]
pub(crate) struct Line {
    first: u32,
    last: u32,
    len: u32,
}

impl Default for Line {
    fn default() -> Self {
        Self { first: NONE, last: NONE, len: 0 }
    }
}

/// A connection's place in one line.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    next: u32,
    previous: u32,
    stands: bool,
}

impl Default for Place {
    fn default() -> Self {
        Self { next: NONE, previous: NONE, stands: false }
    }
}

impl For {
    const fn of<T>(self, all: &[T; LINES]) -> &T {
        let [turn, durable, room, host, peers, spread] = all;
        match self {
            Self::Turn => turn,
            Self::Durable => durable,
            Self::Room => room,
            Self::Host => host,
            Self::Peers => peers,
            Self::Spread => spread,
        }
    }

    const fn of_mut<T>(self, all: &mut [T; LINES]) -> &mut T {
        let [turn, durable, room, host, peers, spread] = all;
        match self {
            Self::Turn => turn,
            Self::Durable => durable,
            Self::Room => room,
            Self::Host => host,
            Self::Peers => peers,
            Self::Spread => spread,
        }
    }
}

impl Connections {
    /// How many stand in a line.
    pub(crate) const fn waiting_for(&self, what: For) -> u32 {
        what.of(&self.lines).len
    }

    /// Whether this connection stands in a line.
    pub(crate) fn waits_for(&self, what: For, index: u32) -> bool {
        self.slots.get(index).is_some_and(|connection| what.of(&connection.places).stands)
    }

    /// Puts a connection at the end of a line, unless it stands there already.
    pub(crate) fn line_up(&mut self, what: For, index: u32) {
        let last = what.of(&self.lines).last;
        let Some(connection) = self.slots.get_mut(index) else { return };
        let place = what.of_mut(&mut connection.places);
        if place.stands {
            return;
        }
        *place = Place { next: NONE, previous: last, stands: true };
        if let Some(before) = self.slots.get_mut(last) {
            what.of_mut(&mut before.places).next = index;
        }
        let line = what.of_mut(&mut self.lines);
        if line.first == NONE {
            line.first = index;
        }
        line.last = index;
        line.len += 1;
    }

    /// Whose turn it is in a line.
    pub(crate) fn first(&self, what: For) -> Option<u32> {
        let first = what.of(&self.lines).first;
        (first != NONE).then_some(first)
    }

    /// Whose turn it is in a line, who stands in it no more.
    pub(crate) fn take_first(&mut self, what: For) -> Option<u32> {
        let first = what.of(&self.lines).first;
        self.step_out(what, first).then_some(first)
    }

    /// Takes a connection out of a line; whether it stood there.
    pub(crate) fn step_out(&mut self, what: For, index: u32) -> bool {
        let Some(connection) = self.slots.get_mut(index) else { return false };
        let place = core::mem::take(what.of_mut(&mut connection.places));
        if !place.stands {
            return false;
        }
        if let Some(before) = self.slots.get_mut(place.previous) {
            what.of_mut(&mut before.places).next = place.next;
        }
        if let Some(after) = self.slots.get_mut(place.next) {
            what.of_mut(&mut after.places).previous = place.previous;
        }
        let line = what.of_mut(&mut self.lines);
        if line.first == index {
            line.first = place.next;
        }
        if line.last == index {
            line.last = place.previous;
        }
        line.len -= 1;
        true
    }
}
