//! An Application Message to all who subscribe to it: matched, merged, then queued once for each.

pub(crate) mod burst;
mod delivery;
pub(crate) mod local;
pub(crate) mod replay;
pub(crate) mod spread;

use mqtt_codec::{QoS, SubscriptionIdentifier, TopicName};

use self::delivery::Routed;
use self::local::is_local;
use crate::boundary::{DropCause, Event, Lsn, Peer};
use crate::broker::Broker;
use crate::config::Limit;
use crate::defect::Defect;
use crate::journal::Change;
use crate::peers::is_peer;
use crate::publication::{Draft, Publication};
use crate::session::sending::{Addressed, Orphan};
use crate::session::will::Due;
use crate::store::{Claim, Full};
use crate::subscription::{GroupKey, Match, Preference};
use crate::time::Instant;

/// One copy to deliver, after overlapping subscriptions of one client are merged.
#[derive(Clone, Copy)]
pub(crate) struct Delivery {
    subscriber: u32,
    qos: QoS,
    retain: bool,
    identifier: Option<SubscriptionIdentifier>,
    /// The serial of the share group that chose the subscriber; 0 if none did.
    group: u32,
}

impl Broker {
    /// Takes a message in: keeps it if it is to be retained and routes it. Whether anyone
    /// subscribes to it.
    pub(crate) fn accept(
        &mut self,
        now: Instant,
        draft: &Draft<'_>,
        origin: Option<u32>,
    ) -> Result<bool, Limit> {
        self.find_matches(now, draft.topic);
        let matched = self.is_wanted();
        if !matched && !draft.retain {
            return Ok(false);
        }
        if !matched && draft.payload.is_empty() && self.peers.is_none() {
            // Nothing has to be kept to forget what is.
            self.clear_retained(draft.topic);
            return Ok(false);
        }
        let matches = self.matches.subscribers.len() + self.matches.groups.len();
        self.admit_routing(draft, matches)?;
        let mut inserted = self.publications.insert(draft);
        if inserted.is_err() && !self.burst.is_empty() {
            self.end_burst(now);
            inserted = self.publications.insert(draft);
        }
        let publication = inserted?;
        if self.is_for_burst(draft, origin) {
            self.join_burst(now, publication, origin);
            return Ok(true);
        }
        self.end_burst(now);
        let taken = self.retain(publication);
        if taken.is_ok() {
            let stamp = self.stamp(now, publication);
            self.deliver(now, publication, origin, stamp);
        }
        self.publications.release(publication);
        taken.map(|()| matched)
    }

    /// Finds who subscribes to a topic, into `matches`; what is to be queued for others is queued first.
    pub(crate) fn find_matches(&mut self, now: Instant, topic: TopicName<'_>) {
        if !self.subscriptions.are_for(topic, &self.matches) {
            self.end_burst(now);
            self.subscriptions.matches(topic, &mut self.matches);
        }
    }

    /// Whether anybody of the matches is there. Of a Session that has ended, subscriptions may be left
    /// until their turn to be freed comes.
    fn is_wanted(&self) -> bool {
        if !self.matches.groups.is_empty() {
            return true;
        }
        let all_are_there = self.sessions.first_ended().is_none();
        self.matches.subscribers.iter().any(|found| {
            let is_there = |key| self.sessions.get(key).is_some_and(|session| !session.ended);
            all_are_there || is_local(found.subscriber) || is_there(found.subscriber)
        })
    }

    /// Routes a publication that was kept aside, and lets go of it.
    pub(crate) fn publish_stored(&mut self, now: Instant, will: &Due) {
        let (publication, origin) = (will.publication, will.origin);
        if let Some(stored) = self.publications.get(publication) {
            self.subscriptions.matches(stored.topic(), &mut self.matches);
        }
        // It has nobody to be refused to.
        let stamp = match self.retain(publication) {
            Ok(()) => self.stamp(now, publication),
            Err(limit) => {
                self.not_retained(will, limit);
                0
            }
        };
        self.deliver(now, publication, origin, stamp);
        self.publications.release(publication);
    }

