//! Times decoding and encoding of the same packets, with ours and, with the feature `peers`, with other
//! codecs. See `README.md` of this package.
//!
//! One measurement is of a batch of packets one after the other: from bytes to a typed value whose
//! fields are checked as that codec checks them, or from such a value to bytes. Before each packet the
//! compiler forgets what it knew of the input, and after it the whole result has to be in memory
//! (`black_box`), for every codec alike; the type of the codec is known, so it may be inlined. What is
//! made before the clock starts, and what is dropped after it stops, is not timed.
//!
//! Criterion's throughput is in packets. Beside it, the fastest of many batches is printed for each
//! packet: the one that no other program disturbed. Before that, how often it allocates is counted.

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
use std::time::Instant;

use codec::{allocations, corpus};
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use mqtt_codec::{Framed, Sender, Version, frame};

/// How many packets one measurement handles.
const BATCH: u16 = 500;

/// How long the fastest batch is looked for, before Criterion's second and after it: what disturbs a
/// processor often does so for half a second and more.
const TRYING: Duration = Duration::from_millis(250);

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
    let early = fastest(BATCH.into(), &setup, &mut run);
    let mut group = c.benchmark_group(name);
    group.throughput(Throughput::Elements(BATCH.into()));
    group.bench_function(codec, |b| b.iter_batched_ref(&setup, &mut run, BatchSize::SmallInput));
    group.finish();
    let fastest = early.min(fastest(BATCH.into(), &setup, &mut run));
    println!("{name}/{codec}: {fastest:.2} ns, {allocations:.2} allocations for each packet");
}

/// The nanoseconds for one of `count` packets in the fastest of many batches.
fn fastest<I>(count: u32, setup: impl Fn() -> I, mut run: impl FnMut(&mut I)) -> f64 {
    let (mut fastest, begin) = (Duration::MAX, Instant::now());
    while begin.elapsed() < TRYING {
        let mut input = setup();
        let start = Instant::now();
        run(&mut input);
        fastest = fastest.min(start.elapsed());
    }
    fastest.as_nanos() as f64 / f64::from(count)
}

/// The speed of the processor, without which nanoseconds say little: a multiplication and an exclusive
/// or, each of which waits for the one before it, take four cycles on most.
fn clock(_: &mut Criterion) {
    let (mut number, factor) = (black_box(3_u64), black_box(0x9E37_79B9_7F4A_7C15_u64));
    let run = |(): &mut ()| {
        for step in 0..10_000 {
            number = number.wrapping_mul(factor) ^ step;
        }
        black_box(number);
    };
    println!("clock: {:.2} GHz", 4.0 / fastest(10_000, || (), run));
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
                    let bytes = black_box(bytes);
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
                        let len = black_box(packet).encode(version, black_box(&mut *out));
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
        let mut run = || {
            let (mut rest, mut packets) = (black_box(&stream[..]), 0);
            while let Ok(Framed::Complete(frame)) = frame(rest, Sender::Client, 1 << 20) {
                rest = &rest[frame.encoded_len()..];
                let packet = frame.decode(version);
                packets += u32::from(packet.is_ok());
                black_box(&packet);
            }
            assert_eq!(packets, 10_000);
        };
        let early = fastest(10_000, || (), |()| run());
        group.bench_function("mqtt-codec", |b| b.iter(&mut run));
        group.finish();
        let fastest = early.min(fastest(10_000, || (), |()| run()));
        println!("stream-{version}/decode/mqtt-codec: {fastest:.2} ns for each packet");
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
criterion_group! { name = codecs; config = settings(); targets = clock, ours, streams }
#[cfg(feature = "peers")]
criterion_group! {
    name = codecs; config = settings();
    targets = codec::strictness::print, clock, ours, codec::peers::slices, codec::peers::buffers,
        codec::peers::frameworks, streams, codec::peers::streams
}
criterion_main!(codecs);
