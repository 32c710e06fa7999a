//! How long one call of the broker takes at worst, with its default limits: the processor time of the
//! longest call of each pattern, and how many calls there were in all.
//!
//! `cargo bench -p benches --bench calls [PATTERN]`. Whoever else is served by the same thread waits
//! for that call. The processor's time, not the clock's: it does not count what other programs take.

use core::time::Duration;

use benches::world::{NOW, connect, publish, subscribe};
use mqtt_broker_core::{AllowAll, Broker, Config, ConnectionHandle, Output, Peer, Shard};
use mqtt_codec::{QoS, Version};
use rustix::time::{ClockId, clock_gettime};

const V5: Version = Version::V5;
const MANY: u32 = 100_000;

type Pattern = (&'static str, fn(&mut Measured));

const PATTERNS: [Pattern; 10] = [
    ("100,000 clients of one topic, QoS 0", |m| one_topic(m, QoS::AtMostOnce)),
    ("100,000 clients of one topic, QoS 1", |m| one_topic(m, QoS::AtLeastOnce)),
    ("65,536 filters of + and names, 64 clients", |m| combined(m, 16, 64)),
    ("65,536 filters of + and names, as many clients", |m| combined(m, 16, 1 << 16)),
    ("100,000 share groups of 100 clients", groups),
    ("one that never reads is closed", deaf),
    ("one with 65,535 in flight is closed", in_flight),
    ("100,000 clients of one topic, beside a peer", beside_a_peer),
    ("1 Mi messages kept for a peer, received at once", received),
    ("1 Mi QoS 0 messages to a peer whose link is cut", cut),
];

fn main() {
    let wanted: Vec<String> =
        std::env::args().skip(1).filter(|arg| !arg.starts_with('-')).collect();
    println!("{:<50} {:>9} {:>12} {:>12}", "pattern", "calls", "longest, ms", "all, ms");
    for (name, pattern) in PATTERNS {
        if wanted.is_empty() || wanted.iter().any(|wanted| name.contains(wanted.as_str())) {
            let mut measured = Measured::new(Config::default());
            pattern(&mut measured);
            let ms = |time: Duration| time.as_secs_f64() * 1e3;
            let (longest, all) = (ms(measured.longest), ms(measured.all));
            println!("{name:<50} {:>9} {longest:>12.2} {all:>12.2}", measured.calls);
        }
    }
}

/// The processor time of this thread.
fn processor_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let nanoseconds = time.tv_nsec.try_into().expect("less than a second");
    Duration::new(time.tv_sec.try_into().expect("positive"), nanoseconds)
}

/// A broker without events, whose calls are timed once that is asked for.
struct Measured {
    broker: Broker,
    timed: bool,
    calls: u64,
    longest: Duration,
    all: Duration,
}

impl Measured {
    fn new(mut config: Config) -> Self {
        config.events = false;
        let broker = Broker::new(config);
        Self { broker, timed: false, calls: 0, longest: Duration::ZERO, all: Duration::ZERO }
    }

    fn call<R>(&mut self, act: impl FnOnce(&mut Broker) -> R) -> R {
        if !self.timed {
            return act(&mut self.broker);
        }
        let start = processor_time();
        let result = act(&mut self.broker);
        let took = processor_time() - start;
        self.calls += 1;
        self.longest = self.longest.max(took);
        self.all += took;
        result
    }

    fn open(&mut self, name: &str) -> ConnectionHandle {
        let handle = self.call(|broker| broker.handle_accept(NOW, Peer::default()));
        let handle = handle.expect("there is room");
        self.send(handle, &connect(name, V5, true));
        handle
    }

