//! [`Nodes`]: brokers, the links between them, their disks and their clients, under one clock.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker_core::{Broker, Config, ConnectionHandle, Defect, Instant, Lsn, Output, Shard};
use mqtt_codec::{Framed, Sender, TopicFilter, frame};

use self::acting::Calm;
use self::promises::Promises;
use super::client::{Client, Heard};
use super::wills::Wills;
use crate::clock::Tellings;
use crate::disk::{Death, Store};
use crate::faults::{Fault, FaultSet};
use crate::node::{Made, Node, NodeId};
use crate::random::Random;
use crate::rules::Rules;
use crate::world::Counts;

mod acting;
mod leaving;
mod promises;
mod trouble;

pub(super) const BEGINNING: Instant = Instant::from_secs(1_000_000);

/// Something that is to happen.
#[derive(Debug)]
enum Event {
    /// A frame arrives, if its link is still the one it was sent on.
    Frame {
        from: NodeId,
        to: NodeId,
        link: u64,
        frame: Vec<u8>,
    },
    Synced(NodeId, u32, Lsn),
    Rise(NodeId),
    Join(NodeId, NodeId),
    /// A peer takes frames again.
    Flow(NodeId, NodeId),
    /// A disk has room again.
    Room(NodeId),
    /// A broker dies, if it has not since it was to.
    Die(NodeId, u32),
    /// Something else may go wrong.
    Trouble,
}

#[derive(Debug)]
pub(super) struct Nodes {
    now: Instant,
    agenda: BTreeMap<(Instant, u64), Event>,
    tellings: Tellings,
    count: u64,
    nodes: Vec<Node>,
    /// The links that are there, by their ends, with their number.
    links: BTreeMap<(NodeId, NodeId), u64>,
    /// When the last frame of each way arrives.
    last: BTreeMap<(NodeId, NodeId), Instant>,
    /// Ways on which the receiver takes nothing.
    stalled: BTreeSet<(NodeId, NodeId)>,
    clients: BTreeMap<String, Client>,
    /// Connections whose Sessions have gone on without them.
    left_behind: Vec<(NodeId, ConnectionHandle)>,
    /// A broker has not done what it should have.
    broken: Option<Wrong>,
    promises: Promises,
    pub(super) wills: Wills,
    pub(super) counts: Counts,
    pub(super) faults: FaultSet,
    calm: Calm,
    /// No fault strikes.
    at_peace: bool,
    random: Random,
    hash: u64,
    account: Vec<String>,
}

impl Nodes {
    pub(super) fn new(
        shards: u16,
        faults: FaultSet,
        defect: Option<Defect>,
        random: Random,
    ) -> Self {
        let node = |shard| {
            let mut config = Config::default();
            (config.shards, config.shard, config.journal) = (shards, Shard(shard), true);
            (config.seed, config.defect) = (u64::from(shard), defect);
            // One broker shows what may come at most, whoever is there just then.
            config.queue_qos0 = shards == 1;
            // What comes while one dies again and again is not to be lost for want of room.
            config.queue_messages = 1 << 20;
            let mut node = Node::new(config, Rules::default(), Store::Fsync);
            // Nobody here needs to know which of a call's records are left.
            node.disk.tears_calls = true;
            node
        };
        let mut nodes = Self {
            now: BEGINNING,
            agenda: BTreeMap::new(),
            tellings: Tellings::default(),
            count: 0,
            nodes: (0..shards).map(node).collect(),
            links: BTreeMap::new(),
            last: BTreeMap::new(),
            stalled: BTreeSet::new(),
            clients: BTreeMap::new(),
            left_behind: Vec::new(),
            broken: None,
            promises: Promises::default(),
            wills: Wills::default(),
            counts: Counts::default(),
            faults,
            calm: Calm::No,
            at_peace: false,
            random,
            hash: 0,
            account: Vec::new(),
        };
        nodes.mend();
        nodes.later(1000, Event::Trouble);
        nodes
    }

