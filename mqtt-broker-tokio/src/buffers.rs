//! What connections hold in this binding beside the broker: input of which a packet is not whole yet, and
//! output that the transport has not taken. All of it is counted in one account, which has a bound.

#[cfg(test)]
mod tests;

use core::cell::Cell;
use core::net::SocketAddr;
use core::time::Duration;

use mqtt_broker_core::{Config, Instant};

/// How long a part of a packet may stay as it is before it counts as abandoned. A line that is slow or was
/// lost for a moment brings something within that time.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// What a connection may hold when others hold all that there is: enough for a small packet.
pub(crate) const LITTLE: usize = 4 << 10;

/// The part of `limits.memory` that connections may hold: one of so many.
const PART: usize = 8;

/// So many of the largest packets may be held, however small `limits.memory` is.
const PACKETS: usize = 4;

/// How long the log says nothing more of connections that were ended for the same reason.
const QUIET: Duration = Duration::from_secs(1);

/// What the connections hold beside the broker, from [`Handle::buffers`](crate::Handle::buffers): parts of
/// packets that have not come whole, and output that their transports have not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Buffers {
    /// Bytes of all of it now.
    pub bytes: usize,
    /// The most that it may be: an eighth of [`Limits::memory`](crate::Limits::memory) or, where that is
    /// more, four packets of [`Config::maximum_packet_size`], though not more than all of `memory`.
    /// A quarter of it is for input alone. Up to twice as much is there for connections that hold 4 KiB
    /// or less. While others give way, the one buffer that they do it for is there, too.
    pub most: usize,
    /// Connections that were ended because they would have made it more.
    pub ended: u64,
    /// Connections that were ended in favour of such a one: each held more than 4 KiB of a packet, of
    /// which nothing had come for 10 seconds. They are looked for when there is no room, not before, in
    /// 256 slots at a time, and those that have waited longest give way.
    pub abandoned: u64,
}

/// The bytes of all buffers of all connections.
#[derive(Debug)]
pub(crate) struct Account {
    bytes: Cell<usize>,
    most: usize,
    ended: Cell<u64>,
    abandoned: Cell<u64>,
    /// How large the buffer is, or would have been, that did not fit last.
    refused: Cell<usize>,
    /// How much all of it may be for that one to fit.
    fits: Cell<usize>,
    /// When the log was told of those that were ended last, and of those that were abandoned.
    told: [Cell<Option<Instant>>; 2],
}

impl Account {
    pub(crate) fn new(most: usize) -> Self {
        Self {
            bytes: Cell::new(0),
            most,
            ended: Cell::new(0),
            abandoned: Cell::new(0),
            refused: Cell::new(0),
            fits: Cell::new(most),
            told: [Cell::new(None), Cell::new(None)],
        }
    }

    /// How much connections may hold with this configuration.
    pub(crate) fn most(config: &Config) -> usize {
        let memory = config.limits.memory;
        let packet = usize::try_from(config.maximum_packet_size).unwrap_or(usize::MAX);
        (memory / PART).max(packet.saturating_mul(PACKETS).min(memory))
    }

    /// Whether so much is held that connections better hold no more than they must.
    pub(crate) fn is_scarce(&self) -> bool {
        self.bytes.get() > self.most / 2
    }

    /// Whether a buffer of `from` bytes of input may become one of `to` bytes.
    pub(super) fn has_room_for_input(&self, from: usize, to: usize) -> bool {
        self.has_room(from, to, self.most)
    }

    /// Whether there may be another buffer, of `len` bytes of output. A quarter of the whole is for input
    /// alone: those who do not read must not shut out those who publish.
    pub(super) fn has_room_for_output(&self, len: usize) -> bool {
        self.has_room(0, len, self.most / 4 * 3)
    }

    fn has_room(&self, from: usize, to: usize, most: usize) -> bool {
        let most = if to <= LITTLE { most.saturating_mul(2) } else { most };
        let has_room = (self.bytes.get() - from).saturating_add(to) <= most;
        if !has_room {
            self.refused.set(to);
            self.fits.set(most);
        }
        has_room
    }

    /// Whether the buffer that did not fit last, and is held all the same, does not fit yet.
    pub(crate) fn is_beyond(&self) -> bool {
        self.bytes.get() > self.fits.get()
    }

    /// A buffer of `from` bytes has become one of `to` bytes.
    pub(super) fn resized(&self, from: usize, to: usize) {
        self.bytes.set(self.bytes.get() - from + to);
    }

    /// A connection is ended because what it holds has no room.
    pub(crate) fn note_ended(&self, now: Instant, peer: Option<SocketAddr>) {
        let ended = self.ended.get() + 1;
        self.ended.set(ended);
        if !is_to_be_told(&self.told[0], now) {
            return;
        }
        tracing::warn!(
            peer = peer.map(tracing::field::display),
            bytes = self.refused.get(),
            held = self.bytes.get(),
            most = self.most,
            ended,
            "connection ended: there is no room for the part of a packet that it sent, or for what it \
             does not read; it may need a larger `limits.memory`"
        );
    }

    /// A connection is ended that left a part of a packet unmoved for so long, as another needs the room.
    pub(crate) fn note_abandoned(&self, now: Instant, peer: Option<SocketAddr>, unmoved: Duration) {
        let abandoned = self.abandoned.get() + 1;
        self.abandoned.set(abandoned);
        if !is_to_be_told(&self.told[1], now) {
            return;
        }
        tracing::warn!(
            peer = peer.map(tracing::field::display),
            seconds = unmoved.as_secs(),
            held = self.bytes.get(),
            most = self.most,
            abandoned,
            "connection ended: it sent part of a packet and then nothing for so many seconds, and another \
             needs the room; with a larger `limits.memory` there may be room for both"
        );
    }

    /// What a host sees of it.
    pub(crate) fn buffers(&self) -> Buffers {
        Buffers {
            bytes: self.bytes.get(),
            most: self.most,
            ended: self.ended.get(),
            abandoned: self.abandoned.get(),
        }
    }
}

/// Whoever opens many connections must not fill the log.
fn is_to_be_told(told: &Cell<Option<Instant>>, now: Instant) -> bool {
    let is_due = told.get().is_none_or(|told| now.since(told) >= QUIET);
    if is_due {
        told.set(Some(now));
    }
    is_due
}
