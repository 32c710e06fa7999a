//! Nobody gets, does or is told what the policy does not allow.

use crate::model::Model;
use crate::model::SessionNumber;
use crate::rules;

/// A message on this topic was given to a Session.
///
/// # Errors
///
/// Its client may not have it.
pub fn given(model: &Model, session: SessionNumber, topic: &str) -> Result<(), String> {
    let bond = model.bonds.values().find(|bond| bond.session == Some(session));
    let name = bond.map_or("", |bond| bond.name.as_str());
    if rules::allows(name, topic) {
        return Ok(());
    }
    Err(format!("{name} is sent a message on {topic}"))
}

/// The broker says that somebody connected.
///
/// # Errors
///
/// It is banned.
pub fn connected(name: &str) -> Result<(), String> {
    if name.starts_with(rules::BANNED) { Err(format!("{name} was let in")) } else { Ok(()) }
}

/// The broker says that somebody subscribed.
///
/// # Errors
///
/// It may not.
pub fn subscribed(name: &str, filter: &str) -> Result<(), String> {
    if rules::allows(name, filter) {
        return Ok(());
    }
    Err(format!("{name} subscribed to {filter}"))
}
