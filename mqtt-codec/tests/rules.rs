//! Every rule of shape, each by a packet that breaks it and nothing else.
//!
//! The last test holds the table against [`DecodeError::ALL`], so that no rule is without its packet.

use mqtt_codec::DecodeError::{self, *};
use mqtt_codec::Sender::{self, Client, Either, Server};
use mqtt_codec::Version::{self, V3_1, V3_1_1, V5};
use mqtt_codec::{Framed, Packet, frame};

/// A packet in hex, where text stands in quotes, and what its decoding answers.
type Rule = (Sender, Version, &'static str, DecodeError);

/// Hex to bytes; spaces are ignored, and `'text'` is its ASCII bytes.
fn bytes(hex: &str) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (index, part) in hex.split('\'').enumerate() {
        if index % 2 == 1 {
            bytes.extend_from_slice(part.as_bytes());
            continue;
        }
        let digits: Vec<u32> = part.chars().filter_map(|c| c.to_digit(16)).collect();
        assert_eq!(digits.len() % 2, 0, "{hex}");
        bytes.extend(digits.chunks(2).map(|pair| u8::try_from(pair[0] << 4 | pair[1]).unwrap()));
    }
    bytes
}

fn decode(bytes: &[u8], sender: Sender, version: Version) -> Result<Packet<'_>, DecodeError> {
    match frame(bytes, sender, 1000)? {
        Framed::Complete(frame) => frame.decode(version),
        Framed::Incomplete { needed } => panic!("{needed} more bytes"),
    }
}

fn refused(rules: &[Rule]) {
    for (sender, version, hex, error) in rules {
        let bytes = bytes(hex);
        assert_eq!(decode(&bytes, *sender, *version), Err(*error), "{sender:?} v{version} {hex}");
    }
}

fn accepted(packets: &[(Sender, Version, &str, &str)]) {
    for (sender, version, hex, line) in packets {
        let bytes = bytes(hex);
        let packet = decode(&bytes, *sender, *version).unwrap_or_else(|e| panic!("{hex}: {e}"));
        assert_eq!(packet.to_string(), *line, "{hex}");
    }
}

