//! No byte that the broker holds is outside its account, and the account stays below its ceiling:
//! after every call of random clients and of hostile ones, held against the allocator.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

mod counting;
#[path = "../packets/packets_with.rs"]
mod packets_with;

use core::net::{Ipv4Addr, SocketAddr};

use counting::{Counting, counted, held};
use mqtt_broker_core::{
    AllowAll, Broker, Config, ConnectionHandle, Instant, Limit, Output, Peer, Policy,
    PublishRequest, QueueOverflow, Stats, Verdict,
};
use mqtt_codec::Version::{self, V3_1_1, V5};
use packets_with::{connect, packet, properties, publish, string};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What may be held beside the account: the broker's own value and its empty root nodes.
const SLACK: usize = 4 << 10;

/// What a call may hold for its own time: a packet's worth, a chunk of a table being copied.
const CALL: usize = 512 << 10;

/// A broker whose memory is looked at after each call.
struct World {
    broker: Broker,
    now: Instant,
    ceiling: usize,
    wires: Vec<Wire>,
    calls: u64,
}

struct Wire {
    handle: ConnectionHandle,
    unread: Vec<u8>,
    waiting: bool,
    reads: bool,
}

/// Defers one question in eight.
struct Sometimes(u64);

impl Policy for Sometimes {
    fn publish(&mut self, _: &PublishRequest<'_>) -> Verdict {
        self.0 += 1;
        if self.0 & 7 == 0 { Verdict::Defer } else { Verdict::Allow }
    }
}

impl World {
    fn new(config: Config) -> Self {
        let ceiling = config.limits.memory;
        let broker = counted(|| Broker::new(config));
        let (now, wires) = (Instant::from_secs(1000), Vec::new());
        Self { broker, now, ceiling, wires, calls: 0 }
    }

    fn call<R>(&mut self, act: impl FnOnce(&mut Broker, Instant) -> R) -> R {
        let now = self.now;
        let result = counted(|| act(&mut self.broker, now));
        self.check();
        result
    }

    fn check(&mut self) {
        self.calls += 1;
        let (held, peak) = held();
        let account = self.broker.stats().memory;
        assert!(held <= account + SLACK, "{held} bytes are held, {account} in the account");
        assert!(account <= self.ceiling, "{account} bytes in the account");
        assert!(peak <= self.ceiling + CALL, "{peak} bytes for a moment");
    }

    fn open(&mut self) -> Option<usize> {
        let peer = Peer::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        let handle = self.call(|broker, now| broker.handle_accept(now, peer)).ok()?;
        let wire = Wire { handle, unread: Vec::new(), waiting: false, reads: true };
        self.wires.push(wire);
        Some(self.wires.len() - 1)
    }

    fn connected(&mut self, version: Version, name: &str) -> Option<usize> {
        let wire = self.open()?;
        self.send(wire, &connect(version, 0, &expiring(version), &[string(name)]));
        (wire < self.wires.len()).then_some(wire)
    }

    fn send(&mut self, wire: usize, bytes: &[u8]) {
        self.wires[wire].unread.extend_from_slice(bytes);
        self.settle();
    }

    /// The host's turns, until there is nothing left to do.
    fn settle(&mut self) {
        for _ in 0..100_000 {
            let mut busy = false;
            let mut number = 0;
            while number < self.wires.len() {
                busy |= self.serve(number);
                number += 1;
            }
            busy |= self.outputs();
            if self.broker.poll_timeout().is_some_and(|due| due <= self.now) {
                self.call(|broker, now| broker.handle_timeout(now));
                busy = true;
            }
            while let Some(lsn) = self.call(|b, _| b.poll_journal().map(|record| record.lsn)) {
                self.call(|broker, _| broker.durable(lsn));
                busy = true;
            }
            if !busy {
                return;
            }
        }
        panic!("the broker does not come to rest");
    }

    fn serve(&mut self, number: usize) -> bool {
        let wire = &mut self.wires[number];
        let (handle, reads) = (wire.handle, wire.reads);
        let mut busy = false;
        if !wire.waiting && !wire.unread.is_empty() {
            let bytes = core::mem::take(&mut wire.unread);
            let mut policy = Sometimes(self.calls);
            let received =
                self.call(|broker, now| broker.handle_input(now, handle, &bytes, &mut policy));
            let wire = &mut self.wires[number];
            wire.unread = bytes[received.consumed..].to_vec();
            wire.waiting = received.waiting;
            busy = received.consumed > 0 || received.waiting;
        }
        if reads {
            let mut buffer = [0; 2048];
            while self.call(|broker, now| {
                broker.poll_transmit(now, handle, &mut buffer, &mut AllowAll).is_some()
            }) {}
        }
        busy
    }

