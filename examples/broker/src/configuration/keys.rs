//! What a key is, and those of `[mqtt]` and `[limits]`: the one table from which names, ranges, documentation,
//! defaults and setters come.

use core::fmt;
use core::ops::RangeInclusive;

use mqtt_broker_core::{Config, Overrate, QueueOverflow};
use mqtt_codec::QoS;

use super::journal;
use super::value::{self, Value, grouped};

/// The largest packet there can be: a fixed header of 5 bytes and the largest Remaining Length.
const LARGEST_PACKET: u64 = 268_435_455 + 5;
const U16: u64 = u16::MAX as u64;
const U32: u64 = u32::MAX as u64;

/// A table of the configuration file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// What the standard leaves to the server, and the limits that a client can see.
    Mqtt,
    /// The other bounds on what clients can make grow.
    Limits,
    /// What is kept over restarts; its keys are in `super::journal`.
    Journal,
}

impl Section {
    /// All of them, in the order of the printed configuration.
    pub(crate) const ALL: [Self; 3] = [Self::Mqtt, Self::Limits, Self::Journal];

    /// The table's name.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Mqtt => "mqtt",
            Self::Limits => "limits",
            Self::Journal => "journal",
        }
    }
}

/// What a value means, and so how it may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A number of things.
    Count,
    /// Bytes; units are understood.
    Size,
    /// Seconds; units are understood.
    Duration,
    /// Seconds; units are understood, and `never` is the largest number.
    DurationOrNever,
    /// Yes or no.
    Flag,
    /// One of these words; the value is its place among them.
    Word(&'static [&'static str]),
    /// Any text, or none; the range is that of its length in bytes.
    Text,
}

/// One key of what is configured by a `T`.
pub(crate) struct Key<T: 'static = Config> {
    /// The table it stands in.
    pub(crate) section: Section,
    /// Its name there: that of the field.
    pub(crate) name: &'static str,
    /// One line for the operator.
    pub(crate) about: &'static str,
    /// What its value means.
    pub(crate) kind: Kind,
    /// The values allowed.
    pub(crate) range: RangeInclusive<u64>,
    pub(crate) access: Access<T>,
}

/// How a key's field is reached.
pub(crate) enum Access<T> {
    /// A number, or what is turned into one.
    Number { read: fn(&T) -> u64, write: fn(&mut T, u64) -> Option<()> },
    /// Text.
    Text { read: fn(&T) -> &str, write: fn(&mut T, &str) },
}

impl<T> Key<T> {
    /// Its value in a configuration, as it is written in a file.
    pub(crate) fn show(&self, config: &T) -> String {
        let number = match self.access {
            Access::Number { read, .. } => read(config),
            Access::Text { read, .. } => {
                let text = read(config).replace('\\', r"\\").replace('"', "\\\"");
                return format!("\"{text}\"");
            }
        };
        match self.kind {
            Kind::Count | Kind::Text => number.to_string(),
            Kind::Size => format!("\"{}\"", value::size_text(number)),
            Kind::DurationOrNever if number == *self.range.end() => "\"never\"".to_owned(),
            Kind::Duration | Kind::DurationOrNever => {
                format!("\"{}\"", value::duration_text(number))
            }
            Kind::Flag => (number != 0).to_string(),
            Kind::Word(words) => {
                let place = usize::try_from(number).unwrap_or(usize::MAX);
                format!("\"{}\"", words.get(place).copied().unwrap_or_default())
            }
        }
    }

    /// Twice its value in a configuration, as far as its range goes, or the usual one in place of 0;
    /// `None` if it is no number, or is at the end of its range.
    pub(crate) fn raised(&self, config: &T) -> Option<u64>
    where
        T: Default,
    {
        let Access::Number { read, .. } = self.access else { return None };
        let value = read(config);
        let raised = if value == 0 { read(&T::default()).max(1) } else { value.saturating_mul(2) };
        Some(raised.clamp(*self.range.start(), *self.range.end())).filter(|raised| *raised > value)
    }

    /// Gives it a value.
    ///
    /// # Errors
    ///
    /// What the value should have been.
    pub(crate) fn assign(&self, config: &mut T, value: &Value) -> Result<(), WrongValue> {
        let wrong = |forms: Option<&str>| {
            let (section, name, found) = (self.section.name(), self.name, value.described());
            let write = forms.map(|forms| format!("; write {forms}")).unwrap_or_default();
            WrongValue(format!("`{section}.{name}` takes {}, not {found}{write}", self.bounds()))
        };
        match self.access {
            Access::Number { write, .. } => {
                let number = self.number(value).ok_or_else(|| wrong(self.forms()))?;
                if !self.range.contains(&number) {
                    return Err(wrong(None));
                }
                write(config, number).ok_or_else(|| wrong(None))
            }
            Access::Text { write, .. } => {
                let Value::Text(text) = value else { return Err(wrong(None)) };
                let fits = u64::try_from(text.len()).is_ok_and(|len| self.range.contains(&len));
                if !fits || text.chars().any(char::is_control) {
                    return Err(wrong(None));
                }
                write(config, text);
                Ok(())
            }
        }
    }

