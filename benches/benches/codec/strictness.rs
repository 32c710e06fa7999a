//! What each codec checks: packets that break one rule each, and who refuses them.

use std::panic::catch_unwind;

use bytes::BytesMut;
use mqtt_codec::{Framed, Sender, Version, frame};
use tokio_util::codec::Decoder as _;

/// Whether a codec accepts a packet of this version; `None` where it does not know the version.
type Accepts = fn(&[u8], Version) -> Option<bool>;

const CODECS: &[(&str, Accepts)] = &[
    ("mqtt-codec", ours),
    ("mqttrs", mqttrs),
    ("mqttbytes", mqttbytes),
    ("rumqttc", rumqttc),
    ("mqtt-proto", mqtt_proto),
    ("mqtt-protocol-core", protocol_core),
    ("rmqtt-codec", rmqtt),
    ("ntex-mqtt", ntex),
];

const V4: Version = Version::V3_1_1;
const V5: Version = Version::V5;

/// The rule that is broken, and the packet.
const BROKEN: &[(&str, Version, &[u8])] = &[
    ("wildcard in a Topic Name", V4, b"\x30\x05\0\x03a/#"),
    ("empty Topic Name", V4, b"\x30\x02\0\0"),
    ("U+0000 in a Topic Name", V4, b"\x30\x05\0\x03a\0b"),
    ("ill-formed UTF-8 in a Topic Name", V4, b"\x30\x04\0\x02a\xFF"),
    ("QoS 3", V4, b"\x36\x05\0\x01a\0\x07"),
    ("DUP at QoS 0", V4, b"\x38\x03\0\x01a"),
    ("Packet Identifier 0", V4, b"\x32\x05\0\x01a\0\0"),
    ("reserved flag of a PUBACK", V4, b"\x42\x02\0\x07"),
    ("a byte too many in a PUBACK", V4, b"\x40\x03\0\x07\0"),
    ("reserved flag of a CONNECT", V4, b"\x10\x0D\0\x04MQTT\x04\x03\0\0\0\x01c"),
    ("Will QoS without a Will", V4, b"\x10\x0D\0\x04MQTT\x04\x0A\0\0\0\x01c"),
    ("a byte too many in a CONNECT", V4, b"\x10\x0E\0\x04MQTT\x04\x02\0\0\0\x01cx"),
    ("SUBSCRIBE of nothing", V4, b"\x82\x02\0\x07"),
    ("# in the middle of a Topic Filter", V4, b"\x82\x0A\0\x07\0\x05a/#/b\0"),
    ("reserved bits beside a QoS", V4, b"\x82\x06\0\x07\0\x01a\x80"),
    ("unknown property", V5, b"\x30\x06\0\x01a\x02\x7F\0"),
    ("property of another packet", V5, b"\x30\x06\0\x01a\x02\x24\x01"),
    ("property twice", V5, b"\x30\x08\0\x01a\x04\x01\x01\x01\x01"),
    ("Topic Alias 0", V5, b"\x30\x07\0\x01a\x03\x23\0\0"),
    ("Payload Format Indicator 2", V5, b"\x30\x06\0\x01a\x02\x01\x02"),
    ("wildcard in a Response Topic", V5, b"\x30\x08\0\x01a\x04\x08\0\x01#"),
    ("length of properties in a long form", V5, b"\x30\x05\0\x01a\x80\0"),
    ("neither Topic Name nor Topic Alias", V5, b"\x30\x03\0\0\0"),
    ("Reason Code of another packet", V5, b"\x40\x03\0\x07\x01"),
    ("No Local on a Shared Subscription", V5, b"\x82\x10\0\x07\0\0\x0A$share/g/a\x04"),
    ("empty Share Name", V5, b"\x82\x0F\0\x07\0\0\x09$share//a\0"),
    ("Retain Handling 3", V5, b"\x82\x07\0\x07\0\0\x01a\x30"),
    (
        "Authentication Data without a method",
        V5,
        b"\x10\x11\0\x04MQTT\x05\x02\0\0\x04\x16\0\x01d\0\0",
    ),
];

