//! What is set on a message is what the broker is given.

use super::*;

#[test]
fn every_property_is_lent() {
    let message = Message::new("a/b", "x")
        .with_qos(QoS::ExactlyOnce)
        .with_retain(true)
        .with_message_expiry_interval(9)
        .with_payload_format_indicator(true)
        .with_content_type("text/plain")
        .with_response_topic("reply")
        .with_correlation_data([1, 2])
        .with_user_property("k", "v");
    let copy = message
        .lend(|lent| {
            let mut copy = Message::new(lent.topic.as_str(), lent.payload).with_qos(lent.qos);
            copy.retain = lent.retain;
            copy.message_expiry_interval = lent.properties.message_expiry_interval();
            lent.properties.iter().for_each(|property| copy.set_property(property));
            copy
        })
        .unwrap();
    assert_eq!(copy, message);
}

#[test]
fn what_is_not_well_formed_is_refused_and_named() {
    let refused = |message: Message| {
        let error = message.lend(|_| ()).unwrap_err();
        assert!(error.is_invalid());
        error.to_string()
    };
    assert_eq!(refused(Message::new("a/#", "")), "the Topic Name is not well-formed");
    assert_eq!(
        refused(Message::new("a", "").with_response_topic("+")),
        "the Response Topic is not well-formed"
    );
    assert_eq!(
        refused(Message::new("a", "").with_user_property("\0", "v")),
        "a User Property's name is not well-formed"
    );
    assert_eq!(
        refused(Message::new("a", "").with_correlation_data([0; 65_536])),
        "the Correlation Data is not well-formed"
    );
    let longest = Message::new("a", "").with_correlation_data([0; 65_535]);
    longest.lend(|_| ()).unwrap();
}
