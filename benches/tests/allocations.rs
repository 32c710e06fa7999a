//! In the steady state a PUBLISH allocates nothing, whatever its QoS and however it was matched.

use benches::allocations::{Counting, count};
use benches::world::{World, publish};
use mqtt_codec::{QoS, Version};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What the payloads of a flow have, in bytes, in turn.
const SIZES: [&[usize]; 5] = [&[0], &[64], &[4096], &[65_536], &[20, 5000, 1000]];

#[test]
fn a_publish_in_the_steady_state_allocates_nothing() {
    for version in [Version::V3_1_1, Version::V5] {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            for filter in ["site/hall/lamp", "site/+/lamp", "site/#"] {
                for payloads in SIZES {
                    let allocations = allocations_of(version, qos, filter, payloads);
                    assert_eq!(allocations, 0, "{version:?} {qos:?} {filter} {payloads:?} bytes");
                }
            }
        }
    }
}

/// Messages to three subscribers, acknowledged by everyone: the allocations of a thousand, after as
/// many.
fn allocations_of(version: Version, qos: QoS, filter: &str, payloads: &[usize]) -> u64 {
    let mut world = World::new();
    for name in ["anna", "bert", "carl"] {
        let subscriber = world.connect(name, version);
        world.subscribe(subscriber, filter, qos, version);
    }
    let publisher = world.connect("publisher", version);
    world.drain();
    let packet = |len: &usize| publish("site/hall/lamp", &vec![7; *len], qos, false, version);
    let packets: Vec<Vec<u8>> = payloads.iter().map(packet).collect();
    let mut thousand = || {
        for packet in packets.iter().cycle().take(1000) {
            world.send(publisher, packet);
            assert_eq!(world.exchange(), 3);
        }
    };
    thousand();
    let before = count();
    thousand();
    count() - before
}
