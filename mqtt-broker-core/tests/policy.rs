//! Who a policy is asked about, and what a connection that is ending may still be sent.

use mqtt_broker_core::{
    ApplicationMessage, Broker, CloseReason, Config, ConnectionHandle, DeliverRequest, Event,
    Instant, Output, Peer, Policy, PublishRequest, Received, Request, Verdict,
};
use mqtt_codec::{
    Connect, Framed, Packet, PacketIdentifier, Properties, Property, QoS, ReasonCode, Sender,
    Subscribe, SubscriptionOptions, Subscriptions, TopicFilter, TopicName, Utf8String, Version,
    Will, frame,
};

const NOW: Instant = Instant::from_secs(1);

/// Notes whom it was asked about, and allows it.
#[derive(Default)]
struct Asked(Vec<(String, Option<String>)>);

impl Policy for Asked {
    fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
        let client = request.client;
        self.0.push((client.client_identifier().into(), client.user_name().map(Into::into)));
        Verdict::Allow
    }

    fn deliver(&mut self, request: &DeliverRequest<'_>) -> Verdict {
        self.0.push((request.client.client_identifier().into(), None));
        Verdict::Allow
    }
}

fn text(text: &str) -> Utf8String<'_> {
    Utf8String::new(text).unwrap()
}

/// What the broker takes of a packet.
fn offer(
    broker: &mut Broker,
    policy: &mut dyn Policy,
    to: ConnectionHandle,
    packet: &Packet<'_>,
) -> Received {
    let mut bytes = vec![0; packet.encoded_len(Version::V5)];
    packet.encode(Version::V5, &mut bytes).unwrap();
    broker.handle_input(NOW, to, &bytes, policy)
}

fn send(broker: &mut Broker, policy: &mut Asked, to: ConnectionHandle, packet: &Packet<'_>) {
    let received = offer(broker, policy, to, packet);
    assert_eq!(received.consumed, packet.encoded_len(Version::V5));
}

/// A client with a Session that lasts and a Will Message of QoS 1 that is to be retained.
fn connect(broker: &mut Broker, policy: &mut dyn Policy) -> ConnectionHandle {
    let connection = broker.handle_accept(NOW, Peer::default()).unwrap();
    let expiry = [Property::SessionExpiryInterval(60)];
    let connect = Packet::Connect(Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 0,
        client_identifier: text("alice"),
        properties: Properties::new(&expiry),
        will: Some(Will {
            qos: QoS::AtLeastOnce,
            retain: true,
            topic: TopicName::new("alice/state").unwrap(),
            payload: b"gone",
            properties: Properties::EMPTY,
        }),
        user_name: Some(text("Alice")),
        password: None,
    });
    offer(broker, policy, connection, &connect);
    connection
}

/// The packets that are ready for this connection.
fn packets(broker: &mut Broker, policy: &mut Asked, from: ConnectionHandle) -> Vec<String> {
    let (mut buffer, mut bytes) = (vec![0; 1024], Vec::new());
    while let Some(sent) = broker.poll_transmit(NOW, from, &mut buffer, policy) {
        bytes.extend_from_slice(&buffer[..sent.len]);
        bytes.extend_from_slice(sent.payload);
    }
    let (mut rest, mut packets) = (&bytes[..], Vec::new());
    while let Ok(Framed::Complete(frame)) = frame(rest, Sender::Server, u32::MAX) {
        packets.push(frame.decode(Version::V5).unwrap().to_string());
        rest = &rest[frame.encoded_len()..];
    }
    assert!(rest.is_empty());
    packets
}

#[test]
fn a_will_message_is_its_clients_before_there_is_a_session() {
    let mut broker = Broker::new(Config::default());
    let mut policy = Asked::default();
    connect(&mut broker, &mut policy);
    assert_eq!(policy.0, [("alice".to_owned(), Some("Alice".to_owned()))]);
}

/// Puts off what it is asked about publishing.
struct Later;

impl Policy for Later {
    fn publish(&mut self, _: &PublishRequest<'_>) -> Verdict {
        Verdict::Defer
    }
}

#[test]
fn a_deferred_question_about_a_will_message_names_its_client() {
    let mut broker = Broker::new(Config::default());
    connect(&mut broker, &mut Later);
    let mut asked = Vec::new();
    while let Some(output) = broker.poll_output() {
        if let Output::Decide(_, _, Request::Publish { client_identifier, topic, .. }) = output {
            asked.push((client_identifier, topic));
        }
    }
    assert_eq!(asked, [("alice".to_owned(), "alice/state".to_owned())]);
}

#[test]
fn a_right_to_receive_is_never_asked_about_nobody() {
    let mut config = Config::default();
    config.ask_deliver = true;
    let mut broker = Broker::new(config);
    let mut policy = Asked::default();
    let connection = connect(&mut broker, &mut policy);
    let list = [(TopicFilter::new("#").unwrap(), SubscriptionOptions::default())];
    let subscribe = Packet::Subscribe(Subscribe {
        packet_identifier: PacketIdentifier::MIN,
        properties: Properties::EMPTY,
        subscriptions: Subscriptions::new(&list),
    });
    send(&mut broker, &mut policy, connection, &subscribe);
    packets(&mut broker, &mut policy, connection);
    policy.0.clear();
    let message = ApplicationMessage::new(TopicName::new("a").unwrap(), b"x");
    broker.publish(NOW, &message).unwrap();
    broker.kick(NOW, "alice", ReasonCode::ADMINISTRATIVE_ACTION);
    let sent = packets(&mut broker, &mut policy, connection);
    assert_eq!(sent, ["DISCONNECT 0x98 Administrative action"]);
    assert_eq!(policy.0, []);
}

#[test]
fn a_retained_will_message_is_in_the_journal() {
    let mut config = Config::default();
    config.journal = true;
    let mut broker = Broker::new(config);
    let mut policy = Asked::default();
    let connection = connect(&mut broker, &mut policy);
    while broker.poll_journal().is_some() {}
    broker.handle_eof(NOW, connection);
    let mut journal = Vec::new();
    while let Some(record) = broker.poll_journal() {
        journal.extend_from_slice(record.bytes);
    }
    let has = |text: &[u8]| journal.windows(text.len()).any(|window| window == text);
    assert!(has(b"alice/state") && has(b"gone"));
    assert_eq!(broker.stats().retained, 1);
}

#[test]
fn a_stranger_who_speaks_no_mqtt_is_told_of() {
    let mut broker = Broker::new(Config::default());
    let connection = broker.handle_accept(NOW, Peer::default()).unwrap();
    broker.handle_input(NOW, connection, b"GET / HTTP/1.1\r\n\r\n", &mut Asked::default());
    let mut told = Vec::new();
    while let Some(output) = broker.poll_output() {
        if let Output::Event(Event::Closed { reason, .. }) = output {
            told.push(reason);
        }
    }
    assert!(
        matches!(told[..], [CloseReason::Malformed(_) | CloseReason::Violation(..)]),
        "{told:?}"
    );
}
