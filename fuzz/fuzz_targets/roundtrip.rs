//! Any valid packet: decoding undoes encoding, and encoding it again gives the same bytes.
#![no_main]
use mqtt_codec::{ArbitraryPacket, Framed, Sender, frame};

libfuzzer_sys::fuzz_target!(|made_up: ArbitraryPacket<'_>| {
    let (packet, version) = (made_up.packet(), made_up.version());
    let mut bytes = vec![0; packet.encoded_len(version)];
    assert_eq!(packet.encode(version, &mut bytes), Ok(bytes.len()));
    let Ok(Framed::Complete(frame)) = frame(&bytes, Sender::Either, u32::MAX) else { panic!() };
    let again = frame.decode(version).unwrap();
    assert_eq!(again, packet);
    let mut twice = vec![0; again.encoded_len(version)];
    assert_eq!(again.encode(version, &mut twice), Ok(bytes.len()));
    assert_eq!(twice, bytes);
    let _ = format!("{packet}{packet:#}");
});
