//! What a UTF-8 Encoded String takes.

use alloc::format;
use alloc::string::String;

use crate::{DecodeError, Utf8String};

//= [MQTT-1.5.4-2] type=test
#[test]
fn a_null_character_is_refused() {
    assert_eq!(Utf8String::new("a\0b"), Err(DecodeError::NullCharacter));
}

#[test]
fn the_length_is_limited_to_what_two_bytes_hold() {
    let text = String::from_iter(core::iter::repeat_n('a', 65_536));
    assert_eq!(Utf8String::new(&text), Err(DecodeError::StringTooLong));
    assert_eq!(Utf8String::new(&text[1..]).map(Utf8String::len), Ok(65_535));
}

#[test]
fn the_text_is_given_back() {
    let string = Utf8String::new("grün\n").unwrap();
    assert_eq!(string.as_str(), "grün\n");
    assert_eq!(string, "grün\n");
    assert_eq!(format!("{string}"), "grün\n");
    assert_eq!(format!("{string:?}"), r#""grün\n""#);
    assert!(Utf8String::EMPTY.is_empty());
}
