//! Laws that hold for every packet and for all bytes.

use arbitrary::{Arbitrary, Unstructured};
use mqtt_codec::{
    Ack, ArbitraryPacket, Auth, Connack, Connect, Disconnect, EncodeError, Frame, Framed, Packet,
    Properties, Property, Publish, QoS, ReasonCode, ReasonCodes, Sender, Suback, Subscribe,
    SubscriptionOptions, Subscriptions, TopicFilter, TopicFilters, Unsuback, Unsubscribe, Version,
    Will, frame,
};
use proptest::prelude::*;

/// What a made-up packet is made of.
fn seed() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(any::<u8>(), 0..600)
}

fn made_up(seed: &[u8]) -> ArbitraryPacket<'_> {
    ArbitraryPacket::arbitrary(&mut Unstructured::new(seed)).expect("the seed makes a packet")
}

fn encode(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = vec![0xEE; packet.encoded_len(version)];
    assert_eq!(packet.encode(version, &mut bytes), Ok(bytes.len()), "{packet}");
    bytes
}

fn whole(bytes: &[u8]) -> Frame<'_> {
    match frame(bytes, Sender::Either, u32::MAX) {
        Ok(Framed::Complete(frame)) => frame,
        other => panic!("{other:?}"),
    }
}

/// Lists that need not fit the packet that they go to.
struct Parts<'a> {
    properties: Vec<Property<'a>>,
    will_properties: Vec<Property<'a>>,
    reason_codes: Vec<ReasonCode>,
    subscriptions: Vec<(TopicFilter<'a>, SubscriptionOptions)>,
    filters: Vec<TopicFilter<'a>>,
}

impl<'a> Arbitrary<'a> for Parts<'a> {
    fn arbitrary(u: &mut Unstructured<'a>) -> arbitrary::Result<Self> {
        let mut properties = [Vec::new(), Vec::new()];
        for list in &mut properties {
            // Few, so that they often do fit.
            for _ in 0..u.int_in_range(0..=3)? {
                list.push(u.arbitrary()?);
            }
        }
        let [mut properties, will_properties] = properties;
        if u.ratio(1, 20)? {
            properties.push(Property::MaximumQoS(QoS::ExactlyOnce));
        }
        let mut subscriptions: Vec<(TopicFilter<'a>, _)> = Vec::new();
        for _ in 0..u.int_in_range(0..=3)? {
            subscriptions.push((u.arbitrary()?, u.arbitrary()?));
        }
        if u.ratio(1, 10)? {
            let broken = TopicFilter::in_version(b"$share//x", Version::V3_1_1).unwrap();
            subscriptions.push((broken, SubscriptionOptions::default()));
        }
        let reason_codes = (0..u.int_in_range(0..=2)?)
            .map(|_| {
                let value = *u.choose(&[0x00, 0x00, 0x01, 0x04, 0x10, 0x11, 0x18, 0x19, 0x80])?;
                Ok(ReasonCode::from_u8(value + u.int_in_range(0..=0x22)? * (value >> 7)).unwrap())
            })
            .collect::<arbitrary::Result<_>>()?;
        let filters = subscriptions.iter().map(|(filter, _)| *filter).collect();
        Ok(Self { properties, will_properties, reason_codes, subscriptions, filters })
    }
}

