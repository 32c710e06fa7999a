//! Any journal, and any harm to one: it is refused or understood, nothing is made up, and the broker
//! that comes of it serves.
#![no_main]
use arbitrary::Arbitrary;
use fuzz::{World, common, config, connect, record};
use mqtt_broker_core::{Broker, Records, Stored};
use mqtt_codec::Version;

#[derive(Arbitrary, Debug)]
struct Input<'a> {
    /// What two clients did: who, and `common`'s packet and flags.
    did: Vec<(bool, u8, u8)>,
    /// How much of the journal is left.
    cut: u16,
    /// Records that nobody made: kind and body.
    forged: Vec<(u8, &'a [u8])>,
    /// Bytes that changed: where, and how.
    changed: Vec<(u16, u8)>,
}

libfuzzer_sys::fuzz_target!(|input: Input<'_>| {
    let mut world = World::new(true);
    for (link, version) in [(0, Version::V3_1_1), (1, Version::V5)] {
        connect(&mut world, link, link as u8, version, false, 100, true);
    }
    for (link, packet, flags) in input.did {
        let link = usize::from(link);
        world.input(link, &common(packet, flags, world.version(link)));
        world.sync();
        world.read(link, 1000);
    }
    let made = world.records;
    let mut journal = made.concat();
    if input.cut > 0 {
        journal.truncate(usize::from(input.cut));
    }
    for (number, (kind, body)) in (made.len() as u64 + 1..).zip(&input.forged) {
        journal.extend(record(*kind, number, body));
    }
    for (place, bits) in &input.changed {
        let place = usize::from(*place) % journal.len().max(1);
        if let Some(byte) = journal.get_mut(place) {
            *byte ^= bits;
        }
    }
    let genuine = input.forged.is_empty() && input.changed.len() < 2;
    let mut replay = Broker::replay(config(true));
    for (number, stored) in Records::new(&journal).enumerate() {
        let Stored::Record(record) = stored else { break };
        if genuine {
            // No checksum misses a change within one byte.
            assert_eq!(record.bytes, &made[number][..]);
            replay.apply(record.bytes).unwrap();
        } else if replay.apply(record.bytes).is_err() {
            break;
        }
    }
    let Ok(broker) = replay.finish(world.now) else { return };
    let mut world = World::of(broker, world.now);
    world.sync();
    for (link, version) in [(0, Version::V3_1_1), (1, Version::V5)] {
        connect(&mut world, link, link as u8, version, false, 100, false);
        world.sync();
        world.read(link, 1000);
    }
    world.wait(1_000_000);
    world.end();
});
