//! PUBLISH from a client: what is checked, who is asked, what is acknowledged.

use mqtt_codec::{
    Delivery, PacketIdentifier, PacketType, Properties, Publish, QoS, ReasonCode, TopicName,
    Version,
};

use super::answers::Answerable;
use super::inbound::{Flow, Handled};
use super::policy::Ask;
use crate::boundary::{CloseReason, RefusalCause, Unsupported};
use crate::broker::Broker;
use crate::config::Limit;
use crate::defect::Defect;
use crate::journal::SessionChange;
use crate::policy::Policy;
use crate::publication::Draft;
use crate::session::queue::{AckKind, NONE};
use crate::time::Instant;

impl Broker {
    pub(super) fn on_publish(
        &mut self,
        now: Instant,
        index: u32,
        publish: &Publish<'_>,
        policy: &mut dyn Policy,
    ) -> Handled {
        let Some(alias) = publish.properties.topic_alias() else {
            let Some(topic) = publish.topic else {
                return violation(ReasonCode::PROTOCOL_ERROR, "no Topic Name and no Topic Alias");
            };
            return self.publish_from(now, index, publish, topic, policy);
        };
        // The table is put aside so that the name in it can be read while the broker changes.
        let taken = self.connections.get_mut(index).and_then(|c| c.aliases.take());
        let Some(mut aliases) = taken else {
            return violation(
                ReasonCode::TOPIC_ALIAS_INVALID,
                "a Topic Alias where none is allowed",
            );
        };
        let handled = if !aliases.allows(alias) {
            self.reached(Limit::TopicAliasMaximum, index);
            violation(ReasonCode::TOPIC_ALIAS_INVALID, "a Topic Alias above the maximum")
        } else {
            if let Some(topic) = publish.topic {
                aliases.define(alias, topic);
            }
            match publish.topic.or_else(|| aliases.resolve(alias)) {
                Some(topic) => self.publish_from(now, index, publish, topic, policy),
                None => violation(ReasonCode::PROTOCOL_ERROR, "a Topic Alias that names nothing"),
            }
        };
        if let Some(connection) = self.connections.get_mut(index) {
            connection.aliases = Some(aliases);
        }
        handled
    }

    fn publish_from(
        &mut self,
        now: Instant,
        index: u32,
        publish: &Publish<'_>,
        topic: TopicName<'_>,
        policy: &mut dyn Policy,
    ) -> Handled {
        self.check_publish(publish)?;
        let key = self.session_of(index).unwrap_or(NONE);
        if !self.is_within_rate(now, index, key)? {
            return Ok(Flow::Wait);
        }
        let qos = publish.delivery.qos();
        if let Delivery::ExactlyOnce { packet_identifier, .. } = publish.delivery {
            let session = self.sessions.get(key);
            //= [MQTT-4.3.3-10]
            if session.is_some_and(|session| session.received.contains(packet_identifier)) {
                self.stats.publish_received += 1;
                let code = ReasonCode::SUCCESS;
                if self.is_planted(Defect::RepeatedTooEarly) {
                    self.acknowledge_too_early(index, packet_identifier);
                    return Ok(Flow::Next);
                }
                self.acknowledge(index, AckKind::Pubrec, packet_identifier, code);
                return Ok(Flow::Next);
            }
        }
        self.check_receive_maximum(index, qos)?;
        if self.journal.is_half_full() && self.would_record(key, qos, publish.retain, topic) {
            self.wait_for_room(index);
            return Ok(Flow::Line);
        }
        if self.wait_for_spread(now, index, key, topic) || self.wait_for_host(now, index, topic) {
            return Ok(Flow::Line);
        }
        let refusal = match self.refusal_of(index, publish, topic) {
            Some(refusal) => Some(refusal),
            None => {
                let (payload, retain) = (publish.payload, publish.retain);
                let ask = Ask::Publish { connect: None, topic, payload, qos, retain };
                match self.ask(now, index, 0, ask, policy) {
                    Some(verdict) => verdict.denial().map(|code| (code, RefusalCause::Policy)),
                    None => return Ok(Flow::Wait),
                }
            }
        };
        self.stats.publish_received += 1;
        self.spend_rate(now, key);
        let put_off = self.spreads.len();
        let reason_code = match refusal {
            Some((reason_code, cause)) => {
                self.stats.denied_publish += 1;
                // PUBREC carries the same codes.
                let reason_code = reason_code.answerable(PacketType::Puback);
                self.not_published(key, topic, reason_code, cause);
                reason_code
            }
            None => self.accept_publish(now, index, key, publish, topic)?,
        };
        if self.spreads.len() > put_off {
            self.await_spread(index, key, publish.delivery);
            return Ok(Flow::Taken);
        }
        self.acknowledge_publish(index, key, publish.delivery, reason_code);
        Ok(Flow::Next)
    }

