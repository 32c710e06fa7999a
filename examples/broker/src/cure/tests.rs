use super::*;

fn here() -> Peer {
    Peer::new("127.0.0.1:1".parse().unwrap())
}

fn elsewhere() -> Peer {
    Peer::new("192.0.2.1:1".parse().unwrap())
}

fn cures(arguments: &[&str], config: Config) -> Cures {
    Cures::new(arguments.iter().map(|&word| word.to_owned()), config)
}

#[test]
fn the_cure_for_a_stranger_is_open() {
    let cures = cures(&["mqtt-broker", "--config", "my broker.toml"], Config::default());
    assert_eq!(
        cures.of(RefusalCause::Policy, elsewhere(), "c").unwrap(),
        "mqtt-broker --config 'my broker.toml' --open"
    );
}

#[test]
fn the_cure_for_a_full_broker_is_twice_the_limit() {
    let mut config = Config::default();
    config.limits.sessions = 50;
    let cures = cures(&["mqtt-broker"], config);
    assert_eq!(
        cures.of(RefusalCause::Limit("sessions"), here(), "c").unwrap(),
        "mqtt-broker --set limits.sessions=100"
    );
    assert_eq!(cures.of(RefusalCause::Limit("no such limit"), here(), "c"), None);
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
        cures.of(RefusalCause::ClientIdentifier, here(), "").unwrap(),
        "mqtt-broker --set mqtt.allow_empty_client_id=true"
    );
    let long = cures.of(RefusalCause::ClientIdentifier, here(), "bad");
    assert_eq!(long.unwrap(), "a shorter one, or MQTT 3.1.1 or 5.0");
}

#[test]
fn nobody_is_told_to_open_what_is_open() {
    let open = cures(&["mqtt-broker", "--open"], Config::default()).with_open(true);
    assert_eq!(open.of(RefusalCause::Policy, elsewhere(), "c"), None);
    let closed = cures(&["mqtt-broker"], Config::default());
    assert_eq!(closed.of(RefusalCause::Policy, here(), "c"), None);
}

#[test]
fn a_limit_of_0_becomes_the_usual_one_and_the_highest_has_no_cure() {
    let mut config = Config::default();
    config.limits.retained = 0;
    config.limits.wills = u32::MAX;
    let usual = Config::default().limits.retained;
    let cures = cures(&["mqtt-broker"], config);
    let retained = cures.of_limits(&["retained"]).unwrap();
    assert_eq!(retained, format!("mqtt-broker --set limits.retained={usual}"));
    assert_eq!(cures.of_limits(&["wills"]), None);
}

#[test]
fn what_is_turned_off_can_be_turned_on() {
    let cures = cures(&["mqtt-broker"], Config::default());
    for unsupported in Unsupported::ALL {
        let setting = match unsupported {
            Unsupported::RetainedMessages => Some("retain_available=true"),
            Unsupported::WillQoS => Some("maximum_qos=2"),
            Unsupported::SharedSubscriptions => Some("shared_subscriptions=true"),
            Unsupported::WildcardSubscriptions => Some("wildcard_subscriptions=true"),
            // For the client to do otherwise.
            Unsupported::PayloadFormat | Unsupported::Takeover => None,
            new => panic!("{new:?}: what turns it on?"),
        };
        let cure = setting.map(|setting| format!("mqtt-broker --set mqtt.{setting}"));
        assert_eq!(cures.of_refusal(RefusalCause::Unsupported(unsupported)), cure);
        if let Some(argument) = setting.map(|setting| format!("mqtt.{setting}")) {
            crate::configuration::Configuration::default().set(&argument).unwrap();
        }
    }
}

#[test]
fn where_files_are_few_the_system_has_the_cure() {
    let cures = cures(&["mqtt-broker"], Config::default()).with_few_files(true);
    assert!(cures.of_limits(&["connections"]).unwrap().contains("ulimit -n"));
}

#[test]
fn words_survive_a_shell() {
    assert_eq!(quoted("--set"), "--set");
    assert_eq!(quoted("[::1]:1883"), "'[::1]:1883'");
    assert_eq!(quoted(""), "''");
    assert_eq!(quoted("it's"), r"'it'\''s'");
}
