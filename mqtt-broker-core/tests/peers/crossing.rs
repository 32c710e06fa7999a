//! Messages from one shard to the others.

use mqtt_codec::{Properties, QoS, RetainHandling, SubscriptionOptions, TopicName, Will};

use super::world::World;

const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// Two shards with a client each, whose Sessions last.
fn two() -> World {
    let mut world = World::new(2, |_| {});
    world.connect("ann", true, 1000);
    world.connect("ben", true, 1000);
    world
}

#[test]
fn a_message_reaches_who_subscribes_on_another_shard() {
    let mut world = two();
    world.subscribe_with("ben", "a/+", SubscriptionOptions::new(QoS::ExactlyOnce), Some(9));
    for (qos, payload) in QOS.into_iter().zip(["zero", "one", "two"]) {
        world.publish("ann", "a/b", qos, payload);
    }
    let taken = world.take("ben");
    let seen: Vec<_> =
        taken.iter().map(|got| (got.qos, &*got.payload, &*got.identifiers)).collect();
    assert_eq!(seen, [(0, "zero", &[9_u32][..]), (1, "one", &[9]), (2, "two", &[9])]);
    assert_eq!(world.payloads("ann"), [""; 0]);
    let codes = world.answers("ann");
    assert!(codes.iter().all(|answer| !answer.contains("0x10")), "{codes:?}");
    assert_eq!(world.stats(0).forwards_kept, 0);
    world.end();
}

#[test]
fn what_nobody_subscribes_to_stays_where_it_is() {
    let mut world = two();
    world.subscribe("ben", "b", QoS::AtLeastOnce);
    world.publish("ann", "a", QoS::AtLeastOnce, "x");
    assert_eq!(world.stats(0).forwards_sent, 0);
    assert!(world.answers("ann").iter().any(|answer| answer.contains("0x10")));
    world.unsubscribe("ben", "b");
    world.publish("ann", "b", QoS::AtLeastOnce, "y");
    assert_eq!(world.stats(0).forwards_sent, 0);
    world.end();
}

#[test]
fn overlapping_filters_are_one_forward_and_one_copy() {
    let mut world = two();
    for (filter, identifier) in [("a/b", 1), ("a/+", 2), ("#", 3)] {
        let options = SubscriptionOptions::new(QoS::AtLeastOnce);
        world.subscribe_with("ben", filter, options, Some(identifier));
    }
    world.publish("ann", "a/b", QoS::ExactlyOnce, "x");
    let taken = world.take("ben");
    assert_eq!(taken.len(), 1);
    assert_eq!((taken[0].qos, &*taken[0].identifiers), (1, &[1, 2, 3][..]));
    assert_eq!(world.stats(0).forwards_sent, 1);
    world.end();
}

#[test]
fn no_local_is_about_the_client_and_not_its_shard() {
    let mut world = two();
    let options = SubscriptionOptions { no_local: true, ..SubscriptionOptions::new(QOS[1]) };
    world.subscribe_with("ann", "a", options, None);
    world.subscribe_with("ben", "a", options, None);
    world.publish("ann", "a", QoS::AtLeastOnce, "x");
    assert_eq!((world.payloads("ann").len(), world.payloads("ben").len()), (0, 1));
    world.end();
}

#[test]
fn a_system_topic_matches_no_wildcard_at_its_front() {
    let mut world = two();
    world.subscribe("ben", "#", QoS::AtLeastOnce);
    world.host_publish(0, "$SYS/uptime", QoS::AtLeastOnce, "x");
    world.host_publish(0, "uptime", QoS::AtLeastOnce, "y");
    assert_eq!(world.payloads("ben"), ["y"]);
    world.subscribe("ben", "$SYS/#", QoS::AtLeastOnce);
    world.host_publish(0, "$SYS/uptime", QoS::AtLeastOnce, "z");
    assert_eq!(world.payloads("ben"), ["z"]);
    world.end();
}

