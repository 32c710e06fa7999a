//! A client that does one thing at a time and does not give up: if its connection is gone, it comes
//! back and goes on where it was.

pub(super) mod breaking;

use std::collections::BTreeSet;

use mqtt_broker_core::{CloseReason, ConnectionHandle};
use mqtt_codec::{
    Ack, Connect, Delivery, Disconnect, Framed, Packet, PacketIdentifier, Properties, Property,
    Publish, QoS, ReasonCode, Sender, Subscribe, SubscriptionIdentifier, SubscriptionOptions,
    Subscriptions, TopicFilter, TopicFilters, TopicName, Unsubscribe, Utf8String, Version, Will,
    frame,
};

use super::deeds::{self, Deed};
use crate::link::LinkId;
use crate::reach::reached;

/// The level above the topics of Will Messages.
pub(super) const WILLS: &str = "w";

/// What a message that expires says of that, in seconds: longer than any world lasts.
const EXPIRY: u32 = 1_000_000;

/// Whether a message expires.
fn expires(payload: &str) -> bool {
    payload.parse::<u64>().is_ok_and(|number| number % 3 == 0)
}

/// A message that its program has.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Heard {
    pub(super) topic: String,
    pub(super) payload: String,
    pub(super) qos: u8,
    pub(super) retain: bool,
    pub(super) identifiers: Vec<u32>,
    /// It came to a client that is told no identifiers.
    pub(super) is_old: bool,
}

#[derive(Debug)]
pub(super) struct Client {
    pub(super) version: Version,
    /// The number of its connection among all.
    pub(super) link: LinkId,
    /// Why it was told to go.
    told: Option<ReasonCode>,
    /// How many connections it has had.
    number: u32,
    /// The Will Message of the last one.
    pub(super) will: String,
    /// A CONNACK has told it that it has a Session.
    has_session: bool,
    /// What it was told and cannot be.
    pub(super) lie: Option<(&'static str, String)>,
    pub(super) handle: Option<ConnectionHandle>,
    pub(super) is_welcome: bool,
    pub(super) waiting: bool,
    /// On the way to the broker, and from it.
    pub(super) input: Vec<u8>,
    pub(super) output: Vec<u8>,
    pub(super) heard: Vec<Heard>,
    doing: Option<(Deed, PacketIdentifier)>,
    /// The broker has the QoS 2 message: a PUBREL is due.
    is_received: bool,
    last: u16,
    exactly_once: BTreeSet<PacketIdentifier>,
    /// It has said goodbye, or has broken a rule, on this connection.
    leaves: bool,
    pub(super) breaks: bool,
    /// Whatever it sent now would be taken for the rest of something else.
    is_mute: bool,
    /// QoS 2 messages that it sent beyond what it may, and that are not released.
    flooded: BTreeSet<PacketIdentifier>,
    strangers: u16,
}

/// What goes along with a message: the same name twice, in an order that means something. Older
/// clients send nothing along.
fn along(payload: &str) -> Vec<Property<'_>> {
    if deeds::is_old(payload) {
        return Vec::new();
    }
    let pair = |name, value| {
        let pair = Utf8String::new(name).ok().zip(Utf8String::new(value).ok());
        pair.map(|(name, value)| Property::UserProperty(name, value))
    };
    [pair("k", payload), pair("j", ""), pair("k", "last")].into_iter().flatten().collect()
}

impl Client {
    /// The one of this name, which has never connected.
    pub(super) fn new(name: &str) -> Self {
        Self {
            version: deeds::version(name),
            link: 0,
            told: None,
            number: 0,
            will: String::new(),
            has_session: false,
            lie: None,
            handle: None,
            is_welcome: false,
            waiting: false,
            input: Vec::new(),
            output: Vec::new(),
            heard: Vec::new(),
            doing: None,
            is_received: false,
            last: 0,
            exactly_once: BTreeSet::new(),
            leaves: false,
            breaks: false,
            is_mute: false,
            flooded: BTreeSet::new(),
            strangers: 0,
        }
    }

    /// Whether it waits to be answered, or to be read.
    pub(super) const fn is_busy(&self) -> bool {
        self.doing.is_some() || !self.input.is_empty()
    }

    /// Whether its connection may be closed for this reason, of which it has been told if it can be.
    pub(super) fn allows(&self, reason: CloseReason) -> bool {
        let is_goodbye = matches!(reason, CloseReason::Disconnected(_));
        let told = self.told == Some(reason.reason_code());
        self.leaves && is_goodbye || self.breaks && (self.version != Version::V5 || told)
    }

