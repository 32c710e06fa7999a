//! Tests of the levels: against the slashes themselves.

use alloc::vec::Vec;

use proptest::prelude::*;

use super::levels;
use crate::topic_tree::Level;

//= [MQTT-4.7.3-4] type=test
proptest! {
    #[test]
    fn are_what_stands_between_slashes(path in "[/a0\u{e9}\u{10ffff}.\u{7f}]{0,40}") {
        let split: Vec<_> = path.as_bytes().split(|byte| *byte == b'/').collect();
        let found: Vec<_> = levels(path.as_bytes()).collect();
        prop_assert_eq!(split.len(), found.len());
        for (text, level) in split.into_iter().zip(found) {
            prop_assert_eq!(text, level.bytes());
            prop_assert!(Level::new(text).text() == level.text());
        }
    }
}
