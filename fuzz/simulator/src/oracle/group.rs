//! What a group has begun to give to one member with QoS 2 goes to no other.

use std::collections::BTreeMap;

use mqtt_codec::QoS;

use super::delivery::Found;
use crate::message::MessageId;
use crate::model::{Model, SessionNumber};
use crate::reach::reached;

/// Whom each message of a group was sent to with QoS 2.
#[derive(Debug, Default)]
pub struct Groups(BTreeMap<MessageId, SessionNumber>);

impl Groups {
    /// A message was given to a connection.
    ///
    /// # Errors
    ///
    /// Another member has it.
    pub fn given(&mut self, model: &Model, found: &Found, qos: QoS) -> Result<(), String> {
        let Some(message) = found.message else { return Ok(()) };
        let is_once = model.accepted.get(&message).is_some_and(|accepted| accepted.times == 1);
        let is_of_one = model.shared.get(&message).is_some_and(|shared| shared.groups.len() == 1);
        if !is_once || !is_of_one || model.copies.contains_key(&(found.session, message)) {
            return Ok(());
        }
        if let Some(member) = self.0.get(&message).filter(|member| **member != found.session) {
            return Err(format!(
                "message {message} goes to session {}, and session {member} has it",
                found.session
            ));
        }
        if qos == QoS::ExactlyOnce {
            reached("MQTT-4.8.2-5");
            self.0.insert(message, found.session);
        }
        Ok(())
    }

    /// The broker died, and has perhaps forgotten whom it sent what.
    pub fn crashed(&mut self) {
        self.0.clear();
    }
}
