//! Any bytes on several connections, with time and ends in between: no rule of the boundary is
//! broken, what is sent can be decoded, and nothing is left when all is over.
#![no_main]
use fuzz::World;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    let Some((&first, mut rest)) = bytes.split_first() else { return };
    let mut world = World::new(first & 1 == 1);
    // A step: what (high bits) and where (low bits), how much, and as many bytes.
    while let [step, len, tail @ ..] = rest {
        let (link, len) = (usize::from(step & 3), usize::from(*len));
        let (data, after) = tail.split_at(if step >> 2 < 40 { len.min(tail.len()) } else { 0 });
        rest = after;
        match step >> 2 {
            0..40 => world.input(link, data),
            40..44 => world.cut(link),
            44..48 => world.wait(len as u64 * 20),
            48 => world.wait(len as u64 * 60_000),
            49..52 => world.outputs(),
            52..60 => world.read(link, len * 2),
            _ => world.sync(),
        }
    }
    world.end();
});
