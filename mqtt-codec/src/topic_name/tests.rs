//! What a Topic Name takes.

use alloc::string::String;
use alloc::vec::Vec;

use crate::{DecodeError, TopicName};

//= [MQTT-4.7.3-1] type=test
#[test]
fn a_name_has_at_least_one_character() {
    assert_eq!(TopicName::new(""), Err(DecodeError::EmptyTopic));
    assert!(TopicName::new("/").is_ok());
    assert!(TopicName::new(" ").is_ok());
}

//= [MQTT-4.7.0-1] type=test
//= [MQTT-3.3.2-2] type=test
#[test]
fn a_name_has_no_wildcard() {
    for name in ["#", "+", "a/+/b", "a/b+", "sensor/é/#"] {
        assert_eq!(TopicName::new(name), Err(DecodeError::WildcardInTopicName), "{name}");
    }
}

//= [MQTT-4.7.3-3] type=test
//= 3.1.1 [MQTT-4.7.3-3] type=test
#[test]
fn a_name_has_at_most_65535_bytes() {
    let name = String::from_iter(core::iter::repeat_n('a', 65_536));
    assert_eq!(TopicName::new(&name), Err(DecodeError::StringTooLong));
    assert!(TopicName::new(&name[1..]).is_ok());
}

#[test]
fn levels_may_be_empty() {
    let levels: Vec<&[u8]> = TopicName::new("/a//b/").unwrap().levels().collect();
    assert_eq!(levels, [&b""[..], b"a", b"", b"b", b""]);
    let levels: Vec<&[u8]> = TopicName::new("a").unwrap().levels().collect();
    assert_eq!(levels, [b"a"]);
}

#[test]
fn a_system_topic_starts_with_a_dollar() {
    assert!(TopicName::new("$SYS/x").unwrap().is_system());
    assert!(!TopicName::new("a/$SYS").unwrap().is_system());
}
