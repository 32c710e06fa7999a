//! What a server with a store promises, and what comes of a store that is full, or fails.

#![allow(clippy::std_instead_of_alloc, reason = "tests have std")]

mod client;

use core::error::Error as _;
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Condvar, Mutex};

use client::{Client, Running};
use mqtt_broker_tokio::{
    Apply, Batch, Config, FileStore, Limits, MemoryStore, Message, QoS, Server, Store, SyncLevel,
    Version,
};
use mqtt_codec::Packet;

/// Publishes a retained message, and waits until it is kept.
fn publish(server: &Running, topic: &str, payload: &str) {
    let message = Message::new(topic, payload).with_retain(true);
    server.handle.blocking().publish(message).unwrap();
}

/// What is retained, as text, sorted.
fn retained(server: &Running) -> Vec<(String, String)> {
    let retained = server.handle.blocking().retained("#", 1000).unwrap();
    let text = |message: &Message| {
        (message.topic.clone(), String::from_utf8_lossy(&message.payload).into_owned())
    };
    let mut found: Vec<_> = retained.messages.iter().map(text).collect();
    found.sort();
    found
}

#[test]
fn a_server_begins_where_the_one_before_ended() {
    let store = MemoryStore::new();
    let server = Running::start_with(Server::builder().store(store.clone()));
    publish(&server, "a", "1");
    publish(&server, "b", "2");
    server.stop(());
    let server = Running::start_with(Server::builder().store(store));
    assert_eq!(retained(&server), [("a".into(), "1".into()), ("b".into(), "2".into())]);
    server.stop(());
}

#[test]
fn a_journal_in_files_is_cut_by_snapshots_and_read_again() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("cut");
    let _ = std::fs::remove_dir_all(&directory);
    let store = || FileStore::new(&directory, SyncLevel::Fsync).with_snapshot_after(10_000);
    for round in 0..3 {
        let server = Running::start_with(Server::builder().store(store()));
        for number in 0..100 {
            publish(&server, &format!("t/{}", number % 5), &format!("{round} {number:0500}"));
        }
        server.stop(());
        let server = Running::start_with(Server::builder().store(store()));
        let found = retained(&server);
        assert_eq!(found.len(), 5);
        for (place, (topic, payload)) in found.iter().enumerate() {
            let number = 95 + place;
            assert_eq!(
                (topic, payload),
                (&format!("t/{place}"), &format!("{round} {number:0500}"))
            );
        }
        server.stop(());
    }
    let kept: u64 = std::fs::read_dir(&directory)
        .unwrap()
        .map(|entry| entry.unwrap().metadata().unwrap().len())
        .sum();
    // 300 messages of 500 bytes went through it.
    assert!(kept < 60_000, "{kept}");
}

#[test]
fn a_store_in_memory_has_one_server() {
    let store = MemoryStore::new();
    let server = Running::start_with(Server::builder().store(store.clone()));
    publish(&server, "a", "1");
    let error = Server::builder().store(store.clone()).bind().unwrap_err();
    assert!(error.is_store());
    let cause = error.source().unwrap().downcast_ref::<io::Error>().unwrap();
    assert_eq!(cause.kind(), io::ErrorKind::WouldBlock);
    server.stop(());
    // One that is bound and not served has it too, until it is dropped.
    let bound = Server::builder().store(store.clone()).bind().unwrap();
    assert!(Server::builder().store(store.clone()).bind().unwrap_err().is_store());
    drop(bound);
    let server = Running::start_with(Server::builder().store(store));
    assert_eq!(retained(&server), [("a".into(), "1".into())]);
    server.stop(());
}

#[test]
fn a_directory_has_one_server() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("one");
    let store = || FileStore::new(&directory, SyncLevel::Os);
    let server = Running::start_with(Server::builder().store(store()));
    let error = Server::builder().store(store()).bind().unwrap_err();
    assert!(error.is_store());
    assert_eq!(error.to_string(), "cannot start from the journal");
    let cause = error.source().unwrap().to_string();
    assert!(cause.ends_with("another broker keeps its journal there"), "{cause}");
    server.stop(());
}

