//! Bytes of packets that are right but for what a test puts into them. Nothing here is checked.

use mqtt_codec::Version;

/// A packet: its first byte and what follows the fixed header.
pub(crate) fn packet(first: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mut length = body.len();
    loop {
        let digit = u8::try_from(length % 128).unwrap();
        length /= 128;
        bytes.push(if length > 0 { digit | 0x80 } else { digit });
        if length == 0 {
            break;
        }
    }
    bytes.extend_from_slice(body);
    bytes
}

/// A string, or Binary Data, with its length.
pub(crate) fn string(text: &str) -> Vec<u8> {
    let mut bytes = u16::try_from(text.len()).unwrap().to_be_bytes().to_vec();
    bytes.extend_from_slice(text.as_bytes());
    bytes
}

/// A list of properties with its length, in 5.0; elsewhere nothing.
pub(crate) fn properties(version: Version, list: &[u8]) -> Vec<u8> {
    // A Variable Byte Integer is what a packet has for its length.
    if version == Version::V5 { packet(0, list).split_off(1) } else { Vec::new() }
}

/// A CONNECT with these flags, properties and fields of the payload; Keep Alive 0.
pub(crate) fn connect(version: Version, flags: u8, list: &[u8], payload: &[Vec<u8>]) -> Vec<u8> {
    let mut body = string(version.protocol_name());
    body.extend([version.level(), flags, 0, 0]);
    body.extend(properties(version, list));
    body.extend(payload.concat());
    packet(0x10, &body)
}

/// A PUBLISH; `id` only where the first byte has a QoS.
pub(crate) fn publish(version: Version, first: u8, topic: &str, id: u16, list: &[u8]) -> Vec<u8> {
    let mut body = string(topic);
    if first & 0x06 != 0 {
        body.extend(id.to_be_bytes());
    }
    body.extend(properties(version, list));
    packet(first, &body)
}
