//! Packet tables: bytes that a client sends, and what the broker makes of them.
//!
//! ```text
//! # version | state | bytes | outcome | statement | why
//! 5.0 | connected | 32 08 0001 "a" 000a 00 "hi" | PUBACK id=10; other < PUBLISH q1 id=1 "a" "hi" | MQTT-4.3.2-4 | QoS 1
//! 5.0 | connected | 36 06 0001 "a" 000a 00 | DISCONNECT 0x81 Malformed Packet; closed InvalidQoS | MQTT-3.3.1-4 | QoS 3
//! ```
//!
//! There is a file for each packet type. Version and statement belong together: the numbered
//! statements of 5.0 in rows of 5.0, those of 3.1.1 elsewhere (3.1 has none, and its rows name the
//! statement of 3.1.1 that kept the rule). A row is played twice, with its bytes together and one by
//! one, and must come out the same. The columns are described in [`row`] and [`state`]; what a table
//! says by crossing all values of one field with another is in [`sweep`].

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

extern crate alloc;

mod host;
mod packets_with;
mod row;
mod state;
mod sweep;

use alloc::collections::{BTreeMap, BTreeSet};

use row::Row;

/// One test for each table.
macro_rules! tables {
    ($($test:ident $file:literal)*) => {
        const FILES: &[&str] = &[$($file),*];
        $(
            #[test]
            fn $test() {
                play($file);
            }
        )*
    };
}

tables! {
    connect "connect.txt"
    connack "connack.txt"
    publish "publish.txt"
    acknowledgements "acknowledgements.txt"
    subscribe "subscribe.txt"
    suback "suback.txt"
    unsubscribe "unsubscribe.txt"
    unsuback "unsuback.txt"
    ping "ping.txt"
    disconnect "disconnect.txt"
    auth "auth.txt"
    fixed_header "fixed_header.txt"
    strings "strings.txt"
    properties "properties.txt"
}

fn play(file: &str) {
    let rows = row::read(file);
    let failures: Vec<String> = rows.iter().filter_map(|row| row.play().err()).collect();
    println!("{file}: {} rows", rows.len());
    assert!(
        failures.is_empty(),
        "\n{}\n{} of {} rows failed",
        failures.join("\n"),
        failures.len(),
        rows.len()
    );
}

fn all_rows() -> Vec<Row> {
    FILES.iter().flat_map(|file| row::read(file)).collect()
}

/// The tables together.
#[test]
fn there_are_enough_rows_and_no_two_are_the_same() {
    let rows = all_rows();
    assert!(rows.len() >= 600, "{} rows", rows.len());
    let mut seen = BTreeMap::new();
    for row in &rows {
        let key = (row.version, row.state.clone(), row.bytes.clone());
        if let Some(other) = seen.insert(key, row.place.clone()) {
            panic!("{} and {other} send the same bytes in the same state", row.place);
        }
    }
}

/// Errors that no bytes can bring about.
const NOT_FROM_THE_WIRE: &[(&str, &str)] =
    &[("StringTooLong", "the length of a string has two bytes: a longer one cannot be sent")];

#[test]
fn every_decode_error_is_reached() {
    let rows = all_rows();
    let words: BTreeSet<&str> =
        rows.iter().flat_map(|row| row.outcome.iter()).flat_map(|item| item.split(' ')).collect();
    for error in mqtt_codec::DecodeError::ALL {
        let excused = NOT_FROM_THE_WIRE.iter().any(|(name, _)| *name == error.name());
        assert_eq!(words.contains(error.name()), !excused, "{}", error.name());
    }
}

/// A statement that a row names is one of the standard's.
#[test]
fn every_statement_exists() {
    let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../spec/");
    let read = |name: &str| std::fs::read_to_string(format!("{root}{name}")).unwrap();
    let (older, newer) = (read("mqtt-3.1.1.toml"), read("mqtt-5.0.toml"));
    for row in all_rows() {
        let text = if row.version == mqtt_codec::Version::V5 { &newer } else { &older };
        assert!(
            text.contains(&format!("\"{}\"", row.statement)),
            "{}: {}",
            row.place,
            row.statement
        );
    }
}
