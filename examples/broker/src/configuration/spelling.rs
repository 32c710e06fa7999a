//! What somebody may have meant by a key that does not exist.

use super::keys::{Section, names};

/// The keys outside of any table.
pub(crate) const TOP_LEVEL: [&str; 3] = ["listen", "open", "log"];

/// A message about the unknown key `name`, found in `section` or outside of any.
pub(crate) fn unknown_key(section: Option<Section>, name: &str) -> String {
    let place = match section {
        Some(section) => format!("unknown key `{name}` in [{}]", section.name()),
        None => format!("unknown key `{name}`"),
    };
    let near = names_in(section).filter_map(|candidate| nearness(name, candidate)).min();
    if let Some((0, _)) = elsewhere(section, name) {
        let home = home_of(section, name);
        return format!("{place}; it belongs {home}");
    }
    match (near, elsewhere(section, name)) {
        (Some((_, meant)), _) => format!("{place}; did you mean `{meant}`?"),
        (None, Some((_, meant))) => {
            let home = home_of(section, meant);
            format!("{place}; did you mean `{meant}` {home}?")
        }
        (None, None) => format!("{place}; `mqtt-broker config` prints all keys"),
    }
}

fn names_in(section: Option<Section>) -> Box<dyn Iterator<Item = &'static str>> {
    match section {
        Some(section) => {
            Box::new(names().filter(move |(home, _)| *home == section).map(|(_, name)| name))
        }
        None => Box::new(TOP_LEVEL.into_iter().chain(Section::ALL.map(Section::name))),
    }
}

/// The nearest name among the keys that stand somewhere else than in `section`.
fn elsewhere(section: Option<Section>, name: &str) -> Option<(usize, &'static str)> {
    let tables = names().filter(|(home, _)| Some(*home) != section).map(|(_, name)| name);
    let top = TOP_LEVEL.into_iter().filter(|_| section.is_some());
    tables.chain(top).filter_map(|candidate| nearness(name, candidate)).min()
}

fn home_of(found_in: Option<Section>, name: &str) -> String {
    let home = names().find(|(home, key)| *key == name && Some(*home) != found_in);
    match home {
        Some((home, _)) => format!("in [{}]", home.name()),
        None => "at the top of the file, before any [table]".to_owned(),
    }
}

/// How far `name` is from `candidate`, if a slip of the fingers can explain it.
fn nearness<'a>(name: &str, candidate: &'a str) -> Option<(usize, &'a str)> {
    let distance = strsim::osa_distance(&name.to_lowercase().replace('-', "_"), candidate);
    (distance <= 2.max(candidate.len() / 3).min(candidate.len() / 2))
        .then_some((distance, candidate))
}

#[cfg(test)]
mod tests;
