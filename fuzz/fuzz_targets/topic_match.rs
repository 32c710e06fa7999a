//! Any Topic Filter and Topic Name: the match is that of the plain definition over levels.
#![no_main]
use mqtt_codec::{TopicFilter, TopicName};

fn plain(filter: &[&[u8]], name: &[&[u8]]) -> bool {
    match (filter, name) {
        ([b"#"], _) | ([], []) => true,
        ([b"+", filter @ ..], [_, name @ ..]) => plain(filter, name),
        ([level, filter @ ..], [same, name @ ..]) => level == same && plain(filter, name),
        _ => false,
    }
}

libfuzzer_sys::fuzz_target!(|input: (TopicFilter<'_>, TopicName<'_>)| {
    let (filter, name) = input;
    let (levels, names): (Vec<_>, Vec<_>) = (filter.levels().collect(), name.levels().collect());
    let hidden = name.is_system() && matches!(levels[0], b"+" | b"#");
    assert_eq!(filter.matches(name), !hidden && plain(&levels, &names));
});
