//! Retained messages: set and replaced, and all of them to a new subscriber.

use benches::world::{World, publish, subscribe};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mqtt_broker_core::Instant;
use mqtt_codec::{QoS, Version};

const VERSION: Version = Version::V3_1_1;

fn replace(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("retained-replace");
    group.sample_size(20);
    for count in [1000, 100_000, 1_000_000] {
        let mut world = filled(count);
        let publisher = world.connect("publisher", VERSION);
        world.drain();
        let round: Vec<u8> = (0..1000)
            .flat_map(|n: u32| packet(n.wrapping_mul(2_654_435_761) % count, QoS::AtMostOnce))
            .collect();
        group.throughput(Throughput::Elements(1000));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| world.send(publisher, &round));
        });
    }
    group.finish();
}

/// A subscriber of `#`, and everything that is retained; a time for each message.
fn replay(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("retained-replay");
    group.sample_size(20);
    for count in [1000, 100_000] {
        let mut world = filled(count);
        let reader = world.connect("reader", VERSION);
        world.drain();
        let packet = subscribe("#", QoS::AtMostOnce, VERSION);
        group.throughput(Throughput::Elements(count.into()));
        group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
            bencher.iter(|| {
                world.send(reader, &packet);
                let mut bytes = world.drain();
                while world.broker.poll_timeout() == Some(Instant::default()) {
                    world.broker.handle_timeout(benches::world::NOW);
                    bytes += world.drain();
                }
                assert!(bytes > count as usize * 64, "all came");
                bytes
            });
        });
    }
    group.finish();
}

fn filled(count: u32) -> World {
    let mut world = World::new();
    let publisher = world.connect("filler", VERSION);
    for n in 0..count {
        world.send(publisher, &packet(n, QoS::AtMostOnce));
    }
    world.leave(publisher);
    world.drain();
    world
}

fn packet(n: u32, qos: QoS) -> Vec<u8> {
    let topic = format!("site{}/room{}/device{n}/state", n % 100, n % 1000);
    publish(&topic, &[7; 64], qos, true, VERSION)
}

criterion_group!(benches, replace, replay);
criterion_main!(benches);
