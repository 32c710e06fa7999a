//! Messages for so many that they are queued over turns, and what comes meanwhile.

use mqtt_broker_core::{ApplicationMessage, ConnectionHandle};
use mqtt_codec::{QoS, SubscriptionOptions, TopicFilter, TopicName};

use super::packets_with::{packet, string};
use super::world::{LASTS, NOW, UNSUBACK, World, message, unsubscribe};

/// Three clients publish to those who subscribe to "many", each its next message as soon as it may;
/// another publishes one that lasts, and one may leave. After how many turns, of 500, it is
/// acknowledged.
fn turns_to_a_puback(
    world: &mut World,
    subscribers: &[ConnectionHandle],
    leaves: Option<ConnectionHandle>,
) -> Option<u32> {
    let lasting = world.connected("lasting", LASTS);
    world.subscribe(lasting, "one", 1);
    let busy = ["a", "b", "c"].map(|name| world.connected(name, &[]));
    let patient = world.connected("patient", &[]);
    let many = message(0x30, "many", 0, b"");
    for handle in busy {
        world.offer(handle, &many);
    }
    world.send(patient, &message(0x32, "one", 7, b""));
    if let Some(handle) = leaves {
        world.broker.handle_eof(NOW, handle);
    }
    (0..500).find(|_| {
        for handle in world.turn() {
            world.offer(handle, &many);
        }
        world.durable();
        for handle in subscribers {
            world.read(*handle);
        }
        world.read(patient) == [0x40, 2, 0, 7]
    })
}

#[test]
fn who_publishes_to_many_holds_up_no_acknowledgement() {
    let mut world = World::new(|config| {
        config.journal = true;
        config.steps_per_call = 256;
    });
    let subscribers: Vec<ConnectionHandle> =
        (0..400).map(|n| world.subscribed(&format!("{n}"), "many", 0)).collect();
    let turns = turns_to_a_puback(&mut world, &subscribers, None);
    assert!(turns.is_some());
}

/// With the steps of a default configuration; somebody leaves, who has something to be freed.
#[test]
fn who_publishes_to_many_share_groups_holds_up_no_acknowledgement() {
    let mut world = World::new(|config| {
        config.journal = true;
        config.events = false;
    });
    let member = world.connected("member", &[]);
    for n in 0..40 {
        let filters =
            (0..1000).map(|m| [string(&format!("$share/{n}-{m}/many")), vec![0]].concat());
        let body = [vec![0, 1, 0], filters.collect::<Vec<_>>().concat()].concat();
        world.send_over_turns(member, &packet(0x82, &body));
        world.read(member);
    }
    assert_eq!(world.broker.stats().subscriptions, 40_000);
    let leaves = world.subscribed("leaves", "some", 1);
    let turns = turns_to_a_puback(&mut world, &[member], Some(leaves));
    assert!(turns.is_some());
}

#[test]
fn the_newest_record_is_the_one_that_a_message_put_off_will_be_in() {
    let mut world = World::new(|config| {
        config.journal = true;
        config.steps_per_call = 64;
    });
    for n in 0..100 {
        let handle = world.connected(&format!("{n}"), LASTS);
        world.subscribe(handle, "many", 1);
    }
    world.durable();
    let before = world.broker.newest_record();
    let plain = ApplicationMessage::new(TopicName::new("many").unwrap(), b"x");
    let message = ApplicationMessage { qos: QoS::AtLeastOnce, retain: true, ..plain };
    world.broker.publish(NOW, &message).unwrap();
    assert!(world.broker.newest_record() > before, "that one is durable, and it is not in it");
}

/// Who has no copy yet when it unsubscribes may get it before its UNSUBACK, not after it.
//= [MQTT-3.10.4-2] type=test
#[test]
fn no_copy_put_off_comes_after_an_unsuback() {
    let mut world = World::new(|config| config.steps_per_call = 64);
    let subscribers: Vec<ConnectionHandle> =
        (0..200).map(|n| world.subscribed(&format!("{n}"), "many", 1)).collect();
    let publisher = world.connected("publisher", &[]);
    world.send(publisher, &message(0x32, "many", 1, b""));
    let mut read: Vec<(ConnectionHandle, Vec<u8>)> =
        subscribers.into_iter().map(|handle| (handle, world.read(handle))).collect();
    read.retain(|(_, read)| read.is_empty());
    assert!(!read.is_empty(), "all copies are queued in one call");
    let mut waiting = Vec::new();
    for (handle, read) in &mut read {
        if world.offer(*handle, &unsubscribe("many")).waiting {
            waiting.push(*handle);
        }
        read.extend(world.read(*handle));
    }
    let resumed = world.rest();
    for handle in waiting {
        assert!(resumed.contains(&handle));
        world.send(handle, &unsubscribe("many"));
    }
    world.rest();
    for (handle, mut read) in read {
        read.extend(world.read(handle));
        assert!(read.ends_with(&UNSUBACK), "{read:x?}");
    }
}

/// One of 65 is the host's own subscription. It ends before the first message is queued for all, so
/// that the second has few enough to be queued at once.
#[test]
fn messages_of_the_host_stay_in_order_where_one_is_put_off() {
    let mut world = World::new(|config| config.steps_per_call = 64);
    let subscribers: Vec<ConnectionHandle> =
        (0..64).map(|n| world.subscribed(&format!("{n}"), "many", 0)).collect();
    let (filter, options) = (TopicFilter::new("many").unwrap(), SubscriptionOptions::default());
    let own = world.broker.subscribe(NOW, filter, options, None).unwrap();
    let publish = |world: &mut World, payload: &[u8]| {
        let message = ApplicationMessage::new(TopicName::new("many").unwrap(), payload);
        world.broker.publish(NOW, &message).unwrap();
    };
    publish(&mut world, b"one");
    world.broker.unsubscribe(NOW, own);
    publish(&mut world, b"two");
    world.rest();
    let both = [message(0x30, "many", 0, b"one"), message(0x30, "many", 0, b"two")].concat();
    for handle in subscribers {
        assert_eq!(world.read(handle), both);
    }
}
