//! Clients that come, are served or refused, and go.

use std::fs;
use std::io::Write as _;
use std::net::TcpListener;
use std::path::Path;

use mqtt_codec::{QoS, Version};

use crate::client::Client;
use crate::running::{self, Running};

const HERE: [&str; 2] = ["--listen", "127.0.0.1:0"];

fn start(arguments: &[&str]) -> Running {
    Running::start(&[&HERE, arguments].concat())
}

#[test]
fn a_message_reaches_a_subscriber_in_every_version() {
    let broker = start(&[]);
    for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
        let mut subscriber = Client::connected(broker.address(), version, "subscriber");
        subscriber.subscribe("hello/#", QoS::AtLeastOnce);
        let mut publisher = Client::connected(broker.address(), version, "publisher");
        publisher.publish("hello/world", QoS::AtLeastOnce, b"it works");
        assert!(publisher.receive().starts_with("PUBACK id=9"));
        let message = subscriber.receive();
        assert!(message.starts_with("PUBLISH q1 id="), "{message}");
        assert!(message.ends_with("\"hello/world\" \"it works\""), "{message}");
    }
}

#[test]
fn what_is_set_is_what_clients_are_told() {
    let settings = [
        "receive_maximum=10",
        "maximum_packet_size=1000",
        "topic_alias_maximum=3",
        "maximum_qos=1",
        "retain_available=false",
        "wildcard_subscriptions=false",
        "shared_subscriptions=false",
        "subscription_identifiers=false",
        "server_keep_alive=30s",
        "connections=1",
    ]
    .map(|setting| format!("mqtt.{setting}"));
    let sets: Vec<&str> = settings.iter().flat_map(|setting| ["--set", setting]).collect();
    let broker = start(&sets);
    let (_client, connack) = Client::connect(broker.address(), Version::V5, "c");
    for told in [
        "receive-maximum=10",
        "maximum-packet-size=1000",
        "alias-maximum=3",
        "maximum-qos=1",
        "retain-available=0",
        "wildcard-available=0",
        "shared-available=0",
        "sub-id-available=0",
        "server-keep-alive=30",
    ] {
        assert!(connack.contains(told), "{told} is not in {connack}");
    }
    let mut second = std::net::TcpStream::connect(broker.address()).unwrap();
    let mut nothing = Vec::new();
    let read = std::io::Read::read_to_end(&mut second, &mut nothing);
    assert!(matches!(read, Ok(0) | Err(_)), "one connection is one");
}

#[test]
fn clients_that_come_and_go_are_logged() {
    let broker = start(&[]);
    let client = Client::connected(broker.address(), Version::V5, "visitor");
    let line = broker.logged("client connected");
    assert!(line.contains("client=\"visitor\""), "{line}");
    assert!(line.contains("version=5.0"), "{line}");
    drop(client);
    let line = broker.logged("client disconnected");
    assert!(line.contains("client=\"visitor\""), "{line}");
    assert!(line.contains("cause=\"connection lost without DISCONNECT\""), "{line}");
}

#[test]
fn every_address_of_the_card_answers() {
    let broker = start(&["--listen", "localhost:0", "--listen", "0", "--open"]);
    let addresses = broker.addresses();
    assert!(addresses.len() >= 3, "{}", broker.card());
    for address in addresses {
        Client::connected(address, Version::V5, "c");
    }
}

#[test]
fn a_port_alone_is_every_interface() {
    let broker = Running::start(&["--listen", "0"]);
    let first = broker.address();
    assert_eq!(first.ip().to_string(), "127.0.0.1", "{}", broker.card());
    Client::connected(first, Version::V5, "c");
    let command = format!("mosquitto_sub -h 127.0.0.1 -p {} -t 'hello/#' -v", first.port());
    assert!(broker.card().contains(&command), "{}", broker.card());
    assert!(
        broker.card().contains("Only clients of this machine may connect"),
        "{}",
        broker.card()
    );
}

