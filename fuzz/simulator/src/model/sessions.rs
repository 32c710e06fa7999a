//! Sessions of the model: how they begin, are left, resumed and end, with their Will Messages.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker_core::Instant;
use mqtt_codec::{QoS, RetainHandling, SubscriptionOptions};

use super::copies::matches;
use super::{Fate, Model, Moment, PublishNote, SessionNumber};
use crate::clock::after;
use crate::link::LinkId;
use crate::message::MessageId;

/// One Session.
#[derive(Clone, Debug)]
pub struct Session {
    /// Its name for ever.
    pub number: SessionNumber,
    /// The client behind it.
    pub client: usize,
    /// How long it outlives its connection, in seconds.
    pub expiry: u32,
    /// When it ends, if nobody comes.
    pub ends_at: Instant,
    /// When its connection went, among all steps.
    pub left: u64,
    /// It was to outlive its connection when it began: the journal has all of it.
    pub lasts: bool,
    /// The journal knows of it: it lasts, or had a Will Message.
    pub is_known: bool,
    /// Its Network Connection.
    pub link: Option<LinkId>,
    /// Its Will Message.
    pub will: Option<WillKept>,
    /// QoS 2 messages received from the client and not released; `false` where the broker may know
    /// nothing of it.
    pub received: BTreeMap<u16, bool>,
    /// Its subscriptions, by Topic Filter.
    pub subscriptions: BTreeMap<String, Subscription>,
    /// Every shared filter it has ever had.
    pub shared: BTreeMap<String, Membership>,
    /// It has had no subscription but of QoS 0.
    pub is_live: bool,
}

/// What a Session has ever asked for as the member of a group.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    /// The Qualities of Service.
    pub levels: BTreeSet<QoS>,
    /// The Subscription Identifiers.
    pub identifiers: BTreeSet<Option<u32>>,
}

/// One subscription.
#[derive(Clone, Copy, Debug)]
pub struct Subscription {
    /// Its options; the Quality of Service is the granted one.
    pub options: SubscriptionOptions,
    /// Its identifier, if it has one.
    pub identifier: Option<u32>,
}

/// A Will Message that its Session holds.
#[derive(Clone, Debug)]
pub struct WillKept {
    /// Which message.
    pub message: MessageId,
    /// What it says.
    pub publish: PublishNote,
    /// Its Will Delay Interval, in seconds.
    pub delay: u32,
    /// When it is published, once the connection is gone.
    pub due: Option<Instant>,
}

impl Session {
    /// The connection is gone.
    pub(super) fn leave(&mut self, moment: &Moment) {
        let now = moment.at;
        (self.link, self.left) = (None, moment.number);
        self.ends_at = match self.expiry {
            u32::MAX => Instant::NEVER,
            seconds => after(now, u64::from(seconds) * 1000),
        };
        if let Some(will) = &mut self.will {
            will.due = Some(after(now, u64::from(will.delay) * 1000));
        }
    }

    fn will_is_due(&self, now: Instant) -> bool {
        self.will.as_ref().is_some_and(|will| will.due.is_some_and(|due| due <= now))
    }
}

impl Model {
    pub(super) fn connected(&mut self, moment: &Moment, link: LinkId, name: &str) {
        // Resumed before the delay has passed, the Will Message is not published; after it, it is.
        if self.sessions.get(name).is_some_and(|session| session.will_is_due(moment.at)) {
            self.fire(moment, name);
        }
        let Some(bond) = self.bonds.get_mut(&link) else { return };
        let Some(connect) = bond.connect.clone() else { return };
        bond.session_present = self.sessions.contains_key(name);
        bond.name = name.to_string();
        let client = bond.client;
        let session = self.sessions.entry(name.to_string()).or_insert_with(|| Session {
            number: moment.number,
            client,
            expiry: 0,
            ends_at: Instant::NEVER,
            left: 0,
            lasts: connect.expiry > 0,
            is_known: connect.expiry > 0 || connect.will.is_some(),
            link: None,
            will: None,
            received: BTreeMap::new(),
            subscriptions: BTreeMap::new(),
            shared: BTreeMap::new(),
            is_live: true,
        });
        session.client = client;
        session.expiry = connect.expiry;
        session.ends_at = Instant::NEVER;
        session.link = Some(link);
        session.will = connect.will;
        bond.session = Some(session.number);
    }

    pub(super) fn goodbye(&mut self, link: LinkId, expiry: Option<u32>, forgets_will: bool) {
        let maximum = self.settings.session_expiry_maximum;
        let Some(session) = self.session_of(link) else { return };
        if let Some(expiry) = expiry {
            session.expiry = expiry.min(maximum);
        }
        if forgets_will {
            session.will = None;
        }
    }

    pub(super) fn disconnected(&mut self, moment: &Moment, link: LinkId) {
        let Some(session) = self.session_of(link) else { return };
        session.leave(moment);
        let fires = session.expiry > 0 && session.will_is_due(moment.at);
        let name = self.bonds.get(&link).map(|bond| bond.name.clone()).unwrap_or_default();
        if fires {
            self.fire(moment, &name);
        }
    }

