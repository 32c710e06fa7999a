//! The broker's configuration: read from a TOML file, changed by `--set`, and printed with its
//! documentation.
//!
//! A file is taken apart as a table whose keys and values know their place in the text, not
//! through derived structs: so every mistake can be reported at once, each with line and column,
//! and [`keys::KEYS`] stays the only place that lists the keys.

use core::fmt::Write as _;
use std::fs;
use std::path::Path;

use mqtt_broker_core::Config;
use toml::de::{DeTable, DeValue};

use crate::address::ListenAddress;
use crate::log::LogLevel;

mod journal;
mod keys;
mod problem;
mod spelling;
mod value;

pub(crate) use problem::{Problem, Problems};

pub(crate) use journal::JournalSettings;
use keys::{KEYS, Key, Section, WrongValue};
use value::Value;
pub(crate) use value::{SIZE_FORMS, grouped, parse_size};

/// Everything that an operator can choose.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Configuration {
    /// Where to listen; never empty.
    pub(crate) listen: Vec<ListenAddress>,
    /// Whether clients of other machines may connect without a password.
    pub(crate) open: bool,
    /// How much is logged.
    pub(crate) log: LogLevel,
    /// The core's part.
    pub(crate) broker: Config,
    /// What is kept over restarts.
    pub(crate) journal: JournalSettings,
}

impl Default for Configuration {
    fn default() -> Self {
        Self {
            listen: vec![ListenAddress::Everywhere(crate::address::DEFAULT_PORT)],
            open: false,
            log: LogLevel::Info,
            broker: Config::default(),
            journal: JournalSettings::default(),
        }
    }
}

impl Configuration {
    /// Reads a file over the defaults.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the file.
    pub(crate) fn read(path: &Path) -> Result<Self, Problems> {
        let text = fs::read_to_string(path).map_err(|error| Problem::unreadable(path, &error))?;
        Self::parse(path, &text)
    }

    /// Reads the text of a file over the defaults; `path` is for messages.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with the text.
    pub(crate) fn parse(path: &Path, text: &str) -> Result<Self, Problems> {
        let (document, errors) = DeTable::parse_recoverable(text);
        let mut problems: Vec<Problem> = errors
            .iter()
            .map(|error| {
                let span = error.span().unwrap_or(0..0);
                Problem::in_text(path, text, span, format!("not TOML: {}", error.message()))
            })
            .collect();
        if !problems.is_empty() {
            return Err(Problems(problems));
        }
        let mut configuration = Self::default();
        for assignment in assignments(document.get_ref()) {
            if let Err((wrong, message)) = configuration.take(&assignment) {
                let span = match wrong {
                    Wrong::Name => assignment.name_span,
                    Wrong::Value => assignment.value_span,
                };
                problems.push(Problem::in_text(path, text, span, message));
            }
        }
        // The parser hands tables over sorted by name; people read from the top.
        problems.sort_by_key(Problem::position);
        if problems.is_empty() { Ok(configuration) } else { Err(Problems(problems)) }
    }

    /// Takes one `KEY=VALUE` of the command line.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn set(&mut self, argument: &str) -> Result<(), Problem> {
        let problem = |message| Problem::in_argument(argument, message);
        let Some((path, value)) = argument.split_once('=') else {
            return Err(problem("write KEY=VALUE, such as mqtt.queue_messages=5000".to_owned()));
        };
        let path = path.trim();
        if find_section(path).is_some() {
            return Err(problem(format!("`{path}` is a table: write {path}.KEY=VALUE")));
        }
        let (section, name) = match path.split_once('.') {
            Some((section, name)) => (Some(section), name),
            None => (None, path),
        };
        let section = match section {
            Some(section) => match find_section(section) {
                Some(section) => Some(section),
                None => return Err(problem(spelling::unknown_key(None, section))),
            },
            None => None,
        };
        self.assign(section, name, &Value::of_argument(value))
            .map_err(|(_, message)| problem(message))
    }

    /// The whole configuration as a file that [`Configuration::parse`] reads: every key with its
    /// documentation; what has its default is commented out.
    pub(crate) fn annotated(&self) -> String {
        let default = Self::default();
        let mut text = String::from(
            "# The configuration of mqtt-broker. A line that begins with #key shows a default.\n\
             # Check it with: mqtt-broker check FILE\n",
        );
        let mut line = |about: &str, name: &str, value: String, default: String| {
            let mark = if value == default { "#" } else { "" };
            // Writing to a String does not fail.
            let _ = write!(text, "\n# {about}\n{mark}{name} = {value}\n");
        };
        line(
            "Where to listen: a port (on every interface), an address, or both.",
            "listen",
            listen_text(&self.listen),
            listen_text(&default.listen),
        );
        line(
            "Whether clients of other machines may connect without a password.",
            "open",
            self.open.to_string(),
            default.open.to_string(),
        );
        line(
            "How much is logged: \"error\", \"warn\", \"info\", \"debug\" or \"trace\".",
            "log",
            format!("\"{}\"", self.log),
            format!("\"{}\"", default.log),
        );
        for section in Section::ALL {
            let _ = write!(text, "\n[{}]\n", section.name());
            let keys = KEYS.iter().filter(|key| key.section == section);
            keys.for_each(|key| annotate(&mut text, key, &self.broker, &default.broker));
            let keys = journal::KEYS.iter().filter(|key| key.section == section);
            keys.for_each(|key| annotate(&mut text, key, &self.journal, &default.journal));
        }
        text
    }

    fn take(&mut self, assignment: &Assignment<'_>) -> Result<(), (Wrong, String)> {
        match assignment.section {
            Some(section) => self.assign(Some(section), assignment.name, &assignment.value),
            None if find_section(assignment.name).is_some() => {
                let message = format!("`{0}` is a table: write [{0}]", assignment.name);
                Err((Wrong::Value, message))
            }
            None => self.assign(None, assignment.name, &assignment.value),
        }
    }

    fn assign(
        &mut self,
        section: Option<Section>,
        name: &str,
        value: &Value,
    ) -> Result<(), (Wrong, String)> {
        let takes = |what: &str| {
            let message = format!("`{name}` takes {what}, not {}", value.described());
            (Wrong::Value, message)
        };
        match (section, name) {
            (Some(section), _) => {
                let assigned = match section {
                    Section::Journal => {
                        assign(journal::KEYS, &mut self.journal, section, name, value)
                    }
                    _ => assign(KEYS, &mut self.broker, section, name, value),
                };
                let unknown = || (Wrong::Name, spelling::unknown_key(Some(section), name));
                assigned.ok_or_else(unknown)?.map_err(|error| (Wrong::Value, error.to_string()))
            }
            (None, "listen") => {
                self.listen = listen_addresses(value).map_err(|message| (Wrong::Value, message))?;
                Ok(())
            }
            (None, "open") => match value {
                Value::Flag(open) => {
                    self.open = *open;
                    Ok(())
                }
                _ => Err(takes("true or false")),
            },
            (None, "log") => {
                let level = match value {
                    Value::Text(text) => LogLevel::from_name(text),
                    _ => None,
                };
                self.log = level.ok_or_else(|| {
                    takes("\"error\", \"warn\", \"info\", \"debug\" or \"trace\"")
                })?;
                Ok(())
            }
            (None, _) => Err((Wrong::Name, spelling::unknown_key(None, name))),
        }
    }
}

