//! One message with very many copies is queued over turns: no call is long, others are served
//! meanwhile, each subscriber has it once, and it is acknowledged when all copies are where they belong.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

#[path = "packets/packets_with.rs"]
mod packets_with;

use mqtt_broker_core::{AllowAll, Broker, Config, ConnectionHandle, Instant, Output, Peer};
use mqtt_codec::Version::V5;
use packets_with::{connect, packet, publish, string};

const NOW: Instant = Instant::from_secs(1);

/// As many as do not fit in one turn.
const MANY: u32 = 40_000;

/// As many as are not freed in the call that ends their Session and the next two, if a call has `FEW` steps.
const QUEUED: u32 = 500;
const FEW: u32 = 256;

struct World {
    broker: Broker,
    resumed: Vec<ConnectionHandle>,
}

impl World {
    fn new(config: Config) -> Self {
        Self { broker: Broker::new(config), resumed: Vec::new() }
    }

    fn connected(&mut self, name: &str, lasting: bool) -> ConnectionHandle {
        let handle = self.broker.handle_accept(NOW, Peer::default()).unwrap();
        let list: &[u8] = if lasting { &[0x11, 0xff, 0xff, 0xff, 0xff] } else { &[] };
        self.send(handle, &connect(V5, 0, list, &[string(name)]));
        handle
    }

    fn subscribed(&mut self, name: &str, filter: &str, lasting: bool) -> ConnectionHandle {
        let handle = self.connected(name, lasting);
        let body = [&[0, 1, 0][..], &string(filter), &[2]].concat();
        self.send(handle, &packet(0x82, &body));
        handle
    }

    /// Whether all was taken, and whether more would have to wait.
    fn send(&mut self, handle: ConnectionHandle, bytes: &[u8]) -> (bool, bool) {
        let received = self.broker.handle_input(NOW, handle, bytes, &mut AllowAll);
        (received.consumed == bytes.len(), received.waiting)
    }

    fn read(&mut self, handle: ConnectionHandle) -> Vec<u8> {
        let (mut buffer, mut read) = ([0; 4096], Vec::new());
        while let Some(sent) = self.broker.poll_transmit(NOW, handle, &mut buffer, &mut AllowAll) {
            let (len, payload) = (sent.len, sent.payload.to_vec());
            read.extend_from_slice(&buffer[..len]);
            read.extend_from_slice(&payload);
        }
        read
    }

    /// One turn; how many steps it took.
    fn turn(&mut self) -> u64 {
        let before = self.broker.stats().steps;
        self.broker.handle_timeout(NOW);
        while let Some(output) = self.broker.poll_output() {
            if let Output::Resume(handle) = output {
                self.resumed.push(handle);
            }
        }
        self.broker.stats().steps - before
    }

    fn has_work(&self) -> bool {
        self.broker.poll_timeout().is_some_and(|due| due <= NOW)
    }

    /// Turns until nothing is left to do.
    fn rest(&mut self) -> u32 {
        let mut turns = 0;
        while self.has_work() {
            let steps = self.turn();
            assert!(steps <= Broker::STEPS_PER_CALL + 2048, "{steps} steps in one call");
            turns += 1;
        }
        turns
    }

    /// What is in the journal and has not been taken, all of it durable now.
    fn records(&mut self) -> Vec<Vec<u8>> {
        let mut records = Vec::new();
        let mut last = None;
        while let Some(record) = self.broker.poll_journal() {
            records.push(record.bytes.to_vec());
            last = Some(record.lsn);
        }
        if let Some(last) = last {
            self.broker.durable(last);
        }
        records
    }
}

fn config() -> Config {
    let mut config = Config::default();
    config.inflight_messages = 64;
    config.events = false;
    config
}

fn message(id: u16) -> Vec<u8> {
    publish(V5, 0x32, "all", id, &[])
}