    pub(super) fn connect(&mut self, name: &str, handle: ConnectionHandle, link: LinkId) {
        self.lose();
        (self.handle, self.link) = (Some(handle), link);
        self.number += 1;
        self.will = deeds::payload(name, &format!("{name}.{}", self.number));
        let will_topic = format!("{WILLS}/{name}");
        let (name, topic) = (Utf8String::new(name), TopicName::new(&will_topic));
        let (Ok(client_identifier), Ok(topic)) = (name, topic) else { return };
        let payload = std::mem::take(&mut self.will);
        let expiry = [Property::SessionExpiryInterval(u32::MAX)];
        let is_v5 = self.version == Version::V5;
        self.send(&Packet::Connect(Connect {
            version: self.version,
            clean_start: false,
            keep_alive: 0,
            client_identifier,
            properties: Properties::new(if is_v5 { &expiry } else { &[] }),
            will: Some(Will {
                qos: QoS::ExactlyOnce,
                retain: false,
                topic,
                payload: payload.as_bytes(),
                properties: Properties::new(&along(&payload)),
            }),
            user_name: None,
            password: None,
        }));
        self.will = payload;
    }

    /// Says goodbye.
    pub(super) fn leave(&mut self) {
        self.leaves = true;
        self.send(&Packet::Disconnect(Disconnect {
            reason_code: ReasonCode::NORMAL_DISCONNECTION,
            properties: Properties::EMPTY,
        }));
    }

    /// Its connection is gone.
    pub(super) fn lose(&mut self) {
        (self.handle, self.is_welcome, self.waiting) = (None, false, false);
        (self.input, self.output) = (Vec::new(), Vec::new());
        (self.leaves, self.breaks, self.is_mute) = (false, false, false);
        self.told = None;
    }

    pub(super) fn begin(&mut self, deed: Deed) {
        self.last = self.last % 60_000 + 1;
        self.doing = PacketIdentifier::new(self.last).map(|identifier| (deed, identifier));
        self.is_received = false;
        if self.is_welcome {
            self.go_on(false);
        }
    }

    /// Says what it has to say, for the first time or `again`.
    fn go_on(&mut self, again: bool) {
        let Some((deed, packet_identifier)) = self.doing.take() else { return };
        match &deed {
            Deed::Publish { .. } if self.is_received => {
                self.send(&Packet::Pubrel(Ack::success(packet_identifier)));
            }
            Deed::Publish { topic, payload, qos, retain, twice } => {
                let identifier = (*qos > QoS::AtMostOnce).then_some(packet_identifier);
                let times = if *twice && !again { 2 } else { 1 };
                for time in 0..times {
                    let Some(delivery) = Delivery::new(*qos, again || time > 0, identifier) else {
                        return;
                    };
                    self.send_publish(delivery, topic, payload, *retain);
                }
            }
            Deed::Subscribe { filter, identifier, qos } => {
                let Ok(filter) = TopicFilter::new(filter) else { return };
                let list = [(filter, SubscriptionOptions::new(*qos))];
                let is_v5 = self.version == Version::V5;
                let identifier = SubscriptionIdentifier::new(*identifier).filter(|_| is_v5);
                let properties = identifier.map(Property::SubscriptionIdentifier);
                self.send(&Packet::Subscribe(Subscribe {
                    packet_identifier,
                    properties: Properties::new(properties.as_slice()),
                    subscriptions: Subscriptions::new(&list),
                }));
            }
            Deed::Unsubscribe { filter } => {
                let Ok(filter) = TopicFilter::new(filter) else { return };
                self.send(&Packet::Unsubscribe(Unsubscribe {
                    packet_identifier,
                    properties: Properties::EMPTY,
                    filters: TopicFilters::new(&[filter]),
                }));
            }
            // These have no answer.
            Deed::HangUp | Deed::Leave | Deed::TakeOver | Deed::Break(_) | Deed::Flood { .. } => {
                return;
            }
        }
        if matches!(deed, Deed::Publish { qos: QoS::AtMostOnce, .. }) {
            return;
        }
        self.doing = Some((deed, packet_identifier));
    }

    fn send_publish(&mut self, delivery: Delivery, topic: &str, payload: &str, retain: bool) {
        let Ok(topic) = TopicName::new(topic) else { return };
        let mut properties = along(payload);
        properties.extend(expires(payload).then_some(Property::MessageExpiryInterval(EXPIRY)));
        self.send(&Packet::Publish(Publish {
            delivery,
            retain,
            topic: Some(topic),
            properties: Properties::new(&properties),
            payload: payload.as_bytes(),
        }));
    }

