//! Transcripts: one readable text file for each behaviour of the broker, played against the core.
//!
//! ```text
//! # QoS 1: a message is acknowledged and handed on
//! //= [MQTT-4.3.2-4] type=test
//!
//! alice connects v5 clean
//! bob connects v3.1.1 clean keep-alive=60
//!
//! bob > SUBSCRIBE id=1 "a/+" q1
//! bob < SUBACK id=1 0x01
//! alice > PUBLISH q1 id=7 "a/b" "hello"
//! alice < PUBACK id=7
//! bob < PUBLISH q1 id=1 "a/b" "hello"
//! bob > PUBACK id=1
//! ```
//!
//! A line says who sends (`>`) or receives (`<`) which packet, in the form in which the codec
//! displays it. What a client receives and the file does not mention is a failure, so each file
//! also says what is *not* sent. Each file is played in many ways (packets cut at every
//! position, outputs drained late, a slow disk …) and has to come out the same in all of them.
//! The language is described in `tests/transcripts/README.md`.
//!
//! There is one test for each file: `cargo test -p mqtt-broker-core --test transcripts -- will/`.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

extern crate alloc;

mod transcript;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut trials: Vec<Trial> = files(&root)
        .into_iter()
        .map(|path| {
            let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
            Trial::test(name.trim_end_matches(".txt").to_owned(), move || play(&name, &path))
        })
        .collect();
    trials.extend(transcript::own_tests().into_iter().map(|(name, test)| {
        Trial::test(format!("runner: {name}"), move || {
            test();
            Ok(())
        })
    }));
    let every = "every reason code of a server is sent".to_owned();
    trials.push(Trial::test(every, move || every_reason_code(&root)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn play(name: &str, path: &Path) -> Result<(), Failed> {
    let text = fs::read_to_string(path)?;
    let script = transcript::Script::read(&text).map_err(|error| format!("{name}:{error}"))?;
    transcript::play_all(name, &script)?;
    Ok(())
}

/// That the files say so is enough: each is played by a test of its own.
fn every_reason_code(root: &Path) -> Result<(), Failed> {
    let mut seen = transcript::ReasonCodes::default();
    for path in files(root) {
        seen.add(&transcript::Script::read(&fs::read_to_string(path)?)?);
    }
    let missing = seen.missing();
    if missing.is_empty() {
        return Ok(());
    }
    Err(format!("no transcript in which the broker sends: {}", missing.join(", ")).into())
}

/// Every `.txt` below a directory, in the order of their paths.
fn files(directory: &Path) -> Vec<PathBuf> {
    let entries =
        fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()));
    let mut found = Vec::new();
    for path in entries.map(|entry| entry.unwrap().path()) {
        if path.is_dir() {
            found.extend(files(&path));
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            found.push(path);
        }
    }
    found.sort();
    found
}
