//! What the brokers of a joined world show their hosts, now that all is at rest: each Session where it
//! belongs and nowhere else, with what its client subscribes to; and each shard knows what the others
//! want, and of nothing else.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker_core::Broker;
use mqtt_codec::{QoS, SubscriptionIdentifier, Version};

use super::deeds::{place, version};
use super::live::Live;
use super::nodes::Nodes;
use super::{WATCHER, WATCHES, WATCHING};

/// Compares what is shown with what clients have done.
///
/// # Errors
///
/// Something else is shown.
pub(super) fn check(nodes: &Nodes, live: &Live) -> Result<(), String> {
    let (mut count, mut wanted) = (0, Vec::new());
    for (node, broker) in nodes.brokers() {
        let (mut here, mut own, mut filters) = (0, 0, BTreeSet::new());
        for view in broker.sessions() {
            let name = view.client_identifier;
            here += 1;
            if nodes.home(name) != node || view.connection.is_none() {
                return Err(format!("shard {node} shows {name} as {:?}", view.connection));
            }
            subscriptions(name, broker, live)?;
            for (filter, ..) in broker.subscriptions(name) {
                own += 1;
                filters.insert(filter);
            }
        }
        wanted.push((own, filters.len(), broker.stats().subscriptions as usize));
        let stats = broker.stats();
        let shown = (stats.sessions, stats.wills, stats.connections);
        if shown != (here, here, here) {
            return Err(format!("shard {node} counts {shown:?}, and has {here} clients"));
        }
        count += here as usize;
    }
    let all: usize = wanted.iter().map(|(_, filters, _)| filters).sum();
    for (node, (own, filters, held)) in wanted.iter().enumerate() {
        let others = all - filters;
        if *held != own + others {
            let words = format!("shard {node} holds {held} subscriptions: {own} of its clients");
            return Err(format!("{words}, and {others} filters are wanted elsewhere"));
        }
    }
    let clients = nodes.all_heard().count();
    if count != clients {
        return Err(format!("{count} Sessions are shown, and there are {clients} clients"));
    }
    Ok(())
}

fn subscriptions(name: &str, broker: &Broker, live: &Live) -> Result<(), String> {
    let number = |place| Some(place).filter(|_| version(name) == Version::V5);
    let mut held: BTreeMap<String, (QoS, Option<u32>)> = live
        .subscriptions(name)
        .map(|(filter, qos)| (filter.into(), (qos, number(place(filter)))))
        .collect();
    if name == WATCHER {
        held.insert(WATCHES.into(), (QoS::ExactlyOnce, Some(WATCHING)));
    }
    let shown: BTreeMap<String, (QoS, Option<u32>)> = broker
        .subscriptions(name)
        .map(|(filter, options, identifier)| {
            (filter, (options.maximum_qos, identifier.map(SubscriptionIdentifier::get)))
        })
        .collect();
    if shown != held {
        return Err(format!("{name} is shown with {shown:?}, and has {held:?}"));
    }
    Ok(())
}
