//! Writes the seed corpus, `seeds/`: `cargo run --features seeds --bin seeds`, in this folder.
//!
//! For the targets that read packets, one file for each of a hundred packets that `ArbitraryPacket`
//! makes of a fixed pseudorandom stream; for the others, pieces of that stream itself.

use std::fs;
use std::io;
use std::path::Path;

use arbitrary::{Arbitrary, Unstructured};
use mqtt_codec::ArbitraryPacket;

fn main() -> io::Result<()> {
    let seeds = Path::new("seeds");
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
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
        }
    }
    Ok(())
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
