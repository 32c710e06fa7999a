//! `cargo xtask boundary`: the invariants about absence, each crate's in one row of [`rules`].
//!
//! Words are looked for in code: comments, string literals and tests are left out.

mod rules;
mod source;

use crate::metadata::Metadata;
use crate::process::{Outcome, workspace};
use rules::{CRATES, Crate, Word};
use std::path::{Path, PathBuf};

/// Checks every crate and prints each violation with its place.
pub(crate) fn run() -> Outcome {
    let metadata = Metadata::load(&["--no-deps"])?;
    let mut violations = Vec::new();
    let mut files = 0;
    for checked in CRATES {
        let sources = sources(&workspace().join(checked.directory))?;
        files += sources.len();
        for path in sources {
            let text = std::fs::read_to_string(&path).map_err(|error| error.to_string())?;
            violations.extend(check_source(checked, &path, &text));
        }
        violations.extend(check_dependencies(checked, &metadata)?);
    }
    for violation in &violations {
        println!("{violation}");
    }
    match violations.len() {
        0 => {
            println!("{files} files of {} crates keep their boundaries", CRATES.len());
            Ok(())
        }
        count => Err(format!("{count} violations of the boundaries")),
    }
}

/// The Rust files below the directory that are not tests, in order.
fn sources(directory: &Path) -> Outcome<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut directories = vec![directory.to_path_buf()];
    while let Some(directory) = directories.pop() {
        let entries = std::fs::read_dir(&directory)
            .map_err(|error| format!("{}: {error}", directory.display()))?;
        for entry in entries {
            let path = entry.map_err(|error| error.to_string())?.path();
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            if name == "tests" || name == "tests.rs" {
                continue;
            } else if path.is_dir() {
                directories.push(path);
            } else if name.ends_with(".rs") {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn check_source(checked: &Crate, path: &Path, text: &str) -> Vec<String> {
    let shown = path.strip_prefix(workspace()).unwrap_or(path).display().to_string();
    let code = source::code_only(text);
    let mut violations = Vec::new();
    if shown.ends_with("src/lib.rs") {
        for attribute in checked.attributes {
            if !code.contains(attribute) {
                violations.push(format!("{shown}:1: `{attribute}` is missing"));
            }
        }
    }
    for (index, line) in code.lines().enumerate() {
        for Word { pattern, reason, allowed_in } in checked.words.iter().copied().flatten() {
            let excused = allowed_in.iter().any(|place| shown.contains(place));
            if !excused && source::names(line, pattern) {
                violations.push(format!("{shown}:{}: `{pattern}`: {reason}", index + 1));
            }
        }
    }
    if let Some(allowed) = checked.codec {
        for (line, name) in source::paths_into(&code, "mqtt_codec") {
            if !allowed.contains(&name.as_str()) {
                let reason = "not a value that passes through; the core speaks MQTT";
                violations.push(format!("{shown}:{line}: `mqtt_codec::{name}`: {reason}"));
            }
        }
    }
    violations
}

fn check_dependencies(checked: &Crate, metadata: &Metadata) -> Outcome<Vec<String>> {
    let Some(allowed) = checked.dependencies else { return Ok(Vec::new()) };
    let manifest = format!("{}/Cargo.toml:1", checked.package);
    let mut violations = Vec::new();
    for name in metadata.required_dependencies(checked.package)? {
        if !allowed.contains(&name.as_str()) {
            violations.push(format!("{manifest}: `{name}`: only {allowed:?} are always there"));
        }
    }
    for feature in metadata.default_features(checked.package)? {
        violations.push(format!("{manifest}: `{feature}` is a default feature; there are none"));
    }
    Ok(violations)
}

#[cfg(test)]
mod tests;
