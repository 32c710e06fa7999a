//! Will Messages are published when the standard says so, and then only.

use std::collections::BTreeSet;

use crate::message::MessageId;
use crate::model::{Model, WillKept};
use crate::reach::reached;

/// What was seen of Will Messages.
#[derive(Debug, Default)]
pub struct Wills {
    /// All that were brought along.
    brought: BTreeSet<MessageId>,
    /// Those that the host was told of.
    pub told: BTreeSet<MessageId>,
}

impl Wills {
    /// A CONNECT brought this Will Message.
    pub fn brought(&mut self, will: Option<&WillKept>) {
        self.brought.extend(will.map(|will| will.message));
    }

    /// Somebody was sent this message.
    ///
    /// # Errors
    ///
    /// It is a Will Message that should not have been published.
    pub fn seen(&self, model: &Model, message: MessageId) -> Result<(), String> {
        if self.brought.contains(&message) {
            reached("MQTT-3.1.2-8");
        }
        if self.brought.contains(&message) && !model.fired.contains(&message) {
            return Err(format!("Will Message {message} should not have been published"));
        }
        Ok(())
    }

    /// What the host was told, of what it should have been.
    ///
    /// # Errors
    ///
    /// It was told too much, too little, or in another order.
    pub fn told(
        &mut self,
        due: &[Option<MessageId>],
        told: &[Option<MessageId>],
    ) -> Result<(), String> {
        self.told.extend(told.iter().flatten());
        if due == told {
            return Ok(());
        }
        let wills: Vec<_> = due.iter().flatten().filter(|id| self.brought.contains(*id)).collect();
        Err(format!("the host was told of {told:?}, of {due:?}; Will Messages are {wills:?}"))
    }
}