    pub(super) fn ended(&mut self, moment: &Moment, name: &str) {
        let Some(mut session) = self.sessions.remove(name) else { return };
        // Whom a group chose, and who is gone before it was sent anything, has a successor, if there
        // is anybody left. It is bound to get the message only if all who are left asked for QoS 1
        // or 2: to a member for QoS 0 the copy goes at most once. It is lost with the connection, or
        // missed if there is none, and after a crash nobody knows that it was sent.
        let mut left: BTreeMap<String, bool> = BTreeMap::new();
        for other in self.sessions.values() {
            for (filter, subscription) in &other.subscriptions {
                if session.shared.contains_key(filter) {
                    let keep = left.entry(filter.clone()).or_insert(true);
                    *keep &= subscription.options.maximum_qos > QoS::AtMostOnce;
                }
            }
        }
        for shared in self.shared.values_mut() {
            let is_due = shared.is_due
                && !shared.is_restored
                && shared.groups.keys().all(|group| left.get(group) == Some(&true));
            shared.member_gone(|group| session.shared.contains_key(group), true);
            shared.has_successor |= is_due && !shared.is_due;
            shared.is_due |= is_due;
            // Since it was accepted, who has gone was there to be sent it.
            let may_be_under_way = session.link.is_some() || session.left > shared.number;
            let is_unsure = !session.lasts || shared.is_qos_2 && may_be_under_way;
            shared.is_fragile |= is_due && is_unsure && self.settings.are_calls_short;
        }
        if let Some(will) = session.will.take() {
            self.publish_will(moment, &will, None);
        }
    }

    /// Publishes every Will Message whose delay has passed, or whose Session is over: in the order
    /// of time.
    pub(super) fn fire_due(&mut self, moment: &Moment) {
        let mut due: Vec<(Instant, u64, String)> = self
            .sessions
            .iter()
            .filter(|(_, session)| session.link.is_none())
            .filter_map(|(name, session)| {
                let due = session.will.as_ref()?.due?.min(session.ends_at);
                (due <= moment.at).then(|| (due, session.left, name.clone()))
            })
            .collect();
        due.sort_unstable();
        for (_, _, name) in due {
            self.fire(moment, &name);
        }
    }

    fn fire(&mut self, moment: &Moment, name: &str) {
        let Some(session) = self.sessions.get_mut(name) else { return };
        let number = session.number;
        if let Some(will) = session.will.take() {
            self.publish_will(moment, &will, Some(number));
        }
    }

    fn publish_will(&mut self, moment: &Moment, will: &WillKept, origin: Option<SessionNumber>) {
        self.fired.insert(will.message);
        self.accept(moment, &will.publish, origin, Fate::Accepted);
        if self.settings.is_tight && will.publish.retain {
            // There was perhaps no room to keep it, and nobody to tell.
            self.retained_unknown.extend(will.publish.topic.clone());
        }
    }

    pub(super) fn subscribed(&mut self, moment: &Moment, name: &str, filter: &str, qos: QoS) {
        let Some(session) = self.sessions.get_mut(name) else { return };
        let bond = session.link.and_then(|link| self.bonds.get(&link));
        let Some(mut wanted) = bond.and_then(|bond| bond.wanted.get(filter).copied()) else {
            return;
        };
        wanted.options.maximum_qos = qos;
        let is_new = session.subscriptions.insert(filter.to_string(), wanted).is_none();
        let is_shared = filter.starts_with("$share/");
        session.is_live &= qos == QoS::AtMostOnce;
        if is_shared {
            let membership = session.shared.entry(filter.to_string()).or_default();
            membership.levels.insert(qos);
            membership.identifiers.insert(wanted.identifier);
        }
        let replays = !is_shared
            && match wanted.options.retain_handling {
                RetainHandling::SendAtSubscribe => true,
                RetainHandling::SendIfNew => is_new,
                RetainHandling::DoNotSend => false,
            };
        if !replays {
            return;
        }
        for (topic, kept) in &self.retained {
            if matches(filter, topic) && kept.expires_at > moment.at {
                let copies = self.copies.entry((session.number, kept.message)).or_default();
                copies.replay(kept.qos.min(qos), session.link, wanted.identifier);
            }
        }
        for topic in &self.retained_unknown {
            // Whichever it is, it may come.
            for (message, accepted) in &self.accepted {
                if accepted.retain && accepted.topic == *topic && matches(filter, topic) {
                    let copies = self.copies.entry((session.number, *message)).or_default();
                    copies.replay(accepted.qos.min(qos), None, wanted.identifier);
                }
            }
        }
    }

    pub(super) fn unsubscribed(&mut self, name: &str, filter: &str) {
        let Some(session) = self.sessions.get_mut(name) else { return };
        session.subscriptions.remove(filter);
        let all = (session.number, 0)..=(session.number, MessageId::MAX);
        for ((_, message), copies) in self.copies.range_mut(all) {
            let topic = self.accepted.get(message).map(|accepted| accepted.topic.as_str());
            if topic.is_some_and(|topic| matches(filter, topic)) {
                copies.is_due = false;
                copies.replay_via = None;
                copies.live_via = None;
            }
        }
        for shared in self.shared.values_mut() {
            shared.member_gone(|group| group == filter, false);
        }
    }
}
