//! A broker whose memory is looked at after each call, and clients of it.

use core::net::{Ipv4Addr, SocketAddr};

use crate::counting::{counted, held};
use crate::packets_with::{connect, packet, properties, publish, string};
use mqtt_broker_core::{
    AllowAll, Broker, Config, ConnectionHandle, Instant, Output, Peer, Policy, PublishRequest,
    Stats, Verdict,
};
use mqtt_codec::Version::{self, V5};

/// What may be held beside the account: the broker's own value and its empty root nodes.
const SLACK: usize = 4 << 10;

/// What a call may hold for its own time: a packet's worth, a chunk of a table being copied.
const CALL: usize = 512 << 10;

/// A broker whose memory is looked at after each call.
pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) now: Instant,
    ceiling: usize,
    pub(crate) wires: Vec<Wire>,
    /// Connections that the broker has something for.
    ready: Vec<ConnectionHandle>,
    calls: u64,
}

pub(crate) struct Wire {
    pub(crate) handle: ConnectionHandle,
    unread: Vec<u8>,
    waiting: bool,
    pub(crate) reads: bool,
    /// What was read, if it is of interest.
    pub(crate) seen: Option<Vec<u8>>,
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
    pub(crate) fn new(config: Config) -> Self {
        let ceiling = config.limits.memory;
        let broker = counted(|| Broker::new(config));
        let (now, wires) = (Instant::from_secs(1000), Vec::new());
        Self { broker, now, ceiling, wires, ready: Vec::new(), calls: 0 }
    }

    pub(crate) fn call<R>(&mut self, act: impl FnOnce(&mut Broker, Instant) -> R) -> R {
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

    pub(crate) fn open(&mut self) -> Option<usize> {
        let peer = Peer::new(SocketAddr::from((Ipv4Addr::LOCALHOST, 1)));
        let handle = self.call(|broker, now| broker.handle_accept(now, peer)).ok()?;
        let wire = Wire { handle, unread: Vec::new(), waiting: false, reads: true, seen: None };
        self.wires.push(wire);
        Some(self.wires.len() - 1)
    }

    pub(crate) fn connected(&mut self, version: Version, name: &str) -> Option<usize> {
        let wire = self.open()?;
        self.send(wire, &connect(version, 0, &expiring(version), &[string(name)]));
        (wire < self.wires.len()).then_some(wire)
    }

    pub(crate) fn send(&mut self, wire: usize, bytes: &[u8]) {
        self.wires[wire].unread.extend_from_slice(bytes);
        self.settle();
    }

    /// The host's turns, until there is nothing left to do.
    pub(crate) fn settle(&mut self) {
        for _ in 0..100_000 {
            let mut busy = false;
            let mut number = 0;
            while number < self.wires.len() {
                busy |= self.serve(number);
                number += 1;
            }
            busy |= self.outputs();
            busy |= self.read();
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
        if wire.waiting || wire.unread.is_empty() {
            return false;
        }
        let handle = wire.handle;
        let bytes = core::mem::take(&mut wire.unread);
        let mut policy = Sometimes(self.calls);
        let received =
            self.call(|broker, now| broker.handle_input(now, handle, &bytes, &mut policy));
        let wire = &mut self.wires[number];
        wire.unread = bytes[received.consumed..].to_vec();
        wire.waiting = received.waiting;
        received.consumed > 0 || received.waiting
    }

    /// Reads what there is for those who read.
    fn read(&mut self) -> bool {
        let mut busy = false;
        let mut buffer = [0; 2048];
        for handle in core::mem::take(&mut self.ready) {
            let Some(at) = self.wires.iter().position(|wire| wire.handle == handle) else {
                continue;
            };
            if !self.wires[at].reads {
                self.ready.push(handle);
                continue;
            }
            loop {
                let mut seen = self.wires[at].seen.take();
                let more = self.call(|broker, now| {
                    broker.poll_transmit(now, handle, &mut buffer, &mut AllowAll).map(|sent| {
                        // Of a lent payload the length is enough.
                        (sent.len, sent.payload.len())
                    })
                });
                if let (Some(seen), Some((len, payload))) = (&mut seen, more) {
                    seen.extend_from_slice(&buffer[..len]);
                    seen.resize(seen.len() + payload, 0);
                }
                self.wires[at].seen = seen;
                if more.is_none() {
                    break;
                }
                busy = true;
            }
        }
        busy
    }

    fn outputs(&mut self) -> bool {
        let mut busy = false;
        loop {
            // What is taken belongs to the host, which drops it under the count.
            let heard = self.call(|broker, _| match broker.poll_output() {
                None => None,
                Some(Output::Close(handle, _)) => Some((Some(handle), None, None, None)),
                Some(Output::Resume(handle)) => Some((None, Some(handle), None, None)),
                Some(Output::Decide(ticket, ..)) => Some((None, None, Some(ticket), None)),
                Some(Output::Transmit(handle)) => Some((None, None, None, Some(handle))),
                Some(_) => Some((None, None, None, None)),
            });
            let Some((closed, resumed, ticket, ready)) = heard else { return busy };
            busy = true;
            self.ready.extend(ready);
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

    /// The wire with this handle, if it is still there.
    pub(crate) fn wire(&self, handle: ConnectionHandle) -> Option<usize> {
        self.wires.iter().position(|wire| wire.handle == handle)
    }

    pub(crate) fn cut(&mut self, wire: usize) {
        let handle = self.wires.swap_remove(wire).handle;
        self.call(|broker, now| broker.handle_eof(now, handle));
        self.settle();
    }

    pub(crate) fn wait(&mut self, seconds: u64) {
        self.now = Instant(self.now.0 + seconds * 1_000_000);
        self.settle();
    }

    /// Everybody leaves; what is held then is what the account says.
    pub(crate) fn end(mut self) -> Stats {
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
pub(crate) fn expiring(version: Version) -> Vec<u8> {
    if version == V5 { vec![0x11, 0, 0, 0, 60, 0x22, 0, 10] } else { Vec::new() }
}

pub(crate) fn subscribe(
    version: Version,
    filters: impl Iterator<Item = String>,
    options: u8,
) -> Vec<u8> {
    let mut body = vec![0, 1];
    body.extend(properties(version, &[]));
    for filter in filters {
        body.extend(string(&filter));
        body.push(options);
    }
    packet(0x82, &body)
}

pub(crate) fn message(version: Version, first: u8, topic: &str, id: u16, len: usize) -> Vec<u8> {
    let bytes = publish(version, first, topic, id, &[]);
    let head = bytes.iter().skip(1).take_while(|byte| **byte >= 128).count() + 2;
    let mut body = bytes[head..].to_vec();
    body.resize(body.len() + len, b'x');
    packet(first, &body)
}

/// A linear congruential generator.
pub(crate) struct Chance(pub(crate) u64);

impl Chance {
    pub(crate) fn below(&mut self, limit: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % limit
    }
}

pub(crate) fn tight(memory: usize) -> Config {
    let mut config = Config::default();
    config.limits.memory = memory;
    config.limits.publication_bytes = memory;
    config.maximum_packet_size = 128 << 10;
    config
}
