//! Whether what was seen is what the transcript says, `*` standing for what may vary.

use alloc::collections::BTreeMap;

use super::client::Seen;

/// Values that a transcript named: `assigned-client=*id`.
pub(crate) type Names = BTreeMap<String, String>;

/// Compares one packet with one expected line; remembers what the line names.
///
/// Equal is what reads the same in one of the packet's two forms. Otherwise word by word: a word
/// `field=*` stands for that field whatever its value, `field=*name` too and gives the value a
/// name, and a word `*` stands for any number of words. Several Subscription Identifiers may come in
/// any order `[MQTT-3.3.4-4]`.
pub(crate) fn matches(expected: &str, seen: &Seen, names: &mut Names) -> bool {
    let Seen::Packet(short, long) = seen else {
        return false;
    };
    expected == short || expected == long || alike(&words(expected), &words(long), names)
}

fn alike(expected: &[&str], seen: &[&str], names: &mut Names) -> bool {
    match (expected.split_first(), seen.split_first()) {
        (None, None) => true,
        (Some((&"*", rest)), _) => (0..=seen.len()).any(|n| alike(rest, &seen[n..], names)),
        (Some((first, rest)), Some((seen, others))) => {
            word(first, seen, names) && alike(rest, others, names)
        }
        _ => false,
    }
}

fn word(expected: &str, seen: &str, names: &mut Names) -> bool {
    if expected == seen {
        return true;
    }
    let (Some((field, name)), Some((seen_field, value))) =
        (expected.split_once("=*"), seen.split_once('='))
    else {
        return false;
    };
    if field == seen_field && !name.is_empty() {
        names.insert(name.into(), value.trim_matches('"').into());
    }
    field == seen_field
}

/// Words between spaces, those within quotes not counted.
fn words(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let (mut start, mut quoted, mut escaped) = (0, false, false);
    for (place, c) in line.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            ' ' if !quoted => {
                found.push(&line[start..place]);
                start = place + 1;
            }
            _ => {}
        }
    }
    found.push(&line[start..]);
    found.retain(|word| !word.is_empty());
    for identifiers in found.chunk_by_mut(|a, b| is_identifier(a) && is_identifier(b)) {
        identifiers.sort_unstable();
    }
    found
}

fn is_identifier(word: &str) -> bool {
    word.starts_with("sub-id=")
}
