//! Tests of the search for words.

use super::rules::CRATES;
use super::source::{code_only, names, paths_into};
use super::{check_source, sources};
use crate::process::workspace;

#[test]
fn comments_and_literals_are_not_code() {
    let source =
        "a // std::x\n/* std /* :: */ b */ c \"std::\\\"d\" r#\"std::\"e\"# 'f' b\"std::\"\n";
    let code = code_only(source);
    assert!(!code.contains("std"));
    let left: Vec<&str> = code.split_whitespace().collect();
    assert_eq!(left, ["a", "c"]);
    assert_eq!(code.lines().count(), source.lines().count());
}

#[test]
fn lifetimes_and_characters_are_told_apart() {
    let code = code_only("fn a<'b>(c: &'b str) { d('\"', '\\'', b'\\\\', '\\u{1F600}'); e() }");
    assert!(code.contains("<'b>(c: &'b str)"));
    assert!(code.contains("e()"));
    assert!(!code.contains('"'));
}

#[test]
fn words_are_whole_identifiers() {
    assert!(names("use std::fmt;", "std::"));
    assert!(!names("use no_std::fmt;", "std::"));
    assert!(names("let x: Packet;", "Packet"));
    assert!(!names("let x: PacketType;", "Packet"));
    assert!(names("a.await", ".await"));
}

#[test]
fn paths_are_read_one_by_one_and_in_lists() {
    let code = "use mqtt_codec::{\n    A,\n    B as C,\n};\nfn f(g: mqtt_codec::D) {}\n";
    let found = paths_into(code, "mqtt_codec");
    let expected = [(1, "A"), (1, "B"), (5, "D")].map(|(line, name)| (line, name.to_string()));
    assert_eq!(found, expected);
}

#[test]
fn a_violation_is_reported_with_its_place() {
    let core = CRATES.iter().find(|checked| checked.package == "mqtt-broker-core").unwrap();
    let path = workspace().join("mqtt-broker-core/src/clock.rs");
    let found = check_source(core, &path, "//! std::time\n\nuse std::time::SystemTime;\n");
    assert_eq!(found.len(), 2);
    assert!(found[0].starts_with("mqtt-broker-core/src/clock.rs:3: `std::`"), "{found:?}");
}

#[test]
fn every_directory_of_the_table_has_sources() {
    for checked in CRATES {
        let found = sources(&workspace().join(checked.directory)).unwrap();
        assert!(!found.is_empty(), "{}", checked.directory);
    }
}