#[test]
fn a_message_for_very_many_is_queued_over_turns() {
    let mut world = World::new(config());
    let subscribers: Vec<ConnectionHandle> =
        (0..MANY).map(|n| world.subscribed(&format!("{n}"), "all", false)).collect();
    subscribers.iter().for_each(|handle| drop(world.read(*handle)));
    let publisher = world.connected("publisher", false);
    let other = world.connected("other", false);
    world.read(publisher);
    world.read(other);
    world.rest();
    let before = world.broker.stats().steps;
    let two = [message(7), message(8)].concat();
    let received = world.broker.handle_input(NOW, publisher, &two, &mut AllowAll);
    assert_eq!((received.consumed, received.waiting), (two.len() / 2, true));
    assert!(world.broker.stats().steps - before <= u64::from(MANY) + Broker::STEPS_PER_CALL);
    assert_eq!(world.read(publisher), [], "it is not acknowledged before its end");
    // Who has nothing to do with it goes on.
    let mut turns = 0;
    while world.has_work() {
        assert_eq!(world.send(other, &[0xC0, 0]), (true, false));
        assert_eq!(world.read(other), [0xD0, 0]);
        assert!(world.turn() <= Broker::STEPS_PER_CALL + 2048);
        turns += 1;
    }
    assert!(turns > 1, "{turns} turns");
    assert!(world.resumed.contains(&publisher));
    assert_eq!(world.read(publisher), [0x40, 2, 0, 7]);
    assert_eq!(world.send(publisher, &message(8)), (true, true));
    world.rest();
    assert_eq!(world.read(publisher), [0x40, 2, 0, 8]);
    for handle in subscribers {
        let read = world.read(handle);
        assert_eq!(read.len(), 2 * (2 + 5 + 2 + 1), "{read:x?}");
    }
    assert_eq!(world.broker.stats().publications, 2, "who has not acknowledged them may need them");
}

/// Beside a peer, too: only what comes from one, and what a group may give to one, is queued at once.
#[test]
fn a_message_for_very_many_is_queued_over_turns_beside_a_peer() {
    let mut config = config();
    config.shards = 2;
    let mut world = World::new(config);
    let subscribers: Vec<ConnectionHandle> =
        (0..MANY).map(|n| world.subscribed(&format!("{n}"), "all", false)).collect();
    subscribers.iter().for_each(|handle| drop(world.read(*handle)));
    let publisher = world.connected("publisher", false);
    world.read(publisher);
    world.rest();
    let before = world.broker.stats().steps;
    assert_eq!(world.send(publisher, &message(7)), (true, true));
    assert!(world.broker.stats().steps - before <= u64::from(MANY) + Broker::STEPS_PER_CALL);
    assert!(world.rest() > 1);
    assert_eq!(world.read(publisher), [0x40, 2, 0, 7]);
    for handle in subscribers {
        assert_eq!(world.read(handle).len(), 2 + 5 + 2 + 1);
    }
}

/// Each message that was not sent is told of, and the table of entries is empty in the end.
#[test]
fn what_was_left_unread_is_dropped_over_turns() {
    let mut world = World::new(config());
    let deaf = world.subscribed("deaf", "all", false);
    let publisher = world.connected("publisher", false);
    world.read(publisher);
    let burst = publish(V5, 0x30, "all", 0, &[]).repeat(1000);
    for _ in 0..100 {
        world.send(publisher, &burst);
        world.rest();
    }
    let before = world.broker.stats().steps;
    world.broker.handle_eof(NOW, deaf);
    // The line is looked over once in one go.
    let steps = world.broker.stats().steps - before;
    assert!(steps <= 100_000 + Broker::STEPS_PER_CALL + 2048, "{steps} steps");
    assert!(world.broker.stats().dropped_connection_ended < 100_000);
    assert!(world.rest() > 1);
    let stats = world.broker.stats();
    assert_eq!((stats.dropped_connection_ended, stats.entries), (100_000, 0));
    assert_eq!(stats.publications, 0);
}

