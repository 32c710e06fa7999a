//! Long work is done in slices, and who asks for too much of it waits, alone.

use mqtt_broker_core::{
    AllowAll, ApplicationMessage, Broker, Config, ConnectionHandle, Instant, Output, Peer,
};
use mqtt_codec::{
    Connect, Packet, PacketIdentifier, Properties, Subscribe, SubscriptionOptions, Subscriptions,
    TopicFilter, TopicName, Utf8String, Version,
};

const NOW: Instant = Instant::from_secs(1);

fn encoded(packet: &Packet<'_>) -> Vec<u8> {
    let mut bytes = vec![0; packet.encoded_len(Version::V5)];
    packet.encode(Version::V5, &mut bytes).unwrap();
    bytes
}

fn connected(broker: &mut Broker, client: &str) -> ConnectionHandle {
    let connection = broker.handle_accept(NOW, Peer::default()).unwrap();
    let connect = Packet::Connect(Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 0,
        client_identifier: Utf8String::new(client).unwrap(),
        properties: Properties::EMPTY,
        will: None,
        user_name: None,
        password: None,
    });
    broker.handle_input(NOW, connection, &encoded(&connect), &mut AllowAll);
    connection
}

fn subscribe(filter: &str) -> Vec<u8> {
    let list = [(TopicFilter::new(filter).unwrap(), SubscriptionOptions::default())];
    encoded(&Packet::Subscribe(Subscribe {
        packet_identifier: PacketIdentifier::MIN,
        properties: Properties::EMPTY,
        subscriptions: Subscriptions::new(&list),
    }))
}

fn retain(broker: &mut Broker, topic: &str, payload: &[u8]) {
    let topic = TopicName::new(topic).unwrap();
    let message = ApplicationMessage { retain: true, ..ApplicationMessage::new(topic, payload) };
    broker.publish(NOW, &message).unwrap();
}

/// All the bytes there are.
fn read(broker: &mut Broker, connection: ConnectionHandle) -> Vec<u8> {
    let (mut buffer, mut all) = ([0; 4096], Vec::new());
    while let Some(transmit) = broker.poll_transmit(NOW, connection, &mut buffer, &mut AllowAll) {
        assert!(transmit.payload.is_empty(), "a small one is not lent");
        let len = transmit.len;
        all.extend_from_slice(&buffer[..len]);
    }
    all
}

/// Reads all there is; whether input is welcome again.
fn read_all(broker: &mut Broker, connection: ConnectionHandle) -> bool {
    read(broker, connection);
    let mut resumed = false;
    while let Some(output) = broker.poll_output() {
        resumed |= matches!(output, Output::Resume(_));
    }
    resumed
}

#[test]
fn walks_over_retained_messages_are_bounded_for_each_client() {
    let mut broker = Broker::new(Config::default());
    for n in 0..5000 {
        retain(&mut broker, &format!("t/{n}"), b"x");
    }
    let connection = connected(&mut broker, "client");
    // A filter that looks at all of them and finds none.
    let subscribe = subscribe("t/+/none");
    let mut input = subscribe.repeat(1000);
    let mut turns = 0;
    let mut waited = 0;
    while !input.is_empty() {
        let received = broker.handle_input(NOW, connection, &input, &mut AllowAll);
        input.drain(..received.consumed);
        read_all(&mut broker, connection);
        if received.waiting {
            waited += 1;
            assert!(received.consumed <= 65 * subscribe.len(), "more walks at once than allowed");
            // The broker says that it has work, and each turn of it is small.
            loop {
                assert!(broker.poll_timeout().is_some_and(|at| at <= NOW));
                broker.handle_timeout(NOW);
                turns += 1;
                if read_all(&mut broker, connection) {
                    break;
                }
            }
        }
    }
    assert!(waited > 10 && turns > 100, "waited {waited} times for {turns} turns");
}

/// Of three walks that waited two have nothing more to say: the last one goes on all the same.
#[test]
fn walks_that_end_with_nothing_to_send_hold_up_no_other() {
    let mut config = Config::default();
    config.queue_messages = 2;
    let mut broker = Broker::new(config);
    retain(&mut broker, "r/1", b"old");
    retain(&mut broker, "r/2", b"old");
    let connection = connected(&mut broker, "client");
    read(&mut broker, connection);
    let subscribe_again = |broker: &mut Broker| {
        broker.handle_input(NOW, connection, &subscribe("r/#"), &mut AllowAll);
    };
    subscribe_again(&mut broker);
    subscribe_again(&mut broker);
    // They come as they are published, and the walks that have begun leave out what they have yet to see.
    retain(&mut broker, "r/1", b"new");
    retain(&mut broker, "r/2", b"new");
    subscribe_again(&mut broker);
    let bytes = read(&mut broker, connection);
    let count = |text: &[u8]| bytes.windows(text.len()).filter(|part| *part == text).count();
    assert_eq!((count(b"old"), count(b"new")), (1, 4), "{bytes:02x?}");
}

/// What a Session that has ended subscribed to may be there for a while: that is nobody.
#[test]
fn a_publisher_is_told_that_nobody_is_left() {
    let mut broker = Broker::new(Config::default());
    for n in 0..5000 {
        retain(&mut broker, &format!("t/{n}"), b"x");
    }
    let [busy, other, publisher] =
        ["busy", "other", "publisher"].map(|client| connected(&mut broker, client));
    // A walk that takes several turns, so that its Session is freed later.
    broker.handle_input(NOW, busy, &subscribe("t/+/none"), &mut AllowAll);
    broker.handle_input(NOW, other, &subscribe("x"), &mut AllowAll);
    broker.handle_eof(NOW, busy);
    broker.handle_eof(NOW, other);
    read(&mut broker, publisher);
    let publish = [0x32, 0x06, 0, 1, b'x', 0, 1, 0];
    broker.handle_input(NOW, publisher, &publish, &mut AllowAll);
    assert_eq!(read(&mut broker, publisher), [0x40, 0x03, 0, 1, 0x10]);
}
