//! SUBSCRIBE and UNSUBSCRIBE: every filter asked for, answered in order.

use alloc::string::ToString;

use mqtt_codec::{
    Packet, PacketType, Properties, ReasonCode, ReasonCodes, RetainHandling, Suback, Subscribe,
    SubscriptionIdentifier, SubscriptionOptions, TopicFilter, Unsuback, Unsubscribe, Version,
};
use smallvec::SmallVec;

use super::answers::Answerable;
use super::inbound::{Flow, Handled};
use super::policy::Ask;
use crate::boundary::{CloseReason, Event};
use crate::broker::Broker;
use crate::journal::Change;
use crate::policy::{Policy, Verdict};
use crate::session::queue::NONE;
use crate::time::Instant;

/// What became of one Topic Filter.
#[derive(Clone, Copy)]
struct Outcome {
    reason_code: ReasonCode,
    /// Retained messages are to follow.
    replay: bool,
    /// What the reason code does not say.
    words: &'static str,
}

impl Outcome {
    const fn refused(reason_code: ReasonCode, words: &'static str) -> Self {
        Self { reason_code, replay: false, words }
    }
}

impl Broker {
    pub(super) fn on_subscribe(
        &mut self,
        now: Instant,
        index: u32,
        subscribe: &Subscribe<'_>,
        policy: &mut dyn Policy,
    ) -> Handled {
        let key = self.session_of(index).unwrap_or(NONE);
        let identifier = subscribe.properties.subscription_identifiers().next();
        if identifier.is_some() && !self.config.subscription_identifiers {
            let code = ReasonCode::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED;
            return Err(CloseReason::Violation(code, "Subscription Identifiers are not available"));
        }
        let mut verdicts: SmallVec<[Verdict; 8]> = SmallVec::new();
        for (number, (filter, options)) in (0u32..).zip(subscribe.subscriptions.iter()) {
            match self.ask(now, index, number, Ask::Subscribe { filter, options }, policy) {
                Some(verdict) => verdicts.push(verdict),
                None => return Ok(Flow::Wait),
            }
        }
        let mut outcomes: SmallVec<[Outcome; 8]> = SmallVec::new();
        for ((filter, options), verdict) in subscribe.subscriptions.iter().zip(verdicts) {
            outcomes.push(match verdict.denial() {
                Some(reason_code) => {
                    self.stats.denied_subscribe += 1;
                    Outcome::refused(reason_code.answerable(PacketType::Suback), "")
                }
                None => self.subscribe_session(key, filter, options, identifier),
            });
        }
        //= [MQTT-3.8.4-1]
        //= [MQTT-3.8.4-5]
        //= [MQTT-3.8.4-6]
        let version = self.connections.get(index).map_or(Version::V5, |c| c.version);
        //= [MQTT-3.8.4-7]
        //= [MQTT-3.9.3-1]
        let codes: SmallVec<[ReasonCode; 8]> = outcomes
            .iter()
            .map(|outcome| match outcome.reason_code {
                //= 3.1.1 [MQTT-3.9.3-2]
                code if code.is_error() && version != Version::V5 => ReasonCode::UNSPECIFIED_ERROR,
                code => code,
            })
            .collect();
        let words = outcomes.iter().map(|outcome| outcome.words).find(|words| !words.is_empty());
        let words = words.and_then(|words| self.reason_for_problem(index, words));
        self.send_packet(
            index,
            &Packet::Suback(Suback {
                //= [MQTT-2.2.1-6]
                //= [MQTT-3.8.4-2]
                packet_identifier: subscribe.packet_identifier,
                //= [MQTT-3.9.2-2]
                properties: Properties::new(words.as_slice()),
                reason_codes: ReasonCodes::new(&codes),
            }),
        );
        for ((filter, options), outcome) in subscribe.subscriptions.iter().zip(outcomes) {
            if outcome.replay {
                self.start_replay(now, key, filter, options, identifier);
            }
        }
        Ok(Flow::Next)
    }

    //= [MQTT-3.10.4-4]
    //= [MQTT-3.10.4-5]
    pub(super) fn on_unsubscribe(
        &mut self,
        now: Instant,
        index: u32,
        unsubscribe: &Unsubscribe<'_>,
        policy: &mut dyn Policy,
    ) -> Flow {
        let key = self.session_of(index).unwrap_or(NONE);
        let version = self.connections.get(index).map_or(Version::V5, |c| c.version);
        let mut denials: SmallVec<[Option<ReasonCode>; 8]> = SmallVec::new();
        // 3.x has no word for a refusal, so there is none.
        let asked = unsubscribe.filters.iter().filter(|_| version == Version::V5);
        for (number, filter) in (0u32..).zip(asked) {
            match self.ask(now, index, number, Ask::Unsubscribe { filter }, policy) {
                Some(verdict) => denials.push(verdict.denial()),
                None => return Flow::Wait,
            }
        }
        let mut codes: SmallVec<[ReasonCode; 8]> = SmallVec::new();
        let denials = denials.into_iter().chain(core::iter::repeat(None));
        //= [MQTT-3.10.4-6]
        //= [MQTT-3.11.3-1]
        for (filter, denial) in unsubscribe.filters.iter().zip(denials) {
            codes.push(match denial {
                Some(code) => code.answerable(PacketType::Unsuback),
                //= [MQTT-3.10.4-1]
                None if self.unsubscribe_session(key, filter) => ReasonCode::SUCCESS,
                None => ReasonCode::NO_SUBSCRIPTION_EXISTED,
            });
        }
        self.send_packet(
            index,
            &Packet::Unsuback(Unsuback {
                //= [MQTT-2.2.1-6]
                packet_identifier: unsubscribe.packet_identifier,
                //= [MQTT-3.11.2-1]
                //= [MQTT-3.11.2-2]
                properties: Properties::EMPTY,
                reason_codes: ReasonCodes::new(&codes),
            }),
        );
        Flow::Next
    }

