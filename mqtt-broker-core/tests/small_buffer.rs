//! A host with little memory: what it is given does not ask it for more than its buffer.

#![allow(clippy::unwrap_used, reason = "tests")]

use mqtt_broker_core::codec::{
    Connect, Packet, PacketIdentifier, Properties, QoS, Subscribe, SubscriptionOptions,
    Subscriptions, TopicFilter, TopicName, Utf8String, Version,
};
use mqtt_broker_core::{
    AllowAll, ApplicationMessage, Broker, Config, ConnectionHandle, Instant, Peer,
};

const NOW: Instant = Instant(0);

fn send(broker: &mut Broker, connection: ConnectionHandle, packet: &Packet<'_>) {
    let mut bytes = [0; 128];
    let len = packet.encode(Version::V5, &mut bytes).unwrap();
    let received = broker.handle_input(NOW, connection, &bytes[..len], &mut AllowAll);
    assert_eq!(received.consumed, len);
}

fn subscribed(broker: &mut Broker) -> ConnectionHandle {
    let connection = broker.handle_accept(NOW, Peer::default()).unwrap();
    let connect = Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 0,
        client_identifier: Utf8String::new("client").unwrap(),
        properties: Properties::EMPTY,
        will: None,
        user_name: None,
        password: None,
    };
    send(broker, connection, &Packet::Connect(connect));
    let filters = [(TopicFilter::new("a").unwrap(), SubscriptionOptions::new(QoS::AtMostOnce))];
    let subscribe = Subscribe {
        packet_identifier: PacketIdentifier::MIN,
        properties: Properties::EMPTY,
        subscriptions: Subscriptions::new(&filters),
    };
    send(broker, connection, &Packet::Subscribe(subscribe));
    connection
}

/// What the client gets of three messages, and the longest part that was lent.
fn transmitted(buffer: &mut [u8], payload: &[u8]) -> (Vec<u8>, usize) {
    let mut broker = Broker::new(Config::default());
    let connection = subscribed(&mut broker);
    let message = ApplicationMessage::new(TopicName::new("a").unwrap(), payload);
    for _ in 0..3 {
        broker.publish(NOW, &message).unwrap();
    }
    let (mut bytes, mut longest) = (Vec::new(), 0);
    while let Some(transmit) = broker.poll_transmit(NOW, connection, buffer, &mut AllowAll) {
        let (len, lent) = (transmit.len, transmit.payload);
        longest = longest.max(lent.len());
        bytes.extend_from_slice(lent);
        let lent = lent.len();
        let front = bytes.len() - lent;
        bytes.splice(front..front, buffer[..len].iter().copied());
    }
    broker.handle_eof(NOW, connection);
    assert_eq!(broker.stats().publications, 0);
    (bytes, longest)
}

#[test]
fn a_packet_larger_than_the_buffer_comes_in_parts() {
    for len in [0, 1, 50, 64, 65, 1000, 4096] {
        let payload: Vec<u8> = (0..len).map(|index| (index % 251) as u8).collect();
        let (whole, _) = transmitted(&mut [0; 65536], &payload);
        for size in [64, 100, 1000, 4200] {
            let (parts, lent) = transmitted(&mut vec![0; size], &payload);
            assert_eq!(parts, whole, "{len} bytes through {size}");
            assert_eq!(lent, 0, "{len} bytes through {size}");
        }
    }
}

#[test]
fn a_large_payload_is_lent() {
    let payload = vec![7; 4097];
    let (whole, lent) = transmitted(&mut [0; 65536], &payload);
    assert_eq!(lent, 4097);
    assert_eq!(transmitted(&mut [0; 64], &payload).0, whole);
}