    /// The values that it takes, in words.
    fn bounds(&self) -> String {
        let (low, high) = (*self.range.start(), *self.range.end());
        let (low, high) = (grouped(low.into()), grouped(high.into()));
        match self.kind {
            Kind::Count => format!("{low} to {high}"),
            Kind::Size => format!("{low} to {high} bytes"),
            Kind::Duration => format!("{low} to {high} seconds"),
            Kind::DurationOrNever => format!("{low} to {high} seconds or \"never\""),
            Kind::Flag => "true or false".to_owned(),
            Kind::Text => {
                format!("a text of at most {high} bytes, without control characters; \"\" is none")
            }
            Kind::Word(words) => {
                let words: Vec<String> = words.iter().map(|word| format!("\"{word}\"")).collect();
                match words.split_last() {
                    Some((last, [])) => last.clone(),
                    Some((last, others)) => format!("{} or {last}", others.join(", ")),
                    None => String::new(),
                }
            }
        }
    }

    /// How numbers with units are written.
    const fn forms(&self) -> Option<&'static str> {
        match self.kind {
            Kind::Size => Some(value::SIZE_FORMS),
            Kind::Duration | Kind::DurationOrNever => Some(value::DURATION_FORMS),
            Kind::Count | Kind::Flag | Kind::Text | Kind::Word(_) => None,
        }
    }

    fn number(&self, value: &Value) -> Option<u64> {
        match (self.kind, value) {
            (Kind::Flag, Value::Flag(flag)) => Some(u64::from(*flag)),
            (Kind::Flag | Kind::Word(_), Value::Number(_)) => None,
            (_, Value::Number(number)) => u64::try_from(*number).ok(),
            (Kind::Size, Value::Text(text)) => value::parse_size(text),
            (Kind::DurationOrNever, Value::Text(text)) if text == "never" => {
                Some(*self.range.end())
            }
            (Kind::Duration | Kind::DurationOrNever, Value::Text(text)) => {
                value::parse_duration(text)
            }
            (Kind::Word(words), Value::Text(text)) => {
                let place = words.iter().position(|word| word == text)?;
                u64::try_from(place).ok()
            }
            _ => None,
        }
    }
}

/// The values that a key takes, and how they are written.
impl<T> fmt::Display for Key<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.bounds())?;
        self.forms().map_or(Ok(()), |forms| write!(f, ": {forms}"))
    }
}

/// A value that a key does not take.
#[derive(Clone)]
pub(crate) struct WrongValue(String);

impl fmt::Display for WrongValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Where every key stands, and its name.
pub(crate) fn names() -> impl Iterator<Item = (Section, &'static str)> {
    let journal = journal::KEYS.iter().map(|key| (key.section, key.name));
    KEYS.iter().map(|key| (key.section, key.name)).chain(journal)
}

/// A key whose field is a number, or is turned into one and back by the functions given.
macro_rules! key {
    ($section:ident, $name:ident, $kind:ident $range:expr, $about:literal) => {
        key!($section, $name, (config.$name), $kind $range, $about)
    };
    ($section:ident, $name:ident, ($config:ident $(. $field:ident)+), Flag $range:expr, $about:literal) => {
        key!(
            $section, $name, Kind::Flag, $range, $about,
            |$config| u64::from($config $(. $field)+),
            |$config, number| { $config $(. $field)+ = number != 0; Some(()) }
        )
    };
    ($section:ident, $name:ident, ($config:ident $(. $field:ident)+), $kind:ident $range:expr, $about:literal) => {
        key!(
            $section, $name, Kind::$kind, $range, $about,
            |$config| $config $(. $field)+ as u64,
            |$config, number| { $config $(. $field)+ = number.try_into().ok()?; Some(()) }
        )
    };
    ($section:ident, $name:ident, $kind:expr, $range:expr, $about:literal, $read:expr, $write:expr) => {
        Key {
            section: Section::$section,
            name: stringify!($name),
            about: $about,
            kind: $kind,
            range: $range,
            access: Access::Number { read: $read, write: $write },
        }
    };
}

const OVERFLOW_WORDS: &[&str] = &["drop-oldest", "drop-newest", "disconnect"];