/// What is read together is written together: a part of it would be a write to everybody.
#[test]
fn a_burst_for_a_thousand_is_taken_in_one_call() {
    let mut world = World::new(config());
    let subscribers: Vec<ConnectionHandle> =
        (0..1000).map(|n| world.subscribed(&format!("{n}"), "all", false)).collect();
    subscribers.iter().for_each(|handle| drop(world.read(*handle)));
    let publisher = world.connected("publisher", false);
    let burst = publish(V5, 0x30, "all", 0, &[]).repeat(64);
    assert_eq!(world.send(publisher, &burst), (true, false));
    for handle in subscribers {
        assert_eq!(world.read(handle).len(), 64 * (2 + 5 + 1));
    }
}

#[test]
fn very_many_share_groups_choose_over_turns() {
    let mut world = World::new(config());
    let member = world.connected("member", false);
    for n in 0..MANY {
        let body = [&[0, 1, 0][..], &string(&format!("$share/g{n}/all")), &[0]].concat();
        world.send(member, &packet(0x82, &body));
        world.rest();
        world.read(member);
    }
    let publisher = world.connected("publisher", false);
    world.read(publisher);
    world.send(publisher, &message(7));
    assert!(world.rest() > 1);
    assert_eq!(world.read(publisher), [0x40, 2, 0, 7]);
    assert_eq!(world.read(member).len(), MANY as usize * (2 + 5 + 1));
}

#[test]
fn all_copies_are_in_one_record_and_none_is_there_before_it() {
    let mut config = config();
    config.journal = true;
    let mut world = World::new(config.clone());
    let mut records = Vec::new();
    for n in 0..MANY {
        let handle = world.subscribed(&format!("{n}"), "all", true);
        world.broker.handle_eof(NOW, handle);
        records.extend(world.records());
    }
    let publisher = world.connected("publisher", true);
    records.extend(world.records());
    world.read(publisher);
    world.send(publisher, &publish(V5, 0x34, "all", 7, &[]));
    world.turn();
    // Somebody else makes changes that last.
    let other = world.connected("other", true);
    assert!(world.has_work());
    assert_eq!(world.records(), [] as [Vec<u8>; 0], "the record is open");
    // The publisher's connection is lost, and it comes back and asks again.
    world.broker.handle_eof(NOW, publisher);
    let publisher = world.connected("publisher", true);
    let again = publish(V5, 0x3C, "all", 7, &[]);
    assert_eq!(world.send(publisher, &again), (false, true), "it waits for the end");
    world.rest();
    assert_eq!(world.read(other), [], "not before the record is durable");
    let one = world.records();
    assert_eq!(one.len(), 1);
    assert!(world.resumed.contains(&publisher));
    assert_eq!(world.send(publisher, &again), (true, false));
    records.extend(one);
    records.extend(world.records());
    let read = world.read(publisher);
    assert_eq!(read[0], 0x20);
    assert_eq!(read[read.len() - 4..], [0x50, 2, 0, 7]);
    world.read(other);
    assert_eq!(world.broker.stats().entries, MANY, "each has it once");
    let mut replay = Broker::replay(config);
    for record in &records {
        replay.apply(record).unwrap();
    }
    let broker = replay.finish(NOW).unwrap();
    assert_eq!(broker.stats().entries, MANY);
}

#[test]
fn a_session_that_ends_meanwhile_has_no_copy_and_holds_nothing_up() {
    let mut world = World::new(config());
    let subscribers: Vec<ConnectionHandle> =
        (0..MANY).map(|n| world.subscribed(&format!("{n}"), "all", false)).collect();
    let publisher = world.connected("publisher", false);
    world.rest();
    world.send(publisher, &message(7));
    world.turn();
    for handle in subscribers {
        world.broker.handle_eof(NOW, handle);
    }
    world.broker.handle_eof(NOW, publisher);
    world.rest();
    let stats = world.broker.stats();
    assert_eq!((stats.sessions, stats.entries, stats.publications), (0, 0, 0));
    assert!(world.broker.stats().memory < 4 << 20, "{}", stats.memory);
}

