//! Limits that hold whichever way one comes to them, and that take nothing in vain.

use mqtt_broker_core::{Peer, QueueOverflow};
use mqtt_codec::Version::V5;

use super::packets_with::{connect, string};
use super::world::{LASTS, NOW, World, message};

/// As long as the name of a share group can be, nearly.
const LONG: usize = 60_000;

#[test]
fn a_session_that_comes_to_last_needs_a_place_among_those_that_do() {
    let mut world = World::new(|config| config.limits.lasting_sessions = 1);
    world.connected("one", LASTS);
    let refused = world.open("two", LASTS);
    assert_eq!(world.read(refused)[3], 0x97, "the limit is there");
    world.connected("two", &[]);
    // It is there now, and its client wants it to last after all.
    let refused = world.open("two", LASTS);
    assert_eq!(world.read(refused)[3], 0x97, "the limit is kept to");
}

#[test]
fn a_will_message_gives_its_place_to_its_clients_next() {
    let mut world = World::new(|config| config.limits.wills = 1);
    for _ in 0..2 {
        let handle = world.broker.handle_accept(NOW, Peer::default()).unwrap();
        let payload = [string("one"), vec![0], string("t"), string("")];
        world.send(handle, &connect(V5, 0x06, &[], &payload));
        assert_eq!(world.read(handle)[3], 0);
    }
    assert_eq!(world.broker.stats().wills, 1);
}

#[test]
fn a_refused_share_group_takes_no_memory() {
    let mut world = World::new(|config| {
        config.limits.subscriptions = 2;
        config.limits.memory = 64 << 20;
        config.events = false;
    });
    let handle = world.connected("client", &[]);
    world.subscribe(handle, "$share/a/t", 0);
    world.subscribe(handle, "$share/b/t", 0);
    world.read(handle);
    let name = "n".repeat(LONG);
    let before = world.broker.stats().memory;
    for _ in 0..100 {
        world.subscribe(handle, &format!("$share/{name}/t"), 0);
        world.read(handle);
    }
    let grown = world.broker.stats().memory.saturating_sub(before);
    assert!(grown < 100_000, "{grown} bytes more for subscriptions that were refused");
}

#[test]
fn refused_share_groups_keep_nobody_out() {
    let mut world = World::new(|config| {
        config.limits.subscriptions = 2;
        config.limits.memory = 16 << 20;
        config.events = false;
    });
    let first = world.connected("first", &[]);
    world.subscribe(first, "$share/a/t", 0);
    world.subscribe(first, "$share/b/t", 0);
    world.read(first);
    let name = "n".repeat(LONG);
    for _ in 0..300 {
        let Ok(handle) = world.broker.handle_accept(NOW, Peer::default()) else { break };
        world.send(handle, &connect(V5, 0, &[], &[string("refused")]));
        world.subscribe(handle, &format!("$share/{name}/t"), 0);
        world.read(handle);
        world.broker.handle_eof(NOW, handle);
        world.rest();
    }
    world.broker.handle_eof(NOW, first);
    world.rest();
    let new = world.connected("new", &[]);
    world.send(new, &message(0x33, "retained", 1, b"x"));
    assert_eq!(world.read(new), [0x40, 3, 0, 1, 0x10], "No matching subscribers, and kept");
    assert_eq!(world.broker.stats().retained, 1);
}

#[test]
fn nothing_gives_way_to_a_message_that_does_not_fit() {
    let mut world = World::new(|config| {
        config.queue_bytes = 2000;
        config.queue_overflow = QueueOverflow::DropOldest;
    });
    // Receive Maximum 1.
    let subscriber = world.connected("subscriber", &[0x21, 0, 1]);
    world.subscribe(subscriber, "t", 1);
    world.read(subscriber);
    let publisher = world.connected("publisher", &[]);
    let large = message(0x30, "t", 0, &[b'x'; 1400]);
    world.send(publisher, &large);
    for id in 1..4 {
        world.send(publisher, &message(0x32, "t", id, b"small"));
    }
    assert_eq!(world.broker.stats().dropped_queue_full, 0);
    // The first is unread, and cannot give way: whatever else did, this one would not fit.
    world.send(publisher, &large);
    assert_eq!(world.broker.stats().dropped_queue_full, 1, "the one that does not fit alone");
}
