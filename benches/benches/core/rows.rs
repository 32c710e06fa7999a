//! What is timed: each row prepares a broker, and a round that answers how many units it did.

use benches::world::{NOW, World, connect, publish, subscribe, unsubscribe};
use mqtt_broker_core::{Config, ConnectionHandle, Instant};
use mqtt_codec::{QoS, TopicName, Version};

/// One line of the table.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    /// Nanoseconds of one unit that issue and readers hope for; empty if there is no such hope.
    pub(crate) target: &'static str,
    /// Whether it is prepared soon enough to be run by a simulator.
    pub(crate) is_small: bool,
    pub(crate) prepare: fn() -> Round,
}

/// Does a round; how many units that was, or 0 if it only made the next one possible.
pub(crate) type Round = Box<dyn FnMut() -> u64>;

const fn row(name: &'static str, target: &'static str, prepare: fn() -> Round) -> Row {
    Row { name, target, is_small: true, prepare }
}

const fn large(name: &'static str, target: &'static str, prepare: fn() -> Round) -> Row {
    Row { name, target, is_small: false, prepare }
}

const V3: Version = Version::V3_1_1;
const V5: Version = Version::V5;
const Q0: QoS = QoS::AtMostOnce;
const Q1: QoS = QoS::AtLeastOnce;
const Q2: QoS = QoS::ExactlyOnce;

pub(crate) const ROWS: &[Row] = &[
    row("delivery, 1 x 256 B", "", || fan_out(1, 256, V3)),
    row("delivery, 10 x 256 B", "", || fan_out(10, 256, V3)),
    row("gathered, from 1 k by one", "", gathered),
    row("delivery, 100 x 16 B", "", || fan_out(100, 16, V3)),
    row("delivery, 100 x 256 B", "15", || fan_out(100, 256, V3)),
    row("delivery, 100 x 256 B, 5.0", "", || fan_out(100, 256, V5)),
    row("delivery, 1000 x 256 B", "15", || fan_out(1000, 256, V3)),
    row("delivery, 100 x 4 KiB", "", || fan_out(100, 4096, V3)),
    row("delivery, 100 x 64 KiB", "", || fan_out(100, 65536, V3)),
    row("delivery, asked, 100 x 256 B", "", asked),
    row("delivery, QoS 1, 1 x 256 B", "", || acknowledged(1, Q1)),
    row("delivery, QoS 1, 100 x 256 B", "", || acknowledged(100, Q1)),
    row("delivery, QoS 1, 1000 x 256 B", "", || acknowledged(1000, Q1)),
    row("delivery, QoS 2, 1 x 256 B", "", || acknowledged(1, Q2)),
    row("delivery, QoS 2, 1000 x 256 B", "", || acknowledged(1000, Q2)),
    row("match, exact, 10 k, hot", "100", || matching(10_000, 0, true)),
    row("match, +, 10 k, hot", "100", || matching(10_000, 1, true)),
    row("match, exact, 10 k, cold", "", || matching(10_000, 0, false)),
    large("match, exact, 1 k, cold", "", || matching(1000, 0, false)),
    large("match, exact, 100 k, cold", "", || matching(100_000, 0, false)),
    large("match, exact, 1 M, hot", "100", || matching(1_000_000, 0, true)),
    large("match, +, 1 M, hot", "100", || matching(1_000_000, 1, true)),
    large("match, #, 1 M, hot", "100", || matching(1_000_000, 2, true)),
    large("match, exact, 1 M, cold", "700", || matching(1_000_000, 0, false)),
    large("match, +, 1 M, cold", "700", || matching(1_000_000, 1, false)),
    large("match, #, 1 M, cold", "700", || matching(1_000_000, 2, false)),
    row("unheard, exact, 10 k, hot", "", || unheard(10_000, 0, true)),
    row("unheard, exact, 10 k, cold", "", || unheard(10_000, 0, false)),
    large("unheard, exact, 1 M, hot", "", || unheard(1_000_000, 0, true)),
    large("unheard, exact, 1 M, cold", "", || unheard(1_000_000, 0, false)),
    large("unheard, #, 1 M, cold", "", || unheard(1_000_000, 2, false)),
    large("subscribe, beside 1 k", "1000", || subscribing(1000)),
    large("subscribe, beside 10 k", "1000", || subscribing(10_000)),
    large("subscribe, beside 100 k", "1000", || subscribing(100_000)),
    large("subscribe, beside 1 M", "1000", || subscribing(1_000_000)),
    row("subscribe and unsubscribe, beside 1 k", "", || churning(1000)),
    row("subscribe and unsubscribe, beside 10 k", "", || churning(10_000)),
    large("subscribe and unsubscribe, beside 1 M", "", || churning(1_000_000)),
    row("retained, set beside 1 k", "", || retaining(1000)),
    row("retained, set beside 10 k", "", || retaining(10_000)),
    large("retained, set beside 100 k", "", || retaining(100_000)),
    large("retained, set beside 1 M", "", || retaining(1_000_000)),
    row("retained, to a #, of 1 k", "", || replaying(1000)),
    row("retained, to a #, of 10 k", "", || replaying(10_000)),
    large("retained, to a #, of 100 k", "", || replaying(100_000)),
    large("retained, to a #, of 1 M", "", || replaying(1_000_000)),
    row("offline, queued and drained, 10 k", "", || offline(10_000)),
    large("offline, queued and drained, 50 k", "", || offline(50_000)),
    row("resume, beside 1 k", "", || coming(1000, false)),
    row("resume, beside 10 k", "", || coming(10_000, false)),
    large("resume, beside 100 k", "", || coming(100_000, false)),
    large("resume, beside 1 M", "", || coming(1_000_000, false)),
    row("connect and leave, beside 1 k", "", || coming(1000, true)),
    row("connect and leave, beside 10 k", "", || coming(10_000, true)),
    large("connect and leave, beside 100 k", "", || coming(100_000, true)),
    large("connect and leave, beside 1 M", "", || coming(1_000_000, true)),
];