    pub(super) const fn now(&self) -> Instant {
        self.now
    }

    pub(super) const fn hash(&self) -> u64 {
        self.hash
    }

    pub(super) fn len(&self) -> usize {
        self.nodes.len()
    }

    pub(super) fn account(&mut self) -> Vec<String> {
        std::mem::take(&mut self.account)
    }

    pub(super) fn all_heard(&self) -> impl Iterator<Item = (&str, &[Heard])> {
        self.clients.iter().map(|(name, client)| (name.as_str(), &client.heard[..]))
    }

    pub(super) fn heard(&self) -> u64 {
        self.clients.values().map(|client| client.heard.len() as u64).sum()
    }

    /// The brokers, each with its place.
    pub(super) fn brokers(&self) -> impl Iterator<Item = (NodeId, &Broker)> {
        self.nodes.iter().map(|node| &node.broker).enumerate()
    }

    /// What somebody who is connected was never answered.
    pub(super) fn unanswered(&self) -> Option<String> {
        let mut there = self.clients.values().filter(|client| client.handle.is_some());
        there.find_map(|client| self.promises.missing(client.link))
    }

    /// How many messages a broker still keeps for its peers.
    pub(super) fn kept(&self, node: NodeId) -> u32 {
        self.nodes[node].stats().forwards_kept
    }

    /// What a broker retains.
    pub(super) fn retained(&mut self, node: NodeId) -> Vec<(String, String)> {
        let mut all = Vec::new();
        let now = self.now;
        for filter in ["#", "$own/#"] {
            let Ok(filter) = TopicFilter::new(filter) else { continue };
            self.nodes[node].broker.retained(now, filter, u32::MAX, |message| {
                let payload = String::from_utf8_lossy(message.payload).into_owned();
                all.push((message.topic.as_str().to_string(), payload));
                true
            });
        }
        all.sort();
        all
    }

    /// What a client was told that cannot be.
    pub(super) fn lie(&self) -> Option<(&'static str, String)> {
        let told =
            self.clients.iter().find_map(|(name, client)| Some((name, client.lie.as_ref()?)));
        told.map(|(name, (oracle, lie))| (*oracle, format!("{name}: {lie}")))
    }

    /// Nothing goes wrong any more; everybody comes and takes what is theirs.
    pub(super) fn rest(&mut self) -> Result<(), Wrong> {
        self.faults = FaultSet::NONE;
        for node in 0..self.nodes.len() {
            self.rise(node).map_err(|words| ("recovery", words))?;
        }
        self.mend();
        self.ease();
        let names: Vec<_> = self.clients.keys().cloned().collect();
        let end = Instant(self.now.0 + 60_000_000);
        while self.now < end && self.broken.is_none() {
            for name in &names {
                self.look_after(name);
                self.exchange(name);
            }
            self.happen();
        }
        self.broken.take().map_or(Ok(()), Err)
    }

    /// Brings a client back that has lost its connection.
    fn look_after(&mut self, name: &str) {
        let home = self.home(name);
        let now = self.now;
        let (Some(client), node) = (self.clients.get_mut(name), &mut self.nodes[home]) else {
            return;
        };
        if client.handle.is_none() && node.is_up {
            if let Some(handle) = node.accept(now) {
                client.connect(name, handle, self.promises.opened());
            }
            self.after(home);
        }
    }

    pub(super) fn home(&self, name: &str) -> NodeId {
        Shard::of(name, u16::try_from(self.nodes.len()).unwrap_or(1)).0.into()
    }

