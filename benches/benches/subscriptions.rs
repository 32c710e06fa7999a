//! Subscribing and unsubscribing beside many subscriptions of others.

use benches::world::{World, connect, subscribe, unsubscribe};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mqtt_codec::{QoS, Version};

const VERSION: Version = Version::V3_1_1;

/// Filters that come and go.
const ROUND: u32 = 1000;

fn churn(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("subscribe-unsubscribe");
    group.sample_size(20);
    for count in [1000, 10_000, 100_000, 1_000_000] {
        let mut world = World::new();
        let clients = 1000;
        for client in 0..clients {
            let handle = world.open(&connect(&format!("client-{client}"), VERSION, false));
            for n in (client..count).step_by(1000) {
                world.send(handle, &subscribe(&filter(n), QoS::AtMostOnce, VERSION));
                world.drain();
            }
        }
        let churner = world.connect("churner", VERSION);
        world.drain();
        let numbers = || (0..ROUND).map(|n| n.wrapping_mul(2_654_435_761) % 100_000_000 + count);
        let subscribes: Vec<_> =
            numbers().map(|n| subscribe(&filter(n), QoS::AtMostOnce, VERSION)).collect();
        let unsubscribes: Vec<_> = numbers().map(|n| unsubscribe(&filter(n), VERSION)).collect();
        // A time for one subscription made and ended, with its two answers.
        group.throughput(Throughput::Elements(ROUND.into()));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                for packet in subscribes.iter().chain(&unsubscribes) {
                    world.send(churner, packet);
                }
                world.drain()
            });
        });
    }
    group.finish();
}

fn filter(n: u32) -> String {
    match n % 3 {
        0 => format!("site{}/room{}/device{n}/value", n % 100, n % 1000),
        1 => format!("site{}/+/device{n}/value", n % 100),
        _ => format!("site{}/room{}/device{n}/#", n % 100, n % 1000),
    }
}

criterion_group!(benches, churn);
criterion_main!(benches);
