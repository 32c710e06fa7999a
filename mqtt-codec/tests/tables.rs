//! The tables of the standards, each cell of them: which flags, properties, values and Reason Codes
//! may be in which packet, of which version, from which side.

use mqtt_codec::DecodeError::{self, *};
use mqtt_codec::Sender::{self, Client, Either, Server};
use mqtt_codec::Version::{self, V3_1, V3_1_1, V5};
use mqtt_codec::{Framed, Packet, PacketType, frame};

/// A packet of this first byte, with a Remaining Length that fits.
fn packet(first: u8, body: &[&[u8]]) -> Vec<u8> {
    let body = body.concat();
    let mut packet = vec![first, u8::try_from(body.len()).unwrap()];
    assert!(body.len() < 0x80);
    packet.extend(body);
    packet
}

fn judge(bytes: &[u8], sender: Sender, version: Version) -> Result<(), DecodeError> {
    match frame(bytes, sender, 1000)? {
        Framed::Complete(frame) => frame.decode(version).map(|_| ()),
        Framed::Incomplete { needed } => panic!("{needed} more bytes"),
    }
}

/// Table 2-4 of 5.0: identifier, a value, and where the property may stand.
const PROPERTIES: &[(u8, &[u8], &str)] = &[
    (0x01, &[1], "PUBLISH WILL"),
    (0x02, &[0; 4], "PUBLISH WILL"),
    (0x03, b"\0\x01t", "PUBLISH WILL"),
    (0x08, b"\0\x01r", "PUBLISH WILL"),
    (0x09, b"\0\x01\xFF", "PUBLISH WILL"),
    (0x0B, &[1], "PUBLISH SUBSCRIBE"),
    (0x11, &[0xFF; 4], "CONNECT CONNACK DISCONNECT"),
    (0x12, b"\0\x01i", "CONNACK"),
    (0x13, &[0; 2], "CONNACK"),
    (0x15, b"\0\x01m", "CONNECT CONNACK AUTH"),
    (0x16, b"\0\x01\xFF", "CONNECT CONNACK AUTH"),
    (0x17, &[0], "CONNECT"),
    (0x18, &[0; 4], "WILL"),
    (0x19, &[1], "CONNECT"),
    (0x1A, b"\0\x01i", "CONNACK"),
    (0x1C, b"\0\x01s", "CONNACK DISCONNECT"),
    (0x1F, b"\0\x01r", "CONNACK PUBACK PUBREC PUBREL PUBCOMP SUBACK UNSUBACK DISCONNECT AUTH"),
    (0x21, &[0, 1], "CONNECT CONNACK"),
    (0x22, &[0; 2], "CONNECT CONNACK"),
    (0x23, &[0, 1], "PUBLISH"),
    (0x24, &[1], "CONNACK"),
    (0x25, &[0], "CONNACK"),
    (
        0x26,
        b"\0\x01k\0\x01v",
        "CONNECT WILL CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE \
         UNSUBACK DISCONNECT AUTH",
    ),
    (0x27, &[0, 0, 0, 1], "CONNECT CONNACK"),
    (0x28, &[0], "CONNACK"),
    (0x29, &[1], "CONNACK"),
    (0x2A, &[0], "CONNACK"),
];

const PLACES: [&str; 14] = [
    "CONNECT",
    "WILL",
    "CONNACK",
    "PUBLISH",
    "PUBACK",
    "PUBREC",
    "PUBREL",
    "PUBCOMP",
    "SUBSCRIBE",
    "SUBACK",
    "UNSUBSCRIBE",
    "UNSUBACK",
    "DISCONNECT",
    "AUTH",
];

