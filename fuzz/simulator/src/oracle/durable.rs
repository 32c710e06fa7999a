//! An acknowledgement is a promise: what it stands for is on disk before it leaves.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker_core::Lsn;
use mqtt_codec::{Connack, Packet, ReasonCode};

use super::delivery::Delivery;
use crate::link::LinkId;
use crate::message::MessageId;
use crate::model::{Model, PublishNote};

/// A packet that promises what is in a record was given to a connection.
///
/// # Errors
///
/// The host has not said that the record is durable, or the disk has not synced it.
pub fn given(
    link: LinkId,
    packet: &Packet<'_>,
    promised: Option<Lsn>,
    durable: Lsn,
) -> Result<(), String> {
    match promised {
        Some(promised) if promised > durable => {
            let (promised, durable) = (promised.0, durable.0);
            Err(format!(
                "link {link} is promised record {promised}, and {durable} is durable: {packet}"
            ))
        }
        _ => Ok(()),
    }
}

/// How Sessions began and ended, as far as records tell of it.
#[derive(Debug, Default)]
pub struct Ends {
    promised: BTreeMap<LinkId, Lsn>,
    ended: BTreeMap<String, Lsn>,
}

impl Ends {
    /// A connection has its Session, in this record; another one of this name is gone for good, if
    /// it is a new one.
    pub fn begun(&mut self, link: LinkId, lsn: Option<Lsn>, name: &str, is_new: bool) {
        let ended = self.ended.get(name).copied().filter(|_| is_new);
        self.promised.extend(lsn.max(ended).map(|lsn| (link, lsn)));
    }

    /// A Session that was in the journal ended, in this record.
    pub fn ended(&mut self, name: &str, lsn: Option<Lsn>) {
        self.ended.extend(lsn.map(|lsn| (name.to_owned(), lsn)));
    }

    /// The record that a CONNACK promises.
    #[must_use]
    pub fn promised_by(&self, link: LinkId, connack: &Connack<'_>) -> Option<Lsn> {
        let is_welcome = connack.reason_code == ReasonCode::SUCCESS;
        self.promised.get(&link).copied().filter(|_| is_welcome)
    }
}

/// A message was accepted from a client in a call that made no record.
///
/// # Errors
///
/// Somebody whose Session lasts is to have it: that could not survive.
pub fn recorded(model: &Model, publish: &PublishNote) -> Result<(), String> {
    let Some(message) = publish.message else { return Ok(()) };
    // It may have been due from before, and to others by now.
    if model.accepted.get(&message).is_none_or(|accepted| accepted.times > 1) {
        return Ok(());
    }
    let due = model.sessions.iter().filter(|(_, session)| session.lasts).find(|(_, session)| {
        model.copies.get(&(session.number, message)).is_some_and(|copies| copies.is_due)
    });
    match due {
        Some((name, _)) => Err(format!("message {message} is due to {name}, and in no record")),
        None => Ok(()),
    }
}

/// A disk was full for some time; `idle` connections have taken all that the broker had for them.
/// `from` is the first place, among all messages, of those accepted meanwhile.
///
/// # Errors
///
/// A QoS 0 message waited, too.
pub fn flows(
    model: &Model,
    delivery: &Delivery,
    from: u64,
    idle: &BTreeSet<LinkId>,
) -> Result<(), String> {
    for (name, session) in &model.sessions {
        let Some(link) = session.link.filter(|link| idle.contains(link)) else { continue };
        let all = (session.number, 0)..=(session.number, MessageId::MAX);
        for ((_, message), copies) in model.copies.range(all) {
            let Some(accepted) = model.accepted.get(message) else { continue };
            let is_new = accepted.order > from && copies.live_via == Some(link);
            let key = (name.clone(), accepted.topic.clone());
            let is_given = delivery.sent(session.number, *message).firsts > 0;
            if is_new && !is_given && !delivery.dropped.contains_key(&key) {
                return Err(format!("message {message} of QoS 0 waits for a disk that is full"));
            }
        }
    }
    Ok(())
}
