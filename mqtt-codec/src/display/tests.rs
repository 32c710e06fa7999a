//! The lines that logs and transcripts show.

use alloc::format;
use alloc::string::ToString;
use core::num::NonZeroU16;

use crate::{
    Auth, Connack, Connect, Delivery, Disconnect, Packet, PacketIdentifier, Properties, Property,
    Publish, QoS, ReasonCode, ReasonCodes, RetainHandling, Suback, Subscribe,
    SubscriptionIdentifier, SubscriptionOptions, Subscriptions, TopicFilter, TopicFilters,
    TopicName, Unsuback, Unsubscribe, Utf8String, Version, Will,
};

fn text(text: &str) -> Utf8String<'_> {
    Utf8String::new(text).unwrap()
}

fn identifier(value: u16) -> PacketIdentifier {
    PacketIdentifier::new(value).unwrap()
}

#[test]
fn a_connect_shows_all_but_its_secrets() {
    let will = Will {
        qos: QoS::AtLeastOnce,
        retain: true,
        topic: TopicName::new("w/t").unwrap(),
        payload: b"bye",
        properties: Properties::new(&[Property::WillDelayInterval(5)]),
    };
    let list = [Property::SessionExpiryInterval(30), Property::AuthenticationData(b"abc")];
    let connect = Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 60,
        client_identifier: text("c1"),
        properties: Properties::new(&list),
        will: Some(will),
        user_name: Some(text("u")),
        password: Some(b"secret"),
    };
    let line = "CONNECT v5 clean keep-alive=60 client=\"c1\" will=(q1 retain \"w/t\" will-delay=5 3B) \
                user=\"u\" password=6B session-expiry=30 data=3B";
    assert_eq!(Packet::Connect(connect).to_string(), line);
    let full = format!("{:#}", Packet::Connect(connect));
    assert!(full.contains("will-delay=5 \"bye\")") && !full.contains("secret"));
}

#[test]
fn a_publish_shows_its_payload_on_request() {
    let properties = [
        Property::TopicAlias(NonZeroU16::MIN),
        Property::MessageExpiryInterval(10),
        Property::UserProperty(text("k"), text("v\n")),
    ];
    let publish = |payload| {
        Packet::Publish(Publish {
            delivery: Delivery::AtLeastOnce { packet_identifier: identifier(7), dup: true },
            retain: true,
            topic: Some(TopicName::new("a/b").unwrap()),
            properties: Properties::new(&properties),
            payload,
        })
    };
    let head = "PUBLISH q1 dup retain id=7 \"a/b\" alias=1 expiry=10 user-property=\"k\":\"v\\n\"";
    assert_eq!(publish(b"hello").to_string(), format!("{head} 5B"));
    assert_eq!(format!("{:#}", publish(b"he\"llo")), format!("{head} \"he\\\"llo\""));
    assert_eq!(format!("{:#}", publish(b"\x0a\x0b")), format!("{head} 0x0a0b"));
    assert_eq!(format!("{:#}", publish(b"\xFF")), format!("{head} 0xff"));
    assert_eq!(format!("{:#}", publish(b"")), format!("{head} \"\""));
}

#[test]
fn requests_show_their_filters() {
    let subscriptions = [
        (
            TopicFilter::new("a/+").unwrap(),
            SubscriptionOptions {
                maximum_qos: QoS::AtLeastOnce,
                no_local: true,
                retain_as_published: true,
                retain_handling: RetainHandling::DoNotSend,
            },
        ),
        (TopicFilter::new("b").unwrap(), SubscriptionOptions::default()),
    ];
    let list = [Property::SubscriptionIdentifier(SubscriptionIdentifier::new(5).unwrap())];
    let subscribe = Subscribe {
        packet_identifier: identifier(1),
        properties: Properties::new(&list),
        subscriptions: Subscriptions::new(&subscriptions),
    };
    assert_eq!(
        Packet::Subscribe(subscribe).to_string(),
        "SUBSCRIBE id=1 \"a/+\" q1 no-local rap rh=2, \"b\" q0 sub-id=5"
    );
    let filters = [subscriptions[0].0, subscriptions[1].0];
    let unsubscribe = Unsubscribe {
        packet_identifier: identifier(2),
        properties: Properties::EMPTY,
        filters: TopicFilters::new(&filters),
    };
    assert_eq!(Packet::Unsubscribe(unsubscribe).to_string(), "UNSUBSCRIBE id=2 \"a/+\", \"b\"");
}

#[test]
fn answers_show_their_reasons() {
    let list = [Property::AssignedClientIdentifier(text("x"))];
    let connack = Connack {
        session_present: true,
        reason_code: ReasonCode::SUCCESS,
        properties: Properties::new(&list),
    };
    assert_eq!(
        Packet::Connack(connack).to_string(),
        "CONNACK 0x00 Success session-present assigned-client=\"x\""
    );
    let suback = Suback {
        packet_identifier: identifier(1),
        properties: Properties::EMPTY,
        reason_codes: ReasonCodes::new(&[ReasonCode::SUCCESS, ReasonCode::NOT_AUTHORIZED]),
    };
    assert_eq!(Packet::Suback(suback).to_string(), "SUBACK id=1 0x00 0x87");
    let unsuback = Unsuback {
        packet_identifier: identifier(2),
        properties: Properties::EMPTY,
        reason_codes: ReasonCodes::new(&[ReasonCode::NO_SUBSCRIPTION_EXISTED]),
    };
    assert_eq!(Packet::Unsuback(unsuback).to_string(), "UNSUBACK id=2 0x11");
    let down = Packet::Disconnect(Disconnect::new(ReasonCode::SERVER_SHUTTING_DOWN));
    assert_eq!(down.to_string(), "DISCONNECT 0x8b Server shutting down");
    let list = [Property::AuthenticationMethod(text("m")), Property::AuthenticationData(b"123")];
    let auth = Auth {
        reason_code: ReasonCode::CONTINUE_AUTHENTICATION,
        properties: Properties::new(&list),
    };
    assert_eq!(
        Packet::Auth(auth).to_string(),
        "AUTH 0x18 Continue authentication method=\"m\" data=3B"
    );
}
