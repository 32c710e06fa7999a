//! Sessions: messages for clients that are away, clients that come back, clients that come and go.

use benches::world::{World, connect, publish};
use criterion::{BatchSize, BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mqtt_codec::{QoS, Version};

const VERSION: Version = Version::V3_1_1;

/// Messages that wait for the client that is away.
const WAITING: u32 = 10_000;

/// QoS 1 messages for one client that is away: a time for each.
fn enqueue(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("offline");
    group.sample_size(20);
    group.throughput(Throughput::Elements(WAITING.into()));
    group.bench_function("enqueue", |bencher| {
        bencher.iter_batched_ref(|| away(1), |world| fill(world, WAITING), BatchSize::LargeInput);
    });
    let full = || {
        let mut world = away(1);
        fill(&mut world, WAITING);
        world
    };
    group.bench_function("drain", |bencher| {
        bencher.iter_batched_ref(
            full,
            |world| {
                world.resume("client-0", VERSION);
                assert_eq!(world.exchange(), u64::from(WAITING));
            },
            BatchSize::LargeInput,
        );
    });
    group.finish();
}

/// A client that comes back to its Session and goes, and one that has none and goes, beside others.
fn come_and_go(criterion: &mut Criterion) {
    for (name, clean) in [("resume", false), ("connect-disconnect", true)] {
        let mut group = criterion.benchmark_group(name);
        group.sample_size(20);
        for count in [1000, 100_000, 1_000_000] {
            let mut world = away(count);
            let base = if clean { count } else { 0 };
            let round: Vec<_> = (0..1000u32)
                .map(|n| base + n.wrapping_mul(2_654_435_761) % count)
                .map(|n| connect(&format!("client-{n}"), VERSION, clean))
                .collect();
            group.throughput(Throughput::Elements(1000));
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                bencher.iter(|| {
                    for connect in &round {
                        let handle = world.open(connect);
                        world.drain();
                        world.leave(handle);
                    }
                });
            });
        }
        group.finish();
    }
}

/// So many clients that have gone away, each with a subscription.
fn away(count: u32) -> World {
    let mut world = World::new();
    for n in 0..count {
        let handle = world.resume(&format!("client-{n}"), VERSION);
        world.subscribe(handle, &format!("inbox/{n}"), QoS::AtLeastOnce, VERSION);
        world.leave(handle);
    }
    world
}

fn fill(world: &mut World, count: u32) {
    let publisher = world.connect("publisher", VERSION);
    let burst = publish("inbox/0", &[7; 64], QoS::AtLeastOnce, false, VERSION).repeat(16);
    for _ in 0..count / 16 {
        world.send(publisher, &burst);
        world.drain();
    }
    world.leave(publisher);
}

criterion_group!(benches, enqueue, come_and_go);
criterion_main!(benches);
