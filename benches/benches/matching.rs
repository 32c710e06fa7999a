//! What it costs to find who subscribes, as the table of subscriptions grows.
//!
//! The subscribers are away and the messages have QoS 0, so that nothing is queued: what is timed is a
//! PUBLISH decoded, matched and dropped. The row with one subscription is all of that but the
//! matching, nearly.

use benches::world::{World, connect, publish, subscribe};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mqtt_codec::{QoS, Version};

const VERSION: Version = Version::V3_1_1;

/// Topics that the cold rows go through, spread over all there are: more than the caches hold.
const COLD: u32 = 65_536;

/// Messages of one round.
const ROUND: u32 = 256;

fn matching(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("match");
    group.sample_size(20);
    for count in [1, 1000, 10_000, 100_000, 1_000_000] {
        for (kind, filter) in KINDS {
            let mut world = World::new();
            populate(&mut world, count, filter);
            let publisher = world.connect("publisher", VERSION);
            world.drain();
            for (heat, topics) in [("hot", 1), ("cold", COLD.min(count))] {
                if heat == "cold" && topics < 10_000 {
                    continue;
                }
                let rounds = rounds(topics, count);
                let mut next = rounds.iter().cycle();
                group.throughput(Throughput::Elements(ROUND.into()));
                let name = format!("{kind}/{count}/{heat}");
                group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                    bencher.iter(|| {
                        world.send(publisher, next.next().expect("it goes round"));
                    });
                });
            }
        }
    }
    group.finish();
}

/// The kinds of filter, each of which matches the topic of the same number and no other.
type Filter = fn(u32) -> String;
const KINDS: [(&str, Filter); 3] = [
    ("exact", |n| topic(n)),
    ("plus", |n| format!("site{}/+/device{n}/value", n % 100)),
    ("hash", |n| format!("site{}/room{}/device{n}/#", n % 100, n % 1000)),
];

fn topic(n: u32) -> String {
    format!("site{}/room{}/device{n}/value", n % 100, n % 1000)
}

/// A thousand clients, which go away again, with these subscriptions.
fn populate(world: &mut World, count: u32, filter: Filter) {
    let clients = count.min(1000);
    for client in 0..clients {
        let handle = world.open(&connect(&format!("client-{client}"), VERSION, false));
        for n in (client..count).step_by(clients as usize) {
            world.send(handle, &subscribe(&filter(n), QoS::AtMostOnce, VERSION));
            world.drain();
        }
        world.leave(handle);
    }
}

/// Packets to so many topics of `count`, in an order without a pattern.
fn rounds(topics: u32, count: u32) -> Vec<Vec<u8>> {
    let packets: Vec<u32> = (0..topics.max(ROUND))
        .map(|n| if topics == 1 { count / 2 } else { n.wrapping_mul(2_654_435_761) % count })
        .collect();
    let round = |numbers: &[u32]| {
        numbers
            .iter()
            .flat_map(|&n| publish(&topic(n), &[7; 16], QoS::AtMostOnce, false, VERSION))
            .collect()
    };
    packets.chunks(ROUND as usize).filter(|c| c.len() == ROUND as usize).map(round).collect()
}

criterion_group!(benches, matching);
criterion_main!(benches);
