//! A peer that is no broker of ours, or not any more: nothing panics, and what it says is refused.

use mqtt_broker_core::{
    AllowAll, ApplicationMessage, Broker, Config, Error, Instant, Limit, Peer, Shard,
};
use mqtt_codec::{Properties, Property, QoS, TopicName};
use proptest::prelude::*;

const NOW: Instant = Instant::from_secs(1);

fn broker() -> Broker {
    let mut config = Config::default();
    (config.shards, config.journal) = (3, true);
    Broker::new(config)
}

#[test]
fn who_is_no_peer_is_told_so() {
    let mut alone = Broker::new(Config::default());
    assert_eq!(alone.handle_peer_up(NOW, Shard(1)), Err(Error::Peer));
    let mut broker = broker();
    for shard in [0, 3, u16::MAX] {
        assert_eq!(broker.handle_peer_up(NOW, Shard(shard)), Err(Error::Peer));
        assert_eq!(broker.handle_forward(NOW, Shard(shard), &[2]), Err(Error::Peer));
        assert_eq!(broker.poll_forward(NOW, Shard(shard)), None);
    }
    // No link.
    assert_eq!(broker.handle_forward(NOW, Shard(1), &[2]), Err(Error::Peer));
}

#[test]
fn a_link_begins_with_hello() {
    let mut broker = broker();
    broker.handle_peer_up(NOW, Shard(1)).unwrap();
    assert_eq!(broker.handle_forward(NOW, Shard(1), &[2]), Err(Error::Frame("no hello")));
    assert_eq!(broker.handle_forward(NOW, Shard(1), &[1, 1, 5, 0, 0]), Ok(()));
    assert_eq!(broker.handle_forward(NOW, Shard(1), &[2]), Ok(()));
}

/// A number as frames have it.
fn number(kind: u8, mut number: u64) -> Vec<u8> {
    let mut bytes = vec![kind];
    while number > 0x7f {
        bytes.push(u8::try_from(number & 0x7f).unwrap() | 0x80);
        number >>= 7;
    }
    bytes.push(u8::try_from(number).unwrap());
    bytes
}

/// A broker with a link to a peer that has said hello.
fn joined(change: impl Fn(&mut Config)) -> Broker {
    let mut config = Config::default();
    (config.shards, config.journal) = (2, true);
    change(&mut config);
    let mut broker = Broker::new(config);
    broker.handle_peer_up(NOW, Shard(1)).unwrap();
    broker.handle_forward(NOW, Shard(1), &[1, 1, 5, 0, 0]).unwrap();
    sync(&mut broker);
    broker
}

fn sync(broker: &mut Broker) {
    while broker.poll_journal().is_some() {}
    broker.durable(broker.newest_record());
    while broker.poll_output().is_some() {}
}

#[test]
fn who_takes_no_answer_is_owed_the_last_ones_and_no_more() {
    let mut broker = joined(|_| ());
    let mut held = 0;
    for round in 1..=20_000 {
        broker.handle_forward(NOW, Shard(1), &number(5, round)).unwrap();
        // QoS 1, for nobody.
        let mut message = number(7, round);
        message.extend([1, 0, 0, 0, 0, 0, 0, 1, b'a', 0, 0]);
        broker.handle_forward(NOW, Shard(1), &message).unwrap();
        sync(&mut broker);
        if round == 5000 {
            held = broker.stats().memory;
        }
    }
    assert!(broker.stats().memory <= held, "{} after {held}", broker.stats().memory);
    let mut all = Vec::new();
    while let Some(frame) = broker.poll_forward(NOW, Shard(1)) {
        all.push(frame.to_vec());
        sync(&mut broker);
    }
    for last in [number(6, 20_000), number(8, 20_000)] {
        assert!(all.contains(&last), "{last:x?} is not among {} frames", all.len());
    }
}

