//! What an owned packet keeps.

use crate::{
    Delivery, EncodeError, OwnedPacket, Packet, Properties, Property, Publish, TopicName, Version,
};

#[test]
fn a_packet_is_kept_with_its_properties() {
    let list = [Property::MessageExpiryInterval(7)];
    let publish = Packet::Publish(Publish {
        delivery: Delivery::AtMostOnce,
        retain: true,
        topic: TopicName::new("a").ok(),
        properties: Properties::new(&list),
        payload: b"hi",
    });
    let kept = OwnedPacket::<13>::new(&publish, Version::V5).unwrap();
    assert_eq!(kept.packet(), Ok(publish));
    assert_eq!(kept.version(), Version::V5);
    let too_small = OwnedPacket::<12>::new(&publish, Version::V5);
    assert_eq!(too_small.unwrap_err(), EncodeError::BufferTooSmall { needed: 13 });
}
