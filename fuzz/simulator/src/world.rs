//! [`World`]: clients, links, a node and a clock, from a plan. It runs in two phases: *safety*, in
//! which anything may go wrong, and *liveness*, in which nothing does and all has to come to rest.

mod crash;
mod host;
mod network;
mod trace;

use std::collections::BTreeSet;
use std::time::Duration;

use mqtt_broker_core::{Config, Instant, Lsn, Ticket};
use mqtt_codec::ReasonCode;

use self::trace::Trace;
pub use self::trace::{Counts, Outcome};
use crate::client::Client;
use crate::client::acting::Deed;
use crate::clock::{Agenda, Tellings, after};
use crate::disk::Death;
use crate::faults::{Fault, Faults};
use crate::link::{Link, LinkId};
use crate::message::Messages;
use crate::model::Settings;
use crate::node::{Node, NodeId};
use crate::oracle::late::Recording;
use crate::oracle::{Cause, Oracles};
use crate::plan::Plan;
use crate::random::Random;
use crate::rules::Rules;
use crate::workload::{Profile, Reading, Workload};

/// When a world begins: long enough after the epoch that its clock can go back.
const BEGINNING: Instant = Instant::from_secs(1_000_000);
/// How long a world has to come to rest, in milliseconds.
const HEALING: u64 = 120_000;
/// How many things may happen before a world counts as one that never ends.
const HAPPENINGS: u64 = 2_000_000;

/// Purposes of chance.
const WORKLOAD: u64 = 1 << 32;
const FAULTS: u64 = 2 << 32;
const HOST: u64 = 3 << 32;
const NETWORK: u64 = 4 << 32;
const CLIENTS: u64 = 5 << 32;
const CRASHES: u64 = 6 << 32;

/// A world.
#[derive(Debug)]
pub struct World {
    now: Instant,
    agenda: Agenda<Happening>,
    tellings: Tellings,
    workload: Workload,
    faults: Faults,
    /// Chance of links and of the host.
    network: Random,
    host: Random,
    chance_of_crash: Random,
    nodes: Vec<Node>,
    links: Vec<Link>,
    clients: Vec<Client>,
    messages: Messages,
    oracles: Oracles,
    turns: u32,
    healed_at: Option<Instant>,
    trace: Trace,
    recording: Option<Recording>,
}

/// Something that is to happen.
#[derive(Clone, Copy, Debug)]
enum Happening {
    /// A client has its turn.
    Turn(usize),
    /// A client keeps its connection alive.
    Ping(usize),
    /// The host of a node has its turn.
    HostTurn(NodeId),
    /// A connection reaches the host.
    Accept(LinkId),
    /// Bytes reach the host.
    Up(LinkId),
    /// Bytes reach the client.
    Down(LinkId),
    /// The host offers again what it holds.
    Offer(LinkId),
    /// The host comes to write.
    Transmit(LinkId),
    /// The host comes to close.
    Close(LinkId),
    /// The host notices that a connection is dead.
    Eof(LinkId),
    /// The client notices that a connection is dead.
    Lost(LinkId),
    /// Of a node in this life of it.
    Node(NodeId, u32, NodeEvent),
    /// A node that has died comes back.
    Rise(NodeId),
    /// Every client that is not at rest is looked after.
    Heal,
}

/// Something that is to happen to a node, unless it dies before.
#[derive(Clone, Copy, Debug)]
enum NodeEvent {
    /// The time is told.
    Timer,
    /// A sync that began at this record is done.
    Synced(Lsn),
    /// The host says what is durable.
    Durable(Lsn),
    /// The disk has room again.
    Room,
    /// A question that was put off is answered.
    Resolve(Ticket, bool, ReasonCode),
    /// It dies.
    Die(Death),
}

impl World {
    /// The world of a plan; with `trace`, it keeps an account of what happens.
    #[must_use]
    pub fn new(plan: &Plan, trace: bool) -> Self {
        let random = Random::new(plan.seed);
        let mut workload = Workload::new(plan.workload.as_deref(), &mut random.fork(WORKLOAD));
        workload.clients.truncate(plan.clients);
        workload.config.defect = plan.defect;
        let config = workload.config.clone();
        let mut rules = Rules::default();
        rules.defer_every = workload.defer_every;
        let settings = Settings {
            session_expiry_maximum: config.session_expiry_maximum,
            message_expiry_maximum: config.message_expiry_maximum,
            host_listens: workload.host.listens,
            is_tight: workload.name == "limits",
            are_calls_short: config.steps_per_call < Config::default().steps_per_call,
        };
        let small = workload.clients.iter().any(|profile| profile.maximum_packet_size.is_some());
        let clients: Vec<Client> = (CLIENTS..)
            .zip(&workload.clients)
            .map(|(purpose, profile)| Client::new(profile.clone(), random.fork(purpose)))
            .collect();
        // The calls of a calm world are made again, by one broker.
        let calm = plan.faults.without(Fault::Crash).without(Fault::PowerCut);
        let possible = if workload.is_calm { calm } else { plan.faults };
        let recording = workload.is_calm.then(Recording::default);
        let mut world = Self {
            now: BEGINNING,
            agenda: Agenda::default(),
            tellings: Tellings::default(),
            faults: Faults::new(&random.fork(FAULTS), possible),
            network: random.fork(NETWORK),
            host: random.fork(HOST),
            chance_of_crash: random.fork(CRASHES),
            nodes: vec![Node::new(config.clone(), rules, workload.store)],
            links: Vec::new(),
            clients,
            messages: Messages::default(),
            oracles: Oracles::new(config, settings, small),
            turns: plan.turns,
            healed_at: None,
            trace: Trace::new(trace),
            recording,
            workload,
        };
        let breaks = |profile: &Profile| profile.deeds.iter().any(|(deed, _)| *deed == Deed::Break);
        let breakers = (0..).zip(&world.workload.clients).filter(|(_, profile)| breaks(profile));
        world.oracles.conduct.breakers = breakers.map(|(number, _)| number).collect();
        world.begin();
        world
    }