fn fan_out(subscribers: u64, payload: usize, version: Version) -> Round {
    let mut world = World::new();
    let publisher = populate(&mut world, subscribers, Q0, version);
    let burst = publish("bench/topic", &vec![7; payload], Q0, false, version).repeat(16);
    Box::new(move || {
        world.send(publisher, &burst);
        world.drain();
        16 * subscribers
    })
}

/// A thousand clients, each of which sends one message to a topic of its own; three of them a turn.
fn gathered() -> Round {
    let mut world = World::new();
    let subscriber = world.connect("subscriber", V3);
    world.subscribe(subscriber, "bench/in/+", Q0, V3);
    let publishers = (0..1000).map(|n| {
        let packet = publish(&format!("bench/in/{n}"), &[7; 64], Q0, false, V3);
        (world.connect(&format!("publisher {n}"), V3), packet)
    });
    let publishers: Vec<_> = publishers.collect();
    world.drain();
    Box::new(move || {
        for turn in publishers.chunks(3) {
            turn.iter().for_each(|(handle, packet)| world.send(*handle, packet));
            world.drain();
        }
        1000
    })
}

fn asked() -> Round {
    let mut config = Config::default();
    config.events = false;
    config.ask_deliver = true;
    let mut world = World::with(config);
    let publisher = populate(&mut world, 100, Q0, V3);
    let burst = publish("bench/topic", &[7; 256], Q0, false, V3).repeat(16);
    Box::new(move || {
        world.send(publisher, &burst);
        world.drain();
        1600
    })
}

