//! SUBSCRIBE and UNSUBSCRIBE: every filter asked for, answered in order.

use alloc::boxed::Box;
use alloc::string::ToString;

use mqtt_codec::{
    Packet, PacketType, Properties, ReasonCode, ReasonCodes, RetainHandling, Suback, Subscribe,
    SubscriptionIdentifier, SubscriptionOptions, TopicFilter, Unsuback, Unsubscribe, Version,
};
use smallvec::SmallVec;

use super::answers::Answerable;
use super::inbound::{Flow, Handled};
use super::line::For;
use super::policy::Ask;
use crate::boundary::{CloseReason, Event, RefusalCause, Unsupported};
use crate::broker::{Broker, NEWCOMER, spilled};
use crate::config::Limit;
use crate::defect::Defect;
use crate::journal::SessionChange;
use crate::policy::Policy;
use crate::session::queue::NONE;
use crate::store::Claim;
use crate::time::Instant;

/// How many steps of Topic Filters of one packet a turn takes; the rest of a longer list has other
/// turns.
const SHARE: usize = 8192;

/// What became of one Topic Filter.
#[derive(Clone, Copy)]
struct Outcome {
    reason_code: ReasonCode,
    /// Retained messages are to follow.
    replay: bool,
}

/// An [`Outcome`], what its reason code does not say, and why it is none.
type Told = (Outcome, &'static str, Option<RefusalCause>);

const fn refused(reason_code: ReasonCode, words: &'static str, cause: RefusalCause) -> Told {
    (Outcome { reason_code, replay: false }, words, Some(cause))
}

const fn at_limit(reason_code: ReasonCode, words: &'static str, limit: Limit) -> Told {
    refused(reason_code, words, RefusalCause::Limit(limit.name()))
}

/// How far a SUBSCRIBE or UNSUBSCRIBE with many Topic Filters has come. The packet is left
/// unconsumed meanwhile, and only its connection waits.
#[derive(Default)]
pub(crate) struct Progress {
    /// Of the filters that are done with, in order.
    outcomes: SmallVec<[Outcome; 8]>,
    /// For each turn, how many filters were done with when it ended, and the newest publication then.
    turns: SmallVec<[(usize, u64); 1]>,
    /// The first words that say more than a reason code.
    words: &'static str,
    /// What the policy has said of further filters; `None` is yes.
    denials: SmallVec<[Option<ReasonCode>; 8]>,
    /// The interests of the filters of this turn, and the mark that the peers are to answer; 0 if
    /// they have not been told.
    interests: SmallVec<[u32; 1]>,
    mark: u64,
    /// The packet is answered; of so many of its filters the retained messages are on their way.
    replayed: Option<usize>,
}

impl Progress {
    /// The bytes it holds.
    pub(super) fn heap(&self) -> usize {
        spilled(&self.outcomes)
            + spilled(&self.turns)
            + spilled(&self.interests)
            + spilled(&self.denials)
    }

    /// The mark that it waits for.
    pub(super) const fn mark(&self) -> u64 {
        self.mark
    }

    /// The interests that it holds.
    pub(super) fn interests(&self) -> &[u32] {
        &self.interests
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
        let identifier = subscribe.properties.subscription_identifiers().next();
        if identifier.is_some() && !self.config.subscription_identifiers {
            let code = ReasonCode::SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED;
            return Err(CloseReason::Violation(code, "Subscription Identifiers are not available"));
        }
        let mut progress = self.take_progress(index);
        let flow = if progress.replayed.is_some() {
            Flow::Next
        } else {
            self.subscribe_some(now, index, subscribe, &mut progress, policy)
        };
        if flow == Flow::Next && progress.replayed.is_none() {
            self.suback(index, subscribe, &progress);
            progress.replayed = Some(0);
        }
        if flow == Flow::Next && self.replay_some(now, index, subscribe, &mut progress) {
            return Ok(Flow::Next);
        }
        self.keep_progress(index, progress);
        Ok(if flow == Flow::Next { Flow::Turn } else { flow })
    }

    /// Asks for, and makes, as many subscriptions as one turn may.
    fn subscribe_some(
        &mut self,
        now: Instant,
        index: u32,
        subscribe: &Subscribe<'_>,
        progress: &mut Progress,
        policy: &mut dyn Policy,
    ) -> Flow {
        let key = self.session_of(index).unwrap_or(NONE);
        let identifier = subscribe.properties.subscription_identifiers().next();
        let done = progress.outcomes.len();
        let rest = || subscribe.subscriptions.iter().enumerate().skip(done);
        let share = share(rest().map(|(_, (filter, _))| filter));
        let list = || rest().take(share);
        if self.peers.is_some() && !self.is_known(index, list().map(|(_, (f, _))| f), progress) {
            return Flow::Line;
        }
        for (number, (filter, options)) in list().skip(progress.denials.len()) {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            match self.ask(now, index, number, Ask::Subscribe { filter, options }, policy) {
                Some(verdict) => progress.denials.push(verdict.denial()),
                None => return Flow::Wait,
            }
            self.work.add(1);
            self.forget_question(index);
        }
        for ((_, (filter, options)), denial) in list().zip(core::mem::take(&mut progress.denials)) {
            self.work.add(steps(filter));
            let (outcome, words, refused) = match denial {
                Some(reason_code) => {
                    self.stats.denied_subscribe += 1;
                    let reason_code = reason_code.answerable(PacketType::Suback);
                    refused(reason_code, "", RefusalCause::Policy)
                }
                None => self.subscribe_session(key, filter, options, identifier),
            };
            if let Some(cause) = refused {
                self.not_subscribed(key, filter, outcome.reason_code, cause);
            }
            progress.outcomes.push(outcome);
            if progress.words.is_empty() {
                progress.words = words;
            }
        }
        if progress.mark != 0 {
            self.release_interests(&core::mem::take(&mut progress.interests));
            progress.mark = 0;
        }
        progress.turns.push((progress.outcomes.len(), self.publications.sequence()));
        let all = progress.outcomes.len() >= subscribe.subscriptions.len();
        if all { Flow::Next } else { Flow::Turn }
    }

    /// Whether all peers know that these filters are about to be subscribed to: what they accept
    /// from here on comes, and what they have accepted before has come.
    fn is_known<'a>(
        &mut self,
        index: u32,
        filters: impl Iterator<Item = TopicFilter<'a>>,
        progress: &mut Progress,
    ) -> bool {
        if progress.mark == 0 {
            for filter in filters {
                progress.interests.extend(self.hold_interest(filter));
            }
            progress.mark = self.mark_peers();
        }
        let unasked = self.is_planted(Defect::SubackBeforePeers);
        let known = unasked || self.is_marked(progress.mark);
        if !known {
            self.connections.line_up(For::Peers, index);
        }
        known
    }

    fn suback(&mut self, index: u32, subscribe: &Subscribe<'_>, progress: &Progress) {
        //= [MQTT-3.8.4-1]
        //= [MQTT-3.8.4-5]
        //= [MQTT-3.8.4-6]
        let version = self.connections.get(index).map_or(Version::V5, |c| c.version);
        //= [MQTT-3.8.4-7]
        //= [MQTT-3.9.3-1]
        let codes: SmallVec<[ReasonCode; 8]> = progress
            .outcomes
            .iter()
            .map(|outcome| match outcome.reason_code {
                //= 3.1.1 [MQTT-3.9.3-2]
                code if code.is_error() && version != Version::V5 => ReasonCode::UNSPECIFIED_ERROR,
                code => code,
            })
            .collect();
        let words = self.reason_for_problem(index, progress.words);
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
    }

    /// Begins the replay of retained messages for as many filters as one turn may; whether it has
    /// begun for all.
    fn replay_some(
        &mut self,
        now: Instant,
        index: u32,
        subscribe: &Subscribe<'_>,
        progress: &mut Progress,
    ) -> bool {
        let key = self.session_of(index).unwrap_or(NONE);
        let identifier = subscribe.properties.subscription_identifiers().next();
        let (done, mut turn) = (progress.replayed.unwrap_or(0), 0);
        let filters = subscribe.subscriptions.iter().zip(&progress.outcomes).enumerate();
        for (number, ((filter, options), outcome)) in filters.skip(done) {
            if !outcome.replay || self.retained.len() == 0 {
                continue;
            }
            let is_clogged = self.connections.get(index).is_some_and(|it| self.is_clogged(it));
            if number > done && (self.work.is_done() || is_clogged) {
                progress.replayed = Some(number);
                return false;
            }
            while progress.turns.get(turn).is_some_and(|(end, _)| *end <= number) {
                turn += 1;
            }
            let newest = progress.turns.get(turn).map_or(0, |(_, newest)| *newest);
            self.start_replay(now, key, filter, options, identifier, newest);
        }
        true
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
        if self.wait_for_spreads(index) {
            return Flow::Line;
        }
        let mut progress = self.take_progress(index);
        let done = progress.outcomes.len();
        let rest = || unsubscribe.filters.iter().enumerate().skip(done);
        let share = share(rest().map(|(_, filter)| filter));
        let list = || rest().take(share);
        // What peers have accepted before has come when they know.
        if self.peers.is_some() && !self.is_known(index, core::iter::empty(), &mut progress) {
            self.keep_progress(index, progress);
            return Flow::Line;
        }
        // 3.x has no word for a refusal, so there is none.
        let asked = progress.denials.len();
        for (number, filter) in list().skip(asked).filter(|_| version == Version::V5) {
            let number = u32::try_from(number).unwrap_or(u32::MAX);
            match self.ask(now, index, number, Ask::Unsubscribe { filter }, policy) {
                Some(verdict) => progress.denials.push(verdict.denial()),
                None => {
                    self.keep_progress(index, progress);
                    return Flow::Wait;
                }
            }
            self.work.add(1);
            self.forget_question(index);
        }
        let mut denials = core::mem::take(&mut progress.denials).into_iter();
        //= [MQTT-3.10.4-6]
        //= [MQTT-3.11.3-1]
        for (_, filter) in list() {
            self.work.add(steps(filter));
            let reason_code = match denials.next().flatten() {
                Some(code) => {
                    let code = code.answerable(PacketType::Unsuback);
                    self.not_unsubscribed(key, filter, code);
                    code
                }
                //= [MQTT-3.10.4-1]
                None if self.unsubscribe_session(key, filter) => ReasonCode::SUCCESS,
                None => ReasonCode::NO_SUBSCRIPTION_EXISTED,
            };
            progress.outcomes.push(Outcome { reason_code, replay: false });
        }
        progress.mark = 0;
        if progress.outcomes.len() < unsubscribe.filters.len() {
            self.keep_progress(index, progress);
            return Flow::Turn;
        }
        // What is published from here on is for no member that is not there: a peer that believed
        // in one would have it wait for the next.
        let shared = self.peers.is_some() && unsubscribe.filters.iter().any(TopicFilter::is_shared);
        if shared && progress.replayed.is_none() {
            progress.replayed = Some(0);
            if !self.is_known(index, core::iter::empty(), &mut progress) {
                self.keep_progress(index, progress);
                return Flow::Line;
            }
        }
        let codes: SmallVec<[ReasonCode; 8]> =
            progress.outcomes.iter().map(|outcome| outcome.reason_code).collect();
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

    fn take_progress(&mut self, index: u32) -> Progress {
        let kept = self.connections.get_mut(index).and_then(|c| c.progress.take());
        kept.map_or_else(Progress::default, |progress| *progress)
    }

    fn keep_progress(&mut self, index: u32, progress: Progress) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.progress = Some(Box::new(progress));
        }
    }

    fn subscribe_session(
        &mut self,
        key: u32,
        filter: TopicFilter<'_>,
        asked: SubscriptionOptions,
        identifier: Option<SubscriptionIdentifier>,
    ) -> Told {
        if let Some((reason_code, cause)) = self.unsupported(filter) {
            return refused(reason_code, "", RefusalCause::Unsupported(cause));
        }
        if let Some((words, limit)) = self.is_too_long(filter) {
            let reason_code = ReasonCode::TOPIC_FILTER_INVALID;
            self.reached(limit, self.sessions.get(key).map_or(NONE, |session| session.connection));
            return at_limit(reason_code, words, limit);
        }
        //= [MQTT-3.2.2-10]
        let maximum_qos = asked.maximum_qos.min(self.config.maximum_qos);
        let options = SubscriptionOptions { maximum_qos, ..asked };
        let nobody = RefusalCause::ClientIdentifier;
        let Some(session) = self.sessions.get_mut(key) else {
            return refused(ReasonCode::UNSPECIFIED_ERROR, "", nobody);
        };
        let full = session.subscriptions.len() >= self.config.limits.subscriptions_per_client;
        if full && self.subscriptions.get(filter, key).is_none() {
            let index = session.connection;
            self.reached(Limit::SubscriptionsPerClient, index);
            let words = "the limit `subscriptions_per_client` is reached";
            return at_limit(ReasonCode::QUOTA_EXCEEDED, words, Limit::SubscriptionsPerClient);
        }
        // Near the ceiling each may have one before anybody has more.
        let lasts = session.is_persistent() || session.subscriptions.len() > 0;
        let claim = if lasts { Claim::Lasting } else { Claim::New };
        let admitted = self.account.admits(claim, NEWCOMER + filter.as_bytes().len());
        let Some(session) = self.sessions.get_mut(key) else {
            return refused(ReasonCode::UNSPECIFIED_ERROR, "", nobody);
        };
        let list = &mut session.subscriptions;
        let subscribed = if admitted || self.subscriptions.get(filter, key).is_some() {
            self.account.taking_for(claim, || {
                self.subscriptions.subscribe(list, filter, key, options, identifier)
            })
        } else {
            self.account.refuse()
        };
        let Ok(subscribed) = subscribed else {
            let index = session.connection;
            let limit = self.full(Limit::Subscriptions);
            self.reached(limit, index);
            let words = match limit {
                Limit::Memory => "the limit `memory` is reached",
                _ => "the limit `subscriptions` is reached",
            };
            return at_limit(ReasonCode::QUOTA_EXCEEDED, words, limit);
        };
        let group = self.subscriptions.group_of(filter);
        let change = SessionChange::Subscribed { filter, options, identifier, group };
        self.journal_session(key, change);
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
        (Outcome { reason_code: granted(maximum_qos), replay }, "", None)
    }

    /// Ends one subscription of a Session; whether there was one.
    pub(crate) fn unsubscribe_session(&mut self, key: u32, filter: TopicFilter<'_>) -> bool {
        let Some(session) = self.sessions.get_mut(key) else { return false };
        //= [MQTT-3.10.4-2]
        //= [MQTT-3.10.4-3]
        if !self.subscriptions.unsubscribe(&mut session.subscriptions, filter, key) {
            return false;
        }
        self.tell_interests();
        self.journal_session(key, SessionChange::Unsubscribed { filter });
        self.event(|broker| {
            Some(Event::Unsubscribed {
                client_identifier: broker.sessions.get(key)?.client_identifier.to_string(),
                filter: filter.as_str().to_string(),
            })
        });
        true
    }

    /// Why nobody can subscribe to this here.
    fn unsupported(&self, filter: TopicFilter<'_>) -> Option<(ReasonCode, Unsupported)> {
        if filter.is_shared() && !self.config.shared_subscriptions {
            let code = ReasonCode::SHARED_SUBSCRIPTIONS_NOT_SUPPORTED;
            return Some((code, Unsupported::SharedSubscriptions));
        }
        //= 3.1.1 [MQTT-3.8.3-2]
        if filter.has_wildcard() && !self.config.wildcard_subscriptions {
            let code = ReasonCode::WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED;
            return Some((code, Unsupported::WildcardSubscriptions));
        }
        None
    }

    /// The limit that a Topic Filter is beyond, and in words.
    fn is_too_long(&self, filter: TopicFilter<'_>) -> Option<(&'static str, Limit)> {
        let limits = &self.config.limits;
        if filter.as_bytes().len() > usize::from(limits.topic_bytes) {
            return Some(("longer than `topic_bytes` allows", Limit::TopicBytes));
        }
        let too_deep = filter.levels().count() > usize::from(limits.topic_levels);
        too_deep.then_some(("more levels than `topic_levels` allows", Limit::TopicLevels))
    }
}

/// How many of these filters a turn takes: at least one.
fn share<'a>(filters: impl Iterator<Item = TopicFilter<'a>>) -> usize {
    let before = filters.scan(0, |sum, filter| Some(core::mem::replace(sum, *sum + steps(filter))));
    before.take_while(|sum| *sum < SHARE).count()
}

/// The work that a Topic Filter is: its levels, roughly.
fn steps(filter: TopicFilter<'_>) -> usize {
    1 + filter.as_bytes().len() / 4
}

fn granted(qos: mqtt_codec::QoS) -> ReasonCode {
    match qos {
        mqtt_codec::QoS::AtMostOnce => ReasonCode::GRANTED_QOS_0,
        mqtt_codec::QoS::AtLeastOnce => ReasonCode::GRANTED_QOS_1,
        mqtt_codec::QoS::ExactlyOnce => ReasonCode::GRANTED_QOS_2,
    }
}
