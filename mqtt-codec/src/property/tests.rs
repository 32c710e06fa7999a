//! Reading properties, and what may not be written.

use alloc::vec;
use alloc::vec::Vec;
use core::num::NonZeroU16;

use super::Allowed;
use crate::reader::Reader;
use crate::{
    DecodeError, EncodeError, PassThrough, Properties, Property, QoS, SubscriptionIdentifier,
    TopicName, Utf8String,
};

fn text(text: &str) -> Utf8String<'_> {
    Utf8String::new(text).unwrap()
}

fn identifier(value: u32) -> SubscriptionIdentifier {
    SubscriptionIdentifier::new(value).unwrap()
}

/// The properties of a PUBLISH as bytes, with their length before them.
const PUBLISH: &[u8] = &[
    0x22, 0x01, 0x01, // Payload Format Indicator
    0x0B, 0x07, // Subscription Identifier
    0x03, 0, 1, b't', // Content Type
    0x08, 0, 1, b'r', // Response Topic
    0x02, 0, 0, 0, 9, // Message Expiry Interval
    0x26, 0, 1, b'k', 0, 1, b'v', // User Property
    0x0B, 0x80, 0x01, // Subscription Identifier
    0x26, 0, 1, b'k', 0, 1, b'w', // User Property
];

fn decoded() -> Properties<'static> {
    Properties::decode(&mut Reader::new(PUBLISH), Allowed::PUBLISH).unwrap()
}

//= [MQTT-3.3.2-18] type=test
#[test]
fn properties_are_read_in_their_order() {
    let list = [
        Property::PayloadFormatIndicator(true),
        Property::SubscriptionIdentifier(identifier(7)),
        Property::ContentType(text("t")),
        Property::ResponseTopic(TopicName::new("r").unwrap()),
        Property::MessageExpiryInterval(9),
        Property::UserProperty(text("k"), text("v")),
        Property::SubscriptionIdentifier(identifier(128)),
        Property::UserProperty(text("k"), text("w")),
    ];
    assert_eq!(decoded().iter().collect::<Vec<_>>(), list);
    assert_eq!(decoded(), Properties::new(&list));
    assert_eq!(Properties::new(&list).encoded_len(), PUBLISH.len() - 1);
}

#[test]
fn a_getter_finds_its_property() {
    let properties = decoded();
    assert_eq!(properties.payload_format_indicator(), Some(true));
    assert_eq!(properties.message_expiry_interval(), Some(9));
    assert_eq!(properties.content_type(), Some(text("t")));
    assert_eq!(properties.response_topic().map(TopicName::as_bytes), Some(&b"r"[..]));
    assert_eq!(properties.correlation_data(), None);
    assert_eq!(properties.topic_alias(), None);
    let identifiers: Vec<u32> =
        properties.subscription_identifiers().map(SubscriptionIdentifier::get).collect();
    assert_eq!(identifiers, [7, 128]);
    let pairs: Vec<_> = properties.user_properties().collect();
    assert_eq!(pairs, [(text("k"), text("v")), (text("k"), text("w"))]);
    assert_eq!(Properties::EMPTY.user_properties().count(), 0);
}

//= [MQTT-3.3.2-4] type=test
//= [MQTT-3.3.2-15] type=test
//= [MQTT-3.3.2-16] type=test
//= [MQTT-3.3.2-17] type=test
//= [MQTT-3.3.2-20] type=test
#[test]
fn pass_through_properties_are_runs_of_the_bytes() {
    let properties = decoded();
    let runs: Vec<&[u8]> = properties.pass_through().collect();
    assert_eq!(runs, [&PUBLISH[1..3], &PUBLISH[5..13], &PUBLISH[18..25], &PUBLISH[28..]]);
    let mut out = vec![0; properties.pass_through_len()];
    assert_eq!(properties.encode_pass_through(&mut out), Ok(out.len()));
    assert_eq!(out, runs.concat());
    let short = properties.encode_pass_through(&mut out[1..]);
    assert_eq!(short, Err(EncodeError::BufferTooSmall { needed: runs.concat().len() }));
    let kept: Vec<Property<'_>> = PassThrough::assume_valid(&out).iter().collect();
    assert_eq!(kept.len(), 5);
}

#[test]
fn a_list_that_no_packet_may_have_is_refused() {
    let check = |list: &[Property<'_>], allowed| Properties::new(list).check(allowed);
    let alias = Property::TopicAlias(NonZeroU16::MIN);
    assert_eq!(
        check(&[alias, alias], Allowed::PUBLISH),
        Err(DecodeError::DuplicateProperty.into())
    );
    assert_eq!(check(&[alias], Allowed::CONNECT), Err(DecodeError::PropertyNotAllowed.into()));
    let one = Property::SubscriptionIdentifier(identifier(1));
    assert_eq!(check(&[one, one], Allowed::PUBLISH), Ok(()));
    assert_eq!(check(&[one, one], Allowed::SUBSCRIBE), Err(DecodeError::DuplicateProperty.into()));
    let long = vec![0; 65_536];
    let data = Property::CorrelationData(&long);
    assert_eq!(check(&[data], Allowed::PUBLISH), Err(EncodeError::FieldTooLong));
    let qos = Property::MaximumQoS(QoS::ExactlyOnce);
    assert_eq!(check(&[qos], Allowed::CONNACK), Err(DecodeError::InvalidMaximumQoS.into()));
}

#[test]
fn a_subscription_identifier_has_its_range() {
    assert_eq!(SubscriptionIdentifier::new(0), None);
    assert_eq!(SubscriptionIdentifier::new(268_435_456), None);
    assert_eq!(identifier(268_435_455).get(), SubscriptionIdentifier::MAX);
}
