//! At least once, exactly once, at most once: who got which message, and who should have.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker_core::{DropCause, Instant, Lsn};
use mqtt_codec::{Publish, QoS};

use super::Given;
use crate::link::LinkId;
use crate::message::{MessageId, Messages};
use crate::model::{Model, Session, SessionNumber};
use crate::reach::reached;

/// What was seen of deliveries. None of it is taken back by a crash.
#[derive(Debug, Default)]
pub struct Delivery {
    /// What each Session was sent of each message.
    given: BTreeMap<(SessionNumber, MessageId), Sent>,
    /// What was sent to Sessions that a crash has ended, or that had ended before it.
    given_before: BTreeSet<MessageId>,
    /// QoS 1 and 2 messages under way to each Session, by Packet Identifier.
    flights: BTreeMap<(SessionNumber, u16), Flight>,
    /// What the program behind each client got: by client and message.
    heard: BTreeMap<(usize, MessageId), u32>,
    /// The same of QoS 2, within one Session of the client.
    heard_once: BTreeMap<(usize, u32, MessageId), u32>,
    /// Copies that the broker said it dropped, by Client Identifier and topic.
    pub dropped: BTreeMap<(String, String), Vec<DropCause>>,
    /// Topics behind the broker's aliases.
    aliases: BTreeMap<(LinkId, u16), String>,
    /// Connections that have been given a part of a packet, with their Session: it may come again
    /// elsewhere, as a duplicate of something that nobody saw.
    in_part: BTreeMap<LinkId, SessionNumber>,
    /// There were such connections when the broker died.
    in_part_before: bool,
    /// Flights that are over, with the record that says so.
    landed: Vec<((SessionNumber, u16), Flight, Lsn)>,
    /// Sessions that have outlived their broker, and the identifiers that have come again since: of
    /// what was to be sent when it died, nobody knows whether it was.
    restored: BTreeMap<SessionNumber, BTreeSet<u16>>,
}

/// What a Session was sent of one message.
#[derive(Clone, Copy, Debug, Default)]
pub struct Sent {
    /// Not as a duplicate: that many times.
    pub firsts: u32,
    /// Of these, as a retained message for a new subscription.
    pub replays: u32,
    /// Of both, with QoS 0: what nobody has to remember over a crash.
    loose: (u32, u32),
}

/// A message under way.
#[derive(Clone, Copy, Debug)]
pub struct Flight {
    message: Option<MessageId>,
    qos: QoS,
    /// The connection it was last sent on.
    link: LinkId,
    /// PUBREC came, in this record.
    recorded: Option<Option<Lsn>>,
    /// PUBREL was sent on this connection.
    released: bool,
}

/// What a delivery was found to be.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which message; `None` is an empty one.
    pub message: Option<MessageId>,
    /// Its topic.
    pub topic: String,
    /// The Session it goes to.
    pub session: SessionNumber,
    /// It was not sent before.
    pub is_first: bool,
}

impl Delivery {
    /// A PUBLISH was given to a connection.
    ///
    /// # Errors
    ///
    /// It should not have been, or not so.
    pub fn given(
        &mut self,
        model: &Model,
        messages: &Messages,
        given: &Given<'_>,
        publish: &Publish<'_>,
    ) -> Result<Found, String> {
        let (link, delivery, packet) = (given.link, publish.delivery, given.packet);
        let session = model.bonds.get(&link).and_then(|bond| bond.session);
        let session = session.ok_or_else(|| format!("link {link} has no Session: {packet}"))?;
        let topic = self.topic(link, publish).ok_or_else(|| format!("no topic: {packet}"))?;
        let message = if publish.payload.is_empty() {
            None
        } else {
            let id = messages.identify(publish.payload);
            Some(id.ok_or_else(|| format!("nobody published this: {packet} on {topic}"))?)
        };
        let mut is_first = !delivery.dup();
        if let Some(identifier) = delivery.packet_identifier() {
            let key = (session, identifier.get());
            is_first |= self.depart(key, message, delivery.qos(), given, is_first)?;
        }
        let found = Found { message, topic, session, is_first };
        if let Some(message) = message {
            self.check(model, messages, given, publish, &found, message)?;
        }
        Ok(found)
    }

