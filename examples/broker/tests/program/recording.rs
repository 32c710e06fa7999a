//! What was recorded is played back.

use std::fs;
use std::path::PathBuf;

use mqtt_codec::{QoS, Version};

use crate::client::Client;
use crate::running::{self, Running};

/// A place where no file is.
fn file(name: &str) -> PathBuf {
    let path = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_file(&path);
    path
}

#[test]
fn a_recording_shows_what_happened_and_is_checked() {
    let path = file("recording");
    let path_text = path.to_str().unwrap();
    let arguments =
        ["--listen", "127.0.0.1:0", "--record", path_text, "--set", "mqtt.receive_maximum=7"];
    let broker = Running::start(&arguments);
    let mut client = Client::connected(broker.address(), Version::V5, "visitor");
    client.subscribe("hello/#", QoS::AtLeastOnce);
    client.publish("hello/world", QoS::AtLeastOnce, b"it works");
    client.receive();
    client.receive();
    drop(client);
    broker.logged("client disconnected");
    drop(broker);

    let output = running::run(&["replay", path_text]);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{text}");
    for part in [
        "> CONNECT",
        "receive-maximum=7",
        "\"hello/world\" \"it works\"",
        "the outputs are those recorded",
    ] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }

    // Another configuration does not do the same, and that is said.
    let bytes = fs::read(&path).unwrap();
    let changed = String::from_utf8_lossy(&bytes).contains("receive_maximum = 7");
    assert!(changed);
    let at = bytes.windows(19).position(|part| part == b"receive_maximum = 7").unwrap();
    let mut bytes = bytes;
    bytes[at + 18] = b'8';
    let other = file("recording-changed");
    fs::write(&other, bytes).unwrap();
    let output = running::run(&["replay", other.to_str().unwrap()]);
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("not those that were recorded"), "{errors}");
}

#[test]
fn a_broker_that_begins_with_a_journal_is_recorded_from_there() {
    let (journal, path) = (file("recorded-journal"), file("recording-of-a-journal"));
    let _ = fs::remove_dir_all(&journal);
    let (journal, path) = (journal.to_str().unwrap(), path.to_str().unwrap());
    let arguments = ["--listen", "127.0.0.1:0", "--journal", journal];
    let mut broker = Running::start(&arguments);
    let mut client = Client::connected(broker.address(), Version::V5, "visitor");
    client.retain("hello/world", b"it was");
    client.receive();
    broker.kill();

    let broker = Running::start(&[&arguments[..], &["--record", path]].concat());
    let mut client = Client::connected(broker.address(), Version::V5, "visitor");
    client.subscribe("hello/#", QoS::AtLeastOnce);
    assert!(client.receive().contains("it was"));
    drop(client);
    broker.logged("client disconnected");
    drop(broker);

    let output = running::run(&["replay", path]);
    let text = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.success(), "{text}{errors}");
    for part in ["a broker from its journal", "\"it was\"", "the outputs are those recorded"] {
        assert!(text.contains(part), "{part} is missing:\n{text}");
    }
}

#[test]
fn a_recording_writes_over_nothing() {
    let path = file("precious");
    fs::write(&path, b"precious").unwrap();
    let output = running::run(&["--listen", "127.0.0.1:0", "--record", path.to_str().unwrap()]);
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("is there already, and is not written over"), "{errors}");
    assert_eq!(fs::read(&path).unwrap(), b"precious");
}

#[test]
fn a_broker_that_cannot_listen_records_nothing() {
    let path = file("nothing-recorded");
    // An address for documentation, which no machine has.
    let arguments = ["--listen", "203.0.113.77:1883", "--record", path.to_str().unwrap()];
    assert!(!running::run(&arguments).status.success());
    assert!(!path.exists());
}

#[test]
fn no_path_is_empty() {
    for argument in ["--journal", "--record"] {
        let output = running::run(&["--listen", "127.0.0.1:0", argument, ""]);
        assert_eq!(output.status.code(), Some(2), "{argument}");
    }
}

#[test]
fn what_is_no_recording_is_refused() {
    let path = file("no-recording");
    fs::write(&path, b"\x10\x0c").unwrap();
    let output = running::run(&["replay", path.to_str().unwrap()]);
    assert!(!output.status.success());
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("not a recording; --record FILE makes one"), "{errors}");
    // No more than how it begins.
    fs::write(&path, b"mqtt-broker recording, bytes of configuration: 0\n").unwrap();
    let output = running::run(&["replay", path.to_str().unwrap()]);
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(errors.contains("no-recording: the broker ended before"), "{errors}");
}
