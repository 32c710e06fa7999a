//! What encoding refuses, and what it leaves out in 3.x.

use alloc::vec;
use alloc::vec::Vec;
use core::num::NonZeroU16;

use crate::{
    Ack, Auth, Connack, Connect, DecodeError, Delivery, Disconnect, EncodeError, Frame, Framed,
    Packet, PacketIdentifier, PacketType, Properties, Property, Publish, PublishHead, QoS,
    ReasonCode, ReasonCodes, Sender, Suback, Subscribe, SubscriptionIdentifier,
    SubscriptionOptions, Subscriptions, TopicFilter, TopicFilters, TopicName, Unsuback,
    Unsubscribe, Utf8String, Version, frame,
};

const ID: PacketIdentifier = PacketIdentifier::MIN;

fn encode(packet: &Packet<'_>, version: Version) -> Result<Vec<u8>, EncodeError> {
    let mut bytes = vec![0; packet.encoded_len(version)];
    let len = packet.encode(version, &mut bytes)?;
    assert_eq!(len, bytes.len());
    Ok(bytes)
}

fn refused(packet: Packet<'_>, version: Version) -> EncodeError {
    encode(&packet, version).expect_err("a packet that nobody would take")
}

fn connect(version: Version) -> Connect<'static> {
    Connect {
        version,
        clean_start: true,
        keep_alive: 10,
        client_identifier: Utf8String::EMPTY,
        properties: Properties::EMPTY,
        will: None,
        user_name: None,
        password: None,
    }
}

fn publish(topic: Option<TopicName<'static>>, properties: Properties<'static>) -> Packet<'static> {
    let delivery = Delivery::AtMostOnce;
    Packet::Publish(Publish { delivery, retain: false, topic, properties, payload: b"" })
}

