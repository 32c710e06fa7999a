//! The bounds of each length, both ways.

use super::{MAX, decode, encode, encoded_len};
use crate::DecodeError;

//= [MQTT-1.5.5-1] type=test
#[test]
fn the_shortest_form_is_written_and_read_back() {
    for (value, len) in [
        (0, 1),
        (127, 1),
        (128, 2),
        (16_383, 2),
        (16_384, 3),
        (2_097_151, 3),
        (2_097_152, 4),
        (MAX, 4),
    ] {
        assert_eq!(encoded_len(value as usize), len);
        let decoded = decode(&encode(value)[..len]).unwrap().unwrap();
        assert_eq!((decoded.0, usize::from(decoded.1)), (value, len));
        assert_eq!(decode(&encode(value)[..len - 1]), Ok(None), "{value} cut short");
    }
}

#[test]
fn a_fifth_byte_is_refused() {
    assert_eq!(
        decode(&[0x80, 0x80, 0x80, 0x80, 0x01]),
        Err(DecodeError::VariableByteIntegerTooLong)
    );
    assert_eq!(decode(&[0xFF; 4]), Err(DecodeError::VariableByteIntegerTooLong));
    assert_eq!(decode(&[0xFF; 3]), Ok(None));
}

#[test]
fn a_padded_form_is_read() {
    assert_eq!(decode(&[0x81, 0x00]), Ok(Some((1, 2))));
}