fn read_overflow(config: &Config) -> u64 {
    match config.queue_overflow {
        QueueOverflow::DropOldest => 0,
        QueueOverflow::Disconnect => 2,
        _ => 1,
    }
}

fn write_overflow(config: &mut Config, number: u64) -> Option<()> {
    config.queue_overflow = match number {
        0 => QueueOverflow::DropOldest,
        1 => QueueOverflow::DropNewest,
        2 => QueueOverflow::Disconnect,
        _ => return None,
    };
    Some(())
}

const OVERRATE_WORDS: &[&str] = &["wait", "disconnect"];

fn read_overrate(config: &Config) -> u64 {
    u64::from(config.publish_overrate == Overrate::Disconnect)
}

fn write_overrate(config: &mut Config, number: u64) -> Option<()> {
    config.publish_overrate = match number {
        0 => Overrate::Wait,
        1 => Overrate::Disconnect,
        _ => return None,
    };
    Some(())
}

fn read_maximum_qos(config: &Config) -> u64 {
    match config.maximum_qos {
        QoS::AtMostOnce => 0,
        QoS::AtLeastOnce => 1,
        QoS::ExactlyOnce => 2,
    }
}

fn write_maximum_qos(config: &mut Config, number: u64) -> Option<()> {
    config.maximum_qos = QoS::from_u8(u8::try_from(number).ok()?)?;
    Some(())
}

fn read_response_information(config: &Config) -> &str {
    config.response_information.as_deref().unwrap_or_default()
}

fn write_response_information(config: &mut Config, text: &str) {
    config.response_information = (!text.is_empty()).then(|| text.to_owned());
}

