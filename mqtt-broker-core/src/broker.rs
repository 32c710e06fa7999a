//! [`Broker`]: one value that speaks MQTT and knows no socket.

mod durability;
mod events;
mod held;
mod host;
mod recorded;
mod replay;
mod snapshot;
mod state;
mod timeout;
mod views;
mod work;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use mqtt_codec::SubscriptionIdentifier;

use crate::boundary::{
    CloseReason, ConnectionHandle, Error, Lsn, Message, Output, Peer, Received, Transmit,
};
use crate::config::{Config, Stats};
use crate::connection::line::For;
use crate::connection::outbound::written::AllWritten;
use crate::connection::{Connections, State};
use crate::journal::{Journal, Record};
use crate::output::{Outputs, Pending};
use crate::peers::{Joined, Peers, join};
use crate::policy::Policy;
use crate::publication::Publications;
use crate::recording::{Call, Recorder};
use crate::retained::Retained;
use crate::routing::Delivery;
use crate::routing::burst::Burst;
use crate::routing::local::Locals;
use crate::routing::replay::Replays;
use crate::routing::spread::Spread;
use crate::session::Sessions;
use crate::session::queue::{Entries, List};
use crate::session::sending::Orphan;
use crate::session::will::Due;
use crate::store::{Account, Claim};
use crate::subscription::{Matches, Subscriptions};
use crate::time::Instant;
use crate::timers::Timers;

pub(crate) use self::events::Missed;
pub(crate) use self::held::{NEWCOMER, bytes_of, queue_bytes, spilled, trim_queue};
pub use self::replay::{Replay, ReplayCause, ReplayError};
use self::snapshot::Snapshot;
pub(crate) use self::timeout::Timer;
pub(crate) use self::work::Work;

/// The first bits of the fraction of pi.
const SEED_BITS: u64 = 0x243f_6a88_85a3_08d3;

/// An MQTT broker: Sessions, subscriptions, retained messages and the protocol of every connection.
///
/// The first word of a verb tells the direction of the data: `handle_*` is the network and the
/// clock speaking to the broker, `poll_*` is the broker speaking to its host, and the plain verbs
/// are the host's own wishes. See the [crate's documentation](crate) for the whole loop.
///
/// The same calls with the same arguments give the same outputs, byte for byte, on every machine.
/// Outputs may be drained late: any number of `handle_*` calls may come first.
pub struct Broker {
    pub(crate) config: Config,
    /// All that is held.
    pub(crate) account: Account,
    pub(crate) connections: Connections,
    pub(crate) sessions: Sessions,
    pub(crate) entries: Entries,
    pub(crate) publications: Publications,
    pub(crate) subscriptions: Subscriptions,
    pub(crate) retained: Retained,
    pub(crate) replays: Replays,
    pub(crate) locals: Locals,
    pub(crate) timers: Timers<Timer>,
    pub(crate) journal: Journal,
    /// The brokers that are joined to this one, if there are any.
    pub(crate) peers: Joined<Peers>,
    pub(crate) outputs: Outputs,
    pub(crate) stats: Stats,
    /// QoS 0 messages as connections were sent them last.
    pub(crate) written: AllWritten,
    pub(crate) work: Work,
    /// What the account has of lists that lie beside the tables.
    counted_aside: usize,
    /// Reused by every routing.
    pub(crate) matches: Matches,
    /// Messages for those in `matches` that have yet to be queued.
    pub(crate) burst: Burst,
    pub(crate) deliveries: Vec<Delivery>,
    /// Subscription Identifiers beyond the first, with the place of their delivery.
    pub(crate) more_identifiers: Vec<(u32, SubscriptionIdentifier)>,
    /// How many of the connections that hold something back have yet to be looked at since the host
    /// last said what is durable.
    pub(crate) releasing: u32,
    /// What connections had to send that are gone, to be freed over turns.
    pub(crate) discarded: List,
    /// The same with messages of QoS 0 in it, each of which is told of, and whose they were.
    pub(crate) unsent: VecDeque<(Box<str>, List)>,
    /// Connections to close and Will Messages to publish once the step at hand is done: work lists
    /// where there might have been recursion.
    pub(crate) closing: VecDeque<(ConnectionHandle, CloseReason)>,
    pub(crate) wills: VecDeque<Due>,
    /// Copies whose share group has to choose another member.
    pub(crate) orphans: VecDeque<Orphan>,
    /// Messages with very many copies, which are queued over turns.
    pub(crate) spreads: VecDeque<Spread>,
    /// A publication lent to the host until its next call.
    lent: Option<u32>,
    /// Who has missed the message at hand.
    pub(crate) missed: Missed,
    /// Counts what must never repeat: tickets and assigned Client Identifiers.
    pub(crate) serial: u64,
    /// Tells the runs of one broker apart, so that none assigns what another has.
    pub(crate) salt: u64,
    /// How many of those who wait for room are to look again.
    pub(crate) making_room: u32,
    pub(crate) shutting_down: bool,
    snapshot: Option<Snapshot>,
    pub(crate) recorder: Recorder,
    /// The first connection that shutdown has yet to close.
    pub(crate) shut_from: Option<u32>,
}

