//! Clients that want to do harm. Each is answered as the standard says, in bounded work and memory,
//! and a neighbour who does nothing wrong is served meanwhile. How long the neighbour waited is
//! printed (`--nocapture`) and not asserted.
//!
//! The same clients meet the program over real sockets in its own tests.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::std_instead_of_core, reason = "the clock of the host machine")]

#[path = "packets/host.rs"]
mod host;
#[path = "packets/packets_with.rs"]
mod packets_with;

use host::Host;
use mqtt_broker_core::{AllowAll, Config, Duration, Peer};
use mqtt_codec::Version::{self, V3_1_1, V5};
use packets_with::{connect, packet, properties, publish, string};

/// A broker with two neighbours: one subscribes to `n/#` with QoS 1, the other publishes to it.
struct Street {
    host: Host<AllowAll>,
    subscriber: usize,
    publisher: usize,
}

impl Street {
    fn new(mut config: Config) -> Self {
        config.reason_strings = false;
        let mut host = Host::new(config, AllowAll);
        let subscriber = host.open(V5);
        host.send(subscriber, &connect(V5, 0x02, &[], &[string("subscriber")]));
        host.send(subscriber, b"\x82\x09\x00\x01\x00\x00\x03n/#\x01");
        let publisher = host.open(V5);
        host.send(publisher, &connect(V5, 0x02, &[], &[string("publisher")]));
        let mut street = Self { host, subscriber, publisher };
        street.take(subscriber);
        street.take(publisher);
        street
    }

    /// A client that has connected.
    fn connected(&mut self, version: Version, name: &str) -> usize {
        let wire = self.host.open(version);
        self.host.send(wire, &connect(version, 0x02, &[], &[string(name)]));
        let answer = self.take(wire);
        assert!(answer.len() == 1 && answer[0].starts_with("CONNACK 0x00"), "{answer:?}");
        wire
    }

    fn send(&mut self, wire: usize, bytes: &[u8]) -> Vec<String> {
        let start = std::time::Instant::now();
        self.host.send(wire, bytes);
        if start.elapsed().as_millis() >= 50 {
            println!("{} bytes took the broker {:?}", bytes.len(), start.elapsed());
        }
        self.take(wire)
    }

    fn take(&mut self, wire: usize) -> Vec<String> {
        self.host.seen(wire)
    }

    fn wait(&mut self, seconds: u64) {
        for _ in 0..seconds {
            self.host.now = self.host.now + Duration::from_secs(1);
            self.host.settle();
        }
    }

