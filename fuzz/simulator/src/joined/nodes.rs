//! [`Nodes`]: brokers, the links between them, their disks and their clients, under one clock.

use std::collections::BTreeMap;

use mqtt_broker_core::{Config, Defect, Instant, Lsn, Output, Shard};
use mqtt_codec::TopicFilter;

use super::client::{Client, Deed, Heard};
use crate::disk::{Death, Store};
use crate::faults::{Fault, FaultSet};
use crate::node::{Node, NodeId};
use crate::random::Random;
use crate::rules::Rules;

pub(super) const BEGINNING: Instant = Instant::from_secs(1_000_000);
/// How many things may happen until a client is answered.
const PATIENCE: u32 = 50_000;

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
    /// Something else may go wrong.
    Trouble,
}

#[derive(Debug)]
pub(super) struct Nodes {
    now: Instant,
    agenda: BTreeMap<(Instant, u64), Event>,
    count: u64,
    nodes: Vec<Node>,
    /// The links that are there, by their ends, with their number.
    links: BTreeMap<(NodeId, NodeId), u64>,
    /// When the last frame of each way arrives.
    last: BTreeMap<(NodeId, NodeId), Instant>,
    clients: BTreeMap<String, Client>,
    faults: FaultSet,
    /// Only this node may die, and no link is cut.
    quiet: Option<NodeId>,
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
            Node::new(config, Rules::default(), Store::Fsync)
        };
        let mut nodes = Self {
            now: BEGINNING,
            agenda: BTreeMap::new(),
            count: 0,
            nodes: (0..shards).map(node).collect(),
            links: BTreeMap::new(),
            last: BTreeMap::new(),
            clients: BTreeMap::new(),
            faults,
            quiet: None,
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

    /// A client does something, until it is answered.
    pub(super) fn act(&mut self, name: &str, deed: &Deed) -> Result<(), String> {
        self.note(|| format!("{name} does {deed:?}"));
        self.clients.entry(name.into()).or_default();
        if let Deed::HangUp = deed {
            self.hang_up(name);
            return Ok(());
        }
        // A subscription that is made while a link is cut does not see what is beyond.
        let alone = !matches!(deed, Deed::Publish { .. });
        self.quiet = alone.then(|| self.home(name));
        for node in (0..self.nodes.len()).filter(|_| alone) {
            self.rise(node)?;
        }
        if let Some(client) = self.clients.get_mut(name) {
            client.begin(deed.clone());
        }
        for _ in 0..PATIENCE {
            if alone {
                self.mend();
            }
            self.look_after(name);
            self.exchange(name);
            if !self.clients.get(name).is_some_and(Client::is_busy) {
                self.quiet = None;
                return Ok(());
            }
            self.happen();
        }
        Err(format!("{name} waits for an answer to {deed:?}"))
    }

    /// Nothing goes wrong any more; everybody comes and takes what is theirs.
    pub(super) fn rest(&mut self) -> Result<(), String> {
        self.faults = FaultSet::NONE;
        for node in 0..self.nodes.len() {
            self.rise(node)?;
        }
        self.mend();
        let names: Vec<_> = self.clients.keys().cloned().collect();
        let end = Instant(self.now.0 + 60_000_000);
        while self.now < end {
            for name in &names {
                self.look_after(name);
                self.exchange(name);
            }
            self.happen();
        }
        Ok(())
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
                client.connect(name, handle);
            }
            self.after(home);
        }
    }

    fn home(&self, name: &str) -> NodeId {
        Shard::of(name, u16::try_from(self.nodes.len()).unwrap_or(1)).0.into()
    }

    fn hang_up(&mut self, name: &str) {
        let home = self.home(name);
        let Some(client) = self.clients.get_mut(name) else { return };
        let handle = client.handle;
        client.lose();
        if let Some(handle) = handle {
            self.nodes[home].eof(self.now, handle);
            self.after(home);
        }
    }

    /// The next thing happens.
    fn happen(&mut self) {
        let next = self.agenda.first_key_value().map(|((at, _), _)| *at);
        let due =
            (0..self.nodes.len()).filter_map(|node| Some((self.nodes[node].timeout_at()?, node)));
        if let Some((at, node)) = due.min() {
            if next.is_none_or(|next| at.max(self.now) <= next) {
                self.now = self.now.max(at);
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
                    self.nodes[node].disk.sync(lsn);
                    self.nodes[node].durable(lsn);
                    self.after(node);
                }
            }
            Event::Rise(node) => {
                if let Err(words) = self.rise(node) {
                    self.note(|| words);
                }
            }
            Event::Join(one, other) => self.join(one, other),
            Event::Trouble => self.trouble(),
        }
    }

    /// A link is cut, or a broker dies.
    fn trouble(&mut self) {
        let wait = self.random.magnitude(1000, 200_000);
        self.later(wait, Event::Trouble);
        let (any, other) = (self.random.index(self.len()), self.random.index(self.len()));
        let one = self.quiet.unwrap_or(any);
        let down = self.random.magnitude(1000, 2_000_000);
        let death = if self.random.chance(500) { Death::Power } else { Death::Process };
        let fault = if death == Death::Power { Fault::PowerCut } else { Fault::Crash };
        if self.random.chance(600) {
            if one != other && self.quiet.is_none() && self.faults.has(Fault::Cut) {
                self.cut(one, other);
                self.later(down, Event::Join(one, other));
            }
        } else if self.nodes[one].is_up && self.faults.has(fault) {
            self.note(|| format!("shard {one} dies: {death:?}"));
            self.nodes[one].die(death, &mut self.random);
            let names: Vec<_> = self.clients.keys().cloned().collect();
            for name in names.iter().filter(|name| self.home(name) == one).collect::<Vec<_>>() {
                if let Some(client) = self.clients.get_mut(name) {
                    client.lose();
                }
            }
            for other in 0..self.nodes.len() {
                self.cut(one, other);
            }
            self.later(down, Event::Rise(one));
        }
    }

    fn rise(&mut self, node: NodeId) -> Result<(), String> {
        if self.nodes[node].is_up {
            return Ok(());
        }
        self.note(|| format!("shard {node} comes back"));
        self.nodes[node].rise(self.now, 0)?;
        self.after(node);
        for other in 0..self.nodes.len() {
            self.join(node, other);
        }
        Ok(())
    }

    /// Every link is there that can be.
    fn mend(&mut self) {
        for one in 0..self.nodes.len() {
            for other in 0..one {
                self.join(one, other);
            }
        }
    }

    fn join(&mut self, one: NodeId, other: NodeId) {
        let is_up = self.nodes[one].is_up && self.nodes[other].is_up;
        if one == other || !is_up || self.links.contains_key(&pair(one, other)) {
            return;
        }
        self.note(|| format!("shards {one} and {other} are joined"));
        self.count += 1;
        self.links.insert(pair(one, other), self.count);
        for (here, there) in [(one, other), (other, one)] {
            let joined = self.nodes[here].broker.handle_peer_up(self.now, shard(there));
            self.note(|| format!("{here} to {there}: {joined:?}"));
        }
        self.after(one);
        self.after(other);
    }

    fn cut(&mut self, one: NodeId, other: NodeId) {
        if self.links.remove(&pair(one, other)).is_none() {
            return;
        }
        self.note(|| format!("the link of shards {one} and {other} is cut"));
        for (here, there) in [(one, other), (other, one)] {
            if self.nodes[here].is_up {
                self.nodes[here].broker.handle_peer_down(self.now, shard(there));
                self.after(here);
            }
        }
    }

    /// What follows every call of a broker.
    fn after(&mut self, node: NodeId) {
        let made = self.nodes[node].journal(self.now);
        if let Some(lsn) = made.newest {
            let slow = self.faults.has(Fault::SlowSync) && self.random.chance(150);
            let wait = if slow { self.random.magnitude(1000, 500_000) } else { 0 };
            let wait = wait + self.random.between(100, 2000);
            let life = self.nodes[node].life;
            self.later(wait, Event::Synced(node, life, lsn));
        }
        let (mut peers, mut closed, mut resumed) = (Vec::new(), Vec::new(), Vec::new());
        while self.nodes[node].output(|output| match output {
            Output::Forward(peer) => peers.push(peer),
            Output::Close(handle, _) => closed.push(handle),
            Output::Resume(handle) => resumed.push(handle),
            _ => {}
        }) {}
        for client in self.clients.values_mut() {
            client.waiting &= !client.handle.is_some_and(|handle| resumed.contains(&handle));
        }
        for peer in peers {
            self.forward(node, peer);
        }
        let names: Vec<_> = self.clients.keys().cloned().collect();
        for name in names.iter().filter(|name| self.home(name) == node).collect::<Vec<_>>() {
            let handle = self.clients.get(name).and_then(|client| client.handle);
            if handle.is_some_and(|handle| closed.contains(&handle)) {
                self.hang_up(name);
            }
        }
    }

    /// Sends a peer what there is for it.
    fn forward(&mut self, from: NodeId, peer: Shard) {
        let to = NodeId::from(peer.0);
        while let Some(frame) = self.nodes[from].broker.poll_forward(self.now, peer) {
            let frame = frame.to_vec();
            for byte in &frame {
                self.hash = (self.hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            let Some(link) = self.links.get(&pair(from, to)).copied() else { continue };
            let slow = self.faults.has(Fault::Delay) && self.random.chance(60);
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
        let home = self.home(name);
        loop {
            let now = self.now;
            let Some(client) = self.clients.get_mut(name) else { return };
            let Some(handle) = client.handle else { return };
            let node = &mut self.nodes[home];
            let mut busy = false;
            if !client.waiting && !client.input.is_empty() {
                let received = node.input(now, handle, &client.input);
                client.input.drain(..received.consumed);
                client.waiting = received.waiting;
                busy = received.consumed > 0;
            }
            while let Some(bytes) = node.transmit(now, handle, 4096) {
                client.output.extend_from_slice(&bytes);
                busy = true;
            }
            client.read();
            self.after(home);
            if !busy {
                return;
            }
        }
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

fn pair(one: NodeId, other: NodeId) -> (NodeId, NodeId) {
    (one.min(other), one.max(other))
}

fn shard(node: NodeId) -> Shard {
    Shard(u16::try_from(node).unwrap_or(u16::MAX))
}
