//! Citations: `//= [MQTT-3.3.1-2]`, on a line of its own, where a statement is met.
//!
//! At a test it ends in ` type=test`. A statement of 3.1.1 is cited as `//= 3.1.1 [MQTT-3.3.1-2]`.

use super::statement::{Identity, Standard};
use crate::process::Outcome;
use std::fmt;
use std::path::Path;

/// Where the sources are. What is written about citations themselves, as here, is not among them.
const SOURCES: [&str; 5] =
    ["mqtt-codec", "mqtt-broker-core", "mqtt-broker-tokio", "examples", "fuzz"];

/// A file, from the root of the workspace with `/`, and a line of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    pub(super) file: String,
    pub(super) line: usize,
}

/// One citation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Citation {
    pub(super) identity: Identity,
    pub(super) place: Place,
    pub(super) is_test: bool,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.file, self.line)
    }
}

/// Reads the citations of all sources, in a fixed order, and what is wrong with them.
pub(super) fn read_all(root: &Path) -> Outcome<(Vec<Citation>, Vec<String>)> {
    let (mut citations, mut wrong) = (Vec::new(), Vec::new());
    for source in SOURCES {
        let directory = root.join(source);
        if directory.is_dir() {
            read_directory(&directory, source, &mut citations, &mut wrong)?;
        }
    }
    Ok((citations, wrong))
}

/// Reads the citations of one file, given by its path from the root.
pub(super) fn read_text(
    file: &str,
    text: &str,
    citations: &mut Vec<Citation>,
    wrong: &mut Vec<String>,
) {
    let in_tests = is_test_file(file);
    for (line, content) in (1..).zip(text.lines()) {
        let Some(cited) = content.trim().strip_prefix("//= ") else { continue };
        let place = Place { file: file.to_owned(), line };
        match parse(cited) {
            Some((_, is_test)) if is_test != in_tests => {
                let what = if is_test { "a test outside tests" } else { "no ` type=test`" };
                wrong.push(format!("{place}: {what}: {cited}"));
            }
            Some((identity, is_test)) => {
                citations.push(Citation { identity, place, is_test });
            }
            None => wrong.push(format!("{place}: not a citation: {cited}")),
        }
    }
}

fn read_directory(
    directory: &Path,
    name: &str,
    citations: &mut Vec<Citation>,
    wrong: &mut Vec<String>,
) -> Outcome {
    let told = |error: std::io::Error| format!("{name}: {error}");
    let mut entries = Vec::new();
    for entry in std::fs::read_dir(directory).map_err(told)? {
        entries.push(entry.map_err(told)?.path());
    }
    entries.sort();
    for path in entries {
        let own = path.file_name().map(|own| own.to_string_lossy().into_owned());
        let own = own.unwrap_or_default();
        let file = format!("{name}/{own}");
        if path.is_dir() {
            if own != "target" && !own.starts_with('.') {
                read_directory(&path, &file, citations, wrong)?;
            }
        } else if own.ends_with(".rs") || is_transcript(&file) {
            let text = std::fs::read_to_string(&path).map_err(told)?;
            read_text(&file, &text, citations, wrong);
        }
    }
    Ok(())
}

/// What is cited, and whether by a test.
fn parse(cited: &str) -> Option<(Identity, bool)> {
    let (cited, is_test) = match cited.strip_suffix(" type=test") {
        Some(cited) => (cited, true),
        None => (cited, false),
    };
    let (cited, standard) = match cited.strip_prefix("3.1.1 ") {
        Some(cited) => (cited, Standard::V3_1_1),
        None => (cited, Standard::V5),
    };
    let id = cited.strip_prefix('[')?.strip_suffix(']')?;
    Some((Identity { standard, id: id.to_owned() }, is_test))
}

fn is_test_file(file: &str) -> bool {
    file.contains("/tests/") || file.ends_with("/tests.rs")
}

fn is_transcript(file: &str) -> bool {
    file.contains("/transcripts/") && file.ends_with(".txt")
}
