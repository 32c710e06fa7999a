//! Every byte value at every place of strings of every short length, against a plain definition.

use alloc::vec;

use super::{check_string, check_string_slowly, check_without_wildcards, is_plain_filter};
use crate::DecodeError;

fn expected(bytes: &[u8]) -> Result<(), DecodeError> {
    match core::str::from_utf8(bytes) {
        Err(_) => Err(DecodeError::IllFormedUtf8),
        Ok(text) if text.contains('\0') => Err(DecodeError::NullCharacter),
        Ok(_) => Ok(()),
    }
}

//= [MQTT-1.5.4-1] type=test
//= [MQTT-1.5.4-2] type=test
//= [MQTT-4.7.3-2] type=test
//= [MQTT-3.3.2-2] type=test
#[test]
fn one_odd_byte_is_found_wherever_it_is() {
    for filler in [b'a', 0x01, 0x7F, b'*', b'$', b'"', b','] {
        for len in (0..20).chain(30..36).chain([50]) {
            for at in 0..len {
                for byte in 0..=255 {
                    let mut bytes = vec![filler; len];
                    bytes[at] = byte;
                    let string = expected(&bytes);
                    assert_eq!(check_string(&bytes), string, "{bytes:?}");
                    assert_eq!(check_string_slowly(&bytes), string, "{bytes:?}");
                    let topic = match byte {
                        b'+' | b'#' => Err(DecodeError::WildcardInTopicName),
                        _ => string,
                    };
                    let found = check_without_wildcards(&bytes, DecodeError::WildcardInTopicName);
                    assert_eq!(found, topic, "{bytes:?}");
                }
            }
        }
    }
}

//= [MQTT-1.5.4-1] type=test
#[test]
fn surrogates_and_overlong_forms_are_ill_formed() {
    for bytes in
        [&b"abc\xED\xA0\x80"[..], b"\xED\xBF\xBFabcdefgh", b"\xC0\x80", b"\xF4\x90\x80\x80"]
    {
        assert_eq!(check_string(bytes), Err(DecodeError::IllFormedUtf8));
    }
}

//= [MQTT-1.5.4-3] type=test
#[test]
fn a_byte_order_mark_is_a_character() {
    assert_eq!(check_string("\u{FEFF}abc".as_bytes()), Ok(()));
    assert_eq!(check_string("a\u{1F600}z".as_bytes()), Ok(()));
}

/// [`is_plain_filter`], by its words.
fn is_plain(bytes: &[u8]) -> bool {
    !bytes.is_empty()
        && bytes.iter().all(|byte| (0x20..0x80).contains(byte))
        && bytes.split(|&byte| byte == b'/').all(|level| {
            level == b"+" || level == b"#" || !level.iter().any(|byte| b"+#".contains(byte))
        })
        && !bytes.windows(2).any(|pair| pair[0] == b'#')
}

/// Every byte at every place of every short length, and every pair of bytes in parts of each size.
//= [MQTT-4.7.1-1] type=test
//= [MQTT-4.7.1-2] type=test
//= [MQTT-4.7.3-2] type=test
#[test]
fn every_byte_of_a_filter_is_judged_wherever_it_is() {
    for filler in *b"a/" {
        for len in (1..40).chain([50]) {
            for at in 0..len {
                for byte in 0..=255 {
                    let mut bytes = vec![filler; len];
                    bytes[at] = byte;
                    assert_eq!(is_plain_filter(&bytes), is_plain(&bytes), "{bytes:?}");
                }
            }
        }
    }
    for (len, at) in [(2, 0), (4, 1), (7, 2), (9, 7), (12, 5), (17, 15), (33, 16), (40, 30)] {
        let mut bytes = vec![b'/'; len];
        for pair in 0..=u16::MAX {
            bytes[at..at + 2].copy_from_slice(&pair.to_be_bytes());
            assert_eq!(is_plain_filter(&bytes), is_plain(&bytes), "{bytes:?}");
        }
    }
}

//= [MQTT-4.7.1-1] type=test
//= [MQTT-4.7.1-2] type=test
#[test]
fn a_wildcard_is_found_wherever_it_is() {
    const PIECES: [u8; 8] = [b'a', b'/', b'+', b'#', b'\'', b'*', 0, 0xC3];
    for filler in *b"a/" {
        for len in (0..12).chain(15..20).chain(32..36).chain([50]) {
            for at in 0..len {
                for piece in 0..512 {
                    let mut bytes = vec![filler; len];
                    for (place, byte) in bytes[at..].iter_mut().take(3).enumerate() {
                        *byte = PIECES[piece >> (3 * place) & 7];
                    }
                    assert_eq!(is_plain_filter(&bytes), is_plain(&bytes), "{bytes:?}");
                }
            }
        }
    }
}