#[test]
fn a_will_message_crosses() {
    let mut world = two();
    world.subscribe("ben", "gone", QoS::AtLeastOnce);
    let will = Will {
        qos: QoS::AtLeastOnce,
        retain: false,
        topic: TopicName::new("gone").unwrap(),
        payload: b"ann",
        properties: Properties::EMPTY,
    };
    world.connect_with("ann", true, 0, Some(will));
    world.hang_up("ann");
    world.settle();
    assert_eq!(world.payloads("ben"), ["ann"]);
    world.end();
}

#[test]
fn the_expiry_interval_goes_on_while_a_message_waits_for_the_link() {
    let mut world = two();
    world.subscribe("ben", "a", QoS::AtLeastOnce);
    world.cut(0, 1);
    world.publish_with("ann", "a", QoS::AtLeastOnce, "short", false, Some(5));
    world.publish_with("ann", "a", QoS::AtLeastOnce, "long", false, Some(100));
    world.wait(30);
    world.join(0, 1);
    world.settle();
    let taken = world.take("ben");
    assert_eq!(taken.len(), 1);
    assert_eq!((&*taken[0].payload, taken[0].expiry), ("long", Some(70)));
    world.end();
}

#[test]
fn a_suback_waits_for_the_peers() {
    let mut world = two();
    world.slow = true;
    world.subscribe("ben", "a", QoS::AtLeastOnce);
    assert!(!world.answers("ben").iter().any(|answer| answer.contains("SUBACK")));
    // It has not asked yet, as far as ann's broker knows.
    world.publish("ann", "a", QoS::AtLeastOnce, "before");
    world.carry(1, 0, usize::MAX);
    world.publish("ann", "a", QoS::AtLeastOnce, "while");
    world.carry(0, 1, usize::MAX);
    world.settle();
    assert!(world.answers("ben").iter().any(|answer| answer.contains("SUBACK")));
    world.publish("ann", "a", QoS::AtLeastOnce, "after");
    world.carry(0, 1, usize::MAX);
    world.settle();
    assert!(world.payloads("ben").contains(&"after".into()));
    world.end();
}

#[test]
fn a_suback_does_not_wait_for_a_link_that_is_cut() {
    let mut world = two();
    world.slow = true;
    world.subscribe("ben", "a", QoS::AtLeastOnce);
    assert!(!world.answers("ben").iter().any(|answer| answer.contains("SUBACK")));
    world.cut(0, 1);
    assert!(world.answers("ben").iter().any(|answer| answer.contains("SUBACK")));
    world.slow = false;
    world.join(0, 1);
    world.settle();
    world.publish("ann", "a", QoS::AtLeastOnce, "x");
    assert_eq!(world.payloads("ben"), ["x"]);
    world.end();
}

#[test]
fn who_goes_while_its_subscribe_waits_leaves_no_interest() {
    let mut world = two();
    world.slow = true;
    world.subscribe("ben", "a", QoS::AtLeastOnce);
    world.hang_up("ben");
    world.slow = false;
    world.settle();
    world.publish("ann", "a", QoS::AtLeastOnce, "x");
    assert_eq!(world.stats(0).forwards_sent, 0);
    world.end();
}

#[test]
fn a_retained_message_is_everywhere() {
    let mut world = two();
    world.publish_with("ann", "a", QoS::AtLeastOnce, "one", true, None);
    world.publish_with("ann", "b", QoS::AtMostOnce, "two", true, None);
    world.subscribe("ben", "#", QoS::AtLeastOnce);
    let mut taken = world.take("ben");
    taken.sort();
    let seen: Vec<_> = taken.iter().map(|got| (&*got.topic, &*got.payload, got.retain)).collect();
    assert_eq!(seen, [("a", "one", true), ("b", "two", true)]);
    world.publish_with("ben", "a", QoS::AtLeastOnce, "", true, None);
    assert_eq!((world.stats(0).retained, world.stats(1).retained), (1, 1));
    world.end();
}

