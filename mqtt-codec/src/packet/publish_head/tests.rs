use super::*;

/// What [`PublishHead`] makes of it.
fn by_head(plain: &PlainPublish<'_>, version: Version, out: &mut [u8]) -> usize {
    let head = PublishHead {
        delivery: plain.delivery,
        retain: plain.retain,
        topic: Some(plain.topic),
        message_expiry_interval: None,
        topic_alias: None,
        subscription_identifiers: &[],
        pass_through_len: plain.pass_through_len,
        payload_len: plain.tail.len() - plain.pass_through_len,
    };
    let len = head.encode(version, out).unwrap();
    let whole = head.packet_len(version);
    out[len..whole].copy_from_slice(plain.tail);
    whole
}

/// One of each kind, with a Packet Identifier of two different bytes.
fn deliveries() -> impl Iterator<Item = Delivery> {
    let packet_identifier = crate::PacketIdentifier::new(0x0102).unwrap();
    let acknowledged = [false, true].into_iter().flat_map(move |dup| {
        let once = Delivery::AtLeastOnce { packet_identifier, dup };
        [once, Delivery::ExactlyOnce { packet_identifier, dup }]
    });
    [Delivery::AtMostOnce].into_iter().chain(acknowledged)
}

#[test]
fn a_plain_publish_is_what_its_head_and_its_tail_are() {
    let long = &[b't'; 300];
    let long = core::str::from_utf8(long).unwrap();
    let (mut expected, mut out) = ([0; 5000], [0; 5000]);
    for version in [Version::V3_1, Version::V3_1_1, Version::V5] {
        for topic in ["a", "site/hall/lamp", long] {
            for len in [0, 1, 100, 110, 111, 112, 113, 114, 120, 121, 122, 123, 124, 125, 4096] {
                for pass_through_len in [0, 1, 127] {
                    if pass_through_len > len || (version != Version::V5 && pass_through_len > 0) {
                        continue;
                    }
                    let tail = &[7; 4096][..len];
                    let (retain, topic) = (len % 2 == 0, TopicName::new(topic).unwrap());
                    for delivery in deliveries() {
                        let plain =
                            PlainPublish { delivery, retain, topic, pass_through_len, tail };
                        let whole = by_head(&plain, version, &mut expected);
                        assert_eq!(plain.encode(version, &mut out), Some(whole));
                        assert_eq!(out[..whole], expected[..whole]);
                        assert_eq!(plain.encode(version, &mut out[..whole - 1]), None, "no room");
                    }
                }
            }
        }
    }
}

#[test]
fn what_is_longer_is_not_plain() {
    let topic = TopicName::new("a").unwrap();
    let mut out = [0; 20_000];
    let mut encode = |pass_through_len, len| {
        let tail = &[7; 17_000][..len];
        let delivery = Delivery::AtMostOnce;
        let plain = PlainPublish { delivery, retain: false, topic, pass_through_len, tail };
        plain.encode(Version::V5, &mut out)
    };
    assert_eq!(encode(0, 16_379), Some(16_386));
    assert_eq!(encode(0, 16_380), None);
    assert_eq!(encode(128, 200), None);
}
