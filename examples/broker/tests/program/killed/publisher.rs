//! A client that publishes, and remembers what the broker has answered.

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::io;

use mqtt_codec::{
    Ack, Connect, Delivery, Packet, PacketIdentifier, Properties, Publish, QoS, Subscribe,
    SubscriptionOptions, Subscriptions, TopicFilter, TopicName, Utf8String, Version,
};

use super::link::Link;

/// Messages that it has under way.
const WINDOW: usize = 8;

pub(super) struct Publisher {
    name: &'static str,
    version: Version,
    /// Whether the broker has said that there is a Session.
    has_session: bool,
    /// How many messages there have been.
    sent: u32,
    under_way: BTreeMap<PacketIdentifier, Flight>,
    /// The newest retained message that was acknowledged.
    retained: Option<u32>,
}

/// A message that is not acknowledged.
#[derive(Clone, Copy)]
struct Flight {
    number: u32,
    /// PUBREC has come.
    released: bool,
}

/// Three of four go to the subscribers, with QoS 1 and 2; the fourth is retained.
const fn qos(number: u32) -> QoS {
    if number.is_multiple_of(2) { QoS::AtLeastOnce } else { QoS::ExactlyOnce }
}

const fn is_retained(number: u32) -> bool {
    number.is_multiple_of(4)
}

impl Publisher {
    pub(super) fn new(name: &'static str, version: Version) -> Self {
        let under_way = BTreeMap::new();
        Self { name, version, has_session: false, sent: 0, under_way, retained: None }
    }

    /// Publishes until the broker is gone.
    pub(super) fn work(&mut self, address: SocketAddr, mut answered: impl FnMut()) {
        let ended: io::Result<()> = self.connect(address).and_then(|mut link| {
            loop {
                while self.under_way.len() < WINDOW {
                    self.publish_next(&mut link)?;
                }
                self.receive(&mut link)?;
                answered();
            }
        });
        assert!(ended.is_err());
    }

    /// Gets what is under way acknowledged.
    pub(super) fn finish(&mut self, address: SocketAddr) {
        let mut link = self.connect(address).unwrap();
        while !self.under_way.is_empty() {
            self.receive(&mut link).unwrap();
        }
    }

    /// What subscribers must have, and how.
    pub(super) fn published(&self) -> impl Iterator<Item = (String, QoS)> {
        let numbers = (0..self.sent).filter(|number| !is_retained(*number));
        numbers.map(|number| (self.payload(number), qos(number)))
    }

    /// The message that is retained is the last one.
    pub(super) fn check_retained(&self, address: SocketAddr) {
        let Some(number) = self.retained else { return };
        let (mut link, _) = Link::connect(
            address,
            &Connect {
                version: Version::V3_1_1,
                clean_start: true,
                keep_alive: 0,
                client_identifier: Utf8String::new("a passer-by").unwrap(),
                properties: Properties::EMPTY,
                will: None,
                user_name: None,
                password: None,
            },
        );
        let topic = self.topic(0);
        let filter = (TopicFilter::new(&topic).unwrap(), SubscriptionOptions::default());
        link.send(&Packet::Subscribe(Subscribe {
            packet_identifier: PacketIdentifier::MIN,
            properties: Properties::EMPTY,
            subscriptions: Subscriptions::new(&[filter]),
        }))
        .unwrap();
        let mut found = None;
        while found.is_none() {
            found = link
                .receive(|packet| match packet {
                    Packet::Publish(publish) => Some(publish.payload.to_vec()),
                    Packet::Suback(_) => None,
                    other => panic!("no retained message but {other}"),
                })
                .unwrap();
        }
        assert_eq!(found, Some(self.payload(number).into_bytes()));
    }

    fn connect(&mut self, address: SocketAddr) -> io::Result<Link> {
        let (mut link, session_present) = Link::resume(address, self.version, self.name)?;
        assert!(session_present || !self.has_session, "{}'s Session is gone", self.name);
        self.has_session = true;
        if !session_present {
            // What a PUBREL was sent for, nobody remembers.
            self.under_way.values_mut().for_each(|flight| flight.released = false);
        }
        // In the order in which they were sent.
        let mut again: Vec<_> = self.under_way.iter().map(|(id, flight)| (*id, *flight)).collect();
        again.sort_by_key(|(_, flight)| flight.number);
        for (identifier, flight) in again {
            match flight.released {
                true => link.send(&Packet::Pubrel(Ack::success(identifier)))?,
                false => self.publish(&mut link, identifier, flight.number, session_present)?,
            }
        }
        Ok(link)
    }

    fn publish_next(&mut self, link: &mut Link) -> io::Result<()> {
        let number = self.sent;
        let free = (1..).filter_map(PacketIdentifier::new);
        let identifier = { free }.find(|identifier| !self.under_way.contains_key(identifier));
        let identifier = identifier.unwrap();
        self.sent += 1;
        self.under_way.insert(identifier, Flight { number, released: false });
        self.publish(link, identifier, number, false)
    }

    fn publish(
        &self,
        link: &mut Link,
        identifier: PacketIdentifier,
        number: u32,
        dup: bool,
    ) -> io::Result<()> {
        link.send(&Packet::Publish(Publish {
            delivery: Delivery::new(qos(number), dup, Some(identifier)).unwrap(),
            retain: is_retained(number),
            topic: Some(TopicName::new(&self.topic(number)).unwrap()),
            properties: Properties::EMPTY,
            payload: self.payload(number).as_bytes(),
        }))
    }

    fn receive(&mut self, link: &mut Link) -> io::Result<()> {
        let answer = link.receive(|packet| match packet {
            Packet::Puback(ack) => (ack.packet_identifier, QoS::AtLeastOnce, false),
            Packet::Pubrec(ack) => (ack.packet_identifier, QoS::ExactlyOnce, false),
            Packet::Pubcomp(ack) => (ack.packet_identifier, QoS::ExactlyOnce, true),
            other => panic!("no acknowledgement but {other}"),
        })?;
        let (identifier, of, is_complete) = answer;
        let flight = self.under_way.get_mut(&identifier).expect("something is acknowledged");
        let number = flight.number;
        assert_eq!(of, qos(number));
        if of == QoS::ExactlyOnce && !is_complete {
            flight.released = true;
            return link.send(&Packet::Pubrel(Ack::success(identifier)));
        }
        self.under_way.remove(&identifier);
        if is_retained(number) {
            self.retained = self.retained.max(Some(number));
        }
        Ok(())
    }

    fn topic(&self, number: u32) -> String {
        let kind = if is_retained(number) { "state" } else { "data" };
        format!("{kind}/{}", self.name)
    }

    fn payload(&self, number: u32) -> String {
        format!("{} {number}", self.name)
    }
}