#[test]
fn the_flag_is_as_published_for_who_asked() {
    let mut world = two();
    let options = SubscriptionOptions {
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
        ..SubscriptionOptions::new(QoS::AtLeastOnce)
    };
    world.subscribe_with("ben", "a", options, None);
    world.publish_with("ann", "a", QoS::AtLeastOnce, "x", true, None);
    world.publish_with("ann", "a", QoS::AtLeastOnce, "y", false, None);
    let flags: Vec<_> = world.take("ben").iter().map(|got| got.retain).collect();
    assert_eq!(flags, [true, false]);
    world.end();
}

#[test]
fn two_who_race_for_a_topic_end_with_the_same_message_everywhere() {
    let mut world = two();
    world.slow = true;
    for (ann, ben) in [("one", "two"), ("three", ""), ("", "four")] {
        world.publish_with("ann", "a", QoS::AtLeastOnce, ann, true, None);
        world.publish_with("ben", "a", QoS::AtLeastOnce, ben, true, None);
        world.carry(1, 0, usize::MAX);
        world.carry(0, 1, usize::MAX);
        for name in ["eve", "sue"] {
            world.slow = false;
            world.connect(name, true, 0);
            world.payloads(name);
            world.subscribe(name, "a", QoS::AtLeastOnce);
            world.slow = true;
        }
        let (here, there) = (world.payloads("eve"), world.payloads("sue"));
        assert_eq!(here, there);
    }
    world.end();
}

#[test]
fn what_was_retained_during_a_cut_is_everywhere_after_it() {
    let mut world = two();
    world.publish_with("ann", "old", QoS::AtLeastOnce, "x", true, None);
    world.cut(0, 1);
    world.publish_with("ann", "a", QoS::AtMostOnce, "one", true, None);
    world.publish_with("ann", "old", QoS::AtMostOnce, "", true, None);
    world.publish_with("ben", "b", QoS::AtLeastOnce, "two", true, None);
    world.join(0, 1);
    world.settle();
    assert_eq!((world.stats(0).retained, world.stats(1).retained), (2, 2));
    world.end();
}

#[test]
fn a_group_over_shards_has_one_copy() {
    let mut world = World::new(3, |_| {});
    for name in ["cid", "ann", "dan"] {
        world.connect(name, true, 0);
        world.subscribe(name, "$share/g/a", QoS::AtLeastOnce);
    }
    world.subscribe("dan", "a", QoS::AtLeastOnce);
    for number in 0..30 {
        let name = ["cid", "ann", "dan"][number % 3];
        world.publish(name, "a", QoS::AtLeastOnce, &format!("{number}"));
    }
    let counts = ["cid", "ann", "dan"].map(|name| world.payloads(name).len());
    // Dan has all of them once more.
    assert_eq!(counts.iter().sum::<usize>(), 60);
    assert!(counts.iter().all(|count| *count >= 8), "{counts:?}");
    world.end();
}

#[test]
fn what_a_member_leaves_goes_to_one_on_another_shard() {
    let mut world = two();
    world.subscribe("ben", "$share/g/a", QoS::AtLeastOnce);
    world.clients.get_mut("ben").unwrap().silent = true;
    world.publish("ann", "a", QoS::AtLeastOnce, "x");
    world.subscribe("ann", "$share/g/a", QoS::AtLeastOnce);
    assert_eq!(world.payloads("ann"), [""; 0]);
    world.connect("ben", true, 0);
    assert_eq!(world.payloads("ann"), ["x"]);
    world.end();
}

#[test]
fn a_message_whose_member_has_left_meanwhile_finds_another() {
    let mut world = World::new(3, |_| {});
    for name in ["cid", "ann", "dan"] {
        world.connect(name, true, 0);
    }
    world.subscribe("ann", "$share/g/a", QoS::AtLeastOnce);
    world.slow = true;
    world.publish("cid", "a", QoS::AtLeastOnce, "x");
    world.slow = false;
    // The frame is still on its way to ann's shard.
    world.hang_up("ann");
    world.subscribe("dan", "$share/g/a", QoS::AtLeastOnce);
    assert!(world.payloads("dan").len() <= 1);
    world.end();
}