    fn outputs(&mut self) -> bool {
        let mut busy = false;
        loop {
            // What is taken belongs to the host, which drops it under the count.
            let heard = self.call(|broker, _| match broker.poll_output() {
                None => None,
                Some(Output::Close(handle, _)) => Some((Some(handle), None, None)),
                Some(Output::Resume(handle)) => Some((None, Some(handle), None)),
                Some(Output::Decide(ticket, ..)) => Some((None, None, Some(ticket))),
                Some(_) => Some((None, None, None)),
            });
            let Some((closed, resumed, ticket)) = heard else { return busy };
            busy = true;
            if let Some(handle) = closed {
                self.call(|broker, now| broker.handle_eof(now, handle));
                self.wires.retain(|wire| wire.handle != handle);
            }
            for wire in &mut self.wires {
                if Some(wire.handle) == resumed {
                    wire.waiting = false;
                }
            }
            if let Some(ticket) = ticket {
                self.call(|broker, now| broker.resolve(now, ticket, Verdict::Allow));
            }
        }
    }

    fn cut(&mut self, wire: usize) {
        let handle = self.wires.swap_remove(wire).handle;
        self.call(|broker, now| broker.handle_eof(now, handle));
        self.settle();
    }

    fn wait(&mut self, seconds: u64) {
        self.now = Instant(self.now.0 + seconds * 1_000_000);
        self.settle();
    }

    /// Everybody leaves; what is held then is what the account says.
    fn end(mut self) -> Stats {
        while !self.wires.is_empty() {
            self.cut(0);
        }
        let names: Vec<String> =
            self.broker.sessions().map(|session| session.client_identifier.to_owned()).collect();
        for name in names {
            self.call(|broker, now| broker.remove_session(now, &name));
        }
        let mut topics = Vec::new();
        self.broker.retained(
            self.now,
            mqtt_codec::TopicFilter::new("#").unwrap(),
            u32::MAX,
            |message| {
                topics.push(message.topic.as_str().to_owned());
                true
            },
        );
        for topic in topics {
            let topic = mqtt_codec::TopicName::new(&topic).unwrap();
            let mut clear = mqtt_broker_core::ApplicationMessage::new(topic, b"");
            clear.retain = true;
            self.call(|broker, now| broker.publish(now, &clear)).unwrap();
        }
        self.settle();
        let stats = self.broker.stats();
        let left = (stats.connections, stats.sessions, stats.subscriptions, stats.retained);
        assert_eq!(left, (0, 0, 0, 0));
        assert_eq!((stats.entries, stats.publications, stats.wills), (0, 0, 0));
        assert_eq!((stats.offline_bytes, stats.retained_bytes, stats.deferred), (0, 0, 0));
        let ((held, _), account) = (held(), stats.memory);
        assert!(account <= held + SLACK, "{account} in the account, {held} bytes are held");
        counted(|| drop(self.broker));
        stats
    }
}

/// The Session Expiry Interval that makes a Session last, where it needs one.
fn expiring(version: Version) -> Vec<u8> {
    if version == V5 { vec![0x11, 0, 0, 0, 60, 0x22, 0, 10] } else { Vec::new() }
}

fn subscribe(version: Version, filters: impl Iterator<Item = String>, options: u8) -> Vec<u8> {
    let mut body = vec![0, 1];
    body.extend(properties(version, &[]));
    for filter in filters {
        body.extend(string(&filter));
        body.push(options);
    }
    packet(0x82, &body)
}

fn message(version: Version, first: u8, topic: &str, id: u16, len: usize) -> Vec<u8> {
    let bytes = publish(version, first, topic, id, &[]);
    let head = bytes.iter().skip(1).take_while(|byte| **byte >= 128).count() + 2;
    let mut body = bytes[head..].to_vec();
    body.resize(body.len() + len, b'x');
    packet(first, &body)
}

/// A linear congruential generator.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

fn tight(memory: usize) -> Config {
    let mut config = Config::default();
    config.limits.memory = memory;
    config.limits.publication_bytes = memory;
    config.maximum_packet_size = 128 << 10;
    config
}

