//! What is held because of a peer is in the account, too: messages that are kept for it or on their way
//! to it, those of links that were cut, its interests, the stamps of retained messages, its groups.

use mqtt_broker_core::{AllowAll, Broker, Config, ConnectionHandle, Peer, Shard};
use mqtt_codec::Version::V5;

use crate::packets_with::{connect, packet, string};
use crate::world::{Chance, World, expiring, message, subscribe, tight};

const HERE: Shard = Shard(0);
const THERE: Shard = Shard(1);

/// A broker whose memory is looked at after each call, and one that it is joined to.
struct Pair {
    here: World,
    there: Broker,
    client: ConnectionHandle,
    /// What the client there has sent that its broker has not taken.
    unread: Vec<u8>,
    linked: bool,
    frame: Vec<u8>,
}

impl Pair {
    fn new(config: &Config) -> Self {
        let config = |shard| {
            let mut config = config.clone();
            (config.shards, config.shard) = (2, shard);
            config
        };
        let here = World::new(config(HERE));
        let mut other = config(THERE);
        (other.journal, other.limits.memory) = (false, 1 << 30);
        let mut there = Broker::new(other);
        let client = there.handle_accept(here.now, Peer::default()).unwrap();
        let bytes = connect(V5, 0, &expiring(V5), &[string("there")]);
        there.handle_input(here.now, client, &bytes, &mut AllowAll);
        let (unread, frame) = (Vec::new(), vec![0; 1 << 20]);
        let mut pair = Self { here, there, client, unread, linked: false, frame };
        pair.join();
        pair
    }

    fn join(&mut self) {
        self.linked = true;
        self.here.call(|broker, now| broker.handle_peer_up(now, THERE)).unwrap();
        self.there.handle_peer_up(self.here.now, HERE).unwrap();
    }

    fn cut(&mut self) {
        self.linked = false;
        self.here.call(|broker, now| broker.handle_peer_down(now, THERE));
        self.there.handle_peer_down(self.here.now, HERE);
    }

    /// The client there says something.
    fn say(&mut self, bytes: &[u8]) {
        self.unread.extend_from_slice(bytes);
        self.run_there();
    }

    fn run_there(&mut self) {
        let now = self.here.now;
        let (there, client) = (&mut self.there, self.client);
        for _ in 0..1000 {
            let mut buffer = [0; 2048];
            while there.poll_transmit(now, client, &mut buffer, &mut AllowAll).is_some() {}
            while there.poll_output().is_some() {}
            let taken = there.handle_input(now, client, &self.unread, &mut AllowAll);
            self.unread.drain(..taken.consumed);
            if there.poll_timeout().is_none_or(|due| due > now) {
                return;
            }
            there.handle_timeout(now);
        }
        panic!("the other broker does not come to rest");
    }

    /// Carries at most so many frames each way; whether there were any.
    fn carry(&mut self, at_most: usize) -> bool {
        let mut any = false;
        for _ in 0..at_most {
            let frame = &mut self.frame;
            // Copied to where there is room: what the host holds is not the broker's.
            let there = self.here.call(|broker, now| {
                let sent = broker.poll_forward(now, THERE)?;
                frame[..sent.len()].copy_from_slice(sent);
                Some(sent.len())
            });
            if let Some(len) = there {
                self.there.handle_forward(self.here.now, HERE, &self.frame[..len]).unwrap();
            }
            let back = self.there.poll_forward(self.here.now, HERE).map(<[u8]>::to_vec);
            if let Some(frame) = &back {
                self.here.call(|broker, now| broker.handle_forward(now, THERE, frame)).unwrap();
            }
            self.here.settle();
            self.run_there();
            any |= there.is_some() || back.is_some();
            if there.is_none() && back.is_none() {
                break;
            }
        }
        any
    }

    /// Everybody is gone, here and there, and what that leads to is done.
    fn end(mut self, filters: &[String]) {
        if !self.linked {
            self.join();
        }
        while self.carry(1000) {}
        for filter in filters {
            let bytes = [&[0, 1, 0][..], &string(filter)].concat();
            self.say(&packet(0xA2, &bytes));
            while self.carry(1000) {}
        }
        while !self.here.wires.is_empty() {
            self.here.cut(0);
            while self.carry(1000) {}
        }
        let sessions = self.here.broker.sessions();
        let names: Vec<String> = sessions.map(|view| view.client_identifier.to_owned()).collect();
        for name in names {
            self.here.call(|broker, now| broker.remove_session(now, &name));
        }
        self.here.settle();
        while self.carry(1000) {}
        for topic in 0..TOPICS {
            // Cleared there, it is cleared here.
            self.say(&message(V5, 0x31, &format!("t/{topic}"), 0, 0));
            while self.carry(1000) {}
        }
        assert_eq!(self.here.broker.stats().forwards_kept, 0);
        self.here.end();
    }
}