#[test]
fn who_comes_and_goes_while_a_peer_takes_nothing_leaves_nothing() {
    let mut broker = joined(|config| config.limits.forwards = 100);
    let mut held = 0;
    for round in 1..=20_000 {
        let connection = broker.handle_accept(NOW, Peer::default()).unwrap();
        let bytes = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a\x82\x06\x00\x01\x00\x01a\x00";
        broker.handle_input(NOW, connection, bytes, &mut AllowAll);
        sync(&mut broker);
        broker.handle_eof(NOW, connection);
        sync(&mut broker);
        if round == 1000 {
            held = broker.stats().memory;
        }
    }
    assert!(broker.stats().memory <= held, "{} after {held}", broker.stats().memory);
}

#[test]
fn who_has_more_than_was_ever_sent_is_sent_nothing_for_ever() {
    let mut broker = joined(|_| ());
    // What it says of our run has to be right: it is the time of the first link.
    let mut hello = vec![1, 1, 5];
    hello.extend(&number(0, NOW.0)[1..]);
    hello.extend(&number(0, u64::MAX)[1..]);
    broker.handle_forward(NOW, Shard(1), &hello).unwrap();
    for _ in 0..100 {
        while broker.poll_forward(NOW, Shard(1)).is_some() {}
        sync(&mut broker);
    }
    assert_eq!(broker.poll_forward(NOW, Shard(1)), None);
    assert!(broker.poll_output().is_none(), "there is always more");
}

/// A peer for which as much is kept as may be, which takes a frame now and then, and clients that come
/// and go meanwhile.
#[test]
fn who_comes_and_goes_does_not_keep_a_peer_from_what_is_kept_for_it() {
    let mut broker = joined(|config| config.limits.forwards = 3);
    // It wants "a".
    broker.handle_forward(NOW, Shard(1), &[4, 1, 1, b'a']).unwrap();
    broker.handle_peer_down(NOW, Shard(1));
    for _ in 0..3 {
        let topic = TopicName::new("a").unwrap();
        let message =
            ApplicationMessage { qos: QoS::AtLeastOnce, ..ApplicationMessage::new(topic, b"x") };
        broker.publish(NOW, &message).unwrap();
    }
    assert_eq!(broker.stats().forwards_kept, 3);
    broker.handle_peer_up(NOW, Shard(1)).unwrap();
    broker.handle_forward(NOW, Shard(1), &[1, 1, 5, 0, 0]).unwrap();
    let mut kept = 0;
    let bytes = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a\x82\x06\x00\x01\x00\x01a\x00";
    for _ in 0..100 {
        let connection = broker.handle_accept(NOW, Peer::default()).unwrap();
        broker.handle_input(NOW, connection, bytes, &mut AllowAll);
        sync(&mut broker);
        let frame = broker.poll_forward(NOW, Shard(1));
        kept += u32::from(frame.is_some_and(|frame| frame[0] == 7));
        broker.handle_eof(NOW, connection);
        sync(&mut broker);
    }
    assert_eq!(kept, 3);
}

/// A disk that is full, and a peer whose clients come and go, and publish: what cannot be recorded is
/// taken when there is room, and nothing else waits.
#[test]
fn who_says_what_cannot_be_recorded_has_to_say_it_again() {
    let mut broker = joined(|config| config.limits.journal_bytes = 64 << 10);
    // Of a peer's messages QoS 1, and retained ones, are recorded.
    let message = |sequence, retain: u8| {
        let mut message = number(7, sequence);
        message.extend([u8::from(sequence > 0), retain, 0]);
        message.extend(&number(0, retain.into())[1..]);
        message.extend([1, 0, 0, 1, b'a', 0, 1, b'x']);
        message
    };
    let (mut full, mut held) = (0, 0);
    for round in 1..=20_000 {
        for frame in [vec![4, 1, 1, b'a'], vec![4, 0, 1, b'a'], message(round, 0), message(0, 1)] {
            match broker.handle_forward(NOW, Shard(1), &frame) {
                Ok(()) => assert_eq!(full, 0),
                Err(Error::Full("journal_bytes")) => full += 1,
                Err(other) => panic!("{other}"),
            }
        }
        while broker.poll_journal().is_some() {}
        while broker.poll_output().is_some() {}
        if round == 10_000 {
            held = broker.stats().memory;
        }
    }
    assert!(full > 0);
    assert!(broker.stats().memory <= held, "{} after {held}", broker.stats().memory);
    assert!(broker.stats().journal_bytes <= (64 << 10) + 1024);
    assert_eq!(broker.stats().reached.count(Limit::JournalBytes), full);
    for frame in [message(0, 0), number(5, 1), number(6, 1)] {
        assert_eq!(broker.handle_forward(NOW, Shard(1), &frame), Ok(()));
    }
    sync(&mut broker);
    assert_eq!(broker.handle_forward(NOW, Shard(1), &message(20_001, 0)), Ok(()));
}

