//! The law: so many shards are one broker, up to the order between different publishers.

use alloc::collections::BTreeMap;

use mqtt_codec::{Properties, QoS, RetainHandling, SubscriptionOptions, TopicName, Will};
use proptest::prelude::*;

use super::client::Delivered;
use super::world::World;

const CLIENTS: [&str; 6] = ["ann", "ben", "cid", "dan", "eve", "sue"];
const TOPICS: [&str; 4] = ["a", "a/b", "b", "$x/a"];
const FILTERS: [&str; 8] = ["a", "#", "a/#", "+", "a/b", "$x/#", "$share/g/a/#", "$share/h/+"];
/// Those that are not shared: whom a group chooses is nobody's business.
const OWN: usize = 6;

/// One that is done with before the next begins.
#[derive(Clone, Debug)]
enum Step {
    Connect {
        client: usize,
        clean: bool,
        lasts: bool,
        will: bool,
    },
    HangUp {
        client: usize,
    },
    Subscribe {
        client: usize,
        filter: usize,
        qos: QoS,
        flags: (bool, bool, u8, bool),
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
        empty: bool,
        expiry: Option<u32>,
    },
    Wait {
        seconds: u64,
    },
}

fn qos() -> impl Strategy<Value = QoS> {
    prop_oneof![Just(QoS::AtMostOnce), Just(QoS::AtLeastOnce), Just(QoS::ExactlyOnce)]
}

fn step() -> impl Strategy<Value = Step> {
    use Step as S;
    let client = 0..CLIENTS.len();
    let flags = (any::<bool>(), any::<bool>(), 0..3u8, any::<bool>());
    let expiry = prop_oneof![3 => Just(None), 1 => (1..4u32).prop_map(Some)];
    prop_oneof![
        3 => (client.clone(), any::<bool>(), any::<bool>(), any::<bool>()).prop_map(
            |(client, clean, lasts, will)| S::Connect { client, clean, lasts, will }),
        1 => client.clone().prop_map(|client| S::HangUp { client }),
        5 => (client.clone(), 0..OWN, qos(), flags).prop_map(
            |(client, filter, qos, flags)| S::Subscribe { client, filter, qos, flags }),
        1 => (client.clone(), 0..OWN).prop_map(|(client, filter)| S::Unsubscribe { client, filter }),
        8 => (client, 0..TOPICS.len(), qos(), any::<bool>(), prop::bool::weighted(0.2), expiry)
            .prop_map(|(client, topic, qos, retain, empty, expiry)| {
                S::Publish { client, topic, qos, retain, empty, expiry }
            }),
        1 => (1..4u64).prop_map(|seconds| S::Wait { seconds }),
    ]
}

fn play(world: &mut World, number: usize, step: &Step) {
    use Step as S;
    let is_there = |world: &World, client: usize| {
        world.clients.get(CLIENTS[client]).is_some_and(|client| client.handle.is_some())
    };
    match *step {
        S::Connect { client, clean, lasts, will } => {
            let will = will.then(|| Will {
                qos: QoS::AtLeastOnce,
                retain: clean,
                topic: TopicName::new("a/b").unwrap(),
                payload: b"gone",
                properties: Properties::EMPTY,
            });
            let expiry = if lasts { 1000 } else { 0 };
            world.connect_with(CLIENTS[client], clean, expiry, will);
        }
        S::HangUp { client } if is_there(world, client) => {
            world.hang_up(CLIENTS[client]);
            world.settle();
        }
        S::Subscribe { client, filter, qos, flags } if is_there(world, client) => {
            let (no_local, retain_as_published, handling, identified) = flags;
            let handling = [
                RetainHandling::SendAtSubscribe,
                RetainHandling::SendIfNew,
                RetainHandling::DoNotSend,
            ][usize::from(handling)];
            let options = SubscriptionOptions {
                maximum_qos: qos,
                no_local,
                retain_as_published,
                retain_handling: handling,
            };
            let identifier = identified.then(|| u32::try_from(filter).unwrap() + 1);
            world.subscribe_with(CLIENTS[client], FILTERS[filter], options, identifier);
        }
        S::Unsubscribe { client, filter } if is_there(world, client) => {
            world.unsubscribe(CLIENTS[client], FILTERS[filter]);
        }
        S::Publish { client, topic, qos, retain, empty, expiry } if is_there(world, client) => {
            let payload = if empty { String::new() } else { format!("{number}") };
            let (name, topic) = (CLIENTS[client], TOPICS[topic]);
            world.publish_with(name, topic, qos, &payload, retain, expiry);
        }
        S::Wait { seconds } => world.wait(seconds),
        _ => {}
    }
}

