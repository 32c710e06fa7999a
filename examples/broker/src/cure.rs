//! What would help somebody who was refused: the command under which it would not have been so.

use mqtt_broker_core::{Config, DropCause, Peer, RefusalCause, Unsupported};

use crate::configuration::argument_for;

/// What the advice is made of: how this process was started, and with what limits.
#[derive(Clone, Debug)]
pub(crate) struct Cures {
    command: String,
    config: Config,
    /// The connections are bounded by the files that may be open.
    few_files: bool,
    open: bool,
}

impl Cures {
    /// Advice for the process that was started with `arguments`, the program's name among them.
    pub(crate) fn new(arguments: impl IntoIterator<Item = String>, config: Config) -> Self {
        let words: Vec<String> = arguments.into_iter().map(|word| quoted(&word)).collect();
        Self { command: words.join(" "), config, few_files: false, open: false }
    }

    /// The same where the system allows fewer connections than the configuration.
    pub(crate) fn with_few_files(mut self, few_files: bool) -> Self {
        self.few_files = few_files;
        self
    }

    /// The same for a broker that is open to other machines, or not.
    pub(crate) fn with_open(mut self, open: bool) -> Self {
        self.open = open;
        self
    }

    /// Whether whoever is there is not let in, whatever it asks for.
    pub(crate) fn is_stranger(&self, peer: Peer) -> bool {
        !self.open && !peer.is_loopback()
    }

    /// The command that opens the broker to other machines.
    pub(crate) fn open(&self) -> String {
        format!("{} --open", self.command)
    }

    /// What would have let a client in: a command, or something that the client has to do.
    pub(crate) fn of(
        &self,
        cause: RefusalCause,
        peer: Peer,
        client_identifier: &str,
    ) -> Option<String> {
        match cause {
            RefusalCause::Policy if self.is_stranger(peer) => Some(self.open()),
            RefusalCause::ClientIdentifier if !client_identifier.is_empty() => {
                Some("a shorter one, or MQTT 3.1.1 or 5.0".to_owned())
            }
            RefusalCause::ClientIdentifier if !self.config.allow_empty_client_id => {
                Some(format!("{} --set mqtt.allow_empty_client_id=true", self.command))
            }
            RefusalCause::ClientIdentifier => {
                Some("a client with an identifier, or with clean session 1".to_owned())
            }
            _ => self.of_refusal(cause),
        }
    }

    /// The command under which these limits would not have been reached; `None` if there is none of
    /// them that can be set, and higher than it is.
    pub(crate) fn of_limits(&self, names: &[&str]) -> Option<String> {
        if self.few_files && names.contains(&"connections") {
            return Some("a higher limit on open files (ulimit -n)".to_owned());
        }
        let arguments = names.iter().filter_map(|name| argument_for(name, &self.config));
        let arguments: String = arguments.map(|argument| format!(" --set {argument}")).collect();
        (!arguments.is_empty()).then(|| format!("{}{arguments}", self.command))
    }

    /// The command under which limits of `[limits]` are at least so high.
    pub(crate) fn enough<'a>(&self, limits: impl Iterator<Item = (&'a str, u64)>) -> String {
        let arguments = limits.map(|(name, number)| format!(" --set limits.{name}={number}"));
        format!("{}{}", self.command, arguments.collect::<String>())
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
            RefusalCause::Unsupported(what) => {
                Some(format!("{} --set mqtt.{}", self.command, setting_of(what)?))
            }
            _ => None,
        }
    }

    /// The command under which QoS 0 messages are kept for clients that are away.
    pub(crate) fn keep_qos0(&self) -> String {
        format!("{} --set mqtt.queue_qos0=true", self.command)
    }
}

/// The setting that turns it on; `None` if the client has to do without.
fn setting_of(unsupported: Unsupported) -> Option<&'static str> {
    match unsupported {
        Unsupported::RetainedMessages => Some("retain_available=true"),
        Unsupported::WillQoS => Some("maximum_qos=2"),
        Unsupported::SharedSubscriptions => Some("shared_subscriptions=true"),
        Unsupported::WildcardSubscriptions => Some("wildcard_subscriptions=true"),
        _ => None,
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