//= [MQTT-2.1.3-1] type=test
//= [MQTT-3.3.1-2] type=test
//= [MQTT-3.3.1-4] type=test
//= [MQTT-3.6.1-1] type=test
//= [MQTT-3.8.1-1] type=test
//= [MQTT-3.10.1-1] type=test
//= [MQTT-3.14.1-1] type=test
//= [MQTT-3.15.1-1] type=test
//= [MQTT-1.5.5-1] type=test
const FIXED_HEADER: &[Rule] = &[
    (Client, V5, "30 E6 07", PacketTooLarge),
    (Client, V5, "00 00", ReservedPacketType),
    (Client, V3_1_1, "F0 00", ReservedPacketType),
    (Client, V3_1, "F0 00", ReservedPacketType),
    (Client, V5, "20", UnexpectedPacketType),
    (Client, V5, "90 FF FF FF FF", UnexpectedPacketType),
    (Client, V5, "B0", UnexpectedPacketType),
    (Client, V5, "D0 00", UnexpectedPacketType),
    (Server, V5, "10", UnexpectedPacketType),
    (Server, V5, "82", UnexpectedPacketType),
    (Server, V5, "A2", UnexpectedPacketType),
    (Server, V5, "C0 00", UnexpectedPacketType),
    (Server, V3_1_1, "E0 00", UnexpectedPacketType),
    (Client, V5, "11 0D 0004'MQTT'05 02 0000 00 0000", InvalidFixedHeaderFlags),
    (Client, V3_1, "1F 0C 0004'MQTT'04 02 0000 0000", InvalidFixedHeaderFlags),
    (Server, V5, "24 03 00 00 00", InvalidFixedHeaderFlags),
    (Either, V5, "42 02 0001", InvalidFixedHeaderFlags),
    (Either, V3_1_1, "58 02 0001", InvalidFixedHeaderFlags),
    (Either, V5, "60 02 0001", InvalidFixedHeaderFlags),
    (Either, V5, "6A 02 0001", InvalidFixedHeaderFlags),
    (Either, V3_1_1, "6A 02 0001", InvalidFixedHeaderFlags),
    (Either, V3_1_1, "63 02 0001", InvalidFixedHeaderFlags),
    (Either, V3_1, "60", InvalidFixedHeaderFlags),
    (Either, V3_1, "67", InvalidFixedHeaderFlags),
    (Either, V5, "72 02 0001", InvalidFixedHeaderFlags),
    (Client, V5, "80 06 0001 00 0001'a'00", InvalidFixedHeaderFlags),
    (Client, V3_1_1, "8A 06 0001 0001'a'00", InvalidFixedHeaderFlags),
    (Server, V5, "91 04 0001 00 00", InvalidFixedHeaderFlags),
    (Client, V5, "A0", InvalidFixedHeaderFlags),
    (Client, V3_1_1, "AA 05 0001 0001'a'", InvalidFixedHeaderFlags),
    (Server, V3_1_1, "B2 02 0001", InvalidFixedHeaderFlags),
    (Client, V5, "C1 00", InvalidFixedHeaderFlags),
    (Server, V5, "D8 00", InvalidFixedHeaderFlags),
    (Client, V5, "E1 00", InvalidFixedHeaderFlags),
    (Client, V5, "F4 00", InvalidFixedHeaderFlags),
    (Client, V5, "36", InvalidQoS),
    (Client, V3_1, "3F", InvalidQoS),
    (Client, V3_1_1, "38", DupWithQoS0),
    (Client, V5, "39", DupWithQoS0),
    (Client, V5, "C0 80 80 80 80 00", VariableByteIntegerTooLong),
    (Client, V3_1, "C0 FF FF FF FF", VariableByteIntegerTooLong),
    (Client, V5, "C0 80 00", VariableByteIntegerNotMinimal),
    (Client, V5, "30 84 00 0001'a'00", VariableByteIntegerNotMinimal),
    (Client, V5, "30 09 0001'a' 84 00 02 00000001", VariableByteIntegerNotMinimal),
    (Client, V5, "10 90 80 00 0004'MQTT'05 02 0000 00 0003'abc'", VariableByteIntegerNotMinimal),
    (Server, V5, "30 07 0001'a' 03 0B 81 00", VariableByteIntegerNotMinimal),
];

//= [MQTT-2.2.1-3] type=test
//= [MQTT-2.2.1-4] type=test
//= [MQTT-3.3.2-1] type=test
//= [MQTT-3.3.2-2] type=test
//= [MQTT-3.3.4-6] type=test
//= [MQTT-4.7.3-1] type=test
//= [MQTT-1.5.4-1] type=test
//= [MQTT-1.5.4-2] type=test
const PUBLISH: &[Rule] = &[
    (Client, V3_1_1, "30 00", FieldOverrun),
    (Client, V3_1_1, "30 01 00", FieldOverrun),
    (Client, V3_1_1, "30 03 0002'a'", FieldOverrun),
    (Client, V3_1_1, "32 04 0001'a'00", FieldOverrun),
    (Client, V5, "30 03 0001'a'", FieldOverrun),
    (Client, V5, "30 04 0001'a'01", FieldOverrun),
    (Client, V5, "30 05 0001'a'80 80", FieldOverrun),
    (Client, V5, "30 08 0001'a'04 02 000001", FieldOverrun),
    (Client, V5, "30 06 0001'a'02 26 00", FieldOverrun),
    (Client, V5, "30 0A 0001'a'06 03 0009 616263", FieldOverrun),
    (Client, V3_1_1, "32 05 0001'a'0000", PacketIdentifierZero),
    (Server, V5, "34 06 0001'a'0000 00", PacketIdentifierZero),
    (Client, V3_1_1, "30 03 0001 FF", IllFormedUtf8),
    (Client, V5, "30 06 0003 EDA080 00", IllFormedUtf8),
    (Client, V3_1_1, "30 05 0003'a'00'b'", NullCharacter),
    (Client, V3_1_1, "30 02 0000", EmptyTopic),
    (Client, V3_1_1, "30 05 0003'a/#'", WildcardInTopicName),
    (Client, V3_1, "30 05 0003'+/a'", WildcardInTopicName),
    (Client, V5, "30 03 0000 00", TopicMissing),
    (Client, V5, "30 05 0000 02 01 01", TopicMissing),
    (Client, V5, "30 06 0001'a' 02 0B 01", SubscriptionIdentifierFromClient),
];

