//! The same packets through other codecs.
//!
//! Each codec is given what it takes: a slice, or a `BytesMut` that holds the batch one after the other,
//! made before the clock starts. A codec that takes packets to encode by value gets clones made before.

use core::hint::black_box;

use bytes::{Bytes, BytesMut};
use criterion::{Criterion, Throughput};
use mqtt_codec::Version;
use mqtt_protocol_core::mqtt::common::Cursor;
use mqtt_protocol_core::mqtt::connection::{
    PacketBuildResult, PacketBuilder, PacketData, RawPacket,
};
use mqtt_protocol_core::mqtt::packet::Packet as ProtocolCore;
use mqtt_protocol_core::mqtt::result_code::MqttError;
use tokio_util::codec::{Decoder as _, Encoder as _};

use super::corpus::{self, Sample};
use crate::{BATCH, fastest, measure};

fn repeated(sample: &Sample) -> BytesMut {
    BytesMut::from(&sample.bytes.repeat(BATCH.into())[..])
}

fn samples(version: Version) -> impl Iterator<Item = Sample> {
    corpus::NAMES.into_iter().map(corpus::sample).filter(move |sample| sample.version == version)
}

/// Codecs that read from a slice.
pub(crate) fn slices(c: &mut Criterion) {
    for sample in samples(Version::V3_1_1) {
        let (name, bytes) = (sample.name, black_box(&sample.bytes[..]));
        measure(
            c,
            &format!("{name}/decode"),
            "mqttrs",
            || (),
            |()| {
                for _ in 0..BATCH {
                    black_box(&mqttrs::decode_slice(black_box(bytes)));
                }
            },
        );
        let packet = mqttrs::decode_slice(bytes).expect("a packet").expect("a whole one");
        measure(
            c,
            &format!("{name}/encode"),
            "mqttrs",
            || [0; 512],
            |out| {
                for _ in 0..BATCH {
                    black_box(&mqttrs::encode_slice(black_box(&packet), out));
                }
            },
        );
    }
    macro_rules! proto {
        ($sample:expr, $packet:ty) => {{
            let (name, bytes) = ($sample.name, black_box(&$sample.bytes[..]));
            measure(
                c,
                &format!("{name}/decode"),
                "mqtt-proto",
                || (),
                |()| {
                    for _ in 0..BATCH {
                        black_box(&<$packet>::decode(black_box(bytes)));
                    }
                },
            );
            let packet = <$packet>::decode(bytes).expect("a packet").expect("a whole one");
            measure(
                c,
                &format!("{name}/encode"),
                "mqtt-proto",
                || (),
                |()| {
                    for _ in 0..BATCH {
                        black_box(&black_box(&packet).encode());
                    }
                },
            );
        }};
    }
    samples(Version::V3_1_1).for_each(|sample| proto!(sample, mqtt_proto::v3::Packet));
    samples(Version::V5).for_each(|sample| proto!(sample, mqtt_proto::v5::Packet));
    protocol_core(c);
}

/// `mqtt-protocol-core`, in the way its own connection goes: a builder finds the packet within the limit
/// and copies the body, and the parser for the type takes that. Its parsers are timed alone too, told
/// the type and given the body: a part of what every other decoder here does.
fn protocol_core(c: &mut Criterion) {
    use mqtt_protocol_core::mqtt::packet::{v3_1_1, v5_0};
    macro_rules! packet {
        ($name:literal, $dispatch:ident, $parse:expr) => {{
            let sample = corpus::sample($name);
            let bytes = black_box(&sample.bytes[..]);
            let builder = || PacketBuilder::with_maximum_packet_size(1 << 20);
            let name = concat!($name, "/decode");
            measure(c, name, "mqtt-protocol-core", builder, |builder| {
                for _ in 0..BATCH {
                    let built = builder.feed(&mut Cursor::new(black_box(bytes)));
                    let PacketBuildResult::Complete(packet) = built else { panic!($name) };
                    black_box(&$dispatch(&packet));
                }
            });
            let (flags, body) = (bytes[0] & 0x0F, body(bytes).expect("a whole packet"));
            let parser = || (flags, black_box(body));
            measure(c, name, "mqtt-protocol-core's parser", parser, |(flags, body)| {
                for _ in 0..BATCH {
                    black_box(&$parse(*flags, black_box(*body)));
                }
            });
            let (packet, _) = $parse(flags, body).expect("a packet");
            measure(
                c,
                concat!($name, "/encode"),
                "mqtt-protocol-core",
                || (),
                |()| {
                    for _ in 0..BATCH {
                        black_box(&black_box(&packet).to_continuous_buffer());
                    }
                },
            );
        }};
    }
    packet!("publish-3.1.1", dispatch_v3_1_1, |flags, body: &[u8]| v3_1_1::Publish::parse(
        flags,
        body.into()
    ));
    packet!("connect-3.1.1", dispatch_v3_1_1, |_, body: &[u8]| v3_1_1::Connect::parse(body));
    packet!("puback", dispatch_v3_1_1, |_, body: &[u8]| v3_1_1::Puback::parse(body));
    packet!("publish-5.0", dispatch_v5_0, |flags, body: &[u8]| v5_0::Publish::parse(
        flags,
        body.into()
    ));
    packet!("connect-5.0", dispatch_v5_0, |_, body: &[u8]| v5_0::Connect::parse(body));
    packet!("subscribe-5.0", dispatch_v5_0, |_, body: &[u8]| v5_0::Subscribe::parse(body));
}

