use mqtt_broker_core::{Config, Instant, Lsn, Records, Stored};

use super::{Death, Disk, Store};
use crate::node::Node;
use crate::random::Random;
use crate::rules::Rules;

/// A disk with so many records, each of its own call; the first `synced` of them are safe.
fn disk(count: u64, synced: u64) -> Disk {
    let mut config = Config::default();
    config.journal = true;
    let mut node = Node::new(config, Rules::default(), Store::Fsync);
    for at in 1..=count {
        node.broker.snapshot(Instant::from_secs(at));
        node.journal(Instant::from_secs(at));
        node.broker.handle_timeout(Instant::from_secs(at));
        node.journal(Instant::from_secs(at));
        node.broker.durable(Lsn(u64::MAX));
        while node.broker.poll_output().is_some() {}
    }
    node.disk.sync(Lsn(synced));
    node.disk
}

#[test]
fn what_was_synced_survives_any_death() {
    for seed in 0..500 {
        let mut random = Random::new(seed);
        let mut disk = disk(20, 9);
        let death = *random.pick(&[Death::Process, Death::Power]);
        let left = disk.crash(death, &mut random);
        assert!(left.lsn >= Lsn(9), "seed {seed}: {:?} is left", left.lsn);
        assert_eq!(disk.promised(), left.lsn);
    }
}

#[test]
fn a_disk_that_is_full_takes_nothing() {
    let mut disk = disk(3, 0);
    let before = disk.written();
    disk.is_full = true;
    disk.records.push(*disk.records.last().unwrap());
    disk.write();
    assert_eq!(disk.written(), before);
    disk.is_full = false;
    disk.write();
    assert_eq!(disk.written, disk.records.len());
}

#[test]
fn a_wrong_bit_is_found_where_it_is() {
    let mut found = 0;
    for seed in 0..200 {
        let disk = disk(20, 40);
        let Some((bytes, offset)) = disk.damaged(&mut Random::new(seed)) else { continue };
        let last = Records::new(&bytes).last().unwrap();
        assert_eq!(last, Stored::Damage { offset }, "seed {seed}");
        found += 1;
    }
    assert!(found > 100, "{found}");
}