    fn topic(&mut self, link: LinkId, publish: &Publish<'_>) -> Option<String> {
        let alias = publish.properties.topic_alias().map(std::num::NonZero::get);
        match (publish.topic, alias) {
            (Some(topic), Some(alias)) => {
                self.aliases.insert((link, alias), topic.as_str().into());
                Some(topic.as_str().into())
            }
            (Some(topic), None) => Some(topic.as_str().into()),
            (None, alias) => self.aliases.get(&(link, alias?)).cloned(),
        }
    }

    /// A QoS 1 or 2 message leaves, with this Packet Identifier; whether it is a duplicate of one
    /// that nobody has seen.
    fn depart(
        &mut self,
        key: (SessionNumber, u16),
        message: Option<MessageId>,
        qos: QoS,
        given: &Given<'_>,
        is_first: bool,
    ) -> Result<bool, String> {
        let (link, identifier) = (given.link, key.1);
        let mut unseen = false;
        reached(match (qos, is_first) {
            (_, false) => "MQTT-3.3.1-1",
            (QoS::ExactlyOnce, _) => "MQTT-4.3.3-1",
            _ => "MQTT-4.3.2-1",
        });
        match self.flights.get(&key) {
            Some(_) if is_first => {
                return Err(format!("link {link}: identifier {identifier} is in use"));
            }
            Some(flight) if flight.message != message || flight.recorded.is_some() => {
                return Err(format!("link {link}: identifier {identifier} names something else"));
            }
            Some(flight) if flight.link == link => {
                return Err(format!("link {link}: identifier {identifier} is sent again"));
            }
            None if !is_first && self.restored.get_mut(&key.0).is_some_and(|s| s.insert(key.1)) => {
                unseen = true;
            }
            None if !is_first => {
                let part = self.in_part.iter().find(|(_, session)| **session == key.0);
                let Some(part) = part.map(|(link, _)| *link) else {
                    return Err(format!("link {link}: duplicate of nothing, {identifier}"));
                };
                self.in_part.remove(&part);
            }
            _ => {}
        }
        let flight = Flight { message, qos, link, recorded: None, released: false };
        self.flights.insert(key, flight);
        Ok(unseen)
    }