/// A packet of 5.0 with these properties in a place, and nothing wrong with the rest of it.
fn with_properties(place: &str, properties: &[u8]) -> Vec<u8> {
    let list = [&[u8::try_from(properties.len()).unwrap()], properties].concat();
    match place {
        "CONNECT" => packet(0x10, &[b"\0\x04MQTT\x05\x02\0\0", &list, b"\0\0"]),
        "WILL" => packet(0x10, &[b"\0\x04MQTT\x05\x06\0\0\0\0\0", &list, b"\0\x01w\0\0"]),
        "CONNACK" => packet(0x20, &[&[0, 0], &list]),
        "PUBLISH" => packet(0x30, &[b"\0\x01a", &list]),
        "PUBACK" => packet(0x40, &[&[0, 1, 0], &list]),
        "PUBREC" => packet(0x50, &[&[0, 1, 0], &list]),
        "PUBREL" => packet(0x62, &[&[0, 1, 0], &list]),
        "PUBCOMP" => packet(0x70, &[&[0, 1, 0], &list]),
        "SUBSCRIBE" => packet(0x82, &[&[0, 1], &list, b"\0\x01a\0"]),
        "SUBACK" => packet(0x90, &[&[0, 1], &list, &[0]]),
        "UNSUBSCRIBE" => packet(0xA2, &[&[0, 1], &list, b"\0\x01a"]),
        "UNSUBACK" => packet(0xB0, &[&[0, 1], &list, &[0]]),
        "DISCONNECT" => packet(0xE0, &[&[0], &list]),
        _ => packet(0xF0, &[&[0x18], &list]),
    }
}

/// What a property needs beside it: an AUTH its method, Authentication Data too.
fn companion(place: &str, identifier: u8) -> &'static [u8] {
    match (place, identifier) {
        ("AUTH", 0x15) => b"",
        ("AUTH", _) | ("CONNECT", 0x16) => b"\x15\0\x01m",
        _ => b"",
    }
}

//= [MQTT-3.14.2-2] type=test
//= [MQTT-3.3.4-6] type=test
#[test]
fn each_property_stands_where_the_table_has_it_and_once() {
    for place in PLACES {
        for identifier in 0..=u8::MAX {
            let row = PROPERTIES.iter().find(|(known, ..)| *known == identifier);
            let value = row.map_or(&[0, 0, 0, 0][..], |(_, value, _)| value);
            let property = [&[identifier], value].concat();
            let companion = companion(place, identifier);
            let once = with_properties(place, &[&property, companion].concat());
            let expected = match row {
                None => Err(UnknownProperty),
                Some((.., places)) if places.split(' ').any(|known| known == place) => Ok(()),
                Some(_) => Err(PropertyNotAllowed),
            };
            assert_eq!(judge(&once, Either, V5), expected, "{identifier:#04x} in {place}");
            if expected.is_err() {
                continue;
            }
            let twice = with_properties(place, &[&property, &property, companion].concat());
            let expected = match (identifier, place) {
                (0x26, _) | (0x0B, "PUBLISH") => Ok(()),
                _ => Err(DuplicateProperty),
            };
            assert_eq!(judge(&twice, Either, V5), expected, "{identifier:#04x} twice in {place}");
        }
    }
}

/// Which property is whose, where both sides send the packet.
#[test]
fn two_properties_have_a_direction() {
    let identifier = with_properties("PUBLISH", b"\x0B\x01");
    assert_eq!(judge(&identifier, Client, V5), Err(SubscriptionIdentifierFromClient));
    assert_eq!(judge(&identifier, Server, V5), Ok(()));
    let expiry = with_properties("DISCONNECT", &[0x11, 0, 0, 0, 0]);
    assert_eq!(judge(&expiry, Server, V5), Err(SessionExpiryFromServer));
    assert_eq!(judge(&expiry, Client, V5), Ok(()));
}

