//! In the steady state a PUBLISH allocates nothing, whatever its QoS and however it was matched.

use benches::allocations::{Counting, count};
use benches::world::{World, publish};
use mqtt_codec::{QoS, Version};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_publish_in_the_steady_state_allocates_nothing() {
    for version in [Version::V3_1_1, Version::V5] {
        for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
            for filter in ["site/hall/lamp", "site/+/lamp", "site/#"] {
                for payload in [0, 64, 1000] {
                    let allocations = allocations_of(version, qos, filter, payload);
                    assert_eq!(allocations, 0, "{version:?} {qos:?} {filter} {payload} bytes");
                }
            }
        }
    }
}

/// Messages to three subscribers, acknowledged by everyone: the allocations of a thousand, after as
/// many.
fn allocations_of(version: Version, qos: QoS, filter: &str, payload: usize) -> u64 {
    let mut world = World::new();
    for name in ["anna", "bert", "carl"] {
        let subscriber = world.connect(name, version);
        world.subscribe(subscriber, filter, qos, version);
    }
    let publisher = world.connect("publisher", version);
    world.drain();
    let packet = publish("site/hall/lamp", &vec![7; payload], qos, false, version);
    let mut thousand = || {
        for _ in 0..1000 {
            world.send(publisher, &packet);
            assert_eq!(world.exchange(), 3);
        }
    };
    thousand();
    let before = count();
    thousand();
    count() - before
}
