//! [`Connection`]: one Network Connection, from its acceptance to its end.
//!
//! ```text
//!             CONNECT accepted                 close()
//!   Opening ───────────────────▶ Connected ─────────────▶ Closing ──▶ (handle_eof)
//!    │   │                       ▲   │                       ▲            ▲
//!    │   └▶ Authenticating ──────┘   │                       │            │
//!    │        (challenged) ── refused ─── Output::Close ─────┘            │
//!    └──────────────────────── handle_eof, in any state ──────────────────┘
//! ```

mod acknowledgements;
mod address;
mod answers;
mod authentication;
mod delivery;
mod disconnect;
mod handshake;
mod inbound;
mod keep_alive;
pub(crate) mod line;
pub(crate) mod outbound;
mod policy;
mod publish;
mod rate;
mod room;
mod subscribe;
pub(crate) mod topic_alias;

use alloc::boxed::Box;
use core::num::NonZeroU32;

use mqtt_codec::Version;

use self::address::Addresses;
use self::authentication::Authentication;
use self::delivery::Stalled;
use self::line::{LINES, Line, Places};
use self::outbound::Partial;
use self::policy::Question;
use self::subscribe::Progress;
use self::topic_alias::TopicAliases;
use crate::boundary::{ConnectionHandle, Lsn, Peer};
use crate::config::{Limit, Limits};
use crate::session::queue::{List, NONE};
use crate::store::{Account, Full, Slab};
use crate::time::Instant;
use crate::timers::TimerSlot;

/// Where a connection stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// No CONNECT yet.
    Opening,
    /// It has sent CONNECT, and has to answer a challenge.
    Authenticating,
    /// It has a Session.
    Connected,
    /// The host was asked to close it; what is left is sent, nothing is read.
    Closing,
}

/// One Network Connection.
///
/// What every packet looks at lies together, in the order given here: of very many connections that take
/// turns, each line of the cache is waited for.
#[repr(C)]
pub(crate) struct Connection {
    pub(crate) generation: u32,
    /// The key of its Session while `Connected`.
    pub(crate) session: u32,
    pub(crate) last_received: Instant,
    pub(crate) question: Option<Box<Question>>,
    /// A SUBSCRIBE or UNSUBSCRIBE that takes more than one turn.
    pub(crate) progress: Option<Box<Progress>>,
    /// Bytes of answers (not messages) in `outgoing` and `held`.
    pub(crate) answer_bytes: u32,
    /// What the account has of what it holds itself.
    pub(crate) counted: u32,
    pub(crate) state: State,
    pub(crate) version: Version,
    /// `Output::Transmit` has been given and `poll_transmit` has not run dry since.
    pub(crate) notified: bool,
    /// The broker takes no input until it says `Output::Resume`.
    pub(crate) waiting: bool,
    /// The CONNACK is in `held`: nothing may overtake it.
    pub(crate) connack_held: bool,
    /// CONNECT had a Session Expiry Interval other than 0, whatever it was granted.
    pub(crate) asked_to_last: bool,
    /// The peer says nothing beyond what has come.
    pub(crate) input_ended: bool,
    /// Its input had to wait, and it has not been heard since: its silence was not its own.
    pub(crate) was_stopped: bool,
    pub(crate) aliases: Option<Box<TopicAliases>>,
    /// A message whose receipt the policy has put off.
    pub(crate) stalled: Option<Box<Stalled>>,
    pub(crate) authentication: Option<Box<Authentication>>,
    pub(crate) partial: Option<Box<Partial>>,
    /// Whose messages are left in the line, once its Session has gone on without it.
    pub(crate) former: Option<Box<Box<str>>>,
    /// The newest record that anything in the line waits for or waited for. What comes after it
    /// waits as well, but for QoS 0 messages and PINGRESP, which are in no order with the rest.
    pub(crate) promised: Lsn,
    /// What can be sent, in order.
    pub(crate) outgoing: List,
    /// What can be sent once it is durable, in order.
    pub(crate) held: List,
    /// QoS 0 messages in both, and the bytes that they count for in the Session's queue.
    pub(crate) live_messages: u32,
    pub(crate) live_bytes: u32,
    /// Those of them in `held`: what is published later stays behind them.
    pub(crate) held_live: u32,
    /// QoS 1 messages received whose PUBACK is held back.
    pub(crate) held_pubacks: u16,
    /// QoS 2 messages received on this connection and not released: what an earlier one left counts
    /// against no Receive Maximum.
    pub(crate) unreleased: u16,
    /// The client's Receive Maximum.
    pub(crate) receive_maximum: u16,
    /// Keep Alive in seconds, as in force; 0 is none.
    pub(crate) keep_alive: u16,
    pub(crate) peer: Peer,
    pub(crate) timer: TimerSlot,
    pub(crate) connected_at: Instant,
    /// It has published too fast, and its input waits until then; the epoch if it has not.
    pub(crate) throttled: Instant,
    /// The client's Maximum Packet Size.
    pub(crate) maximum_packet_size: NonZeroU32,
    places: Places,
    /// Reason Strings and User Properties are welcome on every packet.
    pub(crate) problem_information: bool,
    /// It was sent a CONNACK of success: DISCONNECT has a meaning.
    pub(crate) greeted: bool,
}

