//! Messages that come together are queued together: whatever cuts them short, they come out as if
//! each had come by itself.

use mqtt_broker_core::{ConnectionHandle, QueueOverflow};
use mqtt_codec::Version::V5;

use super::packets_with::publish;
use super::world::{LASTS, World, message};

/// Sends them in one piece or one by one.
fn send(world: &mut World, handle: ConnectionHandle, messages: &[Vec<u8>], together: bool) {
    match together {
        true => world.send(handle, &messages.concat()),
        false => messages.iter().for_each(|message| world.send(handle, message)),
    }
}

//= [MQTT-4.5.0-1] type=test
#[test]
fn a_burst_cut_short_by_a_turn_reaches_every_subscriber() {
    let mut world = World::new(|_| {});
    let subscribers: Vec<ConnectionHandle> =
        (0..5000).map(|n| world.subscribed(&format!("{n}"), "t", 0)).collect();
    let publisher = world.connected("publisher", &[]);
    let burst = publish(V5, 0x30, "t", 0, &[]).repeat(20);
    world.send_over_turns(publisher, &burst);
    for handle in subscribers {
        assert_eq!(world.read(handle), burst);
    }
}

/// The Topic Name is so long that what matches it is not kept beyond the call.
//= [MQTT-4.5.0-1] type=test
#[test]
fn a_burst_cut_short_by_a_wait_reaches_its_subscriber() {
    let mut world = World::new(|config| {
        config.limits.publish_rate = 1;
        config.limits.topic_bytes = u16::MAX;
    });
    let subscriber = world.subscribed("subscriber", "#", 0);
    let publisher = world.connected("publisher", &[]);
    let one = publish(V5, 0x30, &"t".repeat(65_535), 0, &[]);
    let received = world.offer(publisher, &one.repeat(2));
    assert_eq!((received.consumed, received.waiting), (one.len(), true));
    assert_eq!(world.read(subscriber), one);
}

/// The first two messages are more than the queue takes, so the subscriber is disconnected; a third waits for
/// its Session.
fn of_a_queue_that_disconnects(together: bool) -> (u64, u32) {
    let mut world = World::new(|config| {
        config.queue_bytes = 1000;
        config.queue_qos0 = true;
        config.queue_overflow = QueueOverflow::Disconnect;
    });
    let subscriber = world.connected("subscriber", LASTS);
    world.subscribe(subscriber, "t", 0);
    world.read(subscriber);
    let publisher = world.connected("publisher", &[]);
    let messages = [800, 500, 300].map(|len| message(0x30, "t", 0, &vec![b'x'; len]));
    send(&mut world, publisher, &messages, together);
    let broker = &world.broker;
    let mut sessions = broker.sessions();
    let session = sessions.find(|it| it.client_identifier == "subscriber").unwrap();
    (broker.stats().dropped_queue_full, session.queued)
}

#[test]
fn a_queue_that_disconnects_does_so_between_messages_of_a_burst() {
    assert_eq!(of_a_queue_that_disconnects(true), of_a_queue_that_disconnects(false));
}

/// The first two messages fill the room for publications; the queue takes one of them.
fn of_little_room_for_publications(together: bool) -> Vec<u8> {
    let mut world = World::new(|config| {
        config.queue_bytes = 300;
        config.limits.publication_bytes = 1000;
    });
    let subscriber = world.subscribed("subscriber", "t", 0);
    let publisher = world.connected("publisher", &[]);
    let messages = [480, 480, 100].map(|len| message(0x30, "t", 0, &vec![b'x'; len]));
    send(&mut world, publisher, &messages, together);
    world.read(subscriber)
}

#[test]
fn a_burst_holds_no_publication_that_its_next_message_needs() {
    assert_eq!(of_little_room_for_publications(true), of_little_room_for_publications(false));
}
