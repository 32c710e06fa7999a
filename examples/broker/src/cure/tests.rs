use super::*;

fn cures(arguments: &[&str], config: Config) -> Cures {
    Cures::new(arguments.iter().map(|&word| word.to_owned()), config)
}

#[test]
fn the_cure_for_a_stranger_is_open() {
    let cures = cures(&["mqtt-broker", "--config", "my broker.toml"], Config::default());
    assert_eq!(
        cures.of(RefusalCause::Policy, "c").unwrap(),
        "mqtt-broker --config 'my broker.toml' --open"
    );
}

#[test]
fn the_cure_for_a_full_broker_is_twice_the_limit() {
    let mut config = Config::default();
    config.limits.sessions = 50;
    let cures = cures(&["mqtt-broker"], config);
    assert_eq!(
        cures.of(RefusalCause::Limit("sessions"), "c").unwrap(),
        "mqtt-broker --set limits.sessions=100"
    );
    assert_eq!(cures.of(RefusalCause::Limit("no such limit"), "c"), None);
}

#[test]
fn the_cure_for_a_dropped_message_is_what_kept_it_out() {
    let mut config = Config::default();
    config.queue_messages = 10;
    config.queue_bytes = 1000;
    let cures = cures(&["mqtt-broker"], config);
    assert_eq!(
        cures.of_drop(DropCause::QueueFull).unwrap(),
        "mqtt-broker --set mqtt.queue_messages=20 --set mqtt.queue_bytes=2000"
    );
    assert_eq!(cures.of_drop(DropCause::Expired), None);
    assert_eq!(
        cures.of_refusal(RefusalCause::Limit("topic_levels")).unwrap(),
        "mqtt-broker --set mqtt.topic_levels=400"
    );
    assert_eq!(cures.of_refusal(RefusalCause::Policy), None);
}

#[test]
fn an_empty_client_identifier_can_be_allowed_and_a_bad_one_cannot() {
    let mut config = Config::default();
    config.allow_empty_client_id = false;
    let cures = cures(&["mqtt-broker"], config);
    assert_eq!(
        cures.of(RefusalCause::ClientIdentifier, "").unwrap(),
        "mqtt-broker --set mqtt.allow_empty_client_id=true"
    );
    assert_eq!(cures.of(RefusalCause::ClientIdentifier, "bad"), None);
}

#[test]
fn words_survive_a_shell() {
    assert_eq!(quoted("--set"), "--set");
    assert_eq!(quoted("[::1]:1883"), "'[::1]:1883'");
    assert_eq!(quoted(""), "''");
    assert_eq!(quoted("it's"), r"'it'\''s'");
}
