//! The command line.

use std::path::PathBuf;

use clap::builder::NonEmptyStringValueParser;
use clap::{Args, Parser, Subcommand};

use crate::address::ListenAddress;
use crate::configuration::{Configuration, Problems, SIZE_FORMS, parse_size};
use crate::log::LogLevel;

/// An MQTT broker for MQTT 5.0, 3.1.1 and 3.1.
///
/// Without arguments it listens on port 1883 of every interface and takes clients of this machine;
/// clients of other machines are refused until --open.
#[derive(Debug, Parser)]
#[command(
    name = "mqtt-broker",
    version,
    args_conflicts_with_subcommands = true,
    after_help = "SIGTERM and SIGINT end it; a second one, after half a second, ends it at once. \
                  SIGHUP is ignored, since nothing is read again; where the log goes to a terminal, \
                  it ends the broker, as the terminal does."
)]
pub(crate) struct Arguments {
    #[command(flatten)]
    pub(crate) settings: Settings,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// What can be asked for besides running the broker.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Checks a configuration file: prints `ok`, or everything that is wrong with it.
    Check {
        /// The file.
        file: PathBuf,
    },
    /// Does again what a recording says, and prints every packet; fails if anything differs.
    Replay {
        /// The file that --record wrote.
        file: PathBuf,
    },
    /// Prints the configuration that the other arguments make, every key with its documentation.
    Config(Settings),
}

/// What can be chosen on the command line. Each wins over the ones before it.
#[derive(Args, Debug)]
pub(crate) struct Settings {
    /// Reads the configuration from a TOML file; `mqtt-broker config` prints one.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Sets one key of the configuration, such as mqtt.queue_messages=5000; may be repeated.
    #[arg(long, value_name = "KEY=VALUE")]
    set: Vec<String>,
    // Not a documentation comment: rustdoc takes the brackets for a link.
    #[arg(
        long,
        value_name = "ADDR",
        help = "Listens here: 1883, 127.0.0.1:1883, [::1]:1883, 0.0.0.0; may be repeated"
    )]
    listen: Vec<ListenAddress>,
    /// Lets clients of other machines connect, without a password.
    #[arg(long)]
    open: bool,
    /// Keeps Sessions, retained and Will Messages in this directory over restarts.
    #[arg(long, value_name = "DIR", value_parser = NonEmptyStringValueParser::new())]
    journal: Option<String>,
    /// Writes down all that happens, with passwords, in a new file, for `mqtt-broker replay FILE`.
    #[arg(long, value_name = "FILE")]
    pub(crate) record: Option<PathBuf>,
    /// Ends the recording, and nothing else, at this size.
    #[arg(long, value_name = "SIZE", default_value = "1 GiB", value_parser = size, requires = "record")]
    pub(crate) record_limit: u64,
    /// Logs this and what is more severe.
    #[arg(long, value_name = "LEVEL")]
    log: Option<LogLevel>,
}

impl Settings {
    /// The configuration they make.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file, or else with `--set`.
    pub(crate) fn configuration(&self) -> Result<Configuration, Problems> {
        let mut configuration = match &self.config {
            Some(path) => Configuration::read(path)?,
            None => Configuration::default(),
        };
        let problems: Vec<_> =
            self.set.iter().filter_map(|argument| configuration.set(argument).err()).collect();
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        if !self.listen.is_empty() {
            configuration.listen.clone_from(&self.listen);
        }
        if let Some(directory) = &self.journal {
            configuration.journal.path.clone_from(directory);
        }
        configuration.open |= self.open;
        configuration.log = self.log.unwrap_or(configuration.log);
        Ok(configuration)
    }
}

/// A size as the configuration takes it.
fn size(text: &str) -> Result<u64, String> {
    parse_size(text).ok_or_else(|| format!("a size is {SIZE_FORMS}"))
}

#[cfg(test)]
mod tests;
