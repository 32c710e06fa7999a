//! A buffer that is just large enough, and one that is not.

use alloc::string::{String, ToString};
use alloc::vec::Vec;

use crate::{DecodeError, PacketBuffer, Sender, Version};

const STREAM: &[u8] = b"\x30\x05\0\x03a/b\xC0\0\x32\x07\0\x01a\0\x07hi\xC0\0\x30\x03\0\x01z";

/// The packets of the stream when `step` bytes arrive at a time.
fn read(step: usize, capacity: usize) -> Result<Vec<String>, DecodeError> {
    let mut storage = alloc::vec![0; capacity];
    let mut buffer = PacketBuffer::new(&mut storage[..], Sender::Client);
    let (mut lines, mut rest) = (Vec::new(), STREAM);
    while !rest.is_empty() {
        let spare = buffer.spare();
        let len = step.min(rest.len()).min(spare.len());
        spare[..len].copy_from_slice(&rest[..len]);
        buffer.advance(len);
        rest = &rest[len..];
        while let Some(packet) = buffer.next(Version::V3_1_1)? {
            lines.push(packet.to_string());
        }
    }
    assert!(buffer.is_empty());
    Ok(lines)
}

#[test]
fn any_step_and_any_sufficient_capacity_give_the_same_packets() {
    let whole = read(STREAM.len(), 100).unwrap();
    assert_eq!(whole.len(), 5);
    for step in 1..=STREAM.len() {
        for capacity in 9..40 {
            assert_eq!(read(step, capacity), Ok(whole.clone()), "{step} {capacity}");
        }
    }
}

#[test]
fn a_packet_longer_than_the_buffer_is_refused() {
    assert_eq!(read(1, 8), Err(DecodeError::PacketTooLarge));
}

/// There is always room for the next byte, or an answer without it.
#[test]
fn a_buffer_shorter_than_a_fixed_header_does_not_wait() {
    for capacity in 1..=5 {
        let mut buffer = PacketBuffer::new(alloc::vec![0; capacity], Sender::Client);
        for byte in [0x30, 0x80, 0x80, 0x80, 0x01] {
            let spare = buffer.spare();
            spare[0] = byte;
            buffer.advance(1);
            if let Err(error) = buffer.next(Version::V3_1_1) {
                assert_eq!((error, buffer.len()), (DecodeError::PacketTooLarge, capacity));
                break;
            }
        }
    }
}

#[test]
fn a_buffer_without_length_does_not_wait() {
    let mut buffer = PacketBuffer::new([], Sender::Client);
    assert_eq!(buffer.next(Version::V5), Err(DecodeError::PacketTooLarge));
}
