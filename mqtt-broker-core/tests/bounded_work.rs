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

fn connected(broker: &mut Broker) -> ConnectionHandle {
    let connection = broker.handle_accept(NOW, Peer::default()).unwrap();
    let connect = Packet::Connect(Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 0,
        client_identifier: Utf8String::new("client").unwrap(),
        properties: Properties::EMPTY,
        will: None,
        user_name: None,
        password: None,
    });
    broker.handle_input(NOW, connection, &encoded(&connect), &mut AllowAll);
    connection
}

/// Reads all there is; whether input is welcome again.
fn read_all(broker: &mut Broker, connection: ConnectionHandle) -> bool {
    let mut buffer = [0; 4096];
    while broker.poll_transmit(NOW, connection, &mut buffer, &mut AllowAll).is_some() {}
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
        let topic = format!("t/{n}");
        let topic = TopicName::new(&topic).unwrap();
        let message = ApplicationMessage { retain: true, ..ApplicationMessage::new(topic, b"x") };
        broker.publish(NOW, &message).unwrap();
    }
    let connection = connected(&mut broker);
    // A filter that looks at all of them and finds none.
    let list = [(TopicFilter::new("t/+/none").unwrap(), SubscriptionOptions::default())];
    let subscribe = encoded(&Packet::Subscribe(Subscribe {
        packet_identifier: PacketIdentifier::MIN,
        properties: Properties::EMPTY,
        subscriptions: Subscriptions::new(&list),
    }));
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
