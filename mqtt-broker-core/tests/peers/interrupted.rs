//! A peer that was telling its interests when its link was cut: what it had told counts, over crashes
//! and snapshots as well.

use mqtt_broker_core::{ApplicationMessage, Broker, Config, Instant, Output, Shard};
use mqtt_codec::{QoS, TopicName};

const NOW: Instant = Instant::from_secs(1);
const PEER: Shard = Shard(1);

fn broker() -> Broker {
    let mut broker = Broker::new(config());
    broker.handle_peer_up(NOW, PEER).unwrap();
    say(&mut broker, &[1, 1, 5, 0, 0]);
    broker
}

fn config() -> Config {
    let mut config = Config::default();
    (config.shards, config.journal) = (2, true);
    config
}

/// Frames as `peers/frame.rs` has them.
fn say(broker: &mut Broker, frame: &[u8]) {
    broker.handle_forward(NOW, PEER, frame).unwrap();
}

fn wants(broker: &mut Broker, filter: &str) {
    let len = u8::try_from(filter.len()).unwrap();
    say(broker, &[&[4, 1, len], filter.as_bytes()].concat());
}

/// What there is to be kept becomes durable; the snapshot that this ends, if it ends one.
fn sync(broker: &mut Broker, records: &mut Vec<Vec<u8>>) -> Option<usize> {
    let mut begun = None;
    loop {
        let before = records.len();
        while let Some(record) = broker.poll_journal() {
            if record.begins_snapshot {
                begun = Some(records.len());
            }
            records.push(record.bytes.to_vec());
        }
        broker.durable(broker.newest_record());
        let mut ended = false;
        while let Some(output) = broker.poll_output() {
            ended |= matches!(output, Output::Snapshot(_));
        }
        if ended || (records.len() == before && broker.poll_timeout().is_none_or(|due| due > NOW)) {
            return begun.filter(|_| ended);
        }
        broker.handle_timeout(NOW);
    }
}

fn replayed(records: &[Vec<u8>]) -> Broker {
    let mut replay = Broker::replay(config());
    for record in records {
        replay.apply(record).unwrap();
    }
    replay.finish(NOW).unwrap()
}

/// Makes a broker of the snapshot of another, which holds the same.
fn from_snapshot(broker: &mut Broker, records: &mut Vec<Vec<u8>>) -> Broker {
    sync(broker, records);
    let held = broker.durable_state();
    broker.snapshot(NOW).unwrap();
    let begun = sync(broker, records).expect("a snapshot");
    let snapshot = records.split_off(begun);
    let other = replayed(&snapshot);
    *records = snapshot;
    assert_eq!(other.durable_state(), held);
    other
}

/// Whether a message of this topic is kept for the peer.
fn is_kept(broker: &mut Broker, topic: &str) -> bool {
    let before = broker.stats().forwards_kept;
    let topic = TopicName::new(topic).unwrap();
    let message =
        ApplicationMessage { qos: QoS::AtLeastOnce, ..ApplicationMessage::new(topic, b"x") };
    broker.publish(NOW, &message).unwrap();
    broker.stats().forwards_kept > before
}

#[test]
fn what_it_had_told_is_in_a_snapshot_of_who_has_crashed() {
    let (mut broker, mut records) = (broker(), Vec::new());
    say(&mut broker, &[2]);
    wants(&mut broker, "new");
    broker.handle_peer_down(NOW, PEER);
    sync(&mut broker, &mut records);
    let mut broker = replayed(&records);
    let mut broker = from_snapshot(&mut broker, &mut records);
    assert!(is_kept(&mut broker, "new"));
}

#[test]
fn what_it_tells_to_its_end_during_a_snapshot_is_in_it() {
    let (mut broker, mut records) = (broker(), Vec::new());
    // More than one record of a snapshot has.
    say(&mut broker, &[2]);
    for number in 0..2000 {
        wants(&mut broker, &format!("old/{number}"));
    }
    say(&mut broker, &[3]);
    sync(&mut broker, &mut records);
    say(&mut broker, &[2]);
    wants(&mut broker, "new");
    sync(&mut broker, &mut records);
    broker.snapshot(NOW).unwrap();
    let begun = records.len();
    while broker.poll_journal().is_some_and(|record| {
        records.push(record.bytes.to_vec());
        true
    }) {}
    say(&mut broker, &[3]);
    sync(&mut broker, &mut records);
    let held = broker.durable_state();
    let mut broker = replayed(&records.split_off(begun));
    assert_eq!(broker.durable_state(), held);
    assert!(is_kept(&mut broker, "new"));
}

/// What it had wanted before is forgotten over turns; it tells what it wants again before that is done.
#[test]
fn what_it_wants_no_more_is_forgotten_however_fast_links_come_and_go() {
    let mut broker = broker();
    say(&mut broker, &[2]);
    for number in 0..5000 {
        wants(&mut broker, &format!("old/{number}"));
    }
    say(&mut broker, &[3]);
    for filter in ["new", "newer"] {
        broker.handle_peer_down(NOW, PEER);
        broker.handle_peer_up(NOW, PEER).unwrap();
        say(&mut broker, &[1, 1, 5, 0, 0]);
        say(&mut broker, &[2]);
        wants(&mut broker, filter);
        say(&mut broker, &[3]);
    }
    let mut records = Vec::new();
    sync(&mut broker, &mut records);
    let held = broker.durable_state();
    assert_eq!(replayed(&records).durable_state(), held);
    let wanted = ["old/4999", "new", "newer"].map(|topic| is_kept(&mut broker, topic));
    assert_eq!(wanted, [false, false, true]);
}

/// What it had told before the link was cut counts until it has told all again, and no longer.
#[test]
fn what_it_had_told_counts_until_all_is_told_again() {
    for crash in [false, true] {
        let (mut broker, mut records) = (broker(), Vec::new());
        say(&mut broker, &[2]);
        wants(&mut broker, "before");
        say(&mut broker, &[3]);
        say(&mut broker, &[2]);
        wants(&mut broker, "meanwhile");
        broker.handle_peer_down(NOW, PEER);
        sync(&mut broker, &mut records);
        if crash {
            broker = replayed(&records);
        }
        broker.handle_peer_up(NOW, PEER).unwrap();
        say(&mut broker, &[1, 1, 5, 0, 0]);
        say(&mut broker, &[2]);
        wants(&mut broker, "after");
        let all = ["before", "meanwhile", "after"];
        assert_eq!(all.map(|topic| is_kept(&mut broker, topic)), [true; 3]);
        say(&mut broker, &[3]);
        sync(&mut broker, &mut records);
        let held = broker.durable_state();
        assert_eq!(replayed(&records).durable_state(), held);
        let wanted = all.map(|topic| is_kept(&mut broker, topic));
        assert_eq!(wanted, [false, false, true], "{crash}");
    }
}