    /// How its broker was made: the configuration, and whether the host listens.
    #[must_use]
    pub fn recipe(&self) -> (Config, bool) {
        (self.workload.config.clone(), self.workload.host.listens)
    }

    /// Lives it to its end.
    #[must_use]
    pub fn run(mut self) -> Outcome {
        let mut happenings = 0;
        while self.oracles.failure.is_none() {
            if let Some(healed) = self.healed_at {
                if self.agenda.next_at().is_none_or(|next| next > after(healed, HEALING)) {
                    self.finish();
                    break;
                }
            }
            let Some((at, happening)) = self.agenda.take() else { break };
            self.now = self.now.max(at);
            self.happen(happening);
            self.watch_the_clocks();
            happenings += 1;
            if happenings > HAPPENINGS {
                let never = Err("the world does not come to rest".to_string());
                self.oracles.judge::<()>("liveness", never);
            }
        }
        self.trace.outcome(self.oracles, &self.faults, self.workload.name, self.recording)
    }

    fn begin(&mut self) {
        for node in 0..self.nodes.len() {
            self.listen(node);
            self.agenda.put(after(self.now, 50), Happening::HostTurn(node));
        }
        for client in 0..self.clients.len() {
            let at = self.later(client);
            self.agenda.put(at, Happening::Turn(client));
            let alive = self.ping_interval(client);
            if alive > 0 {
                self.agenda.put(after(self.now, alive), Happening::Ping(client));
            }
        }
        if self.clients.is_empty() {
            self.heal();
        }
    }

    fn happen(&mut self, happening: Happening) {
        match happening {
            Happening::Turn(client) => self.client_turn(client),
            Happening::Ping(client) => self.client_ping(client),
            Happening::HostTurn(node) => self.host_turn(node),
            Happening::Accept(link) => self.accept(link),
            Happening::Up(link) => self.arrive_up(link),
            Happening::Down(link) => self.arrive_down(link),
            Happening::Offer(link) => self.offer(link),
            Happening::Transmit(link) => self.transmit(link),
            Happening::Close(link) => self.close(link),
            Happening::Eof(link) => self.eof(link),
            Happening::Lost(link) => self.lost(link),
            Happening::Node(node, life, event) => {
                if self.nodes[node].is_up && self.nodes[node].life == life {
                    self.happen_to(node, event);
                }
            }
            Happening::Rise(node) => self.rise(node),
            Happening::Heal => self.look_after(),
        }
    }

    fn happen_to(&mut self, node: NodeId, event: NodeEvent) {
        match event {
            NodeEvent::Timer => {
                self.nodes[node].timer_at = None;
                let right = self.tellings.tell(self.now);
                self.oracles.judge("liveness", right);
                self.timeout(node);
            }
            NodeEvent::Synced(lsn) => self.synced(node, lsn),
            NodeEvent::Durable(lsn) => self.durable(node, lsn),
            NodeEvent::Room => self.disk_has_room(node),
            NodeEvent::Resolve(ticket, allowed, denial) => {
                self.resolve(node, ticket, allowed, denial);
            }
            NodeEvent::Die(death) => self.die(node, death),
        }
    }

    /// Puts something down that is to happen to a node in this life of it.
    fn plan(&mut self, at: Instant, node: NodeId, event: NodeEvent) {
        let life = self.nodes[node].life;
        self.agenda.put(at, Happening::Node(node, life, event));
    }

    /// Puts down when the brokers want to be told the time.
    fn watch_the_clocks(&mut self) {
        for node in 0..self.nodes.len() {
            let Some(due) = self.nodes[node].timeout_at() else { continue };
            let timer_at = self.nodes[node].timer_at;
            if timer_at.is_some_and(|at| at <= due.max(self.now)) {
                continue;
            }
            let late = self.faults.strikes(Fault::LateTimer).map_or(0, |random| random.below(500));
            let at = after(due.max(self.now), late);
            if timer_at.is_none_or(|before| at < before) {
                self.nodes[node].timer_at = Some(at);
                self.plan(at, node, NodeEvent::Timer);
            }
        }
    }

