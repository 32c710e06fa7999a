//! What is kept for a peer: over links that are cut, and brokers that crash.

use mqtt_broker_core::{ApplicationMessage, Broker, Shard};
use mqtt_codec::{QoS, TopicName};

use super::world::World;

/// Two shards with journals; ann publishes, ben's Session lasts.
fn two() -> World {
    let mut world = World::new(2, |config| config.journal = true);
    world.connect("ann", true, 1000);
    world.connect("ben", true, 1000);
    world.subscribe("ben", "a", QoS::ExactlyOnce);
    world
}

#[test]
fn a_cut_link_loses_nothing_and_repeats_nothing() {
    let mut world = two();
    world.publish("ann", "a", QoS::AtLeastOnce, "one");
    world.cut(0, 1);
    world.publish("ann", "a", QoS::AtLeastOnce, "two");
    world.publish("ann", "a", QoS::AtMostOnce, "zero");
    world.publish("ann", "a", QoS::ExactlyOnce, "three");
    assert_eq!(world.answers("ann").iter().filter(|a| a.contains("PUBCOMP")).count(), 1);
    assert_eq!(world.stats(0).forwards_kept, 2);
    world.join(0, 1);
    world.settle();
    assert_eq!(world.payloads("ben"), ["one", "two", "three"]);
    assert_eq!(world.stats(0).forwards_kept, 0);
    world.end();
}

#[test]
fn what_a_cut_link_drops_is_given_back() {
    let mut world = World::new(2, |_| {});
    world.connect("ann", true, 0);
    world.connect("ben", true, 0);
    world.subscribe("ben", "$share/a-group-with-a-name/a", QoS::AtMostOnce);
    world.publish("ann", "a", QoS::AtMostOnce, "first");
    assert_eq!(world.payloads("ben"), ["first"]);
    let mut held = Vec::new();
    for _ in 0..4 {
        world.full = true;
        for _ in 0..8 {
            world.publish("ann", "a", QoS::AtMostOnce, "lost");
        }
        world.cut(0, 1);
        world.full = false;
        world.join(0, 1);
        world.settle();
        assert_eq!(world.payloads("ben"), [""; 0]);
        held.push(world.stats(0).memory);
    }
    assert_eq!(held, [held[0]; 4]);
    world.end();
}

#[test]
fn a_forward_that_comes_again_is_ignored() {
    let mut world = two();
    world.slow = true;
    world.publish("ann", "a", QoS::ExactlyOnce, "one");
    // It arrives; that it has does not.
    world.carry(0, 1, usize::MAX);
    world.settle();
    assert_eq!(world.payloads("ben"), ["one"]);
    world.cut(0, 1);
    assert_eq!(world.stats(0).forwards_kept, 1);
    world.slow = false;
    world.join(0, 1);
    world.settle();
    assert_eq!(world.payloads("ben"), [""; 0]);
    assert_eq!(world.stats(0).forwards_kept, 0);
    world.end();
}

#[test]
fn nothing_leaves_before_it_is_durable() {
    let mut world = two();
    world.answers("ann");
    world.nodes[0].stalled = true;
    world.publish("ann", "a", QoS::AtLeastOnce, "one");
    world.publish("ann", "a", QoS::AtMostOnce, "zero");
    assert_eq!(world.answers("ann"), [""; 0]);
    assert_eq!(world.payloads("ben"), ["zero"]);
    world.nodes[0].stalled = false;
    world.settle();
    assert_eq!(world.answers("ann").len(), 1);
    assert_eq!(world.payloads("ben"), ["one"]);
    world.end();
}

#[test]
fn the_sender_keeps_it_until_the_receiver_has_it_on_disk() {
    let mut world = two();
    world.nodes[1].stalled = true;
    world.publish("ann", "a", QoS::AtLeastOnce, "one");
    assert_eq!(world.stats(0).forwards_kept, 1);
    assert!(world.answers("ann").iter().any(|answer| answer.contains("PUBACK")));
    // What the receiver had not on disk is gone with it.
    world.crash(1);
    world.connect("ben", false, 1000);
    assert_eq!(world.payloads("ben"), ["one"]);
    assert_eq!(world.stats(0).forwards_kept, 0);
    world.end();
}

