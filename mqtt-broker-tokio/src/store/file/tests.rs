//! What a store in files keeps, cuts off and refuses.

use core::sync::atomic::{AtomicU32, Ordering};
use std::fs;
use std::path::PathBuf;

use mqtt_broker_core::{ApplicationMessage, Broker, Config, Instant};
use mqtt_codec::TopicName;

use super::*;

/// A directory of its own, and what a broker recorded.
struct Scene {
    directory: PathBuf,
    broker: Broker,
}

impl Scene {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("mqtt-broker-store-{}-{number}", std::process::id());
        let directory = std::env::temp_dir().join(name);
        let _ = fs::remove_dir_all(&directory);
        let mut config = Config::default();
        config.journal = true;
        Self { directory, broker: Broker::new(config) }
    }

    fn store(&self) -> FileStore {
        FileStore::new(&self.directory, SyncLevel::Fsync)
    }

    /// A store that has been recovered.
    fn open(&self) -> FileStore {
        let mut store = self.store();
        store.recover(&mut |_| Ok(())).unwrap();
        store
    }

    /// The record of one more retained message.
    fn batch(&mut self) -> Batch {
        let lsn = self.broker.newest_record().0.to_string();
        let topic = TopicName::new("t").unwrap();
        let message =
            ApplicationMessage { retain: true, ..ApplicationMessage::new(topic, lsn.as_bytes()) };
        self.broker.publish(Instant(1), &message).unwrap();
        Batch::begin(&self.broker.poll_journal().unwrap())
    }

    /// A snapshot, told to its end.
    fn snapshot(&mut self, store: &mut FileStore) -> Lsn {
        let begun = self.broker.snapshot(Instant(1)).unwrap();
        self.broker.handle_timeout(Instant(1));
        while let Some(record) = self.broker.poll_journal() {
            store.append(&Batch::begin(&record)).unwrap();
        }
        begun
    }

    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.directory).unwrap();
        let names = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        let mut names: Vec<String> = names.filter(|name| name != "lock").collect();
        names.sort();
        names
    }

    fn file(&self, place: usize) -> PathBuf {
        self.directory.join(&self.files()[place])
    }

    /// The records that are there, and what is wrong with them.
    fn recovered(&self) -> (Vec<Vec<u8>>, io::Result<u64>) {
        let mut records = Vec::new();
        let result = self.store().recover(&mut |record| {
            records.push(record.to_vec());
            Ok(())
        });
        (records, result)
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.directory);
    }
}

#[test]
fn what_is_appended_comes_back() {
    let mut scene = Scene::new();
    let mut all = Vec::new();
    for _ in 0..3 {
        let mut store = scene.open();
        for _ in 0..3 {
            let batch = scene.batch();
            store.append(&batch).unwrap();
            all.push(batch.bytes().to_vec());
        }
    }
    let (records, result) = scene.recovered();
    assert_eq!(records, all);
    assert_eq!(result.unwrap(), all.concat().len() as u64);
    assert_eq!(scene.files(), ["00000000000000000001.journal"]);
}

#[test]
fn a_torn_tail_is_cut_off_and_what_comes_next_is_read() {
    let mut scene = Scene::new();
    let (first, second) = (scene.batch(), scene.batch());
    let mut store = scene.open();
    store.append(&first).unwrap();
    store.append(&second).unwrap();
    drop(store);
    for cut in 1..second.bytes().len() {
        let whole = [first.bytes(), second.bytes()].concat();
        fs::write(scene.file(0), &whole[..whole.len() - cut]).unwrap();
        let (records, result) = scene.recovered();
        assert_eq!(records, [first.bytes()]);
        assert_eq!(result.unwrap(), first.bytes().len() as u64);
        assert_eq!(fs::read(scene.file(0)).unwrap(), first.bytes());
        let mut store = scene.open();
        store.append(&second).unwrap();
        drop(store);
        assert_eq!(scene.recovered().0.len(), 2);
    }
}

