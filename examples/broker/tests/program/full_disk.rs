//! A disk that is full in earnest: the system refuses what the journal would write.
//!
//! The process may not write more than so much to any file (`ulimit -f`), which takes no rights and no
//! disk of its own; the broker is told what it is told of a full disk: that its file cannot grow.

use std::fs;
use std::path::{Path, PathBuf};

use mqtt_codec::{
    Ack, Delivery, Packet, PacketIdentifier, Properties, Publish, QoS, ReasonCode, Subscribe,
    SubscriptionOptions, Subscriptions, TopicFilter, TopicName, Version,
};
use rlimit::{Resource, prlimit};

use crate::client::Client;
use crate::killed::link::Link;
use crate::running::Running;

/// Messages, each of a kilobyte: more than the file can hold.
const MESSAGES: u16 = 200;
/// There is room for so many.
const FIRST: u16 = 10;

/// A broker whose files cannot grow beyond 64 blocks, of 512 or of 1,024 bytes. The system tells so with
/// a signal that ends a process, and then makes the write fail.
fn confined(directory: &Path) -> Running {
    let words = "ulimit -S -f 64";
    Running::start_after(words, &arguments(directory))
}

fn arguments(directory: &Path) -> [&str; 6] {
    let directory = directory.to_str().unwrap();
    ["--listen", "127.0.0.1:0", "--journal", directory, "--log", "info"]
}

/// An empty place for a journal.
fn place(name: &str) -> PathBuf {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name);
    let _ = fs::remove_dir_all(&directory);
    directory
}

/// The publisher of the messages, and what was acknowledged.
struct Publisher {
    link: Link,
    acknowledged: Vec<u16>,
}

impl Publisher {
    /// Somebody subscribes, whose Session lasts, and leaves; then everything is published until the
    /// disk is full.
    fn fill(broker: &Running) -> Self {
        let (mut sam, _) = Link::resume(broker.address(), Version::V5, "sam").unwrap();
        let list = [(
            TopicFilter::new("kept").unwrap(),
            SubscriptionOptions { maximum_qos: QoS::AtLeastOnce, ..Default::default() },
        )];
        let subscribe = Subscribe {
            packet_identifier: PacketIdentifier::MIN,
            properties: Properties::EMPTY,
            subscriptions: Subscriptions::new(&list),
        };
        sam.send(&Packet::Subscribe(subscribe)).unwrap();
        sam.receive(|packet| assert!(matches!(packet, Packet::Suback(_)), "{packet}")).unwrap();
        drop(sam);

        let (link, _) = Link::resume(broker.address(), Version::V5, "publisher").unwrap();
        let mut publisher = Self { link, acknowledged: Vec::new() };
        // The rest may come to the disk together, and then none of it is kept.
        for number in 1..=FIRST {
            publisher.publish(number);
        }
        publisher.finish(FIRST);
        for number in FIRST + 1..=MESSAGES {
            publisher.publish(number);
        }
        let line = broker.logged("the journal's disk is full");
        assert!(line.contains("what has to be kept waits"), "{line}");
        // The store may have kept some just before. Their acknowledgements can come behind the first
        // PINGRESP or two: what a turn of the broker has found of the store is not done before its packets.
        for _ in 0..3 {
            publisher.ping();
        }
        publisher
    }

    fn publish(&mut self, number: u16) {
        let packet_identifier = PacketIdentifier::new(number);
        let payload = format!("{number:0>1000}");
        let publish = Publish {
            delivery: Delivery::new(QoS::AtLeastOnce, false, packet_identifier).unwrap(),
            retain: false,
            topic: Some(TopicName::new("kept").unwrap()),
            properties: Properties::EMPTY,
            payload: payload.as_bytes(),
        };
        self.link.send(&Packet::Publish(publish)).unwrap();
    }

    /// Notes what is acknowledged until a PINGREQ is answered.
    fn ping(&mut self) {
        self.link.send(&Packet::Pingreq).unwrap();
        while !self.receive() {}
    }