#[test]
fn a_sender_that_crashes_sends_what_it_had_promised() {
    let mut world = two();
    world.publish("ann", "a", QoS::AtLeastOnce, "one");
    world.slow = true;
    world.publish("ann", "a", QoS::AtLeastOnce, "two");
    assert_eq!(world.answers("ann").iter().filter(|a| a.contains("PUBACK")).count(), 2);
    world.slow = false;
    world.crash(0);
    assert_eq!(world.payloads("ben"), ["one", "two"]);
    // Its sequences go on where they were.
    world.connect("ann", false, 1000);
    world.publish("ann", "a", QoS::AtLeastOnce, "three");
    assert_eq!(world.payloads("ben"), ["three"]);
    world.end();
}

#[test]
fn a_sender_that_crashes_knows_who_is_interested_before_anybody_tells() {
    let mut world = two();
    world.crash(0);
    world.cut(0, 1);
    world.connect("ann", false, 1000);
    world.publish("ann", "a", QoS::AtLeastOnce, "one");
    world.crash(0);
    assert_eq!(world.payloads("ben"), ["one"]);
    world.end();
}

#[test]
fn without_a_journal_a_crash_begins_a_new_run() {
    let mut world = World::new(2, |_| {});
    world.connect("ann", true, 0);
    world.connect("ben", true, 0);
    world.subscribe("ben", "a", QoS::AtLeastOnce);
    for payload in ["one", "two"] {
        world.publish("ann", "a", QoS::AtLeastOnce, payload);
    }
    world.wait(1);
    world.crash(0);
    world.connect("ann", true, 0);
    world.publish("ann", "a", QoS::AtLeastOnce, "three");
    assert_eq!(world.payloads("ben"), ["one", "two", "three"]);
    world.end();
}

#[test]
fn interests_that_ended_during_a_crash_are_forgotten() {
    let mut world = two();
    world.connect("sue", true, 0);
    world.subscribe("sue", "b", QoS::AtLeastOnce);
    // Sue's Session does not last.
    world.crash(1);
    world.connect("ben", false, 1000);
    world.publish("ann", "b", QoS::AtLeastOnce, "x");
    assert_eq!(world.stats(0).forwards_sent, 0);
    world.publish("ann", "a", QoS::AtLeastOnce, "y");
    assert_eq!(world.payloads("ben"), ["y"]);
    world.end();
}

#[test]
fn retained_messages_and_their_order_survive_a_crash() {
    let mut world = two();
    world.publish_with("ann", "r", QoS::AtLeastOnce, "one", true, None);
    world.publish_with("ann", "s", QoS::AtLeastOnce, "x", true, None);
    world.publish_with("ann", "s", QoS::AtLeastOnce, "", true, None);
    world.crash(0);
    world.crash(1);
    world.connect("ben", false, 1000);
    world.publish_with("ben", "r", QoS::AtLeastOnce, "two", true, None);
    assert_eq!((world.stats(0).retained, world.stats(1).retained), (1, 1));
    world.connect("eve", true, 0);
    world.subscribe("eve", "r", QoS::AtLeastOnce);
    assert_eq!(world.payloads("eve"), ["two"]);
    world.end();
}

#[test]
fn what_is_kept_for_a_peer_is_bounded_and_what_is_not_is_counted() {
    let mut world = World::new(2, |config| config.limits.forwards = 3);
    world.connect("ann", true, 0);
    world.connect("ben", true, 0);
    world.subscribe("ben", "a", QoS::AtLeastOnce);
    world.cut(0, 1);
    for number in 0..5 {
        world.publish("ann", "a", QoS::AtLeastOnce, &format!("{number}"));
    }
    world.publish_with("ann", "r", QoS::AtLeastOnce, "kept", true, None);
    let stats = world.stats(0);
    assert_eq!((stats.forwards_kept, stats.dropped_forwards), (3, 3));
    assert_eq!(world.dropped_forwards(0), ["a", "a", "r"]);
    world.join(0, 1);
    world.settle();
    assert_eq!(world.payloads("ben"), ["0", "1", "2"]);
    // A retained message that was dropped is told again.
    assert_eq!(world.stats(1).retained, 1);
    world.end();
}

