//! What clients that mean ill cost: the time of each of their packets, how long the longest call
//! kept everybody else waiting, and what the broker held at most.
//!
//! `cargo bench -p benches --bench hostile [PATTERN]`. A neighbour waits for one call of the broker
//! at most before it has its turn, so the column *longest* is what it may notice.

use core::time::Duration;
use std::time::Instant;

use benches::world::{World, connect, publish, subscribe};
use mqtt_broker_core::{Config, ConnectionHandle};
use mqtt_codec::{QoS, Version};

const V5: Version = Version::V5;

type Pattern = (&'static str, fn(&mut Measured));

const PATTERNS: [Pattern; 11] = [
    ("200 filters of + only, 200 levels deep", plus_only),
    ("4,096 filters of + and names, 12 levels", plus_and_names),
    ("10,000 overlapping filters of one client", overlapping),
    ("100,000 topics retained, one prefix", one_prefix),
    ("100,000 filters, one prefix", filters_of_one_prefix),
    ("70,000 messages, none acknowledged", identifiers_exhausted),
    ("65,535 in flight, acknowledged backwards", acknowledged_backwards),
    ("aliases given anew with each message", alias_churn),
    ("one Client Identifier taken over", takeover_storm),
    ("Sessions that come and never return", never_return),
    ("full speed to one that never reads", deaf),
];

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    println!(
        "{:<42} {:>8} {:>9} {:>9} {:>9} {:>9} {:>10} {:>10}",
        "pattern", "packets", "first ns", "last ns", "p99 us", "longest", "held KiB", "after KiB"
    );
    for (name, pattern) in PATTERNS {
        if wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            let mut measured = Measured::new();
            pattern(&mut measured);
            measured.print(name);
        }
    }
}

/// A broker with its defaults, and what the hostile packets took.
struct Measured {
    world: World,
    calls: Vec<Duration>,
    held: usize,
}

impl Measured {
    fn new() -> Self {
        let mut config = Config::default();
        config.events = false;
        Self { world: World::with(config), calls: Vec::new(), held: 0 }
    }

    /// One hostile packet, and reading what it leads to.
    fn step(&mut self, handle: ConnectionHandle, bytes: &[u8]) {
        self.timed(|world| {
            world.send(handle, bytes);
            world.drain();
        });
    }

    fn timed<R>(&mut self, act: impl FnOnce(&mut World) -> R) -> R {
        let start = Instant::now();
        let result = act(&mut self.world);
        self.calls.push(start.elapsed());
        if self.calls.len().is_multiple_of(256) {
            self.held = self.held.max(self.world.broker.stats().memory);
        }
        result
    }

    fn print(mut self, name: &str) {
        self.held = self.held.max(self.world.broker.stats().memory);
        let tenth = (self.calls.len() / 10).max(1);
        let median = |calls: &[Duration]| {
            let mut calls = calls.to_vec();
            calls.sort_unstable();
            calls[calls.len() / 2].as_nanos()
        };
        let (first, last) =
            (median(&self.calls[..tenth]), median(&self.calls[self.calls.len() - tenth..]));
        self.calls.sort_unstable();
        let p99 = self.calls[self.calls.len() * 99 / 100];
        let longest = self.calls[self.calls.len() - 1];
        let packets = self.calls.len();
        // Time passes until nothing is left to do.
        for _ in 0..100_000 {
            if self.world.broker.poll_timeout().is_none_or(|due| due > benches::world::NOW) {
                break;
            }
            self.world.broker.handle_timeout(benches::world::NOW);
        }
        let after = self.world.broker.stats().memory;
        println!(
            "{name:<42} {packets:>8} {first:>9} {last:>9} {:>9.1} {:>9.1} {:>10} {:>10}",
            p99.as_secs_f64() * 1e6,
            longest.as_secs_f64() * 1e6,
            self.held / 1024,
            after / 1024,
        );
    }

    fn connected(&mut self, name: &str) -> ConnectionHandle {
        let handle = self.world.connect(name, V5);
        self.world.drain();
        handle
    }

    fn subscribed(&mut self, handle: ConnectionHandle, filter: &str, qos: QoS) {
        self.world.subscribe(handle, filter, qos, V5);
    }
}

fn message(topic: &str, qos: QoS) -> Vec<u8> {
    publish(topic, &[7; 64], qos, false, V5)
}

fn plus_only(measured: &mut Measured) {
    let client = measured.connected("hostile");
    for levels in 1..=200 {
        measured.subscribed(client, &vec!["+"; levels].join("/"), QoS::AtMostOnce);
    }
    let packet = message(&vec!["x"; 200].join("/"), QoS::AtMostOnce);
    (0..10_000).for_each(|_| measured.step(client, &packet));
}

/// All filters of so many levels that have `+` or the name `x` at each.
fn combined(levels: u32) -> impl Iterator<Item = String> {
    (0..1u32 << levels).map(move |bits| {
        let level = |n| if bits >> n & 1 == 0 { "+" } else { "x" };
        (0..levels).map(level).collect::<Vec<_>>().join("/")
    })
}

