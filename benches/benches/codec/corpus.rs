//! The packets that are timed: the same bytes for every codec.

use core::num::{NonZeroU16, NonZeroU32};

use mqtt_codec::{
    Ack, Connect, Delivery, Packet, PacketIdentifier, Properties, Property, Publish, QoS,
    Subscribe, SubscriptionIdentifier, SubscriptionOptions, Subscriptions, TopicFilter, TopicName,
    Utf8String, Version, Will,
};

/// One packet to time, encoded.
pub(crate) struct Sample {
    pub(crate) name: &'static str,
    pub(crate) version: Version,
    pub(crate) bytes: Vec<u8>,
}

/// The names of the samples, in the order of the table.
pub(crate) const NAMES: [&str; 6] =
    ["publish-3.1.1", "connect-3.1.1", "puback", "publish-5.0", "connect-5.0", "subscribe-5.0"];

fn text(text: &str) -> Utf8String<'_> {
    Utf8String::new(text).expect("a string")
}

/// Hands the packet of this name to `f`.
pub(crate) fn with_packet<R>(name: &str, f: impl FnOnce(&Packet<'_>, Version) -> R) -> R {
    let id = PacketIdentifier::new(7).expect("not 0");
    match name {
        "publish-3.1.1" => f(&publish(Delivery::AtMostOnce, &[]), Version::V3_1_1),
        "connect-3.1.1" => f(&connect(Version::V3_1_1, &[], &[]), Version::V3_1_1),
        "puback" => f(&Packet::Puback(Ack::success(id)), Version::V3_1_1),
        "publish-5.0" => {
            let list = [
                Property::PayloadFormatIndicator(true),
                Property::MessageExpiryInterval(3600),
                Property::ContentType(text("text/plain")),
                Property::ResponseTopic(TopicName::new("reply/to/client-1").expect("a name")),
                Property::UserProperty(text("trace-id"), text("0123456789abcdef")),
            ];
            let delivery = Delivery::AtLeastOnce { packet_identifier: id, dup: false };
            f(&publish(delivery, &list), Version::V5)
        }
        "connect-5.0" => {
            let list = [
                Property::SessionExpiryInterval(3600),
                Property::ReceiveMaximum(NonZeroU16::MAX),
                Property::MaximumPacketSize(NonZeroU32::MAX),
                Property::TopicAliasMaximum(10),
                Property::UserProperty(text("region"), text("eu-west-1")),
            ];
            let will = [Property::WillDelayInterval(30), Property::ContentType(text("text/plain"))];
            f(&connect(Version::V5, &list, &will), Version::V5)
        }
        "subscribe-5.0" => {
            let options = SubscriptionOptions::new(QoS::AtLeastOnce);
            let list = FILTERS.map(|filter| (TopicFilter::new(filter).expect("a filter"), options));
            let identifier = SubscriptionIdentifier::new(5).expect("in range");
            let properties = [Property::SubscriptionIdentifier(identifier)];
            let packet = Packet::Subscribe(Subscribe {
                packet_identifier: id,
                properties: Properties::new(&properties),
                subscriptions: Subscriptions::new(&list),
            });
            f(&packet, Version::V5)
        }
        _ => unreachable!("{name} is not in the table"),
    }
}

const FILTERS: [&str; 8] = [
    "sensors/+/temperature",
    "sensors/kitchen/#",
    "home/+/light/+/state",
    "$share/workers/jobs/#",
    "alerts/critical",
    "devices/0123456789/status",
    "a/b/c",
    "+/+/+/telemetry",
];

/// A PUBLISH with a topic of 20 bytes and a payload of 64.
fn publish<'a>(delivery: Delivery, list: &'a [Property<'a>]) -> Packet<'a> {
    let topic = TopicName::new("sensors/kitchen/temp").ok();
    let (retain, properties, payload) = (false, Properties::new(list), &[b'x'; 64]);
    Packet::Publish(Publish { delivery, retain, topic, properties, payload })
}

fn connect<'a>(
    version: Version,
    properties: &'a [Property<'a>],
    will: &'a [Property<'a>],
) -> Packet<'a> {
    Packet::Connect(Connect {
        version,
        clean_start: true,
        keep_alive: 60,
        client_identifier: text("client-0001"),
        properties: Properties::new(properties),
        will: Some(Will {
            qos: QoS::AtLeastOnce,
            retain: false,
            topic: TopicName::new("clients/0001/gone").expect("a name"),
            payload: b"offline",
            properties: Properties::new(will),
        }),
        user_name: Some(text("user-name")),
        password: Some(b"pass-word"),
    })
}

/// The sample of this name.
pub(crate) fn sample(name: &'static str) -> Sample {
    with_packet(name, |packet, version| {
        let mut bytes = vec![0; packet.encoded_len(version)];
        packet.encode(version, &mut bytes).expect("a valid packet");
        Sample { name, version, bytes }
    })
}

/// A stream of 10,000 PUBLISH, of mixed QoS, topic and size; in 5.0 a third have properties.
pub(crate) fn stream(version: Version) -> Vec<u8> {
    let mut out = Vec::new();
    let list =
        [Property::MessageExpiryInterval(60), Property::UserProperty(text("k"), text("value"))];
    for index in 0..10_000_u32 {
        let name = format!("site/{}/device/{}/state", index % 7, index % 501);
        let id = PacketIdentifier::new(u16::try_from(index).expect("small") | 1).expect("odd");
        let delivery = match index % 3 {
            0 => Delivery::AtMostOnce,
            1 => Delivery::AtLeastOnce { packet_identifier: id, dup: false },
            _ => Delivery::ExactlyOnce { packet_identifier: id, dup: false },
        };
        let payload = vec![b'p'; (index % 5 * 20) as usize];
        let has_properties = version == Version::V5 && index % 3 == 1;
        let packet = Packet::Publish(Publish {
            delivery,
            retain: index % 11 == 0,
            topic: Some(TopicName::new(&name).expect("a name")),
            properties: if has_properties { Properties::new(&list) } else { Properties::EMPTY },
            payload: &payload,
        });
        let start = out.len();
        out.resize(start + packet.encoded_len(version), 0);
        packet.encode(version, &mut out[start..]).expect("a valid packet");
    }
    out
}