    fn check(
        &mut self,
        model: &Model,
        messages: &Messages,
        given: &Given<'_>,
        publish: &Publish<'_>,
        found: &Found,
        message: MessageId,
    ) -> Result<(), String> {
        let (link, session, packet) = (given.link, found.session, given.packet);
        let what = || format!("link {link}, session {session}, message {message} ({packet})");
        let right = messages.get(message).is_some_and(|known| known.topic == found.topic);
        if !right {
            return Err(format!("wrong topic {}: {}", found.topic, what()));
        }
        let (live, replays, shared) = model.allowance(session, message);
        let sent = self.given.entry((session, message)).or_default();
        let copies = model.copies.get(&(session, message));
        if found.is_first {
            sent.firsts += 1;
            // A live copy has RETAIN set only where a subscription asks for that.
            let may_be_live = shared > 0 || copies.is_some_and(|copies| copies.retain);
            let is_replay = publish.retain && !may_be_live;
            reached(if is_replay { "MQTT-3.3.1-9" } else { "MQTT-3.3.1-12" });
            sent.replays += u32::from(is_replay);
            if publish.delivery.qos() == QoS::AtMostOnce {
                sent.loose.0 += 1;
                sent.loose.1 += u32::from(is_replay);
            }
            if sent.firsts > live + replays + shared || sent.replays > replays {
                let allowed = format!("live {live}, retained {replays}, shared {shared}");
                return Err(format!("more often than it may be ({allowed}): {}", what()));
            }
        }
        let Some(accepted) = model.accepted.get(&message) else {
            return Err(format!("never accepted: {}", what()));
        };
        let bits = copies.map_or(0, |copies| copies.qos)
            | model.shared.get(&message).map_or(0, |shared| shared.qos);
        reached("MQTT-3.8.4-8");
        if bits & (1 << publish.delivery.qos() as u8) == 0 {
            return Err(format!("wrong QoS: {}", what()));
        }
        if !publish.delivery.dup() && accepted.expires_at <= given.since {
            return Err(format!("expired at {:?}: {}", accepted.expires_at, what()));
        }
        if accepted.expires_at < Instant::NEVER {
            reached("MQTT-3.3.2-5");
        }
        let is_v5 = given.version == mqtt_codec::Version::V5;
        if is_v5 && accepted.times == 1 {
            let told = publish.properties.message_expiry_interval();
            let left = left(accepted.expires_at, given.since);
            if told.is_some() {
                reached("MQTT-3.3.2-6");
            }
            if told != left {
                return Err(format!("Message Expiry Interval is not {left:?}: {}", what()));
            }
        }
        let own = copies.filter(|_| is_v5 && shared == 0 && live + replays == 1);
        if let Some(copies) = own {
            let mut told: Vec<u32> =
                publish.properties.subscription_identifiers().map(|id| id.get()).collect();
            told.sort_unstable();
            if !told.is_empty() {
                reached(if told.len() > 1 { "MQTT-3.3.4-4" } else { "MQTT-3.3.4-3" });
            }
            let right = if live == 1 {
                &copies.identifiers[..]
            } else {
                copies.replay_identifier.as_slice()
            };
            if told != right {
                return Err(format!("Subscription Identifiers are not {right:?}: {}", what()));
            }
        }
        Ok(())
    }

    /// A connection has been given a part of a packet, or all of it.
    pub fn in_part(&mut self, model: &Model, link: LinkId, part: bool) {
        match model.bonds.get(&link).and_then(|bond| bond.session) {
            Some(session) if part => self.in_part.insert(link, session),
            _ => self.in_part.remove(&link),
        };
    }

    /// PUBACK, PUBREC or PUBCOMP was taken from a Session.
    pub fn acknowledged(
        &mut self,
        session: SessionNumber,
        packet: &mqtt_codec::Packet<'_>,
        lsn: Option<Lsn>,
    ) {
        use mqtt_codec::Packet as P;
        let (P::Puback(ack) | P::Pubrec(ack) | P::Pubcomp(ack)) = packet else { return };
        let key = (session, ack.packet_identifier.get());
        let Some(flight) = self.flights.get_mut(&key) else { return };
        let over = match packet {
            P::Puback(_) => flight.qos == QoS::AtLeastOnce,
            P::Pubrec(_) if ack.reason_code.is_error() => {
                flight.qos == QoS::ExactlyOnce && flight.recorded.is_none()
            }
            P::Pubrec(_) => {
                if flight.qos == QoS::ExactlyOnce && flight.recorded.is_none() {
                    flight.recorded = Some(lsn);
                }
                false
            }
            _ => flight.released,
        };
        if over {
            let flight = self.flights.remove(&key);
            self.landed.extend(flight.zip(lsn).map(|(flight, lsn)| (key, flight, lsn)));
        }
    }

    /// PUBREL was given to a Session: the record it promises.
    ///
    /// # Errors
    ///
    /// There is nothing to release.
    pub fn released(
        &mut self,
        session: SessionNumber,
        link: LinkId,
        identifier: u16,
        is_error: bool,
    ) -> Result<Option<Lsn>, String> {
        match self.flights.get_mut(&(session, identifier)) {
            Some(flight) if flight.recorded.is_some() => {
                reached("MQTT-4.3.3-4");
                if flight.released || flight.link != link {
                    reached("MQTT-4.4.0-1");
                }
                (flight.released, flight.link) = (true, link);
                Ok(flight.recorded.flatten())
            }
            Some(_) => Err(format!("link {link}: PUBREL for {identifier} before its PUBREC")),
            None if is_error => Ok(None),
            None => Err(format!("link {link}: PUBREL for {identifier}, which is not under way")),
        }
    }