//= [MQTT-3.1.2-1] type=test
//= [MQTT-3.1.2-2] type=test
//= [MQTT-3.1.2-3] type=test
//= [MQTT-3.1.2-9] type=test
//= [MQTT-3.1.2-11] type=test
//= [MQTT-3.1.2-12] type=test
//= [MQTT-3.1.2-13] type=test
//= [MQTT-3.1.2-17] type=test
//= [MQTT-3.1.2-19] type=test
//= [MQTT-3.1.3-3] type=test
//= [MQTT-3.1.3-4] type=test
//= [MQTT-3.1.3-11] type=test
//= [MQTT-3.1.3-12] type=test
//= 3.1.1 [MQTT-3.1.2-22] type=test
const CONNECT: &[Rule] = &[
    (Client, V5, "10 0C 0004'MQTX'04 02 0000 0000", InvalidProtocolName),
    (Client, V5, "10 0C 0004'mqtt'04 02 0000 0000", InvalidProtocolName),
    (Client, V5, "10 08 0000 04 02 0000 0000", InvalidProtocolName),
    (Client, V5, "10 0C 0004'MQTT'03 02 0000 0000", UnsupportedProtocolVersion),
    (Client, V5, "10 0C 0004'MQTT'06 02 0000 0000", UnsupportedProtocolVersion),
    (Client, V5, "10 0E 0006'MQIsdp'04 02 0000 0000", UnsupportedProtocolVersion),
    (Client, V5, "10 0C 0004'MQTT'04 03 0000 0000", ConnectReservedFlag),
    (Client, V5, "10 0D 0004'MQTT'05 03 0000 00 0000", ConnectReservedFlag),
    (Client, V5, "10 0C 0004'MQTT'04 0A 0000 0000", WillQoSWithoutWill),
    (Client, V5, "10 0D 0004'MQTT'05 12 0000 00 0000", WillQoSWithoutWill),
    (Client, V5, "10 0C 0004'MQTT'04 22 0000 0000", WillRetainWithoutWill),
    (Client, V5, "10 12 0004'MQTT'04 1E 0000 0000 0001'w' 0001'm'", InvalidWillQoS),
    (Client, V5, "10 0F 0004'MQTT'04 42 0000 0000 0001'p'", PasswordWithoutUserName),
    (Client, V5, "10 11 0006'MQIsdp'03 42 0000 0000 0001'p'", PasswordWithoutUserName),
    (Client, V5, "10 06 0004'MQTT'", FieldOverrun),
    (Client, V5, "10 0A 0004'MQTT'04 02 0000", FieldOverrun),
    (Client, V5, "10 0C 0004'MQTT'04 06 0000 0000", FieldOverrun),
    (Client, V5, "10 0F 0004'MQTT'04 06 0000 0000 0001'w'", FieldOverrun),
    (Client, V5, "10 0C 0004'MQTT'04 82 0000 0000", FieldOverrun),
    (Client, V5, "10 0F 0004'MQTT'04 C2 0000 0000 0001'u'", FieldOverrun),
    (Client, V5, "10 0F 0004'MQTT'04 02 0000 0000 0001'u'", TrailingBytes),
    (Client, V5, "10 0E 0004'MQTT'04 02 0000 0002 C0 80", IllFormedUtf8),
    (Client, V5, "10 0D 0004'MQTT'04 02 0000 0001 00", NullCharacter),
    (Client, V5, "10 11 0004'MQTT'04 06 0000 0000 0000 0001'm' 00", EmptyTopic),
    (Client, V5, "10 12 0004'MQTT'04 06 0000 0000 0001'+' 0001'm'", WildcardInTopicName),
    (Client, V5, "10 12 0004'MQTT'04 06 0000 0000 0001 FE 0001'm'", IllFormedUtf8),
    (Client, V5, "10 0F 0004'MQTT'04 82 0000 0000 0001 FF", IllFormedUtf8),
    (Client, V5, "10 11 0004'MQTT'05 02 0000 04 16 0001'd' 0000", AuthenticationDataWithoutMethod),
];

