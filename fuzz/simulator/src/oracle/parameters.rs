//! What is in force on a connection is what its CONNACK says.

use mqtt_broker_core::Config;
use mqtt_codec::{Connack, Packet, QoS, ReasonCode, Version};

use super::conduct::keep_alive;
use crate::link::LinkId;
use crate::model::Model;
use crate::reach::reached;

/// A packet was given that may have words beside a reason code.
///
/// # Errors
///
/// Its client does not want any.
pub fn words(model: &Model, link: LinkId, packet: &Packet<'_>) -> Result<(), String> {
    let properties = match packet {
        Packet::Puback(ack) | Packet::Pubrec(ack) | Packet::Pubrel(ack) | Packet::Pubcomp(ack) => {
            &ack.properties
        }
        Packet::Suback(ack) => &ack.properties,
        Packet::Unsuback(ack) => &ack.properties,
        // CONNACK and DISCONNECT may.
        _ => return Ok(()),
    };
    let connect = model.bonds.get(&link).and_then(|bond| bond.connect.as_ref());
    let Some(connect) = connect.filter(|connect| !connect.wants_words) else { return Ok(()) };
    reached("MQTT-3.1.2-29");
    if properties.reason_string().is_none() {
        return Ok(());
    }
    Err(format!("link {link} of {} does not want to hear: {packet}", connect.name))
}

/// A CONNACK was given.
///
/// # Errors
///
/// The client has to assume something else than what is so.
pub fn given(
    config: &Config,
    model: &Model,
    link: LinkId,
    connack: &Connack<'_>,
) -> Result<(), String> {
    let connect = model.bonds.get(&link).and_then(|bond| bond.connect.as_ref());
    let welcome = connack.reason_code == ReasonCode::SUCCESS;
    let Some(connect) = connect.filter(|c| c.version == Version::V5 && welcome) else {
        return Ok(());
    };
    let told = &connack.properties;
    let keep_alive = keep_alive(config, connect);
    if keep_alive != connect.keep_alive {
        reached("MQTT-3.2.2-22");
    }
    let pairs = [
        ("Receive Maximum", told.receive_maximum().map_or(65_535, |n| n.get().into()), {
            u64::from(config.receive_maximum)
        }),
        ("Maximum QoS", told.maximum_qos().map_or(2, |qos| qos as u64), {
            QoS::ExactlyOnce as u64
        }),
        ("Maximum Packet Size", told.maximum_packet_size().map_or(0, |n| n.get().into()), {
            u64::from(config.maximum_packet_size)
        }),
        ("Topic Alias Maximum", told.topic_alias_maximum().unwrap_or(0).into(), {
            u64::from(config.topic_alias_maximum)
        }),
        (
            "Session Expiry Interval",
            { told.session_expiry_interval().unwrap_or(connect.asked_expiry).into() },
            u64::from(connect.expiry),
        ),
        ("Server Keep Alive", told.server_keep_alive().unwrap_or(connect.keep_alive).into(), {
            u64::from(keep_alive)
        }),
        ("Assigned Client Identifier", u64::from(told.assigned_client_identifier().is_some()), {
            u64::from(connect.name.is_empty())
        }),
    ];
    match pairs.iter().find(|(_, told, is)| told != is) {
        Some((name, told, is)) => Err(format!("link {link} is told {told} as {name}: it is {is}")),
        None => Ok(()),
    }
}
