//! Statements and citations together: what is met, what is tested, what is missing.

use super::citation::{Citation, Place};
use super::statement::{Identity, Standard, Statement, Tables};
use std::collections::BTreeMap;

/// Which statement is cited where.
#[derive(Debug)]
pub(super) struct Coverage<'a> {
    pub(super) tables: &'a Tables,
    cited: BTreeMap<&'a Identity, Vec<&'a Citation>>,
}

/// Where one statement is met and tested.
#[derive(Debug, Default)]
pub(super) struct Places<'a> {
    pub(super) implementations: Vec<&'a Place>,
    pub(super) tests: Vec<&'a Place>,
}

impl<'a> Coverage<'a> {
    pub(super) fn new(tables: &'a Tables, citations: &'a [Citation]) -> Self {
        let mut cited: BTreeMap<&Identity, Vec<&Citation>> = BTreeMap::new();
        for citation in citations {
            cited.entry(&citation.identity).or_default().push(citation);
        }
        Self { tables, cited }
    }

    /// Where a statement is met and tested. It is met also where all statements are that it is the
    /// same as: one path of code serves both versions. A test shows one version and says which.
    pub(super) fn places(&self, statement: &Statement) -> Places<'a> {
        let mut places = Places {
            implementations: self.cited(&statement.identity, |c| !c.is_test),
            tests: self.cited(&statement.identity, |c| c.is_test),
        };
        places.implementations.extend(self.implementations_of_all(&statement.same_as));
        for list in [&mut places.implementations, &mut places.tests] {
            list.sort();
            list.dedup();
        }
        places
    }

    /// The statements that bind a server and lack something, each with what it lacks.
    pub(super) fn missing(&self) -> Vec<String> {
        self.tables.statements.iter().filter_map(|statement| self.lacks(statement)).collect()
    }

    /// Exceptions from what is there.
    pub(super) fn stale_exceptions(&self) -> Vec<String> {
        let mut stale = Vec::new();
        for (identity, exception) in &self.tables.exceptions {
            let Some(statement) = self.tables.find(identity) else { continue };
            let places = self.places(statement);
            let implementation = exception.implementation && !places.implementations.is_empty();
            let test = exception.test && !places.tests.is_empty();
            if implementation || test || !statement.is_server_side() {
                stale.push(format!("exceptions: {identity} needs no exception"));
            }
        }
        stale
    }

    /// One line of numbers.
    pub(super) fn count(&self, standard: Standard) -> String {
        let of_standard = |s: &&Statement| s.identity.standard == standard;
        let all = self.tables.statements.iter().filter(of_standard);
        let (mut statements, mut server, mut met, mut tested, mut excepted) = (0, 0, 0, 0, 0);
        for statement in all {
            statements += 1;
            if !statement.is_server_side() {
                continue;
            }
            server += 1;
            let places = self.places(statement);
            met += usize::from(!places.implementations.is_empty());
            tested += usize::from(!places.tests.is_empty());
            excepted += usize::from(self.tables.exceptions.contains_key(&statement.identity));
        }
        format!(
            "MQTT {}: {statements} statements, {server} bind a server; of these {met} implemented, \
             {tested} tested, {excepted} excepted",
            standard.name()
        )
    }

    fn lacks(&self, statement: &Statement) -> Option<String> {
        if !statement.is_server_side() {
            return None;
        }
        let exception = self.tables.exceptions.get(&statement.identity);
        let places = self.places(statement);
        let implementation = places.implementations.is_empty()
            && !exception.is_some_and(|exception| exception.implementation);
        let test = places.tests.is_empty() && !exception.is_some_and(|exception| exception.test);
        let lacks = match (implementation, test) {
            (false, false) => return None,
            (true, false) => "implementation",
            (false, true) => "test",
            (true, true) => "implementation and test",
        };
        let weight = if statement.is_mandatory() { "" } else { " (not mandatory)" };
        Some(format!("{}: no {lacks}{weight}: {}", statement.identity, statement.text))
    }

    fn cited(&self, identity: &Identity, wanted: impl Fn(&Citation) -> bool) -> Vec<&'a Place> {
        let citations = self.cited.get(identity).into_iter().flatten();
        citations.filter(|citation| wanted(citation)).map(|citation| &citation.place).collect()
    }

    /// Where all of `identities` are met; nowhere if one of them is not.
    fn implementations_of_all(&self, identities: &[Identity]) -> Vec<&'a Place> {
        let mut all = Vec::new();
        for identity in identities {
            let places = self.cited(identity, |citation| !citation.is_test);
            if places.is_empty() {
                return Vec::new();
            }
            all.extend(places);
        }
        all
    }
}
