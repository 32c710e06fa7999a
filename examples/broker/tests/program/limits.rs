//! The bounds that an operator sets, each at its edge: so much is allowed, and what is beyond it is
//! answered as the standard says and is in the log, with the argument that would have allowed it.
//!
//! The table of all of them, with the same shown of each, is in the documentation of the core.

use core::time::Duration;
use std::thread;
use std::time::Instant;

use mqtt_codec::{QoS, Version};

use crate::client::Client;
use crate::running::Running;

fn start(settings: &[&str]) -> Running {
    let sets = settings.iter().flat_map(|setting| ["--set", setting]);
    Running::start(&["--listen", "127.0.0.1:0"].into_iter().chain(sets).collect::<Vec<_>>())
}

/// The log says that this limit was reached, and how it would not be.
fn is_logged(broker: &Running, limit: &str, cure: &str) {
    let line = broker.logged("limit reached");
    assert!(line.contains(&format!("limit=\"{limit}\"")), "{line}");
    assert!(line.ends_with(&format!("--set {cure}")), "{line}");
}

/// Publishes with QoS 1; the answer.
fn published(client: &mut Client, topic: &str, payload: &[u8]) -> String {
    client.publish(topic, QoS::AtLeastOnce, payload);
    client.receive()
}

#[test]
fn maximum_packet_size() {
    let broker = start(&["mqtt.maximum_packet_size=128"]);
    let (mut client, connack) = Client::connect(broker.address(), Version::V5, "c");
    assert!(connack.contains("maximum-packet-size=128"), "{connack}");
    // 1 + 1, 2 + 1, 2, 1 and the payload.
    assert!(published(&mut client, "a", &[b'x'; 120]).starts_with("PUBACK id=9"));
    assert!(published(&mut client, "a", &[b'x'; 121]).starts_with("DISCONNECT 0x95"));
    assert_eq!(client.receive(), "end of the connection");
    is_logged(&broker, "maximum_packet_size", "mqtt.maximum_packet_size=256");
    let mut old = Client::connected(broker.address(), Version::V3_1_1, "old");
    assert!(published(&mut old, "a", &[b'x'; 121]).starts_with("PUBACK id=9"));
    assert_eq!(published(&mut old, "a", &[b'x'; 122]), "end of the connection");
}

#[test]
fn connect_packet_size() {
    let broker = start(&["limits.connect_packet_size=128"]);
    // 2, 10, 1 and 2 before the name.
    Client::connected(broker.address(), Version::V5, &"x".repeat(113));
    let (_, answer) = Client::connect(broker.address(), Version::V5, &"x".repeat(114));
    assert_eq!(answer, "end of the connection");
    is_logged(&broker, "connect_packet_size", "limits.connect_packet_size=256");
}

