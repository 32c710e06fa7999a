//! The transcripts, played through the drivers: over pipes in memory, by a clock that is turned by
//! hand. `cargo test -p mqtt-broker-core --test transcripts_driver -- will/`.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

extern crate alloc;

mod asynchronous;
mod driven;
/// The runner, without what is only for the core.
mod transcript {
    pub(crate) mod client;
    pub(crate) mod fields;
    pub(crate) mod host;
    pub(crate) mod matching;
    pub(crate) mod packet;
    pub(crate) mod play;
    pub(crate) mod property;
    pub(crate) mod publication;
    pub(crate) mod rules;
    pub(crate) mod scene;
    pub(crate) mod script;
    pub(crate) mod settings;
    pub(crate) mod subject;
    pub(crate) mod token;
    pub(crate) mod wishes;
}

use core::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use driven::{Mode, World};
use transcript::play::Play;
use transcript::script::{Action, Script};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transcripts");
    let mut paths = Vec::new();
    find(&root, &mut paths);
    let files = paths.into_iter().map(|path| {
        let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        let title = name.trim_end_matches(".txt").to_owned();
        Trial::test(title, move || play(&name, &path))
    });
    let own_tests = driven::own_tests().into_iter().map(|(name, test)| {
        Trial::test(format!("driver: {name}"), move || {
            test();
            Ok(())
        })
    });
    libtest_mimic::run(&arguments, files.chain(own_tests).collect()).exit_code()
}

fn play(name: &str, path: &Path) -> Result<(), Failed> {
    let mut script =
        Script::read(&fs::read_to_string(path)?).map_err(|error| format!("{name}:{error}"))?;
    // A driver is made anew by its host, which is tested with the core alone.
    let crash = script.lines.iter().position(|line| matches!(line.action, Action::Crash(_)));
    script.lines.truncate(crash.unwrap_or(script.lines.len()));
    for mode in Mode::ALL {
        let line = Cell::new(0);
        let mut config = script.config.clone();
        config.journal |= mode.journal;
        Play::new(World::new(config, mode))
            .run(&script, &line)
            .map_err(|error| format!("{name}:{}: {error}\n    played with {mode:?}", line.get()))?;
    }
    Ok(())
}

/// Every `.txt` below a directory.
fn find(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap_or_else(|e| panic!("{}: {e}", directory.display()))
    {
        let path = entry.unwrap().path();
        if path.is_dir() {
            find(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "txt") {
            found.push(path);
        }
    }
    found.sort();
}
