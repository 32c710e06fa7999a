//! How much heap a small broker takes: the limits of a microcontroller's, and clients that use what it
//! may have. `cargo xtask size` runs it.
//!
//! Pointers are twice as long here as they are there, so it takes less there.

// A program for the host only.
#![allow(clippy::std_instead_of_alloc, clippy::std_instead_of_core)]

use benches::allocations::{Counting, held};
use benches::world::{World, publish};
use mqtt_broker_core::Config;
use mqtt_codec::{QoS, Version};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// The most that it may take, in bytes.
const LIMIT: usize = 24 << 10;

const CLIENTS: u32 = 8;
const SUBSCRIPTIONS: u32 = 4;
const MESSAGES: u32 = 16;
const PAYLOAD: [u8; 64] = [7; 64];
const VERSION: Version = Version::V5;

fn main() -> std::process::ExitCode {
    let mut world = World::with(config());
    // What the world has of its own, and the broker that holds nothing.
    let before = held();
    fill(&mut world);
    let bytes = held() - before;
    let stats = world.broker.stats();
    assert_eq!((stats.connections, stats.sessions), (CLIENTS, CLIENTS + 1));
    assert_eq!(stats.subscriptions, CLIENTS * SUBSCRIPTIONS + 1);
    assert_eq!((stats.retained, stats.entries), (MESSAGES, MESSAGES));
    println!(
        "{bytes} bytes of heap on this host, of {LIMIT}: {CLIENTS} clients with {SUBSCRIPTIONS} \
         subscriptions each, {MESSAGES} retained and {MESSAGES} queued messages of 64 bytes"
    );
    if bytes > LIMIT { std::process::ExitCode::FAILURE } else { std::process::ExitCode::SUCCESS }
}

/// As a broker on a microcontroller has it: see `examples/firmware`.
fn config() -> Config {
    let mut config = Config::default();
    config.events = false;
    config.reason_strings = false;
    config.maximum_packet_size = 1024;
    config.receive_maximum = 8;
    config.inflight_messages = 8;
    config.topic_alias_maximum = 2;
    config.topic_alias_outgoing = 2;
    config.queue_messages = 32;
    config.queue_bytes = 4096;
    let limits = &mut config.limits;
    limits.memory = 2 * LIMIT;
    limits.connections = 16;
    limits.sessions = 32;
    limits.lasting_sessions = 8;
    limits.subscriptions = 48;
    limits.retained = 16;
    limits.publications = 64;
    limits.entries = 128;
    limits.outputs = 0;
    config
}

fn fill(world: &mut World) {
    // One is away: what it is to have is queued.
    let away = world.resume("away", VERSION);
    world.subscribe(away, "inbox/away", QoS::AtLeastOnce, VERSION);
    world.leave(away);
    let mut publisher = None;
    for client in 0..CLIENTS {
        let handle = world.connect(&format!("client-{client}"), VERSION);
        for n in 0..SUBSCRIPTIONS {
            let filter = format!("room/{client}/device/{n}");
            world.subscribe(handle, &filter, QoS::AtLeastOnce, VERSION);
        }
        publisher = Some(handle);
    }
    let publisher = publisher.expect("there are clients");
    for n in 0..MESSAGES {
        let topic = format!("state/{n}/value");
        world.send(publisher, &publish(&topic, &PAYLOAD, QoS::AtMostOnce, true, VERSION));
        world.drain();
        world.send(publisher, &publish("inbox/away", &PAYLOAD, QoS::AtLeastOnce, false, VERSION));
        world.drain();
    }
}