impl core::fmt::Debug for Broker {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Broker").field("stats", &self.stats()).finish_non_exhaustive()
    }
}

impl Broker {
    /// A broker with nothing in it. It allocates as it fills, never beyond `config.limits`.
    #[must_use]
    pub fn new(config: Config) -> Self {
        // A seed of few bits, such as the default, would make a poor key.
        let (seed, limits) = (config.seed ^ SEED_BITS, &config.limits);
        let account = Account::new(limits.memory);
        let (peers, interests) = join(&account, seed, &config);
        let subscriptions = Subscriptions::new(&account, seed, limits.subscriptions, interests);
        Self {
            connections: Connections::new(&account, seed, limits),
            sessions: Sessions::new(&account, seed, limits.sessions),
            entries: Entries::new(&account, limits.entries),
            publications: Publications::new(
                &account,
                limits.publications,
                limits.publication_bytes,
            ),
            subscriptions,
            peers,
            retained: Retained::new(&account, seed, limits.retained),
            replays: Replays::new(&account),
            locals: Locals::new(&account, limits.local_subscriptions),
            timers: Timers::new(&account),
            journal: Journal::of(&config),
            outputs: Outputs::new(&account, limits.outputs, limits.memory),
            stats: Stats::default(),
            written: AllWritten::new(&account),
            matches: Matches::default(),
            burst: Burst::default(),
            deliveries: Vec::new(),
            more_identifiers: Vec::new(),
            releasing: 0,
            work: Work::new(config.steps_per_call),
            counted_aside: 0,
            discarded: List::default(),
            unsent: VecDeque::new(),
            closing: VecDeque::new(),
            wills: VecDeque::new(),
            orphans: VecDeque::new(),
            spreads: VecDeque::new(),
            lent: None,
            missed: Missed::default(),
            serial: 0,
            salt: 0,
            making_room: 0,
            shutting_down: false,
            snapshot: None,
            recorder: Recorder::new(&config),
            shut_from: None,
            account,
            config,
        }
    }

    /// The configuration it was made with.
    #[must_use]
    pub const fn config(&self) -> &Config {
        &self.config
    }

    /// A Network Connection was opened. It has [`Config::connect_timeout`] for its CONNECT.
    ///
    /// The handle stays good until [`handle_eof`](Self::handle_eof), which the host calls exactly
    /// once for it.
    ///
    /// # Errors
    ///
    /// [`Error::Full`] at a limit on connections and after [`shutdown`](Self::shutdown): close
    /// the transport; there is no `handle_eof` for it.
    pub fn handle_accept(&mut self, now: Instant, peer: Peer) -> Result<ConnectionHandle, Error> {
        self.record(now, &Call::Accept { peer });
        if self.shutting_down {
            return Err(Error::Full("connections"));
        }
        let admitted = self.admit_new(Claim::New, 0);
        let handle = match admitted.and_then(|()| {
            self.account.taking_for(Claim::New, || self.connections.insert(peer, now))
        }) {
            Ok(handle) => handle,
            Err(limit) => {
                let limit = self.full(limit);
                self.reached_by(limit, "", peer);
                return Err(Error::Full(limit.name()));
            }
        };
        self.stats.accepted += 1;
        self.arm_connection_timer(now, handle.index);
        Ok(handle)
    }

