//! A client that keeps a subscription, and remembers what it got.

use core::net::SocketAddr;
use std::collections::{BTreeMap, BTreeSet};
use std::io;

use mqtt_codec::{
    Ack, Packet, PacketIdentifier, Properties, QoS, Subscribe, SubscriptionOptions, Subscriptions,
    TopicFilter, Version,
};

use super::link::Link;

pub(super) struct Subscriber {
    name: &'static str,
    version: Version,
    has_session: bool,
    /// How often each message came.
    got: BTreeMap<String, u32>,
    /// QoS 2 messages that it has and the broker has not released.
    received: BTreeSet<PacketIdentifier>,
}

/// What there is to do about a packet.
enum Next {
    Answer(Packet<'static>),
    Pong,
}

impl Subscriber {
    pub(super) fn new(name: &'static str, version: Version) -> Self {
        let (got, received) = (BTreeMap::new(), BTreeSet::new());
        Self { name, version, has_session: false, got, received }
    }

    /// Connects to a broker that is there; the first time it subscribes.
    pub(super) fn connect(&mut self, address: SocketAddr) -> Link {
        let (mut link, session_present) = Link::resume(address, self.version, self.name).unwrap();
        assert_eq!(session_present, self.has_session, "{}'s Session", self.name);
        if !session_present {
            let filter = TopicFilter::new("data/#").unwrap();
            let maximum_qos = QoS::ExactlyOnce;
            let options = SubscriptionOptions { maximum_qos, ..SubscriptionOptions::default() };
            link.send(&Packet::Subscribe(Subscribe {
                packet_identifier: PacketIdentifier::MIN,
                properties: Properties::EMPTY,
                subscriptions: Subscriptions::new(&[(filter, options)]),
            }))
            .unwrap();
            link.receive(|packet| assert!(matches!(packet, Packet::Suback(_)), "{packet}"))
                .unwrap();
            self.has_session = true;
        }
        link
    }

    /// Takes what comes until the broker is gone.
    pub(super) fn listen(&mut self, mut link: Link) {
        while self.take(&mut link).is_ok() {}
    }

    /// Takes what comes until everything has, then compares.
    pub(super) fn finish(&mut self, mut link: Link, expected: &BTreeMap<String, QoS>) {
        while !expected.keys().all(|payload| self.got.contains_key(payload)) {
            self.take(&mut link).unwrap();
        }
        // And nothing more.
        link.send(&Packet::Pingreq).unwrap();
        while !self.take(&mut link).unwrap() {}
        for (payload, count) in &self.got {
            match expected.get(payload) {
                Some(QoS::ExactlyOnce) => assert_eq!(*count, 1, "{}: {payload:?}", self.name),
                Some(_) => assert!(*count >= 1),
                None => panic!("{}: nobody published {payload:?}", self.name),
            }
        }
    }

    /// Takes one packet. True: it was PINGRESP.
    fn take(&mut self, link: &mut Link) -> io::Result<bool> {
        let Self { got, received, .. } = self;
        let next = link.receive(|packet| match packet {
            Packet::Publish(publish) => {
                let identifier = publish.delivery.packet_identifier().unwrap();
                let ack = Ack::success(identifier);
                let mut count = || {
                    let payload = String::from_utf8_lossy(publish.payload).into_owned();
                    *got.entry(payload).or_default() += 1;
                };
                if publish.delivery.qos() == QoS::AtLeastOnce {
                    count();
                    return Next::Answer(Packet::Puback(ack));
                }
                if received.insert(identifier) {
                    count();
                }
                Next::Answer(Packet::Pubrec(ack))
            }
            Packet::Pubrel(ack) => {
                received.remove(&ack.packet_identifier);
                Next::Answer(Packet::Pubcomp(Ack::success(ack.packet_identifier)))
            }
            Packet::Pingresp => Next::Pong,
            other => panic!("unexpected: {other}"),
        })?;
        match next {
            Next::Pong => Ok(true),
            Next::Answer(packet) => link.send(&packet).map(|()| false),
        }
    }
}