/// The parser for the type of a packet, of those types that are timed.
fn dispatch_v3_1_1(packet: &RawPacket) -> Result<ProtocolCore, MqttError> {
    use mqtt_protocol_core::mqtt::packet::v3_1_1::{Connect, Puback, Publish, Subscribe};
    Ok(match (packet.packet_type(), &packet.data) {
        (1, _) => ProtocolCore::V3_1_1Connect(packet.parse_exact(Connect::parse)?),
        (3, PacketData::Publish(body)) => {
            ProtocolCore::V3_1_1Publish(Publish::parse(packet.flags(), body.clone())?.0)
        }
        (4, _) => ProtocolCore::V3_1_1Puback(packet.parse_exact(Puback::parse)?),
        (8, _) => ProtocolCore::V3_1_1Subscribe(packet.parse_exact(Subscribe::parse)?),
        _ => return Err(MqttError::MalformedPacket),
    })
}

fn dispatch_v5_0(packet: &RawPacket) -> Result<ProtocolCore, MqttError> {
    use mqtt_protocol_core::mqtt::packet::v5_0::{Connect, Puback, Publish, Subscribe};
    Ok(match (packet.packet_type(), &packet.data) {
        (1, _) => ProtocolCore::V5_0Connect(packet.parse_exact(Connect::parse)?),
        (3, PacketData::Publish(body)) => {
            ProtocolCore::V5_0Publish(Publish::parse(packet.flags(), body.clone())?.0)
        }
        (4, _) => ProtocolCore::V5_0Puback(packet.parse_exact(Puback::parse)?),
        (8, _) => ProtocolCore::V5_0Subscribe(packet.parse_exact(Subscribe::parse)?),
        _ => return Err(MqttError::MalformedPacket),
    })
}

/// What follows the fixed header of a packet, of up to three bytes.
fn body(bytes: &[u8]) -> Option<&[u8]> {
    match bytes {
        [_, len @ ..0x80, rest @ ..] => rest.get(..usize::from(*len)),
        [_, low, high @ ..0x80, rest @ ..] => {
            rest.get(..usize::from(low & 0x7F) | usize::from(*high) << 7)
        }
        _ => None,
    }
}

/// Codecs that take packets off a `BytesMut`.
pub(crate) fn buffers(c: &mut Criterion) {
    macro_rules! codec {
        ($sample:expr, $codec:literal, $read:expr, $write:expr) => {{
            let (name, read, write) = ($sample.name, $read, $write);
            let setup = || repeated(&$sample);
            measure(c, &format!("{name}/decode"), $codec, setup, |buffer| {
                for _ in 0..BATCH {
                    black_box(&read(buffer));
                }
            });
            // One that refuses the packet has nothing to encode.
            if let Ok(packet) = read(&mut setup()) {
                let room = || BytesMut::with_capacity(512);
                measure(c, &format!("{name}/encode"), $codec, room, |out| {
                    for _ in 0..BATCH {
                        out.clear();
                        black_box(&write(black_box(&packet), out));
                    }
                });
            }
        }};
    }
    for sample in samples(Version::V3_1_1) {
        use mqttbytes::v4::{Packet, read};
        use rumqttc::mqttbytes::v4::Packet as Rumqttc;
        let write = |packet: &Packet, out: &mut BytesMut| match packet {
            Packet::Publish(publish) => publish.write(out),
            Packet::Connect(connect) => connect.write(out),
            Packet::PubAck(puback) => puback.write(out),
            other => panic!("{other:?}"),
        };
        codec!(sample, "mqttbytes", |buffer: &mut BytesMut| read(buffer, 1 << 20), write);
        let write = |packet: &Rumqttc, out: &mut BytesMut| packet.write(out, 1 << 20);
        codec!(sample, "rumqttc", |buffer: &mut BytesMut| Rumqttc::read(buffer, 1 << 20), write);
    }
    for sample in samples(Version::V5) {
        use mqttbytes::v5::{Packet, read};
        use rumqttc::v5::mqttbytes::v5::Packet as Rumqttc;
        let write = |packet: &Packet, out: &mut BytesMut| match packet {
            Packet::Publish(publish) => publish.write(out),
            Packet::Connect(connect) => connect.write(out),
            Packet::Subscribe(subscribe) => subscribe.write(out),
            other => panic!("{other:?}"),
        };
        codec!(sample, "mqttbytes", |buffer: &mut BytesMut| read(buffer, 1 << 20), write);
        let write = |packet: &Rumqttc, out: &mut BytesMut| packet.write(out, None);
        codec!(sample, "rumqttc", |buffer: &mut BytesMut| Rumqttc::read(buffer, None), write);
    }
}

