//! [`Client`]: one MQTT client without I/O. It keeps the client's half of a Session and answers what
//! it receives by the standard; what it does of its own accord is in `acting` and `breaking`.

pub mod acting;
mod breaking;

use std::collections::BTreeSet;

use mqtt_codec::{
    Ack, Connack, Framed, Packet, PacketIdentifier, Properties, Property, Publish, QoS, ReasonCode,
    Sender, TopicName, Version, frame,
};

use crate::link::LinkId;
use crate::message::{MessageId, Messages};
use crate::model::SessionNumber;
use crate::random::Random;
use crate::workload::Profile;

/// A client and its half of the Session.
#[derive(Debug)]
pub struct Client {
    /// What it is like.
    pub profile: Profile,
    random: Random,
    /// The Network Connection it uses.
    pub link: Option<LinkId>,
    is_connected: bool,
    /// The Client Identifier in use: its own, or the one assigned to it.
    pub name: String,
    /// Whether its Session was to outlive the last connection.
    pub is_persistent: bool,
    /// The Session it is in. No real client knows this: one that missed a CONNACK may take a new
    /// Session for the one it knew, and nobody but itself would be wrong.
    session: Option<SessionNumber>,
    /// Counts its Sessions.
    pub epoch: u32,
    /// Its own messages under way, in the order they were sent.
    outbound: Vec<Outbound>,
    /// QoS 2 messages it has received and that were not released.
    inbound: BTreeSet<u16>,
    /// Identifiers of SUBSCRIBE and UNSUBSCRIBE packets without an answer.
    pending: BTreeSet<u16>,
    next_identifier: u16,
    /// QoS 1 and 2 messages the broker takes at once.
    send_quota: usize,
    /// Topics behind the aliases it has defined on this connection.
    aliases: Vec<String>,
    aliases_allowed: u16,
    /// Topics behind the broker's aliases.
    broker_aliases: Vec<(u16, String)>,
    /// Received and not a whole packet yet.
    inbox: Vec<u8>,
    /// Acknowledgements that it has not sent yet.
    lazy: Vec<u8>,
    /// To be sent.
    pub outbox: Vec<u8>,
    /// It has lost track of what it sent: only a new Session helps.
    begins_anew: bool,
    /// It sent garbage: what follows on this connection may be taken for the rest of it.
    is_spoiled: bool,
    /// Nothing goes wrong any more, and nothing new is begun.
    pub is_healed: bool,
}

#[derive(Clone, Debug)]
struct Outbound {
    identifier: PacketIdentifier,
    message: MessageId,
    /// PUBREC came: only PUBREL is left to send.
    released: bool,
}

/// What a client wants of its surroundings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wish {
    /// A new Network Connection, for the CONNECT in its outbox; an old one is left as it is.
    Open,
    /// The end of the Network Connection, once its outbox is sent.
    Close,
    /// The Network Connection is of no use to it: it will not read, write or close it.
    Abandon,
}

/// An Application Message that reached the program behind a client.
#[derive(Clone, Debug)]
pub struct Heard {
    /// Which one; `None` if it is empty.
    pub message: Option<MessageId>,
    /// Its topic.
    pub topic: String,
    /// The Quality of Service it came with.
    pub qos: QoS,
}

impl Client {
    /// A client that has never connected.
    #[must_use]
    pub fn new(profile: Profile, random: Random) -> Self {
        Self {
            name: profile.name.clone(),
            profile,
            random,
            link: None,
            is_connected: false,
            is_persistent: false,
            session: None,
            epoch: 0,
            outbound: Vec::new(),
            inbound: BTreeSet::new(),
            pending: BTreeSet::new(),
            next_identifier: 0,
            send_quota: 0,
            aliases: Vec::new(),
            aliases_allowed: 0,
            broker_aliases: Vec::new(),
            inbox: Vec::new(),
            lazy: Vec::new(),
            outbox: Vec::new(),
            begins_anew: false,
            is_spoiled: false,
            is_healed: false,
        }
    }

    /// Whether anything is left for it to do or to wait for.
    #[must_use]
    pub fn is_at_rest(&self) -> bool {
        self.link.is_none() || (self.is_connected && self.outbound.is_empty() && !self.is_waiting())
    }