/// Opens one connection more than there may be; whoever leaves makes room.
fn one_too_many(setting: &str) {
    let broker = start(&[&format!("{setting}=2")]);
    let first = Client::connected(broker.address(), Version::V5, "first");
    let _second = Client::connected(broker.address(), Version::V3_1_1, "second");
    assert!(Client::is_turned_away(broker.address()));
    is_logged(&broker, setting.trim_start_matches("mqtt."), &format!("{setting}=4"));
    drop(first);
    let start = Instant::now();
    while Client::is_turned_away(broker.address()) {
        assert!(start.elapsed() < crate::running::PATIENCE, "no room was made");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn connections() {
    one_too_many("mqtt.connections");
}

#[test]
fn connections_per_address() {
    one_too_many("mqtt.connections_per_address");
}

#[test]
fn sessions() {
    let broker = start(&["limits.sessions=2"]);
    let _first = Client::connected(broker.address(), Version::V5, "first");
    let _second = Client::connected(broker.address(), Version::V5, "second");
    let (_, answer) = Client::connect(broker.address(), Version::V5, "third");
    assert!(answer.starts_with("CONNACK 0x97"), "{answer}");
    is_logged(&broker, "sessions", "limits.sessions=4");
    let (_, answer) = Client::connect(broker.address(), Version::V3_1_1, "third");
    assert!(answer.starts_with("CONNACK 0x88"), "3, as 3.1.1 has it: {answer}");
}

#[test]
fn subscriptions_of_one_client_and_of_all() {
    let broker = start(&["mqtt.subscriptions_per_client=2", "limits.subscriptions=3"]);
    let mut first = Client::connected(broker.address(), Version::V5, "first");
    first.subscribe("a", QoS::AtMostOnce);
    first.subscribe("b", QoS::AtMostOnce);
    assert!(first.ask_to_subscribe("c", QoS::AtMostOnce).starts_with("SUBACK id=1 0x97"));
    is_logged(&broker, "subscriptions_per_client", "mqtt.subscriptions_per_client=4");
    let mut second = Client::connected(broker.address(), Version::V3_1_1, "second");
    second.subscribe("a", QoS::AtMostOnce);
    assert!(second.ask_to_subscribe("b", QoS::AtMostOnce).starts_with("SUBACK id=1 0x80"));
    is_logged(&broker, "subscriptions", "limits.subscriptions=6");
}

#[test]
fn retained() {
    let broker = start(&["limits.retained=2"]);
    let mut client = Client::connected(broker.address(), Version::V5, "c");
    let mut retain = |topic: &str, payload: &[u8]| {
        client.retain(topic, payload);
        client.receive()
    };
    assert!(retain("a", b"1").starts_with("PUBACK id=9 0x10"));
    assert!(retain("b", b"1").starts_with("PUBACK id=9 0x10"));
    assert!(retain("c", b"1").starts_with("PUBACK id=9 0x97"));
    is_logged(&broker, "retained", "limits.retained=4");
    // One that is there is replaced, and cleared.
    assert!(retain("a", b"2").starts_with("PUBACK id=9 0x10"));
    assert!(retain("a", b"").starts_with("PUBACK id=9 0x10"));
    assert!(retain("c", b"1").starts_with("PUBACK id=9 0x10"));
}

#[test]
fn retained_message_size() {
    let broker = start(&["mqtt.retained_message_size=10"]);
    let mut client = Client::connected(broker.address(), Version::V5, "c");
    client.retain("a", b"123456789");
    assert!(client.receive().starts_with("PUBACK id=9 0x10"));
    client.retain("a", b"1234567890");
    assert!(client.receive().starts_with("PUBACK id=9 0x97"));
    is_logged(&broker, "retained_message_size", "mqtt.retained_message_size=20");
}

#[test]
fn queue_messages() {
    let broker = start(&["mqtt.inflight_messages=2", "mqtt.queue_messages=3"]);
    let mut slow = Client::connected(broker.address(), Version::V3_1_1, "slow");
    slow.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = Client::connected(broker.address(), Version::V5, "publisher");
    for payload in [b"1", b"2", b"3", b"4", b"5", b"6"] {
        assert!(published(&mut publisher, "a", payload).starts_with("PUBACK id=9"));
    }
    let line = broker.logged("message dropped");
    assert!(line.contains("--set mqtt.queue_messages=6"), "{line}");
    for number in 1..=5_u16 {
        let message = slow.receive();
        assert!(message.ends_with(&format!("\"a\" \"{number}\"")), "{message}");
        slow.acknowledge(number);
    }
    assert!(published(&mut publisher, "a", b"7").starts_with("PUBACK id=9"));
    assert!(slow.receive().ends_with("\"a\" \"7\""), "the sixth is lost");
}

#[test]
fn queue_bytes() {
    // 32 for the entry, one for the topic.
    let broker = start(&["mqtt.inflight_messages=1", "mqtt.queue_bytes=133"]);
    let mut slow = Client::connected(broker.address(), Version::V3_1_1, "slow");
    slow.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = Client::connected(broker.address(), Version::V5, "publisher");
    assert!(published(&mut publisher, "a", b"first").starts_with("PUBACK id=9"));
    assert!(slow.receive().ends_with("\"a\" \"first\""));
    assert!(published(&mut publisher, "a", &[b'x'; 101]).starts_with("PUBACK id=9"));
    assert!(broker.logged("message dropped").contains("--set mqtt.queue_messages"));
    assert!(published(&mut publisher, "a", &[b'y'; 100]).starts_with("PUBACK id=9"));
    slow.acknowledge(1);
    assert!(slow.receive().contains("yyy"));
}

#[test]
fn publish_rate() {
    let settings = ["mqtt.publish_rate=2", "mqtt.publish_overrate=disconnect"];
    let broker = start(&settings);
    let mut client = Client::connected(broker.address(), Version::V5, "fast");
    // More than two come within the second only if this test is not slowed down, so it goes on.
    let refused =
        (0..1000).find(|_| published(&mut client, "a", b"x").starts_with("DISCONNECT 0x96"));
    assert!(refused.is_some_and(|allowed| allowed >= 2), "{refused:?}");
    is_logged(&broker, "publish_rate", "mqtt.publish_rate=4");

    // The other way: it is heard later, and nothing is lost.
    let broker = start(&["mqtt.publish_rate=10"]);
    let mut client = Client::connected(broker.address(), Version::V5, "fast");
    let start = Instant::now();
    for _ in 0..15 {
        assert!(published(&mut client, "a", b"x").starts_with("PUBACK id=9"));
    }
    // Ten at once, and then one in a tenth of a second.
    assert!(start.elapsed() >= Duration::from_millis(490), "{:?}", start.elapsed());
    is_logged(&broker, "publish_rate", "mqtt.publish_rate=20");
}

#[test]
fn connect_timeout() {
    let broker = start(&["mqtt.connect_timeout=1s"]);
    let start = Instant::now();
    assert!(Client::is_turned_away_in_the_end(broker.address()));
    assert!(start.elapsed() >= Duration::from_secs(1), "{:?}", start.elapsed());
    is_logged(&broker, "connect_timeout", "mqtt.connect_timeout=2");
}