/// A machine whose only address is loopback has nobody to refuse; the policy's own tests stand in
/// for it.
#[test]
fn clients_of_other_machines_are_refused_until_open() {
    let broker = Running::start(&["--listen", "0"]);
    let from_elsewhere = |broker: &Running| {
        broker.addresses().into_iter().find(|address| !address.ip().is_loopback())
    };
    let Some(address) = from_elsewhere(&broker) else { return };
    let (_, answer) = Client::connect(address, Version::V5, "stranger");
    assert!(answer.starts_with("CONNACK 0x87 Not authorized"), "{answer}");
    let line = broker.logged("client refused");
    assert!(line.contains("clients of other machines are not let in"), "{line}");
    assert!(line.ends_with("--listen 0 --open"), "the cure: {line}");
    assert!(line.contains("client=\"stranger\""), "{line}");
    assert!(line.contains(&format!("peer={}", address.ip())), "{line}");
    let (_, answer) = Client::connect(address, Version::V3_1_1, "stranger");
    assert!(answer.starts_with("CONNACK 0x87 Not authorized"), "{answer}");

    let broker = Running::start(&["--listen", "0", "--open"]);
    let address = from_elsewhere(&broker).unwrap();
    Client::connected(address, Version::V5, "stranger");
}

#[test]
fn a_refusal_names_the_cure() {
    let broker = start(&["--set", "mqtt.allow_empty_client_id=false"]);
    let (_, answer) = Client::connect(broker.address(), Version::V5, "");
    assert!(answer.starts_with("CONNACK 0x85 Client Identifier not valid"), "{answer}");
    let line = broker.logged("client refused");
    assert!(line.contains("peer=127.0.0.1:"), "{line}");
    assert!(line.ends_with("--set mqtt.allow_empty_client_id=true"), "{line}");
}

/// Who has mistaken the port is told in the words of the protocol that was spoken.
#[test]
fn tls_and_http_on_the_port_are_recognized() {
    let broker = start(&[]);
    for (said, spoken, cure) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"[..], "TLS", "mqtt://, not mqtts://"),
        (b"GET /mqtt HTTP/1.1\r\nUpgrade: websocket\r\n\r\n", "HTTP", "not http:// or ws://"),
        (b"POST / HTTP/1.1\r\n\r\n", "HTTP", "WebSockets"),
    ] {
        let mut stream = std::net::TcpStream::connect(broker.address()).unwrap();
        stream.write_all(said).unwrap();
        let line = broker.logged("connection closed");
        let told =
            format!("connection closed: {spoken} is spoken on a port for MQTT over plain TCP");
        assert!(line.contains("WARN") && line.contains(&told), "{line}");
        assert!(line.contains("peer=127.0.0.1:") && line.contains(cure), "{line}");
    }
    // Anything else is told of as before.
    let mut stream = std::net::TcpStream::connect(broker.address()).unwrap();
    stream.write_all(b"SSH-2.0-OpenSSH\r\n").unwrap();
    let line = broker.logged("connection closed");
    assert!(line.contains("no MQTT client"), "{line}");
}

#[test]
fn the_configuration_reaches_the_broker() {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join("serving.toml");
    let text = "listen = \"127.0.0.1:0\"\n[mqtt]\nmaximum_qos = 1\ntopic_alias_maximum = 3\n";
    fs::write(&path, text).unwrap();
    let path = path.to_str().unwrap();
    let broker = Running::start(&["--config", path, "--set", "mqtt.topic_alias_maximum=7"]);
    let (_, answer) = Client::connect(broker.address(), Version::V5, "c");
    assert!(answer.contains("maximum-qos=1"), "{answer}");
    assert!(answer.contains("alias-maximum=7"), "{answer}");
}

#[test]
fn a_port_in_use_is_named_with_a_way_out() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap();
    let output = running::run(&["--listen", &address.to_string()]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    let start = format!("mqtt-broker: port {} is in use", address.port());
    assert!(text.lines().any(|line| line.starts_with(&start)), "{text}");
    assert!(text.contains("mqtt-broker --listen "), "{text}");
    assert!(output.stdout.is_empty(), "no connect card");
}
