//! From packets and events to the steps of the model and to what is owed.

use mqtt_broker_core::{CloseReason, DropCause, Event, Instant};
use mqtt_codec::{
    Connect, Packet, PacketType, Publish, QoS, ReasonCode, Subscribe, Unsubscribe, Version,
};

use super::answers::{Expected, Owed};
use super::conduct::{self, Conduct};
use super::{Call, Cause, Oracles, Told, authority, durable, limits, session_present};
use crate::link::LinkId;
use crate::message::Messages;
use crate::model::{Bond, ConnectNote, Fate, Moment, PublishNote, Step, Subscription, WillKept};
use crate::rules;

impl Oracles {
    /// What the call was about; what became of the PUBLISH, if it was one.
    pub(super) fn cause(
        &mut self,
        call: &Call<'_>,
        moment: Moment,
        messages: &Messages,
    ) -> Option<Fate> {
        match call.cause {
            Cause::Opened(link, client) => {
                self.statistics.accepted += 1;
                self.step(moment, Step::Opened { link: *link, client: *client });
            }
            Cause::Packet(link, packet, len) => {
                return self.packet(call, moment, *link, packet, *len, messages);
            }
            Cause::Malformed(link) => {
                if self.is_open(*link) && closed(call, *link).is_none() {
                    self.judge::<()>("answers", Err(format!("link {link} may break any rule")));
                }
            }
            Cause::Timeout => self.step(moment, Step::Tick),
            Cause::Published(publish, accepted) => {
                if *accepted {
                    let publish = publish.clone();
                    self.step(moment, Step::HostPublished { publish });
                }
            }
            Cause::Eof(_)
            | Cause::Kicked(_)
            | Cause::Removed(_)
            | Cause::Unsubscribed(..)
            | Cause::Other => {}
        }
        None
    }

    /// Whether the broker listens to a connection.
    #[must_use]
    pub fn is_open(&self, link: LinkId) -> bool {
        self.model.bonds.get(&link).is_some_and(|bond| bond.is_open)
    }

    /// Whether the Session of a connection outlives it: only then is anything of it kept.
    fn lasts(&self, link: LinkId) -> bool {
        let mut sessions = self.model.sessions.values();
        sessions.any(|session| session.link == Some(link) && session.expiry > 0)
    }

    /// Whether the Session of a connection holds a QoS 2 message of the client: `false` if that is
    /// not known.
    fn received(&self, link: LinkId, identifier: u16) -> Option<bool> {
        let mut sessions = self.model.sessions.values();
        let session = sessions.find(|session| session.link == Some(link))?;
        session.received.get(&identifier).copied()
    }

    fn packet(
        &mut self,
        call: &Call<'_>,
        moment: Moment,
        link: LinkId,
        packet: &Packet<'_>,
        len: usize,
        messages: &Messages,
    ) -> Option<Fate> {
        if !self.is_open(link) {
            return None;
        }
        let connected = self.model.bonds.get(&link).is_some_and(|bond| bond.session.is_some());
        if !connected && !matches!(packet, Packet::Connect(_)) {
            return None;
        }
        self.statistics.packets_received += 1;
        self.statistics.bytes_received += len as u64;
        self.conduct.packet(link, call.at);
        let closed = closed(call, link);
        let promise = self.promise;
        let owed = |identifier: u16, expected| Owed { identifier, lsn: promise, expected };
        match packet {
            Packet::Connect(connect) if !connected => {
                let connect = connect_note(connect, self.settings.session_expiry_maximum, messages);
                self.wills.brought(connect.will.as_ref());
                self.step(moment, Step::Connect { link, connect });
            }
            Packet::Connect(_)
            | Packet::Connack(_)
            | Packet::Suback(_)
            | Packet::Unsuback(_)
            | Packet::Pingresp => {
                let right = Conduct::broken(link, packet, ReasonCode::PROTOCOL_ERROR, closed);
                self.judge("conduct", right);
            }
            Packet::Publish(publish) => {
                return Some(self.publish(call, moment, link, publish, messages));
            }
            Packet::Disconnect(disconnect) => {
                if let Some(CloseReason::Disconnected(code)) = closed {
                    let expiry = disconnect.properties.session_expiry_interval();
                    let forgets_will = code == ReasonCode::NORMAL_DISCONNECTION;
                    self.step(moment, Step::Goodbye { link, expiry, forgets_will });
                }
            }
            _ if closed.is_some_and(|reason| !is_full(reason)) => {}
            Packet::Puback(_) | Packet::Pubrec(_) | Packet::Pubcomp(_) => {
                let session = self.model.bonds.get(&link).and_then(|bond| bond.session)?;
                self.delivery.acknowledged(session, packet, call.lsn);
            }
            Packet::Pubrel(ack) => {
                let identifier = ack.packet_identifier.get();
                let owed = owed(identifier, self.pubcomp(link, identifier));
                self.answers.owe(link, PacketType::Pubcomp, owed);
                self.conduct.released(link);
                self.step(moment, Step::Release { link, identifier });
            }
            Packet::Subscribe(subscribe) => {
                let expected = Expected::Codes(self.subscribe(call, moment, link, subscribe));
                let identifier = subscribe.packet_identifier.get();
                let lsn = promise.filter(|_| self.lasts(link));
                let owed = Owed { lsn, ..owed(identifier, expected) };
                self.answers.owe(link, PacketType::Suback, owed);
            }
            Packet::Unsubscribe(unsubscribe) => {
                let expected = Expected::Codes(unsubscribed(call, unsubscribe));
                let identifier = unsubscribe.packet_identifier.get();
                let lsn = promise.filter(|_| self.lasts(link));
                let owed = Owed { lsn, ..owed(identifier, expected) };
                self.answers.owe(link, PacketType::Unsuback, owed);
            }
            Packet::Pingreq => {
                self.answers.owe(link, PacketType::Pingresp, owed(0, Expected::Anything));
            }
            _ => {}
        }
        None
    }