/// One message a turn, acknowledged by everyone: the clients' own work is in the time.
fn acknowledged(subscribers: u64, qos: QoS) -> Round {
    let mut world = World::new();
    let publisher = populate(&mut world, subscribers, qos, V3);
    let packet = publish("bench/topic", &[7; 256], qos, false, V3);
    Box::new(move || {
        (0..8).for_each(|_| {
            world.send(publisher, &packet);
            assert_eq!(world.exchange(), subscribers);
            if qos == Q2 {
                world.send(publisher, &[0x62, 2, 0, 1]);
                world.drain();
            }
        });
        8 * subscribers
    })
}

fn populate(world: &mut World, subscribers: u64, qos: QoS, version: Version) -> ConnectionHandle {
    for n in 0..subscribers {
        let handle = world.connect(&format!("subscriber-{n}"), version);
        world.subscribe(handle, "bench/topic", qos, version);
    }
    let publisher = world.connect("publisher", version);
    world.drain();
    publisher
}

/// The subscriptions that a topic matches.
fn matching(count: u32, kind: u32, hot: bool) -> Round {
    let mut world = World::new();
    subscribed(&mut world, count, |n| filter(kind, n));
    let rounds = rounds(count, hot, |n| [topic(n)]);
    let mut next = 0;
    Box::new(move || {
        next = (next + 1) % rounds.len();
        for topic in &rounds[next] {
            let topic = TopicName::new(topic).expect("a Topic Name");
            assert_eq!(world.broker.matching_subscriptions(topic), 1);
        }
        256
    })
}

/// What there are 256 of in a round, for two topics in turn, or for many without a pattern.
fn rounds<T, I: IntoIterator<Item = T>>(
    count: u32,
    hot: bool,
    of: impl Fn(u32) -> I,
) -> Vec<Vec<T>> {
    let number = |n: u32| if hot { n % 2 } else { n.wrapping_mul(2_654_435_761) % count };
    (0..if hot { 1 } else { 256u32 })
        .map(|round| (0..256).flat_map(|n| of(number(round * 256 + n))).collect())
        .collect()
}

/// A QoS 0 message that is decoded and matched, and whose subscriber is away.
fn unheard(count: u32, kind: u32, hot: bool) -> Round {
    let mut world = World::new();
    subscribed(&mut world, count, |n| filter(kind, n));
    let publisher = world.connect("publisher", V3);
    world.drain();
    let rounds = rounds(count, hot, |n| publish(&topic(n), &[7; 16], Q0, false, V3));
    let mut next = 0;
    Box::new(move || {
        next = (next + 1) % rounds.len();
        world.send(publisher, &rounds[next]);
        256
    })
}

/// Subscriptions of a thousand clients that have gone away.
fn subscribed(world: &mut World, count: u32, filter: impl Fn(u32) -> String) {
    let clients = count.min(1000);
    for client in 0..clients {
        let handle = world.open(&connect(&format!("client-{client}"), V3, false));
        for n in (client..count).step_by(clients as usize) {
            world.send(handle, &subscribe(&filter(n), Q0, V3));
            world.drain();
        }
        world.leave(handle);
    }
}

fn topic(n: u32) -> String {
    format!("site{}/room{}/device{n}/value", n % 100, n % 1000)
}

fn filter(kind: u32, n: u32) -> String {
    match kind {
        0 => topic(n),
        1 => format!("site{}/+/device{n}/value", n % 100),
        _ => format!("site{}/room{}/device{n}/#", n % 100, n % 1000),
    }
}

/// A subscription made, with its answer.
fn subscribing(count: u32) -> Round {
    let Churn { mut world, handle, begins, ends } = churn(count);
    let mut is_end = true;
    Box::new(move || {
        is_end = !is_end;
        let packets = if is_end { &ends } else { &begins };
        packets.iter().for_each(|packet| world.send(handle, packet));
        world.drain();
        if is_end { 0 } else { 1000 }
    })
}

/// A subscription made and ended, with its two answers.
fn churning(count: u32) -> Round {
    let Churn { mut world, handle, begins, ends } = churn(count);
    Box::new(move || {
        begins.iter().chain(&ends).for_each(|packet| world.send(handle, packet));
        world.drain();
        1000
    })
}

