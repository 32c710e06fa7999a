//! Times decoding and encoding of the same packets, with ours and, with the feature `peers`, with other
//! codecs. See `README.md` of this package.
//!
//! One measurement is of a batch of packets one after the other: from bytes to a typed value whose
//! fields are checked as that codec checks them, or from such a value to bytes. Criterion's throughput is
//! in packets. How often each allocates is counted before it is timed.

mod codec {
    pub(crate) mod allocations;
    pub(crate) mod corpus;
    #[cfg(feature = "peers")]
    pub(crate) mod peers;
    #[cfg(feature = "peers")]
    pub(crate) mod strictness;
}

use core::hint::black_box;
use core::time::Duration;

use codec::{allocations, corpus};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mqtt_codec::{Framed, Sender, Version, frame};

/// How many packets one measurement handles.
const BATCH: u16 = 500;

/// Times `run`, which handles a batch, and counts its allocations.
fn measure<I>(
    c: &mut Criterion,
    name: &str,
    codec: &str,
    setup: impl Fn() -> I,
    mut run: impl FnMut(&mut I),
) {
    let mut input = setup();
    let before = allocations::count();
    run(&mut input);
    let allocations = (allocations::count() - before) as f64 / f64::from(BATCH);
    println!("{name}/{codec}: {allocations:.2} allocations for each packet");
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(BATCH.into()));
    group.bench_function(codec, |b| b.iter_batched_ref(&setup, &mut run, BatchSize::SmallInput));
    group.finish();
}

fn ours(c: &mut Criterion) {
    for name in corpus::NAMES {
        let sample = corpus::sample(name);
        let name = sample.name;
        let (bytes, version) = (black_box(&sample.bytes[..]), black_box(sample.version));
        measure(
            c,
            &format!("{name}/decode"),
            "mqtt-codec",
            || (),
            |()| {
                for _ in 0..BATCH {
                    let Ok(Framed::Complete(frame)) = frame(bytes, Sender::Client, 1 << 20) else {
                        panic!("{name}");
                    };
                    let packet = frame.decode(version);
                    black_box(&packet);
                }
            },
        );
        corpus::with_packet(name, |packet, version| {
            let mut out = [0; 512];
            let (packet, version) = (black_box(packet), black_box(version));
            let out = black_box(&mut out[..]);
            measure(
                c,
                &format!("{name}/encode"),
                "mqtt-codec",
                || (),
                |()| {
                    for _ in 0..BATCH {
                        let len = packet.encode(version, out);
                        black_box(&len);
                    }
                },
            );
        });
    }
}

/// A buffer of 10,000 PUBLISH.
fn streams(c: &mut Criterion) {
    for version in [Version::V3_1_1, Version::V5] {
        let stream = corpus::stream(version);
        let mut group = c.benchmark_group(format!("stream-{version}/decode"));
        group.throughput(Throughput::Elements(10_000));
        group.bench_function("mqtt-codec", |b| {
            b.iter(|| {
                let (mut rest, mut packets) = (black_box(&stream[..]), 0);
                while let Ok(Framed::Complete(frame)) = frame(rest, Sender::Client, 1 << 20) {
                    rest = &rest[frame.encoded_len()..];
                    let packet = frame.decode(version);
                    packets += u32::from(packet.is_ok());
                    black_box(&packet);
                }
                assert_eq!(packets, 10_000);
            });
        });
        group.finish();
    }
}

/// Timings of nanoseconds need many short samples, the fastest of which are those nobody disturbed.
fn settings() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(200))
        .measurement_time(Duration::from_millis(800))
        .sample_size(50)
        .without_plots()
}

#[cfg(not(feature = "peers"))]
criterion_group! { name = codecs; config = settings(); targets = ours, streams }
#[cfg(feature = "peers")]
criterion_group! {
    name = codecs; config = settings();
    targets = codec::strictness::print, ours, codec::peers::slices, codec::peers::buffers,
        codec::peers::frameworks, streams, codec::peers::streams
}
criterion_main!(codecs);
