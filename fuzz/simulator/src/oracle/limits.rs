//! Nothing grows beyond what the configuration says, and nobody is sent more than it takes.

use mqtt_broker_core::{Broker, Config, DropCause, Stats};
use mqtt_codec::{Packet, Version};

use super::Given;
use super::delivery::Delivery;
use crate::model::Model;
use crate::reach::reached;

/// The broker's own numbers.
///
/// # Errors
///
/// One is above its limit.
pub fn held(config: &Config, model: &Model, stats: &Stats) -> Result<(), String> {
    let limits = &config.limits;
    let away = model.sessions.values().filter(|session| session.link.is_none()).count() as u64;
    let subscriptions = model.sessions.values().map(|session| session.subscriptions.len()).max();
    let pairs = [
        ("connections", stats.connections.into(), u64::from(limits.connections)),
        ("sessions", stats.sessions.into(), limits.sessions.into()),
        (
            "subscriptions",
            stats.subscriptions.into(),
            u64::from(limits.subscriptions) + u64::from(limits.local_subscriptions),
        ),
        ("retained", stats.retained.into(), limits.retained.into()),
        ("publications", stats.publications.into(), limits.publications.into()),
        ("publication_bytes", stats.publication_bytes as u64, limits.publication_bytes as u64),
        ("offline_bytes", stats.offline_bytes as u64, away * u64::from(config.queue_bytes)),
        ("subscriptions of one client", subscriptions.unwrap_or(0) as u64, {
            limits.subscriptions_per_client.into()
        }),
        ("entries", stats.entries.into(), limits.entries.into()),
    ];
    match pairs.iter().find(|(_, held, limit)| held > limit) {
        Some((name, held, limit)) => Err(format!("{held} {name} where {limit} is the limit")),
        None => Ok(()),
    }
}

/// What waits for those who are away.
///
/// # Errors
///
/// It is more than the configuration allows.
pub fn queued(config: &Config, broker: &Broker) -> Result<(), String> {
    for session in broker.sessions() {
        let (name, queued) = (session.client_identifier, session.queued);
        if session.connection.is_none() && queued > config.queue_messages {
            let limit = config.queue_messages;
            return Err(format!(
                "{queued} messages wait for {name}, who is away; the limit is {limit}"
            ));
        }
    }
    Ok(())
}

/// A packet was given to a connection.
///
/// # Errors
///
/// The client does not take it.
pub fn given(
    config: &Config,
    model: &Model,
    delivery: &Delivery,
    given: &Given<'_>,
) -> Result<(), String> {
    let link = given.link;
    let Some(bond) = model.bonds.get(&link) else { return Ok(()) };
    let Some(connect) = &bond.connect else { return Ok(()) };
    if connect.maximum_packet_size.is_some() {
        reached("MQTT-3.1.2-24");
    }
    if connect.maximum_packet_size.is_some_and(|maximum| given.len > maximum as usize) {
        return Err(format!("link {link} is sent {} bytes: {}", given.len, given.packet));
    }
    let Packet::Publish(publish) = given.packet else { return Ok(()) };
    let alias = publish.properties.topic_alias().map_or(0, std::num::NonZero::get);
    if alias > 0 {
        reached("MQTT-3.3.2-11");
    }
    if alias > connect.alias_maximum {
        return Err(format!("link {link} takes no alias {alias}: {}", given.packet));
    }
    let own = config.inflight_messages.max(1);
    let stated = connect.receive_maximum.filter(|_| connect.version == Version::V5);
    let window = usize::from(stated.unwrap_or(own));
    let under_way = bond.session.map_or(0, |session| delivery.under_way(session, link));
    if stated.is_some() {
        reached("MQTT-3.3.4-9");
    }
    if under_way > window {
        return Err(format!("link {link} takes {window} at once and is sent {under_way}"));
    }
    Ok(())
}

/// The broker says that it dropped a copy.
///
/// # Errors
///
/// Nothing in this world gives it that reason.
pub fn dropped(
    config: &Config,
    is_tight: bool,
    has_small_clients: bool,
    cause: DropCause,
) -> Result<(), String> {
    let possible = match cause {
        DropCause::QueueFull => is_tight || config.queue_messages <= 1000,
        DropCause::BrokerFull => is_tight,
        DropCause::TooLarge => has_small_clients,
        DropCause::Denied => config.ask_deliver,
        _ => true,
    };
    if possible { Ok(()) } else { Err(format!("a copy was dropped without cause: {cause}")) }
}