    /// How many messages are under way on a connection.
    #[must_use]
    pub fn under_way(&self, session: SessionNumber, link: LinkId) -> usize {
        let all = self.flights.range((session, 0)..=(session, u16::MAX));
        all.filter(|(_, flight)| flight.link == link).count()
    }

    /// A message reached the program behind a client.
    ///
    /// # Errors
    ///
    /// It reached it before, and should not twice.
    pub fn heard(
        &mut self,
        model: &Model,
        client: usize,
        epoch: u32,
        message: MessageId,
        qos: QoS,
    ) -> Result<(), String> {
        *self.heard.entry((client, message)).or_default() += 1;
        if qos != QoS::ExactlyOnce {
            return Ok(());
        }
        let times = self.heard_once.entry((client, epoch, message)).or_default();
        *times += 1;
        reached("MQTT-4.3.3-10");
        // By whichever of its Sessions: the client does not know their numbers.
        let sessions: BTreeSet<SessionNumber> = model
            .bonds
            .values()
            .filter(|bond| bond.client == client)
            .filter_map(|bond| bond.session)
            .collect();
        let allowed: u32 = sessions
            .iter()
            .map(|session| model.allowance(*session, message))
            .map(|(live, replays, shared)| live + replays + shared)
            .sum();
        if *times > allowed {
            return Err(format!("client {client} got message {message} {times} times at QoS 2"));
        }
        Ok(())
    }

    /// The broker died, and runs again with what was in the records up to `kept`.
    pub fn crashed(&mut self, model: &Model, kept: Lsn) {
        let sessions: BTreeSet<SessionNumber> =
            model.sessions.values().filter(|s| s.lasts).map(|session| session.number).collect();
        for (key, flight, lsn) in std::mem::take(&mut self.landed) {
            if lsn > kept {
                self.flights.entry(key).or_insert(flight);
            }
        }
        self.flights.retain(|(session, _), _| sessions.contains(session));
        for flight in self.flights.values_mut() {
            flight.recorded = flight.recorded.filter(|lsn| lsn.is_none_or(|lsn| lsn <= kept));
            flight.released = false;
        }
        let over = self.given.keys().filter(|(session, _)| !sessions.contains(session));
        self.given_before.extend(over.map(|(_, message)| message));
        self.given.retain(|(session, _), _| sessions.contains(session));
        for sent in self.given.values_mut() {
            let (firsts, replays) = std::mem::take(&mut sent.loose);
            sent.firsts -= firsts;
            sent.replays -= replays;
        }
        self.aliases.clear();
        self.in_part_before |= !std::mem::take(&mut self.in_part).is_empty();
        self.restored = sessions.into_iter().map(|session| (session, BTreeSet::new())).collect();
    }

    /// What the Session was sent of a message.
    #[must_use]
    pub fn sent(&self, session: SessionNumber, message: MessageId) -> Sent {
        self.given.get(&(session, message)).copied().unwrap_or_default()
    }

