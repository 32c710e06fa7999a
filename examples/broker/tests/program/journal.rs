//! What an operator sees of a journal: that it is kept, how, and why a broker does not start with it.

use std::fs;
use std::path::{Path, PathBuf};

use mqtt_codec::{QoS, Version};

use crate::client::Client;
use crate::running::{self, Running};

const HERE: [&str; 2] = ["--listen", "127.0.0.1:0"];

/// A directory with the journal of a broker that was killed; three messages are retained.
fn killed(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    let mut broker = start(&directory, &[]);
    let mut client = Client::connected(broker.address(), Version::V3_1_1, "c");
    for topic in ["a", "b", "c"] {
        client.retain(topic, b"kept");
        assert!(client.receive().starts_with("PUBACK"));
    }
    broker.kill();
    directory
}

fn start(directory: &Path, more: &[&str]) -> Running {
    Running::start(&arguments(directory, more))
}

fn arguments<'a>(directory: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    [&HERE[..], &["--journal", directory.to_str().unwrap()], more].concat()
}

/// What a broker says that does not start.
fn refusal(directory: &Path) -> String {
    refusal_with(directory, &[])
}

fn refusal_with(directory: &Path, more: &[&str]) -> String {
    let output = running::run(&arguments(directory, more));
    assert_eq!(output.status.code(), Some(1));
    assert!(output.stdout.is_empty(), "no connect card");
    String::from_utf8(output.stderr).unwrap()
}

fn only_piece(directory: &Path) -> PathBuf {
    directory.join("00000000000000000001.journal")
}

#[test]
fn the_level_is_told() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("level");
    let line = start(&directory, &["--set", "journal.sync=os"]).logged("kept in the journal");
    assert!(line.contains("sync=\"os\""), "{line}");
    let line = start(&directory, &[]).logged("kept in the journal");
    assert!(line.contains("sync=\"fsync\""), "{line}");
}

#[test]
fn what_was_recovered_is_told() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("recovered");
    let _ = fs::remove_dir_all(&directory);
    let mut broker = start(&directory, &[]);
    let line = broker.logged("recovered from the journal");
    assert!(
        line.contains("sessions=0 subscriptions=0 retained=0 queued=0 wills=0 bytes=0"),
        "{line}"
    );
    let mut client = Client::lasting(broker.address(), "c");
    client.subscribe("#", QoS::AtLeastOnce);
    drop(client);
    broker.logged("client disconnected");
    let mut publisher = Client::connected(broker.address(), Version::V5, "p");
    for topic in ["a", "b", "c"] {
        publisher.retain(topic, b"kept");
        assert!(publisher.receive().starts_with("PUBACK"));
    }
    broker.kill();
    let line = start(&directory, &[]).logged("recovered from the journal");
    assert!(
        line.contains("sessions=1 subscriptions=1 retained=3 queued=3 wills=0 bytes="),
        "{line}"
    );
    assert!(line.contains(" milliseconds="), "{line}");
}

/// What the error says helps.
#[test]
fn limits_that_are_too_low_for_it_are_named_with_what_it_takes() {
    let directory = killed("too-low");
    let low = ["limits.retained=2", "limits.publication_bytes=14"];
    let low: Vec<&str> = low.iter().flat_map(|setting| ["--set", setting]).collect();
    let text = refusal_with(&directory, &low);
    for line in [
        "mqtt-broker: the journal holds more than the limits allow; nothing of it is lost.",
        "  limits.retained is 2: it takes 3 or more",
        "  limits.publication_bytes is 14: it takes 15 or more",
    ] {
        assert!(text.lines().any(|told| told == line), "{text}");
    }
    let cure = " --set limits.retained=3 --set limits.publication_bytes=15";
    assert!(
        text.lines().any(|told| told.starts_with("  Start with") && told.ends_with(cure)),
        "{text}"
    );
    let cured: Vec<&str> = low.iter().copied().chain(cure.split_whitespace()).collect();
    let line = start(&directory, &cured).logged("recovered from the journal");
    assert!(line.contains("retained=3"), "{line}");
}

#[test]
fn a_torn_tail_is_cut_off_and_told() {
    let directory = killed("torn");
    let path = only_piece(&directory);
    let bytes = fs::read(&path).unwrap();
    fs::write(&path, &bytes[..bytes.len() - 1]).unwrap();
    let broker = start(&directory, &[]);
    let line = broker.logged("it is cut off");
    assert!(line.contains("00000000000000000001.journal"), "{line}");
    drop(broker);
    // Once: what is left is whole.
    #[cfg(unix)]
    {
        let broker = start(&directory, &[]);
        broker.signal("TERM");
        let (_, log) = broker.ended();
        assert!(log.iter().any(|line| line.contains("kept in the journal")), "{log:?}");
        assert!(!log.iter().any(|line| line.contains("cut off")), "{log:?}");
    }
}

#[test]
fn damage_is_named_with_file_and_byte() {
    let directory = killed("damaged");
    let path = only_piece(&directory);
    let mut bytes = fs::read(&path).unwrap();
    bytes[40] ^= 1;
    fs::write(&path, bytes).unwrap();
    let text = refusal(&directory);
    let place =
        format!("mqtt-broker: cannot start from the journal: {}, at byte 0: ", path.display());
    assert!(text.lines().any(|line| line.starts_with(&place)), "{text}");
}

#[test]
fn a_journal_that_is_in_use_is_left_alone() {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("in-use");
    let _broker = start(&directory, &[]);
    let text = refusal(&directory);
    assert!(text.contains("another broker keeps its journal there"), "{text}");
}
