//! The packets of `vectors/packet_vectors.json`, the test tables of two other projects.
//!
//! They are a second opinion, not the judge: where one contradicts the standard it is listed here with
//! the reason. `vectors/README.md` says where they come from.

use mqtt_codec::{DecodeError, Framed, Packet, Sender, Version, frame};
use serde::Deserialize;

#[derive(Deserialize)]
struct Vector {
    name: String,
    version: u8,
    hex: String,
    expect: String,
}

const RETURN_CODE: &str = "a CONNACK of 3.1.1 with a Reason Code of 5.0 in place of a return code";
const MAXIMUM_QOS: &str =
    "Maximum QoS is 2; 5.0, 3.2.2.3.4: it is a Protocol Error if it is neither 0 nor 1";
const BRIDGE: &str = "a bridge's mark on the Protocol Level is one broker's extension, not MQTT";

/// Vectors whose expectation is not the standard's: name, what the codec answers, and why it is right.
const EXCEPTIONS: &[(&str, Result<(), DecodeError>, &str)] = &[
    ("CONNACK: miscellaneous protocol violation", Err(DecodeError::InvalidReturnCode), RETURN_CODE),
    ("CONNACK: bad protocol version", Err(DecodeError::InvalidReturnCode), RETURN_CODE),
    ("CONNACK: bad client id", Err(DecodeError::InvalidReturnCode), RETURN_CODE),
    ("CONNACK: server unavailable", Err(DecodeError::InvalidReturnCode), RETURN_CODE),
    ("CONNACK: bad username or password", Err(DecodeError::InvalidReturnCode), RETURN_CODE),
    ("CONNACK: not authorised", Err(DecodeError::InvalidReturnCode), RETURN_CODE),
    ("PUBLISH: dup", Err(DecodeError::DupWithQoS0), "DUP at QoS 0 [MQTT-3.3.1-2]"),
    ("CONNECT: connect MQTT bridge 131", Err(DecodeError::UnsupportedProtocolVersion), BRIDGE),
    ("CONNECT: connect MQTT bridge 132", Err(DecodeError::UnsupportedProtocolVersion), BRIDGE),
    (
        "CONNACK: Version 4 CONACK in Version 5 mode",
        Err(DecodeError::InvalidConnackReasonCode),
        "return code 1 of 3.1.1 is no Reason Code of a CONNACK [MQTT-3.2.2-8]",
    ),
    (
        "CONNACK: Version 5 CONNACK test 1",
        Err(DecodeError::FieldOverrun),
        "a CONNACK of one byte has no Reason Code",
    ),
    (
        "CONNACK: Version 5 CONNACK test 2",
        Err(DecodeError::FieldOverrun),
        "a CONNACK of 5.0 without a property length",
    ),
    (
        "CONNECT: Cannot parse username",
        Ok(()),
        "3.1 allows the User Name to be missing at the end although its flag is set",
    ),
    ("CONNACK: connack MQTT 5 with properties", Err(DecodeError::InvalidMaximumQoS), MAXIMUM_QOS),
    (
        "CONNACK: connack MQTT 5 with properties and doubled user properties",
        Err(DecodeError::InvalidMaximumQoS),
        MAXIMUM_QOS,
    ),
];

fn bytes(hex: &str) -> Vec<u8> {
    (0..hex.len() / 2).map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap()).collect()
}

/// A packet that is cut short counts as malformed: no more bytes will come.
fn decode(bytes: &[u8], version: Version) -> Result<Packet<'_>, DecodeError> {
    match frame(bytes, Sender::Either, u32::MAX)? {
        Framed::Complete(frame) => frame.decode(version),
        Framed::Incomplete { .. } => Err(DecodeError::FieldOverrun),
    }
}

#[test]
fn every_vector_is_judged_as_the_standard_judges_it() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("vectors/packet_vectors.json")).unwrap();
    assert_eq!(vectors.len(), 252);
    let mut used = 0;
    for vector in &vectors {
        let bytes = bytes(&vector.hex);
        // A CONNECT that names no version at all is judged by its own bytes alone.
        let version = Version::from_level(vector.version).unwrap_or(Version::V5);
        let result = decode(&bytes, version).map(|_| ());
        match EXCEPTIONS.iter().find(|(name, ..)| *name == vector.name) {
            Some((name, expected, reason)) => {
                used += 1;
                assert_eq!(result, *expected, "{name}: {reason}");
                assert_ne!(result.is_ok(), vector.expect == "ok", "{name} is no exception");
            }
            None => assert_eq!(
                result.is_ok(),
                vector.expect == "ok",
                "{} v{} {} is {}: {result:?}",
                vector.name,
                vector.version,
                vector.hex,
                vector.expect
            ),
        }
    }
    assert_eq!(used, EXCEPTIONS.len(), "an exception is without its vector");
}

/// Whatever decodes encodes again, to bytes that decode to the same packet.
#[test]
fn every_accepted_vector_survives_a_round_trip() {
    let vectors: Vec<Vector> =
        serde_json::from_str(include_str!("vectors/packet_vectors.json")).unwrap();
    let mut round_trips = 0;
    for vector in &vectors {
        let bytes = bytes(&vector.hex);
        let version = Version::from_level(vector.version).unwrap_or(Version::V5);
        let Ok(packet) = decode(&bytes, version) else { continue };
        let mut out = vec![0; packet.encoded_len(version)];
        assert_eq!(packet.encode(version, &mut out), Ok(out.len()), "{}", vector.name);
        assert_eq!(decode(&out, version), Ok(packet), "{}", vector.name);
        round_trips += 1;
    }
    assert!(round_trips > 130, "{round_trips}");
}