    fn not_retained(&mut self, will: &Due, limit: Limit) {
        let publication = will.publication;
        self.stats.dropped_broker_full += 1;
        let client = will.client_identifier.as_deref().unwrap_or_default();
        self.reached_by(limit, client, Peer::default());
        self.event(|broker| {
            let topic = broker.publications.get(publication)?.topic().as_str().into();
            Some(Event::NotRetained { client_identifier: client.into(), topic, limit })
        });
    }

    /// Sets or clears the retained message of a publication's topic, if it says so.
    pub(crate) fn retain(&mut self, publication: u32) -> Result<(), Limit> {
        let Some(stored) = self.publications.get(publication) else { return Ok(()) };
        //= [MQTT-3.3.1-8]
        if !stored.retain() {
            return Ok(());
        }
        if stored.payload().is_empty() {
            //= [MQTT-3.3.1-6]
            //= [MQTT-3.3.1-7]
            self.clear_retained_like(publication);
            return Ok(());
        }
        let (sequence, len) = (stored.sequence, stored.len());
        self.check_retained(stored.topic(), len)?;
        if self.is_planted(Defect::RetainedOutOfOrder)
            && sequence % 4 == 3
            && self.retained.get(&self.publications, stored.topic()).is_some()
        {
            return Ok(());
        }
        //= [MQTT-3.3.1-5]
        let before = self
            .account
            .taking_for(Claim::Lasting, || self.retained.set(&self.publications, publication));
        let before = before.map_err(|Full| self.full(Limit::Retained))?;
        self.publications.hold(publication);
        self.retained.count_bytes(len, 0);
        self.name(publication);
        self.journal.change(&Change::Retained { sequence });
        if let Some(before) = before {
            self.release_retained(before);
        }
        self.publications.mark_retained(publication, true);
        Ok(())
    }

    /// Forgets the retained message of a topic.
    pub(crate) fn clear_retained(&mut self, topic: TopicName<'_>) {
        let Some(before) = self.retained.remove(&self.publications, topic) else { return };
        if !self.is_planted(Defect::RetainedResurrected) {
            self.journal.change(&Change::RetainedCleared { topic });
        }
        self.release_retained(before);
    }

    /// Forgets the retained message of the topic of this publication.
    pub(crate) fn clear_retained_like(&mut self, publication: u32) {
        let Some(stored) = self.publications.get(publication) else { return };
        let removed = self.retained.remove(&self.publications, stored.topic());
        let Some(before) = removed else { return };
        self.journal.change(&Change::RetainedCleared { topic: stored.topic() });
        self.release_retained(before);
    }

    /// Whether a message of `len` bytes may be retained.
    fn check_retained(&self, topic: TopicName<'_>, len: usize) -> Result<(), Limit> {
        let limits = &self.config.limits;
        if len > limits.retained_message_size as usize {
            return Err(Limit::RetainedMessageSize);
        }
        let all = self.retained.message_bytes().saturating_add(len);
        let admitted = self.account.admits(Claim::Lasting, topic.as_bytes().len());
        if all <= limits.retained_bytes && admitted {
            return Ok(());
        }
        // What it replaces makes room.
        let before = self.retained.get(&self.publications, topic);
        let before = before.and_then(|key| self.publications.get(key));
        if all - before.map_or(0, Publication::len) > limits.retained_bytes {
            return Err(Limit::RetainedBytes);
        }
        if admitted || before.is_some() { Ok(()) } else { Err(Limit::Memory) }
    }

    /// Lets go of a message that is not retained any more.
    pub(crate) fn release_retained(&mut self, publication: u32) {
        let len = self.publications.get(publication).map_or(0, Publication::len);
        self.retained.count_bytes(0, len);
        self.publications.mark_retained(publication, false);
        self.unname(publication);
        self.publications.release(publication);
    }
}

