//! What the broker may hold: chosen so that the heap cannot run out, whatever clients do.

use mqtt_broker_core::Config;

use crate::board::HEAP_SIZE;
use crate::connection::{CLIENTS, RECEIVE};

/// What the heap has beyond what the broker counts: for the holes between what it holds, and for
/// the rounding of each piece.
const RESERVE: usize = 3 << 10;

/// The configuration for [`CLIENTS`] clients; `seed` keys the hashes.
pub(crate) fn config(seed: u64) -> Config {
    #![expect(clippy::cast_possible_truncation, reason = "small constants")]
    let mut config = Config::default();
    config.seed = seed;
    // Nobody listens to events, and texts are long.
    config.events = false;
    config.reason_strings = false;
    config.maximum_packet_size = RECEIVE as u32;
    config.receive_maximum = 8;
    config.inflight_messages = 8;
    config.topic_alias_maximum = 2;
    config.topic_alias_outgoing = 2;
    config.queue_messages = 32;
    config.queue_bytes = 2048;
    config.connect_timeout = 3;
    let limits = &mut config.limits;
    limits.memory = HEAP_SIZE - RESERVE;
    limits.connections = CLIENTS as u32;
    limits.sessions = 2 * CLIENTS as u32;
    limits.lasting_sessions = 8;
    limits.subscriptions = 48;
    limits.subscriptions_per_client = 12;
    limits.local_subscriptions = 0;
    limits.retained = 16;
    limits.publications = 64;
    limits.publication_bytes = 6 << 10;
    limits.entries = 128;
    limits.connect_packet_size = 512;
    limits.topic_levels = 8;
    limits.topic_bytes = 96;
    limits.user_property_bytes = 256;
    limits.retained_bytes = 2 << 10;
    limits.offline_bytes = 2 << 10;
    limits.wills = CLIENTS as u32;
    limits.outgoing = 256;
    limits.outputs = 0;
    config
}