const TOPICS: u64 = 20;

/// Clients here and there subscribe and publish, over a link that is slow, or cut now and then.
fn random(seed: u64, mut config: Config) -> u64 {
    let mut chance = Chance(seed);
    config.journal = seed.is_multiple_of(2);
    config.limits.forwards = 6;
    let mut pair = Pair::new(&config);
    let mut filters = Vec::new();
    for _ in 0..300 {
        let topic = format!("t/{}", chance.below(TOPICS));
        let id = u16::try_from(chance.below(50) + 1).unwrap();
        let wires = pair.here.wires.len() as u64;
        let wire = usize::try_from(chance.below(wires.max(1))).unwrap();
        let first = [0x30, 0x31, 0x32, 0x33][usize::try_from(chance.below(4)).unwrap()];
        let len = usize::try_from(chance.below(3000)).unwrap();
        match chance.below(10) {
            0 => {
                let name = format!("here {}", chance.below(20));
                pair.here.connected(V5, &name);
            }
            1 | 2 => {
                let long = "x".repeat(usize::try_from(chance.below(300)).unwrap());
                let options = ["t/#", "$share/g/t/#", "t/+", &topic, &format!("{topic}/{long}")];
                let filter = options[usize::try_from(chance.below(5)).unwrap()].to_owned();
                let bytes = subscribe(V5, core::iter::once(filter.clone()), 1);
                if chance.below(2) == 0 {
                    pair.say(&bytes);
                    filters.push(filter);
                } else if wires > 0 {
                    pair.here.send(wire, &bytes);
                }
            }
            3..=5 if wires > 0 => {
                pair.here.send(wire, &message(V5, first, &topic, id, len));
            }
            6 => pair.say(&message(V5, first & 0xF1, &topic, id, len)),
            7 if pair.linked => pair.cut(),
            7 => pair.join(),
            8 if wires > 0 => pair.here.cut(wire),
            _ if pair.linked => {
                pair.carry(usize::try_from(chance.below(60)).unwrap());
            }
            _ => pair.here.wait(1),
        }
    }
    let dropped = pair.here.broker.stats().dropped_forwards;
    pair.end(&filters);
    dropped
}

#[test]
fn what_is_held_for_a_peer_is_in_the_account() {
    let mut dropped = 0;
    for seed in 0..24 {
        for memory in [1 << 20, 16 << 20] {
            dropped += random(seed, tight(memory));
        }
    }
    assert!(dropped > 10, "{dropped} messages were too many for the peer");
}

/// Very many of each at once.
#[test]
fn much_that_is_held_for_a_peer_is_in_the_account() {
    let mut config = tight(16 << 20);
    config.limits.retained = 100_000;
    let mut pair = Pair::new(&config);
    let filters: Vec<String> = (0..500).map(|n| format!("there/{n}/{}", "x".repeat(50))).collect();
    for filter in &filters {
        pair.say(&subscribe(V5, core::iter::once(filter.clone()), 1));
        while pair.carry(10) {}
    }
    for group in 0..50 {
        pair.say(&subscribe(V5, core::iter::once(format!("$share/{group}/t/#")), 1));
        while pair.carry(10) {}
    }
    let publisher = pair.here.connected(V5, "here").unwrap();
    // All of them wait: with QoS 0 behind a link that is up, with QoS 1 also without one.
    for n in 0..300 {
        pair.here.send(publisher, &message(V5, 0x30, &format!("t/{n}"), 0, 100));
    }
    pair.cut();
    for n in 0..3000_u16 {
        pair.here.send(publisher, &message(V5, 0x33, &format!("t/{n}"), n + 1, 100));
    }
    let stats = pair.here.broker.stats();
    assert!(stats.forwards_kept > 1000 && stats.retained > 1000, "{stats:?}");
    println!("{} bytes with {} messages kept", stats.memory, stats.forwards_kept);
    pair.join();
    while pair.carry(1000) {}
    assert_eq!(pair.here.broker.stats().forwards_kept, 0);
}
