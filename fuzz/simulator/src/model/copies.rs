//! Who is to have what: from a message accepted to the copies that it may and must lead to.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker_core::{Instant, Lsn};
use mqtt_codec::QoS;

use super::{Fate, Model, Moment, PublishNote, SessionNumber, expires_at};
use crate::link::LinkId;
use crate::message::MessageId;
use crate::reach::reached;

/// A message that was accepted.
#[derive(Clone, Debug)]
pub struct Accepted {
    /// Its topic.
    pub topic: String,
    /// Its Quality of Service.
    pub qos: QoS,
    /// Its RETAIN flag.
    pub retain: bool,
    /// How often it was accepted: a publisher that was not answered sends it again.
    pub times: u32,
    /// When it expires, as accepted last.
    pub expires_at: Instant,
    /// Its place among all messages, as accepted last.
    pub order: u64,
    /// The record it was first accepted in, if there is one.
    pub lsn: Option<Lsn>,
}

/// The retained message of a topic.
#[derive(Clone, Debug)]
pub struct Kept {
    /// Which.
    pub message: MessageId,
    /// Its Quality of Service.
    pub qos: QoS,
    /// When it expires.
    pub expires_at: Instant,
}

/// What one Session may be sent of one message, by subscriptions of its own.
#[derive(Clone, Debug, Default)]
pub struct Copies {
    /// As it was published: at most so often.
    pub live: u32,
    /// As a retained message, for a new subscription: at most so often.
    pub replays: u32,
    /// The Qualities of Service it may come with, as bits.
    pub qos: u8,
    /// It has to come, whatever becomes of connections.
    pub is_due: bool,
    /// It has to come on this connection, if that lasts.
    pub live_via: Option<LinkId>,
    /// The retained copy has to come on this connection, if that lasts.
    pub replay_via: Option<LinkId>,
    /// The RETAIN flag of the live copy.
    pub retain: bool,
    /// The Subscription Identifiers of the live copy, sorted.
    pub identifiers: Vec<u32>,
    /// The Subscription Identifier of the retained copy.
    pub replay_identifier: Option<u32>,
}

impl Copies {
    /// One more as a retained message.
    pub(super) fn replay(&mut self, qos: QoS, via: Option<LinkId>, identifier: Option<u32>) {
        self.replays += 1;
        self.qos |= 1 << qos as u8;
        self.replay_via = via;
        self.replay_identifier = identifier;
    }
}

/// What a message is to the groups that share it.
#[derive(Clone, Debug, Default)]
pub struct SharedCopies {
    /// Each group, by its whole filter: how often one of its members was to have it.
    pub groups: BTreeMap<String, u32>,
    /// Members that have gone since: the group may have chosen another.
    pub spare: u32,
    /// Every group is bound to get it: all members asked for QoS 1 or 2, and none has left.
    pub is_due: bool,
    /// The Qualities of Service it may come with, as bits.
    pub qos: u8,
    /// A member has gone that may have been chosen, and another is to have it instead.
    pub has_successor: bool,
    /// The moment in which it was accepted.
    pub number: u64,
    /// It was published with QoS 2.
    pub is_qos_2: bool,
    /// Perhaps it was with a member whose Session the journal does not know, or under way to it with
    /// QoS 2, and is given on over several calls: if the broker dies between, it is lost.
    pub is_fragile: bool,
    /// The broker has died since: of what was about to be sent, it does not know whether it was.
    pub is_restored: bool,
    /// So many groups have members for QoS 0 alone, of whom somebody was connected.
    pub live: u32,
    /// The connections of those members.
    pub live_via: BTreeSet<LinkId>,
}

/// The members of a group when a message comes.
struct Members {
    /// All are to have it with QoS 1 or 2.
    keep: bool,
    /// None has ever had a subscription but of QoS 0.
    are_live: bool,
    links: BTreeSet<LinkId>,
}

impl Members {
    const fn nobody() -> Self {
        Self { keep: true, are_live: true, links: BTreeSet::new() }
    }
}

impl SharedCopies {
    /// A member with these filters has gone.
    pub(super) fn member_gone(&mut self, is_of: impl Fn(&str) -> bool, with_session: bool) {
        for (_, count) in self.groups.iter().filter(|(group, _)| is_of(group)) {
            self.is_due = false;
            self.spare += u32::from(with_session) * count;
        }
    }
}

/// What the subscriptions of one Session make of a message.
#[derive(Default)]
struct Own {
    matched: bool,
    qos: Option<QoS>,
    retain: bool,
    identifiers: Vec<u32>,
}

impl Model {
    /// A message is accepted, or may have been, or is not.
    pub(super) fn accept(
        &mut self,
        moment: &Moment,
        publish: &PublishNote,
        origin: Option<SessionNumber>,
        fate: Fate,
    ) {
        let Some(topic) = publish.topic.clone() else { return };
        if fate == Fate::Full && publish.retain && publish.qos == QoS::AtMostOnce {
            self.forget_retained(&topic);
        }
        if matches!(fate, Fate::Denied | Fate::Nothing | Fate::Full) {
            return;
        }
        let is_certain = fate == Fate::Accepted;
        self.order += 1;
        let expires_at = expires_at(&self.settings, moment.at, publish.expiry);
        if let Some(message) = publish.message {
            let before = self.accepted.get(&message);
            let (times, first) =
                before.map_or((0, moment.lsn), |before| (before.times, before.lsn));
            let accepted = Accepted {
                topic: topic.clone(),
                qos: publish.qos,
                retain: publish.retain,
                times: times + 1,
                expires_at,
                order: self.order,
                lsn: first,
            };
            self.accepted.insert(message, accepted);
        }
        self.keep(publish, &topic, expires_at, is_certain);
        let mut matched = self.settings.host_listens && !topic.starts_with('$');
        if matched && is_certain {
            self.due_to_host.push(publish.message);
        }
        matched |= self.route(publish, &topic, origin, is_certain);
        if let Some(shared) = publish.message.and_then(|message| self.shared.get_mut(&message)) {
            shared.number = moment.number;
        }
        self.last_matched = is_certain.then_some(matched);
    }

