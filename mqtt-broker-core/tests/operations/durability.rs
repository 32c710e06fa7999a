//! The journal of random operations: a replay of it, up to anywhere, brings back what there was.

use mqtt_broker_core::{Broker, Config, Lsn, Records, Replay, Stored};
use proptest::prelude::*;

use super::world::World;
use super::{Operation, operation_on_disk, overflow};

/// What there was when a record was the newest.
struct Moment {
    lsn: Lsn,
    state: String,
}

fn play(world: &mut World, operations: &[Operation]) -> Vec<Moment> {
    let mut moments: Vec<Moment> = Vec::new();
    for operation in operations {
        world.play(operation);
        if let Operation::Crash { .. } = operation {
            // What came after the last record that is left never was.
            let left = world.journal.written;
            moments.retain(|moment| moment.lsn <= left);
        }
        world.write();
        let lsn = world.broker.newest_record();
        if moments.last().is_none_or(|last| last.lsn < lsn) {
            moments.push(Moment { lsn, state: world.broker.durable_state() });
        }
    }
    moments
}

fn shown(records: &[Vec<u8>]) -> String {
    let bytes = records.concat();
    let records = Records::new(&bytes).map(|stored| match stored {
        Stored::Record(record) => format!("{record}\n"),
        other => format!("{other:?}\n"),
    });
    records.collect()
}

/// Replays records, and compares what comes of it with each moment.
fn compare(config: &Config, records: &[Vec<u8>], moments: &[Moment]) -> Replay {
    let mut replay = Broker::replay(config.clone());
    let mut moments = moments.iter().peekable();
    for record in records {
        let Some(Stored::Record(next)) = Records::new(record).next() else { panic!("no record") };
        while let Some(moment) = moments.next_if(|moment| moment.lsn < next.lsn) {
            assert_eq!(moment.state, replay.durable_state(), "before {next} of {}", shown(records));
        }
        replay.apply(record).unwrap_or_else(|error| panic!("{error}: {}", shown(records)));
    }
    for moment in moments {
        assert_eq!(moment.state, replay.durable_state(), "after {}", shown(records));
    }
    replay
}

/// The last snapshot that is told as a whole: where it begins, and where it ends.
fn last_snapshot(records: &[Vec<u8>]) -> Option<(usize, usize)> {
    let bytes = records.concat();
    let kinds = Records::new(&bytes).map(|stored| match stored {
        Stored::Record(record) => (record.begins_snapshot, record.to_string()),
        other => panic!("{other:?}"),
    });
    let (mut begun, mut last) = (None, None);
    for (place, (begins, text)) in kinds.enumerate() {
        if begins {
            begun = Some(place);
        }
        if text.contains("SnapshotEnds") {
            last = begun.map(|begun| (begun, place));
        }
    }
    last
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, ..ProptestConfig::default() })]

    #[test]
    fn a_replay_brings_back_what_there_was(
        operations in prop::collection::vec(operation_on_disk(), 1..120),
        tight in any::<bool>(),
        overflow in overflow(),
        journal_bytes in prop_oneof![Just(1 << 20), Just(4000)],
        steps in prop_oneof![Just(Config::default().steps_per_call), Just(8), Just(1)],
    ) {
        let mut config = World::config(true, overflow, tight);
        config.limits.journal_bytes = journal_bytes;
        config.steps_per_call = steps;
        let mut world = World::new(config.clone());
        let moments = play(&mut world, &operations);
        let records = &world.journal.records;
        compare(&config, records, &moments);
        if let Some((begun, ended)) = last_snapshot(records) {
            let moments = moments.into_iter().filter(|moment| moment.lsn.0 > ended as u64);
            compare(&config, &records[begun..], &moments.collect::<Vec<_>>());
        }
    }
}
