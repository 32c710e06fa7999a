//! What does not reach anybody is in the log: what it was, why, and what would help.

use mqtt_codec::{QoS, Version};

use crate::client::Client;
use crate::running::Running;

fn start(settings: &[&str]) -> Running {
    let sets = settings.iter().flat_map(|setting| ["--set", setting]);
    Running::start(&["--listen", "127.0.0.1:0"].into_iter().chain(sets).collect::<Vec<_>>())
}

#[test]
fn a_message_that_is_not_published_is_logged_with_the_cure() {
    let broker = start(&["mqtt.topic_levels=2"]);
    let mut client = Client::connected(broker.address(), Version::V3_1_1, "deep");
    client.publish("a/b/c", QoS::AtLeastOnce, b"x");
    assert!(client.receive().starts_with("PUBACK id=9"));
    let line = broker.logged("message not published");
    for part in ["client=\"deep\"", "topic=\"a/b/c\"", "the limit `topic_levels` is reached"] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(line.ends_with("--set mqtt.topic_levels=4"), "{line}");
}

#[test]
fn a_subscription_that_is_refused_is_logged_with_the_cure() {
    let broker = start(&["mqtt.subscriptions_per_client=1"]);
    let mut client = Client::connected(broker.address(), Version::V5, "eager");
    client.subscribe("a", QoS::AtMostOnce);
    let answer = client.ask_to_subscribe("b", QoS::AtMostOnce);
    assert!(answer.starts_with("SUBACK id=1 0x97"), "{answer}");
    let line = broker.logged("subscription refused");
    assert!(line.contains("client=\"eager\"") && line.contains("filter=\"b\""), "{line}");
    assert!(line.ends_with("--set mqtt.subscriptions_per_client=2"), "{line}");
}

#[test]
fn what_is_turned_off_is_logged_with_what_turns_it_on() {
    let broker = start(&["mqtt.wildcard_subscriptions=false", "mqtt.shared_subscriptions=false"]);
    for version in [Version::V3_1_1, Version::V5] {
        let mut client = Client::connected(broker.address(), version, "eager");
        client.ask_to_subscribe("a/#", QoS::AtMostOnce);
        let line = broker.logged("subscription refused");
        assert!(line.ends_with("--set mqtt.wildcard_subscriptions=true"), "{line}");
        client.ask_to_subscribe("$share/group/a", QoS::AtMostOnce);
        let line = broker.logged("subscription refused");
        assert!(line.ends_with("--set mqtt.shared_subscriptions=true"), "{line}");
    }
}

#[test]
fn a_message_that_a_subscriber_has_no_room_for_is_logged_with_the_cure() {
    // One may be under way and one may wait.
    let broker = start(&["mqtt.inflight_messages=1", "mqtt.queue_messages=1"]);
    let mut slow = Client::connected(broker.address(), Version::V3_1_1, "slow");
    slow.subscribe("a", QoS::AtLeastOnce);
    let mut publisher = Client::connected(broker.address(), Version::V5, "publisher");
    for _ in 0..3 {
        publisher.publish("a", QoS::AtLeastOnce, b"x");
        assert!(publisher.receive().starts_with("PUBACK id=9"));
    }
    let line = broker.logged("message dropped");
    for part in ["client=\"slow\"", "topic=\"a\"", "cause=\"subscriber's queue full\""] {
        assert!(line.contains(part), "{part} is not in {line}");
    }
    assert!(line.contains("--set mqtt.queue_messages=2"), "{line}");
}