#[test]
fn damage_before_the_tail_is_refused_with_file_and_byte() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    let first = scene.batch();
    store.append(&first).unwrap();
    scene.broker.durable(first.last());
    store.append(&scene.batch()).unwrap();
    drop(store);
    let mut bytes = fs::read(scene.file(0)).unwrap();
    bytes[10] ^= 4;
    fs::write(scene.file(0), bytes).unwrap();
    let error = scene.recovered().1.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    let path = scene.file(0);
    let text =
        format!("{}, at byte 0: damaged: record 1 was durable, and is missing", path.display());
    assert_eq!(error.to_string(), text);
}

#[test]
fn what_the_broker_cannot_apply_is_refused_with_file_and_byte() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    let first = scene.batch();
    store.append(&first).unwrap();
    store.append(&scene.batch()).unwrap();
    drop(store);
    let mut config = Config::default();
    config.limits.publications = 0;
    let mut replay = Broker::replay(config);
    let error = scene.store().recover(&mut |record| replay.apply(record)).unwrap_err();
    let text = error.to_string();
    let place = format!("{}, at byte 0: ", scene.file(0).display());
    assert!(text.starts_with(&place) && text.contains("`publications`"), "{text}");
}

#[test]
fn a_journal_has_one_store() {
    let scene = Scene::new();
    let store = scene.open();
    let error = scene.recovered().1.unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::WouldBlock);
    assert!(error.to_string().contains("another broker keeps its journal there"), "{error}");
    drop(store);
    scene.recovered().1.unwrap();
}

#[test]
fn a_snapshot_begins_a_piece_and_ends_those_before() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    for _ in 0..5 {
        store.append(&scene.batch()).unwrap();
    }
    let begun = scene.snapshot(&mut store);
    assert_eq!(begun, Lsn(6));
    let pieces = ["00000000000000000001.journal", "00000000000000000006.journal"];
    assert_eq!(scene.files(), pieces);
    store.begin_at(begun).unwrap();
    assert_eq!(scene.files(), ["00000000000000000006.snapshot"]);
    store.append(&scene.batch()).unwrap();
    drop(store);
    let mut config = Config::default();
    config.journal = true;
    let mut replay = Broker::replay(config);
    scene.store().recover(&mut |record| replay.apply(record)).unwrap();
    let broker = replay.finish(Instant(1)).unwrap();
    assert_eq!(broker.durable_state(), scene.broker.durable_state());
}

#[test]
fn a_cut_that_was_interrupted_is_done_at_the_next_start() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    store.append(&scene.batch()).unwrap();
    let old = (scene.file(0), fs::read(scene.file(0)).unwrap());
    let begun = scene.snapshot(&mut store);
    store.begin_at(begun).unwrap();
    drop(store);
    fs::write(old.0, old.1).unwrap();
    assert_eq!(scene.files().len(), 2);
    let (records, result) = scene.recovered();
    result.unwrap();
    let first = Records::new(&records[0]).next();
    assert!(matches!(first, Some(Stored::Record(record)) if record.lsn == begun));
    assert_eq!(scene.files().len(), 1);
}

#[test]
fn a_piece_that_is_missing_or_cut_is_refused() {
    let mut scene = Scene::new();
    let mut store = scene.open();
    store.append(&scene.batch()).unwrap();
    scene.snapshot(&mut store);
    drop(store);
    let first = fs::read(scene.file(0)).unwrap();
    fs::write(scene.file(0), &first[..first.len() - 1]).unwrap();
    let text = scene.recovered().1.unwrap_err().to_string();
    assert!(text.contains("00000000000000000001.journal, at byte 0: damaged: record 1"), "{text}");
    fs::write(scene.file(0), b"").unwrap();
    let text = scene.recovered().1.unwrap_err().to_string();
    assert!(text.contains("the file before"), "{text}");
    fs::remove_file(scene.file(0)).unwrap();
    let mut replay = Broker::replay(Config::default());
    let result = scene.store().recover(&mut |record| replay.apply(record));
    // It begins with a snapshot that has not been named.
    assert!(result.is_ok(), "{result:?}");
}