fn subscribe<'a>(list: &'a [(TopicFilter<'a>, SubscriptionOptions)]) -> Packet<'a> {
    let subscriptions = Subscriptions::new(list);
    Packet::Subscribe(Subscribe {
        packet_identifier: ID,
        properties: Properties::EMPTY,
        subscriptions,
    })
}

#[test]
fn a_connect_that_decoding_refuses_is_not_encoded() {
    let password = Packet::Connect(Connect { password: Some(b"p"), ..connect(Version::V3_1_1) });
    assert_eq!(refused(password, Version::V5), DecodeError::PasswordWithoutUserName.into());
    let v5 = Packet::Connect(Connect { password: Some(b"p"), ..connect(Version::V5) });
    assert!(encode(&v5, Version::V3_1).is_ok(), "a CONNECT has its own version");
    let long = vec![0; 65_536];
    let long = Packet::Connect(Connect { password: Some(&long), ..connect(Version::V5) });
    assert_eq!(refused(long, Version::V5), EncodeError::FieldTooLong);
    let list = [Property::AuthenticationData(b"d")];
    let data = Connect { properties: Properties::new(&list), ..connect(Version::V5) };
    assert_eq!(
        refused(Packet::Connect(data), Version::V5),
        DecodeError::AuthenticationDataWithoutMethod.into()
    );
}

#[test]
fn an_answer_that_decoding_refuses_is_not_encoded() {
    let connack = |session_present, reason_code| {
        Packet::Connack(Connack { session_present, reason_code, properties: Properties::EMPTY })
    };
    let present = connack(true, ReasonCode::NOT_AUTHORIZED);
    assert_eq!(refused(present, Version::V5), DecodeError::SessionPresentOnRefusal.into());
    let banned = connack(false, ReasonCode::BANNED);
    assert_eq!(refused(banned, Version::V3_1_1), EncodeError::NotInThisVersion);
    let taken_over = connack(false, ReasonCode::SESSION_TAKEN_OVER);
    assert_eq!(refused(taken_over, Version::V5), DecodeError::InvalidConnackReasonCode.into());

    let ack = Ack { reason_code: ReasonCode::BANNED, ..Ack::success(ID) };
    assert_eq!(
        refused(Packet::Pubrel(ack), Version::V5),
        DecodeError::InvalidPubrelReasonCode.into()
    );
    let properties = Properties::EMPTY;
    let suback = Suback { packet_identifier: ID, properties, reason_codes: ReasonCodes::EMPTY };
    assert_eq!(
        refused(Packet::Suback(suback), Version::V5),
        DecodeError::NoSubackReasonCode.into()
    );
    let unsuback = Unsuback { packet_identifier: ID, properties, reason_codes: ReasonCodes::EMPTY };
    assert_eq!(
        refused(Packet::Unsuback(unsuback), Version::V5),
        DecodeError::NoUnsubackReasonCode.into()
    );
    let disconnect = Packet::Disconnect(Disconnect::new(ReasonCode::GRANTED_QOS_1));
    assert_eq!(refused(disconnect, Version::V5), DecodeError::InvalidDisconnectReasonCode.into());
    let auth = Auth { reason_code: ReasonCode::RE_AUTHENTICATE, properties };
    assert_eq!(
        refused(Packet::Auth(auth), Version::V5),
        DecodeError::AuthenticationMethodMissing.into()
    );
    assert_eq!(refused(Packet::Auth(auth), Version::V3_1_1), EncodeError::NotInThisVersion);
}

#[test]
fn a_publish_or_request_that_decoding_refuses_is_not_encoded() {
    let bare = publish(None, Properties::EMPTY);
    assert_eq!(refused(bare, Version::V5), DecodeError::TopicMissing.into());
    assert_eq!(refused(bare, Version::V3_1_1), EncodeError::NotInThisVersion);
    const DELAY: &[Property<'_>] = &[Property::WillDelayInterval(1)];
    let delayed = publish(TopicName::new("a").ok(), Properties::new(DELAY));
    assert_eq!(refused(delayed, Version::V5), DecodeError::PropertyNotAllowed.into());

    assert_eq!(refused(subscribe(&[]), Version::V5), DecodeError::NoTopicFilter.into());
    let no_local = SubscriptionOptions { no_local: true, ..SubscriptionOptions::default() };
    let shared = [(TopicFilter::new("$share/g/a").unwrap(), no_local)];
    assert_eq!(
        refused(subscribe(&shared), Version::V5),
        DecodeError::NoLocalOnSharedSubscription.into()
    );
    let broken = TopicFilter::in_version(b"$share//a", Version::V3_1_1).unwrap();
    let broken = [(broken, SubscriptionOptions::default())];
    assert_eq!(refused(subscribe(&broken), Version::V5), DecodeError::EmptyShareName.into());
    assert!(encode(&subscribe(&broken), Version::V3_1).is_ok());
    let none = Unsubscribe {
        packet_identifier: ID,
        properties: Properties::EMPTY,
        filters: TopicFilters::new(&[]),
    };
    assert_eq!(
        refused(Packet::Unsubscribe(none), Version::V3_1_1),
        DecodeError::NoTopicFilterToUnsubscribe.into()
    );
}

#[test]
fn what_3_x_has_no_place_for_is_left_out() {
    let list = [Property::ReasonString(Utf8String::new("why").unwrap())];
    let properties = Properties::new(&list);
    let ack = Ack { packet_identifier: ID, reason_code: ReasonCode::QUOTA_EXCEEDED, properties };
    assert_eq!(encode(&Packet::Puback(ack), Version::V3_1_1), Ok(vec![0x40, 2, 0, 1]));
    let codes = [ReasonCode::GRANTED_QOS_2, ReasonCode::QUOTA_EXCEEDED];
    let reason_codes = ReasonCodes::new(&codes);
    let suback = Packet::Suback(Suback { packet_identifier: ID, properties, reason_codes });
    assert_eq!(encode(&suback, Version::V3_1), Ok(vec![0x90, 4, 0, 1, 2, 0x80]));
    let codes = [ReasonCode::SUCCESS];
    let reason_codes = ReasonCodes::new(&codes);
    let unsuback = Packet::Unsuback(Unsuback { packet_identifier: ID, properties, reason_codes });
    assert_eq!(encode(&unsuback, Version::V3_1_1), Ok(vec![0xB0, 2, 0, 1]));
    let disconnect = Disconnect { reason_code: ReasonCode::SERVER_BUSY, properties };
    assert_eq!(encode(&Packet::Disconnect(disconnect), Version::V3_1_1), Ok(vec![0xE0, 0]));
    let options =
        SubscriptionOptions { no_local: true, ..SubscriptionOptions::new(QoS::AtLeastOnce) };
    let list = [(TopicFilter::new("a").unwrap(), options)];
    let bytes = encode(&subscribe(&list), Version::V3_1_1);
    assert_eq!(bytes, Ok(vec![0x82, 6, 0, 1, 0, 1, b'a', 1]));
}

/// The head and what the caller appends make the PUBLISH that is encoded in one piece.
#[test]
fn a_head_with_its_rest_is_a_publish() {
    let identifiers = [SubscriptionIdentifier::new(5).unwrap()];
    let list = [
        Property::MessageExpiryInterval(9),
        Property::TopicAlias(NonZeroU16::MIN),
        Property::SubscriptionIdentifier(identifiers[0]),
        Property::ContentType(Utf8String::new("t").unwrap()),
    ];
    let whole = Publish {
        delivery: Delivery::ExactlyOnce { packet_identifier: ID, dup: true },
        retain: true,
        topic: TopicName::new("a/b").ok(),
        properties: Properties::new(&list),
        payload: b"payload",
    };
    let mut pass_through = [0; 4];
    assert_eq!(whole.properties.encode_pass_through(&mut pass_through), Ok(4));
    let head = PublishHead {
        delivery: whole.delivery,
        retain: whole.retain,
        topic: whole.topic,
        message_expiry_interval: Some(9),
        topic_alias: Some(NonZeroU16::MIN),
        subscription_identifiers: &identifiers,
        pass_through_len: pass_through.len(),
        payload_len: whole.payload.len(),
    };
    for version in Version::ALL {
        let mut bytes = vec![0; head.encoded_len(version)];
        assert_eq!(head.encode(version, &mut bytes), Ok(bytes.len()));
        if version == Version::V5 {
            bytes.extend_from_slice(&pass_through);
        }
        bytes.extend_from_slice(whole.payload);
        assert_eq!(bytes.len(), head.packet_len(version));
        assert_eq!(Ok(bytes), encode(&Packet::Publish(whole), version));
    }
    let short = head.encode(Version::V5, &mut [0; 3]);
    let needed = head.encoded_len(Version::V5);
    assert_eq!(short, Err(EncodeError::BufferTooSmall { needed }));
    let nameless = PublishHead { topic: None, ..head };
    assert!(nameless.encode(Version::V5, &mut [0; 40]).is_ok());
    let nameless = PublishHead { topic_alias: None, ..nameless };
    assert_eq!(nameless.encode(Version::V5, &mut [0; 40]), Err(DecodeError::TopicMissing.into()));
}

//= [MQTT-2.2.2-1] type=test
#[test]
fn no_properties_are_a_length_of_zero() {
    let bytes = encode(&publish(TopicName::new("a").ok(), Properties::EMPTY), Version::V5).unwrap();
    assert_eq!(bytes, [0x30, 4, 0, 1, b'a', 0]);
    let Ok(Framed::Complete(frame)) = frame(&bytes, Sender::Client, 100) else { panic!() };
    let Ok(Packet::Publish(publish)) = frame.decode(Version::V5) else { panic!() };
    assert!(publish.properties.is_empty());
}

fn whole(bytes: &[u8]) -> Frame<'_> {
    let Ok(Framed::Complete(frame)) = frame(bytes, Sender::Either, 100) else {
        panic!("{bytes:?}")
    };
    frame
}

/// Each type alone decodes its own packets as `Frame::decode` does, and takes no other.
#[test]
fn a_frame_is_decoded_as_the_type_that_it_is() {
    let packets: [&[u8]; 14] = [
        b"\x10\x0D\0\x04MQTT\x05\x02\0\0\0\0\0",
        b"\x20\x03\0\0\0",
        b"\x30\x04\0\x01a\0",
        b"\x40\x02\0\x01",
        b"\x50\x03\0\x01\x10",
        b"\x62\x04\0\x01\0\0",
        b"\x70\x02\0\x01",
        b"\x82\x07\0\x01\0\0\x01a\x01",
        b"\x90\x04\0\x01\0\x01",
        b"\xA2\x06\0\x01\0\0\x01a",
        b"\xB0\x04\0\x01\0\x11",
        b"\xC0\0",
        b"\xE0\x01\x04",
        b"\xF0\x06\x18\x04\x15\0\x01m",
    ];
    for bytes in packets {
        let frame = whole(bytes);
        let decoded = frame.decode(Version::V5).unwrap();
        macro_rules! alone {
            ($($packet:ident)*) => {
                $(if frame.packet_type() == PacketType::$packet {
                    let alone = $packet::from_frame(frame, Version::V5);
                    assert_eq!(alone.map(Packet::$packet), Ok(decoded));
                } else {
                    let alone = $packet::from_frame(frame, Version::V5);
                    assert_eq!(alone, Err(DecodeError::UnexpectedPacketType));
                })*
            };
        }
        alone! { Connack Publish Subscribe Suback Unsubscribe Unsuback Disconnect Auth }
        let ack = match decoded {
            Packet::Puback(ack)
            | Packet::Pubrec(ack)
            | Packet::Pubrel(ack)
            | Packet::Pubcomp(ack) => Ok(ack),
            _ => Err(DecodeError::UnexpectedPacketType),
        };
        assert_eq!(Ack::from_frame(frame, Version::V5), ack);
    }
}

/// The fixed header is looked at on this way too.
#[test]
fn a_type_alone_refuses_a_fixed_header_of_another_version() {
    let padded = whole(b"\xE0\x80\0");
    assert!(Disconnect::from_frame(padded, Version::V3_1_1).is_ok());
    let error = Disconnect::from_frame(padded, Version::V5);
    assert_eq!(error, Err(DecodeError::VariableByteIntegerNotMinimal));
    let dup = whole(b"\x6A\x02\0\x01");
    assert!(Ack::from_frame(dup, Version::V3_1).is_ok());
    assert_eq!(Ack::from_frame(dup, Version::V3_1_1), Err(DecodeError::InvalidFixedHeaderFlags));
}
