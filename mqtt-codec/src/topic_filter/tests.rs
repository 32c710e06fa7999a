//! What a Topic Filter takes, and what it matches.

use super::{check_share, check_wildcards, has_plain_share};
use crate::{DecodeError, TopicFilter, TopicName, Version, text};

fn refused(filter: &str) -> DecodeError {
    TopicFilter::new(filter).expect_err(filter)
}

//= [MQTT-4.7.1-1] type=test
#[test]
fn the_multi_level_wildcard_is_alone_and_last() {
    for filter in ["#", "a/#", "/#", "+/#", "$SYS/#", "$share/g/#"] {
        assert!(TopicFilter::new(filter).is_ok(), "{filter}");
    }
    for filter in ["a/#/b", "#a", "a#", "##", "#/", "a/b#", "sport/tennis/#/ranking"] {
        assert_eq!(refused(filter), DecodeError::MultiLevelWildcardMisplaced, "{filter}");
    }
}

//= [MQTT-4.7.1-2] type=test
#[test]
fn the_single_level_wildcard_has_its_level_to_itself() {
    for filter in ["+", "+/a", "a/+", "a/+/b", "+/+", "/+", "+/"] {
        assert!(TopicFilter::new(filter).is_ok(), "{filter}");
    }
    for filter in ["a+", "+a", "a/b+/c", "a/+b", "++", "long/enough/for/words+/x"] {
        assert_eq!(refused(filter), DecodeError::SingleLevelWildcardMisplaced, "{filter}");
    }
}

//= [MQTT-4.7.3-1] type=test
//= [MQTT-1.5.4-2] type=test
#[test]
fn a_filter_is_a_string_of_at_least_one_character() {
    assert_eq!(refused(""), DecodeError::EmptyTopic);
    assert_eq!(refused("a/\0"), DecodeError::NullCharacter);
    assert_eq!(TopicFilter::from_bytes(b"a/\xFF"), Err(DecodeError::IllFormedUtf8));
}

//= [MQTT-4.8.2-1] type=test
//= [MQTT-4.8.2-2] type=test
#[test]
fn a_share_name_is_whole() {
    assert_eq!(refused("$share//x"), DecodeError::EmptyShareName);
    assert_eq!(refused("$share/"), DecodeError::EmptyShareName);
    assert_eq!(refused("$share/g/"), DecodeError::EmptySharedFilter);
    assert_eq!(refused("$share/g"), DecodeError::EmptySharedFilter);
    assert_eq!(refused("$share/+/x"), DecodeError::WildcardInShareName);
    assert_eq!(refused("$share/a#/x"), DecodeError::WildcardInShareName);
    let filter = TopicFilter::new("$share/g//x").unwrap();
    assert_eq!((filter.share_name(), filter.filter()), (Some(&b"g"[..]), &b"/x"[..]));
    assert!(filter.is_shared());
    let plain = TopicFilter::new("$shared/g/x").unwrap();
    assert_eq!((plain.share_name(), plain.filter()), (None, &b"$shared/g/x"[..]));
    assert!(!TopicFilter::new("$share").unwrap().is_shared());
}

/// All short strings after `$share/` and what is like it, in two ways.
//= [MQTT-4.8.2-1] type=test
//= [MQTT-4.8.2-2] type=test
#[test]
fn every_short_share_name_is_judged_alike() {
    for prefix in ["$", "$share", "$share/", "$shared/", "$SYS/", "$share/ab"] {
        for len in 0..=5 {
            for number in 0..4_u32.pow(len) {
                let mut filter = prefix.as_bytes().to_vec();
                filter.extend((0..len).map(|at| b"a/+#"[(number >> (2 * at) & 3) as usize]));
                if text::is_plain_filter(&filter) {
                    assert_eq!(
                        has_plain_share(&filter),
                        check_share(&filter).is_ok(),
                        "{filter:?}"
                    );
                }
                let (v4, v5) = [Version::V3_1_1, Version::V5]
                    .map(|version| TopicFilter::in_version(&filter, version))
                    .into();
                let share = check_share(&filter);
                assert_eq!(v5, share.and(v4), "{filter:?}");
            }
        }
    }
}

#[test]
fn a_share_name_means_nothing_in_3_x() {
    let filter = TopicFilter::in_version(b"$share//x", Version::V3_1_1).unwrap();
    assert!(!filter.is_shared());
    assert_eq!(filter.filter(), b"$share//x");
}

//= [MQTT-4.7.2-1] type=test
//= [MQTT-4.7.3-4] type=test
#[test]
fn names_are_matched_level_by_level() {
    for (filter, name, matches) in [
        ("sport/tennis/player1/#", "sport/tennis/player1", true),
        ("sport/tennis/player1/#", "sport/tennis/player1/ranking", true),
        ("sport/#", "sport", true),
        ("sport/#", "sports", false),
        ("#", "a/b/c", true),
        ("#", "/", true),
        ("sport/tennis/+", "sport/tennis/player1", true),
        ("sport/tennis/+", "sport/tennis/player1/ranking", false),
        ("sport/+", "sport", false),
        ("sport/+", "sport/", true),
        ("+/+", "/finance", true),
        ("/+", "/finance", true),
        ("+", "/finance", false),
        ("#", "$SYS/x", false),
        ("+/monitor/Clients", "$SYS/monitor/Clients", false),
        ("$SYS/#", "$SYS/x", true),
        ("$SYS/monitor/+", "$SYS/monitor/Clients", true),
        ("$share/g/+", "$SYS", false),
        ("$share/g/a/+", "a/b", true),
        ("ACCOUNTS", "Accounts", false),
        ("a/", "a", false),
        ("a", "a/", false),
    ] {
        let (parsed, topic) = (TopicFilter::new(filter).unwrap(), TopicName::new(name).unwrap());
        assert_eq!(parsed.matches(topic), matches, "{filter} {name}");
    }
}

#[test]
fn wildcards_are_seen() {
    assert!(TopicFilter::new("a/+").unwrap().has_wildcard());
    assert!(!TopicFilter::new("a/é").unwrap().has_wildcard());
}

/// All short strings of the characters that matter, at the begin, middle and end of a word of eight
/// bytes, against the plain definition.
//= [MQTT-4.7.1-1] type=test
//= [MQTT-4.7.1-2] type=test
#[test]
fn every_short_filter_is_judged_by_its_levels() {
    let plain = |filter: &[u8]| {
        let levels: alloc::vec::Vec<&[u8]> = filter.split(|byte| *byte == b'/').collect();
        let wild = |level: &[u8]| level.iter().any(|byte| b"+#".contains(byte));
        levels.iter().enumerate().all(|(at, level)| match *level {
            b"#" => at + 1 == levels.len(),
            level => level == b"+" || !wild(level),
        })
    };
    for before in [&b""[..], b"a/bcd", b"abcde/", b"ab/c/ef", b"abcdefg/", b"a/cdefghijklmn"] {
        for number in 0..4_u32.pow(6) {
            let mut filter = before.to_vec();
            filter.extend((0..6).map(|at| b"a/+#"[(number >> (2 * at) & 3) as usize]));
            for after in [&b""[..], b"/", b"a", b"/bcdefgh", b"b/+"] {
                let mut filter = filter.clone();
                filter.extend_from_slice(after);
                let result = TopicFilter::in_version(&filter, Version::V3_1_1);
                assert_eq!(result.is_ok(), plain(&filter), "{:?}", core::str::from_utf8(&filter));
                assert_eq!(check_wildcards(&filter), result.map(|_| ()), "{filter:?}");
            }
        }
    }
}
