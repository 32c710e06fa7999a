//! Writes the seed corpus, `seeds/`: `cargo run --features seeds --bin seeds`, in this folder.
//!
//! For the targets that read packets, one file for each of a hundred packets that `ArbitraryPacket`
//! makes of a fixed pseudorandom stream; for the broker, conversations made of common packets;
//! for the others, pieces of that stream itself.

use std::fs;
use std::io;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use mqtt_codec::ArbitraryPacket;

fn main() -> io::Result<()> {
    let seeds = Path::new("seeds");
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    // Its own stream: another kind of seeds leaves those there are as they were.
    let mut talk = 0x2545_F491_4F6C_DD1D_u64;
    let mut frames = 0xD1B5_4A32_D192_ED03_u64;
    for index in 0..120 {
        let seed: Vec<u8> = (0..200).map(|_| next(&mut state)).collect();
        let made_up = ArbitraryPacket::arbitrary(&mut Unstructured::new(&seed))
            .map_err(|error| io::Error::other(error.to_string()))?;
        let mut packet = vec![0; made_up.packet().encoded_len(made_up.version())];
        made_up
            .packet()
            .encode(made_up.version(), &mut packet)
            .map_err(|error| io::Error::other(error.to_string()))?;
        if packet.len() < 400 {
            write(&seeds.join("decode"), index, &packet)?;
        }
        if index < 30 {
            write(&seeds.join("splits"), index, &packet)?;
            write(&seeds.join("roundtrip"), index, &seed)?;
            write(&seeds.join("topic_match"), index, &seed[..60])?;
            write(&seeds.join("differential"), index, &seed)?;
            write(&seeds.join("journal_replay"), index, &seed)?;
            write(&seeds.join("broker_operations"), index, &seed)?;
            write(&seeds.join("broker_bytes"), index, &conversation(&mut talk))?;
            write(&seeds.join("peer_frames"), index, &forwards(&mut frames))?;
        }
    }
    Ok(())
}

/// Steps of `broker_bytes`: two clients connect, then they and the clock do this and that.
fn conversation(state: &mut u64) -> Vec<u8> {
    const CONNECTS: [&[u8]; 3] = [
        b"\x10\x0f\x00\x06MQIsdp\x03\x02\x00\x3c\x00\x01a",
        b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x3c\x00\x01b",
        b"\x10\x13\x00\x04MQTT\x05\x00\x00\x3c\x05\x11\x00\x00\x00\x09\x00\x01c",
    ];
    // Each for 3.x and for 5.0.
    const PACKETS: [[&[u8]; 2]; 11] = [
        [b"\x82\x08\x00\x01\x00\x03a/+\x02", b"\x82\x09\x00\x01\x00\x00\x03a/+\x02"],
        [
            b"\x82\x11\x00\x02\x00\x0c$share/g/a/b\x01",
            b"\x82\x12\x00\x02\x00\x00\x0c$share/g/a/b\x01",
        ],
        [b"\x30\x06\x00\x03a/bx", b"\x31\x07\x00\x03a/b\x00x"],
        [b"\x32\x08\x00\x03a/b\x00\x01x", b"\x33\x09\x00\x03a/b\x00\x01\x00x"],
        [b"\x34\x08\x00\x03a/b\x00\x02x", b"\x34\x0e\x00\x03a/b\x00\x02\x05\x02\x00\x00\x00\x01x"],
        [b"\x62\x02\x00\x02", b"\x62\x02\x00\x02"],
        [b"\x40\x02\x00\x01", b"\x40\x02\x00\x01"],
        [b"\x50\x02\x00\x01", b"\x50\x03\x00\x01\x00"],
        [b"\x70\x02\x00\x01", b"\x70\x02\x00\x01"],
        [b"\xa2\x07\x00\x04\x00\x03a/+", b"\xa2\x08\x00\x04\x00\x00\x03a/+"],
        [b"\xe0\x00", b"\xe0\x01\x04"],
    ];
    let mut steps = vec![next(state)];
    let versions = [0, 1].map(|link| {
        let version = usize::from(next(state)) % CONNECTS.len();
        step(&mut steps, link, CONNECTS[version]);
        usize::from(version == 2)
    });
    for _ in 0..30 {
        let (link, kind) = (next(state) & 1, next(state));
        let packet = PACKETS[usize::from(kind) % PACKETS.len()][versions[usize::from(link)]];
        match kind >> 5 {
            0 => steps.extend([(45 << 2) | link, 60]),
            1 => steps.extend([(53 << 2) | link, 100]),
            2 => steps.extend([(61 << 2) | link, 0]),
            _ => step(&mut steps, link, packet),
        }
    }
    steps
}

/// Steps of `peer_frames`: both peers have links, a client subscribes and publishes, frames are
/// forged.
fn forwards(state: &mut u64) -> Vec<u8> {
    const FRAMES: [&[u8]; 12] = [
        b"\x01\x05\x00\x00",
        b"\x01\x05\x80\xa0\x94\xa5\x8d\x1d\x02",
        b"\x02",
        b"\x03",
        b"\x04\x01\x03a/+",
        b"\x04\x00\x03a/+",
        b"\x04\x01\x0c$share/g/a/b",
        b"\x05\x01",
        b"\x06\x01",
        b"\x07\x01\x02\x01\x01\x09\x01\x00\x00\x03a/b\x00\x01x",
        b"\x07\x00\x00\x00\x00\x00\x00\x0d\x0c$share/g/a/b\x81\x01\x03a/b\x00\x01x",
        b"\x08\x01",
    ];
    const PACKETS: [&[u8]; 6] = [
        b"\x10\x0d\x00\x04MQTT\x04\x00\x00\x3c\x00\x01b",
        b"\x82\x08\x00\x01\x00\x03a/+\x02",
        b"\x82\x11\x00\x02\x00\x0c$share/g/a/b\x01",
        b"\x33\x08\x00\x03a/b\x00\x01x",
        b"\xa2\x07\x00\x04\x00\x03a/+",
        b"\xe0\x00",
    ];
    let mut steps = vec![44 << 2, 0, 44 << 2 | 1, 0, 52 << 2, 0, 52 << 2 | 1, 0];
    step(&mut steps, 32 << 2, PACKETS[0]);
    for _ in 0..30 {
        let (place, kind) = (next(state), next(state));
        match kind >> 5 {
            0..3 => step(&mut steps, place & 1, FRAMES[usize::from(kind) % FRAMES.len()]),
            3..5 => step(&mut steps, 32 << 2, PACKETS[usize::from(kind) % PACKETS.len()]),
            5 => steps.extend([52 << 2 | place & 1, 0]),
            6 => steps.extend([56 << 2, place]),
            _ => steps.extend([(44 + (place & 15)) << 2 | place >> 7, 0]),
        }
    }
    steps
}

/// Bytes for a link.
fn step(steps: &mut Vec<u8>, link: u8, bytes: &[u8]) {
    steps.extend([link, bytes.len() as u8]);
    steps.extend_from_slice(bytes);
}

fn write(folder: &Path, index: usize, bytes: &[u8]) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    fs::write(folder.join(format!("seed-{index:03}")), bytes)
}

/// One byte of xorshift64*.
fn next(state: &mut u64) -> u8 {
    *state ^= *state >> 12;
    *state ^= *state << 25;
    *state ^= *state >> 27;
    (state.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 56) as u8
}