impl Broker {
    /// A copy for the member of a group whose turn it is. If that is a peer, the message is routed
    /// to it. What came from a peer is for a member here, as long as there is one.
    fn choose_member(
        &mut self,
        group: GroupKey,
        qos: QoS,
        retain: bool,
        origin: Option<u32>,
    ) -> Option<Delivery> {
        let mut chosen = None;
        let here = origin.is_some_and(is_peer);
        for peers_too in [false, true] {
            if chosen.is_none() && (peers_too || here) {
                chosen = self.next_member(group, qos, peers_too);
            }
        }
        let chosen = chosen?;
        if is_peer(chosen.subscriber) {
            self.route_to_group(chosen.subscriber, group);
            return None;
        }
        let group = self.subscriptions.serial(group);
        //= [MQTT-3.3.4-5]
        Some(Delivery { group, ..addressed(chosen, qos, retain) })
    }

    fn next_member(&mut self, group: GroupKey, qos: QoS, peers_too: bool) -> Option<Match> {
        let (sessions, connections) = (&self.sessions, &self.connections);
        let peers = self.peers.as_deref();
        let queue_qos0 = self.config.queue_qos0;
        let mut asked = 0;
        let chosen = self.subscriptions.next_member(group, |subscriber, maximum_qos| {
            asked += 1;
            match peers {
                Some(peers) if is_peer(subscriber) && peers_too => peers.preference(subscriber),
                _ if is_peer(subscriber) => Preference::Refused,
                _ => {
                    let live = qos.min(maximum_qos) == QoS::AtMostOnce;
                    preference(sessions, connections, subscriber, live && !queue_qos0)
                }
            }
        });
        self.work.add(asked);
        chosen
    }

    /// The member that had this publication is gone: the group, if it is still there, chooses
    /// another.
    pub(crate) fn choose_again(&mut self, now: Instant, orphan: &Orphan) {
        let publication = orphan.publication;
        let Some(stored) = self.publications.get(publication) else { return };
        let (qos, retain, expired) = (stored.qos, stored.retain(), stored.expired(now));
        let key = self.subscriptions.group(orphan.group).filter(|_| !expired);
        match key.and_then(|key| self.choose_member(key, qos, retain, None)) {
            Some(delivery) => {
                self.enqueue(delivery.subscriber, delivery.message(publication));
                self.tell_missed(publication);
            }
            // A peer was chosen.
            None if self.forward(publication, None, 0) => {}
            None if expired => self.dropped_of("", publication, DropCause::Expired),
            None => self.dropped_of("", publication, DropCause::NoMember),
        }
    }
}

impl Delivery {
    pub(crate) fn message(self, publication: u32) -> Addressed {
        Addressed {
            publication,
            qos: self.qos,
            retain: self.retain,
            identifiers: self.identifier.into(),
            group: self.group,
            not_before: Lsn(0),
        }
    }
}

/// The copy that a subscription asks for.
fn addressed(found: Match, qos: QoS, retain: bool) -> Delivery {
    Delivery {
        subscriber: found.subscriber,
        //= [MQTT-3.8.4-8]
        //= [MQTT-4.8.2-3]
        qos: qos.min(found.options.maximum_qos),
        //= [MQTT-3.3.1-12]
        //= [MQTT-3.3.1-13]
        retain: retain && found.options.retain_as_published,
        identifier: found.identifier,
        group: 0,
    }
}

/// Who of a group should have the next message: a connected member with room before one that has to
/// be waited for, and that before one that is away if it is `live`, sent to those who are there.
fn preference(
    sessions: &crate::session::Sessions,
    connections: &crate::connection::Connections,
    subscriber: u32,
    live: bool,
) -> Preference {
    let session = sessions.get(subscriber).filter(|session| !session.ended);
    let Some(session) = session else { return Preference::Refused };
    match connections.get(session.connection) {
        Some(connection)
            if session.on_wire < connection.receive_maximum && session.waiting.is_empty() =>
        {
            Preference::Ready
        }
        None if live => Preference::Absent,
        _ => Preference::Willing,
    }
}