    /// The next thing happens.
    fn happen(&mut self) {
        let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let due =
            (0..self.nodes.len()).filter_map(|node| Some((self.nodes[node].timeout_at()?, node)));
        if let Some((at, node)) = due.min() {
            if next.is_none_or(|next| at.max(self.now) <= next) {
                self.now = self.now.max(at);
                if let Err(words) = self.tellings.tell(self.now) {
                    self.broken.get_or_insert(("liveness", words));
                }
                self.nodes[node].timeout(self.now);
                self.after(node);
                return;
            }
        }
        let Some(((at, _), event)) = self.agenda.pop_first() else {
            self.now = Instant(self.now.0 + 1_000_000);
            return;
        };
        self.now = self.now.max(at);
        match event {
            Event::Frame { from, to, link, frame } => {
                if self.links.get(&pair(from, to)) == Some(&link) {
                    let origin = shard(from);
                    let taken = self.nodes[to].broker.handle_forward(self.now, origin, &frame);
                    self.note(|| format!("{} bytes from {from} to {to}: {taken:?}", frame.len()));
                    self.after(to);
                }
            }
            Event::Synced(node, life, lsn) => {
                if self.nodes[node].is_up && self.nodes[node].life == life {
                    self.synced(node, lsn);
                }
            }
            Event::Rise(node) => {
                // Whoever waits for it says so.
                if let Err(words) = self.rise(node) {
                    self.broken = Some(("recovery", words));
                }
            }
            Event::Join(one, other) => self.join(one, other),
            Event::Flow(from, to) => self.flow(from, to),
            Event::Room(node) => self.room(node),
            Event::Die(node, life) => {
                if self.calm.lets_die(node)
                    && self.nodes[node].is_up
                    && self.nodes[node].life == life
                {
                    self.die(node, Death::Power);
                }
            }
            Event::Trouble => self.trouble(),
        }
    }

    /// What follows every call of a broker.
    fn after(&mut self, node: NodeId) {
        self.keep(node);
        self.do_as_told(node);
    }

    /// The records of a call go to the disk.
    fn keep(&mut self, node: NodeId) -> Made {
        let made = self.nodes[node].journal(self.now);
        if let Some(lsn) = made.newest.filter(|_| !self.nodes[node].disk.is_full) {
            self.sync_later(node, lsn);
        }
        // Between two records of one call.
        if made.changes > 1 && self.struck(Fault::PowerCut, 100) {
            self.later(0, Event::Die(node, self.nodes[node].life));
        }
        made
    }

    /// What the host does of what a call has said.
    fn do_as_told(&mut self, node: NodeId) {
        let (mut peers, mut closed, mut resumed) = (Vec::new(), Vec::new(), Vec::new());
        let mut begun = None;
        while self.nodes[node].output(|output| match output {
            Output::Forward(peer) => peers.push(peer),
            Output::Close(handle, reason) => closed.push((handle, reason)),
            Output::Resume(handle) => resumed.push(handle),
            Output::Snapshot(lsn) => begun = Some(lsn),
            _ => {}
        }) {}
        if let Some(lsn) = begun {
            self.nodes[node].disk.cut(lsn);
        }
        self.end_left_behind(node, &closed);
        for client in self.clients.values_mut() {
            client.waiting &= !client.handle.is_some_and(|handle| resumed.contains(&handle));
        }
        for peer in peers {
            self.forward(node, peer);
        }
        for (handle, reason) in closed {
            let is_its = |client: &&Client| client.handle == Some(handle);
            let mut at_home = self.clients.iter().filter(|(name, _)| self.home(name) == node);
            let Some((name, client)) = at_home.find(|(_, client)| is_its(client)) else { continue };
            let name = name.clone();
            if !client.allows(reason) {
                let words = format!("{name} is disconnected without cause: {reason}");
                self.broken.get_or_insert(("conduct", words));
            }
            self.hang_up(&name);
        }
    }

