//! [`Node`]: one broker with its rules, its disk and its clock, as a value. It dies and comes back.

use std::collections::BTreeMap;
use std::time::Duration;

use mqtt_broker_core::{
    ApplicationMessage, Broker, Config, ConnectionHandle, Instant, LocalSubscription, Lsn, Output,
    Peer, Received, Records, Stats, Stored, Ticket, Verdict,
};
use mqtt_codec::{ReasonCode, RetainHandling, SubscriptionOptions, TopicFilter};

use crate::disk::{Death, Disk, Left, Store};
use crate::link::LinkId;
use crate::random::Random;
use crate::rules::Rules;

/// Names a node of a world: its place among them.
pub type NodeId = usize;

/// One broker and what belongs to it.
#[derive(Debug)]
pub struct Node {
    /// The real thing.
    pub broker: Broker,
    /// The host's policy.
    pub rules: Rules,
    /// Under its journal.
    pub disk: Disk,
    /// Its connections.
    pub handles: BTreeMap<ConnectionHandle, LinkId>,
    /// The broker's numbers after the last call.
    pub before: Stats,
    /// The host's own subscription.
    pub listening: Option<LocalSubscription>,
    /// When the host will tell it the time.
    pub timer_at: Option<Instant>,
    /// Whether it runs.
    pub is_up: bool,
    /// How often it has died: what was on its way to an earlier life comes to nothing.
    pub life: u32,
    /// How many links there were when it died last: they lead nowhere.
    pub links_before: LinkId,
    /// What its last death left.
    pub left: Option<Left>,
    /// What the broker held when it died, if all of that was on disk.
    pub held: Option<String>,
    /// Microseconds between the world's time and its clock.
    skew: i64,
    config: Config,
    buffer: Vec<u8>,
}

/// The records that a call of the broker made.
#[derive(Clone, Copy, Debug, Default)]
pub struct Made {
    /// The newest.
    pub newest: Option<Lsn>,
    /// The newest that changes something.
    pub change: Option<Lsn>,
    /// How many change something.
    pub changes: u32,
}

impl Node {
    /// A broker that has just been made.
    #[must_use]
    pub fn new(config: Config, rules: Rules, store: Store) -> Self {
        Self {
            broker: Broker::new(config.clone()),
            rules,
            disk: Disk::new(store),
            handles: BTreeMap::new(),
            before: Stats::default(),
            listening: None,
            timer_at: None,
            is_up: true,
            life: 0,
            links_before: 0,
            left: None,
            held: None,
            skew: 0,
            config,
            buffer: Vec::new(),
        }
    }

    /// What its clock says at this time of the world.
    #[must_use]
    pub const fn clock(&self, now: Instant) -> Instant {
        Instant(now.0.saturating_add_signed(self.skew))
    }

    /// When, in the world's time, the broker wants to be told the time.
    #[must_use]
    pub fn timeout_at(&self) -> Option<Instant> {
        let due = self.broker.poll_timeout().filter(|_| self.is_up)?;
        Some(Instant(due.0.saturating_add_signed(-self.skew)))
    }

    /// It dies.
    pub fn die(&mut self, death: Death, random: &mut Random) {
        // Of a broker with a planted defect, the oracles outside are to find it.
        let is_kept = self.disk.store != Store::Memory && self.config.defect.is_none();
        self.held = is_kept.then(|| self.broker.durable_state());
        let newest = self.broker.newest_record();
        self.left = Some(self.disk.crash(death, random));
        if self.left.as_ref().is_none_or(|left| left.lsn != newest) {
            self.held = None;
        }
        self.is_up = false;
        self.life += 1;
        self.handles.clear();
        self.timer_at = None;
        self.listening = None;
    }

