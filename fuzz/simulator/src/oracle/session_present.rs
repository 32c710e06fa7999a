//! Session Present tells the truth, and Sessions last as long as they should and no longer.

use std::collections::BTreeSet;

use mqtt_broker_core::{Broker, Instant};
use mqtt_codec::{Connack, ReasonCode, Version};

use super::Cause;
use crate::link::LinkId;
use crate::model::Model;
use crate::reach::reached;

/// A CONNACK was given.
///
/// # Errors
///
/// It is wrong about the Session, or greets somebody who is not connected.
pub fn given(model: &Model, link: LinkId, connack: &Connack<'_>) -> Result<(), String> {
    let Some(bond) = model.bonds.get(&link) else {
        return Err(format!("a CONNACK on link {link}, which nobody opened"));
    };
    let welcome = connack.reason_code == ReasonCode::SUCCESS;
    if welcome != bond.session.is_some() {
        return Err(format!("link {link} is told {connack:?}, connected: {}", !welcome));
    }
    reached(match (welcome, bond.connect.as_ref().is_some_and(|connect| connect.clean)) {
        (false, _) => "MQTT-3.2.2-6",
        (true, true) => "MQTT-3.2.2-2",
        (true, false) => "MQTT-3.2.2-3",
    });
    let is_told = bond.connect.as_ref().is_some_and(|connect| connect.version != Version::V3_1);
    let expected = welcome && is_told && bond.session_present;
    if connack.session_present != expected {
        return Err(format!("link {link}: Session Present should be {expected}"));
    }
    Ok(())
}

/// The broker says that a client connected.
///
/// # Errors
///
/// It resumed what it should not have, or the other way round.
pub fn connected(
    model: &Model,
    link: LinkId,
    name: &str,
    session_present: bool,
) -> Result<(), String> {
    let held = model.sessions.get(name);
    let clean = model
        .bonds
        .get(&link)
        .and_then(|bond| bond.connect.as_ref())
        .is_some_and(|connect| connect.clean);
    reached(match (clean, held.is_some()) {
        (true, _) => "MQTT-3.1.2-4",
        (false, true) => "MQTT-3.1.2-5",
        (false, false) => "MQTT-3.1.2-6",
    });
    if held.is_some() && clean {
        return Err(format!("{name} asked for a new Session, and the old one goes on"));
    }
    if held.is_some_and(|session| session.link.is_some()) {
        return Err(format!("{name} is connected twice"));
    }
    if session_present != held.is_some() {
        let held = held.is_some();
        return Err(format!("{name} finds a Session: {session_present}, there is one: {held}"));
    }
    Ok(())
}

/// The broker says that a Session ended; `asked` by its client or by the host.
///
/// # Errors
///
/// Nothing ended it.
pub fn ended(model: &Model, now: Instant, name: &str, asked: bool) -> Result<(), String> {
    let Some(session) = model.sessions.get(name) else {
        return Err(format!("the Session of {name} ended, and there is none"));
    };
    reached("MQTT-4.1.0-1");
    reached(if asked { "MQTT-3.1.4-4" } else { "MQTT-3.1.2-23" });
    if session.link.is_some() {
        return Err(format!("the Session of {name} ended under its connection"));
    }
    if !asked && session.ends_at > now {
        return Err(format!("the Session of {name} ended before {:?}", session.ends_at));
    }
    Ok(())
}

/// The host wished for something, and it is done.
///
/// # Errors
///
/// It is not.
pub fn wished(model: &Model, cause: &Cause<'_>) -> Result<(), String> {
    let session = |name: &String| model.sessions.get(name);
    let is_done = match cause {
        Cause::Kicked(name) => session(name).is_none_or(|session| session.link.is_none()),
        Cause::Removed(name) => session(name).is_none(),
        Cause::Unsubscribed(name, filter) => {
            session(name).is_none_or(|session| !session.subscriptions.contains_key(filter))
        }
        _ => true,
    };
    if is_done { Ok(()) } else { Err(format!("what the host wished for is not done: {cause:?}")) }
}

/// The broker was told the time, and has said what ended.
///
/// # Errors
///
/// A Session outlived its time.
pub fn due(model: &Model, now: Instant) -> Result<(), String> {
    let late = model.sessions.iter().find(|(_, session)| session.ends_at <= now);
    match late {
        Some((name, session)) => {
            Err(format!("the Session of {name} goes on beyond {:?}", session.ends_at))
        }
        None => {
            reached("MQTT-4.1.0-2");
            Ok(())
        }
    }
}

/// Everybody left, and long after that these are there.
///
/// # Errors
///
/// One that lasts for ever is not, or another one is.
pub fn outlived(model: &Model, broker: &Broker) -> Result<(), String> {
    let lasting = model.sessions.iter().filter(|(_, session)| session.expiry == u32::MAX);
    let lasting: BTreeSet<&str> = lasting.map(|(name, _)| name.as_str()).collect();
    let left: BTreeSet<&str> = broker.sessions().map(|view| view.client_identifier).collect();
    if lasting == left { Ok(()) } else { Err(format!("{left:?} outlive all, not {lasting:?}")) }
}

/// As many Sessions are held as there should be.
///
/// # Errors
///
/// There are more, or fewer.
pub fn count(model: &Model, held: u32) -> Result<(), String> {
    if model.sessions.len() == held as usize {
        return Ok(());
    }
    let names: Vec<_> = model.sessions.keys().collect();
    Err(format!("{held} Sessions are held; there should be {names:?}"))
}
