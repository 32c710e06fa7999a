//! An acknowledgement is a promise: what it stands for is on disk before it leaves.

use mqtt_broker_core::Lsn;
use mqtt_codec::Packet;

use crate::link::LinkId;

/// A packet that promises what is in a record was given to a connection.
///
/// # Errors
///
/// The host has not said that the record is durable, or the disk has not synced it.
pub fn given(
    link: LinkId,
    packet: &Packet<'_>,
    promised: Option<Lsn>,
    durable: Lsn,
) -> Result<(), String> {
    match promised {
        Some(promised) if promised > durable => {
            let (promised, durable) = (promised.0, durable.0);
            Err(format!(
                "link {link} is promised record {promised}, and {durable} is durable: {packet}"
            ))
        }
        _ => Ok(()),
    }
}