fn plus_and_names(measured: &mut Measured) {
    // Each of another client, so that each has its copy.
    for (number, filter) in combined(12).enumerate() {
        let client = measured.connected(&format!("client {number}"));
        measured.subscribed(client, &filter, QoS::AtMostOnce);
    }
    let publisher = measured.connected("hostile");
    let packet = message(&["x"; 12].join("/"), QoS::AtMostOnce);
    (0..300).for_each(|_| measured.step(publisher, &packet));
}

fn overlapping(measured: &mut Measured) {
    let client = measured.connected("hostile");
    for filter in combined(13).chain((0..1808).map(|n| format!("other/{n}"))) {
        measured.subscribed(client, &filter, QoS::AtMostOnce);
    }
    let packet = message(&["x"; 13].join("/"), QoS::AtMostOnce);
    (0..300).for_each(|_| measured.step(client, &packet));
}

fn one_prefix(measured: &mut Measured) {
    let client = measured.connected("hostile");
    for n in 0..100_000 {
        let topic = format!("prefix/{n:016x}");
        measured.step(client, &publish(&topic, &[7; 8], QoS::AtMostOnce, true, V5));
    }
}

fn filters_of_one_prefix(measured: &mut Measured) {
    let client = measured.connected("hostile");
    for n in 0..100_000 {
        let filter = format!("prefix/{n:016x}");
        measured.step(client, &subscribe(&filter, QoS::AtMostOnce, V5));
    }
}

/// A client that is willing to have 65,535 messages under way.
fn greedy(measured: &mut Measured) -> ConnectionHandle {
    let mut bytes = connect("greedy", V5, true);
    // The properties are a length of zero, eleven bytes after the Remaining Length.
    let at = 2 + 10;
    assert_eq!(bytes[at], 0, "a CONNECT without properties");
    bytes.splice(at..=at, [3, 0x21, 0xff, 0xff]);
    bytes[1] += 3;
    let handle = measured.world.open(&bytes);
    measured.subscribed(handle, "for/me", QoS::AtLeastOnce);
    handle
}

fn identifiers_exhausted(measured: &mut Measured) {
    greedy(measured);
    let publisher = measured.connected("publisher");
    let packet = message("for/me", QoS::AtLeastOnce);
    (0..70_000).for_each(|_| measured.step(publisher, &packet));
}

fn acknowledged_backwards(measured: &mut Measured) {
    let greedy = greedy(measured);
    let publisher = measured.connected("publisher");
    let packet = message("for/me", QoS::AtLeastOnce);
    for _ in 0..65_535 {
        measured.world.send(publisher, &packet);
        measured.world.drain();
    }
    for identifier in (1..=65_535u16).rev() {
        let [high, low] = identifier.to_be_bytes();
        measured.step(greedy, &[0x40, 2, high, low]);
    }
}

fn alias_churn(measured: &mut Measured) {
    let client = measured.connected("hostile");
    for n in 0..100_000u32 {
        let topic = format!("topic/{n}/{}", "x".repeat(n as usize % 100));
        let mut bytes = message(&topic, QoS::AtMostOnce);
        // The property goes where the empty list of them is.
        let head = if bytes[1] & 0x80 == 0 { 2 } else { 3 };
        let at = head + 2 + topic.len();
        let [alias, ..] = (n % 16 + 1).to_le_bytes();
        bytes.splice(at..=at, [3, 0x23, 0, alias]);
        let body = bytes.split_off(head);
        // Between 128 and 16,383 bytes have a length of two.
        let [low, ..] = (body.len() % 128).to_le_bytes();
        let [high, ..] = (body.len() / 128).to_le_bytes();
        let mut bytes = if high == 0 { vec![0x30, low] } else { vec![0x30, low | 0x80, high] };
        bytes.extend(body);
        measured.step(client, &bytes);
    }
}

fn takeover_storm(measured: &mut Measured) {
    let bytes = connect("wanted", V5, false);
    let mut before = None;
    for _ in 0..50_000 {
        before = Some(measured.timed(|world| {
            let handle = world.open(&bytes);
            world.drain();
            // The transport of the one before is gone when this one has come.
            before.into_iter().for_each(|before| world.leave(before));
            handle
        }));
    }
}

fn never_return(measured: &mut Measured) {
    for n in 0..100_000 {
        let bytes = connect(&format!("client-{n:08}"), V5, false);
        measured.timed(|world| {
            let handle = world.open(&bytes);
            world.drain();
            world.leave(handle);
        });
    }
}

fn deaf(measured: &mut Measured) {
    let deaf = measured.connected("deaf");
    measured.subscribed(deaf, "for/deaf", QoS::AtMostOnce);
    let publisher = measured.connected("hostile");
    let packet = message("for/deaf", QoS::AtMostOnce);
    for _ in 0..500_000 {
        measured.timed(|world| world.send(publisher, &packet));
    }
}