/// A packet of such parts, which may break any rule that the types do not rule out.
fn reckless<'a>(parts: &'a Parts<'a>, u: &mut Unstructured<'a>) -> arbitrary::Result<Packet<'a>> {
    let properties = Properties::new(&parts.properties);
    let reason_code = parts.reason_codes.first().copied().unwrap_or(ReasonCode::SUCCESS);
    let reason_codes = ReasonCodes::new(&parts.reason_codes);
    let packet_identifier = u.arbitrary()?;
    let ack = Ack { packet_identifier, reason_code, properties };
    let will_properties = Properties::new(&parts.will_properties);
    Ok(match u.int_in_range(0..=12)? {
        0 => Packet::Connect(Connect {
            version: u.arbitrary()?,
            clean_start: u.arbitrary()?,
            keep_alive: u.arbitrary()?,
            client_identifier: u.arbitrary()?,
            properties,
            will: Some(Will {
                qos: u.arbitrary()?,
                retain: u.arbitrary()?,
                topic: u.arbitrary()?,
                payload: u.arbitrary()?,
                properties: will_properties,
            }),
            user_name: u.arbitrary()?,
            password: u.arbitrary()?,
        }),
        1 => {
            let session_present = u.arbitrary()?;
            Packet::Connack(Connack { session_present, reason_code, properties })
        }
        2 => Packet::Publish(Publish {
            delivery: u.arbitrary()?,
            retain: u.arbitrary()?,
            topic: u.arbitrary()?,
            properties,
            payload: u.arbitrary()?,
        }),
        3 => Packet::Puback(ack),
        4 => Packet::Pubrec(ack),
        5 => Packet::Pubrel(ack),
        6 => Packet::Pubcomp(ack),
        7 => {
            let subscriptions = Subscriptions::new(&parts.subscriptions);
            Packet::Subscribe(Subscribe { packet_identifier, properties, subscriptions })
        }
        8 => Packet::Suback(Suback { packet_identifier, properties, reason_codes }),
        9 => {
            let filters = TopicFilters::new(&parts.filters);
            Packet::Unsubscribe(Unsubscribe { packet_identifier, properties, filters })
        }
        10 => Packet::Unsuback(Unsuback { packet_identifier, properties, reason_codes }),
        11 => Packet::Disconnect(Disconnect { reason_code, properties }),
        _ => Packet::Auth(Auth { reason_code, properties }),
    })
}

