//! Two decoders that share no code agree: on what is a packet, and on every field of it.

mod second_parser;

use arbitrary::{Arbitrary, Unstructured};
use mqtt_codec::{ArbitraryPacket, Framed, Sender, Version, frame};
use proptest::prelude::*;

/// Holds the two decoders against each other, for one packet in all versions and directions.
fn agree(bytes: &[u8]) -> Result<(), String> {
    for version in Version::ALL {
        for (sender, from_client) in
            [(Sender::Client, Some(true)), (Sender::Server, Some(false)), (Sender::Either, None)]
        {
            let ours = match frame(bytes, sender, u32::MAX) {
                Ok(Framed::Complete(frame)) if frame.encoded_len() == bytes.len() => {
                    let version = frame.connect_version().unwrap_or(version);
                    frame
                        .decode(version)
                        .ok()
                        .map(|packet| second_parser::atoms::atoms(&packet, version))
                }
                _ => None,
            };
            let theirs = second_parser::parse(bytes, version.level(), from_client);
            if ours != theirs {
                return Err(format!("{version} {sender:?} {bytes:02x?}\n{ours:?}\n{theirs:?}"));
            }
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn valid_packets_are_read_alike(seed in prop::collection::vec(any::<u8>(), 0..400)) {
        let made_up = ArbitraryPacket::arbitrary(&mut Unstructured::new(&seed)).unwrap();
        let mut bytes = vec![0; made_up.packet().encoded_len(made_up.version())];
        made_up.packet().encode(made_up.version(), &mut bytes).unwrap();
        prop_assert_eq!(agree(&bytes), Ok(()));
    }

    /// A change of one byte turns many rules into their violation.
    #[test]
    fn nearly_valid_packets_are_judged_alike(
        seed in prop::collection::vec(any::<u8>(), 0..200),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..3),
        cut in 0usize..3,
    ) {
        let made_up = ArbitraryPacket::arbitrary(&mut Unstructured::new(&seed)).unwrap();
        let mut bytes = vec![0; made_up.packet().encoded_len(made_up.version())];
        made_up.packet().encode(made_up.version(), &mut bytes).unwrap();
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        // A shorter packet with a length to match: nested lengths overrun.
        if cut > 0 && bytes.len() > 2 + cut && usize::from(bytes[1]) == bytes.len() - 2 {
            bytes.truncate(bytes.len() - cut);
            bytes[1] = u8::try_from(bytes.len() - 2).unwrap();
        }
        prop_assert_eq!(agree(&bytes), Ok(()));
    }
}

/// Every first byte, with many short bodies.
#[test]
fn short_packets_are_judged_alike() {
    for first in 0..=u8::MAX {
        agree(&[first, 0]).unwrap();
        for a in (0..=0x2B).chain([0x3F, 0x80, 0x81, 0x8F, 0x9E, 0xA2, 0xFF]) {
            agree(&[first, 1, a]).unwrap();
            for b in [0, 1, 2, 4, 0x80, 0x92] {
                agree(&[first, 2, a, b]).unwrap();
                agree(&[first, 3, 0, a, b]).unwrap();
                agree(&[first, 4, 0, 1, a, b]).unwrap();
            }
        }
    }
}