//= [MQTT-3.2.2-1] type=test
//= [MQTT-3.2.2-6] type=test
//= [MQTT-3.2.2-8] type=test
//= [MQTT-3.4.2-1] type=test
//= [MQTT-3.5.2-1] type=test
//= [MQTT-3.6.2-1] type=test
//= [MQTT-3.7.2-1] type=test
//= [MQTT-3.9.3-2] type=test
//= 3.1.1 [MQTT-3.9.3-2] type=test
//= [MQTT-3.11.3-2] type=test
const ANSWERS: &[Rule] = &[
    (Server, V3_1_1, "20 02 02 00", InvalidConnackFlags),
    (Server, V5, "20 03 81 00 00", InvalidConnackFlags),
    (Server, V3_1_1, "20 02 01 05", SessionPresentOnRefusal),
    (Server, V5, "20 03 01 87 00", SessionPresentOnRefusal),
    (Server, V3_1_1, "20 02 00 06", InvalidReturnCode),
    (Server, V3_1, "20 02 00 80", InvalidReturnCode),
    (Server, V5, "20 03 00 01 00", InvalidConnackReasonCode),
    (Server, V5, "20 03 00 8E 00", InvalidConnackReasonCode),
    (Server, V5, "20 02 00 00", FieldOverrun),
    (Server, V3_1_1, "20 03 00 00 00", TrailingBytes),
    (Server, V5, "20 04 00 00 00 00", TrailingBytes),
    (Either, V5, "40 01 00", FieldOverrun),
    (Either, V5, "40 02 0000", PacketIdentifierZero),
    (Either, V3_1_1, "62 02 0000", PacketIdentifierZero),
    (Either, V3_1_1, "40 03 0001 00", TrailingBytes),
    (Either, V3_1_1, "70 04 0001 00 00", TrailingBytes),
    (Either, V5, "40 05 0001 00 00 00", TrailingBytes),
    (Either, V5, "40 03 0001 92", InvalidPubackReasonCode),
    (Either, V5, "50 03 0001 01", InvalidPubrecReasonCode),
    (Either, V5, "62 03 0001 10", InvalidPubrelReasonCode),
    (Either, V5, "70 03 0001 80", InvalidPubcompReasonCode),
    (Server, V5, "90 04 0001 00 03", InvalidSubackReasonCode),
    (Server, V3_1_1, "90 03 0001 87", InvalidSubackReasonCode),
    (Server, V3_1_1, "90 03 0001 03", InvalidSubackReasonCode),
    (Server, V5, "90 03 0001 00", NoSubackReasonCode),
    (Server, V3_1, "90 02 0001", NoSubackReasonCode),
    (Server, V5, "90 02 0001", FieldOverrun),
    (Server, V5, "B0 04 0001 00 01", InvalidUnsubackReasonCode),
    (Server, V5, "B0 03 0001 00", NoUnsubackReasonCode),
    (Server, V3_1_1, "B0 03 0001 00", TrailingBytes),
    (Server, V3_1_1, "B0 02 0000", PacketIdentifierZero),
    (Server, V5, "D0 01 00", TrailingBytes),
    (Client, V3_1_1, "C0 01 00", TrailingBytes),
];