    /// All of the bytes, and all that they lead to; nothing is read by anybody.
    fn send(&mut self, handle: ConnectionHandle, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            let received =
                self.call(|broker| broker.handle_input(NOW, handle, bytes, &mut AllowAll));
            bytes = &bytes[received.consumed..];
            if received.waiting {
                while !self.turn(handle) {}
            }
        }
        self.rest();
    }

    fn is_due(&mut self) -> bool {
        self.broker.poll_timeout().is_some_and(|due| due <= NOW)
    }

    /// Turns until nothing is left to do.
    fn rest(&mut self) {
        while self.broker.poll_output().is_some() {}
        while self.is_due() {
            self.call(|broker| broker.handle_timeout(NOW));
            while self.broker.poll_output().is_some() {}
        }
    }

    /// One turn; whether the input of this connection goes on.
    fn turn(&mut self, handle: ConnectionHandle) -> bool {
        let mut resumed = false;
        if self.is_due() {
            self.call(|broker| broker.handle_timeout(NOW));
        }
        while let Some(output) = self.broker.poll_output() {
            resumed |= matches!(output, Output::Resume(resumed) if resumed == handle);
        }
        resumed
    }

    /// Takes what is to be sent to a client.
    fn read(&mut self, handle: ConnectionHandle) {
        let mut buffer = vec![0; 64 << 10];
        while self.broker.poll_transmit(NOW, handle, &mut buffer, &mut AllowAll).is_some() {}
    }

    fn subscribed(&mut self, handle: ConnectionHandle, filter: &str, qos: QoS) {
        self.send(handle, &subscribe(filter, qos, V5));
        self.read(handle);
    }
}

fn one_topic(measured: &mut Measured, qos: QoS) {
    for number in 0..MANY {
        let client = measured.open(&format!("client-{number}"));
        measured.subscribed(client, "topic", qos);
    }
    let publisher = measured.open("publisher");
    measured.timed = true;
    measured.send(publisher, &publish("topic", b"x", qos, false, V5));
}

/// All filters of so many levels that have `+` or the name `x` at each.
fn combined(measured: &mut Measured, levels: u32, clients: u32) {
    let clients: Vec<_> = (0..clients).map(|n| measured.open(&format!("client-{n}"))).collect();
    for (bits, client) in (0..1u32 << levels).zip(clients.into_iter().cycle()) {
        let level = |n| if bits >> n & 1 == 0 { "+" } else { "x" };
        let filter = (0..levels).map(level).collect::<Vec<_>>().join("/");
        measured.subscribed(client, &filter, QoS::AtMostOnce);
    }
    let publisher = measured.open("publisher");
    let topic = vec!["x"; levels as usize].join("/");
    measured.timed = true;
    measured.send(publisher, &publish(&topic, b"x", QoS::AtMostOnce, false, V5));
}

fn groups(measured: &mut Measured) {
    for client in 0..100 {
        let handle = measured.open(&format!("client-{client}"));
        for number in 0..MANY / 100 {
            let filter = format!("$share/{client}-{number}/topic");
            measured.subscribed(handle, &filter, QoS::AtMostOnce);
        }
    }
    let publisher = measured.open("publisher");
    measured.timed = true;
    measured.send(publisher, &publish("topic", b"x", QoS::AtMostOnce, false, V5));
}

/// As many of the smallest messages as `queue_bytes` has room for.
fn deaf(measured: &mut Measured) {
    let deaf = measured.open("deaf");
    measured.subscribed(deaf, "a", QoS::AtMostOnce);
    let publisher = measured.open("publisher");
    let packet = publish("a", b"", QoS::AtMostOnce, false, V5).repeat(100);
    while measured.broker.stats().dropped_queue_full == 0 {
        measured.send(publisher, &packet);
    }
    measured.timed = true;
    measured.call(|broker| broker.handle_eof(NOW, deaf));
    measured.rest();
}

