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

/// Where a connection stands: in the line of those who hold something back, and in one of those whose
/// input waits. It never waits for two things there: what waits is offered again after the first, and
/// finds the second.
#[derive(Clone, Copy)]
pub(crate) struct Places {
    durable: Place,
    input: Place,
    /// In which line `input` is, if in any.
    awaited: For,
}

/// A connection's place in one line.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Place {
    next: u32,
    /// [`ABSENT`] if it does not stand there.
    previous: u32,
}

/// No connection has this index.
const ABSENT: u32 = NONE - 1;

impl Place {
    const NOWHERE: Self = Self { next: NONE, previous: ABSENT };
}

impl Default for Places {
    fn default() -> Self {
        Self { durable: Place::NOWHERE, input: Place::NOWHERE, awaited: For::Turn }
    }
}

impl Places {
    /// Its place in this line, if it stands there.
    fn standing(&self, what: For) -> Option<Place> {
        let place = match what {
            For::Durable => self.durable,
            _ if self.awaited == what => self.input,
            _ => Place::NOWHERE,
        };
        (place.previous != ABSENT).then_some(place)
    }

    const fn place_mut(&mut self, what: For) -> &mut Place {
        match what {
            For::Durable => &mut self.durable,
            _ => &mut self.input,
        }
    }

    /// Whether its input waits in a line.
    fn waits(&self) -> bool {
        self.input.previous != ABSENT
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
        self.slots.get(index).is_some_and(|found| found.places.standing(what).is_some())
    }

    /// Whether this connection's input waits in any line.
    pub(crate) fn input_waits(&self, index: u32) -> bool {
        self.slots.get(index).is_some_and(|found| found.places.waits())
    }

    /// Puts a connection at the end of a line, unless it stands there already, or its input waits in
    /// another.
    pub(crate) fn line_up(&mut self, what: For, index: u32) {
        let last = what.of(&self.lines).last;
        let Some(connection) = self.slots.get_mut(index) else { return };
        let places = &mut connection.places;
        let stands = match what {
            For::Durable => places.standing(what).is_some(),
            _ => places.waits(),
        };
        debug_assert!(
            !stands || places.standing(what).is_some(),
            "what waits for one thing is not looked at by another"
        );
        if stands {
            return;
        }
        if what != For::Durable {
            places.awaited = what;
        }
        *places.place_mut(what) = Place { next: NONE, previous: last };
        if let Some(before) = self.slots.get_mut(last) {
            before.places.place_mut(what).next = index;
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
        let Some(place) = connection.places.standing(what) else { return false };
        *connection.places.place_mut(what) = Place::NOWHERE;
        if let Some(before) = self.slots.get_mut(place.previous) {
            before.places.place_mut(what).next = place.next;
        }
        if let Some(after) = self.slots.get_mut(place.next) {
            after.places.place_mut(what).previous = place.previous;
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

    /// Takes a connection out of every line.
    pub(super) fn leave_lines(&mut self, index: u32) {
        self.step_out(For::Durable, index);
        let awaited = self.slots.get(index).map(|connection| connection.places.awaited);
        if let Some(awaited) = awaited {
            self.step_out(awaited, index);
        }
    }
}
