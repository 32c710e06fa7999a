//! Will Messages in a world of several brokers: whose connection ended without a goodbye has one
//! published, once, and nobody else.

use std::collections::BTreeMap;

use mqtt_broker_core::Lsn;

use super::client::Heard;
use crate::node::NodeId;
use crate::reach::reached;

/// What should become of each Will Message whose connection is over.
#[derive(Debug, Default)]
pub(super) struct Wills(BTreeMap<String, Fate>);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// It is published.
    Due,
    /// It was taken back, by this record of that shard.
    TakenBack(NodeId, Lsn),
    /// Nobody knows whether the broker had it, or has lost what took it back.
    Unknown,
}

impl Wills {
    /// A connection is over without a goodbye; it is known whether it was ever one.
    pub(super) fn lost(&mut self, will: &str, was_welcome: bool) {
        let fate = if was_welcome { Fate::Due } else { Fate::Unknown };
        self.0.insert(will.into(), fate);
    }

    /// A connection ended with a goodbye.
    pub(super) fn taken_back(&mut self, will: &str, node: NodeId, lsn: Lsn) {
        self.0.insert(will.into(), Fate::TakenBack(node, lsn));
    }

    /// A broker has died, and this is its last record.
    pub(super) fn died(&mut self, node: NodeId, left: Lsn) {
        for fate in self.0.values_mut() {
            if matches!(fate, Fate::TakenBack(at, lsn) if *at == node && *lsn > left) {
                *fate = Fate::Unknown;
            }
        }
    }

    /// All is at rest, and this is what somebody has who has subscribed from the beginning.
    pub(super) fn check(&self, heard: &[Heard]) -> Result<(), String> {
        let mut times: BTreeMap<&str, u32> = BTreeMap::new();
        for will in heard {
            *times.entry(&will.payload).or_default() += 1;
        }
        for (will, fate) in &self.0 {
            let count = times.remove(will.as_str()).unwrap_or_default();
            let right = match fate {
                Fate::Due => {
                    reached("MQTT-3.1.2-8");
                    count == 1
                }
                Fate::TakenBack(..) => {
                    reached("MQTT-3.14.4-3");
                    count == 0
                }
                Fate::Unknown => count <= 1,
            };
            if !right {
                return Err(format!("{will} is {fate:?}, and is published {count} times"));
            }
        }
        match times.keys().next() {
            Some(will) => Err(format!("{will} is published, and its connection is there")),
            None => Ok(()),
        }
    }
}
