//! What the broker may hold: chosen so that the heap cannot run out, whatever clients do.

use mqtt_broker_core::Config;

use crate::connection::{CLIENTS, RECEIVE};

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
    limits.connections = CLIENTS as u32;
    limits.sessions = CLIENTS as u32 + 4;
    limits.subscriptions = 48;
    limits.subscriptions_per_client = 16;
    limits.local_subscriptions = 0;
    limits.retained = 24;
    limits.publications = 64;
    limits.publication_bytes = 6 << 10;
    limits.entries = 128;
    limits.connect_packet_size = 512;
    limits.topic_levels = 16;
    limits.outgoing = 256;
    limits.outputs = 0;
    config
}