    /// The node that a client connects to.
    const fn home(&self, client: usize) -> NodeId {
        client % self.nodes.len()
    }

    /// What the clock of a connection's node says.
    fn clock_of(&self, link: LinkId) -> Instant {
        self.nodes[self.links[link as usize].node].clock(self.now)
    }

    /// One turn less; whether it was one of those the world has.
    fn take_turn(&mut self) -> bool {
        if self.healed_at.is_some() {
            return false;
        }
        self.turns = self.turns.saturating_sub(1);
        if self.turns == 0 {
            self.heal();
            return false;
        }
        true
    }

    /// From here on nothing goes wrong.
    fn heal(&mut self) {
        self.healed_at = Some(self.now);
        self.trace.note(self.now, || "nothing goes wrong any more".into());
        self.faults.heal();
        for node in 0..self.nodes.len() {
            self.nodes[node].rules.defer_every = 0;
            if !self.nodes[node].is_up {
                self.agenda.put(self.now, Happening::Rise(node));
            }
            self.plan(self.now, node, NodeEvent::Room);
        }
        for link in 0..self.links.len() {
            let id = LinkId::try_from(link).unwrap_or(LinkId::MAX);
            let link = &mut self.links[link];
            // What comes before its connection does would be lost.
            if link.handle.is_some() {
                link.up.stalled_until = Instant::default();
            }
            link.down.stalled_until = Instant::default();
            if link.abandoned && link.handle.is_some() {
                self.agenda.put(self.now, Happening::Eof(id));
            }
            self.agenda.put(self.now, Happening::Up(id));
            self.agenda.put(self.now, Happening::Down(id));
            self.agenda.put(self.now, Happening::Transmit(id));
        }
        for client in &mut self.clients {
            client.profile.reading = Reading::Fast;
        }
        self.agenda.put(self.now, Happening::Heal);
    }

    fn look_after(&mut self) {
        for client in 0..self.clients.len() {
            let wish = self.clients[client].heal(&mut self.messages);
            self.grant(client, wish);
        }
        let end = self.healed_at.map_or(Instant::NEVER, |healed| after(healed, HEALING / 2));
        if self.now < end {
            self.agenda.put(after(self.now, 2000), Happening::Heal);
        }
    }

    /// The world had the time to come to rest. Has it?
    fn finish(&mut self) {
        let tight = self.workload.name == "limits";
        let mut settled = BTreeSet::new();
        for (number, client) in self.clients.iter().enumerate() {
            let is_back = client.link.is_some() || !client.is_persistent;
            if is_back && client.is_at_rest() {
                // Of one that is away, a Session may be left that it does not know of.
                if client.link.is_some() {
                    settled.insert(number);
                }
                continue;
            }
            let is_let_in = !client.profile.name.starts_with(crate::rules::BANNED);
            if !tight && is_let_in {
                let state = format!("{} has not come to rest: {client:?}", client.name);
                self.oracles.judge::<()>("liveness", Err(state));
                return;
            }
        }
        let shown = self.retained();
        let partial = self.links.iter().filter(|link| !link.given.is_empty()).count() as u64;
        let node = &self.nodes[0];
        self.oracles.compare(&node.broker, &self.messages, partial);
        let now = node.clock(self.now);
        self.oracles.finish(now, &settled, &shown);
        self.outlive(now);
    }

    /// Everybody leaves, and nobody comes for longer than any interval can say: what lasts for ever is
    /// still there.
    fn outlive(&mut self, now: Instant) {
        let node = &mut self.nodes[0];
        for handle in std::mem::take(&mut node.handles).into_keys() {
            node.eof(now, handle);
        }
        let then = now + Duration::from_secs(u64::from(u32::MAX) * 2);
        while node.broker.poll_timeout().is_some_and(|due| due <= then) {
            node.timeout(then);
            while node.output(|_| {}) {}
            node.journal(then);
            node.durable(node.broker.newest_record());
        }
        self.oracles.outlived(&node.broker);
    }

    /// When a client has its next turn.
    fn later(&mut self, client: usize) -> Instant {
        let (low, high) = self.workload.clients[client].gap;
        let gap = self.clients[client].random_gap(low, high);
        Instant(self.now.0 + gap)
    }

    /// Milliseconds between two signs of life of a client; 0 if it need give none.
    fn ping_interval(&self, client: usize) -> u64 {
        let own = u64::from(self.workload.clients[client].keep_alive);
        let imposed = u64::from(self.workload.config.server_keep_alive);
        let shortest = [own, imposed].into_iter().filter(|seconds| *seconds > 0).min();
        shortest.map_or(0, |seconds| seconds * 600)
    }

    fn call(&mut self, node: NodeId, cause: &Cause<'_>) {
        host::after_call(self, node, core::slice::from_ref(cause));
    }
}