/// Prints a table: for each rule, which codecs refuse the packet, accept it, or panic.
pub(crate) fn print(_: &mut criterion::Criterion) {
    let hook = std::panic::take_hook();
    std::panic::set_hook(Box::new(|_| {}));
    print!("| refuses |");
    CODECS.iter().for_each(|(name, _)| print!(" {name} |"));
    println!("\n| --- |{}", " --- |".repeat(CODECS.len()));
    for (rule, version, bytes) in BROKEN {
        print!("| {rule} |");
        for (_, accepts) in CODECS {
            let answer = match catch_unwind(|| accepts(bytes, *version)) {
                Ok(Some(true)) => "no",
                Ok(Some(false)) => "yes",
                Ok(None) => "",
                Err(_) => "panics",
            };
            print!(" {answer} |");
        }
        println!();
    }
    std::panic::set_hook(hook);
}

fn ours(bytes: &[u8], version: Version) -> Option<bool> {
    let decoded = match frame(bytes, Sender::Client, 1 << 20) {
        Ok(Framed::Complete(frame)) => frame.decode(version).is_ok(),
        Ok(Framed::Incomplete { needed }) => panic!("{needed} more bytes"),
        Err(_) => false,
    };
    Some(decoded)
}

fn mqttrs(bytes: &[u8], version: Version) -> Option<bool> {
    (version == V4).then(|| matches!(mqttrs::decode_slice(bytes), Ok(Some(_))))
}

fn mqttbytes(bytes: &[u8], version: Version) -> Option<bool> {
    let mut buffer = BytesMut::from(bytes);
    Some(match version {
        Version::V5 => mqttbytes::v5::read(&mut buffer, 1 << 20).is_ok(),
        _ => mqttbytes::v4::read(&mut buffer, 1 << 20).is_ok(),
    })
}

fn rumqttc(bytes: &[u8], version: Version) -> Option<bool> {
    let mut buffer = BytesMut::from(bytes);
    Some(match version {
        Version::V5 => rumqttc::v5::mqttbytes::v5::Packet::read(&mut buffer, None).is_ok(),
        _ => rumqttc::mqttbytes::v4::Packet::read(&mut buffer, 1 << 20).is_ok(),
    })
}

fn mqtt_proto(bytes: &[u8], version: Version) -> Option<bool> {
    Some(match version {
        Version::V5 => matches!(mqtt_proto::v5::Packet::decode(bytes), Ok(Some(_))),
        _ => matches!(mqtt_proto::v3::Packet::decode(bytes), Ok(Some(_))),
    })
}

/// Its parsers take a body; the flags are looked at by its connection, which is not measured here.
fn protocol_core(bytes: &[u8], version: Version) -> Option<bool> {
    use mqtt_protocol_core::mqtt::packet::{v3_1_1, v5_0};
    let (flags, body) = (bytes[0] & 0x0F, &bytes[2..]);
    let whole = |used: usize| used == body.len();
    let parsed = match (bytes[0] >> 4, version) {
        (1, Version::V5) => v5_0::Connect::parse(body).map(|(_, used)| used),
        (1, _) => v3_1_1::Connect::parse(body).map(|(_, used)| used),
        (3, Version::V5) => v5_0::Publish::parse(flags, body.into()).map(|(_, used)| used),
        (3, _) => v3_1_1::Publish::parse(flags, body.into()).map(|(_, used)| used),
        (4, Version::V5) => v5_0::Puback::parse(body).map(|(_, used)| used),
        (4, _) => v3_1_1::Puback::parse(body).map(|(_, used)| used),
        (_, Version::V5) => v5_0::Subscribe::parse(body).map(|(_, used)| used),
        (_, _) => v3_1_1::Subscribe::parse(body).map(|(_, used)| used),
    };
    Some(parsed.is_ok_and(whole))
}

fn rmqtt(bytes: &[u8], version: Version) -> Option<bool> {
    let mut buffer = BytesMut::from(bytes);
    Some(match version {
        Version::V5 => {
            matches!(rmqtt_codec::v5::Codec::new(1 << 20, 1 << 20).decode(&mut buffer), Ok(Some(_)))
        }
        _ => matches!(rmqtt_codec::v3::Codec::new(1 << 20).decode(&mut buffer), Ok(Some(_))),
    })
}

fn ntex(bytes: &[u8], version: Version) -> Option<bool> {
    use ntex_codec::Decoder as _;
    let mut buffer = ntex_bytes::BytesMut::copy_from_slice(bytes);
    Some(match version {
        Version::V5 => {
            matches!(ntex_mqtt::v5::codec::Codec::new().decode(&mut buffer), Ok(Some(_)))
        }
        _ => matches!(ntex_mqtt::v3::codec::Codec::new().decode(&mut buffer), Ok(Some(_))),
    })
}