/// Codecs of a framework: `tokio_util` and ntex. They encode packets that they are given by value.
pub(crate) fn frameworks(c: &mut Criterion) {
    macro_rules! rmqtt {
        ($sample:expr, $codec:expr) => {{
            let (sample, mut codec) = ($sample, $codec);
            let name = sample.name;
            measure(
                c,
                &format!("{name}/decode"),
                "rmqtt-codec",
                || repeated(&sample),
                |buffer| {
                    for _ in 0..BATCH {
                        black_box(&codec.decode(buffer));
                    }
                },
            );
            let (packet, _) = codec.decode(&mut repeated(&sample)).expect("ok").expect("whole");
            let clones = || (vec![packet.clone(); BATCH.into()], BytesMut::with_capacity(512));
            measure(c, &format!("{name}/encode"), "rmqtt-codec", clones, |(packets, out)| {
                for packet in packets.drain(..) {
                    out.clear();
                    black_box(&codec.encode(packet, out));
                }
            });
        }};
    }
    samples(Version::V3_1_1).for_each(|s| rmqtt!(s, rmqtt_codec::v3::Codec::new(1 << 20)));
    samples(Version::V5).for_each(|s| rmqtt!(s, rmqtt_codec::v5::Codec::new(1 << 20, 1 << 20)));
    ntex(c);
}

fn ntex(c: &mut Criterion) {
    use ntex_codec::Decoder as _;
    macro_rules! ntex {
        ($sample:expr, $codec:ty) => {{
            let (sample, codec) = ($sample, <$codec>::new());
            let name = format!("{}/decode", sample.name);
            let setup = || ntex_bytes::BytesMut::copy_from_slice(sample.bytes.repeat(BATCH.into()));
            measure(c, &name, "ntex-mqtt", setup, |buffer| {
                for _ in 0..BATCH {
                    let packet = codec.decode(buffer);
                    assert!(matches!(packet, Ok(Some(_))));
                    black_box(&packet);
                }
            });
        }};
    }
    samples(Version::V3_1_1).for_each(|s| ntex!(s, ntex_mqtt::v3::codec::Codec));
    samples(Version::V5).for_each(|s| ntex!(s, ntex_mqtt::v5::codec::Codec));
}

/// A buffer of 10,000 PUBLISH, with those that are fastest on one.
pub(crate) fn streams(c: &mut Criterion) {
    macro_rules! stream {
        ($version:expr, $codec:literal, $read:expr) => {{
            let (stream, read) = (Bytes::from(corpus::stream($version)), $read);
            let name = format!("stream-{}/decode", $version);
            let setup = || BytesMut::from(&stream[..]);
            let run = |buffer: &mut BytesMut| {
                while let Ok(packet) = read(buffer) {
                    black_box(&packet);
                }
            };
            let early = fastest(10_000, setup, run);
            let mut group = c.benchmark_group(&name);
            group.throughput(Throughput::Elements(10_000));
            group.bench_function($codec, |b| {
                b.iter_batched_ref(setup, run, criterion::BatchSize::LargeInput);
            });
            group.finish();
            let fastest = early.min(fastest(10_000, setup, run));
            println!("{name}/{}: {fastest:.2} ns for each packet", $codec);
        }};
    }
    stream!(Version::V3_1_1, "mqttbytes", |buffer: &mut BytesMut| {
        mqttbytes::v4::read(buffer, 1 << 20)
    });
    stream!(Version::V5, "rumqttc", |buffer: &mut BytesMut| {
        rumqttc::v5::mqttbytes::v5::Packet::read(buffer, None)
    });
}
