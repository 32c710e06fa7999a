//! Any stream in two pieces: the same packets, and the same error, as in one.
#![no_main]
use mqtt_codec::{DecodeError, PacketBuffer, Sender, Version};

fn read(stream: &mut dyn std::io::Read) -> Vec<Result<String, DecodeError>> {
    let (mut buffer, mut all) = (PacketBuffer::new([0; 4096], Sender::Either), Vec::new());
    while let Ok(len @ 1..) = stream.read(buffer.spare()) {
        buffer.advance(len);
        while let Some(next) = buffer.next(Version::V5).transpose() {
            all.push(next.map(|packet| packet.to_string()));
            let Some(Ok(_)) = all.last() else { return all };
        }
    }
    all
}

libfuzzer_sys::fuzz_target!(|input: (u16, &[u8])| {
    let (head, tail) = input.1.split_at(usize::from(input.0) % (input.1.len() + 1));
    assert_eq!(read(&mut std::io::Read::chain(head, tail)), read(&mut { input.1 }));
});
