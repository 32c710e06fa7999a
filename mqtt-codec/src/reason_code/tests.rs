//! Which numbers are Reason Codes, and of which packets.

use alloc::string::ToString;
use alloc::vec::Vec;

use crate::{PacketType, ReasonCode};

fn valid_in(packet_type: PacketType) -> Vec<u8> {
    (0..=255)
        .filter(|&value| {
            ReasonCode::from_u8(value).is_some_and(|code| code.is_valid_in(packet_type))
        })
        .collect()
}

#[test]
fn the_named_codes_are_those_of_table_2_6() {
    let named: Vec<u8> = (0..=255).filter(|&v| ReasonCode::from_u8(v).is_some()).collect();
    let mut expected = Vec::from([0x00, 0x01, 0x02, 0x04, 0x10, 0x11, 0x18, 0x19]);
    expected.extend(0x80..=0xA2);
    assert_eq!(named, expected);
    assert!(named.iter().all(|&v| !ReasonCode::from_u8(v).unwrap().name().is_empty()));
}

//= [MQTT-3.4.2-1] type=test
//= [MQTT-3.5.2-1] type=test
//= [MQTT-3.6.2-1] type=test
//= [MQTT-3.7.2-1] type=test
//= [MQTT-3.9.3-2] type=test
//= [MQTT-3.11.3-2] type=test
//= [MQTT-3.15.2-1] type=test
#[test]
fn acknowledgements_have_their_own_lists() {
    let receipt = [0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99];
    assert_eq!(valid_in(PacketType::Puback), receipt);
    assert_eq!(valid_in(PacketType::Pubrec), receipt);
    assert_eq!(valid_in(PacketType::Pubrel), [0x00, 0x92]);
    assert_eq!(valid_in(PacketType::Pubcomp), [0x00, 0x92]);
    assert_eq!(
        valid_in(PacketType::Suback),
        [0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2]
    );
    assert_eq!(valid_in(PacketType::Unsuback), [0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91]);
    assert_eq!(valid_in(PacketType::Auth), [0x00, 0x18, 0x19]);
    assert_eq!(valid_in(PacketType::Publish), []);
}

//= [MQTT-3.2.2-8] type=test
//= [MQTT-3.14.2-1] type=test
#[test]
fn connack_and_disconnect_have_their_own_lists() {
    let not_in_connack = [0x8B, 0x8D, 0x8E, 0x8F, 0x91, 0x92, 0x93, 0x94, 0x96, 0x98, 0x9E];
    let connack = valid_in(PacketType::Connack);
    assert_eq!(connack.len(), 22);
    assert!(not_in_connack.iter().all(|code| !connack.contains(code)));
    let disconnect = valid_in(PacketType::Disconnect);
    assert!([0x84, 0x85, 0x86, 0x88, 0x8A, 0x91, 0x92].iter().all(|c| !disconnect.contains(c)));
    assert!([0x00, 0x04, 0x8B, 0x8E, 0xA2].iter().all(|c| disconnect.contains(c)));
}

#[test]
fn the_return_codes_of_3_x_map_both_ways() {
    for return_code in 0..=5 {
        let code = ReasonCode::from_connect_return_code(return_code).unwrap();
        assert_eq!(code.connect_return_code(), Some(return_code));
        assert!(code.is_valid_in(PacketType::Connack));
    }
    assert_eq!(ReasonCode::from_connect_return_code(6), None);
    assert_eq!(ReasonCode::BANNED.connect_return_code(), None);
}

#[test]
fn a_code_is_shown_with_its_number_and_its_name() {
    assert_eq!(ReasonCode::NOT_AUTHORIZED.to_string(), "0x87 Not authorized");
    assert_eq!(ReasonCode::SUCCESS.to_string(), "0x00 Success");
    assert_eq!(alloc::format!("{:?}", Some(ReasonCode::BANNED)), "Some(0x8a Banned)");
}