/// What all clients have seen since the last time, message by message and answer by answer.
fn seen(world: &mut World) -> BTreeMap<&'static str, (Vec<Delivered>, Vec<String>)> {
    let names: Vec<_> = world.clients.keys().copied().collect();
    let mut seen = BTreeMap::new();
    for name in names {
        let mut delivered = world.take(name);
        delivered.sort();
        seen.insert(name, (delivered, world.answers(name)));
    }
    seen
}

/// One that others go on beside.
#[derive(Clone, Debug)]
enum Act {
    Publish { client: usize, topic: usize, retain: bool },
    Subscribe { client: usize, filter: usize },
    Unsubscribe { client: usize, filter: usize },
    HangUp { client: usize },
    Carry { from: u16, to: u16, count: usize },
    Stall { node: usize },
    Cut { one: u16, other: u16 },
    Crash { node: u16, records: usize },
    Snapshot { node: usize },
}

fn act() -> impl Strategy<Value = Act> {
    use Act as A;
    let client = 0..CLIENTS.len();
    let filter = 0..FILTERS.len();
    prop_oneof![
        10 => (client.clone(), 0..TOPICS.len(), prop::bool::weighted(0.2)).prop_map(
            |(client, topic, retain)| A::Publish { client, topic, retain }),
        4 => (client.clone(), filter.clone()).prop_map(|(client, filter)| A::Subscribe { client, filter }),
        1 => (client.clone(), filter).prop_map(|(client, filter)| A::Unsubscribe { client, filter }),
        1 => client.prop_map(|client| A::HangUp { client }),
        5 => (0..3u16, 0..3u16, 1..4usize).prop_map(|(from, to, count)| A::Carry { from, to, count }),
        1 => (0..3usize).prop_map(|node| A::Stall { node }),
        1 => (0..3u16, 0..3u16).prop_map(|(one, other)| A::Cut { one, other }),
        1 => (0..3u16, 0..4usize).prop_map(|(node, records)| A::Crash { node, records }),
        1 => (0..3usize).prop_map(|node| A::Snapshot { node }),
    ]
}

/// Lets everybody but the links go on until this client has got this answer, and the links as far as
/// that needs it.
fn until(world: &mut World, name: &str, answer: &str) {
    loop {
        world.settle();
        if world.answers(name).iter().any(|got| got.contains(answer)) {
            return;
        }
        if world.carry_one() || world.flow() {
            continue;
        }
        panic!("{name} waits for {answer}");
    }
}

fn act_out(world: &mut World, number: usize, act: &Act) {
    use Act as A;
    world.now.0 += 1000;
    if let A::Publish { client, .. } | A::Subscribe { client, .. } | A::Unsubscribe { client, .. } =
        *act
    {
        let name = CLIENTS[client];
        if world.clients.get(name).is_none_or(|client| client.handle.is_none()) {
            world.connect(name, false, 1000);
            until(world, name, "CONNACK");
        }
    }
    let nodes = u16::try_from(world.nodes.len()).unwrap();
    match *act {
        A::Publish { client, topic, retain } => {
            let (name, payload) = (CLIENTS[client], format!("{number}"));
            world.publish_with(name, TOPICS[topic], QoS::ExactlyOnce, &payload, retain, None);
            until(world, name, "PUBREC");
        }
        A::Subscribe { client, filter } => {
            // What is accepted behind a cut is not seen.
            world.mend();
            let options = SubscriptionOptions::new(QoS::ExactlyOnce);
            let identifier = u32::try_from(filter).unwrap() + 1;
            world.subscribe_with(CLIENTS[client], FILTERS[filter], options, Some(identifier));
            until(world, CLIENTS[client], "SUBACK");
        }
        A::Unsubscribe { client, filter } => {
            world.mend();
            world.unsubscribe(CLIENTS[client], FILTERS[filter]);
            until(world, CLIENTS[client], "UNSUBACK");
        }
        A::HangUp { client } if world.clients.contains_key(CLIENTS[client]) => {
            world.hang_up(CLIENTS[client]);
        }
        A::Carry { from, to, count } if from < nodes && to < nodes => {
            world.carry(from, to, count);
        }
        A::Stall { node } if nodes > 1 && node < usize::from(nodes) => {
            world.nodes[node].stalled = true;
        }
        A::Cut { one, other } if one != other && one < nodes && other < nodes => {
            world.cut(one, other);
        }
        A::Crash { node, records } if nodes > 1 && node < nodes => world.crash_with(node, records),
        A::Snapshot { node } if node < usize::from(nodes) => {
            world.nodes[node].broker.snapshot(world.now);
        }
        _ => {}
    }
    world.settle();
}