    /// Bytes came: `bytes` is what the last call left unconsumed, followed by what was read since.
    ///
    /// Whole packets are taken from the front. What they cause comes out of
    /// [`poll_output`](Self::poll_output), for this connection and others. Bad input closes the
    /// connection with the standard's answer; it is never an error here. Bytes for a connection
    /// that is closing, or for a stale handle, are consumed and ignored.
    pub fn handle_input(
        &mut self,
        now: Instant,
        connection: ConnectionHandle,
        bytes: &[u8],
        policy: &mut dyn Policy,
    ) -> Received {
        self.work.begin();
        if self.recorder.is_on() {
            return self.receive_recorded(now, connection, bytes, policy);
        }
        self.input(now, connection, bytes, policy)
    }

    /// The transport is gone, by whatever cause. The handle is stale from here on.
    pub fn handle_eof(&mut self, now: Instant, connection: ConnectionHandle) {
        self.recorder.eof(now, connection);
        self.work.begin();
        if let Some(index) = self.connections.resolve(connection) {
            self.connection_ended(now, index);
        }
    }

    /// The peer has ended its side of the transport, and something it said before is not consumed:
    /// the host goes on offering that, and calls [`handle_eof`](Self::handle_eof) after it.
    ///
    /// What a client said is heard to its end, but nobody who is gone takes a Session over from
    /// a client that is connected. Saying it is optional: a host that cannot tell leaves it out.
    pub fn handle_end_of_input(&mut self, now: Instant, connection: ConnectionHandle) {
        self.record(now, &Call::InputEnds { connection });
        let index = self.connections.resolve(connection);
        if let Some(connection) = index.and_then(|index| self.connections.get_mut(index)) {
            connection.input_ended = true;
        }
    }

