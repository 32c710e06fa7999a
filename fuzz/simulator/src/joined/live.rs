//! QoS 0 in a world of several brokers: who may have a message, and that nobody has it twice.
//!
//! One broker is no measure of that: a message that finds a client away is lost, and over several
//! brokers it may be on its way until the client is back.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_codec::QoS;

use super::client::{Deed, Heard};
use super::nodes::Nodes;
use super::{OWN, by_receiver, place};
use crate::model::copies::matches;

/// What clients subscribe to, and for each QoS 0 message who was subscribed when it was published, by
/// which filter.
#[derive(Default)]
pub(super) struct Live {
    held: BTreeMap<String, BTreeSet<&'static str>>,
    may: BTreeMap<String, BTreeSet<(String, u32)>>,
}

impl Live {
    /// A client has done something, and was answered.
    pub(super) fn note(&mut self, name: &str, deed: &Deed) {
        match deed {
            Deed::Subscribe { filter, .. } => {
                self.held.entry(name.to_owned()).or_default().insert(filter);
            }
            Deed::Unsubscribe { filter } => {
                self.held.entry(name.to_owned()).or_default().remove(filter);
            }
            Deed::Publish { topic, payload, qos: QoS::AtMostOnce, .. } => {
                let may = self.receivers(topic);
                self.may.insert(payload.clone(), may);
            }
            Deed::Publish { .. } | Deed::HangUp | Deed::Leave | Deed::TakeOver => {}
        }
    }

    /// Whoever has a message subscribed to it, and has it once. Who has ended one of several
    /// subscriptions meanwhile has it for the others.
    pub(super) fn check(&self, nodes: &Nodes) -> Result<(), String> {
        let is_live = |heard: &Heard| heard.qos == QoS::AtMostOnce as u8;
        for (who, all) in by_receiver(nodes, is_live) {
            for (place, heard) in all.iter().enumerate() {
                let again = all[..place].iter().any(|before| before.payload == heard.payload);
                let may = self.may.get(&heard.payload);
                let subscribed = |identifier: &u32| {
                    may.is_some_and(|may| may.contains(&(who.clone(), *identifier)))
                };
                let wanted = !heard.identifiers.is_empty();
                if again || !wanted || !heard.identifiers.iter().all(subscribed) {
                    return Err(format!("{who} has {heard:?}, again: {again}; {may:?} may"));
                }
            }
        }
        Ok(())
    }

    /// The receivers of a topic, as [`by_receiver`] names them, with their Subscription Identifiers.
    fn receivers(&self, topic: &str) -> BTreeSet<(String, u32)> {
        let held = self
            .held
            .iter()
            .flat_map(|(name, filters)| filters.iter().map(move |filter| (name.as_str(), *filter)));
        held.filter(|(_, filter)| matches(filter, topic))
            .map(|(name, filter)| {
                let identifier = place(filter);
                let is_shared = identifier as usize > OWN;
                (if is_shared { filter } else { name }.to_owned(), identifier)
            })
            .collect()
    }
}