    /// Until all is acknowledged.
    fn finish(&mut self, messages: u16) {
        while self.acknowledged.len() < usize::from(messages) {
            self.receive();
        }
    }

    /// Whether it was PINGRESP.
    fn receive(&mut self) -> bool {
        let acknowledged = &mut self.acknowledged;
        let taken = self.link.receive(|packet| match packet {
            Packet::Puback(ack) if !ack.reason_code.is_error() => {
                acknowledged.push(ack.packet_identifier.get());
                false
            }
            Packet::Pingresp => true,
            other => panic!("{other}"),
        });
        taken.unwrap()
    }
}

/// The broker is killed, and one without bounds begins where it ended: what the subscriber has then.
fn kept(mut broker: Running, directory: &Path) -> Vec<u16> {
    broker.kill();
    let broker = Running::start(&arguments(directory));
    let (mut sam, present) = Link::resume(broker.address(), Version::V5, "sam").unwrap();
    assert!(present, "the Session is lost");
    let mut numbers = Vec::new();
    // Whatever waits comes before what is published now.
    let mut last = Client::connected(broker.address(), Version::V5, "last");
    last.publish("kept", QoS::AtLeastOnce, b"last");
    assert!(last.receive().starts_with("PUBACK id=9"));
    loop {
        let (number, id) = sam
            .receive(|packet| match packet {
                Packet::Publish(publish) => {
                    let text = core::str::from_utf8(publish.payload).unwrap();
                    let Delivery::AtLeastOnce { packet_identifier, .. } = publish.delivery else {
                        panic!("{publish:?}");
                    };
                    (text.parse().ok(), packet_identifier)
                }
                other => panic!("{other}"),
            })
            .unwrap();
        let Some(number) = number else { return numbers };
        numbers.push(number);
        let (reason_code, properties) = (ReasonCode::SUCCESS, Properties::EMPTY);
        let ack = Ack { packet_identifier: id, reason_code, properties };
        sam.send(&Packet::Puback(ack)).unwrap();
    }
}

#[test]
fn what_was_acknowledged_before_the_disk_was_full_survives_a_kill() {
    let directory = place("full-killed");
    let broker = confined(&directory);
    let mut publisher = Publisher::fill(&broker);
    let before = publisher.acknowledged.clone();
    assert!(!before.is_empty() && before.len() < usize::from(MESSAGES), "{}", before.len());

    // Whoever has nothing to keep is served, and nobody is told that something is kept.
    let mut other = Client::connected(broker.address(), Version::V3_1_1, "other");
    other.subscribe("passed/on", QoS::AtMostOnce);
    for number in MESSAGES + 1..MESSAGES + 5 {
        publisher.publish(number);
        other.publish("passed/on", QoS::AtMostOnce, b"x");
        assert_eq!(other.receive(), r#"PUBLISH q0 "passed/on" "x""#);
        publisher.ping();
    }
    assert_eq!(publisher.acknowledged, before, "acknowledged, and not on the disk");

    let kept = kept(broker, &directory);
    assert_eq!(kept.get(..before.len()), Some(&before[..]), "acknowledged, and lost");
}

#[test]
fn once_there_is_room_the_broker_goes_on() {
    let directory = place("full-for-a-while");
    let broker = confined(&directory);
    let mut publisher = Publisher::fill(&broker);
    assert!(publisher.acknowledged.len() < usize::from(MESSAGES));
    let id = i32::try_from(broker.id()).unwrap();
    let (_, most) = Resource::FSIZE.get().unwrap();
    prlimit(id, Resource::FSIZE, Some((most, most)), None).unwrap();
    broker.logged("the journal has room again");
    publisher.publish(MESSAGES + 1);
    publisher.finish(MESSAGES + 1);
    let all: Vec<u16> = (1..=MESSAGES + 1).collect();
    assert_eq!(publisher.acknowledged, all);
    assert_eq!(kept(broker, &directory), all);
}
