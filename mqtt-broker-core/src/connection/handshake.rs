//! CONNECT and CONNACK: who is accepted, with what, and how the others are told.

use alloc::boxed::Box;
use alloc::string::{String, ToString};
use alloc::vec;

use core::num::{NonZeroU16, NonZeroU32};
use mqtt_codec::{
    Connack, Connect, DecodeError, Frame, Packet, PacketType, Properties, Property, QoS,
    ReasonCode, Utf8String, Version,
};

use super::State;
use super::answers::{Answerable, PropertyList};
use super::inbound::{Flow, Handled};
use super::policy::Ask;
use super::topic_alias::TopicAliases;
use crate::boundary::{CloseReason, Event, RefusalCause, Unsupported};
use crate::broker::Broker;
use crate::config::Limit;
use crate::defect::Defect;
use crate::output::Pending;
use crate::policy::{Policy, Verdict};
use crate::session::Session;
use crate::time::Instant;

/// The longest Client Identifier of 3.1, in characters.
const CLIENT_IDENTIFIER_3_1: usize = 23;

/// Why and how a CONNECT is refused.
pub(super) struct Refusal {
    reason_code: ReasonCode,
    cause: RefusalCause,
    server_reference: Option<String>,
    limit: Option<Limit>,
}

impl Refusal {
    pub(super) const fn new(reason_code: ReasonCode, cause: RefusalCause) -> Self {
        Self { reason_code, cause, server_reference: None, limit: None }
    }

    /// A refusal because of a limit.
    pub(super) const fn at_limit(reason_code: ReasonCode, limit: Limit) -> Self {
        let cause = RefusalCause::Limit(limit.name());
        Self { reason_code, cause, server_reference: None, limit: Some(limit) }
    }

    /// The refusal that a verdict is, if it is one.
    pub(super) fn of(verdict: &Verdict) -> Option<Self> {
        let cause = RefusalCause::Policy;
        let Verdict::Redirect { server_reference, permanently } = verdict else {
            return Some(Self::new(verdict.denial()?, cause));
        };
        let reason_code =
            if *permanently { ReasonCode::SERVER_MOVED } else { ReasonCode::USE_ANOTHER_SERVER };
        let server_reference = Some(server_reference.clone());
        Some(Self { reason_code, cause, server_reference, limit: None })
    }
}

