//! What clients of several brokers subscribe to, and so who may have a message and who must.
//!
//! One broker is no measure of QoS 0: a message that finds a client away is lost, and over several
//! brokers it may be on its way until the client is back. Nor is it of what clients do at the same time:
//! whether a message that is published meanwhile comes by a subscription, or which of two is retained, is
//! for each broker to decide.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_codec::QoS;

use super::by_receiver;
use super::deeds::{Deed, place, receiver};
use super::nodes::Nodes;
use crate::model::copies::matches;

/// The subscriptions of all clients, by name and filter.
type Held = BTreeMap<(String, &'static str), QoS>;

/// What is known of subscriptions and messages.
#[derive(Debug, Default)]
pub(super) struct Live {
    held: Held,
    messages: BTreeMap<String, Message>,
    /// For each topic, what may be retained: the last, or one of several that were published at once.
    retained: BTreeMap<&'static str, BTreeSet<String>>,
}

#[derive(Debug, Default)]
struct Message {
    qos: u8,
    /// Who may have it, by which filter.
    may: BTreeSet<(String, u32)>,
    /// Those of whom it is not known what they have, since they subscribed or unsubscribed meanwhile,
    /// and whether they must have it all the same.
    loose: BTreeMap<String, bool>,
}

impl Live {
    /// Clients have done something at the same time, and were answered.
    pub(super) fn note(&mut self, deeds: &[(String, Deed)]) {
        let before = self.held.clone();
        for (name, deed) in deeds {
            match deed {
                Deed::Subscribe { filter, qos, .. } => {
                    self.held.insert((name.clone(), filter), *qos);
                }
                Deed::Unsubscribe { filter } => {
                    self.held.remove(&(name.clone(), *filter));
                }
                _ => {}
            }
        }
        let mut retained: BTreeMap<&'static str, BTreeSet<String>> = BTreeMap::new();
        for (_, deed) in deeds {
            match deed {
                Deed::Publish { topic, payload, qos, retain, .. } => {
                    let message = self.message(&before, topic, *qos);
                    self.messages.insert(payload.clone(), message);
                    if *retain {
                        retained.entry(topic).or_default().insert(payload.clone());
                    }
                }
                // Nobody knows how many of them the broker took.
                Deed::Flood { topic, payloads } => {
                    for payload in payloads {
                        let mut message = self.message(&before, topic, QoS::ExactlyOnce);
                        let may = message.may.iter().map(|(who, _)| (who.clone(), false));
                        message.loose = may.collect();
                        self.messages.insert(payload.clone(), message);
                    }
                }
                _ => {}
            }
        }
        self.retained.extend(retained);
    }

    /// A message that is published while subscriptions change.
    fn message(&self, before: &Held, topic: &str, qos: QoS) -> Message {
        let mut message = Message { qos: qos as u8, ..Message::default() };
        let all = before.keys().chain(self.held.keys());
        let all = all.filter(|(_, filter)| matches(filter, topic));
        for key in all.collect::<BTreeSet<_>>() {
            let (name, filter) = key;
            let who = receiver(name, filter);
            message.may.insert((who.into(), place(filter)));
            if before.get(key) != self.held.get(key) {
                message.loose.entry(who.into()).or_default();
            }
        }
        for ((name, filter), _) in before.iter().filter(|(key, _)| self.held.contains_key(*key)) {
            if matches(filter, topic) && qos > QoS::AtMostOnce {
                message.loose.entry(receiver(name, filter).into()).and_modify(|must| *must = true);
            }
        }
        message
    }

    /// What a client subscribes to.
    pub(super) fn subscriptions(&self, name: &str) -> impl Iterator<Item = (&'static str, QoS)> {
        let of_name = self.held.iter().filter(move |((holder, _), _)| holder == name);
        of_name.map(|((_, filter), qos)| (*filter, *qos))
    }

    /// Whether nobody knows if a receiver has a message.
    pub(super) fn is_loose(&self, who: &str, payload: &str) -> bool {
        self.messages.get(payload).is_some_and(|message| message.loose.contains_key(who))
    }

    /// Whoever has a message subscribed to it, and has it once unless it is of QoS 1; whoever had
    /// subscribed all the time has it. Who has ended one of several subscriptions meanwhile has it for
    /// the others.
    pub(super) fn check(&self, nodes: &Nodes) -> Result<(), String> {
        let mut found = BTreeSet::new();
        for (who, all) in by_receiver(nodes, |_| true) {
            let mut before = BTreeSet::new();
            for heard in &all {
                let Some(message) = self.messages.get(&heard.payload) else {
                    return Err(format!("{who} has what nobody published: {heard:?}"));
                };
                let again = !before.insert(heard.payload.as_str());
                let subscribed = |identifier| message.may.contains(&(who.clone(), identifier));
                let is_wanted = if heard.identifiers.is_empty() {
                    heard.is_old && message.may.iter().any(|(may, _)| *may == who)
                } else {
                    heard.identifiers.iter().all(|identifier| subscribed(*identifier))
                };
                let may_repeat = heard.qos == QoS::AtLeastOnce as u8;
                if again && !may_repeat || !is_wanted || heard.qos > message.qos {
                    return Err(format!("{who} has {heard:?}, again: {again}; {message:?}"));
                }
                found.insert((who.clone(), heard.payload.clone()));
            }
        }
        for (payload, message) in &self.messages {
            let mut must = message.loose.iter().filter(|(_, must)| **must);
            let misses = |who: &&String| !found.contains(&((*who).clone(), payload.clone()));
            if let Some(who) = must.by_ref().map(|(who, _)| who).find(misses) {
                return Err(format!("{who} misses {payload}, {message:?}"));
            }
        }
        Ok(())
    }

    /// What is retained is what was published last.
    pub(super) fn check_retained(&self, retained: &[(String, String)]) -> Result<(), String> {
        let wrong = retained.iter().find(|(topic, payload)| {
            !self.retained.get(topic.as_str()).is_some_and(|may| may.contains(payload))
        });
        match wrong {
            Some(wrong) => Err(format!("{wrong:?} is retained, of {:?}", self.retained)),
            None if retained.len() != self.retained.len() => {
                Err(format!("{retained:?} is retained, of {:?}", self.retained))
            }
            None => Ok(()),
        }
    }
}
