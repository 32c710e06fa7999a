//! The Will Message of a CONNECT.

use crate::{Properties, QoS, TopicName};

/// A Will Message: what the Server publishes when the Network Connection ends without a DISCONNECT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub struct Will<'a> {
    /// The QoS it is published with.
    pub qos: QoS,
    /// Whether it is published as a retained message.
    pub retain: bool,
    /// The Topic Name it is published to.
    pub topic: TopicName<'a>,
    /// Its payload, at most 65,535 bytes.
    pub payload: &'a [u8],
    /// Its properties; 5.0 only.
    pub properties: Properties<'a>,
}
