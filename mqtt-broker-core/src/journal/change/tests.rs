//! Changes and their bytes.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::*;

fn id(number: u16) -> PacketIdentifier {
    PacketIdentifier::new(number).unwrap()
}

fn changes() -> Vec<Change<'static>> {
    use SessionChange as S;
    let filter = TopicFilter::new("$share/g/a/+").unwrap();
    let topic = TopicName::new("a/b").unwrap();
    let identifier = SubscriptionIdentifier::new(300);
    let life = |user_name| Life { version: Version::V5, expiry_interval: u32::MAX, user_name };
    let options =
        SubscriptionOptions { no_local: true, ..SubscriptionOptions::new(QoS::AtLeastOnce) };
    let queued = |identifier| S::Queued {
        sequence: 1 << 40,
        qos: QoS::ExactlyOnce,
        retain: true,
        group: 7,
        identifier,
    };
    let session = [
        S::Began { client_identifier: "alice", life: life(None) },
        S::Resumed(life(Some("me"))),
        S::Left { expiry_interval: 5, ends_at: Instant::NEVER, will_due: Instant(9) },
        S::Ended { gives_on: false },
        S::Ended { gives_on: true },
        S::WillKept { sequence: 3, delay_interval: 5, expiry_interval: Some(u32::MAX) },
        S::WillKept { sequence: 3, delay_interval: 0, expiry_interval: None },
        S::WillGone,
        S::Subscribed { filter, options, identifier, group: u32::MAX },
        S::Unsubscribed { filter },
        S::Received(id(1)),
        S::Released(id(u16::MAX)),
        queued(None),
        queued(identifier),
        S::Identified(identifier.unwrap()),
        S::Sent(id(128)),
        S::Dropped,
        S::Owed(id(2)),
        S::Completed(id(3)),
        S::Numbered(id(4)),
    ];
    let mut properties = [0; 64];
    let list = [Property::PayloadFormatIndicator(true), Property::CorrelationData(b"x")];
    let len = mqtt_codec::Properties::new(&list).encode_pass_through(&mut properties).unwrap();
    let properties: &'static [u8] = Vec::leak(properties[..len].to_vec());
    let mut changes: Vec<_> =
        session.into_iter().map(|change| Change::Session(u64::MAX >> 1, change)).collect();
    changes.extend([
        Change::Published(Published {
            sequence: 127,
            expires_at: Instant::NEVER,
            qos: QoS::AtLeastOnce,
            retain: false,
            topic,
            properties: PassThrough::assume_valid(properties),
            payload: b"hello",
        }),
        Change::Forgotten { sequence: 128 },
        Change::Retained { sequence: 0 },
        Change::RetainedCleared { topic },
        Change::Restarted,
        Change::Counted { sequence: u64::MAX >> 1, sessions: 1 },
    ]);
    changes
}

#[test]
fn what_is_written_is_read() {
    let mut bytes = Vec::new();
    changes().iter().for_each(|change| change.encode(&mut bytes));
    let mut rest = &bytes[..];
    for change in changes() {
        assert_eq!(Change::decode(&mut rest), Ok(change));
    }
    assert_eq!(rest, b"");
}

#[test]
fn a_change_cut_short_is_malformed() {
    for change in changes() {
        let mut bytes = Vec::new();
        change.encode(&mut bytes);
        for len in 0..bytes.len() {
            assert!(Change::decode(&mut &bytes[..len]).is_err(), "{change:?} cut at {len}");
        }
    }
}

#[test]
fn numbers_of_any_size() {
    for number in [0, 1, 127, 128, 16_383, 16_384, u64::from(u32::MAX), u64::MAX - 1, u64::MAX] {
        let mut bytes = Vec::new();
        Fields(&mut bytes).number(number);
        assert_eq!(Reader(&bytes).number(), Ok(number));
    }
    // More than 64 bits, and more bytes than it takes.
    assert!(Reader(&[0xff; 10]).number().is_err());
    assert!(Reader(&[0x80; 20]).number().is_err());
}

#[test]
fn a_length_that_lies_is_refused() {
    let mut bytes = alloc::vec![4];
    Fields(&mut bytes).number(u64::MAX);
    assert!(Change::decode(&mut &bytes[..]).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
        let mut rest = &bytes[..];
        while let (Ok(change), false) = (Change::decode(&mut rest), rest.is_empty()) {
            // What was read can be written, and is read again.
            let mut again = Vec::new();
            change.encode(&mut again);
            prop_assert_eq!(Change::decode(&mut &again[..]), Ok(change));
        }
    }
}
