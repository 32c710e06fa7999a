//! A broker that comes back from its journal with another configuration than it had.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

#[path = "packets/packets_with.rs"]
mod packets_with;

use mqtt_broker_core::{AllowAll, ApplicationMessage, Broker, Config, Instant, Output, Peer};
use mqtt_codec::Version::V5;
use mqtt_codec::{SubscriptionOptions, TopicFilter, TopicName};
use packets_with::{connect, packet, publish, string};

const NOW: Instant = Instant::from_secs(1_000_000);

/// What a broker has recorded, added to what was before; and one that comes back from all of it.
fn come_back(mut broker: Broker, records: &mut Vec<Vec<u8>>, retain_available: bool) -> Broker {
    while let Some(record) = broker.poll_journal() {
        records.push(record.bytes.to_vec());
    }
    let mut config = broker.config().clone();
    config.retain_available = retain_available;
    let mut replay = Broker::replay(config);
    for record in records.iter() {
        replay.apply(record).unwrap();
    }
    replay.finish(NOW).unwrap()
}

/// How many messages a new client and the host get with a subscription to everything.
fn sent_to_new_subscriptions(broker: &mut Broker) -> (usize, usize) {
    let client = broker.handle_accept(NOW, Peer::default()).unwrap();
    let everything = packet(0x82, &[&[0, 1, 0][..], &string("#"), &[0]].concat());
    let sent = [connect(V5, 0x02, &[], &[string("client")]), everything].concat();
    broker.handle_input(NOW, client, &sent, &mut AllowAll);
    let filter = TopicFilter::new("#").unwrap();
    broker.subscribe(NOW, filter, SubscriptionOptions::default(), None).unwrap();
    let (mut of_client, mut of_host) = (0, 0);
    while let Some(output) = broker.poll_output() {
        of_host += usize::from(matches!(output, Output::Message(..)));
    }
    let mut buffer = vec![0; 4096];
    while let Some(sent) = broker.poll_transmit(NOW, client, &mut buffer, &mut AllowAll) {
        of_client += buffer[..sent.len].windows(4).filter(|bytes| bytes == b"kept").count();
    }
    (of_client, of_host)
}

/// A server that says Retain Available 0 sends none. Nothing tells it to forget them.
#[test]
fn retained_messages_that_are_not_available_any_more_are_kept_and_sent_to_nobody() {
    let mut config = Config::default();
    config.journal = true;
    let (mut broker, mut records) = (Broker::new(config), Vec::new());
    for topic in ["a", "b", "c"] {
        let topic = TopicName::new(topic).unwrap();
        let message = ApplicationMessage::new(topic, b"kept");
        broker.publish(NOW, &ApplicationMessage { retain: true, ..message }).unwrap();
    }
    let mut broker = come_back(broker, &mut records, false);
    assert_eq!(sent_to_new_subscriptions(&mut broker), (0, 0));
    assert_eq!(broker.stats().retained, 3);
    // Nobody clears one either: of a client it is an error, of the host it is an ordinary message.
    let client = broker.handle_accept(NOW, Peer::default()).unwrap();
    let clear = [connect(V5, 0x02, &[], &[string("c")]), publish(V5, 0x31, "a", 0, &[])].concat();
    broker.handle_input(NOW, client, &clear, &mut AllowAll);
    let message = ApplicationMessage::new(TopicName::new("a").unwrap(), b"");
    broker.publish(NOW, &ApplicationMessage { retain: true, ..message }).unwrap();
    assert_eq!(broker.stats().retained, 3);

    let mut broker = come_back(broker, &mut records, true);
    assert_eq!(sent_to_new_subscriptions(&mut broker), (3, 3));
}
