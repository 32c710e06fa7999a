//! What one delivery costs, from the publisher's bytes to the subscriber's.

use benches::world::{World, publish};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mqtt_broker_core::Config;
use mqtt_codec::{QoS, Version};

const VERSION: Version = Version::V3_1_1;

/// One publisher, many subscribers of one topic, sixteen messages a turn; a time per delivery.
fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan-out");
    for subscribers in [1, 10, 1000] {
        for payload in [16, 256, 4096, 65536] {
            let mut world = World::new();
            let burst = publish("bench/topic", &vec![7; payload], QoS::AtMostOnce, false, VERSION);
            let publisher = populate(&mut world, subscribers, QoS::AtMostOnce);
            let burst = burst.repeat(16);
            group.throughput(Throughput::Elements(16 * subscribers));
            let name = format!("{subscribers}x{payload}B");
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| {
                    world.send(publisher, &burst);
                    world.drain()
                });
            });
        }
    }
    group.finish();
}

/// The same, with the policy asked about every copy.
fn fan_out_asked(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan-out-asked");
    let mut config = Config::default();
    config.events = false;
    config.ask_deliver = true;
    let mut world = World::with(config);
    let publisher = populate(&mut world, 1000, QoS::AtMostOnce);
    let burst = publish("bench/topic", &[7; 256], QoS::AtMostOnce, false, VERSION).repeat(16);
    group.throughput(Throughput::Elements(16_000));
    group.bench_function("1000x256B", |bencher| {
        bencher.iter(|| {
            world.send(publisher, &burst);
            world.drain()
        });
    });
    group.finish();
}

/// One message a turn, acknowledged by everyone: the clients' own work is in the time.
fn fan_out_acknowledged(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan-out-acknowledged");
    for qos in [QoS::AtLeastOnce, QoS::ExactlyOnce] {
        for subscribers in [1, 10, 1000] {
            let mut world = World::new();
            let publisher = populate(&mut world, subscribers, qos);
            let packet = publish("bench/topic", &[7; 256], qos, false, VERSION);
            group.throughput(Throughput::Elements(subscribers));
            let name = format!("{subscribers}x256B/q{}", qos as u8);
            group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
                bencher.iter(|| {
                    world.send(publisher, &packet);
                    world.exchange()
                });
            });
        }
    }
    group.finish();
}

/// Subscribers of the one topic; the connection of its publisher.
fn populate(world: &mut World, subscribers: u64, qos: QoS) -> mqtt_broker_core::ConnectionHandle {
    for n in 0..subscribers {
        let handle = world.connect(&format!("subscriber-{n}"), VERSION);
        world.subscribe(handle, "bench/topic", qos, VERSION);
    }
    let publisher = world.connect("publisher", VERSION);
    world.drain();
    publisher
}

criterion_group!(benches, fan_out, fan_out_asked, fan_out_acknowledged);
criterion_main!(benches);
