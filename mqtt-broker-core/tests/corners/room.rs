//! Where room is short: in the packets that a client takes, in a table, in memory.

use mqtt_broker_core::{ConnectionHandle, Event, Output};

use super::packets_with::{packet, string};
use super::world::{LASTS, NOW, World, message};

/// A Session that lasts, whose client is away and has so many QoS 0 messages; and their publisher.
fn with_messages(world: &mut World, messages: u32) -> ConnectionHandle {
    let subscriber = world.connected("subscriber", LASTS);
    world.subscribe(subscriber, "t", 0);
    world.read(subscriber);
    world.broker.handle_eof(NOW, subscriber);
    let publisher = world.connected("publisher", &[]);
    for _ in 0..messages {
        world.send(publisher, &message(0x30, "t", 0, b""));
    }
    publisher
}

//= [MQTT-3.2.0-1] type=test
#[test]
fn no_message_is_sent_where_the_connack_is_too_large() {
    let mut world = World::new(|config| config.queue_qos0 = true);
    with_messages(&mut world, 1);
    // Maximum Packet Size 10: the CONNACK is larger, the message is not.
    let list = [LASTS, &[0x27, 0, 0, 0, 10]].concat();
    let subscriber = world.open("subscriber", &list);
    assert_eq!(world.read(subscriber), []);
}

//= [MQTT-3.2.0-1] type=test
#[test]
fn no_message_is_sent_where_there_is_no_entry_for_the_connack() {
    let mut world = World::new(|config| {
        config.queue_qos0 = true;
        config.limits.entries = 8;
    });
    let publisher = with_messages(&mut world, 7);
    // The last entry is for its answer.
    world.send(publisher, &[0xc0, 0]);
    let subscriber = world.open("subscriber", LASTS);
    let read = world.read(subscriber);
    assert!(read.is_empty() || read[0] == 0x20, "{read:x?}");
}

//= [MQTT-3.1.2-24] type=test
#[test]
fn a_topic_alias_makes_no_packet_larger_than_its_client_takes() {
    let mut world = World::new(|_| {});
    let plain = message(0x30, "topic", 0, &[b'x'; 50]);
    // A Topic Alias Maximum, and the Maximum Packet Size that the packet has without an alias.
    let [a, b, c, d] = u32::try_from(plain.len()).unwrap().to_be_bytes();
    let subscriber = world.connected("subscriber", &[0x22, 0, 2, 0x27, a, b, c, d]);
    world.subscribe(subscriber, "topic", 0);
    world.read(subscriber);
    let publisher = world.connected("publisher", &[]);
    world.send(publisher, &plain);
    assert_eq!(world.read(subscriber), plain);
}

const MEMORY: usize = 1 << 20;

/// Of all memory, what is kept for those who are there.
const KEPT: usize = MEMORY / 32;

/// Takes all memory but what is kept and `left` bytes, by the Topic Aliases of a client.
fn fill(world: &mut World, left: usize) -> ConnectionHandle {
    let handle = world.connected("filler", &[]);
    let alias = |world: &mut World, number: u8, len: usize| {
        let topic = string(&"a".repeat(len));
        world.send(handle, &packet(0x30, &[&topic[..], &[3, 0x23, 0, number]].concat()));
    };
    (1..=16).for_each(|number| alias(world, number, 1));
    let full = MEMORY - KEPT - left;
    for number in 1..=15 {
        match full.saturating_sub(world.broker.stats().memory) {
            more if more > 70_000 => alias(world, number, 60_001),
            more if more > 20_000 => alias(world, number, more - 10_000 + 1),
            _ => {}
        }
    }
    let more = full - world.broker.stats().memory;
    alias(world, 16, more + 1);
    assert_eq!(world.broker.stats().memory, full);
    handle
}

/// What a subscriber gets of two QoS 1 messages, the first accepted with so many bytes of memory
/// left, the second when there is enough; `None` if the first was refused.
fn sent_with(left: usize) -> Option<Vec<u8>> {
    let mut world = World::new(|config| {
        config.limits.memory = MEMORY;
        config.events = false;
    });
    // Another's messages, so that the tables have room for a few more of everything.
    let other = world.connected("other", &[0x21, 0, 1]);
    world.subscribe(other, "o", 1);
    world.read(other);
    let subscriber = world.subscribed("subscriber", "t", 1);
    let publisher = world.connected("publisher", &[]);
    for id in 1..4 {
        world.send(publisher, &message(0x32, "o", id, b"x"));
    }
    world.read(publisher);
    for id in 1..4 {
        world.read(other);
        world.send(other, &[0x40, 2, 0, id]);
    }
    let filler = fill(&mut world, left);
    world.send(publisher, &message(0x32, "t", 1, b""));
    if world.read(publisher) != [0x40, 2, 0, 1] {
        return None;
    }
    let mut sent = world.read(subscriber);
    world.broker.handle_eof(NOW, filler);
    world.rest();
    assert!(world.broker.stats().memory < MEMORY / 2);
    world.send(publisher, &message(0x32, "t", 2, b""));
    sent.extend(world.read(subscriber));
    Some(sent)
}

#[test]
fn a_message_accepted_while_memory_is_short_is_sent_when_there_is_some() {
    let mut accepted = 0;
    for left in (0..400).step_by(8) {
        if let Some(sent) = sent_with(left) {
            assert!(!sent.is_empty(), "none of two messages, the first with {left} bytes left");
            accepted += 1;
        }
    }
    assert!(accepted > 0);
}

/// Events are bounded in bytes, too: there is no room for the notice before some have been polled.
#[test]
fn the_notice_of_dropped_outputs_waits_until_there_is_room() {
    let mut world = World::new(|config| config.limits.memory = 256 << 10);
    let mut dropped = 0;
    while dropped < 10 {
        let handle = world.connected("client", &[]);
        world.broker.handle_eof(NOW, handle);
        dropped = world.broker.stats().dropped_outputs;
    }
    let mut told = 0;
    while let Some(output) = world.broker.poll_output() {
        if let Output::Event(Event::OutputsDropped { count, .. }) = output {
            told += count;
        }
    }
    assert_eq!((told, world.broker.stats().dropped_outputs), (dropped, dropped));
}
