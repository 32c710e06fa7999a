use core::net::SocketAddr;

use mqtt_broker_core::{Broker, Config, Instant, Peer};
use mqtt_codec::{Connect, Framed, Packet, Properties, Sender, Utf8String, Version, frame};

use super::*;

/// What a client at `address` gets for its CONNECT.
fn answer(address: &str, version: Version, open: bool) -> String {
    let connect = Packet::Connect(Connect {
        version,
        clean_start: true,
        keep_alive: 0,
        client_identifier: Utf8String::new("c").unwrap(),
        properties: Properties::EMPTY,
        will: None,
        user_name: None,
        password: None,
    });
    let mut buffer = [0; 256];
    let len = connect.encode(version, &mut buffer).unwrap();
    let address: SocketAddr = address.parse().unwrap();
    let now = Instant::default();

    let mut policy = LoopbackUnlessOpen { open };
    let mut broker = Broker::new(Config::default());
    let connection = broker.handle_accept(now, Peer::new(address)).unwrap();
    broker.handle_input(now, connection, &buffer[..len], &mut policy);
    let len = broker.poll_transmit(now, connection, &mut buffer, &mut policy).unwrap().len;
    match frame(&buffer[..len], Sender::Server, 256).unwrap() {
        Framed::Complete(frame) => frame.decode(version).unwrap().to_string(),
        Framed::Incomplete { .. } => panic!("half an answer"),
    }
}

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];

#[test]
fn this_machine_is_always_welcome() {
    for address in ["127.0.0.1:9", "127.9.9.9:9", "[::1]:9", "[::ffff:127.0.0.1]:9"] {
        for version in VERSIONS {
            for open in [false, true] {
                let answer = answer(address, version, open);
                assert!(answer.starts_with("CONNACK 0x00"), "{address}: {answer}");
            }
        }
    }
}

#[test]
fn other_machines_are_welcome_when_open() {
    for address in ["192.0.2.7:9", "[2001:db8::7]:9", "[::ffff:192.0.2.7]:9"] {
        for version in VERSIONS {
            let refused = answer(address, version, false);
            assert!(refused.starts_with("CONNACK 0x87 Not authorized"), "{address}: {refused}");
            let welcome = answer(address, version, true);
            assert!(welcome.starts_with("CONNACK 0x00"), "{address}: {welcome}");
        }
    }
}