    /// What the answer to a PUBREL is to say.
    fn pubcomp(&self, link: LinkId, identifier: u16) -> Expected {
        match self.received(link, identifier) {
            Some(true) => Expected::Code(ReasonCode::SUCCESS),
            Some(false) => Expected::Anything,
            None => Expected::Code(ReasonCode::PACKET_IDENTIFIER_NOT_FOUND),
        }
    }

    fn publish(
        &mut self,
        call: &Call<'_>,
        moment: Moment,
        link: LinkId,
        publish: &Publish<'_>,
        messages: &Messages,
    ) -> Fate {
        let note = publish_note(publish, messages);
        let topic = self.model.topic_of(link, &note).unwrap_or_default();
        let name = self.model.bonds.get(&link).map_or("", |bond| bond.name.as_str());
        let is_allowed = rules::allows(name, &topic);
        let closed = closed(call, link);
        let known = self.model.topic_of(link, &note);
        if let Some(code) = conduct::wrong_alias(&self.config, &note, known.as_deref()) {
            let packet = Packet::Publish(*publish);
            let right = Conduct::broken(link, &packet, code, closed);
            self.judge("conduct", right);
        }
        let full = closed.is_some_and(is_full);
        let fate = if full {
            Fate::Unknown
        } else if closed.is_some() {
            Fate::Nothing
        } else if !is_allowed {
            Fate::Denied
        } else {
            refused(call)
        };
        if closed.is_none() || full {
            self.statistics.publish_received += 1;
        }
        let identifier = note.identifier.unwrap_or(0);
        let before = self.received(link, identifier);
        let before = before.filter(|_| publish.delivery.qos() == QoS::ExactlyOnce);
        let is_twice = before == Some(true);
        self.step(moment, Step::Publish { link, publish: note.clone(), fate });
        let fate = self.model.last_fate;
        let is_denied = fate == Fate::Denied && !is_twice;
        let is_known = before.is_none();
        self.statistics.denied_publish += u64::from(is_denied && is_known);
        self.statistics.perhaps_denied += u64::from(is_denied && !is_known || full && !is_allowed);
        let is_v5 = self.model.bonds.get(&link).is_some_and(Bond::is_v5);
        if is_v5 && !is_twice && fate == Fate::Accepted && note.qos == QoS::ExactlyOnce {
            let right = self.conduct.received(&self.config, link);
            self.judge("conduct", right);
        }
        let is_told = call.told.iter().any(|told| matches!(told, Told::Event(..)));
        let is_new = fate == Fate::Accepted && self.model.last_matched == Some(true);
        if self.config.journal && is_new && call.lsn.is_none() && !is_told {
            let right = durable::recorded(&self.model, &note);
            self.judge("durable", right);
        }
        let expected = match (fate, self.model.last_matched) {
            _ if is_twice => Expected::Code(ReasonCode::SUCCESS),
            (Fate::Denied, _) => Expected::Code(rules::DENIAL),
            (Fate::Nothing | Fate::Full, _) => Expected::Code(ReasonCode::QUOTA_EXCEEDED),
            (Fate::Accepted, Some(true)) => Expected::Code(ReasonCode::SUCCESS),
            (Fate::Accepted, Some(false)) => Expected::Code(ReasonCode::NO_MATCHING_SUBSCRIBERS),
            _ => Expected::Anything,
        };
        let first = note.message.and_then(|message| self.model.accepted.get(&message)?.lsn);
        let again = first.filter(|_| is_twice && self.lasts(link));
        let owed = Owed { identifier, lsn: self.promise.max(again), expected };
        match publish.delivery.qos() {
            _ if closed.is_some() && !full => {}
            QoS::AtMostOnce => {}
            QoS::AtLeastOnce => self.answers.owe(link, PacketType::Puback, owed),
            QoS::ExactlyOnce => self.answers.owe(link, PacketType::Pubrec, owed),
        }
        fate
    }

