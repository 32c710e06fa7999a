//! The command that lets a refused client in.

use mqtt_broker_core::{Config, DropCause, RefusalCause};

use crate::configuration::argument_for;

/// What the advice is made of: how this process was started, and with what limits.
#[derive(Clone, Debug)]
pub(crate) struct Cures {
    command: String,
    config: Config,
    /// The connections are bounded by the files that may be open.
    few_files: bool,
}

impl Cures {
    /// Advice for the process that was started with `arguments`, the program's name among them.
    pub(crate) fn new(arguments: impl IntoIterator<Item = String>, config: Config) -> Self {
        let words: Vec<String> = arguments.into_iter().map(|word| quoted(&word)).collect();
        Self { command: words.join(" "), config, few_files: false }
    }

    /// The same where the system allows fewer connections than the configuration.
    pub(crate) fn with_few_files(mut self, few_files: bool) -> Self {
        self.few_files = few_files;
        self
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
            RefusalCause::Limit(name) => self.of_limits(&[name]),
            RefusalCause::ClientIdentifier
                if client_identifier.is_empty() && !self.config.allow_empty_client_id =>
            {
                Some(format!("{} --set mqtt.allow_empty_client_id=true", self.command))
            }
            _ => None,
        }
    }

    /// The command under which these limits would not have been reached; `None` if one of them is
    /// none that can be set.
    pub(crate) fn of_limits(&self, names: &[&str]) -> Option<String> {
        if self.few_files && names.contains(&"connections") {
            return Some("a higher limit on open files (ulimit -n)".to_owned());
        }
        let arguments = names.iter().map(|name| argument_for(name, &self.config));
        let arguments = arguments.map(|argument| Some(format!(" --set {}", argument?)));
        Some(format!("{}{}", self.command, arguments.collect::<Option<String>>()?))
    }

    /// The command under which a message would not have been dropped; `None` if it is not for this
    /// side to change.
    pub(crate) fn of_drop(&self, cause: DropCause) -> Option<String> {
        match cause {
            DropCause::QueueFull => self.of_limits(&["queue_messages", "queue_bytes"]),
            DropCause::OfflineFull => self.of_limits(&["offline_bytes"]),
            DropCause::BrokerFull => self.of_limits(&["memory", "publications", "entries"]),
            _ => None,
        }
    }

    /// The command under which a message or a subscription would not have been refused; `None` if it
    /// is the client that has to change.
    pub(crate) fn of_refusal(&self, cause: RefusalCause) -> Option<String> {
        match cause {
            RefusalCause::Limit(name) => self.of_limits(&[name]),
            _ => None,
        }
    }

    /// The command under which QoS 0 messages are kept for clients that are away.
    pub(crate) fn keep_qos0(&self) -> String {
        format!("{} --set mqtt.queue_qos0=true", self.command)
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