/// Gives a key its value; `None` if there is no such key.
fn assign<T>(
    keys: &'static [Key<T>],
    to: &mut T,
    section: Section,
    name: &str,
    value: &Value,
) -> Option<Result<(), WrongValue>> {
    let key = keys.iter().find(|key| key.section == section && key.name == name)?;
    Some(key.assign(to, value))
}

/// Writes a key as [`Configuration::annotated`] shows it.
fn annotate<T>(text: &mut String, key: &Key<T>, configured: &T, default: &T) {
    let value = key.show(configured);
    let mark = if value == key.show(default) { "#" } else { "" };
    let (about, name) = (key.about, key.name);
    // Writing to a String does not fail.
    let _ = write!(text, "\n# {about}\n# Takes {key}.\n{mark}{name} = {value}\n");
}

/// The argument of `--set` that raises the limit of this name; `None` if no key has that name, or if it
/// is as high as it can be.
pub(crate) fn argument_for(limit: &str, config: &Config) -> Option<String> {
    let key = KEYS.iter().find(|key| key.name == limit)?;
    Some(format!("{}.{}={}", key.section.name(), key.name, key.raised(config)?))
}

/// Which part of an assignment is wrong.
enum Wrong {
    Name,
    Value,
}

/// One key with its value and where they stand in the text.
struct Assignment<'a> {
    section: Option<Section>,
    name: &'a str,
    name_span: core::ops::Range<usize>,
    value: Value,
    value_span: core::ops::Range<usize>,
}

fn assignments<'a>(document: &'a DeTable<'_>) -> Vec<Assignment<'a>> {
    let mut all = Vec::new();
    for (name, value) in document {
        match (find_section(name.get_ref()), value.get_ref()) {
            (Some(section), DeValue::Table(table)) => {
                let inner = table.iter().map(|(name, value)| (Some(section), name, value));
                all.extend(inner);
            }
            _ => all.push((None, name, value)),
        }
    }
    all.into_iter()
        .map(|(section, name, value)| Assignment {
            section,
            name: name.get_ref().as_ref(),
            name_span: name.span(),
            value: Value::of_toml(value.get_ref()),
            value_span: value.span(),
        })
        .collect()
}

fn find_section(name: &str) -> Option<Section> {
    Section::ALL.into_iter().find(|section| section.name() == name)
}

fn listen_addresses(value: &Value) -> Result<Vec<ListenAddress>, String> {
    let one = |value: &Value| -> Result<ListenAddress, String> {
        match value {
            Value::Number(number) => number.to_string().parse(),
            Value::Text(text) => text.parse(),
            _ => return Err(format!("`listen` takes addresses, not {}", value.described())),
        }
        .map_err(|error: crate::address::NotAnAddress| error.to_string())
    };
    match value {
        Value::List(items) if items.is_empty() => {
            Err("`listen` is empty: a broker that listens nowhere serves nobody".to_owned())
        }
        Value::List(items) => items.iter().map(one).collect(),
        _ => Ok(vec![one(value)?]),
    }
}

fn listen_text(addresses: &[ListenAddress]) -> String {
    let quoted: Vec<String> = addresses.iter().map(|address| format!("\"{address}\"")).collect();
    format!("[{}]", quoted.join(", "))
}

#[cfg(test)]
mod tests;
