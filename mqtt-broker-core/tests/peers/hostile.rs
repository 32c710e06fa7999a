//! A peer that is no broker of ours, or not any more: nothing panics, and what it says is refused.

use mqtt_broker_core::{Broker, Config, Error, Instant, Shard};
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
    assert_eq!(broker.handle_forward(NOW, Shard(1), &[1, 5, 0, 0]), Ok(()));
    assert_eq!(broker.handle_forward(NOW, Shard(1), &[2]), Ok(()));
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
        let mut hello = vec![1, 5];
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