    /// What the journal must keep next, in order. Write it, make it durable, then tell
    /// [`durable`](Self::durable). Only with [`Config::journal`].
    pub fn poll_journal(&mut self) -> Option<Record<'_>> {
        if self.journal.reclaim() {
            self.recount_aside();
            return None;
        }
        let record = self.journal.poll()?;
        self.recorder.record(record.bytes);
        Some(record)
    }

    /// What the broker wants of the host. Call until it returns `None`; ask again after any other
    /// call that takes `&mut self`.
    pub fn poll_output(&mut self) -> Option<Output<'_>> {
        self.take_back_lent();
        self.outputs.tell_dropped(self.config.events);
        let pending = self.outputs.pop();
        self.recorder.output(pending.as_ref());
        let output = match pending? {
            Pending::Transmit(connection) => Output::Transmit(connection),
            Pending::Close(connection, reason) => Output::Close(connection, reason),
            Pending::Resume(connection) => Output::Resume(connection),
            Pending::Decide(question) => {
                let (ticket, connection, request) = *question;
                Output::Decide(ticket, connection, request)
            }
            Pending::Snapshot(begun) => Output::Snapshot(begun),
            Pending::Forward(peer) => Output::Forward(peer),
            Pending::Event(event) => Output::Event(*event),
            Pending::Message(copy) => {
                self.lent = Some(copy.publication);
                // It is held, so it is there.
                let publication = self.publications.get(copy.publication)?;
                let message = Message {
                    topic: publication.topic(),
                    payload: publication.payload(),
                    qos: copy.qos,
                    retain: copy.retain,
                    message_expiry_interval: copy.expiry_left,
                    pass_through: publication.pass_through(),
                    subscription_identifier: copy.identifier,
                };
                return Some(Output::Message(copy.subscription, message));
            }
        };
        Some(output)
    }

    /// Bytes for this connection: fills `buffer` with as many whole packets as fit and lends the
    /// payload of a large one. `None` when there is nothing to send (also for a stale handle).
    ///
    /// Any buffer of 64 bytes or more will do, since a packet that does not fit comes in parts, and
    /// only what is more than 4 KiB (properties included) is lent;
    /// some tens of kilobytes make one write of many packets. What is returned counts as sent:
    /// the host writes all of it, in order, or closes the connection.
    ///
    /// `policy` is asked whether the client may have each message, with
    /// [`Config::ask_deliver`]; one that it may not is dropped and counted.
    ///
    /// After `None`, ask again when [`Output::Transmit`] names the connection.
    pub fn poll_transmit(
        &mut self,
        now: Instant,
        connection: ConnectionHandle,
        buffer: &mut [u8],
        policy: &mut dyn Policy,
    ) -> Option<Transmit<'_>> {
        self.take_back_lent();
        self.work.begin();
        let (len, lent) = if self.recorder.is_on() {
            self.transmit_recorded(now, connection, buffer, policy)?
        } else {
            self.transmit(now, self.connections.resolve(connection)?, buffer, policy)?
        };
        self.stats.bytes_sent += len as u64;
        let Some(lent) = lent else { return Some(Transmit { len, payload: &[] }) };
        self.lent = Some(lent.publication);
        let publication = self.publications.get(lent.publication)?;
        let payload = if lent.whole_tail { publication.tail() } else { publication.payload() };
        self.stats.bytes_sent += payload.len() as u64;
        self.recorder.sent(payload);
        Some(Transmit { len, payload })
    }

    /// When [`handle_timeout`](Self::handle_timeout) should next be called: `None` if nothing is
    /// due, an instant in the past if work waits for a turn. Ask again after every other call.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        if self.has_work() {
            return Some(Instant::default());
        }
        self.timers.next()
    }

    /// Everything up to and including `lsn` is durable: what waited for it may leave. If that is
    /// much, it leaves in several turns.
    pub fn durable(&mut self, lsn: Lsn) {
        self.recorder.call(&Call::Durable(lsn));
        self.work.begin();
        self.journal.durable(lsn);
        self.releasing = self.connections.waiting_for(For::Durable);
        self.release_durable();
        self.notify_peers();
        self.give_room();
        self.release_snapshot();
    }

    /// Says that this connection has something to send, once until it has run dry.
    #[inline]
    pub(crate) fn notify(&mut self, index: u32) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        if !connection.notified && connection.has_outgoing() {
            connection.notified = true;
            let generation = connection.generation;
            self.outputs.push(Pending::Transmit(ConnectionHandle { index, generation }));
        }
    }

    /// Ends the step at hand, and counts what has grown.
    #[inline]
    pub(crate) fn settle(&mut self, now: Instant) {
        self.end_step(now);
        self.recount_aside();
    }

    /// Does what the step at hand has put off, and ends its journal record.
    #[inline]
    pub(crate) fn end_step(&mut self, now: Instant) {
        while !(self.wills.is_empty() && self.closing.is_empty() && self.orphans.is_empty()) {
            self.end_burst(now);
            if let Some(orphan) = self.orphans.pop_front() {
                self.choose_again(now, &orphan);
                self.let_orphan_go(&orphan);
            } else if let Some(will) = self.wills.pop_front() {
                self.publish_stored(now, &will);
            } else if let Some((handle, reason)) = self.closing.pop_front() {
                if let Some(index) = self.connections.resolve(handle) {
                    self.close(now, index, reason);
                }
            }
        }
        self.commit(now);
    }

    /// Ends the record being made, unless a message has yet to be queued for all who get it.
    #[inline]
    pub(crate) fn commit(&mut self, now: Instant) {
        if self.spreads.is_empty() {
            self.journal.commit(now);
        }
        // The journal and peers' queues grow with each step, other lists only with the largest of a call.
        if self.journal.is_enabled() || self.peers.is_some() {
            self.recount_aside();
        }
    }

    /// Whether the connection in this slot is connected, and to which Session.
    pub(crate) fn session_of(&self, index: u32) -> Option<u32> {
        let connection = self.connections.get(index)?;
        (connection.state == State::Connected).then_some(connection.session)
    }

    pub(super) fn input(
        &mut self,
        now: Instant,
        connection: ConnectionHandle,
        bytes: &[u8],
        policy: &mut dyn Policy,
    ) -> Received {
        match self.connections.resolve(connection) {
            Some(index) => self.receive(now, index, bytes, policy),
            None => Received { consumed: bytes.len(), ..Received::default() },
        }
    }

    fn take_back_lent(&mut self) {
        if let Some(publication) = self.lent.take() {
            self.publications.release(publication);
        }
    }
}