    /// The neighbours have what they pay for.
    fn is_served(&mut self, during: &str) {
        let start = std::time::Instant::now();
        let answer = self.host_publishes();
        println!("{during}: the neighbour has its message after {:?}", start.elapsed());
        assert_eq!(answer, ["PUBACK id=1"], "{during}");
        let message = self.take(self.subscriber);
        assert_eq!(message.len(), 1, "{during}: {message:?}");
        let id = message[0].strip_prefix("PUBLISH q1 id=").expect("a PUBLISH");
        let (id, rest) = id.split_once(' ').unwrap();
        assert_eq!(rest, r#""n/x" """#, "{during}");
        let id: u16 = id.parse().unwrap();
        self.host.send(self.subscriber, &packet(0x40, &id.to_be_bytes()));
    }

    fn host_publishes(&mut self) -> Vec<String> {
        self.send(self.publisher, &publish(V5, 0x32, "n/x", 1, &[]))
    }
}

/// A SUBSCRIBE (options 0) or UNSUBSCRIBE of 5.0 with these filters.
fn with_filters(first: u8, filters: impl Iterator<Item = String>) -> Vec<u8> {
    let mut body = vec![0, 1, 0];
    for filter in filters {
        body.extend(string(&filter));
        if first == 0x82 {
            body.push(0);
        }
    }
    packet(first, &body)
}

//= [MQTT-4.13.1-1] type=test
//= 3.1.1 [MQTT-4.8.0-1] type=test
#[test]
fn one_that_sends_only_what_servers_send() {
    let mut street = Street::new(Config::default());
    let packets: [&[u8]; 4] = [&[0x20, 2, 0, 0], &[0x90, 3, 0, 1, 0], &[0xB0, 2, 0, 1], &[0xD0, 0]];
    for version in Version::ALL.iter().copied() {
        for bytes in packets {
            let new = street.host.open(version);
            assert_eq!(street.send(new, bytes), ["closed UnexpectedPacketType"]);
            let wire = street.connected(version, "server");
            let seen = street.send(wire, bytes);
            assert_eq!(seen.last().unwrap(), "closed UnexpectedPacketType");
            assert_eq!(seen.len(), if version == V5 { 2 } else { 1 }, "{seen:?}");
            street.is_served("a client that plays server");
        }
    }
}

//= [MQTT-3.1.0-1] type=test
#[test]
fn garbage_before_connect() {
    let mut street = Street::new(Config::default());
    // A linear congruential generator: the garbage is the same each time.
    let mut state = 0x2545_F491_4F6C_DD1D_u64;
    let mut byte = || {
        state =
            state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        state.to_be_bytes()[0]
    };
    let mut wires = Vec::new();
    for round in 0..2000_usize {
        let bytes: Vec<u8> = (0..round % 300 + 1).map(|_| byte()).collect();
        let wire = street.host.open(V3_1_1);
        street.host.send(wire, &bytes);
        wires.push(wire);
    }
    street.is_served("garbage");
    street.wait(11);
    for wire in wires {
        let closed = street.host.wires[wire].closed.clone();
        let closed = closed.expect("closed at the latest when CONNECT did not come in time");
        assert!(!closed.starts_with("left"), "{closed}");
    }
    assert_eq!(street.host.broker.stats().sessions, 2);
    assert_eq!(street.host.broker.stats().connections, 2);
}

//= [MQTT-3.1.0-2] type=test
#[test]
fn two_connects() {
    let mut street = Street::new(Config::default());
    for (version, goodbyes) in [(V3_1_1, 0), (V5, 1)] {
        let wire = street.connected(version, "twice");
        let seen = street.send(wire, &connect(version, 0x02, &[], &[string("twice")]));
        assert_eq!(seen.len(), 1 + goodbyes, "{seen:?}");
        assert_eq!(seen.last().unwrap(), "closed 0x82");
        street.is_served("two CONNECTs");
    }
}

#[test]
fn a_topic_of_a_thousand_levels() {
    let mut street = Street::new(Config::default());
    let wire = street.connected(V5, "deep");
    for topic in ["a/".repeat(999) + "a", "/".repeat(65_535), "a/".repeat(32_767) + "a"] {
        let seen = street.send(wire, &publish(V5, 0x32, &topic, 1, &[]));
        assert_eq!(seen, ["PUBACK id=1 0x90 Topic Name invalid"]);
        let filters = [topic.clone(), topic.replace('a', "+")];
        let seen = street.send(wire, &with_filters(0x82, filters.into_iter()));
        assert_eq!(seen, ["SUBACK id=1 0x8f 0x8f"]);
        street.is_served("a thousand levels");
    }
    assert_eq!(street.host.broker.stats().subscriptions, 1);
    assert_eq!(street.host.broker.stats().publications, 0);
}

//= [MQTT-3.3.2-17] type=test
//= [MQTT-3.3.2-18] type=test
#[test]
fn sixty_thousand_user_properties() {
    let mut street = Street::new(Config::default());
    let wire = street.connected(V5, "wordy");
    let list = b"\x26\0\x01k\0\x01v".repeat(60_000);
    // More than a first packet may have, and known from its length.
    let new = street.host.open(V5);
    let bytes = connect(V5, 0x02, &list, &[string("c")]);
    assert_eq!(street.send(new, &bytes[..4]), ["closed PacketTooLarge"]);
    // Right, and handed on to whoever wants it.
    let seen = street.send(wire, &publish(V5, 0x32, "n/x", 1, &list));
    assert_eq!(seen, ["PUBACK id=1"]);
    let message = street.take(street.subscriber);
    assert_eq!(message[0].matches(r#"user-property="k":"v""#).count(), 60_000);
    let id = message[0]["PUBLISH q1 id=".len()..].split(' ').next().unwrap().parse::<u16>();
    street.host.send(street.subscriber, &packet(0x40, &id.unwrap().to_be_bytes()));
    // Right, and of no use.
    let framed = properties(V5, &list);
    let subscribe = packet(0x82, &[&[0, 1], &framed[..], b"\0\x01x\0"].concat());
    assert_eq!(street.send(wire, &subscribe), ["SUBACK id=1 0x00"]);
    let puback = packet(0x40, &[&[0, 1, 0], &framed[..]].concat());
    assert!(street.send(wire, &puback).is_empty());
    street.is_served("60,000 user properties");
    assert_eq!(street.host.broker.stats().publication_bytes, 0);
    let disconnect = packet(0xE0, &[&[0], &framed[..]].concat());
    assert_eq!(street.send(wire, &disconnect), ["closed left 0x00"]);
}

//= [MQTT-3.8.4-6] type=test
//= [MQTT-3.10.4-6] type=test
#[test]
fn a_subscribe_of_fifty_thousand_filters() {
    let mut street = Street::new(Config::default());
    let wire = street.connected(V5, "greedy");
    let filters = |from: u32| (from..from + 50_000).map(|number| format!("f{number}"));
    for (from, code) in [(0, "0x00"), (50_000, "0x00"), (100_000, "0x97")] {
        let seen = street.send(wire, &with_filters(0x82, filters(from)));
        assert_eq!(seen.len(), 1);
        assert_eq!(seen[0].matches(code).count(), 50_000, "from {from}");
        street.is_served("a SUBSCRIBE of 50,000 filters");
    }
    // The limit for one client, and the neighbour's.
    assert_eq!(street.host.broker.stats().subscriptions, 100_001);
    let seen = street.send(wire, &with_filters(0xA2, filters(0)));
    assert_eq!(seen[0].matches("0x00").count(), 50_000);
    street.is_served("an UNSUBSCRIBE of 50,000 filters");
    let same = (0..50_000).map(|_| "f1".to_owned());
    let seen = street.send(wire, &with_filters(0x82, same));
    assert_eq!(seen[0].matches("0x00").count(), 50_000);
    assert_eq!(street.host.broker.stats().subscriptions, 50_002);
    let absent = street.send(wire, &with_filters(0xA2, filters(200_000)));
    assert_eq!(absent[0].matches("0x11").count(), 50_000);
    assert_eq!(street.send(wire, &[0xE0, 0]), ["closed left 0x00"]);
    street.is_served("50,000 subscriptions that end");
    assert_eq!(street.host.broker.stats().subscriptions, 1);
}

/// Many filters that all match what the neighbour publishes. Each shared subscription has a copy of
/// its own, so one message makes as many copies as there are groups.
#[test]
fn ten_thousand_groups_that_match_everything() {
    let mut config = Config::default();
    config.queue_bytes = 100_000;
    let mut street = Street::new(config);
    let wire = street.connected(V5, "groups");
    let filters = (0..10_000).map(|number| format!("$share/g{number}/#"));
    street.send(wire, &with_filters(0x82, filters));
    street.host.wires[wire].reads = false;
    for _ in 0..5 {
        street.is_served("10,000 groups that match everything");
    }
    let stats = street.host.broker.stats();
    println!("groups: {} entries", stats.entries);
    assert!(stats.entries <= 100_000 / 32, "{} entries", stats.entries);
}

#[test]
fn half_a_packet_for_ever() {
    let mut street = Street::new(Config::default());
    // A CONNECT that comes byte by byte, one a second.
    let slow = street.host.open(V3_1_1);
    for byte in connect(V3_1_1, 0x02, &[], &[string("slow-client")]).into_iter().take(10) {
        assert_eq!(street.host.wires[slow].closed, None);
        street.host.send(slow, &[byte]);
        street.wait(1);
    }
    assert_eq!(street.take(slow), ["closed no CONNECT in time"]);
    // A PUBLISH of which a byte comes each second is no sign of life.
    let wire = street.host.open(V5);
    let mut bytes = connect(V5, 0x02, &[], &[string("slow")]);
    bytes[11] = 10; // the Keep Alive's lower byte
    street.send(wire, &bytes);
    street.host.send(wire, &[0x30, 0x80, 0x80, 0x40]);
    for _ in 0..15 {
        assert!(street.host.is_partial(wire));
        street.host.send(wire, &[0]);
        street.wait(1);
    }
    let seen = street.take(wire);
    assert_eq!(seen, ["DISCONNECT 0x8d Keep Alive timeout", "closed keep alive timeout"]);
    street.is_served("half a packet");
    assert_eq!(street.host.broker.stats().connections, 2);
}

#[test]
fn one_that_subscribes_to_everything_and_never_reads() {
    let mut config = Config::default();
    (config.queue_messages, config.queue_bytes) = (100, 50_000);
    config.inflight_messages = 64;
    for options in [0u8, 1, 2] {
        let mut street = Street::new(config.clone());
        let wire = street.connected(V5, "deaf");
        street.send(wire, &packet(0x82, &[0, 1, 0, 0, 1, b'#', options]));
        street.host.wires[wire].reads = false;
        let payload = vec![b'x'; 1000];
        for id in 1..=2000_u16 {
            let mut bytes = publish(V5, 0x34, "m", id, &[]);
            bytes[1] = 0x80 | u8::try_from((bytes.len() - 2 + 1000) % 128).unwrap();
            bytes.insert(2, u8::try_from((bytes.len() - 2 + 1000) / 128).unwrap());
            bytes.extend(&payload);
            street.host.send(street.publisher, &bytes);
            street.host.send(street.publisher, &packet(0x62, &id.to_be_bytes()));
        }
        street.take(street.publisher);
        let stats = street.host.broker.stats();
        println!("QoS {options}: {} entries, {} bytes", stats.entries, stats.publication_bytes);
        // What may wait, and the window of what is under way.
        assert!(stats.entries <= 100 + 64 + 10, "{} entries", stats.entries);
        assert!(stats.publication_bytes <= 50_000 + 65 * 1010, "{}", stats.publication_bytes);
        assert!(stats.dropped_queue_full > 1000, "{}", stats.dropped_queue_full);
        street.is_served("a client that never reads");
        // When it reads at last, it gets what was kept, in order.
        street.host.wires[wire].reads = true;
        street.host.settle();
        let seen = street.take(wire);
        assert!(seen.iter().all(|packet| packet.starts_with("PUBLISH")), "{}", seen.len());
        assert!(!seen.is_empty());
    }
}

//= [MQTT-3.12.4-1] type=test
#[test]
fn a_flood_of_pingreq_without_reading() {
    let mut street = Street::new(Config::default());
    let wire = street.connected(V3_1_1, "flood");
    street.host.wires[wire].reads = false;
    street.host.send(wire, &[0xC0, 0].repeat(100_000));
    assert!(street.host.wires[wire].waiting, "its input waits");
    let stats = street.host.broker.stats();
    println!("PINGREQ: {} entries", stats.entries);
    assert!(stats.entries <= 16_384, "{} entries", stats.entries);
    street.is_served("a flood of PINGREQ");
    street.host.wires[wire].reads = true;
    street.host.settle();
    let seen = street.take(wire);
    assert_eq!(seen.len(), 100_000, "each is answered in the end");
    assert!(seen.iter().all(|packet| packet == "PINGRESP"));
}

/// Other packets that are answered, as many as come.
#[test]
fn a_flood_of_requests_without_reading() {
    let mut street = Street::new(Config::default());
    let requests: [(&str, Vec<u8>); 4] = [
        ("PUBLISH", publish(V5, 0x32, "$x", 1, &[])),
        ("SUBSCRIBE", with_filters(0x82, ["x".to_owned()].into_iter())),
        ("UNSUBSCRIBE", with_filters(0xA2, ["x".to_owned()].into_iter())),
        ("PUBREL", packet(0x62, &[0, 9])),
    ];
    for (name, bytes) in requests {
        let wire = street.connected(V5, "flood");
        street.host.wires[wire].reads = false;
        street.host.send(wire, &bytes.repeat(20_000));
        assert!(street.host.wires[wire].waiting, "{name}");
        let stats = street.host.broker.stats();
        println!("{name}: {} entries", stats.entries);
        assert!(stats.entries <= 16_384, "{name}: {} entries", stats.entries);
        street.is_served(name);
        street.host.wires[wire].reads = true;
        street.host.settle();
        assert_eq!(street.take(wire).len(), 20_000, "{name}");
        assert_eq!(street.send(wire, &[0xE0, 0]), ["closed left 0x00"]);
    }
}

#[test]
fn many_connections_without_connect() {
    let mut config = Config::default();
    config.limits.connections = 1000;
    let mut street = Street::new(config);
    let wires: Vec<usize> = (2..1000).map(|_| street.host.open(V3_1_1)).collect();
    let now = street.host.now;
    assert!(street.host.broker.handle_accept(now, Peer::default()).is_err(), "full");
    street.is_served("998 connections without CONNECT");
    street.wait(9);
    assert_eq!(street.host.broker.stats().connections, 1000);
    street.wait(2);
    for wire in wires {
        assert_eq!(street.take(wire), ["closed no CONNECT in time"]);
    }
    assert_eq!(street.host.broker.stats().connections, 2);
    street.connected(V5, "late");
}

//= [MQTT-3.2.2-15] type=test
#[test]
fn a_remaining_length_beyond_the_limit() {
    let mut street = Street::new(Config::default());
    for first in [0x10, 0x30, 0x32, 0x82, 0xA2, 0x40, 0xE0, 0xF0] {
        let new = street.host.open(V5);
        let seen = street.send(new, &[first, 0xFF, 0xFF, 0xFF, 0x7F]);
        assert_eq!(seen, ["closed PacketTooLarge"], "{first:#04x}");
        let wire = street.connected(V5, "large");
        let seen = street.send(wire, &[first, 0xFF, 0xFF, 0xFF, 0x7F]);
        let goodbye = "DISCONNECT 0x95 Packet too large";
        assert_eq!(seen, [goodbye, "closed PacketTooLarge"], "{first:#04x}");
    }
    street.is_served("a length beyond the limit");
}