/// What a share group chose an absent Session for, more than one call frees; then that Session is ended by
/// its client, while another member is absent too. The records up to where the end has begun, those of
/// the turns after it, and the broker there.
fn ended_in_turns(config: &Config, turns: u32) -> (Vec<Vec<u8>>, Vec<Vec<u8>>, World) {
    let mut world = World::new(config.clone());
    let mut records = Vec::new();
    let first = world.subscribed("first", "$share/g/all", true);
    world.broker.handle_eof(NOW, first);
    let publisher = world.connected("publisher", true);
    for _ in 0..QUEUED {
        world.send(publisher, &message(7));
        world.rest();
        records.extend(world.records());
        world.read(publisher);
    }
    assert_eq!(world.broker.stats().entries, QUEUED);
    let second = world.subscribed("second", "$share/g/all", true);
    world.broker.handle_eof(NOW, second);
    let again = world.broker.handle_accept(NOW, Peer::default()).unwrap();
    world.send(again, &connect(V5, 2, &[], &[string("first")]));
    records.extend(world.records());
    assert!(world.has_work(), "the end is not over");
    let mut later = Vec::new();
    for _ in 0..turns {
        world.turn();
        later.extend(world.records());
    }
    (records, later, world)
}

#[test]
fn what_a_group_gives_on_over_turns_survives_a_crash_in_between() {
    let mut config = config();
    config.journal = true;
    config.steps_per_call = FEW;
    let (mut records, later, _) = ended_in_turns(&config, 8);
    assert!(later.len() > 2, "{}", later.len());
    for some in later.iter().take(3).map(Some).chain([None]) {
        let mut replay = Broker::replay(config.clone());
        for record in &records {
            replay.apply(record).unwrap();
        }
        let mut world = World { broker: replay.finish(NOW).unwrap(), resumed: Vec::new() };
        assert_eq!(world.broker.stats().entries, QUEUED, "none is lost");
        assert_eq!(world.broker.stats().sessions, 2);
        world.rest();
        let second = world.connected("second", true);
        world.records();
        assert!(world.read(second).ends_with(&[0x32, 8, 0, 3, b'a', b'l', b'l', 0, 64, 0]));
        assert_eq!(world.broker.stats().entries, QUEUED, "all of it is the other's");
        records.extend(some.cloned());
    }
}

#[test]
fn a_snapshot_tells_of_what_a_group_has_yet_to_give_on() {
    let mut config = config();
    config.journal = true;
    config.steps_per_call = FEW;
    let (_, _, mut world) = ended_in_turns(&config, 0);
    let begun = world.broker.snapshot(NOW).unwrap();
    let mut told = Vec::new();
    let broker = loop {
        told.extend(world.records());
        let mut replay = Broker::replay(config.clone());
        for record in &told {
            replay.apply(record).unwrap();
        }
        // Until its end is there, a snapshot is none.
        if let Ok(broker) = replay.finish(NOW) {
            break broker;
        }
        world.turn();
    };
    assert!(world.broker.newest_record() > begun);
    assert_eq!(broker.stats().entries, QUEUED);
    let mut world = World { broker, resumed: Vec::new() };
    world.rest();
    world.records();
    assert_eq!(world.broker.stats().entries, QUEUED);
}

#[test]
fn what_is_durable_goes_however_few_steps_a_call_has() {
    for steps in 1..=4 {
        let mut config = config();
        config.journal = true;
        config.steps_per_call = steps;
        let mut world = World::new(config);
        let clients = ["a", "b", "c", "d"].map(|name| world.connected(name, true));
        world.records();
        world.rest();
        for handle in clients {
            world.read(handle);
            for _ in 0..3 {
                world.send(handle, &packet(0x82, &[&[0, 1, 0][..], &string("t"), &[2]].concat()));
            }
        }
        world.records();
        let mut turns = 0;
        while world.has_work() {
            turns += 1;
            assert!(turns < 100, "{steps} steps a call are never enough");
            world.turn();
        }
        for handle in clients {
            assert_eq!(world.read(handle), [0x90, 4, 0, 1, 0, 2].repeat(3), "{steps} steps");
        }
    }
}
