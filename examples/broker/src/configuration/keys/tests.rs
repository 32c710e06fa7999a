use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// Set by the program itself: the seed is drawn, the journal comes with a store, events feed the
/// log, and the policy knows whether it wants to be asked about deliveries. It runs one broker.
const NOT_FOR_OPERATORS: [&str; 8] =
    ["recording", "seed", "journal", "events", "ask_deliver", "limits", "shard", "shards"];

/// The fields of a configuration with their values, as its `Debug` form names them: a new field
/// shows up here without anybody remembering this test.
fn fields(config: &Config) -> BTreeMap<String, String> {
    format!("{config:#?}")
        .lines()
        .filter_map(|line| line.trim().split_once(": "))
        .map(|(name, value)| (name.to_owned(), value.to_owned()))
        .collect()
}

fn key(name: &str) -> &'static Key {
    KEYS.iter().find(|key| key.name == name).unwrap()
}

fn assigned(name: &str, value: &Value) -> Result<Config, String> {
    let mut config = Config::default();
    key(name).assign(&mut config, value).map_err(|error| error.to_string())?;
    Ok(config)
}

#[test]
fn every_field_for_operators_has_one_key() {
    let mut fields: BTreeSet<String> = fields(&Config::default()).into_keys().collect();
    for name in NOT_FOR_OPERATORS {
        assert!(fields.remove(name), "{name} is no field any more");
    }
    // Tested beside the simulator, the core has a field more: what is wrong with it on purpose.
    fields.remove("defect");
    let names: BTreeSet<String> = KEYS.iter().map(|key| key.name.to_owned()).collect();
    assert_eq!(names, fields);
    assert_eq!(KEYS.len(), names.len(), "a name stands in one section only");
}

/// The table of bounds in the documentation of the core names each key as it is here.
#[test]
fn every_bound_of_the_core_is_a_key_where_its_documentation_says() {
    let table = include_str!("../../../../../mqtt-broker-core/src/config/limits.md");
    let rows = table.lines().filter(|line| line.starts_with("| [`"));
    let named: Vec<&str> = rows.filter_map(|row| row.split('`').nth(3)).collect();
    assert!(named.len() > 30, "{named:?}");
    for name in named {
        let found = KEYS.iter().any(|key| format!("{}.{}", key.section.name(), key.name) == name);
        assert!(found, "no key {name}");
    }
}