    /// Takes what came from the broker, and shows it.
    pub(super) fn read(&mut self, mut see: impl FnMut(&Packet<'_>)) {
        let output = std::mem::take(&mut self.output);
        let mut rest = &output[..];
        while let Ok(Framed::Complete(found)) = frame(rest, Sender::Server, u32::MAX) {
            if let Ok(packet) = found.decode(self.version) {
                see(&packet);
                self.packet(&packet);
            }
            rest = &rest[found.encoded_len()..];
        }
        self.output = rest.to_vec();
    }

    fn packet(&mut self, packet: &Packet<'_>) {
        match packet {
            Packet::Connack(connack) => {
                reached("MQTT-3.2.2-3");
                // A client of 3.1 is not told.
                let is_told = self.version != Version::V3_1;
                // Of all but the first, the CONNACK that said so may have been lost.
                let is_new = self.number == 1;
                let is_lie = is_new && connack.session_present
                    || self.has_session && !connack.session_present;
                if is_told && is_lie {
                    let lie = format!("connection {} is told {packet}", self.number);
                    self.lie = Some(("session_present", lie));
                }
                (self.is_welcome, self.has_session) = (true, true);
                self.release_the_flood();
                self.go_on(true);
            }
            Packet::Publish(publish) => self.hear(publish),
            Packet::Pubrel(ack) => {
                self.exactly_once.remove(&ack.packet_identifier);
                self.send(&Packet::Pubcomp(Ack::success(ack.packet_identifier)));
            }
            Packet::Pubrec(ack) if self.is_for(ack.packet_identifier) => {
                self.is_received = true;
                self.go_on(false);
            }
            Packet::Pubrec(ack) if self.flooded.contains(&ack.packet_identifier) => {
                self.send(&Packet::Pubrel(Ack::success(ack.packet_identifier)));
            }
            Packet::Puback(ack) | Packet::Pubcomp(ack) => {
                self.flooded.remove(&ack.packet_identifier);
                self.is_done(ack.packet_identifier);
            }
            Packet::Disconnect(disconnect) => {
                reached("MQTT-3.14.0-1");
                self.told = Some(disconnect.reason_code);
            }
            Packet::Suback(suback) => self.is_done(suback.packet_identifier),
            Packet::Unsuback(unsuback) => self.is_done(unsuback.packet_identifier),
            _ => {}
        }
    }

    fn is_for(&self, identifier: PacketIdentifier) -> bool {
        self.doing.as_ref().is_some_and(|(_, doing)| *doing == identifier)
    }

    fn is_done(&mut self, identifier: PacketIdentifier) {
        if self.is_for(identifier) {
            self.doing = None;
        }
    }

    fn hear(&mut self, publish: &Publish<'_>) {
        let qos = publish.delivery.qos() as u8;
        match (qos, publish.delivery.packet_identifier()) {
            (1, Some(identifier)) => self.send(&Packet::Puback(Ack::success(identifier))),
            (2, Some(identifier)) => {
                reached("MQTT-4.3.3-10");
                self.send(&Packet::Pubrec(Ack::success(identifier)));
                if !self.exactly_once.insert(identifier) {
                    return;
                }
            }
            _ => {}
        }
        let payload = String::from_utf8_lossy(publish.payload).into_owned();
        self.look_at(publish, &payload);
        let identifiers = publish.properties.subscription_identifiers();
        let mut identifiers: Vec<u32> = identifiers.map(SubscriptionIdentifier::get).collect();
        identifiers.sort_unstable();
        self.heard.push(Heard {
            topic: publish.topic.map_or_else(String::new, |topic| topic.as_str().into()),
            payload,
            qos,
            retain: publish.retain,
            identifiers,
            is_old: self.version != Version::V5,
        });
    }

    /// What came with a message is what was published with it.
    fn look_at(&mut self, publish: &Publish<'_>, payload: &str) {
        let told = publish.properties.user_properties();
        let told: Vec<_> = told.map(|(name, value)| Property::UserProperty(name, value)).collect();
        let is_v5 = self.version == Version::V5;
        let is_along = told == if is_v5 { along(payload) } else { Vec::new() };
        let left = publish.properties.message_expiry_interval();
        let in_time = match left {
            _ if !is_v5 => left.is_none(),
            Some(left) => expires(payload) && left <= EXPIRY && left > EXPIRY / 2,
            None => !expires(payload),
        };
        reached("MQTT-3.3.2-18");
        if !is_along || !in_time {
            let lie = format!("{payload} comes with {told:?} and {left:?} seconds left");
            self.lie = Some(("content", lie));
        }
    }

    fn send(&mut self, packet: &Packet<'_>) {
        if self.is_mute {
            return;
        }
        let mut bytes = vec![0; packet.encoded_len(self.version)];
        if packet.encode(self.version, &mut bytes).is_ok() {
            self.input.extend_from_slice(&bytes);
        }
    }
}