/// The same configuration with limits that the error asks for is enough, and less of any is not.
#[test]
fn limits_that_are_too_low_for_a_store_are_told() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("too-low");
    let _ = std::fs::remove_dir_all(&directory);
    let store = || FileStore::new(&directory, SyncLevel::Os);
    let server = Running::start_with(Server::builder().store(store()));
    for number in 0..50 {
        publish(&server, &format!("t/{}", number % 40), &"x".repeat(5000));
    }
    server.stop(());
    let bound = |change: &dyn Fn(&mut Limits)| {
        let mut config = Config::default();
        change(&mut config.limits);
        Server::builder().config(config).store(store()).bind()
    };
    let low = |limits: &mut Limits| {
        (limits.retained, limits.publications, limits.memory) = (3, 7, 1 << 16);
    };
    let error = bound(&low).unwrap_err();
    assert!(error.is_store());
    let needed = error.limits_needed();
    let names: Vec<_> = needed.iter().map(|limit| (limit.name, limit.configured)).collect();
    assert_eq!(names, [("retained", 3), ("publications", 7), ("memory", 1 << 16)]);
    let at_least = |place: usize| usize::try_from(needed[place].needed).unwrap();
    let [retained, publications, memory] = [0, 1, 2].map(at_least);
    // The new one is there before the old one is gone.
    assert_eq!((retained, publications), (40, 41));
    assert!((200_000..400_000).contains(&memory), "{memory}");
    let text = error.to_string();
    assert!(
        text.contains("needs a limit `retained` of 40 where 3 is configured, a limit `pub"),
        "{text}"
    );
    assert!(error.source().unwrap().to_string().contains("record "));

    let enough = |retained, publications, memory| {
        bound(&move |limits| {
            limits.retained = u32::try_from(retained).unwrap();
            limits.publications = u32::try_from(publications).unwrap();
            limits.memory = memory;
        })
    };
    assert!(enough(retained, publications, memory).is_ok());
    for (error, name) in [
        (enough(retained - 1, publications, memory), "retained"),
        (enough(retained, publications - 1, memory), "publications"),
        (enough(retained, publications, memory / 2), "memory"),
    ] {
        assert_eq!(error.unwrap_err().limits_needed()[0].name, name);
    }
}

/// A store that does what it is told to.
#[derive(Clone, Default)]
struct Told(Arc<(Mutex<Option<io::ErrorKind>>, Condvar)>);

impl Told {
    fn tell(&self, kind: Option<io::ErrorKind>) {
        *self.0.0.lock().unwrap() = kind;
    }

    /// Waits until it has refused something.
    fn refused(&self) {
        let told = self.0.0.lock().unwrap();
        drop(self.0.1.wait(told).unwrap());
    }
}

impl Store for Told {
    fn recover(&mut self, _: Apply<'_>) -> io::Result<u64> {
        Ok(0)
    }

    fn append(&mut self, _: &Batch) -> io::Result<()> {
        let told = self.0.0.lock().unwrap();
        let Some(kind) = *told else { return Ok(()) };
        self.0.1.notify_all();
        Err(kind.into())
    }

    fn begin_at(&mut self, _: mqtt_broker_core::Lsn) -> io::Result<()> {
        Ok(())
    }
}

fn pong(client: &mut Client) {
    client.send(&Packet::Pingreq);
    client.expect(|packet| assert!(matches!(packet, Packet::Pingresp), "{packet}"));
}

#[test]
fn a_full_disk_stops_what_has_to_be_kept_and_nothing_else() {
    let store = Told::default();
    let server = Running::start_with(Server::builder().store(store.clone()));
    let mut client = Client::connect(server.address, Version::V5, "c");
    client.subscribe("t", QoS::AtMostOnce);
    store.tell(Some(io::ErrorKind::StorageFull));
    let handle = server.handle.clone();
    let published = std::thread::spawn(move || {
        handle.blocking().publish(Message::new("kept", "x").with_retain(true)).unwrap();
    });
    store.refused();
    client.publish("t", b"1");
    assert_eq!(client.receive().1, b"1");
    pong(&mut client);
    assert!(!published.is_finished());
    store.tell(None);
    published.join().unwrap();
    server.stop(client);
}

#[test]
fn a_store_that_fails_ends_the_server_without_a_promise() {
    let store = Told::default();
    let server = Running::start_with(Server::builder().store(store.clone()));
    let mut client = Client::connect(server.address, Version::V5, "c");
    store.tell(Some(io::ErrorKind::Other));
    let answer = server.handle.blocking().publish(Message::new("kept", "x").with_retain(true));
    assert!(answer.unwrap_err().is_closed());
    client.expect_end();
    let error = server.serving.wait().unwrap_err();
    assert!(error.is_store());
    assert_eq!(error.to_string(), "the journal cannot be kept");
}

/// A store that panics in one of its methods.
struct Panics {
    in_append: bool,
}

impl Store for Panics {
    fn recover(&mut self, _: Apply<'_>) -> io::Result<u64> {
        Ok(0)
    }

    fn append(&mut self, _: &Batch) -> io::Result<()> {
        assert!(!self.in_append, "append");
        Ok(())
    }

    fn begin_at(&mut self, _: mqtt_broker_core::Lsn) -> io::Result<()> {
        panic!("begin_at");
    }

    fn snapshot_after(&self) -> u64 {
        if self.in_append { u64::MAX } else { 0 }
    }
}

#[test]
fn a_store_that_panics_ends_the_server_as_one_that_fails() {
    for in_append in [true, false] {
        let store: Box<dyn Store> = Box::new(Panics { in_append });
        let server = Running::start_with(Server::builder().store(store));
        let message = Message::new("kept", "x").with_retain(true);
        if in_append {
            let mut client = Client::connect(server.address, Version::V5, "c");
            assert!(server.handle.blocking().publish(message).unwrap_err().is_closed());
            client.expect_end();
        } else {
            // It may have ended before this, when its snapshot began.
            let _ = server.handle.blocking().publish(message);
        }
        let error = server.serving.wait().unwrap_err();
        assert!(error.is_store());
        assert_eq!(error.source().unwrap().to_string(), "the store panicked");
    }
}