//= [MQTT-3.8.3-1] type=test
//= [MQTT-3.8.3-2] type=test
//= [MQTT-3.8.3-4] type=test
//= [MQTT-3.8.3-5] type=test
//= [MQTT-3.10.3-1] type=test
//= [MQTT-3.10.3-2] type=test
//= [MQTT-4.7.1-1] type=test
//= [MQTT-4.7.1-2] type=test
//= [MQTT-4.8.2-1] type=test
//= [MQTT-4.8.2-2] type=test
const SUBSCRIBE: &[Rule] = &[
    (Client, V5, "82 03 0001 00", NoTopicFilter),
    (Client, V3_1_1, "82 02 0001", NoTopicFilter),
    (Client, V3_1_1, "82 06 0000 0001'a'00", PacketIdentifierZero),
    (Client, V3_1_1, "82 05 0001 0001'a'", FieldOverrun),
    (Client, V3_1_1, "82 07 0001 0001'a'00 00", FieldOverrun),
    (Client, V3_1_1, "82 05 0001 0000 00", EmptyTopic),
    (Client, V3_1_1, "82 06 0001 0001 FF 00", IllFormedUtf8),
    (Client, V3_1_1, "82 06 0001 0001 00 00", NullCharacter),
    (Client, V3_1_1, "82 06 0001 0001'a'03", InvalidRequestedQoS),
    (Client, V5, "82 07 0001 00 0001'a'03", InvalidRequestedQoS),
    (Client, V3_1_1, "82 06 0001 0001'a'04", ReservedSubscriptionOptions),
    (Client, V3_1_1, "82 06 0001 0001'a'80", ReservedSubscriptionOptions),
    (Client, V3_1, "82 06 0001 0001'a'83", InvalidRequestedQoS),
    (Client, V5, "82 07 0001 00 0001'a'40", ReservedSubscriptionOptions),
    (Client, V5, "82 07 0001 00 0001'a'30", InvalidRetainHandling),
    (Client, V5, "82 10 0001 00 000A'$share/g/a' 04", NoLocalOnSharedSubscription),
    (Client, V3_1_1, "82 0A 0001 0005'a/#/b'00", MultiLevelWildcardMisplaced),
    (Client, V3_1_1, "82 07 0001 0002'#a'00", MultiLevelWildcardMisplaced),
    (Client, V5, "82 08 0001 00 0002'a+'00", SingleLevelWildcardMisplaced),
    (Client, V5, "82 0F 0001 00 0009'$share//x'00", EmptyShareName),
    (Client, V5, "82 0F 0001 00 0009'$share/g/'00", EmptySharedFilter),
    (Client, V5, "82 10 0001 00 000A'$share/+/x'00", WildcardInShareName),
    (Client, V5, "A2 03 0001 00", NoTopicFilterToUnsubscribe),
    (Client, V3_1_1, "A2 02 0001", NoTopicFilterToUnsubscribe),
    (Client, V3_1_1, "A2 05 0000 0001'a'", PacketIdentifierZero),
    (Client, V3_1_1, "A2 07 0001 0004'a/b'", FieldOverrun),
    (Client, V3_1_1, "A2 06 0001 0002'a#'", MultiLevelWildcardMisplaced),
    (Client, V5, "A2 0E 0001 00 0009'$share//x'", EmptyShareName),
];

//= [MQTT-3.14.2-1] type=test
//= [MQTT-3.14.2-2] type=test
//= [MQTT-3.15.2-1] type=test
const DISCONNECT_AND_AUTH: &[Rule] = &[
    (Client, V3_1_1, "E0 01 00", TrailingBytes),
    (Client, V5, "E0 01 01", InvalidDisconnectReasonCode),
    (Client, V5, "E0 01 84", InvalidDisconnectReasonCode),
    (Client, V5, "E0 03 00 00 00", TrailingBytes),
    (Client, V5, "E0 02 00 01", FieldOverrun),
    (Server, V5, "E0 07 00 05 11 00000001", SessionExpiryFromServer),
    (Either, V5, "F0 06 01 04 15 0001'm'", InvalidAuthReasonCode),
    (Either, V5, "F0 01 18", FieldOverrun),
    (Either, V5, "F0 02 18 00", AuthenticationMethodMissing),
    (Either, V5, "F0 06 18 04 16 0001'd'", AuthenticationMethodMissing),
];