    /// Rules whose breach ends the connection.
    fn check_publish(&self, publish: &Publish<'_>) -> Result<(), CloseReason> {
        //= [MQTT-3.2.2-11]
        if publish.delivery.qos() > self.config.maximum_qos {
            violation(ReasonCode::QOS_NOT_SUPPORTED, "a QoS above the Maximum QoS")?;
        }
        //= [MQTT-3.2.2-14]
        if publish.retain && !self.config.retain_available {
            violation(ReasonCode::RETAIN_NOT_SUPPORTED, "retained messages are not available")?;
        }
        //= [MQTT-3.3.4-6]
        if publish.properties.subscription_identifiers().next().is_some() {
            violation(ReasonCode::PROTOCOL_ERROR, "a Subscription Identifier from a client")?;
        }
        Ok(())
    }

    /// A client may have so many QoS 1 and 2 messages unacknowledged as it was told; a 3.x client
    /// was told nothing, and its Packet Identifiers are bound enough.
    //= [MQTT-3.3.4-7]
    fn check_receive_maximum(&mut self, index: u32, qos: QoS) -> Result<(), CloseReason> {
        let Some(connection) = self.connections.get(index) else { return Ok(()) };
        if qos == QoS::AtMostOnce || connection.version != Version::V5 {
            return Ok(());
        }
        let unacknowledged = connection.unreleased.saturating_add(connection.held_pubacks);
        if unacknowledged >= self.config.receive_maximum.max(1) {
            self.reached(Limit::ReceiveMaximum, index);
            violation(ReasonCode::RECEIVE_MAXIMUM_EXCEEDED, "more than the Receive Maximum")?;
        }
        Ok(())
    }

    /// Why a message is refused before anybody is asked.
    fn refusal_of(
        &mut self,
        index: u32,
        publish: &Publish<'_>,
        topic: TopicName<'_>,
    ) -> Option<(ReasonCode, RefusalCause)> {
        let (properties, payload) = (&publish.properties, publish.payload);
        let (reason_code, limit) = self.unacceptable(topic, properties, payload)?;
        let Some(limit) = limit else {
            return Some((reason_code, RefusalCause::Unsupported(Unsupported::PayloadFormat)));
        };
        self.reached(limit, index);
        Some((reason_code, RefusalCause::Limit(limit.name())))
    }

    /// What is wrong with a message, or Will Message, that is well-formed.
    pub(super) fn unacceptable(
        &self,
        topic: TopicName<'_>,
        properties: &Properties<'_>,
        payload: &[u8],
    ) -> Option<(ReasonCode, Option<Limit>)> {
        let limits = &self.config.limits;
        if topic.as_bytes().len() > usize::from(limits.topic_bytes) {
            return Some((ReasonCode::TOPIC_NAME_INVALID, Some(Limit::TopicBytes)));
        }
        // Each level but one has a slash: what is short is not counted.
        let most = usize::from(limits.topic_levels);
        if topic.as_bytes().len() >= most && topic.levels().count() > most {
            return Some((ReasonCode::TOPIC_NAME_INVALID, Some(Limit::TopicLevels)));
        }
        if properties.encoded_len() > limits.user_property_bytes as usize {
            let bytes = properties
                .user_properties()
                .map(|(name, value)| name.as_str().len() + value.as_str().len());
            if bytes.sum::<usize>() > limits.user_property_bytes as usize {
                return Some((ReasonCode::QUOTA_EXCEEDED, Some(Limit::UserPropertyBytes)));
            }
        }
        let declared_text = properties.payload_format_indicator() == Some(true);
        if self.config.validate_payload_format
            && declared_text
            && core::str::from_utf8(payload).is_err()
        {
            return Some((ReasonCode::PAYLOAD_FORMAT_INVALID, None));
        }
        None
    }

