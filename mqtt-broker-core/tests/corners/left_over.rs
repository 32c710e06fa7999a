//! What share groups had chosen an ended Session for, in a snapshot that is made meanwhile.

use mqtt_broker_core::{ApplicationMessage, Broker};
use mqtt_codec::{QoS, TopicName};

use super::world::{LASTS, NOW, World};

/// So many messages that they are given on over more turns than a snapshot needs.
const QUEUED: u32 = 5000;

/// A world for so many Sessions, in which an end takes many calls.
fn world(sessions: u32) -> World {
    World::new(|config| {
        config.journal = true;
        config.steps_per_call = 256;
        config.limits.sessions = sessions;
        config.limits.lasting_sessions = sessions;
        config.queue_messages = 3 * QUEUED;
    })
}

/// A client that has gone leaves a Session.
fn left(world: &mut World, client: &str, filter: &str) {
    let handle = world.connected(client, LASTS);
    world.subscribe(handle, filter, 1);
    world.durable();
    world.broker.handle_eof(NOW, handle);
}

/// A Session ends with very many messages of its group queued, for which there is another member.
fn end(world: &mut World, client: &str, topic: &str) {
    let group = format!("$share/g/{topic}");
    left(world, client, &group);
    for _ in 0..QUEUED {
        let topic = TopicName::new(topic).unwrap();
        let message =
            ApplicationMessage { qos: QoS::AtLeastOnce, ..ApplicationMessage::new(topic, b"x") };
        world.broker.publish(NOW, &message).unwrap();
        world.durable();
    }
    left(world, "other", &group);
    assert!(world.broker.remove_session(NOW, client));
    world.durable();
}

/// Which record a snapshot begins with.
fn begin_snapshot(world: &mut World) -> usize {
    world.durable();
    world.broker.snapshot(NOW).unwrap();
    world.records.len()
}

/// A broker of the records from here on, which holds what this one holds.
fn replayed(world: &mut World, from: usize) -> Broker {
    world.durable();
    let mut replay = Broker::replay(world.broker.config().clone());
    for record in &world.records[from..] {
        replay.apply(record).unwrap();
    }
    let (told, held) = (replay.durable_state(), world.broker.durable_state());
    let other = told.lines().zip(held.lines()).find(|(told, held)| told != held);
    assert_eq!((other, told.len()), (None, held.len()));
    replay.finish(NOW).unwrap()
}

#[test]
fn who_began_and_ended_during_a_snapshot_is_told_of_once() {
    let mut world = world(1000);
    for number in 0..300 {
        left(&mut world, &format!("{number}"), "b");
    }
    let begun = begin_snapshot(&mut world);
    end(&mut world, "member", "a");
    world.rest();
    replayed(&mut world, begun);
}

#[test]
fn who_has_ended_needs_no_room_in_a_replay() {
    let mut world = world(3);
    left(&mut world, "other", "b");
    // Its place is taken for as long as it has something left over.
    end(&mut world, "first", "a");
    left(&mut world, "second", "b");
    left(&mut world, "member", "b");
    world.rest();
    end(&mut world, "member", "c");
    left(&mut world, "third", "b");
    let begun = begin_snapshot(&mut world);
    world.rest();
    replayed(&mut world, begun);
}
