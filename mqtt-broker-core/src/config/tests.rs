//! Every bound has a row in the table of the documentation, and what the row says is there.

extern crate std;

use alloc::collections::BTreeSet;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use std::fs;
use std::path::Path;

use super::{Config, Limit, Limits, Stats};

const TABLE: &str = include_str!("limits.md");

/// The names of fields. A new field that has been forgotten here does not compile.
macro_rules! fields {
    ($type:ident { $($name:ident),* } $($rest:tt)*) => {{
        let $type { $($name: _,)* $($rest)* } = $type::default();
        [$(stringify!($name)),*]
    }};
}

/// All of [`Limits`].
fn limits() -> Vec<&'static str> {
    fields!(Limits {
        memory,
        connections,
        connections_per_address,
        sessions,
        lasting_sessions,
        wills,
        subscriptions,
        subscriptions_per_client,
        local_subscriptions,
        retained,
        retained_bytes,
        retained_message_size,
        publications,
        publication_bytes,
        entries,
        offline_bytes,
        connect_packet_size,
        topic_levels,
        topic_bytes,
        user_property_bytes,
        publish_rate,
        deferred,
        outgoing,
        journal_bytes,
        forwards,
        forward_bytes,
        outputs
    })
    .into()
}

/// Of [`Config`], what bounds something that others make grow.
const BOUNDS: [&str; 9] = [
    "receive_maximum",
    "maximum_packet_size",
    "topic_alias_maximum",
    "message_expiry_maximum",
    "inflight_messages",
    "queue_messages",
    "queue_bytes",
    "connect_timeout",
    "decision_timeout",
];

/// All of [`Config`] but what features add: who adds a field says here whether it is a bound.
fn choices_and_bounds() -> Vec<&'static str> {
    fields!(Config {
        seed,
        journal,
        events,
        shards,
        shard,
        receive_maximum,
        maximum_packet_size,
        topic_alias_maximum,
        topic_alias_outgoing,
        maximum_qos,
        retain_available,
        wildcard_subscriptions,
        shared_subscriptions,
        subscription_identifiers,
        server_keep_alive,
        session_expiry_maximum,
        message_expiry_maximum,
        inflight_messages,
        queue_messages,
        queue_bytes,
        queue_overflow,
        publish_overrate,
        queue_qos0,
        allow_empty_client_id,
        connect_timeout,
        decision_timeout,
        ask_deliver,
        reason_strings,
        response_information,
        validate_payload_format,
        steps_per_call,
        limits
    }
    #[cfg(feature = "recording")] recording: _,
    #[cfg(feature = "planted-defects")] defect: _,)
    .into()
}

/// One line of the table.
struct Row<'a> {
    field: &'a str,
    key: &'a str,
    answer: &'a str,
    /// `Limit::…` or `Stats::…`.
    counters: Vec<&'a str>,
    events: Vec<&'a str>,
    test: &'a str,
}

fn rows() -> Vec<Row<'static>> {
    let lines = TABLE.lines().filter(|line| line.starts_with("| [`"));
    lines.map(|line| row(line).unwrap_or_else(|| panic!("{line}"))).collect()
}

fn row(line: &str) -> Option<Row<'_>> {
    let cells: Vec<&str> = line.trim_matches(['|', ' ']).split(" | ").collect();
    let [field, key, answer, counter, event, test] = cells[..] else { return None };
    let names = |cell| -> Vec<&str> { str::split(cell, ", ").filter_map(linked).collect() };
    Some(Row {
        field: linked(field)?.split_once("::")?.1,
        key: key.strip_prefix('`')?.strip_suffix('`')?,
        answer,
        counters: names(counter),
        events: names(event),
        test: test.strip_prefix('`')?.strip_suffix('`')?,
    })
}

/// What is in ``[`…`]``.
fn linked(cell: &str) -> Option<&str> {
    cell.strip_prefix("[`")?.strip_suffix("`]")
}

#[test]
fn every_bound_has_one_row_with_no_cell_empty() {
    let fields: BTreeSet<&str> = rows().iter().map(|row| row.field).collect();
    let bounds: BTreeSet<&str> = limits().into_iter().chain(BOUNDS).collect();
    assert_eq!(fields, bounds);
    assert_eq!(rows().len(), bounds.len(), "a bound has two rows");
    let all = choices_and_bounds();
    assert!(BOUNDS.iter().all(|bound| all.contains(bound)));
    for Row { field, key, answer, counters, events, .. } in rows() {
        assert!(!answer.is_empty() && !counters.is_empty() && !events.is_empty(), "{field}");
        assert!([["limits.", field].concat(), ["mqtt.", field].concat()].contains(&key.into()));
    }
}

#[test]
fn every_counter_is_one() {
    let stats = alloc::format!("{:#?}", Stats::default());
    let mut limits: BTreeSet<String> =
        Limit::ALL.iter().map(|limit| alloc::format!("{limit:?}")).collect();
    for row in rows() {
        for counter in row.counters {
            match counter.split_once("::") {
                Some(("Limit", name)) => {
                    assert!(Limit::ALL.iter().any(|limit| alloc::format!("{limit:?}") == name));
                    limits.remove(name);
                }
                Some(("Stats", name)) => assert!(stats.contains(&[name, ": 0"].concat()), "{name}"),
                _ => panic!("{counter}"),
            }
        }
    }
    assert!(limits.is_empty(), "no row has {limits:?}");
}

/// The test of each row sets the bound, and looks at the counter and at what is told.
#[test]
fn every_test_shows_counter_and_event() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    for Row { field, counters, events, test, .. } in rows() {
        let text = fs::read_to_string(root.join(test)).unwrap_or_else(|e| panic!("{test}: {e}"));
        let is_transcript = test.ends_with(".txt");
        let needle = |name: &str| match is_transcript {
            true => name.replace('_', "-") + "=",
            false => name.to_string(),
        };
        assert!(text.contains(&needle(field)), "{test} does not set {field}");
        for counter in counters {
            let limit = Limit::ALL.into_iter().find(|l| alloc::format!("Limit::{l:?}") == counter);
            let name = limit.map_or(counter.trim_start_matches("Stats::"), Limit::name);
            let seen = if is_transcript {
                let mut counted = text.lines().filter(|line| line.starts_with("host counts "));
                counted.any(|line| line.contains(&needle(name)))
            } else {
                text.contains(if limit.is_some() { counter } else { name })
            };
            assert!(seen, "{test} does not look at {counter}");
        }
        for event in events {
            let told = match (is_transcript, event) {
                (true, "LimitReached") => "reached the limit ",
                (true, "Dropped") => " misses ",
                (false, "ForwardDropped") => "dropped_forwards(",
                (_, event) => event,
            };
            assert!(text.contains(told), "{test} is not told of {event}");
        }
    }
}
