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
                    let flow = Flow { version, qos, filter, subscribers: 3 };
                    let allocations = flow.allocations(payloads, 1000);
                    assert_eq!(allocations, 0, "{version:?} {qos:?} {filter} {payloads:?} bytes");
                }
            }
        }
    }
}

#[test]
fn nor_does_one_to_a_thousand_subscribers() {
    for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
        let flow = Flow { version: Version::V5, qos, filter: "site/+/lamp", subscribers: 1000 };
        assert_eq!(flow.allocations(&[256], 20), 0, "{qos:?}");
    }
}

/// Messages of one topic to many, acknowledged by everyone.
struct Flow {
    version: Version,
    qos: QoS,
    filter: &'static str,
    subscribers: u64,
}

impl Flow {
    /// The allocations of so many, after as many.
    fn allocations(&self, payloads: &[usize], messages: usize) -> u64 {
        let &Self { version, qos, filter, subscribers } = self;
        let mut world = World::new();
        for number in 0..subscribers {
            let subscriber = world.connect(&format!("subscriber-{number}"), version);
            world.subscribe(subscriber, filter, qos, version);
        }
        let publisher = world.connect("publisher", version);
        world.drain();
        let packet = |len: &usize| publish("site/hall/lamp", &vec![7; *len], qos, false, version);
        let packets: Vec<Vec<u8>> = payloads.iter().map(packet).collect();
        let mut send_all = || {
            for packet in packets.iter().cycle().take(messages) {
                world.send(publisher, packet);
                assert_eq!(world.exchange(), subscribers);
            }
        };
        send_all();
        let before = count();
        send_all();
        count() - before
    }
}