fn random(seed: u64, mut config: Config) -> Stats {
    let mut chance = Chance(seed);
    config.journal = seed.is_multiple_of(3);
    config.queue_qos0 = seed.is_multiple_of(2);
    if seed.is_multiple_of(2) {
        config.queue_overflow = QueueOverflow::DropOldest;
    }
    config.limits.connections_per_address = 40;
    let mut world = World::new(config);
    for _ in 0..400 {
        let version = if chance.below(2) == 0 { V5 } else { V3_1_1 };
        let wire = if world.wires.is_empty() {
            None
        } else {
            Some(usize::try_from(chance.below(world.wires.len() as u64)).unwrap())
        };
        let topic =
            format!("t/{}/{}", chance.below(30), "long-level-".repeat(chance.below(4) as usize));
        let id = u16::try_from(chance.below(50) + 1).unwrap();
        match (chance.below(12), wire) {
            (0 | 1, _) | (_, None) => {
                let name = format!(
                    "client-{}{}",
                    chance.below(60),
                    "x".repeat(chance.below(200) as usize)
                );
                world.connected(version, &name);
            }
            (2, Some(wire)) => {
                let filter = ["t/#", "+/+/#", "$share/g/t/#", "t/1/+"][chance.below(4) as usize];
                let many = chance.below(20) + 1;
                let filters =
                    (0..many).map(|n| if n == 0 { filter.into() } else { format!("{topic}{n}") });
                let bytes = subscribe(V5, filters, 1 + (chance.below(2) as u8));
                world.send(wire, &bytes);
            }
            (3..=6, Some(wire)) => {
                let first = [0x30, 0x31, 0x32, 0x33, 0x34][chance.below(5) as usize];
                let len = usize::try_from(chance.below(9000)).unwrap();
                let bytes = message(V5, first, &topic, id, len);
                world.send(wire, &bytes.repeat(1 + chance.below(3) as usize));
            }
            (7, Some(wire)) => world.send(wire, &packet(0x40, &id.to_be_bytes())),
            (8, Some(wire)) => world.send(wire, &packet(0x62, &id.to_be_bytes())),
            (9, Some(wire)) => world.wires[wire].reads ^= true,
            (10, Some(wire)) => world.cut(wire),
            _ => world.wait(chance.below(3)),
        }
    }
    world.end()
}

#[test]
fn random_clients_stay_within_the_account_and_the_ceiling() {
    let mut refused = 0;
    for seed in 0..24 {
        for memory in [64 << 10, 256 << 10, 16 << 20] {
            let stats = random(seed, tight(memory));
            refused += stats.reached.count(Limit::Memory);
        }
    }
    assert!(refused > 100, "the ceiling was reached {refused} times");
}

/// A ceiling of 1 MiB, and each thing that a stranger can make grow is made to.
#[test]
fn whatever_a_stranger_makes_grow_stays_below_the_ceiling() {
    let attacks: [fn(&mut World); 8] = [
        |world| while world.open().is_some() {},
        |world| {
            for n in 0..3000 {
                world.connected(V3_1_1, &format!("session {n}"));
            }
        },
        |world| {
            let wire = world.connected(V5, "filters").unwrap();
            for n in 0..40 {
                let filters = (0..100).map(|m| format!("{n}/{m}/{}", "level/".repeat(20)));
                world.send(wire, &subscribe(V5, filters, 1));
            }
        },
        |world| {
            let wire = world.connected(V5, "retained").unwrap();
            for n in 0..5000 {
                world.send(wire, &message(V5, 0x31, &format!("retained/topic/{n}"), 0, 300));
            }
        },
        |world| {
            let deaf = world.connected(V5, "deaf").unwrap();
            world.send(deaf, &subscribe(V5, ["#".into()].into_iter(), 0));
            world.wires[deaf].reads = false;
            let loud = world.connected(V5, "loud").unwrap();
            for _ in 0..5000 {
                world.send(loud, &message(V5, 0x30, "x", 0, 1000));
            }
        },
        |world| {
            let away = world.connected(V5, "away").unwrap();
            world.send(away, &subscribe(V5, ["#".into()].into_iter(), 1));
            world.cut(away);
            let loud = world.connected(V5, "loud").unwrap();
            for n in 1..5000 {
                world.send(loud, &message(V5, 0x32, "x", n, 1000));
            }
        },
        |world| {
            let loud = world.connected(V5, "aliases").unwrap();
            for n in 1..3000_u16 {
                let alias = [&[0x23], &n.to_be_bytes()[..]].concat();
                let bytes = publish(V5, 0x30, &"a".repeat(1000), 0, &alias);
                if world.wires.get(loud).is_some() {
                    world.send(loud, &bytes);
                }
            }
        },
        |world| {
            let loud = world.connected(V3_1_1, "identifiers").unwrap();
            for n in 1..8000_u16 {
                world.send(loud, &message(V3_1_1, 0x34, "x", n, 0));
            }
        },
    ];
    let mut reached = 0;
    for (number, attack) in attacks.into_iter().enumerate() {
        let mut config = tight(1 << 20);
        config.topic_alias_maximum = u16::MAX;
        let mut world = World::new(config);
        attack(&mut world);
        println!("{number}: {} bytes", world.broker.stats().memory);
        reached += world.end().reached.count(Limit::Memory);
    }
    assert!(reached > 1000, "the ceiling was reached {reached} times");
}