/// Everything comes to rest, and everybody takes what is theirs: by client, and for groups by group.
fn all_seen(world: &mut World) -> BTreeMap<String, Vec<Delivered>> {
    world.mend();
    world.slow = false;
    while world.flow() {}
    world.settle();
    let names: Vec<_> = world.clients.keys().copied().collect();
    let mut seen: BTreeMap<String, Vec<Delivered>> = BTreeMap::new();
    for name in names {
        world.connect(name, false, 1000);
        for delivered in world.take(name) {
            let group = match *delivered.identifiers {
                [identifier] if identifier as usize > OWN => FILTERS[identifier as usize - 1],
                _ => name,
            };
            seen.entry(group.into()).or_default().push(delivered);
        }
    }
    for delivered in seen.values_mut() {
        delivered.sort();
    }
    seen
}

/// How it is published, one publisher's messages of one topic come in.
fn in_order(world: &World, published: &BTreeMap<usize, usize>) {
    for (name, client) in &world.clients {
        let mut last: BTreeMap<(usize, &str), usize> = BTreeMap::new();
        // What was retained, or came through a group, has its own order.
        let live = client.delivered.iter().filter(|got| {
            !got.retain && got.identifiers.iter().all(|identifier| *identifier as usize <= OWN)
        });
        for got in live {
            let number: usize = got.payload.parse().unwrap();
            let before = last.insert((published[&number], &got.topic), number);
            assert!(before.is_none_or(|before| before < number), "{name}: {got:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, ..ProptestConfig::default() })]

    #[test]
    fn step_by_step_nobody_can_tell_shards_from_one_broker(
        steps in prop::collection::vec(step(), 1..80),
        shards in 2..4u16,
        journal in any::<bool>(),
    ) {
        let mut one = World::new(1, |config| config.journal = journal);
        let mut many = World::new(shards, |config| config.journal = journal);
        for (number, step) in steps.iter().enumerate() {
            play(&mut one, number, step);
            play(&mut many, number, step);
            prop_assert_eq!(seen(&mut one), seen(&mut many), "after {} {:?}", number, step);
        }
        many.end();
    }

    #[test]
    fn slow_links_cuts_and_crashes_lose_nothing_and_repeat_nothing(
        acts in prop::collection::vec(act(), 1..80),
        shards in 2..4u16,
        steps in prop_oneof![Just(64), Just(32_768)],
        journal in prop_oneof![Just(2000), Just(1 << 20)],
    ) {
        let mut one = World::new(1, |config| config.journal = true);
        let mut many = World::new(shards, |config| {
            (config.journal, config.steps_per_call, config.limits.journal_bytes) = (true, steps, journal);
        });
        many.slow = true;
        let mut published = BTreeMap::new();
        for (number, act) in acts.iter().enumerate() {
            if let Act::Publish { client, .. } = *act {
                published.insert(number, client);
            }
            act_out(&mut one, number, act);
            act_out(&mut many, number, act);
        }
        in_order(&many, &published);
        prop_assert_eq!(all_seen(&mut one), all_seen(&mut many));
        let retained = one.retained();
        for there in many.retained() {
            prop_assert_eq!(&there, &retained[0]);
        }
        many.end();
    }
}