    fn subscribe(
        &mut self,
        call: &Call<'_>,
        moment: Moment,
        link: LinkId,
        subscribe: &Subscribe<'_>,
    ) -> Vec<Option<ReasonCode>> {
        let identifier = subscribe.properties.subscription_identifiers().next();
        let name = self.model.bonds.get(&link).map_or("", |bond| bond.name.as_str());
        let (mut wanted, mut expected) = (Vec::new(), Vec::new());
        for (filter, options) in subscribe.subscriptions.iter() {
            let identifier = identifier.map(mqtt_codec::SubscriptionIdentifier::get);
            let filter = filter.as_str();
            wanted.push((filter.to_string(), Subscription { options, identifier }));
            let granted = call.told.iter().find_map(|told| match told {
                Told::Event(_, Event::Subscribed { filter: of, qos, .. }) if of == filter => {
                    ReasonCode::from_u8(*qos as u8)
                }
                _ => None,
            });
            let denied = (!rules::allows(name, filter)).then_some(rules::DENIAL);
            expected.push(denied.or(granted));
        }
        self.step(moment, Step::Subscribe { link, wanted });
        expected
    }

    /// The broker told of an event.
    pub(super) fn event(
        &mut self,
        call: &Call<'_>,
        moment: Moment,
        link: Option<LinkId>,
        event: &Event,
    ) {
        self.statistics.event(event);
        match event {
            Event::Connected { client_identifier: name, session_present, .. } => {
                let Some(link) = link else { return };
                let right = authority::connected(name);
                self.judge("authority", right);
                let right = session_present::connected(&self.model, link, name, *session_present);
                self.judge("session_present", right);
                self.step(moment, Step::Connected { link, name: name.clone() });
                let promise = self.promise.filter(|_| self.lasts(link));
                self.ends.begun(link, promise, name, !session_present);
            }
            Event::Disconnected { .. } => {
                if let Some(link) = link {
                    self.step(moment, Step::Disconnected { link });
                }
            }
            Event::Subscribed { client_identifier: name, filter, qos, .. } => {
                let right = authority::subscribed(name, filter);
                self.judge("authority", right);
                let (name, filter) = (name.clone(), filter.clone());
                self.step(moment, Step::Subscribed { name, filter, qos: *qos });
            }
            Event::Unsubscribed { client_identifier: name, filter, .. } => {
                let (name, filter) = (name.clone(), filter.clone());
                self.step(moment, Step::Unsubscribed { name, filter });
            }
            Event::SessionEnded { client_identifier: name, .. } => {
                let asked = match call.cause {
                    Cause::Removed(removed) => removed == name,
                    Cause::Packet(_, Packet::Connect(connect), _) => {
                        connect.clean_start && connect.client_identifier.as_str() == name
                    }
                    _ => false,
                };
                let right = session_present::ended(&self.model, call.at, name, asked);
                self.judge("session_present", right);
                let is_known =
                    self.model.sessions.get(name).is_some_and(|session| session.is_known);
                self.ends.ended(name, call.lsn.filter(|_| is_known));
                self.step(moment, Step::Ended { name: name.clone() });
            }
            Event::Dropped { client_identifier: name, topic, cause, .. } => {
                let tight = self.settings.is_tight;
                let right = limits::dropped(&self.config, tight, self.has_small_clients, *cause);
                self.judge("limits", right);
                let key = (name.clone(), topic.clone());
                self.delivery.dropped.entry(key).or_default().push(*cause);
            }
            _ => {}
        }
    }
}