//= [MQTT-3.3.2-8] type=test
//= [MQTT-3.3.2-13] type=test
//= [MQTT-3.3.2-14] type=test
//= [MQTT-3.3.2-19] type=test
//= [MQTT-1.5.7-1] type=test
const PROPERTIES: &[Rule] = &[
    (Client, V5, "30 05 0001'a' 01 00", UnknownProperty),
    (Client, V5, "30 06 0001'a' 02 41 00", UnknownProperty),
    (Client, V5, "30 06 0001'a' 02 FF 00", UnknownProperty),
    (Client, V5, "30 06 0001'a' 02 24 00", PropertyNotAllowed),
    (Client, V5, "30 09 0001'a' 05 18 00000000", PropertyNotAllowed),
    (Either, V5, "40 09 0001 00 05 11 00000001", PropertyNotAllowed),
    (Client, V5, "82 0C 0001 05 02 00000001 0001'a'00", PropertyNotAllowed),
    (Client, V5, "A2 0A 0001 04 1F 0001'r' 0001'a'", PropertyNotAllowed),
    (Client, V5, "30 08 0001'a' 04 01 01 01 01", DuplicateProperty),
    (Client, V5, "82 0B 0001 04 0B 01 0B 02 0001'a'00", DuplicateProperty),
    (Client, V5, "10 11 0004'MQTT'05 02 0000 04 17 01 17 01 0000", DuplicateProperty),
    (Client, V5, "30 06 0001'a' 02 01 02", InvalidPayloadFormatIndicator),
    (Client, V5, "10 0F 0004'MQTT'05 02 0000 02 17 02 0000", InvalidRequestProblemInformation),
    (Client, V5, "10 0F 0004'MQTT'05 02 0000 02 19 02 0000", InvalidRequestResponseInformation),
    (Server, V5, "20 05 00 00 02 24 02", InvalidMaximumQoS),
    (Server, V5, "20 05 00 00 02 25 02", InvalidRetainAvailable),
    (Server, V5, "20 05 00 00 02 28 02", InvalidWildcardSubscriptionAvailable),
    (Server, V5, "20 05 00 00 02 29 FF", InvalidSubscriptionIdentifierAvailable),
    (Server, V5, "20 05 00 00 02 2A 02", InvalidSharedSubscriptionAvailable),
    (Server, V5, "20 06 00 00 03 21 0000", ReceiveMaximumZero),
    (Server, V5, "20 08 00 00 05 27 00000000", MaximumPacketSizeZero),
    (Client, V5, "30 07 0001'a' 03 23 0000", TopicAliasZero),
    (Client, V5, "82 09 0001 02 0B 00 0001'a'00", SubscriptionIdentifierZero),
    (Client, V5, "30 0A 0001'a' 06 08 0003'a/#'", WildcardInResponseTopic),
    (Client, V5, "30 07 0001'a' 03 08 0000", EmptyTopic),
    (Client, V5, "30 08 0001'a' 04 03 0001 FF", IllFormedUtf8),
    (Client, V5, "30 08 0001'a' 04 08 0001 FF", IllFormedUtf8),
    (Client, V5, "30 0B 0001'a' 07 26 0001'k' 0001 FF", IllFormedUtf8),
    (Client, V5, "30 0B 0001'a' 07 26 0001 00 0001'v'", NullCharacter),
    (Server, V5, "30 0B 0001'a' 06 0B 80 80 80 80 01 00", VariableByteIntegerTooLong),
];

