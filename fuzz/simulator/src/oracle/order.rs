//! What one publisher sends on one topic arrives in its order; on one broker, what anybody sends.

use std::collections::BTreeMap;

use mqtt_codec::QoS;

use super::delivery::Found;
use crate::link::LinkId;
use crate::model::{Model, SessionNumber};
use crate::reach::reached;

/// The last place, among all messages, that was sent.
#[derive(Debug, Default)]
pub struct Order {
    /// To each Session, of each topic: of those with QoS 1 and 2 that were sent for the first time.
    firsts: BTreeMap<(SessionNumber, String), u64>,
    /// On each connection, of each topic and of QoS 0 or more, duplicates included.
    on_link: BTreeMap<(LinkId, String, bool), u64>,
}

impl Order {
    /// A message was given to a connection.
    ///
    /// # Errors
    ///
    /// A later one was given before.
    pub fn given(
        &mut self,
        model: &Model,
        link: LinkId,
        found: &Found,
        qos: QoS,
    ) -> Result<(), String> {
        let Some(message) = found.message else { return Ok(()) };
        let Some(accepted) = model.accepted.get(&message) else { return Ok(()) };
        // What was accepted twice, or also comes for another reason, has no place of its own.
        let (live, replays, shared) = model.allowance(found.session, message);
        if accepted.times != 1 || (live, replays, shared) != (1, 0, 0) {
            return Ok(());
        }
        reached("MQTT-4.6.0-5");
        if !found.is_first {
            reached("MQTT-4.6.0-1");
        }
        let (topic, is_live) = (found.topic.clone(), qos == QoS::AtMostOnce);
        let last = self.on_link.entry((link, topic.clone(), is_live)).or_default();
        let before = std::mem::replace(last, accepted.order);
        if before >= accepted.order {
            return Err(format!("link {link}: message {message} on {topic} comes too late"));
        }
        // A connection that was taken over may still be sent its QoS 0.
        if found.is_first && !is_live {
            let last = self.firsts.entry((found.session, topic.clone())).or_default();
            let before = std::mem::replace(last, accepted.order);
            if before >= accepted.order {
                let session = found.session;
                return Err(format!("session {session}: message {message} on {topic} comes late"));
            }
        }
        Ok(())
    }
}
