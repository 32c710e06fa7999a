//! The tables in `spec/`: statements, and the exceptions among them.

use crate::process::Outcome;
use std::collections::BTreeMap;
use std::fmt;
use std::path::Path;
use toml::{Table, Value};

/// One of the two standards.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Standard {
    V3_1_1,
    V5,
}

/// A statement's standard and number: the two standards use the same numbers for different things.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Identity {
    pub(super) standard: Standard,
    /// `MQTT-3.3.1-2`
    pub(super) id: String,
}

/// Whose conduct a statement rules.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Binds {
    Server,
    Client,
    Both,
}

/// One numbered statement.
#[derive(Clone, Debug)]
pub(super) struct Statement {
    pub(super) identity: Identity,
    /// MUST, MUST NOT, SHOULD …
    pub(super) level: String,
    pub(super) binds: Binds,
    /// Statements of 5.0 that together say the same.
    pub(super) same_as: Vec<Identity>,
    /// Our paraphrase.
    pub(super) text: String,
}

/// Why a statement needs no implementation, or no test.
#[derive(Clone, Debug)]
pub(super) struct Exception {
    pub(super) implementation: bool,
    pub(super) test: bool,
    pub(super) reason: String,
}

/// Both standards, in their order, and the exceptions.
#[derive(Debug)]
pub(super) struct Tables {
    pub(super) statements: Vec<Statement>,
    pub(super) exceptions: BTreeMap<Identity, Exception>,
}

impl Standard {
    /// Its number, as people say it.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::V3_1_1 => "3.1.1",
            Self::V5 => "5.0",
        }
    }
}

impl fmt::Display for Identity {
    /// As a citation has it: 5.0 goes without saying.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.standard {
            Standard::V5 => write!(f, "[{}]", self.id),
            Standard::V3_1_1 => write!(f, "3.1.1 [{}]", self.id),
        }
    }
}

impl Statement {
    /// Whether a server has to do something about it.
    pub(super) fn is_server_side(&self) -> bool {
        self.binds != Binds::Client
    }

    /// Whether its level is one that has to be met.
    pub(super) fn is_mandatory(&self) -> bool {
        self.level.starts_with("MUST")
    }
}

impl Tables {
    /// Reads the three files.
    pub(super) fn read(directory: &Path) -> Outcome<Self> {
        let read = |name: &str| {
            let text = std::fs::read_to_string(directory.join(name));
            text.map_err(|error| format!("spec/{name}: {error}"))
        };
        Self::parse(&read("mqtt-5.0.toml")?, &read("mqtt-3.1.1.toml")?, &read("exceptions.toml")?)
    }

    /// Makes the tables of the texts of the three files.
    pub(super) fn parse(v5: &str, v3_1_1: &str, exceptions: &str) -> Outcome<Self> {
        let mut statements = read_statements(Standard::V5, v5)?;
        statements.extend(read_statements(Standard::V3_1_1, v3_1_1)?);
        let exceptions = read_exceptions(exceptions)?;
        let tables = Self { statements, exceptions };
        let named = tables.statements.iter().flat_map(|statement| &statement.same_as);
        for identity in named.chain(tables.exceptions.keys()) {
            if tables.find(identity).is_none() {
                return Err(format!("spec: no statement {identity}"));
            }
        }
        Ok(tables)
    }

    pub(super) fn find(&self, identity: &Identity) -> Option<&Statement> {
        self.statements.iter().find(|statement| statement.identity == *identity)
    }
}

fn read_statements(standard: Standard, text: &str) -> Outcome<Vec<Statement>> {
    let mut statements: Vec<Statement> = Vec::new();
    for entry in entries(text, "statement").map_err(|e| format!("{}: {e}", standard.name()))? {
        let identity = Identity { standard, id: string(&entry, "id")? };
        let wrong = |what: &str| format!("{identity}: {what}");
        let binds = match string(&entry, "binds")?.as_str() {
            "server" => Binds::Server,
            "client" => Binds::Client,
            "both" => Binds::Both,
            other => return Err(wrong(&format!("binds nobody known: {other}"))),
        };
        let level = string(&entry, "level")?;
        if !["MUST", "MUST NOT", "SHOULD", "SHOULD NOT"].contains(&level.as_str()) {
            return Err(wrong(&format!("no level: {level}")));
        }
        if statements.iter().any(|before| before.identity == identity) {
            return Err(wrong("is there twice"));
        }
        let same_as = strings(&entry, "same-as");
        let same_as = same_as.map(|id| Identity { standard: Standard::V5, id }).collect();
        let text = string(&entry, "text")?;
        statements.push(Statement { identity, level, binds, same_as, text });
    }
    Ok(statements)
}

fn read_exceptions(text: &str) -> Outcome<BTreeMap<Identity, Exception>> {
    let mut exceptions = BTreeMap::new();
    for entry in entries(text, "exception").map_err(|e| format!("exceptions: {e}"))? {
        let standard = match string(&entry, "standard")?.as_str() {
            "5.0" => Standard::V5,
            "3.1.1" => Standard::V3_1_1,
            other => return Err(format!("exceptions: no standard {other}")),
        };
        let identity = Identity { standard, id: string(&entry, "id")? };
        let waived: Vec<String> = strings(&entry, "waives").collect();
        let exception = Exception {
            implementation: waived.iter().any(|what| what == "implementation"),
            test: waived.iter().any(|what| what == "test"),
            reason: string(&entry, "reason")?,
        };
        exceptions.insert(identity, exception);
    }
    Ok(exceptions)
}

/// The tables of an array of tables.
fn entries(text: &str, name: &str) -> Outcome<Vec<Table>> {
    let mut document: Table = text.parse().map_err(|error| format!("{error}"))?;
    let Some(Value::Array(entries)) = document.remove(name) else { return Ok(Vec::new()) };
    let table = |entry| match entry {
        Value::Table(table) => Ok(table),
        _ => Err(format!("[[{name}]] is not a table")),
    };
    entries.into_iter().map(table).collect()
}

fn string(entry: &Table, key: &str) -> Outcome<String> {
    match entry.get(key) {
        Some(Value::String(text)) => Ok(text.clone()),
        _ => Err(format!("no {key} in an entry: {entry:?}")),
    }
}

fn strings<'a>(entry: &'a Table, key: &str) -> impl Iterator<Item = String> + 'a {
    let values = entry.get(key).and_then(Value::as_array).into_iter().flatten();
    values.filter_map(Value::as_str).map(str::to_owned)
}
