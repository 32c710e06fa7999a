//! Every choice that the standard leaves to the server is an argument, and clients see it.

use mqtt_codec::{QoS, Version};

use crate::client::Client;
use crate::running::Running;

fn start(settings: &[&str]) -> Running {
    let sets = settings.iter().flat_map(|setting| ["--set", setting]);
    Running::start(&["--listen", "127.0.0.1:0"].into_iter().chain(sets).collect::<Vec<_>>())
}

/// A `server_keep_alive` is imposed on 5.0 clients. One of 3.1.1 cannot be told, and is not refused.
#[test]
fn a_keep_alive_is_imposed_on_whom_can_be_told() {
    let broker = start(&["mqtt.server_keep_alive=7s"]);
    let (_told, connack) = Client::connect(broker.address(), Version::V5, "told");
    assert!(connack.contains("server-keep-alive=7"), "{connack}");
    for version in [Version::V3_1, Version::V3_1_1] {
        Client::connected(broker.address(), version, "untold");
    }
}

/// Three messages for a client that may have one under way and one waiting.
fn overflow(word: &str) -> Client {
    let setting = format!("mqtt.queue_overflow={word}");
    let settings = ["mqtt.inflight_messages=1", "mqtt.queue_messages=1", &setting];
    let broker = start(&settings);
    let mut slow = Client::connected(broker.address(), Version::V3_1_1, "slow");
    slow.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = Client::connected(broker.address(), Version::V5, "publisher");
    for payload in ["1", "2", "3"] {
        publisher.publish("a", QoS::AtLeastOnce, payload.as_bytes());
        assert!(publisher.receive().starts_with("PUBACK id=9"));
    }
    assert!(slow.receive().ends_with("\"a\" \"1\""));
    if word == "disconnect" {
        assert_eq!(slow.receive(), "end of the connection");
        return slow;
    }
    slow.acknowledge(1);
    let left = if word == "drop-oldest" { "\"a\" \"3\"" } else { "\"a\" \"2\"" };
    let message = slow.receive();
    assert!(message.ends_with(left), "{word}: {message}");
    slow
}

#[test]
fn what_gives_way_in_a_full_queue_is_chosen() {
    for word in ["drop-oldest", "drop-newest", "disconnect"] {
        overflow(word);
    }
}

#[test]
fn what_a_client_may_ask_for_is_chosen() {
    let broker = start(&["mqtt.allow_empty_client_id=false", "mqtt.topic_levels=2"]);
    let (_, answer) = Client::connect(broker.address(), Version::V3_1_1, "");
    assert!(answer.starts_with("CONNACK 0x85"), "{answer}");
    let mut client = Client::connected(broker.address(), Version::V5, "c");
    assert!(client.ask_to_subscribe("a/b/c", QoS::AtMostOnce).starts_with("SUBACK id=1 0x8f"));
    client.publish("a/b/c", QoS::AtLeastOnce, b"x");
    assert!(client.receive().starts_with("PUBACK id=9 0x90"));
}

#[test]
fn every_key_of_the_printed_configuration_has_its_default_and_can_be_set() {
    let output = crate::running::run(&["config"]);
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    let mqtt = text.split("[mqtt]").nth(1).and_then(|rest| rest.split("\n[").next()).unwrap();
    let keys: Vec<(&str, &str)> = mqtt
        .lines()
        .map(|line| line.trim_start_matches(['#', ' ']))
        .filter_map(|line| line.split_once(" = "))
        .filter(|(key, _)| {
            key.bytes().all(|byte| byte.is_ascii_lowercase() || b"_0".contains(&byte))
        })
        .collect();
    for wanted in [
        "receive_maximum",
        "maximum_packet_size",
        "topic_alias_maximum",
        "maximum_qos",
        "retain_available",
        "wildcard_subscriptions",
        "shared_subscriptions",
        "subscription_identifiers",
        "server_keep_alive",
        "session_expiry_maximum",
        "message_expiry_maximum",
        "inflight_messages",
        "queue_messages",
        "queue_bytes",
        "queue_overflow",
        "queue_qos0",
        "allow_empty_client_id",
        "connect_timeout",
        "connections",
        "subscriptions_per_client",
        "topic_levels",
        "validate_payload_format",
    ] {
        let found = keys.iter().find(|(key, _)| *key == wanted);
        let Some((key, value)) = found else { panic!("no {wanted} in {text}") };
        let setting = format!("mqtt.{key}={}", value.trim_matches('"'));
        let output = crate::running::run(&["config", "--set", &setting]);
        assert!(output.status.success(), "{setting}: {output:?}");
        assert_eq!(String::from_utf8(output.stdout).unwrap(), text, "{setting} is the default");
    }
}
