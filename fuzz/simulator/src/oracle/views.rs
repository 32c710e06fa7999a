//! What the broker shows its host is what there is.

use std::collections::BTreeMap;

use mqtt_broker_core::{Broker, Config};
use mqtt_codec::SubscriptionIdentifier;

use super::conduct::keep_alive;
use crate::model::{Model, Session};

/// The Sessions, and what each subscribes to.
///
/// # Errors
///
/// Something else is shown.
pub fn sessions(config: &Config, model: &Model, broker: &Broker) -> Result<(), String> {
    let mut all: BTreeMap<&str, &Session> =
        model.sessions.iter().map(|(name, session)| (name.as_str(), session)).collect();
    for view in broker.sessions() {
        let name = view.client_identifier;
        let Some(session) = all.remove(name) else {
            return Err(format!("a Session of {name} is shown"));
        };
        let bond = session.link.and_then(|link| model.bonds.get(&link));
        let connect = bond.and_then(|bond| bond.connect.as_ref());
        let shown = (view.connection.is_some(), view.session_expiry_interval, view.keep_alive);
        let keep_alive = connect.map_or(0, |connect| keep_alive(config, connect));
        let held = (session.link.is_some(), session.expiry, keep_alive);
        if shown != held {
            return Err(format!("{name} is shown as {shown:?}, and is {held:?}"));
        }
        subscriptions(name, session, broker)?;
    }
    match all.keys().next() {
        Some(name) => Err(format!("the Session of {name} is not shown")),
        None => Ok(()),
    }
}

fn subscriptions(name: &str, session: &Session, broker: &Broker) -> Result<(), String> {
    let mut all = session.subscriptions.clone();
    for (filter, options, identifier) in broker.subscriptions(name) {
        let identifier = identifier.map(SubscriptionIdentifier::get);
        let held = all.remove(&filter).map(|held| (held.options, held.identifier));
        if held != Some((options, identifier)) {
            let shown = (options, identifier);
            return Err(format!("{name} is shown with {filter}, {shown:?}, and has {held:?}"));
        }
    }
    match all.keys().next() {
        Some(filter) => Err(format!("{name} has subscribed to {filter}, which is not shown")),
        None => Ok(()),
    }
}