/// Every key, in the order of the printed configuration.
#[rustfmt::skip]
pub(crate) static KEYS: &[Key] = &[
    key!(Mqtt, receive_maximum, Count 1..=U16,
        "QoS 1 and 2 messages that a client may have under way to the broker."),
    key!(Mqtt, maximum_packet_size, Size 128..=LARGEST_PACKET,
        "The largest packet accepted, all of it counted."),
    key!(Mqtt, topic_alias_maximum, Count 0..=U16,
        "Topic Aliases that a client may use on one connection."),
    key!(Mqtt, topic_alias_outgoing, Count 0..=U16,
        "Topic Aliases that the broker uses towards a client that takes as many."),
    key!(Mqtt, maximum_qos, Kind::Count, 0..=2,
        "The highest Quality of Service.", read_maximum_qos, write_maximum_qos),
    key!(Mqtt, retain_available, Flag 0..=1,
        "Whether messages are retained, and sent to new subscribers; if not, those of the journal stay there."),
    key!(Mqtt, wildcard_subscriptions, Flag 0..=1,
        "Whether Topic Filters may have + and #."),
    key!(Mqtt, shared_subscriptions, Flag 0..=1,
        "Whether $share/NAME/FILTER works."),
    key!(Mqtt, subscription_identifiers, Flag 0..=1,
        "Whether subscriptions may have identifiers."),
    key!(Mqtt, server_keep_alive, Duration 0..=U16,
        "The longest Keep Alive, imposed on 5.0 clients; 0 leaves it to them."),
    key!(Mqtt, session_expiry_maximum, DurationOrNever 0..=U32,
        "The longest that a Session outlives its connection."),
    key!(Mqtt, message_expiry_maximum, DurationOrNever 1..=U32,
        "The longest that a message waits, whatever its publisher asked for."),
    key!(Mqtt, inflight_messages, Count 1..=U16,
        "QoS 1 and 2 messages under way to a client that states no Receive Maximum."),
    key!(Mqtt, queue_messages, Count 0..=U32,
        "Messages that may wait for one client."),
    key!(Mqtt, queue_bytes, Size 0..=U32,
        "Bytes that may wait for one client."),
    key!(Mqtt, queue_overflow, Kind::Word(OVERFLOW_WORDS), 0..=2,
        "What gives way when a message does not fit in a client's queue.",
        read_overflow, write_overflow),
    key!(Mqtt, publish_rate, (config.limits.publish_rate), Count 0..=1_000_000,
        "PUBLISH packets a second that one client may send; 0 is no bound."),
    key!(Mqtt, publish_overrate, Kind::Word(OVERRATE_WORDS), 0..=1,
        "What happens to a client that publishes faster: it is heard later, or disconnected.",
        read_overrate, write_overrate),
    key!(Mqtt, queue_qos0, Flag 0..=1,
        "Whether QoS 0 messages wait for a client that is not connected."),
    key!(Mqtt, allow_empty_client_id, Flag 0..=1,
        "Whether a client may leave its Client Identifier to the broker."),
    key!(Mqtt, connect_timeout, Duration 1..=U16,
        "How long a new connection has for its CONNECT."),
    key!(Mqtt, decision_timeout, Duration 1..=U16,
        "How long an answer about a client's rights may take; then it is no."),
    key!(Mqtt, validate_payload_format, Flag 0..=1,
        "Whether a payload that is declared UTF-8 is checked to be."),
    key!(Mqtt, steps_per_call, Count 256..=16_777_216,
        "How many steps of work are done before others have their turn."),
    key!(Mqtt, reason_strings, Flag 0..=1,
        "Whether 5.0 clients are told in words why they are refused or disconnected."),
    Key {
        section: Section::Mqtt,
        name: "response_information",
        about: "The root of the topics for responses, told to clients that ask for it.",
        kind: Kind::Text,
        range: 0..=U16,
        access: Access::Text { read: read_response_information, write: write_response_information },
    },
    key!(Mqtt, connections, (config.limits.connections), Count 1..=U32,
        "Network Connections open at once."),
    key!(Mqtt, connections_per_address, (config.limits.connections_per_address), Count 1..=U32,
        "Network Connections open at once from one address; of IPv6, from its first 64 bits."),
    key!(Mqtt, subscriptions_per_client, (config.limits.subscriptions_per_client), Count 0..=U32,
        "Subscriptions of one client."),
    key!(Mqtt, topic_levels, (config.limits.topic_levels), Count 1..=U16,
        "Levels of a Topic Name or Topic Filter."),
    key!(Mqtt, topic_bytes, (config.limits.topic_bytes), Size 1..=U16,
        "Bytes of a Topic Name or Topic Filter."),
    key!(Mqtt, user_property_bytes, (config.limits.user_property_bytes), Size 0..=U32,
        "Bytes of the User Properties of one message."),
    key!(Mqtt, retained_message_size, (config.limits.retained_message_size), Size 0..=U32,
        "Bytes of one retained message: topic, properties and payload."),
    key!(Limits, memory, (config.limits.memory), Size 65_536..=(usize::MAX as u64),
        "Bytes of everything that the broker holds for its clients; an eighth more for what is on its way."),
    key!(Limits, sessions, (config.limits.sessions), Count 1..=U32,
        "Sessions, connected or not."),
    key!(Limits, lasting_sessions, (config.limits.lasting_sessions), Count 0..=U32,
        "Sessions from which on none is taken that would outlast its connection."),
    key!(Limits, wills, (config.limits.wills), Count 0..=U32,
        "Will Messages that are kept."),
    key!(Limits, subscriptions, (config.limits.subscriptions), Count 0..=U32,
        "Subscriptions of all clients together."),
    key!(Limits, local_subscriptions, (config.limits.local_subscriptions), Count 0..=U32,
        "Subscriptions of the broker's own host."),
    key!(Limits, retained, (config.limits.retained), Count 0..=U32,
        "Retained messages."),
    key!(Limits, retained_bytes, (config.limits.retained_bytes), Size 0..=(usize::MAX as u64),
        "Bytes of all retained messages."),
    key!(Limits, publications, (config.limits.publications), Count 1..=U32,
        "Messages held at once: retained, queued, under way, and wills."),
    key!(Limits, publication_bytes, (config.limits.publication_bytes), Size 0..=(usize::MAX as u64),
        "Bytes of all messages held: topics, properties and payloads."),
    key!(Limits, entries, (config.limits.entries), Count 1..=U32,
        "Entries of all queues together: one for each copy that waits or is under way."),
    key!(Limits, offline_bytes, (config.limits.offline_bytes), Size 0..=(usize::MAX as u64),
        "Bytes that wait for clients that are not connected, all together."),
    key!(Limits, deferred, (config.limits.deferred), Count 0..=U32,
        "Questions about clients' rights that wait for their answer."),
    key!(Limits, connect_packet_size, (config.limits.connect_packet_size), Size 128..=LARGEST_PACKET,
        "The largest first packet of a connection."),
    key!(Limits, journal_bytes, (config.limits.journal_bytes), Size 4_096..=(usize::MAX as u64),
        "Bytes of what is recorded and not on disk yet, before its publishers wait."),
    key!(Limits, forwards, (config.limits.forwards), Count 0..=U32,
        "Messages that wait for another broker, where several are joined to be one."),
    key!(Limits, forward_bytes, (config.limits.forward_bytes), Size 0..=(usize::MAX as u64),
        "Bytes of the messages that wait for another broker."),
    key!(Limits, outgoing, (config.limits.outgoing), Size 128..=U32,
        "Bytes of answers that a connection may leave unread before its input waits."),
    key!(Limits, outputs, (config.limits.outputs), Count 1..=U32,
        "Events and messages that wait for the host; the rest is dropped and counted."),
];

#[cfg(test)]
mod tests;
