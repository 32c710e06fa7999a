//! The system lets a process have so many files open, and each connection is one: strangers can take
//! them all.

use std::fs;
use std::net::TcpStream;
use std::path::PathBuf;

use mqtt_codec::Version;
use rlimit::{Resource, prlimit};

use crate::client::Client;
use crate::running::Running;

const HERE: [&str; 4] = ["--listen", "127.0.0.1:0", "--log", "info"];

/// An empty place for a journal.
fn place(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    directory
}

#[test]
fn connections_leave_files_for_the_rest() {
    let more = ["--set", "mqtt.connections=1000"];
    let broker = Running::start_after("ulimit -n 64", &[&HERE[..], &more].concat());
    let line = broker.logged("as many as the limit on open files allows (ulimit -n)");
    assert!(line.contains("WARN") && line.contains("configured=1000"), "{line}");
    let address = broker.address();
    let _strangers: Vec<_> = (0..64).map(|_| TcpStream::connect(address).unwrap()).collect();
    let line = broker.logged("limit reached");
    assert!(line.contains("limit=\"connections\""), "{line}");
    assert!(line.ends_with("a higher limit on open files (ulimit -n)"), "{line}");
}

#[test]
fn without_a_file_to_open_the_journal_and_newcomers_wait() {
    let directory = place("no-descriptors");
    let journal = ["--journal", directory.to_str().unwrap()];
    // Files are opened all the same, and the disk's syncs are not what this is about: where others write
    // to it, each may take seconds.
    let often = ["--set", "journal.snapshot_after=4096", "--set", "journal.sync=os"];
    let broker = Running::start(&[&HERE[..], &journal, &often].concat());
    let mut client = Client::connected(broker.address(), Version::V5, "c");
    let id = i32::try_from(broker.id()).unwrap();
    let (_, most) = Resource::NOFILE.get().unwrap();
    prlimit(id, Resource::NOFILE, Some((3, most)), None).unwrap();

    for _ in 0..10 {
        client.retain("kept", &[b'x'; 1000]);
    }
    let line = broker.logged("the journal has no file to open: what has to be kept waits");
    assert!(line.contains("Too many open files"), "{line}");
    let _stranger = TcpStream::connect(broker.address()).unwrap();
    let line = broker.logged("cannot accept connections");
    assert!(line.contains("ulimit -n") && line.contains("mqtt.connections"), "{line}");

    prlimit(id, Resource::NOFILE, Some((most, most)), None).unwrap();
    broker.logged("the journal has room again");
    for _ in 0..10 {
        assert!(client.receive().starts_with("PUBACK id=9"));
    }
    Client::connected(broker.address(), Version::V5, "newcomer");
}
