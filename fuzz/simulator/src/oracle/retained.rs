//! The retained message of a topic is the last one that was accepted.

use mqtt_broker_core::{Instant, Stats};
use mqtt_codec::Properties;

use crate::message::{MessageId, Messages};
use crate::model::Model;
use crate::reach::reached;

/// What the broker shows its host as retained: each topic with its message.
///
/// # Errors
///
/// It is not what was accepted last.
pub fn held(
    model: &Model,
    now: Instant,
    shown: &[(String, Option<MessageId>)],
) -> Result<(), String> {
    for (topic, message) in shown {
        if model.retained_unknown.contains(topic) {
            continue;
        }
        let kept = model.retained.get(topic).map(|kept| kept.message);
        reached("MQTT-3.3.1-5");
        if kept.is_none() || kept != *message {
            return Err(format!("{topic} retains message {message:?}, and {kept:?} came last"));
        }
    }
    for (topic, kept) in &model.retained {
        let is_shown = shown.iter().any(|(shown, _)| shown == topic);
        let known = !model.retained_unknown.contains(topic) && kept.expires_at > now;
        if known && !is_shown {
            return Err(format!("{topic} retains nothing, and message {} came last", kept.message));
        }
    }
    Ok(())
}

/// The bytes of what is retained.
///
/// # Errors
///
/// There cannot be as many.
pub fn bytes(model: &Model, messages: &Messages, stats: &Stats) -> Result<(), String> {
    let len = |(topic, kept): (&String, &crate::model::Kept)| {
        let along = messages.along(kept.message);
        let properties = Properties::new(&along.properties()).pass_through_len();
        topic.len() + properties + messages.payload(kept.message).len()
    };
    // What has expired may be forgotten or not.
    let most: usize = model.retained.iter().map(len).sum();
    if model.retained_unknown.is_empty() && stats.retained_bytes > most {
        return Err(format!("{} bytes are retained, of {most}", stats.retained_bytes));
    }
    Ok(())
}