    /// Sends a peer what there is for it.
    fn forward(&mut self, from: NodeId, peer: Shard) {
        let to = NodeId::from(peer.0);
        if self.stalled.contains(&(from, to)) {
            return;
        }
        while let Some(frame) = self.nodes[from].broker.poll_forward(self.now, peer) {
            let frame = frame.to_vec();
            for byte in &frame {
                self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            let Some(link) = self.links.get(&pair(from, to)).copied() else { continue };
            let slow = self.struck(Fault::Delay, 60);
            self.counts.frames += 1;
            let most = if slow { 2_000_000 } else { 5000 };
            let last = self.last.entry((from, to)).or_default();
            let at = Instant(self.now.0 + self.random.magnitude(50, most)).max(*last);
            *last = at;
            self.count += 1;
            self.agenda.insert((at, self.count), Event::Frame { from, to, link, frame });
        }
    }

    /// Bytes go both ways between a client and its broker, as long as there are any.
    fn exchange(&mut self, name: &str) {
        while self.exchange_some(name) {}
    }

    /// Some bytes go both ways between a client and its broker; whether there were any.
    fn exchange_some(&mut self, name: &str) -> bool {
        let home = self.home(name);
        let now = self.now;
        let piece = self.struck(Fault::Split, 300).then(|| self.random.index(1 << 16));
        let is_small = self.struck(Fault::SmallBuffer, 300);
        let size = if is_small { 64 + self.random.index(236) } else { 4096 };
        let mut busy = self.offer(name, home, piece);
        let durable = self.nodes[home].disk.promised();
        let Some(client) = self.clients.get_mut(name) else { return false };
        let Some(handle) = client.handle else { return false };
        while let Some(bytes) = self.nodes[home].transmit(now, handle, size) {
            client.output.extend_from_slice(&bytes);
            busy = true;
        }
        let (link, version) = (client.link, client.version);
        client.read(|packet| {
            self.counts.sent[packet.packet_type() as usize] += 1;
            if let Err(wrong) = self.promises.given(link, version, packet, durable) {
                self.broken.get_or_insert(wrong);
            }
        });
        self.after(home);
        busy
    }

    /// Offers a broker what its client has sent: a packet, a part of one, or all there is. Whether
    /// there is more to offer.
    fn offer(&mut self, name: &str, home: NodeId, piece: Option<usize>) -> bool {
        let is_burst = self.random.chance(500);
        let Some(client) = self.clients.get_mut(name) else { return false };
        let Some(handle) = client.handle.filter(|_| !client.waiting) else { return false };
        let all = client.input.len();
        if all == 0 {
            return false;
        }
        let whole = match frame(&client.input, Sender::Client, u32::MAX) {
            Ok(Framed::Complete(found)) if !is_burst => found.encoded_len(),
            _ => all,
        };
        let len = piece.map_or(whole, |chance| whole.min(1 + chance % all));
        let received = self.nodes[home].input(self.now, handle, &client.input[..len]);
        let taken: Vec<u8> = client.input.drain(..received.consumed).collect();
        client.waiting = received.waiting;
        let (link, version) = (client.link, client.version);
        // Of several packets, nobody knows which record is about which.
        let made = self.keep(home).change.filter(|_| !is_burst);
        let mut rest = &taken[..];
        while let Ok(Framed::Complete(found)) = frame(rest, Sender::Client, u32::MAX) {
            self.counts.received[usize::from(rest[0] >> 4)] += 1;
            if let Ok(packet) = found.decode(version) {
                self.promises.taken((home, name, link), &packet, made);
            }
            rest = &rest[found.encoded_len()..];
        }
        received.consumed > 0 || len < whole
    }

    fn later(&mut self, microseconds: u64, event: Event) {
        self.count += 1;
        self.agenda.insert((Instant(self.now.0 + microseconds), self.count), event);
    }

    fn note(&mut self, line: impl FnOnce() -> String) {
        /// How many lines of an account are kept.
        const LINES: usize = 10_000;
        if self.account.len() < LINES {
            let since = self.now.since(BEGINNING).as_secs_f64();
            self.account.push(format!("{since:>12.6} {}", line()));
        }
    }
}

/// A promise that was not kept: by the oracle that says so.
pub(super) type Wrong = (&'static str, String);

fn pair(one: NodeId, other: NodeId) -> (NodeId, NodeId) {
    (one.min(other), one.max(other))
}

fn shard(node: NodeId) -> Shard {
    Shard(u16::try_from(node).unwrap_or(u16::MAX))
}
