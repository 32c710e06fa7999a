//! The retained message of a topic is the last one that was accepted.

use mqtt_broker_core::Instant;

use crate::message::MessageId;
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