fn in_flight(measured: &mut Measured) {
    // The properties are a length of zero, eleven bytes after the Remaining Length.
    let mut bytes = connect("greedy", V5, true);
    bytes.splice(12..=12, [3, 0x21, 0xff, 0xff]);
    bytes[1] += 3;
    let greedy = measured.call(|broker| broker.handle_accept(NOW, Peer::default()));
    let greedy = greedy.expect("there is room");
    measured.send(greedy, &bytes);
    measured.subscribed(greedy, "a", QoS::AtLeastOnce);
    let publisher = measured.open("publisher");
    let packet = publish("a", b"", QoS::AtLeastOnce, false, V5);
    for _ in 0..65_535 {
        measured.send(publisher, &packet);
        measured.read(publisher);
    }
    measured.timed = true;
    measured.call(|broker| broker.handle_eof(NOW, greedy));
    measured.rest();
}

/// Two brokers that are joined; `filter` has a subscriber at the other.
fn joined(measured: &mut Measured) -> Measured {
    let broker = |shard| {
        let mut config = Config::default();
        (config.shards, config.shard) = (2, Shard(shard));
        Measured::new(config)
    };
    *measured = broker(0);
    let mut other = broker(1);
    measured.broker.handle_peer_up(NOW, Shard(1)).expect("a peer");
    other.broker.handle_peer_up(NOW, Shard(0)).expect("a peer");
    carry(measured, &mut other);
    other
}

/// Carries frames until nobody has any.
fn carry(one: &mut Measured, other: &mut Measured) {
    loop {
        let there = carry_from(one, other, Shard(0), Shard(1));
        let back = carry_from(other, one, Shard(1), Shard(0));
        if there + back == 0 {
            return;
        }
    }
}

fn carry_from(one: &mut Measured, other: &mut Measured, from: Shard, to: Shard) -> u64 {
    let mut frames = 0;
    while let Some(frame) = one.broker.poll_forward(NOW, to) {
        let frame = frame.to_vec();
        other.call(|broker| broker.handle_forward(NOW, from, &frame)).expect("a frame");
        frames += 1;
    }
    for broker in [one, other] {
        broker.rest();
    }
    frames
}

/// Names of clients that live at a shard of two.
fn names(shard: u16) -> impl Iterator<Item = String> {
    (0..).map(|n| format!("client-{n}")).filter(move |name| Shard::of(name, 2) == Shard(shard))
}

fn beside_a_peer(measured: &mut Measured) {
    joined(measured);
    // Without a link nobody who subscribes waits for the other.
    measured.broker.handle_peer_down(NOW, Shard(1));
    let mut names = names(0);
    for name in names.by_ref().take(MANY as usize) {
        let client = measured.open(&name);
        measured.subscribed(client, "topic", QoS::AtMostOnce);
    }
    let publisher = measured.open(&names.next().expect("there are more"));
    measured.timed = true;
    measured.send(publisher, &publish("topic", b"x", QoS::AtMostOnce, false, V5));
}

/// Publishes until the other broker has no more room.
fn fill(measured: &mut Measured, other: &mut Measured, qos: QoS) {
    let subscriber = other.open(&names(1).next().expect("one"));
    // It is answered once this broker has heard of it.
    let bytes = subscribe("topic", qos, V5);
    while other.broker.handle_input(NOW, subscriber, &bytes, &mut AllowAll).consumed == 0 {
        carry(measured, other);
    }
    carry(measured, other);
    let publisher = measured.open(&names(0).next().expect("one"));
    let packet = publish("topic", b"", qos, false, V5);
    while measured.broker.stats().dropped_forwards == 0 {
        measured.send(publisher, &packet);
        measured.read(publisher);
    }
}

fn received(measured: &mut Measured) {
    let mut other = joined(measured);
    fill(measured, &mut other, QoS::AtLeastOnce);
    // The other says once that it has them all.
    while carry_from(measured, &mut other, Shard(0), Shard(1)) > 0 {}
    measured.timed = true;
    carry(measured, &mut other);
}

fn cut(measured: &mut Measured) {
    let mut other = joined(measured);
    fill(measured, &mut other, QoS::AtMostOnce);
    measured.timed = true;
    measured.call(|broker| broker.handle_peer_down(NOW, Shard(1)));
    measured.rest();
}
