//! Any stream in two pieces: the same packets, and the same error, as in one.
#![no_main]
use mqtt_codec::{DecodeError, PacketBuffer, Sender, Version};

fn read(pieces: &[&[u8]], lines: &mut Vec<String>) -> Result<(), DecodeError> {
    let mut buffer = PacketBuffer::new([0; 4096], Sender::Either);
    for mut rest in pieces.iter().copied() {
        while let Ok(len @ 1..) = std::io::Read::read(&mut rest, buffer.spare()) {
            buffer.advance(len);
            while let Some(packet) = buffer.next(Version::V5)? {
                lines.push(packet.to_string())
            }
        }
    }
    Ok(())
}

libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let (head, tail) = input.1.split_at(usize::from(input.0) % (input.1.len() + 1));
    let (mut split, mut whole) = (Vec::new(), Vec::new());
    assert_eq!(read(&[head, tail], &mut split), read(&[input.1], &mut whole));
    assert_eq!(split, whole);
});