    /// Everything has come to rest: what had to arrive at those who are `settled` has arrived.
    ///
    /// # Errors
    ///
    /// Something has not.
    pub fn finish(
        &self,
        model: &Model,
        now: Instant,
        settled: &BTreeSet<usize>,
    ) -> Result<(), String> {
        let mut missing: BTreeMap<(&str, &str), (usize, MessageId)> = BTreeMap::new();
        // A client whose identifiers the broker chooses may have left Sessions that it does not come back to.
        let settled =
            |session: &&Session| session.link.is_some() && settled.contains(&session.client);
        for (name, session) in model.sessions.iter().filter(|(_, session)| settled(session)) {
            let all = (session.number, 0)..=(session.number, MessageId::MAX);
            for ((_, message), copies) in model.copies.range(all) {
                let Some(accepted) = model.accepted.get(message) else { continue };
                let sent = self.sent(session.number, *message);
                // A walk that had to wait finds what is retained by then, and has not expired.
                let kept = model.retained.get(&accepted.topic);
                let is_kept =
                    kept.is_some_and(|kept| kept.message == *message && kept.expires_at > now);
                let on_link = |via: Option<LinkId>| {
                    let open = |link: &LinkId| model.bonds.get(link).is_some_and(|b| b.is_open);
                    via.as_ref().is_some_and(|link| session.link == via && open(link))
                };
                reached("MQTT-4.5.0-1");
                let arrived = self.heard.contains_key(&(session.client, *message));
                let lost = (!arrived && (copies.is_due || on_link(copies.live_via)))
                    || (on_link(copies.replay_via) && is_kept && sent.firsts == 0);
                if lost {
                    let entry = missing.entry((name, &accepted.topic)).or_insert((0, *message));
                    entry.0 += 1;
                }
            }
        }
        for ((name, topic), (count, message)) in missing {
            let key = (name.to_string(), topic.to_string());
            let dropped = self.dropped.get(&key).map_or(0, Vec::len);
            if count > dropped {
                return Err(format!(
                    "{name} misses {count} messages on {topic}, {message} among them; the broker \
                     says that it dropped {dropped}"
                ));
            }
        }
        let all_settled = model.sessions.values().all(|session| settled(&session));
        self.finish_shared(model, all_settled)
    }

    fn finish_shared(&self, model: &Model, all_settled: bool) -> Result<(), String> {
        for (message, shared) in &model.shared {
            let expected: u32 = shared.groups.values().sum();
            let of_message = self.given.iter().filter(|((_, of), _)| of == message);
            let seen: u32 = of_message.map(|(_, sent)| sent.firsts).sum();
            let own: u32 = self
                .given
                .keys()
                .filter(|(_, of)| of == message)
                .map(|key| model.copies.get(key).map_or(0, |copies| copies.live + copies.replays))
                .sum();
            let Some(accepted) = model.accepted.get(message) else { continue };
            if seen > expected + shared.spare + own {
                return Err(format!("message {message} went to {seen} members of {shared:?}"));
            }
            let excused = self.dropped.keys().any(|(_, topic)| *topic == accepted.topic);
            // What was cut off the first time comes as a duplicate.
            let is_heard = self.heard.keys().any(|(_, of)| of == message);
            let arrived = is_heard || self.given_before.contains(message);
            // What a connection was given in part when it ended counts as sent.
            let in_part = !self.in_part.is_empty() || (self.in_part_before && shared.is_restored);
            let may_be_sent = shared.has_successor && in_part;
            let is_sent = seen > 0 || arrived || may_be_sent;
            // What its member has not acknowledged of QoS 1 goes to another, once its Session is over.
            let is_missed = !is_sent || accepted.qos == QoS::AtLeastOnce && !is_heard;
            let is_certain = all_settled && own == 0 && !excused && accepted.times == 1;
            if shared.is_due && is_certain && is_missed {
                return Err(format!("message {message} went to no member of {shared:?}"));
            }
            let is_here = |link: &LinkId| model.bonds.get(link).is_some_and(|bond| bond.is_open);
            let is_live = own == 0 && accepted.times == 1 && shared.live_via.iter().all(is_here);
            if is_live && seen < shared.live && !excused {
                return Err(format!("message {message} went to nobody who is here: {shared:?}"));
            }
        }
        Ok(())
    }
}

/// Seconds left of an expiry, as they are told.
fn left(expires_at: Instant, now: Instant) -> Option<u32> {
    if expires_at == Instant::NEVER {
        return None;
    }
    let left = expires_at.since(now).as_micros().div_ceil(1_000_000);
    Some(u32::try_from(left).unwrap_or(u32::MAX))
}
