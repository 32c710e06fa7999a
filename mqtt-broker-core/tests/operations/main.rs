//! Random operations of several clients, the host, the clock and the disk: nothing panics, no rule of
//! the boundary is broken, and when all is over nothing is left.

mod durability;
mod world;

use mqtt_broker_core::QueueOverflow;
use mqtt_codec::{QoS, Version};
use proptest::prelude::*;

use world::World;

const CLIENTS: [&str; 4] = ["alice", "bob", "carol", "dave"];
const TOPICS: [&str; 5] = ["a", "a/b", "a/b/c", "$x/a", "long/topic/name"];
const FILTERS: [&str; 8] =
    ["#", "a/#", "+/b", "a/b", "$share/g/a/#", "$share/h/+", "long/topic/+", "$x/#"];

#[derive(Clone, Debug)]
enum Operation {
    Connect {
        client: usize,
        version: Version,
        clean: bool,
        expiry: u32,
        will: bool,
        maximum: u16,
    },
    Subscribe {
        client: usize,
        filter: usize,
        qos: QoS,
        handling: u8,
        identifier: bool,
    },
    Unsubscribe {
        client: usize,
        filter: usize,
    },
    Publish {
        client: usize,
        topic: usize,
        qos: QoS,
        retain: bool,
        len: usize,
        id: u16,
        expiry: bool,
    },
    Acknowledge {
        client: usize,
        kind: u8,
        id: u16,
    },
    Disconnect {
        client: usize,
        code: bool,
    },
    Bytes {
        client: usize,
        bytes: Vec<u8>,
    },
    Cut {
        client: usize,
    },
    Read {
        client: usize,
        buffer: usize,
    },
    Wait {
        milliseconds: u64,
    },
    HostPublish {
        topic: usize,
        qos: QoS,
        retain: bool,
        len: usize,
    },
    HostSubscribe {
        filter: usize,
    },
    Kick {
        client: usize,
    },
    Remove {
        client: usize,
    },
    Sync,
    Snapshot,
    /// The broker stops, and comes back after so many milliseconds (or as many earlier) with so many
    /// hundredths of what was not durable.
    Crash {
        milliseconds: u64,
        set_back: bool,
        kept: usize,
    },
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)]
}

fn overflow() -> impl Strategy<Value = QueueOverflow> {
    prop_oneof![
        Just(QueueOverflow::DropOldest),
        Just(QueueOverflow::DropNewest),
        Just(QueueOverflow::Disconnect),
    ]
}

fn operation() -> impl Strategy<Value = Operation> {
    use Operation as O;
    let client = 0..CLIENTS.len();
    let version = prop_oneof![Just(Version::V3_1), Just(Version::V3_1_1), Just(Version::V5)];
    let len = prop_oneof![0..8usize, 4000..5000usize];
    prop_oneof![
        4 => (client.clone(), version, any::<bool>(), 0..3u32, any::<bool>(), 1..4u16).prop_map(
            |(client, version, clean, expiry, will, maximum)| O::Connect { client, version, clean, expiry, will, maximum }),
        4 => (client.clone(), 0..FILTERS.len(), qos(), 0..3u8, any::<bool>()).prop_map(
            |(client, filter, qos, handling, identifier)| O::Subscribe { client, filter, qos, handling, identifier }),
        1 => (client.clone(), 0..FILTERS.len()).prop_map(|(client, filter)| O::Unsubscribe { client, filter }),
        8 => (client.clone(), 0..TOPICS.len(), qos(), any::<bool>(), len.clone(), 1..4u16, any::<bool>()).prop_map(
            |(client, topic, qos, retain, len, id, expiry)| O::Publish { client, topic, qos, retain, len, id, expiry }),
        8 => (client.clone(), 0..4u8, 1..6u16).prop_map(|(client, kind, id)| O::Acknowledge { client, kind, id }),
        1 => (client.clone(), any::<bool>()).prop_map(|(client, code)| O::Disconnect { client, code }),
        1 => (client.clone(), prop::collection::vec(any::<u8>(), 0..12)).prop_map(|(client, bytes)| O::Bytes { client, bytes }),
        2 => client.clone().prop_map(|client| O::Cut { client }),
        8 => (client.clone(), prop_oneof![Just(64usize), Just(300), Just(16384)]).prop_map(|(client, buffer)| O::Read { client, buffer }),
        2 => prop_oneof![0..100u64, 500..3000u64].prop_map(|milliseconds| O::Wait { milliseconds }),
        3 => (0..TOPICS.len(), qos(), any::<bool>(), len).prop_map(|(topic, qos, retain, len)| O::HostPublish { topic, qos, retain, len }),
        1 => (0..FILTERS.len()).prop_map(|filter| O::HostSubscribe { filter }),
        1 => client.clone().prop_map(|client| O::Kick { client }),
        1 => client.prop_map(|client| O::Remove { client }),
        3 => Just(O::Sync),
    ]
}

/// With a journal that is kept.
fn operation_on_disk() -> impl Strategy<Value = Operation> {
    use Operation as O;
    prop_oneof![
        60 => operation(),
        2 => Just(O::Snapshot),
        1 => (0..3000u64, any::<bool>(), 0..=100usize).prop_map(
            |(milliseconds, set_back, kept)| O::Crash { milliseconds, set_back, kept }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]

    #[test]
    fn nothing_is_left_when_all_is_over(
        operations in prop::collection::vec(operation(), 1..120),
        journal in any::<bool>(),
        tight in any::<bool>(),
        overflow in overflow(),
    ) {
        let mut world = World::new(World::config(journal, overflow, tight));
        for operation in &operations {
            world.play(operation);
        }
        world.end();
    }
}
