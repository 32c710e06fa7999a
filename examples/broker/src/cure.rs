//! The command that lets a refused client in.

use mqtt_broker_core::{Config, RefusalCause};

use crate::configuration::argument_for;

/// What the advice is made of: how this process was started, and with what limits.
#[derive(Clone, Debug)]
pub(crate) struct Cures {
    command: String,
    config: Config,
}

impl Cures {
    /// Advice for the process that was started with `arguments`, the program's name among them.
    pub(crate) fn new(arguments: impl IntoIterator<Item = String>, config: Config) -> Self {
        let words: Vec<String> = arguments.into_iter().map(|word| quoted(&word)).collect();
        Self { command: words.join(" "), config }
    }

    /// The command that opens the broker to other machines.
    pub(crate) fn open(&self) -> String {
        format!("{} --open", self.command)
    }

    /// The command under which a client would not have been refused; `None` if the client is what
    /// has to change.
    pub(crate) fn of(&self, cause: RefusalCause, client_identifier: &str) -> Option<String> {
        match cause {
            RefusalCause::Policy => Some(self.open()),
            RefusalCause::Limit(name) => {
                let argument = argument_for(name, &self.config)?;
                Some(format!("{} --set {argument}", self.command))
            }
            RefusalCause::ClientIdentifier
                if client_identifier.is_empty() && !self.config.allow_empty_client_id =>
            {
                Some(format!("{} --set mqtt.allow_empty_client_id=true", self.command))
            }
            _ => None,
        }
    }
}

/// A word as a shell takes it.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-./:=,@%+\\".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests;