    fn keep(&mut self, publish: &PublishNote, topic: &str, expires_at: Instant, is_certain: bool) {
        if !publish.retain {
            return;
        }
        if is_certain {
            self.retained_unknown.remove(topic);
        } else {
            self.retained_unknown.insert(topic.to_string());
        }
        reached(if publish.message.is_some() { "MQTT-3.3.1-5" } else { "MQTT-3.3.1-6" });
        match publish.message {
            Some(message) => {
                let kept = Kept { message, qos: publish.qos, expires_at };
                self.retained.insert(topic.to_string(), kept);
            }
            None => {
                self.retained.remove(topic);
            }
        }
    }

    /// There was no room for a QoS 0 message, and what it was to replace is out of date.
    fn forget_retained(&mut self, topic: &str) {
        self.retained_unknown.remove(topic);
        self.retained.remove(topic);
    }

    /// Gives each Session and each group its due; whether there was any.
    fn route(
        &mut self,
        publish: &PublishNote,
        topic: &str,
        origin: Option<SessionNumber>,
        is_certain: bool,
    ) -> bool {
        let mut matched = false;
        let mut groups: BTreeMap<String, Members> = BTreeMap::new();
        for session in self.sessions.values() {
            let mut own = Own::default();
            for (filter, subscription) in &session.subscriptions {
                if !matches(filter, topic) {
                    continue;
                }
                matched = true;
                let options = subscription.options;
                let qos = publish.qos.min(options.maximum_qos);
                if filter.starts_with("$share/") {
                    let members = groups.entry(filter.clone()).or_insert_with(Members::nobody);
                    members.keep &= qos > QoS::AtMostOnce;
                    members.are_live &= session.is_live;
                    members.links.extend(session.link);
                    continue;
                }
                if options.no_local && origin == Some(session.number) {
                    reached("MQTT-3.8.3-3");
                    continue;
                }
                own.matched = true;
                own.qos = own.qos.max(Some(qos));
                own.retain |= options.retain_as_published && publish.retain;
                own.identifiers.extend(subscription.identifier);
            }
            let (Some(message), Some(qos), true) = (publish.message, own.qos, own.matched) else {
                continue;
            };
            let copies = self.copies.entry((session.number, message)).or_default();
            copies.live += 1;
            copies.qos |= 1 << qos as u8;
            copies.retain |= own.retain;
            own.identifiers.sort_unstable();
            copies.identifiers = own.identifiers;
            copies.is_due |= is_certain && qos > QoS::AtMostOnce;
            let live = is_certain && qos == QoS::AtMostOnce;
            copies.live_via = session.link.filter(|_| live);
        }
        if let (Some(message), false) = (publish.message, groups.is_empty()) {
            let shared = self.shared.entry(message).or_default();
            shared.is_due = is_certain && groups.values().all(|members| members.keep);
            shared.qos = 0b111;
            shared.is_qos_2 = publish.qos == QoS::ExactlyOnce;
            for members in groups.values().filter(|members| is_certain && members.are_live) {
                shared.live += u32::from(!members.links.is_empty());
                shared.live_via.extend(&members.links);
            }
            for group in groups.into_keys() {
                *shared.groups.entry(group).or_default() += 1;
            }
        }
        matched
    }

    /// How often a Session may be sent a message at most: as live copies of its own, as retained
    /// ones, and as a member of groups.
    #[must_use]
    pub fn allowance(&self, number: SessionNumber, message: MessageId) -> (u32, u32, u32) {
        let (live, replays) = self
            .copies
            .get(&(number, message))
            .map_or((0, 0), |copies| (copies.live, copies.replays));
        let member = self.sessions.values().find(|session| session.number == number);
        let shared = self.shared.get(&message).map_or(0, |shared| match member {
            Some(session) => {
                let of = |(group, count): (&String, &u32)| {
                    if session.shared.contains_key(group) { *count } else { 0 }
                };
                shared.groups.iter().map(of).sum()
            }
            // It is gone, and what it was a member of with it: what is under way still goes out.
            None => shared.groups.values().sum(),
        });
        (live, replays, shared)
    }
}

/// Whether a Topic Filter, shared or not, matches a Topic Name: level by level, as one reads it in
/// the standard.
#[must_use]
pub fn matches(filter: &str, topic: &str) -> bool {
    let filter = crate::rules::unshared(filter);
    if topic.starts_with('$') && filter.starts_with(['#', '+']) {
        return false;
    }
    let (mut filter, mut topic) = (filter.split('/'), topic.split('/'));
    loop {
        match (filter.next(), topic.next()) {
            (Some("#"), _) | (None, None) => return true,
            (Some("+"), Some(_)) => {}
            (Some(wanted), Some(level)) if wanted == level => {}
            _ => return false,
        }
    }
}
