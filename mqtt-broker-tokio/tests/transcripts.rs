//! The transcripts of the core, played through the binding: over real sockets, by the real clock.
//! `cargo test -p mqtt-broker-tokio --test transcripts -- will/`.
//!
//! A transcript is played up to the first line that cannot be played like this, and says so.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

extern crate alloc;

mod served;
/// The core's runner, without what is only for a host that has the broker itself.
#[path = "../../mqtt-broker-core/tests/transcript"]
mod transcript {
    pub(crate) mod client;
    pub(crate) mod fields;
    pub(crate) mod host;
    pub(crate) mod matching;
    pub(crate) mod packet;
    pub(crate) mod play;
    pub(crate) mod property;
    pub(crate) mod rules;
    pub(crate) mod scene;
    pub(crate) mod script;
    pub(crate) mod settings;
    pub(crate) mod subject;
    pub(crate) mod token;
}

use core::cell::Cell;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use libtest_mimic::{Arguments, Failed, Trial};

use served::World;
use transcript::host::Wish;
use transcript::play::Play;
use transcript::script::{Action, Script};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    if !cfg!(target_os = "linux") {
        eprintln!("not played: only Linux tells whether a socket has been read");
        return ExitCode::SUCCESS;
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../mqtt-broker-core/tests/transcripts");
    let mut paths = Vec::new();
    find(&root, &mut paths);
    let trials: Vec<Trial> = paths.iter().map(|path| trial(&root, path)).collect();
    let partly = trials.iter().filter(|trial| !trial.kind().is_empty()).count();
    eprintln!(
        "{} transcripts, {} of them played in part, each marked with the reason",
        trials.len(),
        partly
    );
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(root: &Path, path: &Path) -> Trial {
    let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
    let title = name.trim_end_matches(".txt").to_owned();
    let script = fs::read_to_string(path).map_err(|e| e.to_string());
    let mut script = match script.and_then(|text| Script::read(&text)) {
        Ok(script) => script,
        Err(error) => return Trial::test(title, move || Err(format!("{name}:{error}").into())),
    };
    let stop = (0..script.lines.len()).find_map(|at| Some((at, impossible(&script, at)?)));
    let kind = stop.map(|(at, reason)| {
        let kind = format!("up to line {}: {reason}", script.lines[at].number);
        script.lines.truncate(at);
        kind
    });
    Trial::test(title, move || play(&name, &script)).with_kind(kind.unwrap_or_default())
}

/// Why a line cannot be played through the binding.
fn impossible(script: &Script, at: usize) -> Option<&'static str> {
    if script.config.journal {
        return Some("the binding has no store yet");
    }
    match &script.lines[at].action {
        Action::Wait(_) => Some("time passes, and the real clock cannot be turned"),
        Action::Host(Wish::SubscribeWithin(..) | Wish::Take(..)) => {
            Some("a program takes messages by receiving them")
        }
        Action::Host(Wish::Publish(message)) if served::message::published(message).is_err() => {
            Some("the binding's messages have no such property")
        }
        _ => None,
    }
}

fn play(name: &str, script: &Script) -> Result<(), Failed> {
    let line = Cell::new(0);
    let world = World::new(script.config.clone())?;
    Play::new(world)
        .run(script, &line)
        .map_err(|error| format!("{name}:{}: {error}", line.get()).into())
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