#[test]
fn what_is_kept_for_a_peer_is_bounded_in_bytes() {
    // A topic of one byte and payloads of nine.
    let mut world = World::new(2, |config| config.limits.forward_bytes = 20);
    world.connect("ann", true, 0);
    world.connect("ben", true, 0);
    world.subscribe("ben", "a", QoS::AtLeastOnce);
    world.cut(0, 1);
    for payload in ["123456789", "987654321", ""] {
        world.publish("ann", "a", QoS::AtLeastOnce, payload);
    }
    let stats = world.stats(0);
    assert_eq!((stats.forwards_kept, stats.dropped_forwards), (2, 1));
    assert_eq!(world.dropped_forwards(0), ["a"]);
    world.join(0, 1);
    world.settle();
    assert_eq!(world.payloads("ben"), ["123456789", "987654321"]);
    // What has been taken makes room.
    world.publish("ann", "a", QoS::AtLeastOnce, "next");
    assert_eq!(world.payloads("ben"), ["next"]);
    world.end();
}

/// A peer that says at once that it has very many, and a link that is cut with very many on their way:
/// they are let go over turns.
#[test]
fn very_many_messages_are_let_go_over_turns() {
    const MANY: usize = 80_000;
    for qos in [QoS::AtLeastOnce, QoS::AtMostOnce] {
        let mut world = World::new(2, |config| config.recording = 0);
        world.connect("ann", true, 0);
        world.connect("ben", true, 0);
        world.subscribe("ben", "a", qos);
        world.slow = true;
        let broker = &mut world.nodes[0].broker;
        for _ in 0..MANY {
            let message = ApplicationMessage {
                qos,
                ..ApplicationMessage::new(TopicName::new("a").unwrap(), b"")
            };
            broker.publish(world.now, &message).unwrap();
        }
        let held = broker.stats().publications;
        assert_eq!(held, u32::try_from(MANY).unwrap());
        let before = broker.stats().steps;
        match qos {
            QoS::AtMostOnce => broker.handle_peer_down(world.now, Shard(1)),
            // Received, and the sequence of the last.
            _ => broker.handle_forward(world.now, Shard(1), &[8, 0x80, 0xF1, 0x04]).unwrap(),
        }
        let mut turns = 0;
        loop {
            let steps = broker.stats().steps;
            assert!(steps - before <= (turns + 1) * (Broker::STEPS_PER_CALL + 2048));
            if broker.poll_timeout().is_none_or(|due| due > world.now) {
                break;
            }
            broker.handle_timeout(world.now);
            turns += 1;
        }
        assert!(turns > 1, "{turns} turns");
        let stats = broker.stats();
        assert_eq!((stats.publications, stats.forwards_kept), (0, 0), "{qos}");
    }
}

#[test]
fn a_snapshot_tells_of_peers_too() {
    let mut world = two();
    world.publish_with("ann", "r", QoS::AtLeastOnce, "one", true, None);
    world.connect("ann", false, 1000);
    world.subscribe("ann", "$share/g/b", QoS::AtLeastOnce);
    world.cut(0, 1);
    for number in 0..3 {
        world.publish("ann", "a", QoS::AtLeastOnce, &format!("{number}"));
    }
    for node in 0..2 {
        let begun = world.nodes[node].broker.snapshot(world.now).unwrap();
        world.settle();
        // What came before the snapshot is not needed any more.
        world.nodes[node].forget_before(begun);
    }
    world.join(0, 1);
    world.crash(0);
    world.crash(1);
    world.connect("ben", false, 1000);
    assert_eq!(world.payloads("ben"), ["0", "1", "2"]);
    world.end();
}

/// Of the filters of both shards there are more than one of them may have.
#[test]
fn what_peers_want_is_known_however_many_subscriptions_there_may_be() {
    let mut world = World::new(2, |config| config.limits.subscriptions = 3);
    world.connect("ann", true, 0);
    world.connect("ben", true, 0);
    world.cut(0, 1);
    for filter in ["a", "b"] {
        world.subscribe("ann", filter, QoS::AtLeastOnce);
        world.subscribe("ben", &format!("{filter}/#"), QoS::AtLeastOnce);
    }
    world.join(0, 1);
    world.settle();
    for topic in ["a", "b"] {
        world.publish("ann", topic, QoS::AtLeastOnce, topic);
        world.publish("ben", topic, QoS::AtLeastOnce, topic);
    }
    assert_eq!(world.payloads("ann"), ["a", "a", "b", "b"]);
    assert_eq!(world.payloads("ben"), ["a", "a", "b", "b"]);
    // They count for who subscribes here.
    world.answers("ann");
    world.subscribe("ann", "c", QoS::AtLeastOnce);
    assert!(world.answers("ann")[0].contains("0x97"), "no room");
    world.end();
}
