//! `mqtt-broker`: an MQTT broker in one command. It reads its configuration, binds the sockets,
//! says how to connect, and leaves MQTT to `mqtt-broker-tokio` and `mqtt-broker-core`.

#![allow(
    clippy::std_instead_of_alloc,
    reason = "a program has std; the lint is there for the crates without"
)]

mod address;
mod allowance;
mod arguments;
mod card;
mod configuration;
mod cure;
mod event_log;
mod file_descriptors;
mod log;
mod policy;
mod recording;
mod server;
mod signals;

use core::error::Error;
use std::io::{self, Write as _};
use std::process::ExitCode;

use clap::Parser as _;

use arguments::{Arguments, Command};
use configuration::Configuration;
use cure::Cures;
use recording::Recording;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let done = match arguments.command {
        None => run(&arguments.settings),
        Some(Command::Check { file }) => {
            Configuration::read(&file).map_err(Into::into).map(|_| say("ok\n"))
        }
        Some(Command::Replay { file }) => recording::replay(&file),
        Some(Command::Config(settings)) => {
            settings.configuration().map_err(Into::into).map(|all| say(&all.annotated()))
        }
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            complain(&*error);
            ExitCode::FAILURE
        }
    }
}

fn run(settings: &arguments::Settings) -> Result<(), Box<dyn Error>> {
    let mut configuration = settings.configuration()?;
    let log = log::Log::start(configuration.log)?;
    // Before a recording begins, which has to be played with the same configuration.
    let few_files = file_descriptors::bound_connections(&mut configuration);
    // What is no text is shown as far as it is: a path need not be one.
    let words = std::env::args_os().map(|word| word.to_string_lossy().into_owned());
    let cures = Cures::new(words, configuration.broker.clone())
        .with_few_files(few_files)
        .with_open(configuration.open);
    let record = settings.record.as_deref();
    let recording = record.map(|file| Recording::new(file, settings.record_limit));
    let ended = server::run(&configuration, &cures, recording.as_ref());
    log.finish();
    ended
}

/// Prints to stdout. Nobody listening there is no reason to end.
fn say(text: &str) {
    let mut stdout = io::stdout().lock();
    let _ = stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush());
}

/// Prints what went wrong, and why.
fn complain(error: &dyn Error) {
    let mut text = format!("mqtt-broker: {error}");
    let mut source = error.source();
    while let Some(cause) = source {
        text.push_str(&format!(": {cause}"));
        source = cause.source();
    }
    text.push('\n');
    log::print(text);
}