/// Why the broker closed this connection in this call, if it did.
fn closed(call: &Call<'_>, link: LinkId) -> Option<CloseReason> {
    call.told.iter().find_map(|told| match told {
        Told::Close(of, reason) if *of == link => Some(*reason),
        _ => None,
    })
}

/// Whether a connection is closed for want of room: what its packet asked for may have been done.
fn is_full(reason: CloseReason) -> bool {
    reason.reason_code() == ReasonCode::QUOTA_EXCEEDED
}

/// Whether a message that broke no rule was accepted: the broker counts what it has no room for.
fn refused(call: &Call<'_>) -> Fate {
    let (before, after) = call.stats;
    let copies = call.told.iter().filter(|told| {
        matches!(told, Told::Event(_, Event::Dropped { cause: DropCause::BrokerFull, .. }))
    });
    let counted = after.dropped_broker_full - before.dropped_broker_full;
    let gone =
        call.told.iter().any(|told| matches!(told, Told::Event(_, Event::Disconnected { .. })));
    match counted.saturating_sub(copies.count() as u64) {
        0 => Fate::Accepted,
        // A Will Message may be what there was no room for.
        _ if gone => Fate::Unknown,
        _ => Fate::Full,
    }
}

fn unsubscribed(call: &Call<'_>, unsubscribe: &Unsubscribe<'_>) -> Vec<Option<ReasonCode>> {
    let was_there = |filter: &str| {
        call.told.iter().any(|told| {
            matches!(told, Told::Event(_, Event::Unsubscribed { filter: of, .. }) if of == filter)
        })
    };
    let code = |filter: mqtt_codec::TopicFilter<'_>| match was_there(filter.as_str()) {
        true => Some(ReasonCode::SUCCESS),
        false => Some(ReasonCode::NO_SUBSCRIPTION_EXISTED),
    };
    unsubscribe.filters.iter().map(code).collect()
}

fn connect_note(connect: &Connect<'_>, maximum: u32, messages: &Messages) -> ConnectNote {
    let properties = &connect.properties;
    let is_v5 = connect.version == Version::V5;
    let asked = match properties.session_expiry_interval() {
        _ if !is_v5 && connect.clean_start => 0,
        _ if !is_v5 => u32::MAX,
        asked => asked.unwrap_or(0),
    };
    let will = connect.will.as_ref().and_then(|will| {
        let message = messages.identify(will.payload)?;
        let publish = PublishNote {
            message: Some(message),
            topic: Some(will.topic.as_str().into()),
            alias: None,
            identifier: None,
            qos: will.qos,
            retain: will.retain,
            expiry: will.properties.message_expiry_interval(),
        };
        let delay = will.properties.will_delay_interval().unwrap_or(0);
        Some(WillKept { message, publish, delay, due: None::<Instant> })
    });
    ConnectNote {
        version: connect.version,
        name: connect.client_identifier.as_str().into(),
        clean: connect.clean_start,
        expiry: asked.min(maximum),
        asked_expiry: asked,
        keep_alive: connect.keep_alive,
        receive_maximum: properties.receive_maximum().map(std::num::NonZero::get),
        maximum_packet_size: properties.maximum_packet_size().map(std::num::NonZero::get),
        alias_maximum: properties.topic_alias_maximum().unwrap_or(0),
        wants_words: properties.request_problem_information() != Some(false),
        will,
    }
}

fn publish_note(publish: &Publish<'_>, messages: &Messages) -> PublishNote {
    PublishNote {
        message: messages.identify(publish.payload),
        topic: publish.topic.map(|topic| topic.as_str().to_string()),
        alias: publish.properties.topic_alias().map(std::num::NonZero::get),
        identifier: publish.delivery.packet_identifier().map(|identifier| identifier.get()),
        qos: publish.delivery.qos(),
        retain: publish.retain,
        expiry: publish.properties.message_expiry_interval(),
    }
}
