//! Any bytes as frames of two peers, with links that come and go, clients, time and crashes: nothing
//! panics, nothing grows, and the journal can be replayed.
#![no_main]
use fuzz::World;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let (mut world, mut rest) = (World::joined(), bytes);
    // A step: what (high bits) and where (low bits), how much, and as many bytes.
    while let [step, len, tail @ ..] = rest {
        let (place, len) = (usize::from(step & 3), usize::from(*len));
        let (data, after) = tail.split_at(if step >> 2 < 44 { len.min(tail.len()) } else { 0 });
        rest = after;
        match step >> 2 {
            0..32 => world.forged(place, data),
            32..44 => world.input(place, data),
            44..48 => world.join(place),
            48..50 => world.part(place),
            50..56 => world.frames(place),
            56..58 => world.wait(len as u64 * 1000),
            58 => world.cut(place),
            59..61 => world.read(place, len * 2),
            61..63 => world.sync(),
            _ => world.crash(len > 0),
        }
    }
    world.end();
});
