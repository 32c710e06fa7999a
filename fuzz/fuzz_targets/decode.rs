//! Any bytes: no panic, and the same answer as the second parser's.
#![no_main]
#[path = "../../mqtt-codec/tests/second_parser/mod.rs"]
mod second_parser;
use mqtt_codec::{Framed, Sender, Version, frame};
use second_parser::atoms::atoms;

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for version in Version::ALL {
        let packet = match frame(bytes, Sender::Client, u32::MAX) {
            Ok(Framed::Complete(frame)) if frame.encoded_len() == bytes.len() => {
                let version = frame.connect_version().unwrap_or(version);
                frame.decode(version).ok().map(|packet| atoms(&packet, version))
            }
            _ => None,
        };
        assert_eq!(packet, second_parser::parse(bytes, version.level(), Some(true)));
    }
});
