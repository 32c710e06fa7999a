//! Records that no broker makes, with right checksums: they are refused, or a broker comes of them that
//! serves.

use mqtt_broker_core::{Broker, Config, ReplayCause};

use super::world::{LASTS, NOW, World, message};

const BIG: [u8; 10] = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1];

/// CRC-32C, bit by bit.
fn sum(bytes: &[u8]) -> u32 {
    let mut sum = u32::MAX;
    for byte in bytes {
        sum ^= u32::from(*byte);
        for _ in 0..8 {
            sum = sum >> 1 ^ if sum & 1 == 1 { 0x82f6_3b78 } else { 0 };
        }
    }
    !sum
}

fn record(kind: u8, lsn: u64, body: &[u8]) -> Vec<u8> {
    let mut bytes = u32::try_from(body.len()).unwrap().to_le_bytes().to_vec();
    bytes.extend([1, kind, 0, 0]);
    bytes.extend(lsn.to_le_bytes());
    bytes.extend([0; 16]);
    bytes.extend(body);
    [&sum(&bytes).to_le_bytes()[..], &bytes].concat()
}

/// A broker that comes of these records serves.
fn serves(records: &[Vec<u8>]) -> Result<(), ReplayCause> {
    let mut config = Config::default();
    (config.journal, config.shards) = (true, 2);
    let mut replay = Broker::replay(config);
    for record in records {
        replay.apply(record).map_err(|error| error.cause)?;
    }
    let broker = replay.finish(NOW).map_err(|error| error.cause)?;
    let mut world = World { broker, records: Vec::new() };
    let (one, other) = (world.connected("a", LASTS), world.connected("b", LASTS));
    world.subscribe(one, "a", 1);
    for id in 1..4 {
        world.send(other, &message(0x32, "a", id, b"x"));
        world.durable();
        world.read(one);
    }
    world.rest();
    assert!(!world.broker.durable_state().is_empty());
    Ok(())
}

#[test]
fn numbers_that_nobody_gives_out_are_refused() {
    let published = [&[1][..], &BIG, &[0, 1, 0, 1, b'a', 0, 0]].concat();
    let began = [&[16][..], &BIG, &[1, b'a', 5, 9, 0]].concat();
    let counted = [&[6][..], &BIG, &[0]].concat();
    let sessions = [&[6, 0][..], &BIG].concat();
    let confirmed = [&[47, 1][..], &BIG].concat();
    for body in [published, began, counted, sessions, confirmed] {
        let refused = serves(&[record(0, 1, &body)]);
        assert_eq!(refused, Err(ReplayCause::Malformed("a large number")), "{body:x?}");
    }
    let last = [record(1, u64::MAX, &[]), record(3, u64::MAX, &[])];
    assert_eq!(serves(&last), Err(ReplayCause::NoBeginning));
}

#[test]
fn a_copy_of_qos_0_is_refused() {
    let published = [1, 1, 0, 0, 0, 1, b'a', 0, 0];
    let began = [16, 1, 1, b'a', 5, 9, 0];
    for end in [&[28, 1, 1][..], &[29, 1], &[]] {
        let body = [&published[..], &began, &[26, 1, 1, 0, 0, 0, 0], end].concat();
        assert_eq!(serves(&[record(0, 1, &body)]), Err(ReplayCause::Malformed("no QoS")));
    }
}