impl Broker {
    pub(super) fn on_connect(
        &mut self,
        now: Instant,
        index: u32,
        bytes: &[u8],
        connect: &Connect<'_>,
        policy: &mut dyn Policy,
    ) -> Handled {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.version = connect.version;
            // Even a refusal may not be larger than the client takes.
            let maximum = connect.properties.maximum_packet_size();
            connection.maximum_packet_size = maximum.unwrap_or(NonZeroU32::MAX);
        }
        let permission = match self.check_connect(connect) {
            Err(refusal) => Err(refusal),
            Ok(()) => match self.ask_connect(now, index, connect, policy) {
                None => return Ok(Flow::Wait),
                Some(permission) => permission,
            },
        };
        let outcome = match permission {
            Err(refusal) => Err(refusal),
            Ok(()) => match self.authenticate_connect(now, index, bytes, connect, policy) {
                None => return Ok(Flow::Wait),
                Some(outcome) => outcome,
            },
        };
        if let Err(refusal) = outcome {
            let client_identifier = connect.client_identifier.as_str().to_string();
            self.refuse(index, connect.version, &refusal, client_identifier);
        }
        Ok(Flow::Next)
    }

    /// A packet that is none. Before CONNECT is accepted the client is refused, after that it is
    /// disconnected.
    pub(super) fn malformed(
        &mut self,
        now: Instant,
        index: u32,
        frame: Option<Frame<'_>>,
        error: DecodeError,
    ) {
        let connect = frame.filter(|frame| frame.packet_type() == PacketType::Connect);
        let opening = self.connections.get(index).is_some_and(|c| c.state == State::Opening);
        let Some(connect) = connect.filter(|_| opening) else {
            self.close(now, index, CloseReason::Malformed(error));
            return;
        };
        let cause = RefusalCause::Malformed(error);
        //= 3.1.1 [MQTT-3.1.2-2]
        let version = match (connect.connect_version(), connect.connect_level()) {
            (Some(version), _) => version,
            // A version yet to come, or another protocol of this level, is told in the words of the
            // latest; what else is unknown, in those of 3.1.1. So is a bridge, which sets the top bit
            // and comes again without it when it is told the return code for this.
            (None, Some(level)) if (Version::V5.level()..0x80).contains(&level) => Version::V5,
            _ => Version::V3_1_1,
        };
        self.refuse(index, version, &Refusal::new(error.reason_code(), cause), String::new());
    }

    /// What the CONNECT asks for that this broker does not give.
    fn check_connect(&self, connect: &Connect<'_>) -> Result<(), Refusal> {
        let empty = connect.client_identifier.is_empty();
        //= [MQTT-3.1.3-5]
        let refused = match connect.version {
            Version::V3_1 => {
                let len = connect.client_identifier.as_str().chars().count();
                len == 0 || len > CLIENT_IDENTIFIER_3_1
            }
            //= 3.1.1 [MQTT-3.1.3-8]
            Version::V3_1_1 => empty && !(connect.clean_start && self.config.allow_empty_client_id),
            Version::V5 => empty && !self.config.allow_empty_client_id,
        };
        if refused {
            //= [MQTT-3.1.3-8]
            //= 3.1.1 [MQTT-3.1.3-9]
            let code = ReasonCode::CLIENT_IDENTIFIER_NOT_VALID;
            return Err(Refusal::new(code, RefusalCause::ClientIdentifier));
        }
        if let Some(will) = &connect.will {
            match self.unacceptable(will.topic, &will.properties, will.payload) {
                None => {}
                Some((code, Some(limit))) => {
                    return Err(Refusal::at_limit(code, limit));
                }
                Some((code, None)) => {
                    return Err(Refusal::new(
                        code,
                        RefusalCause::Unsupported(Unsupported::PayloadFormat),
                    ));
                }
            }
            //= [MQTT-3.2.2-12]
            if will.qos > self.config.maximum_qos {
                let code = ReasonCode::QOS_NOT_SUPPORTED;
                let cause = RefusalCause::Unsupported(Unsupported::WillQoS);
                return Err(Refusal::new(code, cause));
            }
            //= [MQTT-3.2.2-13]
            if will.retain && !self.config.retain_available {
                let code = ReasonCode::RETAIN_NOT_SUPPORTED;
                let cause = RefusalCause::Unsupported(Unsupported::RetainedMessages);
                return Err(Refusal::new(code, cause));
            }
        }
        Ok(())
    }

    /// `None` while the policy's answer is awaited.
    fn ask_connect(
        &mut self,
        now: Instant,
        index: u32,
        connect: &Connect<'_>,
        policy: &mut dyn Policy,
    ) -> Option<Result<(), Refusal>> {
        //= [MQTT-3.1.4-2]
        let verdict = self.ask(now, index, 0, Ask::Connect(connect), policy)?;
        if let Some(refusal) = Refusal::of(&verdict) {
            return Some(Err(refusal));
        }
        if let Some(will) = &connect.will {
            let (topic, payload) = (will.topic, will.payload);
            let (connect, qos, retain) = (Some(connect), will.qos, will.retain);
            let ask = Ask::Publish { connect, topic, payload, qos, retain };
            let verdict = self.ask(now, index, 1, ask, policy)?;
            if let Some(code) = verdict.denial() {
                return Some(Err(Refusal::new(code, RefusalCause::Policy)));
            }
        }
        Some(Ok(()))
    }

    /// Opens the Session and answers; `authentication_data` goes with the answer.
    pub(super) fn accept_connect(
        &mut self,
        now: Instant,
        index: u32,
        connect: &Connect<'_>,
        authentication_data: Option<&[u8]>,
    ) -> Result<(), Refusal> {
        let assigned = connect.client_identifier.is_empty().then(|| self.assign_identifier());
        //= [MQTT-3.1.3-7]
        let client_identifier = match &assigned {
            Some(assigned) => assigned.as_str(),
            None => connect.client_identifier.as_str(),
        };
        if self.would_displace(index, client_identifier) {
            let cause = RefusalCause::Unsupported(Unsupported::Takeover);
            return Err(Refusal::new(ReasonCode::UNSPECIFIED_ERROR, cause));
        }
        let opened = self
            .open_session(now, index, client_identifier, connect)
            .map_err(|limit| Refusal::at_limit(ReasonCode::QUOTA_EXCEEDED, limit))?;
        self.take_parameters(now, index, connect);
        self.stats.connected += 1;
        //= [MQTT-3.1.4-5]
        //= [MQTT-3.2.0-1]
        self.connack(index, connect, assigned.as_deref(), opened.present, authentication_data);
        self.event(|broker| {
            let connection = broker.connections.get(index)?;
            Some(Event::Connected {
                connection: broker.connections.handle(index)?,
                client_identifier: client_identifier.to_string(),
                peer: connection.peer,
                version: connect.version,
                session_present: opened.present,
            })
        });
        // Nothing comes before a CONNACK: without one the connection ends.
        if self.closing.iter().all(|(handle, _)| handle.index != index) {
            self.send_again(opened.session);
        }
        Ok(())
    }

    /// Whether this CONNECT, whose client is gone by now, would end the connection of one that is not.
    fn would_displace(&self, index: u32, client_identifier: &str) -> bool {
        let ended = self.connections.get(index).is_some_and(|connection| connection.input_ended);
        let session = self.sessions.find(client_identifier).filter(|_| ended);
        session.and_then(|key| self.sessions.get(key)).is_some_and(Session::is_connected)
    }

    /// Notes what the client can take.
    fn take_parameters(&mut self, now: Instant, index: u32, connect: &Connect<'_>) {
        let properties = &connect.properties;
        let keep_alive = self.keep_alive_in_force(connect);
        //= [MQTT-3.3.4-9]
        let own = NonZeroU16::new(self.config.inflight_messages).unwrap_or(NonZeroU16::MIN);
        let window = properties.receive_maximum().unwrap_or(own);
        let aliases = TopicAliases::new(
            self.config.topic_alias_maximum,
            properties.topic_alias_maximum().unwrap_or(0).min(self.config.topic_alias_outgoing),
        );
        let Some(connection) = self.connections.get_mut(index) else { return };
        connection.keep_alive = keep_alive;
        connection.asked_to_last = properties.session_expiry_interval().unwrap_or(0) > 0;
        connection.receive_maximum = window.get();
        connection.connected_at = now;
        connection.problem_information = properties.request_problem_information().unwrap_or(true);
        connection.aliases = (connect.version == Version::V5).then(|| Box::new(aliases));
        self.arm_connection_timer(now, index);
    }

    /// The client's Keep Alive, or the server's where that is shorter and the version can be told.
    fn keep_alive_in_force(&self, connect: &Connect<'_>) -> u16 {
        let imposed = self.config.server_keep_alive;
        let asked = connect.keep_alive;
        //= [MQTT-3.2.2-22]
        if connect.version == Version::V5 && imposed > 0 && (asked == 0 || asked > imposed) {
            imposed
        } else {
            asked
        }
    }

    fn connack(
        &mut self,
        index: u32,
        connect: &Connect<'_>,
        assigned: Option<&str>,
        session_present: bool,
        authentication_data: Option<&[u8]>,
    ) {
        let asked = connect.properties.request_response_information() == Some(true);
        let response = self.config.response_information.clone().filter(|_| asked);
        let mut list: PropertyList<'_> = PropertyList::new();
        if connect.version == Version::V5 {
            self.connack_properties(index, connect, &mut list);
            if let Some(assigned) = assigned.and_then(|text| Utf8String::new(text).ok()) {
                //= [MQTT-3.2.2-16]
                list.push(Property::AssignedClientIdentifier(assigned));
            }
            //= [MQTT-3.1.2-28]
            let response = response.as_deref().and_then(|text| Utf8String::new(text).ok());
            list.extend(response.map(Property::ResponseInformation));
            //= [MQTT-4.12.0-5]
            list.extend(
                connect.properties.authentication_method().map(Property::AuthenticationMethod),
            );
            list.extend(authentication_data.map(Property::AuthenticationData));
        }
        let connack = Packet::Connack(Connack {
            //= [MQTT-3.2.2-2]
            //= [MQTT-3.2.2-3]
            session_present: (session_present || self.is_planted(Defect::WrongSessionPresent))
                && connect.version != Version::V3_1,
            reason_code: ReasonCode::SUCCESS,
            properties: Properties::new(&list),
        });
        let greeted = self.send_packet(index, &connack);
        if let Some(connection) = self.connections.get_mut(index) {
            connection.connack_held = greeted && !connection.held.is_empty();
            connection.greeted = greeted && !connection.connack_held;
        }
    }

    /// What this server does otherwise than a client would assume.
    fn connack_properties(&self, index: u32, connect: &Connect<'_>, list: &mut PropertyList<'_>) {
        let config = &self.config;
        let session = self.session_of(index).and_then(|session| self.sessions.get(session));
        if let Some(session) = session {
            let asked = connect.properties.session_expiry_interval().unwrap_or(0);
            if session.expiry_interval != asked {
                list.push(Property::SessionExpiryInterval(session.expiry_interval));
            }
        }
        if let Some(maximum) = NonZeroU16::new(config.receive_maximum.max(1)) {
            if maximum != NonZeroU16::MAX {
                list.push(Property::ReceiveMaximum(maximum));
            }
        }
        if config.maximum_qos < QoS::ExactlyOnce {
            //= [MQTT-3.2.2-9]
            list.push(Property::MaximumQoS(config.maximum_qos));
        }
        if !config.retain_available {
            list.push(Property::RetainAvailable(false));
        }
        if let Some(maximum) = NonZeroU32::new(config.maximum_packet_size) {
            list.push(Property::MaximumPacketSize(maximum));
        }
        if config.topic_alias_maximum > 0 {
            list.push(Property::TopicAliasMaximum(config.topic_alias_maximum));
        }
        if !config.wildcard_subscriptions {
            list.push(Property::WildcardSubscriptionAvailable(false));
        }
        if !config.subscription_identifiers {
            list.push(Property::SubscriptionIdentifierAvailable(false));
        }
        if !config.shared_subscriptions {
            list.push(Property::SharedSubscriptionAvailable(false));
        }
        let keep_alive = self.keep_alive_in_force(connect);
        if keep_alive != connect.keep_alive && !self.is_planted(Defect::UntoldKeepAlive) {
            list.push(Property::ServerKeepAlive(keep_alive));
        }
    }

    /// Answers a CONNECT with its refusal, where the version has one, and asks for the close.
    pub(super) fn refuse(
        &mut self,
        index: u32,
        version: Version,
        refusal: &Refusal,
        client_identifier: String,
    ) {
        let reason_code = refusal.reason_code.answerable(PacketType::Connack);
        let cause = refusal.cause;
        let Some(connection) = self.connections.get_mut(index) else { return };
        connection.version = version;
        connection.state = State::Closing;
        let peer = connection.peer;
        //= 3.1.1 [MQTT-3.2.2-6]
        let told = if version == Version::V5 { Some(reason_code) } else { in_3_x(reason_code) };
        //= [MQTT-3.1.4-1]
        //= 3.1.1 [MQTT-3.1.4-1]
        if let Some(told) = told {
            let reference = refusal.server_reference.as_deref().filter(|_| version == Version::V5);
            self.send_refusal(index, told, &cause.to_string(), reference);
        }
        self.stats.refused += 1;
        if let Some(limit) = refusal.limit {
            self.reached_by(limit, &client_identifier, peer);
        }
        let Some(connection) = self.connections.handle(index) else { return };
        self.event(|_| {
            Some(Event::Refused { connection, client_identifier, peer, reason_code, cause })
        });
        //= [MQTT-3.2.2-7]
        //= [MQTT-4.13.2-1]
        self.outputs.push(Pending::Close(connection, CloseReason::Refused(reason_code)));
    }

    pub(super) fn send_refusal(
        &mut self,
        index: u32,
        reason_code: ReasonCode,
        words: &str,
        server_reference: Option<&str>,
    ) {
        let mut list: PropertyList<'_> = PropertyList::new();
        let reference = server_reference.and_then(|text| Utf8String::new(text).ok());
        list.extend(reference.map(Property::ServerReference));
        list.extend(self.reason_string(index, words));
        //= [MQTT-3.2.2-6]
        let session_present = false;
        //= [MQTT-3.2.2-20]
        let properties = Properties::new(&list);
        let connack = Connack { session_present, reason_code, properties };
        self.send_packet(index, &Packet::Connack(connack));
    }

    /// A Client Identifier that no Session has.
    //= [MQTT-3.1.3-6]
    fn assign_identifier(&mut self) -> String {
        loop {
            self.serial += 1;
            let mut text = vec![b'0'; 20];
            let mut bits = mix(self.config.seed ^ self.salt, self.serial);
            for (place, digit) in text.iter_mut().enumerate() {
                let letters = b"0123456789abcdefghijklmnopqrstuv";
                let letter = letters.get(usize::from((bits & 31) as u8)).copied();
                *digit = letter.unwrap_or(b'0');
                bits = if place == 9 { mix(bits, self.serial) } else { bits >> 5 };
            }
            let text = String::from_utf8(text).unwrap_or_default();
            let lives_here = self.peers.as_deref().is_none_or(|peers| peers.is_own(&text));
            if lives_here && self.sessions.find(&text).is_none() {
                return text;
            }
        }
    }
}

/// The reason code whose Connect Return code tells a 3.x client best, if any does.
fn in_3_x(reason_code: ReasonCode) -> Option<ReasonCode> {
    match reason_code {
        ReasonCode::USE_ANOTHER_SERVER
        | ReasonCode::SERVER_MOVED
        | ReasonCode::QUOTA_EXCEEDED
        | ReasonCode::SERVER_BUSY
        | ReasonCode::CONNECTION_RATE_EXCEEDED => Some(ReasonCode::SERVER_UNAVAILABLE),
        ReasonCode::BANNED => Some(ReasonCode::NOT_AUTHORIZED),
        code => code.connect_return_code().map(|_| code),
    }
}

/// Spreads a counter so that assigned identifiers cannot be guessed from one another without the
/// seed.
fn mix(seed: u64, counter: u64) -> u64 {
    use core::hash::BuildHasher;
    foldhash::quality::FixedState::with_seed(seed).hash_one(counter)
}