#[test]
fn a_fixed_header_that_breaks_a_rule_is_refused() {
    refused(FIXED_HEADER);
}

#[test]
fn a_publish_that_breaks_a_rule_is_refused() {
    refused(PUBLISH);
}

#[test]
fn a_connect_that_breaks_a_rule_is_refused() {
    refused(CONNECT);
}

#[test]
fn an_answer_that_breaks_a_rule_is_refused() {
    refused(ANSWERS);
}

#[test]
fn a_subscribe_or_unsubscribe_that_breaks_a_rule_is_refused() {
    refused(SUBSCRIBE);
}

#[test]
fn a_disconnect_or_auth_that_breaks_a_rule_is_refused() {
    refused(DISCONNECT_AND_AUTH);
}

#[test]
fn properties_that_break_a_rule_are_refused() {
    refused(PROPERTIES);
}

/// What looks wrong and is not.
#[test]
fn what_the_standard_allows_is_accepted() {
    accepted(&[
        // The short forms of 5.0, and their long ones.
        (Either, V5, "40 02 0007", "PUBACK id=7"),
        (Either, V5, "40 03 0007 00", "PUBACK id=7"),
        (Either, V5, "40 04 0007 00 00", "PUBACK id=7"),
        (Either, V5, "40 03 0007 10", "PUBACK id=7 0x10 No matching subscribers"),
        (Either, V5, "E0 00", "DISCONNECT 0x00 Normal disconnection"),
        (Either, V5, "E0 01 04", "DISCONNECT 0x04 Disconnect with Will Message"),
        (Either, V5, "E0 02 00 00", "DISCONNECT 0x00 Normal disconnection"),
        (Either, V5, "F0 00", "AUTH 0x00 Success"),
        // DUP on PUBREL, SUBSCRIBE and UNSUBSCRIBE of 3.1.
        (Client, V3_1, "6A 02 0001", "PUBREL id=1"),
        (Client, V3_1, "8A 06 0001 0001'a'01", "SUBSCRIBE id=1 \"a\" q1"),
        (Client, V3_1, "AA 05 0001 0001'a'", "UNSUBSCRIBE id=1 \"a\""),
        // Flags that 3.1 does not use.
        (Client, V3_1, "4F 02 0001", "PUBACK id=1"),
        (Client, V3_1, "52 02 0001", "PUBREC id=1"),
        (Client, V3_1, "6B 02 0001", "PUBREL id=1"),
        (Server, V3_1, "78 02 0001", "PUBCOMP id=1"),
        (Client, V3_1, "83 06 0001 0001'a'01", "SUBSCRIBE id=1 \"a\" q1"),
        (Server, V3_1, "92 03 0001 01", "SUBACK id=1 0x01"),
        (Client, V3_1, "A3 05 0001 0001'a'", "UNSUBSCRIBE id=1 \"a\""),
        (Server, V3_1, "B1 02 0001", "UNSUBACK id=1"),
        (Client, V3_1, "C4 00", "PINGREQ"),
        (Server, V3_1, "DF 00", "PINGRESP"),
        (Client, V3_1, "E2 00", "DISCONNECT 0x00 Normal disconnection"),
        (Server, V3_1, "28 02 00 00", "CONNACK 0x00 Success"),
        // The flag that a CONNECT of 3.1 does not use, and those of a Will that is not there.
        (
            Client,
            V5,
            "1F 0F 0006'MQIsdp'03 3B 0000 0001'c'",
            "CONNECT v3 clean keep-alive=0 client=\"c\"",
        ),
        // Of the requested and of the granted QoS, 3.1 uses two bits.
        (Client, V3_1, "82 0A 0001 0001'a'81 0001'b'FC", "SUBSCRIBE id=1 \"a\" q1, \"b\" q0"),
        (Server, V3_1, "90 06 0001 81 80 FE 04", "SUBACK id=1 0x01 0x80 0x02 0x00"),
        // A longer length than necessary, in 3.x.
        (Client, V3_1_1, "C0 80 00", "PINGREQ"),
        (Either, V3_1_1, "40 82 00 0007", "PUBACK id=7"),
        (Either, V3_1, "50 82 80 00 0007", "PUBREC id=7"),
        // 3.1 lets what the flags announce be missing at the end.
        (
            Client,
            V5,
            "10 0F 0006'MQIsdp'03 C2 0000 0001'c'",
            "CONNECT v3 clean keep-alive=0 client=\"c\"",
        ),
        (
            Client,
            V5,
            "10 12 0006'MQIsdp'03 C2 0000 0001'c' 0001'u'",
            "CONNECT v3 clean keep-alive=0 client=\"c\" user=\"u\"",
        ),
        // 5.0 takes a Password without a User Name.
        (
            Client,
            V5,
            "10 10 0004'MQTT'05 42 0000 00 0000 0001'p'",
            "CONNECT v5 clean keep-alive=0 client=\"\" password=1B",
        ),
        // The reserved byte of a CONNACK of 3.1.
        (Server, V3_1, "20 02 FF 00", "CONNACK 0x00 Success"),
        // A Shared Subscription is none in 3.x.
        (Client, V3_1_1, "82 0E 0001 0009'$share//x'00", "SUBSCRIBE id=1 \"$share//x\" q0"),
        (Server, V3_1_1, "90 04 0001 80 02", "SUBACK id=1 0x80 0x02"),
        (Server, V5, "30 08 0001'a' 04 0B 01 0B 02", "PUBLISH q0 \"a\" sub-id=1 sub-id=2 0B"),
        (Client, V5, "30 06 0000 03 23 0005", "PUBLISH q0 alias=5 0B"),
        (Client, V5, "3D 06 0001'a'0007 00", "PUBLISH q2 dup retain id=7 \"a\" 0B"),
        (
            Client,
            V5,
            "E0 07 00 05 11 00000001",
            "DISCONNECT 0x00 Normal disconnection session-expiry=1",
        ),
    ]);
}

