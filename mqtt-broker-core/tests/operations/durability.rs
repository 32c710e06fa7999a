//! The journal of random operations: a replay of it, up to anywhere, brings back what there was.

use mqtt_broker_core::{Broker, Config, Lsn, Records, Replay, Stored};
use proptest::prelude::*;

use super::world::World;
use super::{Operation, operation, overflow};

/// What there was when a record was the newest.
struct Moment {
    lsn: Lsn,
    state: String,
}

fn play(world: &mut World, operations: &[Operation]) -> Vec<Moment> {
    let mut moments = Vec::new();
    for operation in operations {
        world.play(operation);
        world.write();
        let lsn = world.broker.newest_record();
        moments.push(Moment { lsn, state: world.broker.durable_state() });
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
    for (record, lsn) in records.iter().zip(1..) {
        while let Some(moment) = moments.next_if(|moment| moment.lsn < Lsn(lsn)) {
            let written = usize::try_from(moment.lsn.0).unwrap();
            let journal = || shown(&records[..written]);
            assert_eq!(moment.state, replay.durable_state(), "after {}", journal());
        }
        replay.apply(record).unwrap_or_else(|error| panic!("{error}: {}", shown(records)));
    }
    for moment in moments {
        assert_eq!(moment.state, replay.durable_state(), "after {}", shown(records));
    }
    replay
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn a_replay_brings_back_what_there_was(
        operations in prop::collection::vec(operation(), 1..120),
        tight in any::<bool>(),
        overflow in overflow(),
    ) {
        let config = World::config(true, overflow, tight);
        let mut world = World::new(config.clone());
        let moments = play(&mut world, &operations);
        compare(&config, &world.journal.records, &moments);
    }
}
