//! How errors are shown.

use alloc::string::ToString;

use crate::{DecodeError, EncodeError};

/// What keeps its capital letter: names of the standard.
const NAMES: [&str; 11] = [
    "DUP",
    "Authentication",
    "Request",
    "Maximum",
    "Retain",
    "Wildcard",
    "Subscription",
    "Shared",
    "Receive",
    "Topic",
    "No",
];

fn is_part_of_a_sentence(shown: &str) -> bool {
    let first = shown.split(' ').next().unwrap_or_default();
    let begins = NAMES.contains(&first) || first.chars().all(|char| char.is_ascii_lowercase());
    begins && !shown.ends_with('.')
}

#[test]
fn every_error_can_follow_a_colon() {
    for error in DecodeError::ALL {
        let shown = error.to_string();
        assert!(is_part_of_a_sentence(&shown), "{shown}");
        assert_eq!(EncodeError::Refused(*error).to_string(), shown);
    }
    for error in [
        EncodeError::BufferTooSmall { needed: 4 },
        EncodeError::PacketTooLarge,
        EncodeError::FieldTooLong,
        EncodeError::NotInThisVersion,
    ] {
        assert!(is_part_of_a_sentence(&error.to_string()), "{error}");
    }
}

#[test]
fn what_a_sentence_begins_with_is_small_unless_it_is_a_name() {
    let shown = |error: DecodeError| error.to_string();
    assert_eq!(shown(DecodeError::InvalidQoS), "the QoS of a PUBLISH is 3");
    assert_eq!(shown(DecodeError::DupWithQoS0), "DUP is set on a PUBLISH of QoS 0");
    assert_eq!(shown(DecodeError::NullCharacter), "a string contains U+0000");
    assert_eq!(
        shown(DecodeError::AuthenticationMethodMissing),
        "an AUTH has no Authentication Method"
    );
    assert_eq!(shown(DecodeError::TopicAliasZero), "Topic Alias is zero");
}