/// Values at the ends of what a key takes.
fn extremes(key: &Key) -> Vec<Value> {
    let text = |text: &str| Value::Text(text.to_owned());
    match key.kind {
        Kind::Flag => vec![Value::Flag(false), Value::Flag(true)],
        Kind::Word(words) => words.iter().map(|word| text(word)).collect(),
        Kind::Text => vec![text(""), text(r#"a "quoted\" ö"#)],
        _ => [*key.range.start(), *key.range.end()].map(|end| Value::Number(end.into())).into(),
    }
}

#[test]
fn every_key_changes_its_own_field_and_no_other() {
    let default = Config::default();
    for key in KEYS {
        let mut changes = 0;
        for value in extremes(key) {
            let mut config = default.clone();
            key.assign(&mut config, &value).unwrap_or_else(|error| panic!("{error}"));
            let (before, after) = (fields(&default), fields(&config));
            let changed: Vec<&String> =
                before.keys().filter(|name| before[*name] != after[*name]).collect();
            assert!(changed.is_empty() || changed == [key.name], "{}: {changed:?}", key.name);
            changes += changed.len();
        }
        assert!(changes > 0, "{} changes nothing", key.name);
    }
}

#[test]
fn every_value_is_read_back_as_shown() {
    for key in KEYS {
        let mut shown = vec![key.show(&Config::default())];
        for value in extremes(key) {
            let mut config = Config::default();
            key.assign(&mut config, &value).unwrap_or_else(|error| panic!("{error}"));
            shown.push(key.show(&config));
        }
        // From each value to each other, so that reading it back must do something.
        let mut config = Config::default();
        for text in shown {
            let file = format!("value = {text}");
            let table = toml::de::DeTable::parse(&file).unwrap_or_else(|error| panic!("{error}"));
            let (_, value) = table.get_ref().iter().next().unwrap();
            key.assign(&mut config, &Value::of_toml(value.get_ref()))
                .unwrap_or_else(|error| panic!("{error}"));
            assert_eq!(key.show(&config), text, "{}", key.name);
        }
    }
}

#[test]
fn a_value_out_of_range_is_refused_with_the_range() {
    assert_eq!(
        assigned("receive_maximum", &Value::Number(0)).unwrap_err(),
        "`mqtt.receive_maximum` takes 1 to 65,535, not 0"
    );
    assert_eq!(
        assigned("receive_maximum", &Value::Number(65_536)).unwrap_err(),
        "`mqtt.receive_maximum` takes 1 to 65,535, not 65,536"
    );
    assert_eq!(
        assigned("maximum_packet_size", &Value::Text("1 GiB".to_owned())).unwrap_err(),
        "`mqtt.maximum_packet_size` takes 128 to 268,435,460 bytes, not \"1 GiB\""
    );
    // What is not understood is answered with what is.
    assert_eq!(
        assigned("maximum_packet_size", &Value::Text("1 parsec".to_owned())).unwrap_err(),
        "`mqtt.maximum_packet_size` takes 128 to 268,435,460 bytes, not \"1 parsec\"; write a number, \
         or a text with a unit such as \"16 MiB\": K, M, G, T or KiB, MiB, GiB, TiB for powers of \
         1,024, kB, MB, GB, TB for those of 1,000"
    );
    assert_eq!(
        assigned("connect_timeout", &Value::Text("5 parsecs".to_owned())).unwrap_err(),
        "`mqtt.connect_timeout` takes 1 to 65,535 seconds, not \"5 parsecs\"; write a number, or a \
         text with units such as \"30s\", \"5 min\" or \"1h30m\": s, m or min, h, d, w"
    );
    assert_eq!(
        assigned("queue_overflow", &Value::Text("drop".to_owned())).unwrap_err(),
        "`mqtt.queue_overflow` takes \"drop-oldest\", \"drop-newest\" or \"disconnect\", not \
         \"drop\""
    );
    assert_eq!(
        assigned("queue_qos0", &Value::Number(1)).unwrap_err(),
        "`mqtt.queue_qos0` takes true or false, not 1"
    );
    for key in KEYS.iter().filter(|key| key.kind != Kind::Text) {
        for beyond in [key.range.start().checked_sub(1), key.range.end().checked_add(1)] {
            let Some(beyond) = beyond else { continue };
            let mut config = Config::default();
            assert!(key.assign(&mut config, &Value::Number(beyond.into())).is_err());
            assert_eq!(config, Config::default(), "{}", key.name);
        }
        assert!(key.assign(&mut Config::default(), &Value::Number(-1)).is_err(), "{}", key.name);
    }
}

#[test]
fn a_text_is_what_the_standard_can_carry() {
    let text = |text: &str| assigned("response_information", &Value::Text(text.to_owned()));
    assert_eq!(text("reply/").unwrap().response_information.as_deref(), Some("reply/"));
    assert_eq!(text("").unwrap().response_information, None);
    assert!(text(&"x".repeat(65_535)).is_ok());
    assert!(text(&"x".repeat(65_536)).is_err());
    assert_eq!(
        text("a\0").unwrap_err(),
        "`mqtt.response_information` takes a text of at most 65,535 bytes, without control \
         characters; \"\" is none, not \"a\\0\""
    );
    assert!(assigned("response_information", &Value::Flag(true)).is_err());
}

#[test]
fn units_and_words_are_understood() {
    let config = assigned("queue_bytes", &Value::Text("2 MiB".to_owned())).unwrap();
    assert_eq!(config.queue_bytes, 2 << 20);
    let config = assigned("session_expiry_maximum", &Value::Text("7d".to_owned())).unwrap();
    assert_eq!(config.session_expiry_maximum, 604_800);
    let config = assigned("session_expiry_maximum", &Value::Text("never".to_owned())).unwrap();
    assert_eq!(config.session_expiry_maximum, u32::MAX);
    let config = assigned("queue_overflow", &Value::Text("drop-oldest".to_owned())).unwrap();
    assert_eq!(config.queue_overflow, QueueOverflow::DropOldest);
    let config = assigned("maximum_qos", &Value::Number(1)).unwrap();
    assert_eq!(config.maximum_qos, QoS::AtLeastOnce);
    assert!(assigned("connect_timeout", &Value::Text("never".to_owned())).is_err());
}