/// The edges of each value that has a range.
//= [MQTT-3.3.2-8] type=test
#[test]
fn each_property_has_its_range() {
    let bytes: [(u8, &str, DecodeError); 8] = [
        (0x01, "PUBLISH", InvalidPayloadFormatIndicator),
        (0x17, "CONNECT", InvalidRequestProblemInformation),
        (0x19, "CONNECT", InvalidRequestResponseInformation),
        (0x24, "CONNACK", InvalidMaximumQoS),
        (0x25, "CONNACK", InvalidRetainAvailable),
        (0x28, "CONNACK", InvalidWildcardSubscriptionAvailable),
        (0x29, "CONNACK", InvalidSubscriptionIdentifierAvailable),
        (0x2A, "CONNACK", InvalidSharedSubscriptionAvailable),
    ];
    for (identifier, place, error) in bytes {
        for value in 0..=u8::MAX {
            let packet = with_properties(place, &[identifier, value]);
            let expected = if value < 2 { Ok(()) } else { Err(error) };
            assert_eq!(judge(&packet, Either, V5), expected, "{identifier:#04x} {value}");
        }
    }
    let will = with_properties("WILL", &[0x01, 2]);
    assert_eq!(judge(&will, Client, V5), Err(InvalidPayloadFormatIndicator));
    for (place, property, expected) in [
        ("CONNECT", &[0x21, 0, 0][..], Err(ReceiveMaximumZero)),
        ("CONNECT", &[0x21, 0xFF, 0xFF], Ok(())),
        ("CONNECT", &[0x27, 0, 0, 0, 0], Err(MaximumPacketSizeZero)),
        ("CONNECT", &[0x27, 0xFF, 0xFF, 0xFF, 0xFF], Ok(())),
        ("CONNECT", &[0x22, 0xFF, 0xFF], Ok(())),
        ("PUBLISH", &[0x23, 0, 0], Err(TopicAliasZero)),
        ("PUBLISH", &[0x23, 0xFF, 0xFF], Ok(())),
        ("SUBSCRIBE", &[0x0B, 0], Err(SubscriptionIdentifierZero)),
        ("SUBSCRIBE", &[0x0B, 0x80, 0], Err(VariableByteIntegerNotMinimal)),
        ("SUBSCRIBE", &[0x0B, 0x80, 0x01], Ok(())),
        ("SUBSCRIBE", &[0x0B, 0xFF, 0xFF, 0xFF, 0x7F], Ok(())),
        ("SUBSCRIBE", &[0x0B, 0xFF, 0xFF, 0xFF, 0xFF], Err(VariableByteIntegerTooLong)),
        ("WILL", b"\x08\0\0", Err(EmptyTopic)),
        ("WILL", b"\x08\0\x01+", Err(WildcardInResponseTopic)),
        ("WILL", b"\x03\0\0", Ok(())),
        ("PUBLISH", b"\x26\0\0\0\0", Ok(())),
    ] {
        let packet = with_properties(place, property);
        assert_eq!(judge(&packet, Either, V5), expected, "{place} {property:02x?}");
    }
    // CONNACK and AUTH may have a method without data; only CONNECT is refused data without a method.
    assert_eq!(judge(&with_properties("CONNACK", b"\x16\0\0"), Server, V5), Ok(()));
    assert_eq!(
        judge(&with_properties("CONNECT", b"\x16\0\0"), Client, V5),
        Err(AuthenticationDataWithoutMethod)
    );
}