    fn accept_publish(
        &mut self,
        now: Instant,
        index: u32,
        key: u32,
        publish: &Publish<'_>,
        topic: TopicName<'_>,
    ) -> Result<ReasonCode, CloseReason> {
        let lost = self.is_planted(Defect::LostProperties);
        let draft = Draft {
            topic,
            properties: if lost { &Properties::EMPTY } else { &publish.properties },
            payload: publish.payload,
            qos: publish.delivery.qos(),
            retain: publish.retain,
            expires_at: self.expires_at(now, publish.properties.message_expiry_interval()),
        };
        // What is to be remembered of it must have room before it is anybody's.
        let has_room = draft.qos < QoS::ExactlyOnce || {
            let growth = self.sessions.get(key).map_or(0, |session| session.received.growth());
            growth == 0 || self.account.has_room(growth)
        };
        let room = has_room.then_some(()).ok_or(Limit::Memory);
        match room.and_then(|()| self.accept(now, &draft, Some(key))) {
            Ok(true) => Ok(ReasonCode::SUCCESS),
            Ok(false) => Ok(ReasonCode::NO_MATCHING_SUBSCRIBERS),
            Err(limit) => {
                self.stats.dropped_broker_full += 1;
                self.reached(limit, index);
                let code = ReasonCode::QUOTA_EXCEEDED;
                // Nobody can be told that it is not kept, and what it was to replace is out of date.
                // Peers would not hear of it: they keep what all of them have.
                //= 3.1.1 [MQTT-3.3.1-7]
                if draft.retain && draft.qos == QoS::AtMostOnce && self.peers.is_none() {
                    self.clear_retained(topic);
                }
                self.not_published(key, topic, code, RefusalCause::Limit(limit.name()));
                let version = self.connections.get(index).map_or(Version::V5, |c| c.version);
                // To acknowledge what is not kept would be a lie, and 3.x has no other word.
                if version != Version::V5 && draft.qos > QoS::AtMostOnce {
                    //= 3.1.1 [MQTT-4.8.0-2]
                    return Err(CloseReason::Violation(code, "the broker is full"));
                }
                Ok(code)
            }
        }
    }

    pub(crate) fn acknowledge_publish(
        &mut self,
        index: u32,
        key: u32,
        delivery: Delivery,
        reason_code: ReasonCode,
    ) {
        //= [MQTT-3.3.4-1]
        match delivery {
            Delivery::AtMostOnce => {}
            //= [MQTT-4.3.2-4]
            //= [MQTT-4.3.2-5]
            Delivery::AtLeastOnce { packet_identifier, .. } => {
                self.acknowledge(index, AckKind::Puback, packet_identifier, reason_code);
            }
            //= [MQTT-4.3.3-8]
            Delivery::ExactlyOnce { packet_identifier, .. } => {
                let version = self.connections.get(index).map_or(Version::V5, |c| c.version);
                // A refused message is over with its PUBREC, where PUBREC can say so.
                //= [MQTT-4.3.3-9]
                if !reason_code.is_error() || version != Version::V5 {
                    self.remember_received(key, packet_identifier);
                    if let Some(connection) = self.connections.get_mut(index) {
                        connection.unreleased = connection.unreleased.saturating_add(1);
                    }
                }
                self.acknowledge(index, AckKind::Pubrec, packet_identifier, reason_code);
            }
        }
    }

    pub(crate) fn remember_received(&mut self, key: u32, packet_identifier: PacketIdentifier) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let growth = session.received.growth();
        session.received.insert(packet_identifier);
        if growth > 0 {
            self.recount_session(key);
        }
        if !self.is_planted(Defect::ForgottenReceived) {
            self.journal_session(key, SessionChange::Received(packet_identifier));
        }
    }
}

fn violation<T>(code: ReasonCode, rule: &'static str) -> Result<T, CloseReason> {
    Err(CloseReason::Violation(code, rule))
}
