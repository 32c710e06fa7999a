//! One row: read from its table, played, compared.
//!
//! | column | holds |
//! | --- | --- |
//! | version | 3.1, 3.1.1 or 5.0: of the connection, and of the answers that are read |
//! | state | what went before: [`state`](crate::state) |
//! | bytes | hexadecimal, in groups as one likes; `"text"` for its bytes; `61*300` for 300 times |
//! | outcome | what comes back, in order, separated by `; ` |
//! | statement | the rule |
//! | why | a word on what is special |
//!
//! In the outcome stand packets to the client as the codec displays them (` *` at the end for the rest
//! of the line), `other < PUBLISH …` for what reaches another client that has subscribed to
//! everything, and at the end `closed` with the reason. `waits` says that more bytes are needed, and
//! `-` that nothing comes back. Unless the connection is closed it goes on: a PINGREQ is answered.

use std::fs;
use std::path::Path;

use mqtt_codec::{Framed, Sender, Version, frame};

use crate::state::Scene;

/// A row of a table.
pub(crate) struct Row {
    /// File and line.
    pub(crate) place: String,
    pub(crate) version: Version,
    pub(crate) state: String,
    pub(crate) bytes: Vec<u8>,
    pub(crate) outcome: Vec<String>,
    pub(crate) statement: String,
}

/// The rows of a table in `tests/packets`.
pub(crate) fn read(file: &str) -> Vec<Row> {
    let row = |(number, columns): (usize, Vec<String>)| {
        let place = format!("tests/packets/{file}:{number}");
        parse(&place, &columns).unwrap_or_else(|error| panic!("{place}: {error}"))
    };
    numbered(file).into_iter().map(row).collect()
}

/// The columns of a file in `tests/packets`.
pub(crate) fn columns_of(file: &str) -> Vec<Vec<String>> {
    numbered(file).into_iter().map(|(_, columns)| columns).collect()
}

/// The lines that are no comments, with their numbers, as columns.
fn numbered(file: &str) -> Vec<(usize, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/packets").join(file);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    let lines = (1..).zip(text.lines());
    lines
        .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'))
        .map(|(number, line)| (number, line.split(" | ").map(|c| c.trim().into()).collect()))
        .collect()
}

fn parse(place: &str, columns: &[String]) -> Result<Row, String> {
    let [version, state, bytes, outcome, statement, why] = columns else {
        return Err(format!("{} columns instead of 6", columns.len()));
    };
    if why.is_empty() {
        return Err("no word why".into());
    }
    let outcome = if outcome == "-" { "" } else { outcome.as_str() };
    Ok(Row {
        place: place.into(),
        version: version_of(version).ok_or("no version")?,
        state: state.clone(),
        bytes: bytes_of(bytes)?,
        outcome: outcome.split("; ").filter(|item| !item.is_empty()).map(Into::into).collect(),
        statement: statement.clone(),
    })
}

fn version_of(name: &str) -> Option<Version> {
    Version::ALL.iter().copied().find(|version| version.to_string() == name)
}

/// The bytes of a column. Text has no spaces.
pub(crate) fn bytes_of(column: &str) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    for word in column.split_whitespace() {
        if let Some(text) = word.strip_prefix('"').and_then(|word| word.strip_suffix('"')) {
            bytes.extend_from_slice(text.as_bytes());
            continue;
        }
        let (digits, count) = match word.split_once('*') {
            Some((digits, count)) => (digits, count.parse().map_err(|_| word.to_owned())?),
            None => (word, 1),
        };
        if digits.len() % 2 != 0 {
            return Err(format!("half a byte in {word:?}"));
        }
        let places = (0..digits.len()).step_by(2);
        let group: Result<Vec<u8>, _> =
            places.map(|place| u8::from_str_radix(&digits[place..place + 2], 16)).collect();
        bytes.extend(group.map_err(|_| format!("{word:?} is not hexadecimal"))?.repeat(count));
    }
    Ok(bytes)
}

impl Row {
    /// Plays the row both ways; an error is what a reader needs.
    pub(crate) fn play(&self) -> Result<(), String> {
        if self.state == "at-client" {
            return self.compare("as a client reads it", &[at_client(&self.bytes, self.version)]);
        }
        for (way, length) in [("in one piece", usize::MAX), ("byte by byte", 1)] {
            let told = |error| format!("{}: {error}", self.place);
            let mut scene = Scene::new(self.version, &self.state).map_err(told)?;
            let seen = scene.send(&self.bytes, length);
            self.compare(way, &seen)?;
            let open = self.outcome.last().is_none_or(|item| !item.starts_with("closed"));
            if open && self.outcome.last().is_none_or(|item| item != "waits") && scene.greeted {
                let answer = scene.send(&[0xC0, 0x00], usize::MAX);
                if answer != ["PINGRESP"] {
                    return Err(format!("{}: after it, PINGREQ brings {answer:?}", self.place));
                }
            }
        }
        Ok(())
    }

    fn compare(&self, way: &str, seen: &[String]) -> Result<(), String> {
        let fits = |expected: &String, seen: &String| match expected.strip_suffix(" *") {
            Some(start) => seen.starts_with(start),
            None => expected == seen,
        };
        let same = self.outcome.len() == seen.len()
            && self.outcome.iter().zip(seen).all(|(expected, seen)| fits(expected, seen));
        if same {
            return Ok(());
        }
        let list = |items: &[String]| match items {
            [] => "-".to_owned(),
            items => items.join("; "),
        };
        let (expected, got) = (list(&self.outcome), list(seen));
        Err(format!("{} ({way})\n  expected: {expected}\n  got:      {got}", self.place))
    }
}

/// What a client makes of bytes from a server.
pub(crate) fn at_client(bytes: &[u8], version: Version) -> String {
    match frame(bytes, Sender::Server, u32::MAX) {
        Ok(Framed::Incomplete { .. }) => "waits".to_owned(),
        Ok(Framed::Complete(frame)) => match frame.decode(version) {
            Ok(packet) => format!("{packet:#}"),
            Err(error) => format!("refused {}", error.name()),
        },
        Err(error) => format!("refused {}", error.name()),
    }
}
