//! Each thing that a broker may be without is told of by its name.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

#[path = "packets/packets_with.rs"]
mod packets_with;

use core::slice;

use mqtt_broker_core::{
    AllowAll, Broker, Config, Event, Instant, Output, Peer, RefusalCause, Unsupported,
};
use mqtt_codec::QoS;
use mqtt_codec::Version::V5;
use packets_with::{connect, packet, publish, string};

const NOW: Instant = Instant::from_secs(1_000_000);

/// What a broker without anything tells of a client that sends this after its CONNECT, or as its
/// CONNECT.
fn told(packets: &[Vec<u8>], is_gone: bool) -> Vec<Unsupported> {
    let mut config = Config::default();
    config.maximum_qos = QoS::AtMostOnce;
    config.retain_available = false;
    config.wildcard_subscriptions = false;
    config.shared_subscriptions = false;
    config.validate_payload_format = true;
    let mut broker = Broker::new(config);
    let first = broker.handle_accept(NOW, Peer::default()).unwrap();
    broker.handle_input(NOW, first, &connect(V5, 0x02, &[], &[string("c")]), &mut AllowAll);
    let mut sender = first;
    if packets[0][0] == 0x10 {
        sender = broker.handle_accept(NOW, Peer::default()).unwrap();
    }
    if is_gone {
        broker.handle_end_of_input(NOW, sender);
    }
    broker.handle_input(NOW, sender, &packets.concat(), &mut AllowAll);
    let mut told = Vec::new();
    while let Some(output) = broker.poll_output() {
        let Output::Event(event) = output else { continue };
        match event {
            Event::Refused { cause, .. }
            | Event::NotPublished { cause, .. }
            | Event::NotSubscribed { cause, .. } => match cause {
                RefusalCause::Unsupported(unsupported) => told.push(unsupported),
                other => panic!("{other}"),
            },
            _ => {}
        }
    }
    told
}

/// A CONNECT with a Will Message, whose payload is no text, for this Connect Flags byte.
fn with_will(flags: u8, properties: &[u8]) -> Vec<u8> {
    let length = u8::try_from(properties.len()).unwrap();
    let properties = [&[length], properties].concat();
    connect(V5, flags, &[], &[string("d"), properties, string("a"), vec![0, 1, 0xFF]])
}

#[test]
fn what_a_broker_is_without_is_told_by_its_name() {
    let is_text = [0x01, 1];
    let subscribe = [&[0, 1, 0][..], &string("a/+"), &[0], &string("$share/g/a"), &[0]].concat();
    let publish = [publish(V5, 0x30, "a", 0, &is_text), vec![0xFF]].concat();
    let publish = packet(0x30, &publish[2..]);
    let connects_again = connect(V5, 0x02, &[], &[string("c")]);
    let mut all = Vec::new();
    for (bytes, is_gone, expected) in [
        (with_will(0x26, &[]), false, &[Unsupported::RetainedMessages][..]),
        (with_will(0x0E, &[]), false, &[Unsupported::WillQoS]),
        (with_will(0x06, &is_text), false, &[Unsupported::PayloadFormat]),
        (publish, false, &[Unsupported::PayloadFormat]),
        (
            packet(0x82, &subscribe),
            false,
            &[Unsupported::WildcardSubscriptions, Unsupported::SharedSubscriptions],
        ),
        (connects_again.clone(), true, &[Unsupported::Takeover]),
        (connects_again, false, &[]),
    ] {
        assert_eq!(told(slice::from_ref(&bytes), is_gone), expected, "{bytes:x?}");
        all.extend(expected);
    }
    for unsupported in Unsupported::ALL {
        assert!(all.contains(&unsupported), "{unsupported:?}");
        assert_eq!(unsupported.to_string(), unsupported.text());
    }
}
