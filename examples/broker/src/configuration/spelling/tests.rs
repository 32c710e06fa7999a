use super::*;

#[test]
fn the_nearest_key_of_the_same_table_is_named() {
    let answer = unknown_key(Some(Section::Mqtt), "queue_mesages");
    assert_eq!(answer, "unknown key `queue_mesages` in [mqtt]; did you mean `queue_messages`?");
    let answer = unknown_key(Some(Section::Mqtt), "Receive-Maximum");
    assert_eq!(answer, "unknown key `Receive-Maximum` in [mqtt]; did you mean `receive_maximum`?");
    assert_eq!(unknown_key(None, "lisen"), "unknown key `lisen`; did you mean `listen`?");
    assert_eq!(unknown_key(None, "mqqt"), "unknown key `mqqt`; did you mean `mqtt`?");
}

#[test]
fn a_key_of_another_table_is_sent_there() {
    let answer = unknown_key(Some(Section::Limits), "connections");
    assert_eq!(answer, "unknown key `connections` in [limits]; it belongs in [mqtt]");
    let answer = unknown_key(None, "queue_messages");
    assert_eq!(answer, "unknown key `queue_messages`; it belongs in [mqtt]");
    let answer = unknown_key(Some(Section::Mqtt), "listen");
    assert_eq!(
        answer,
        "unknown key `listen` in [mqtt]; it belongs at the top of the file, before any [table]"
    );
    let answer = unknown_key(None, "queue_mesages");
    assert_eq!(answer, "unknown key `queue_mesages`; did you mean `queue_messages` in [mqtt]?");
}

#[test]
fn nothing_near_means_no_guess() {
    let answer = unknown_key(Some(Section::Limits), "colour");
    assert_eq!(answer, "unknown key `colour` in [limits]; `mqtt-broker config` prints all keys");
}
