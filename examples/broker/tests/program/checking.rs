//! Configurations that are checked, refused and printed.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;

use crate::running::run;

fn file(name: &str, text: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, text).unwrap();
    path
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).unwrap()
}

#[test]
fn a_good_file_is_ok() {
    let path = file("good.toml", "listen = [1883]\n[mqtt]\nqueue_bytes = \"2 MiB\"\n");
    let output = run(&["check", path.to_str().unwrap()]);
    assert_eq!((output.status.code(), stdout(&output).as_str()), (Some(0), "ok\n"));
}

#[test]
fn a_bad_file_is_refused_with_line_column_and_the_nearest_key() {
    let path = file("bad.toml", "open = true\n\n[mqtt]\nqueue_mesages = 5\nmaximum_qos = 3\n");
    let path = path.to_str().unwrap();
    for arguments in [["check", path].as_slice(), &["--config", path]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(1));
        assert_eq!(stdout(&output), "");
        let text = stderr(&output);
        let unknown = format!(
            "{path}:4:1: unknown key `queue_mesages` in [mqtt]; did you mean `queue_messages`?"
        );
        assert!(text.contains(&unknown), "{text}");
        let range = format!("{path}:5:15: `mqtt.maximum_qos` takes 0 to 2, not 3");
        assert!(text.contains(&range), "{text}");
    }
}

#[test]
fn a_missing_file_is_named() {
    let output = run(&["check", "no/such/file.toml"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(stderr(&output).contains("no/such/file.toml: cannot be read"), "{}", stderr(&output));
}

#[test]
fn a_bad_argument_is_refused_the_same_way() {
    let output = run(&["--set", "mqtt.queue_mesages=5"]);
    assert_eq!(output.status.code(), Some(1));
    let text = stderr(&output);
    assert!(text.contains("did you mean `queue_messages`?"), "{text}");
    let output = run(&["--listen", "nowhere:1883"]);
    assert_eq!(output.status.code(), Some(2), "what clap refuses");
    assert!(stderr(&output).contains("is not an address to listen on"), "{}", stderr(&output));
}

/// What a program on Unix is started with need not be text.
#[cfg(unix)]
#[test]
fn an_argument_that_is_no_text_is_taken_or_refused() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt as _;
    let no_text = OsStr::from_bytes(b"/nowhere/\xff");
    // An address for documentation, which no machine has.
    let listen = ["--listen", "203.0.113.77:1883"].map(OsStr::new);
    let output = run(&[&listen[..], &[OsStr::new("--record"), no_text]].concat());
    assert_eq!(output.status.code(), Some(1), "{}", stderr(&output));
    let output = run(&[OsStr::new("--journal"), no_text]);
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn the_printed_configuration_is_a_good_file() {
    let output = run(&["config", "--set", "mqtt.queue_messages=5", "--listen", "1884"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    assert!(text.contains("\nqueue_messages = 5\n"), "{text}");
    assert!(text.contains("\nlisten = [\"1884\"]\n"), "{text}");
    let path = file("printed.toml", &text);
    let output = run(&["check", path.to_str().unwrap()]);
    assert_eq!(stdout(&output), "ok\n", "{}", stderr(&output));
}

/// What the standard leaves to the server, each with a value that is not the default.
const CHOICES: [(&str, &str); 22] = [
    ("receive_maximum", "10"),
    ("maximum_packet_size", "\"1000 B\""),
    ("topic_alias_maximum", "3"),
    ("maximum_qos", "1"),
    ("retain_available", "false"),
    ("wildcard_subscriptions", "false"),
    ("shared_subscriptions", "false"),
    ("subscription_identifiers", "false"),
    ("server_keep_alive", "\"30s\""),
    ("session_expiry_maximum", "\"1h\""),
    ("message_expiry_maximum", "\"1h\""),
    ("inflight_messages", "5"),
    ("queue_messages", "6"),
    ("queue_bytes", "\"7000 B\""),
    ("queue_overflow", "\"drop-oldest\""),
    ("queue_qos0", "true"),
    ("allow_empty_client_id", "false"),
    ("connect_timeout", "\"5s\""),
    ("connections", "8"),
    ("subscriptions_per_client", "9"),
    ("topic_levels", "11"),
    ("validate_payload_format", "true"),
];

#[test]
fn every_choice_of_the_server_is_a_key_and_an_argument() {
    let settings = CHOICES.map(|(key, value)| format!("mqtt.{key}={}", value.trim_matches('"')));
    let sets = settings.iter().flat_map(|setting| ["--set", setting]);
    let output = run(&["config"].into_iter().chain(sets).collect::<Vec<_>>());
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let text = stdout(&output);
    let section = text.split("\n[").find(|section| section.starts_with("mqtt]")).unwrap();
    for (key, value) in CHOICES {
        let line = format!("\n{key} = {value}\n");
        let (before, _) = section.split_once(&line).unwrap_or_else(|| panic!("{line}{section}"));
        let documented = before.lines().rev().take_while(|line| line.starts_with("# ")).count();
        assert!(documented >= 2, "{key}: what it is, and what it takes");
    }
}

#[test]
fn the_version_is_told() {
    let output = run(&["--version"]);
    assert_eq!(stdout(&output), concat!("mqtt-broker ", env!("CARGO_PKG_VERSION"), "\n"));
}