/// Messages that say which retained one they are, and are none.
#[test]
fn who_stamps_what_is_not_retained_leaves_nothing() {
    let mut broker = joined(|_| ());
    let mut held = 0;
    for round in 1..=20_000 {
        let mut message = vec![7, 0, 0, 0, 0, 1, 1, 0, 0];
        let topic = format!("{round}");
        message.extend([u8::try_from(topic.len()).unwrap()]);
        message.extend(topic.as_bytes());
        message.extend([0, 1, b'x']);
        broker.handle_forward(NOW, Shard(1), &message).unwrap();
        sync(&mut broker);
        if round == 1000 {
            held = broker.stats().memory;
        }
    }
    assert!(broker.stats().memory < held + 100, "{} after {held}", broker.stats().memory);
}

/// Retained messages that expire, each with a topic of its own, and a client that asks for all of them
/// then.
#[test]
fn what_has_expired_is_remembered_no_longer_than_what_was_cleared() {
    let mut broker = joined(|config| config.limits.forwards = 0);
    let (mut now, mut held) = (NOW, Vec::new());
    let soon = [Property::MessageExpiryInterval(1)];
    for round in 0..4 {
        for number in 0..35_000 {
            let topic = format!("{round}/{number}");
            let message = ApplicationMessage {
                retain: true,
                properties: Properties::new(&soon),
                ..ApplicationMessage::new(TopicName::new(&topic).unwrap(), b"x")
            };
            broker.publish(now, &message).unwrap();
            sync(&mut broker);
        }
        now = Instant(now.0 + 2_000_000);
        let connection = broker.handle_accept(now, Peer::default()).unwrap();
        // A link that is cut is not waited for.
        broker.handle_peer_down(now, Shard(1));
        let bytes = b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x00\x00\x01a\x82\x06\x00\x01\x00\x01#\x00";
        broker.handle_input(now, connection, bytes, &mut AllowAll);
        while broker.poll_timeout().is_some_and(|due| due <= now) {
            broker.handle_timeout(now);
        }
        broker.handle_eof(now, connection);
        sync(&mut broker);
        assert_eq!(broker.stats().retained, 0);
        held.push(broker.stats().memory);
    }
    assert!(held[3] - held[2] < held[0] / 10, "{held:?}");
}

proptest! {
    #[test]
    fn any_bytes_are_a_frame_or_refused(
        frames in prop::collection::vec(
            (1..10u8, prop::collection::vec(prop_oneof![3 => 0..4u8, 1 => any::<u8>()], 0..24)),
            0..60,
        ),
    ) {
        let mut broker = broker();
        broker.handle_peer_up(NOW, Shard(1)).unwrap();
        // A run, what it has of ours, and more than there ever was.
        let mut hello = vec![1, 1, 5];
        hello.extend([0xC0, 0x84, 0x3D]);
        hello.extend([0xFF; 9]);
        hello.push(1);
        broker.handle_forward(NOW, Shard(1), &hello).unwrap();
        for (kind, mut frame) in frames {
            frame.insert(0, kind);
            let _ = broker.handle_forward(NOW, Shard(1), &frame);
            while broker.poll_journal().is_some() {}
            broker.durable(broker.newest_record());
            while broker.poll_output().is_some() {}
            while broker.poll_forward(NOW, Shard(1)).is_some() {}
            broker.handle_timeout(NOW);
        }
    }
}