/// Reason Codes that both sides send, that a Server sends, that a Client sends.
type Codes = (&'static [u8], &'static [u8], &'static [u8]);

/// A packet with a Reason Code: first byte, what is before the code and after it, the codes, and the
/// error of any other.
type Carrier = (u8, &'static [u8], &'static [u8], Codes, DecodeError);

const REASON_CODES: &[Carrier] = &[
    (0x20, &[0], &[0], (CONNACK, &[], &[]), InvalidConnackReasonCode),
    (0x40, &[0, 1], &[], (RECEIPT, &[], &[]), InvalidPubackReasonCode),
    (0x50, &[0, 1], &[0], (RECEIPT, &[], &[]), InvalidPubrecReasonCode),
    (0x62, &[0, 1], &[], (&[0x00, 0x92], &[], &[]), InvalidPubrelReasonCode),
    (0x70, &[0, 1], &[0], (&[0x00, 0x92], &[], &[]), InvalidPubcompReasonCode),
    (0x90, &[0, 1, 0], &[], (SUBACK, &[], &[]), InvalidSubackReasonCode),
    (0xB0, &[0, 1, 0], &[], (UNSUBACK, &[], &[]), InvalidUnsubackReasonCode),
    (0xE0, &[], &[], (DISCONNECT, DISCONNECT_OF_SERVER, &[0x04]), InvalidDisconnectReasonCode),
    (0xF0, &[], b"\x04\x15\0\x01m", (&[0x18], &[0x00], &[0x19]), InvalidAuthReasonCode),
];

const CONNACK: &[u8] = &[
    0x00, 0x80, 0x81, 0x82, 0x83, 0x84, 0x85, 0x86, 0x87, 0x88, 0x89, 0x8A, 0x8C, 0x90, 0x95, 0x97,
    0x99, 0x9A, 0x9B, 0x9C, 0x9D, 0x9F,
];
const RECEIPT: &[u8] = &[0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
const SUBACK: &[u8] = &[0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2];
const UNSUBACK: &[u8] = &[0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91];
const DISCONNECT: &[u8] =
    &[0x00, 0x80, 0x81, 0x82, 0x83, 0x8C, 0x90, 0x93, 0x94, 0x95, 0x96, 0x97, 0x98, 0x99];
const DISCONNECT_OF_SERVER: &[u8] =
    &[0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2];

//= [MQTT-3.2.2-8] type=test
//= [MQTT-3.4.2-1] type=test
//= [MQTT-3.5.2-1] type=test
//= [MQTT-3.6.2-1] type=test
//= [MQTT-3.7.2-1] type=test
//= [MQTT-3.9.3-2] type=test
//= [MQTT-3.11.3-2] type=test
//= [MQTT-3.14.2-1] type=test
//= [MQTT-3.15.2-1] type=test
#[test]
fn each_packet_has_its_reason_codes_and_each_side_its_own() {
    for (first, before, after, (both, of_server, of_client), error) in REASON_CODES {
        for sender in [Client, Server, Either] {
            if sender == Client && matches!(first, 0x20 | 0x90 | 0xB0) {
                continue;
            }
            for code in 0..=u8::MAX {
                let bytes = packet(*first, &[before, &[code], after]);
                let known = both.contains(&code)
                    || (sender != Client && of_server.contains(&code))
                    || (sender != Server && of_client.contains(&code));
                let expected = if known { Ok(()) } else { Err(*error) };
                assert_eq!(judge(&bytes, sender, V5), expected, "{bytes:02x?} {sender:?}");
            }
        }
    }
    // An AUTH of nothing is a Success, which the Server says.
    assert_eq!(judge(&[0xF0, 0], Server, V5), Ok(()));
    assert_eq!(judge(&[0xF0, 0], Client, V5), Err(InvalidAuthReasonCode));
    for code in 0..=u8::MAX {
        let suback = judge(&packet(0x90, &[&[0, 1, code]]), Server, V3_1_1);
        let connack = judge(&packet(0x20, &[&[0, code]]), Server, V3_1_1);
        assert_eq!(suback.is_ok(), [0, 1, 2, 0x80].contains(&code), "SUBACK {code:#04x}");
        assert_eq!(connack.is_ok(), code <= 5, "CONNACK {code:#04x}");
        // Of a granted QoS, 3.1 uses two bits.
        let suback = judge(&packet(0x90, &[&[0, 1, code]]), Server, V3_1);
        assert_eq!(suback.is_ok(), code & 3 != 3, "SUBACK of 3.1 {code:#04x}");
    }
}

/// A body that fits the type, in each version.
fn body(packet_type: PacketType, flags: u8, version: Version) -> Vec<u8> {
    let v5 = version == V5;
    let properties: &[u8] = if v5 { &[0] } else { &[] };
    match packet_type {
        PacketType::Connect => match version {
            V3_1 => b"\0\x06MQIsdp\x03\x02\0\0\0\x01c".to_vec(),
            V3_1_1 => b"\0\x04MQTT\x04\x02\0\0\0\0".to_vec(),
            V5 => b"\0\x04MQTT\x05\x02\0\0\0\0\0".to_vec(),
        },
        PacketType::Connack => [&[0, 0], properties].concat(),
        PacketType::Publish => {
            let identifier: &[u8] = if flags & 6 == 0 { &[] } else { &[0, 1] };
            [b"\0\x01a", identifier, properties].concat()
        }
        PacketType::Puback | PacketType::Pubrec | PacketType::Pubrel | PacketType::Pubcomp => {
            vec![0, 1]
        }
        PacketType::Subscribe => [&[0, 1], properties, b"\0\x01a\0"].concat(),
        PacketType::Unsubscribe => [&[0, 1], properties, b"\0\x01a"].concat(),
        PacketType::Suback => [&[0, 1], properties, &[0]].concat(),
        PacketType::Unsuback if v5 => vec![0, 1, 0, 0],
        PacketType::Unsuback => vec![0, 1],
        PacketType::Auth => b"\x18\x04\x15\0\x01m".to_vec(),
        PacketType::Pingreq | PacketType::Pingresp | PacketType::Disconnect => Vec::new(),
    }
}

//= [MQTT-2.1.3-1] type=test
//= [MQTT-3.3.1-2] type=test
//= [MQTT-3.3.1-4] type=test
//= 3.1.1 [MQTT-2.2.2-2] type=test
#[test]
fn each_first_byte_has_its_versions_and_its_sides() {
    for version in Version::ALL {
        for first in 0..=u8::MAX {
            let flags = first & 0x0F;
            let Some(packet_type) = PacketType::from_u8(first >> 4) else {
                assert_eq!(judge(&[first, 0], Either, version), Err(ReservedPacketType));
                continue;
            };
            let bytes = packet(first, &[&body(packet_type, flags, version)]);
            for sender in [Client, Server, Either] {
                let wrong_side = match packet_type as u8 {
                    1 | 8 | 10 | 12 => sender == Server,
                    2 | 9 | 11 | 13 => sender == Client,
                    // Only in 5.0 does a Server say goodbye.
                    14 => sender == Server && version < V5,
                    _ => false,
                };
                // 3.1 uses the QoS of three packets, and knows no AUTH.
                let wrong_flags = match packet_type as u8 {
                    3 => flags & 6 == 6 || flags & 14 == 8,
                    6 | 8 | 10 if version == V3_1 => flags & 6 != 2,
                    6 | 8 | 10 => flags != 2,
                    15 => flags != 0,
                    _ => version != V3_1 && flags != 0,
                };
                let reserved = packet_type == PacketType::Auth && version < V5;
                let fits = !wrong_side && !wrong_flags && !reserved;
                let result = judge(&bytes, sender, version);
                assert_eq!(result.is_ok(), fits, "v{version} {sender:?} {bytes:02x?}: {result:?}");
                if wrong_side && !matches!(packet_type, PacketType::Disconnect) {
                    assert_eq!(judge(&[first, 0xFF, 0xFF, 0xFF, 0xFF], sender, version), result);
                }
            }
        }
    }
}

/// Every byte of flags, with the fields that it announces.
//= [MQTT-3.1.2-3] type=test
//= [MQTT-3.1.2-11] type=test
//= [MQTT-3.1.2-12] type=test
//= [MQTT-3.1.2-13] type=test
//= [MQTT-3.1.2-16] type=test
//= [MQTT-3.1.2-17] type=test
//= [MQTT-3.1.2-18] type=test
//= [MQTT-3.1.2-19] type=test
//= 3.1.1 [MQTT-3.1.2-22] type=test
#[test]
fn each_combination_of_connect_flags_is_judged() {
    for version in Version::ALL {
        for flags in 0..=u8::MAX {
            let will = flags & 4 != 0;
            let properties: &[u8] = if version == V5 { &[0] } else { &[] };
            let protocol: &[u8] = match version {
                V3_1 => b"\0\x06MQIsdp\x03",
                V3_1_1 => b"\0\x04MQTT\x04",
                V5 => b"\0\x04MQTT\x05",
            };
            let (flags_field, keep_alive) = ([flags], [0, 0]);
            let mut fields = vec![protocol, &flags_field, &keep_alive, properties, b"\0\x01c"];
            if will {
                fields.extend([properties, b"\0\x01w\0\x01m"]);
            }
            if flags & 0x80 != 0 {
                fields.push(b"\0\x01u");
            }
            if flags & 0x40 != 0 {
                fields.push(b"\0\x01p");
            }
            let bytes = packet(0x10, &fields);
            let strict = version != V3_1;
            let expected = match flags {
                _ if strict && flags & 1 != 0 => Err(ConnectReservedFlag),
                _ if strict && !will && flags & 0x18 != 0 => Err(WillQoSWithoutWill),
                _ if strict && !will && flags & 0x20 != 0 => Err(WillRetainWithoutWill),
                _ if version < V5 && flags & 0xC0 == 0x40 => Err(PasswordWithoutUserName),
                _ if will && flags & 0x18 == 0x18 => Err(InvalidWillQoS),
                _ => Ok(()),
            };
            assert_eq!(judge(&bytes, Client, version), expected, "v{version} {flags:#010b}");
            let Ok(Framed::Complete(frame)) = frame(&bytes, Client, 1000) else { panic!() };
            if let Ok(connect @ Packet::Connect(_)) = frame.decode(version) {
                let mut again = vec![0; connect.encoded_len(version)];
                assert_eq!(connect.encode(version, &mut again), Ok(bytes.len()));
                // What 3.1 does not use is not written again: Protocol Name and level are 9 bytes there.
                let mut canonical = bytes.clone();
                if version == V3_1 {
                    canonical[2 + 9] &= if will { !1 } else { !0x39 };
                }
                assert_eq!(again, canonical);
            }
        }
    }
}

/// What a UTF-8 Encoded String should not have but may: control characters and noncharacters; and what
/// nobody may take away, U+FEFF.
//= [MQTT-1.5.4-1] type=test
//= [MQTT-1.5.4-3] type=test
#[test]
fn every_character_but_null_is_allowed() {
    for character in '\0'..=char::MAX {
        let mut utf8 = [0; 4];
        let utf8 = character.encode_utf8(&mut utf8).as_bytes();
        let expected = match character {
            '\0' => Err(NullCharacter),
            '+' | '#' => Err(WildcardInTopicName),
            _ => Ok(()),
        };
        let len = [0, 20 + u8::try_from(utf8.len()).unwrap()];
        let bytes = packet(0x30, &[&len, &[b'a'; 10], utf8, &[b'a'; 10]]);
        assert_eq!(judge(&bytes, Client, V3_1), expected, "{character:?}");
    }
}

/// Every first and second byte, and the edges of the third.
//= [MQTT-1.5.4-1] type=test
#[test]
fn ill_formed_sequences_are_refused() {
    let thirds = [0, b'a', 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC0, 0xFF];
    for number in 0..=u16::MAX {
        let [a, b] = number.to_be_bytes();
        for c in thirds {
            let name = [a, b, c];
            let bytes = packet(0x10, &[b"\0\x04MQTT\x04\x02\0\0\0\x03", &name]);
            let expected = match core::str::from_utf8(&name) {
                Err(_) => Err(IllFormedUtf8),
                Ok(text) if text.contains('\0') => Err(NullCharacter),
                Ok(_) => Ok(()),
            };
            assert_eq!(judge(&bytes, Client, V3_1_1), expected, "{name:02x?}");
        }
    }
}