    /// It comes back with what its disk holds, and a clock that is `step` microseconds further on
    /// than it should be. How far the clock has gone back since the last record.
    ///
    /// # Errors
    ///
    /// What it finds is not what is there.
    pub fn rise(&mut self, now: Instant, step: i64) -> Result<Duration, String> {
        self.skew += step;
        let time = self.clock(now);
        let Some(left) = self.left.take() else { return Err("it has not died".into()) };
        let mut replay = Broker::replay(self.config.clone());
        let mut last = Lsn(0);
        let mut end = None;
        for stored in Records::new(&left.bytes) {
            match stored {
                Stored::Record(record) => {
                    replay.apply(record.bytes).map_err(|error| error.to_string())?;
                    last = record.lsn;
                }
                other => end = Some(other),
            }
        }
        let torn = Stored::TornTail { offset: left.whole };
        let is_whole = left.whole == left.bytes.len();
        if last != left.lsn || end != (!is_whole).then_some(torn) {
            let (lsn, whole) = (left.lsn.0, left.whole);
            return Err(format!(
                "record {lsn} is the last one, and {whole} bytes are whole; it finds {} and {end:?}",
                last.0
            ));
        }
        let held = replay.durable_state();
        if let Some(before) = self.held.take().filter(|before| *before != held) {
            let lost: Vec<_> = before.lines().filter(|line| !held.contains(line)).collect();
            let new: Vec<_> = held.lines().filter(|line| !before.contains(line)).collect();
            return Err(format!("it brings back {new:#?} in place of {lost:#?}"));
        }
        self.broker = replay.finish(time).map_err(|error| error.to_string())?;
        self.before = self.broker.stats();
        self.is_up = true;
        Ok(left.time.since(time))
    }

    /// A Network Connection was opened; `None` if there is no room for it.
    pub fn accept(&mut self, now: Instant) -> Option<ConnectionHandle> {
        self.broker.handle_accept(now, Peer::default()).ok()
    }

    /// Bytes came.
    pub fn input(&mut self, now: Instant, handle: ConnectionHandle, bytes: &[u8]) -> Received {
        self.broker.handle_input(now, handle, bytes, &mut self.rules)
    }

    /// The transport is gone.
    pub fn eof(&mut self, now: Instant, handle: ConnectionHandle) {
        self.broker.handle_eof(now, handle);
    }

    /// The time is told.
    pub fn timeout(&mut self, now: Instant) {
        self.broker.handle_timeout(now);
    }

    /// Bytes for a connection, by way of a buffer of `size`.
    pub fn transmit(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        size: usize,
    ) -> Option<Vec<u8>> {
        self.buffer.resize(self.buffer.len().max(size), 0);
        let buffer = &mut self.buffer[..size];
        let sent = self.broker.poll_transmit(now, handle, buffer, &mut self.rules)?;
        let (len, payload) = (sent.len, sent.payload.to_vec());
        let mut bytes = self.buffer[..len].to_vec();
        bytes.extend_from_slice(&payload);
        Some(bytes)
    }

    /// The next thing the broker says, shown to `see`; whether there was one.
    pub fn output(&mut self, see: impl FnOnce(Output<'_>)) -> bool {
        let output = self.broker.poll_output();
        let any = output.is_some();
        if let Some(output) = output {
            see(output);
        }
        any
    }

    /// Takes what the journal must keep of a call to the disk.
    pub fn journal(&mut self, now: Instant) -> Made {
        let mut made = Made::default();
        self.disk.next_call();
        while let Some(record) = self.broker.poll_journal() {
            made.newest = Some(record.lsn);
            if self.disk.append(now, &record) {
                made.change = Some(record.lsn);
                made.changes += 1;
            }
        }
        made
    }

    /// What is synced is durable.
    pub fn durable(&mut self, lsn: Lsn) {
        self.broker.durable(lsn);
    }

    /// The host publishes; whether it was taken.
    pub fn publish(&mut self, now: Instant, message: &ApplicationMessage<'_>) -> bool {
        self.broker.publish(now, message).is_ok()
    }

    /// The host subscribes to everything.
    pub fn listen(&mut self, now: Instant) -> Option<LocalSubscription> {
        let filter = TopicFilter::new("#").ok()?;
        let mut options = SubscriptionOptions::new(mqtt_codec::QoS::ExactlyOnce);
        options.retain_handling = RetainHandling::DoNotSend;
        self.broker.subscribe(now, filter, options, None).ok()
    }

    /// The host disconnects a client.
    pub fn kick(&mut self, now: Instant, name: &str) {
        self.broker.kick(now, name, ReasonCode::ADMINISTRATIVE_ACTION);
    }

    /// The host answers a question that was put off.
    pub fn resolve(&mut self, now: Instant, ticket: Ticket, allowed: bool, denial: ReasonCode) {
        let verdict: Verdict = self.rules.decide(allowed, denial);
        self.broker.resolve(now, ticket, verdict);
    }

    /// The broker's numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.broker.stats()
    }
}
