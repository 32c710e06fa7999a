//! `cargo xtask spec`: every numbered statement of MQTT 3.1.1 and 5.0, and where it is met and tested.
//!
//! The statements are tables in `spec/` ([`statement`]); comments in the sources cite them
//! ([`citation`]); the two are brought together ([`coverage`]) and written down for readers
//! ([`document`]).

mod citation;
mod coverage;
mod document;
mod statement;

use crate::process::{Outcome, workspace};
use citation::Citation;
use coverage::Coverage;
use mqtt_codec::DecodeError;
use statement::{Identity, Standard, Tables};
use std::path::Path;

/// The document that is written.
const DOCUMENT: &str = "docs/conformance.md";

/// Errors of the codec whose statement is one of 3.1.1.
const ERRORS_OF_3_1_1: [DecodeError; 3] = [
    DecodeError::PasswordWithoutUserName,
    DecodeError::InvalidReturnCode,
    DecodeError::InvalidRequestedQoS,
];

/// What `cargo xtask spec` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Write nothing; fail if a statement is missing or the document is out of date
    #[arg(long)]
    check: bool,
}

/// Checks tables and citations, lists what is missing and writes `docs/conformance.md`.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let root = workspace();
    let tables = Tables::read(&root.join("spec"))?;
    let (citations, mut wrong) = citation::read_all(&root)?;
    wrong.extend(unknown(&tables, &citations));
    wrong.extend(errors_of_the_codec(&tables));
    let coverage = Coverage::new(&tables, &citations);
    wrong.extend(coverage.stale_exceptions());
    for line in &wrong {
        println!("{line}");
    }
    let missing = coverage.missing();
    for line in &missing {
        println!("{line}");
    }
    for standard in [Standard::V5, Standard::V3_1_1] {
        println!("{}", coverage.count(standard));
    }
    println!("{} missing", missing.len());
    let written = put(&root, &document::write(&coverage), arguments.check);
    match (wrong.len(), missing.len()) {
        (0, 0) => written,
        (0, missing) if arguments.check => Err(format!("{missing} statements are missing")),
        (0, _) => written,
        (wrong, _) => Err(format!("{wrong} citations or entries are wrong")),
    }
}

/// Citations of statements that no table has.
fn unknown(tables: &Tables, citations: &[Citation]) -> Vec<String> {
    let is_unknown = |citation: &&Citation| tables.find(&citation.identity).is_none();
    let told =
        |citation: &Citation| format!("{}: no statement {}", citation.place, citation.identity);
    citations.iter().filter(is_unknown).map(told).collect()
}

/// Errors of the codec that name a statement which no table has.
fn errors_of_the_codec(tables: &Tables) -> Vec<String> {
    let mut wrong = Vec::new();
    for &error in DecodeError::ALL {
        let old = ERRORS_OF_3_1_1.contains(&error);
        let standard = if old { Standard::V3_1_1 } else { Standard::V5 };
        let identity = Identity { standard, id: error.statement().to_owned() };
        if tables.find(&identity).is_none() {
            wrong.push(format!("DecodeError::{}: no statement {identity}", error.name()));
        }
    }
    wrong
}

/// The document without the line numbers of its links (`#L12`).
fn without_lines(text: &str) -> String {
    let mut parts = text.split("#L");
    let mut stripped = String::from(parts.next().unwrap_or_default());
    for part in parts {
        stripped.push_str(part.trim_start_matches(|c: char| c.is_ascii_digit()));
    }
    stripped
}

/// Writes the document, or says that it is not what it should be.
fn put(root: &Path, text: &str, check: bool) -> Outcome {
    let path = root.join(DOCUMENT);
    let before = std::fs::read_to_string(&path).unwrap_or_default();
    if before == text {
        return Ok(());
    }
    // Lines move with every edit above them; what is cited where does not.
    if check && without_lines(&before) == without_lines(text) {
        return Ok(());
    }
    if check {
        return Err(format!("{DOCUMENT} is out of date: run `cargo xtask spec`"));
    }
    let directory = path.parent().unwrap_or(root);
    std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
    std::fs::write(&path, text).map_err(|error| format!("{DOCUMENT}: {error}"))
}

#[cfg(test)]
mod tests;