impl Connection {
    fn new(generation: u32, peer: Peer, now: Instant) -> Self {
        Self {
            generation,
            state: State::Opening,
            version: Version::V3_1_1,
            session: NONE,
            peer,
            outgoing: List::default(),
            held: List::default(),
            promised: Lsn(0),
            connack_held: false,
            answer_bytes: 0,
            live_messages: 0,
            live_bytes: 0,
            held_live: 0,
            held_pubacks: 0,
            unreleased: 0,
            notified: false,
            waiting: false,
            asked_to_last: false,
            input_ended: false,
            was_stopped: false,
            greeted: false,
            problem_information: true,
            receive_maximum: u16::MAX,
            keep_alive: 0,
            maximum_packet_size: NonZeroU32::MAX,
            timer: TimerSlot::default(),
            connected_at: now,
            last_received: now,
            throttled: Instant::default(),
            aliases: None,
            question: None,
            stalled: None,
            authentication: None,
            partial: None,
            former: None,
            progress: None,
            places: Places::default(),
            counted: 0,
        }
    }

    /// When its input may go on, if it has published too fast.
    pub(crate) fn throttled(&self) -> Option<Instant> {
        (self.throttled != Instant::default()).then_some(self.throttled)
    }

    /// What it holds beside the tables, in bytes.
    pub(crate) fn heap(&self) -> usize {
        self.aliases.as_ref().map_or(0, |aliases| size_of_val(&**aliases) + aliases.heap())
            + self
                .question
                .as_ref()
                .map_or(0, |question| size_of_val(&**question) + question.heap())
            + self.stalled.as_ref().map_or(0, |stalled| size_of_val(&**stalled))
            + self.authentication.as_ref().map_or(0, |kept| size_of_val(&**kept) + kept.heap())
            + self.partial.as_ref().map_or(0, |partial| size_of_val(&**partial) + partial.heap())
            + self.former.as_ref().map_or(0, |client| size_of_val(&**client) + client.len())
            + self.progress.as_ref().map_or(0, |kept| size_of_val(&**kept) + kept.heap())
    }

    /// The mark that its SUBSCRIBE waits for; 0 if it does not.
    pub(crate) fn mark(&self) -> u64 {
        self.progress.as_ref().map_or(0, |progress| progress.mark())
    }

    /// Whether it holds nothing beside the tables.
    #[inline]
    pub(crate) const fn is_bare(&self) -> bool {
        self.aliases.is_none()
            && self.question.is_none()
            && self.stalled.is_none()
            && self.authentication.is_none()
            && self.partial.is_none()
            && self.former.is_none()
            && self.progress.is_none()
    }

    /// Whether anything is ready to be sent.
    pub(crate) const fn has_outgoing(&self) -> bool {
        !self.outgoing.is_empty() || self.partial.is_some()
    }
}

/// All connections. A slot's generation tells a stale handle from a fresh one.
pub(crate) struct Connections {
    slots: Slab<Connection>,
    addresses: Addresses,
    generation: u32,
    lines: [Line; LINES],
}

impl Connections {
    pub(crate) fn new(account: &Account, seed: u64, limits: &Limits) -> Self {
        Self {
            slots: Slab::new(account, limits.connections),
            addresses: Addresses::new(account, seed, limits.connections_per_address),
            generation: 0,
            lines: [Line::default(); LINES],
        }
    }

    pub(crate) fn insert(&mut self, peer: Peer, now: Instant) -> Result<ConnectionHandle, Limit> {
        let generation = self.generation.wrapping_add(1);
        self.addresses.enter(&peer).map_err(|Full| Limit::ConnectionsPerAddress)?;
        let inserted = self.slots.insert(Connection::new(generation, peer, now));
        let Ok(index) = inserted else {
            self.addresses.leave(&peer);
            return Err(Limit::Connections);
        };
        self.generation = generation;
        Ok(ConnectionHandle { index, generation })
    }

    /// The slot behind a handle that is still good.
    #[inline]
    pub(crate) fn resolve(&self, handle: ConnectionHandle) -> Option<u32> {
        let connection = self.slots.get(handle.index)?;
        (connection.generation == handle.generation).then_some(handle.index)
    }

    pub(crate) fn handle(&self, index: u32) -> Option<ConnectionHandle> {
        let generation = self.slots.get(index)?.generation;
        Some(ConnectionHandle { index, generation })
    }

    #[inline]
    pub(crate) fn get(&self, index: u32) -> Option<&Connection> {
        self.slots.get(index)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, index: u32) -> Option<&mut Connection> {
        self.slots.get_mut(index)
    }

    pub(crate) fn remove(&mut self, index: u32) -> Option<Connection> {
        self.leave_lines(index);
        let connection = self.slots.remove(index)?;
        self.addresses.leave(&connection.peer);
        Some(connection)
    }

    pub(crate) const fn len(&self) -> u32 {
        self.slots.len()
    }

    /// The first connection at `index` or after: a walk that survives changes.
    pub(crate) fn next_from(&self, index: u32) -> Option<u32> {
        self.slots.next_from(index).map(|(index, _)| index)
    }
}