    /// Whether it waits for the second half of a QoS 2 delivery.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        !self.inbound.is_empty()
    }

    /// Bytes came on a connection that belongs to `session`. What reached the program, and what the
    /// client wants.
    pub fn receive(
        &mut self,
        bytes: &[u8],
        messages: &Messages,
        session: Option<SessionNumber>,
    ) -> (Vec<Heard>, Option<Wish>) {
        self.inbox.extend_from_slice(bytes);
        let inbox = std::mem::take(&mut self.inbox);
        let mut rest = &inbox[..];
        let (mut heard, mut wish) = (Vec::new(), None);
        while wish.is_none() {
            let found = match frame(rest, Sender::Server, u32::MAX) {
                Ok(Framed::Complete(found)) => found,
                Ok(Framed::Incomplete { .. }) => break,
                Err(_) => return (heard, Some(Wish::Close)),
            };
            rest = &rest[found.encoded_len()..];
            match found.decode(self.profile.version) {
                Ok(packet) => wish = self.take(&packet, messages, session, &mut heard),
                Err(_) => return (heard, Some(Wish::Close)),
            }
        }
        self.inbox = rest.to_vec();
        (heard, wish)
    }

    /// The Network Connection is over.
    pub fn lost(&mut self) {
        self.link = None;
        self.is_connected = false;
        self.is_spoiled = false;
        self.inbox.clear();
        self.outbox.clear();
        self.lazy.clear();
        self.pending.clear();
        self.broker_aliases.clear();
        self.aliases.clear();
    }

    fn take(
        &mut self,
        packet: &Packet<'_>,
        messages: &Messages,
        session: Option<SessionNumber>,
        heard: &mut Vec<Heard>,
    ) -> Option<Wish> {
        match packet {
            Packet::Connack(connack) => return self.greeted(connack, messages, session),
            Packet::Publish(publish) => self.deliver(publish, messages, heard),
            Packet::Puback(ack) => self.finish(ack.packet_identifier),
            Packet::Pubrec(ack) => self.recorded(ack),
            Packet::Pubrel(ack) => {
                self.inbound.remove(&ack.packet_identifier.get());
                self.answer(&Packet::Pubcomp(Ack::success(ack.packet_identifier)));
            }
            Packet::Pubcomp(ack) => self.finish(ack.packet_identifier),
            Packet::Suback(suback) => {
                self.pending.remove(&suback.packet_identifier.get());
            }
            Packet::Unsuback(unsuback) => {
                self.pending.remove(&unsuback.packet_identifier.get());
            }
            Packet::Disconnect(_) => return Some(Wish::Close),
            _ => {}
        }
        None
    }

    fn greeted(
        &mut self,
        connack: &Connack<'_>,
        messages: &Messages,
        session: Option<SessionNumber>,
    ) -> Option<Wish> {
        if connack.reason_code != ReasonCode::SUCCESS {
            return Some(Wish::Close);
        }
        self.is_connected = true;
        let properties = &connack.properties;
        self.send_quota = properties.receive_maximum().map_or(usize::MAX, |n| n.get().into());
        self.aliases_allowed = properties.topic_alias_maximum().unwrap_or(0);
        if let Some(name) = properties.assigned_client_identifier() {
            self.name = name.as_str().into();
        }
        if self.session != session {
            self.session = session;
            self.epoch += 1;
            self.begins_anew = false;
            self.inbound.clear();
            self.outbound.clear();
        }
        for outbound in self.outbound.clone() {
            self.send_outbound(&outbound, true, messages);
        }
        None
    }

    fn deliver(&mut self, publish: &Publish<'_>, messages: &Messages, heard: &mut Vec<Heard>) {
        let alias = publish.properties.topic_alias().map(std::num::NonZero::get);
        let topic = match (publish.topic, alias) {
            (Some(topic), None) => topic.as_str().to_string(),
            (Some(topic), Some(alias)) => {
                self.broker_aliases.retain(|(known, _)| *known != alias);
                self.broker_aliases.push((alias, topic.as_str().into()));
                topic.as_str().to_string()
            }
            (None, alias) => {
                let known = self.broker_aliases.iter().find(|(known, _)| Some(*known) == alias);
                known.map(|(_, topic)| topic.clone()).unwrap_or_default()
            }
        };
        let (qos, message) = (publish.delivery.qos(), messages.identify(publish.payload));
        let mut is_new = true;
        if let Some(identifier) = publish.delivery.packet_identifier() {
            let mut ack = Ack::success(identifier);
            let is_known = self.inbound.contains(&identifier.get());
            if self.refuses() && !is_known {
                ack.reason_code = ReasonCode::QUOTA_EXCEEDED;
                is_new = false;
            }
            if qos == QoS::ExactlyOnce {
                is_new = is_new && self.inbound.insert(identifier.get());
                self.answer(&Packet::Pubrec(ack));
            } else {
                self.answer(&Packet::Puback(ack));
            }
        }
        if is_new {
            heard.push(Heard { message, topic, qos });
        }
    }

    /// Whether it will not have a message that it is sent.
    fn refuses(&mut self) -> bool {
        let chance = self.profile.refuse_per_mille;
        let may = self.profile.version == Version::V5 && !self.is_healed && chance > 0;
        may && self.random.chance(chance)
    }

    fn recorded(&mut self, ack: &Ack<'_>) {
        let identifier = ack.packet_identifier;
        if ack.reason_code.is_error() {
            self.finish(identifier);
            return;
        }
        for outbound in &mut self.outbound {
            outbound.released |= outbound.identifier == identifier;
        }
        self.answer(&Packet::Pubrel(Ack::success(identifier)));
    }

    fn finish(&mut self, identifier: PacketIdentifier) {
        self.outbound.retain(|outbound| outbound.identifier != identifier);
    }

    /// Sends an acknowledgement, now or when it gets round to it.
    fn answer(&mut self, packet: &Packet<'_>) {
        let out = if self.profile.is_lazy && !self.is_healed {
            &mut self.lazy
        } else {
            // What it owed from before goes first.
            self.outbox.append(&mut self.lazy);
            &mut self.outbox
        };
        put(packet, self.profile.version, out);
    }

    fn send(&mut self, packet: &Packet<'_>) {
        put(packet, self.profile.version, &mut self.outbox);
    }

    fn send_outbound(&mut self, outbound: &Outbound, dup: bool, messages: &Messages) {
        if outbound.released {
            self.send(&Packet::Pubrel(Ack::success(outbound.identifier)));
            return;
        }
        let identifier = Some(outbound.identifier);
        self.send_publish(outbound.message, identifier, dup, messages);
    }

    fn send_publish(
        &mut self,
        id: MessageId,
        identifier: Option<PacketIdentifier>,
        dup: bool,
        messages: &Messages,
    ) {
        let Some(message) = messages.get(id) else { return };
        let (payload, along) = (messages.payload(id), messages.along(id));
        let is_v5 = self.profile.version == Version::V5;
        let mut properties = Vec::new();
        let mut topic = TopicName::new(&message.topic).ok();
        if is_v5 {
            properties.extend(message.expiry.map(Property::MessageExpiryInterval));
            properties.extend(along.properties());
            if self.aliases_allowed > 0 && self.random.chance(400) {
                let known = self.aliases.iter().position(|known| *known == message.topic);
                let place = known.unwrap_or(self.aliases.len());
                let alias = u16::try_from(place + 1).ok().filter(|n| *n <= self.aliases_allowed);
                if let Some(alias) = alias.and_then(std::num::NonZero::new) {
                    properties.push(Property::TopicAlias(alias));
                    if known.is_some() {
                        topic = None;
                    } else {
                        self.aliases.push(message.topic.clone());
                    }
                }
            }
        }
        let delivery = mqtt_codec::Delivery::new(message.qos, dup, identifier);
        let Some(delivery) = delivery else { return };
        let (retain, payload) = (message.retain, &payload[..]);
        let properties = Properties::new(&properties);
        self.send(&Packet::Publish(Publish { delivery, retain, topic, properties, payload }));
    }
}

/// Appends the bytes of a packet.
fn put(packet: &Packet<'_>, version: Version, out: &mut Vec<u8>) {
    let from = out.len();
    out.resize(from + packet.encoded_len(version), 0);
    if packet.encode(version, &mut out[from..]).is_err() {
        out.truncate(from);
    }
}