/// A client that subscribes and unsubscribes, beside others.
struct Churn {
    world: World,
    handle: ConnectionHandle,
    begins: Vec<Vec<u8>>,
    ends: Vec<Vec<u8>>,
}

fn churn(count: u32) -> Churn {
    let mut world = World::new();
    subscribed(&mut world, count, |n| filter(n % 3, n));
    let handle = world.connect("churner", V3);
    world.drain();
    let filters = (0..1000u32).map(|n| n.wrapping_mul(2_654_435_761) % 100_000_000 + count);
    let filters: Vec<String> = filters.map(|n| filter(n % 3, n)).collect();
    let begins = filters.iter().map(|filter| subscribe(filter, Q0, V3)).collect();
    let ends = filters.iter().map(|filter| unsubscribe(filter, V3)).collect();
    Churn { world, handle, begins, ends }
}

/// A retained message that takes the place of another.
fn retaining(count: u32) -> Round {
    let mut world = filled(count);
    let publisher = world.connect("publisher", V3);
    world.drain();
    let numbers = (0..1000u32).map(move |n| n.wrapping_mul(2_654_435_761) % count);
    let round: Vec<u8> = numbers.flat_map(retained).collect();
    Box::new(move || {
        world.send(publisher, &round);
        1000
    })
}

/// Everything that is retained to a new subscriber of `#`.
fn replaying(count: u32) -> Round {
    let mut world = filled(count);
    let reader = world.connect("reader", V3);
    world.drain();
    let packet = subscribe("#", Q0, V3);
    Box::new(move || {
        world.send(reader, &packet);
        let mut bytes = world.drain();
        while world.broker.poll_timeout() == Some(Instant::default()) {
            world.broker.handle_timeout(NOW);
            bytes += world.drain();
        }
        assert!(bytes > count as usize * 64, "all came");
        count.into()
    })
}

fn filled(count: u32) -> World {
    let mut world = World::new();
    let publisher = world.connect("filler", V3);
    (0..count).for_each(|n| world.send(publisher, &retained(n)));
    world.leave(publisher);
    world.drain();
    world
}

fn retained(n: u32) -> Vec<u8> {
    let topic = format!("site{}/room{}/device{n}/state", n % 100, n % 1000);
    publish(&topic, &[7; 64], Q0, true, V3)
}

/// QoS 1 messages for a client that is away, which comes for them.
fn offline(count: u32) -> Round {
    let mut world = World::new();
    let handle = world.resume("away", V3);
    world.subscribe(handle, "inbox", Q1, V3);
    world.leave(handle);
    let publisher = world.connect("publisher", V3);
    let burst = publish("inbox", &[7; 64], Q1, false, V3).repeat(16);
    Box::new(move || {
        for _ in 0..count / 16 {
            world.send(publisher, &burst);
            world.drain();
        }
        let handle = world.resume("away", V3);
        assert_eq!(world.exchange(), u64::from(count / 16 * 16));
        world.leave(handle);
        u64::from(count / 16 * 16)
    })
}

/// Clients that come, to their Sessions or to none, and go.
fn coming(count: u32, clean: bool) -> Round {
    let mut world = World::new();
    for n in 0..count {
        let handle = world.resume(&format!("client-{n}"), V3);
        world.subscribe(handle, &format!("inbox/{n}"), Q1, V3);
        world.leave(handle);
    }
    let base = if clean { count } else { 0 };
    let numbers = (0..1000u32).map(|n| base + n.wrapping_mul(2_654_435_761) % count);
    let round: Vec<_> = numbers.map(|n| connect(&format!("client-{n}"), V3, clean)).collect();
    Box::new(move || {
        for connect in &round {
            let handle = world.open(connect);
            world.drain();
            world.leave(handle);
        }
        1000
    })
}
