//! The three answers of `frame`, byte by byte.

use super::{frame_slowly, short_frame};
use crate::{DecodeError, Frame, Framed, PacketType, Sender, Version, frame};

fn needed(bytes: &[u8]) -> usize {
    match frame(bytes, Sender::Either, 1000) {
        Ok(Framed::Incomplete { needed }) => needed,
        other => panic!("{other:?}"),
    }
}

fn complete(bytes: &[u8]) -> Frame<'_> {
    match frame(bytes, Sender::Either, 1000) {
        Ok(Framed::Complete(frame)) => frame,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_missing_is_said_exactly_once_the_length_is_known() {
    assert_eq!(needed(&[]), 2);
    assert_eq!(needed(&[0x30]), 1);
    assert_eq!(needed(&[0x30, 0x81]), 1);
    assert_eq!(needed(&[0x30, 0x05]), 5);
    assert_eq!(needed(&[0x30, 0x05, 0, 1]), 3);
    assert_eq!(needed(&[0x30, 0x81, 0x01]), 129);
}

#[test]
fn what_follows_a_packet_is_left_alone() {
    let frame = complete(&[0x32, 0x02, 0xAA, 0xBB, 0xCC]);
    assert_eq!((frame.packet_type(), frame.flags()), (PacketType::Publish, 2));
    assert_eq!((frame.body(), frame.encoded_len()), (&[0xAA, 0xBB][..], 4));
}

#[test]
fn the_limit_is_checked_before_the_body_is_there() {
    let header = [0x30, 0x0A];
    assert_eq!(frame(&header, Sender::Client, 11), Err(DecodeError::PacketTooLarge));
    assert_eq!(frame(&header, Sender::Client, 12), Ok(Framed::Incomplete { needed: 10 }));
    let longest = [0x30, 0xFF, 0xFF, 0xFF, 0x7F];
    assert_eq!(frame(&longest, Sender::Client, 1024), Err(DecodeError::PacketTooLarge));
    assert_eq!(
        frame(&longest, Sender::Client, u32::MAX),
        Ok(Framed::Incomplete { needed: 268_435_455 })
    );
}

/// A buffer as long as the limit never fills up without an answer.
#[test]
fn the_limit_is_checked_before_the_length_is_there() {
    let header = [0x30, 0x80, 0x80];
    for maximum in 1..=3 {
        let len = maximum as usize;
        assert_eq!(
            frame(&header[..len], Sender::Client, maximum),
            Err(DecodeError::PacketTooLarge)
        );
        assert_eq!(
            frame(&header[..len], Sender::Client, maximum + 1),
            Ok(Framed::Incomplete { needed: 1 })
        );
    }
}

#[test]
fn every_first_byte_has_its_answer_alone() {
    for first in 0..=u8::MAX {
        for sender in [Sender::Client, Sender::Server, Sender::Either] {
            let bytes = [first];
            let alone = frame(&bytes, sender, 1000);
            let known = PacketType::from_u8(first >> 4).is_some();
            assert!(known || alone == Err(DecodeError::ReservedPacketType));
            if let Ok(framed) = alone {
                assert_eq!(framed, Framed::Incomplete { needed: 1 });
            }
        }
    }
}

/// Where there is a short way to an answer, it is that of the long way, which small machines take.
#[test]
fn both_ways_find_the_same_frame() {
    let mut found = 0;
    for first in 0..=u8::MAX {
        for header in [&[0][..], &[2], &[3], &[0x82, 0], &[0x80, 0x80, 0]] {
            let bytes = [&[first], header, &[0, 1, 2]].concat();
            for len in 0..=bytes.len() {
                for (sender, maximum) in
                    [(Sender::Client, 5), (Sender::Server, 4), (Sender::Either, u32::MAX)]
                {
                    let bytes = &bytes[..len];
                    let Some(frame) = short_frame(bytes, sender, maximum) else { continue };
                    assert_eq!(frame_slowly(bytes, sender, maximum), Ok(Framed::Complete(frame)));
                    found += 1;
                }
            }
        }
    }
    assert!(found > 500, "{found}");
}

//= [MQTT-3.1.2-2] type=test
#[test]
fn a_refused_connect_still_tells_its_version() {
    let version = |name: &[u8], level| {
        let mut bytes = alloc::vec![0x10, 0, 0, 0];
        bytes.extend_from_slice(name);
        bytes.push(level);
        bytes[1] = u8::try_from(bytes.len() - 2).unwrap();
        bytes[3] = u8::try_from(name.len()).unwrap();
        let frame = complete(&bytes);
        (frame.connect_version(), frame.connect_level())
    };
    assert_eq!(version(b"MQTT", 5), (Some(Version::V5), Some(5)));
    assert_eq!(version(b"MQTT", 4), (Some(Version::V3_1_1), Some(4)));
    assert_eq!(version(b"MQIsdp", 3), (Some(Version::V3_1), Some(3)));
    assert_eq!(version(b"MQTT", 6), (None, Some(6)));
    assert_eq!(version(b"MQTT", 3), (None, Some(3)));
    assert_eq!(version(b"HTTP", 5), (None, Some(5)));
    assert_eq!(complete(&[0x10, 0x01, 0x00]).connect_level(), None);
    assert_eq!(complete(&[0xC0, 0x00]).connect_level(), None);
}
