use alloc::borrow::ToOwned;
use alloc::vec::Vec;

use mqtt_codec::{PassThrough, QoS, TopicFilter, TopicName};

use super::{Frame, Message};
use crate::boundary::Shard;
use crate::journal::Fields;
use crate::peers::stamps::Stamp;

fn message(groups: &[u8]) -> Message<'_> {
    Message {
        sequence: 7,
        qos: QoS::ExactlyOnce,
        retain: true,
        stamp: Stamp { count: 300, shard: Shard(3) },
        direct: false,
        groups,
        time_left: Some(0),
        topic: TopicName::new("a/b").unwrap(),
        // Payload Format Indicator 1.
        properties: PassThrough::assume_valid(&[1, 1]),
        payload: b"hello",
    }
}

#[test]
fn every_frame_comes_back_and_no_part_of_it_is_one() {
    let mut groups = Vec::new();
    Fields(&mut groups).bytes(b"$share/g/a/+").bytes(b"$share/h/#");
    let filter = TopicFilter::new("a/#").unwrap();
    for frame in [
        Frame::Hello { run: 1, your_run: u64::MAX, received: 0 },
        Frame::Restate,
        Frame::Restated,
        Frame::Interest { wanted: true, filter },
        Frame::Mark(1),
        Frame::Marked(2),
        Frame::Message(message(&groups)),
        Frame::Received(128),
    ] {
        let mut bytes = Vec::new();
        frame.encode(&mut bytes);
        assert_eq!(Frame::decode(&bytes), Ok(frame));
        for len in 0..bytes.len() {
            assert!(Frame::decode(&bytes[..len]).is_err(), "{frame:?} at {len}");
        }
        bytes.push(0);
        assert!(Frame::decode(&bytes).is_err(), "{frame:?} and more");
    }
}

#[test]
fn frames_of_another_version_are_refused() {
    let hello = Frame::Hello { run: 5, your_run: 0, received: 0 };
    assert_eq!(Frame::decode(&[1, 1, 5, 0, 0]), Ok(hello));
    assert_eq!(Frame::decode(&[1, 2, 5, 0, 0, 7]), Err("frames of an unknown version"));
}

#[test]
fn the_groups_of_a_message_are_filters() {
    let mut groups = Vec::new();
    Fields(&mut groups).bytes(b"$share/g/a/+").bytes(b"$share/h/#");
    let message = message(&groups);
    let groups: Vec<_> = message.groups().map(|filter| filter.as_str().to_owned()).collect();
    assert_eq!(groups, ["$share/g/a/+", "$share/h/#"]);
}