/// Every packet of a stream that arrives in pieces, by its text.
fn packets(pieces: &[&[u8]], version: Version) -> Vec<String> {
    let (mut buffer, mut found) = (Vec::new(), Vec::new());
    for piece in pieces {
        buffer.extend_from_slice(piece);
        loop {
            match frame(&buffer, Sender::Either, u32::MAX).unwrap() {
                Framed::Complete(frame) => {
                    found.push(format!("{:#}", frame.decode(version).unwrap()));
                    buffer.drain(..frame.encoded_len());
                }
                Framed::Incomplete { needed } => {
                    assert!(needed > 0);
                    break;
                }
            }
        }
    }
    assert!(buffer.is_empty());
    found
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn decoding_undoes_encoding(seed in seed()) {
        let made_up = made_up(&seed);
        let (packet, version) = (made_up.packet(), made_up.version());
        let bytes = encode(&packet, version);
        prop_assert_eq!(whole(&bytes).decode(version), Ok(packet));
    }

    /// What decoding refuses, encoding refuses: what it writes is a packet, and in 5.0 the same one.
    #[test]
    fn whatever_is_encoded_can_be_decoded(seed in seed()) {
        let mut u = Unstructured::new(&seed);
        let parts: Parts<'_> = u.arbitrary().unwrap();
        let packet = reckless(&parts, &mut u).unwrap();
        for version in Version::ALL {
            let version = if let Packet::Connect(connect) = packet { connect.version } else { version };
            let mut bytes = vec![0; packet.encoded_len(version)];
            match packet.encode(version, &mut bytes) {
                Ok(len) => {
                    prop_assert_eq!(len, bytes.len());
                    let decoded = whole(&bytes).decode(version);
                    prop_assert!(decoded.is_ok(), "{}: {:?}", packet, decoded);
                    prop_assert!(version < Version::V5 || decoded == Ok(packet));
                }
                Err(EncodeError::Refused(_) | EncodeError::NotInThisVersion) => {}
                Err(error) => prop_assert!(false, "{}: {:?}", packet, error),
            }
        }
    }

    #[test]
    fn canonical_bytes_are_encoded_again_to_the_same_bytes(seed in seed()) {
        let made_up = made_up(&seed);
        let bytes = encode(&made_up.packet(), made_up.version());
        let again = whole(&bytes).decode(made_up.version()).unwrap();
        prop_assert_eq!(encode(&again, made_up.version()), bytes);
    }

    #[test]
    fn a_buffer_too_small_is_left_alone(seed in seed(), cut in 1usize..40) {
        let made_up = made_up(&seed);
        let (packet, version) = (made_up.packet(), made_up.version());
        let needed = packet.encoded_len(version);
        let mut out = vec![0xEE; needed.saturating_sub(cut)];
        prop_assert_eq!(packet.encode(version, &mut out), Err(EncodeError::BufferTooSmall { needed }));
        prop_assert!(out.iter().all(|&byte| byte == 0xEE));
    }

    #[test]
    fn any_split_gives_the_same_packets(
        seeds in prop::collection::vec(seed(), 1..5),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
    ) {
        let made_up: Vec<_> = seeds.iter().map(|seed| made_up(seed)).collect();
        let version = made_up[0].version();
        let same_version = made_up.iter().filter(|made_up| made_up.version() == version);
        let stream: Vec<u8> =
            same_version.flat_map(|made_up| encode(&made_up.packet(), version)).collect();
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len() + 1)).collect();
        cuts.sort_unstable();
        let (mut pieces, mut start) = (Vec::new(), 0);
        for cut in cuts {
            pieces.push(&stream[start..cut]);
            start = cut;
        }
        pieces.push(&stream[start..]);
        prop_assert_eq!(packets(&pieces, version), packets(&[&stream], version));
    }

    /// Whatever is missing, the answer says how much, and never more than that.
    #[test]
    fn every_prefix_is_incomplete(seed in seed()) {
        let made_up = made_up(&seed);
        let bytes = encode(&made_up.packet(), made_up.version());
        for len in 0..bytes.len().min(300) {
            match frame(&bytes[..len], Sender::Either, u32::MAX) {
                Ok(Framed::Incomplete { needed }) => prop_assert!(
                    needed > 0 && len + needed <= bytes.len()
                ),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }

    /// Random bytes, and packets with a few bytes changed, which come further.
    #[test]
    fn no_bytes_panic_and_what_decodes_is_consistent(
        seed in seed(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..4),
        noise: bool,
    ) {
        let mut bytes = seed.clone();
        if !noise {
            let made_up = made_up(&seed);
            bytes = encode(&made_up.packet(), made_up.version());
            for (at, byte) in changes {
                let at = at.index(bytes.len());
                bytes[at] = byte;
            }
        }
        for version in Version::ALL {
            let Ok(Framed::Complete(frame)) = frame(&bytes, Sender::Either, u32::MAX) else { break };
            let Ok(packet) = frame.decode(version) else { continue };
            let version = frame.connect_version().unwrap_or(version);
            let again = encode(&packet, version);
            prop_assert_eq!(whole(&again).decode(version), Ok(packet));
            let lines = format!("{packet}{packet:#}");
            prop_assert!(!lines.contains(char::is_control));
        }
    }

    #[test]
    fn pass_through_properties_are_the_same_as_bytes_and_as_a_list(seed in seed()) {
        let made_up = made_up(&seed);
        let Packet::Publish(publish) = made_up.packet() else { return Ok(()) };
        let bytes = encode(&Packet::Publish(publish), made_up.version());
        let Ok(Packet::Publish(decoded)) = whole(&bytes).decode(made_up.version()) else {
            return Err(TestCaseError::fail("not a PUBLISH"));
        };
        let write = |properties: &Properties<'_>| {
            let mut out = vec![0; properties.pass_through_len()];
            assert_eq!(properties.encode_pass_through(&mut out), Ok(out.len()));
            out
        };
        let from_bytes = write(&decoded.properties);
        prop_assert_eq!(&from_bytes, &write(&publish.properties));
        prop_assert_eq!(from_bytes, decoded.properties.pass_through().collect::<Vec<_>>().concat());
    }
}

/// The longest packet that MQTT has, and one more byte.
#[test]
fn the_remaining_length_has_a_limit() {
    let topic = mqtt_codec::TopicName::new("t").unwrap();
    let payload = vec![0; 268_435_455 - 3 + 1];
    let publish = |payload| mqtt_codec::Publish {
        delivery: mqtt_codec::Delivery::AtMostOnce,
        retain: false,
        topic: Some(topic),
        properties: Properties::EMPTY,
        payload,
    };
    let longest = publish(&payload[1..]);
    assert_eq!(longest.encoded_len(Version::V3_1_1), 268_435_460);
    assert_eq!(
        longest.encode(Version::V3_1_1, &mut []),
        Err(EncodeError::BufferTooSmall { needed: 268_435_460 })
    );
    let one_more = publish(&payload[..]);
    assert_eq!(one_more.encode(Version::V3_1_1, &mut []), Err(EncodeError::PacketTooLarge));
}