/// The table is complete: each rule is broken by some packet. Only a string longer than its length
/// field cannot come from the wire.
#[test]
fn every_rule_has_its_packet() {
    let all = [FIXED_HEADER, PUBLISH, CONNECT, ANSWERS, SUBSCRIBE, DISCONNECT_AND_AUTH, PROPERTIES];
    for error in DecodeError::ALL.iter().filter(|error| **error != StringTooLong) {
        let rules = all.iter().flat_map(|rules| rules.iter());
        assert!(rules.map(|(.., e)| e).any(|e| e == error), "no packet breaks {error:?}");
    }
}

#[test]
fn every_rule_has_a_sentence_a_statement_and_a_reason_code() {
    for error in DecodeError::ALL {
        assert!(!error.to_string().is_empty() && !error.name().is_empty());
        assert!(error.statement().starts_with("MQTT-"), "{error:?}");
        assert!(error.reason_code().is_error(), "{error:?}");
    }
    assert_eq!(size_of::<DecodeError>(), 1);
}

/// One allowed packet per type, cut everywhere: the frame is whole, so the answer is an error or
/// another packet, never a wish for more.
#[test]
fn a_body_cut_short_is_an_error() {
    for hex in [
        "10 26 0004'MQTT'05 C6 003C 05 11 0000000A 0002'c1' 05 18 00000005 0001'w' 0001'm' 0001'u' 0001'p'",
        "82 0B 0001 02 0B 05 0003'a/+'01",
        "A2 08 0001 00 0003'a/+'",
    ] {
        let whole = bytes(hex);
        assert!(decode(&whole, Client, V5).is_ok(), "{hex}");
        for len in 2..whole.len() {
            let mut cut = whole[..len].to_vec();
            cut[1] = u8::try_from(len - 2).unwrap();
            assert!(decode(&cut, Client, V5).is_err(), "{len} of {hex}");
        }
    }
}