    fn subscribe_session(
        &mut self,
        key: u32,
        filter: TopicFilter<'_>,
        asked: SubscriptionOptions,
        identifier: Option<SubscriptionIdentifier>,
    ) -> Outcome {
        if let Some((reason_code, words)) = self.unavailable(filter) {
            return Outcome::refused(reason_code, words);
        }
        //= [MQTT-3.2.2-10]
        let maximum_qos = asked.maximum_qos.min(self.config.maximum_qos);
        let options = SubscriptionOptions { maximum_qos, ..asked };
        let Some(session) = self.sessions.get_mut(key) else {
            return Outcome::refused(ReasonCode::UNSPECIFIED_ERROR, "");
        };
        let full = session.subscriptions.len() >= self.config.limits.subscriptions_per_client;
        if full && self.subscriptions.get(filter, key).is_none() {
            let words = "the limit `subscriptions_per_client` is reached";
            return Outcome::refused(ReasonCode::QUOTA_EXCEEDED, words);
        }
        let list = &mut session.subscriptions;
        let subscribed = self.subscriptions.subscribe(list, filter, key, options, identifier);
        let Ok(subscribed) = subscribed else {
            let words = "the limit `subscriptions` is reached";
            return Outcome::refused(ReasonCode::QUOTA_EXCEEDED, words);
        };
        if session.is_persistent() {
            let client_identifier = &session.client_identifier;
            let change = Change::Subscribed { client_identifier, filter, options, identifier };
            self.journal.change(&change);
        }
        self.event(|broker| {
            Some(Event::Subscribed {
                client_identifier: broker.sessions.get(key)?.client_identifier.to_string(),
                filter: filter.as_str().to_string(),
                qos: maximum_qos,
            })
        });
        let replay = !filter.is_shared()
            && match options.retain_handling {
                //= [MQTT-3.3.1-9]
                //= [MQTT-3.8.4-4]
                RetainHandling::SendAtSubscribe => true,
                //= [MQTT-3.3.1-10]
                RetainHandling::SendIfNew => !subscribed.replaced,
                //= [MQTT-3.3.1-11]
                RetainHandling::DoNotSend => false,
            };
        Outcome { reason_code: granted(maximum_qos), replay, words: "" }
    }

    /// Ends one subscription of a Session; whether there was one.
    pub(crate) fn unsubscribe_session(&mut self, key: u32, filter: TopicFilter<'_>) -> bool {
        let Some(session) = self.sessions.get_mut(key) else { return false };
        //= [MQTT-3.10.4-2]
        //= [MQTT-3.10.4-3]
        if !self.subscriptions.unsubscribe(&mut session.subscriptions, filter, key) {
            return false;
        }
        if session.is_persistent() {
            let client_identifier = &session.client_identifier;
            self.journal.change(&Change::Unsubscribed { client_identifier, filter });
        }
        self.event(|broker| {
            Some(Event::Unsubscribed {
                client_identifier: broker.sessions.get(key)?.client_identifier.to_string(),
                filter: filter.as_str().to_string(),
            })
        });
        true
    }

    /// Why no one can subscribe to this here.
    fn unavailable(&self, filter: TopicFilter<'_>) -> Option<(ReasonCode, &'static str)> {
        if filter.is_shared() && !self.config.shared_subscriptions {
            return Some((ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED, ""));
        }
        //= 3.1.1 [MQTT-3.8.3-2]
        if filter.has_wildcard() && !self.config.wildcard_subscriptions {
            return Some((ReasonCode::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED, ""));
        }
        let too_deep = filter.levels().count() > usize::from(self.config.limits.topic_levels);
        too_deep
            .then_some((ReasonCode::TOPIC_FILTER_INVALID, "more levels than `topic_levels` allows"))
    }
}

fn granted(qos: mqtt_codec::QoS) -> ReasonCode {
    match qos {
        mqtt_codec::QoS::AtMostOnce => ReasonCode::GRANTED_QOS_0,
        mqtt_codec::QoS::AtLeastOnce => ReasonCode::GRANTED_QOS_1,
        mqtt_codec::QoS::ExactlyOnce => ReasonCode::GRANTED_QOS_2,
    }
}
