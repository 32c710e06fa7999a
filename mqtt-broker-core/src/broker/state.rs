//! What lasts, told in the words of the journal that would make it from nothing.

use alloc::collections::BTreeMap;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt::Write;

use mqtt_codec::TopicFilter;

use super::Broker;
use crate::journal::{Change, Life, Published, SessionChange};
use crate::session::Session;
use crate::session::queue::{Copy, Flags, UnderWay};
use crate::subscription::Held;
use crate::time::Instant;

impl Broker {
    /// What a [replay](Self::replay) of the journal would bring back, in words: a line for each
    /// part, in an order that depends on nothing else. For the eyes, and for comparing. It is as
    /// long as there is state.
    #[must_use]
    pub fn durable_state(&self) -> String {
        let mut lines = Vec::new();
        let mut sessions: Vec<&Session> =
            self.sessions.from(0).map(|(_, session)| session).collect();
        sessions.sort_by_key(|session| &*session.client_identifier);
        for session in sessions.into_iter().filter(|session| session.number != 0) {
            self.tell_session(session, &mut |change| line(&mut lines, change));
            let mut filters: Vec<String> = Vec::new();
            let mut filter = Vec::new();
            for held in self.subscriptions.of_subscriber(&session.subscriptions) {
                let told = self.tell_subscription(session, &held, &mut filter);
                if let Some(told) = told {
                    line(&mut filters, &told);
                }
            }
            filters.sort();
            lines.extend(filters);
        }
        let mut ended: Vec<&Session> = self.sessions.all().filter(|s| s.ended).collect();
        ended.sort_by_key(|session| session.number);
        for session in ended {
            self.tell_left_over(session, &mut |change| line(&mut lines, change));
        }
        let from = lines.len();
        self.tell_peers(&mut |change| line(&mut lines, change));
        lines.get_mut(from..).unwrap_or_default().sort();
        let mut named: BTreeMap<u64, u32> = BTreeMap::new();
        for publication in self.named() {
            let stored = self.publications.get(publication);
            named.extend(stored.map(|stored| (stored.sequence, publication)));
        }
        for publication in named.values().filter_map(|key| self.publications.get(*key)) {
            line(&mut lines, &Change::Published(Published::from(publication)));
        }
        let from = lines.len();
        for publication in self.retained.iter().filter_map(|key| self.publications.get(key)) {
            line(&mut lines, &Change::Retained { sequence: publication.sequence });
        }
        lines.get_mut(from..).unwrap_or_default().sort();
        lines.concat()
    }

    /// The publications that something names that lasts; some of them more than once.
    fn named(&self) -> impl Iterator<Item = u32> {
        let journalled = self.sessions.all().filter(|session| session.number != 0);
        let of_sessions = journalled.flat_map(|session| self.named_by(session));
        let of_peers = self.peers.as_deref().into_iter().flat_map(|peers| peers.named());
        of_sessions.chain(self.retained.iter()).chain(of_peers)
    }

    /// The publications that a Session names in the journal.
    pub(super) fn named_by<'a>(
        &'a self,
        session: &'a Session,
    ) -> impl Iterator<Item = u32> + use<'a> {
        let of_will = session.will.as_ref().map(|will| will.publication);
        self.copies(session).map(|copy| copy.publication).chain(of_will)
    }

    /// The copies that the journal has of a Session; of one that has ended, what is left over.
    fn copies<'a>(&'a self, session: &'a Session) -> impl Iterator<Item = &'a Copy> + use<'a> {
        let under_way = session.in_flight.iter().filter_map(|message| match message {
            UnderWay::Message(copy) => Some((copy, true)),
            UnderWay::Release(_) => None,
        });
        let waiting = self.entries.waiting.iter(&session.waiting).map(|copy| (copy, false));
        let copies = under_way.chain(waiting).filter(|(copy, was_under_way)| {
            copy.flags.has(Flags::JOURNALLED)
                && (!session.ended || copy.is_left_over(*was_under_way))
        });
        copies.map(|(copy, _)| copy)
    }

    /// Tells of a Session, but not of its subscriptions.
    pub(super) fn tell_session(&self, session: &Session, tell: &mut dyn FnMut(&Change<'_>)) {
        let tell = &mut |change: SessionChange<'_>| tell(&Change::Session(session.number, change));
        let life = Life {
            version: session.version,
            expiry_interval: session.expiry_interval,
            user_name: session.user_name.as_deref(),
        };
        let client_identifier = &session.client_identifier;
        if session.is_journalled && !session.is_persistent() {
            // It was to last when it began.
            let began = Life { expiry_interval: 1, ..life };
            tell(SessionChange::Began { client_identifier, life: began });
            tell(SessionChange::Resumed(life));
        } else {
            tell(SessionChange::Began { client_identifier, life });
        }
        if let Some(will) = &session.will {
            let sequence = self.publications.get(will.publication).map_or(0, |p| p.sequence);
            let (delay_interval, expiry_interval) = (will.delay_interval, will.expiry_interval);
            tell(SessionChange::WillKept { sequence, delay_interval, expiry_interval });
        }
        if !session.is_journalled {
            return;
        }
        for identifier in session.received.iter() {
            tell(SessionChange::Received(identifier));
        }
        for (identifier, message) in session.in_flight.identified() {
            match message {
                UnderWay::Message(copy) => {
                    self.tell_copy(copy, tell);
                    tell(SessionChange::Sent(identifier));
                }
                UnderWay::Release(_) => tell(SessionChange::Owed(identifier)),
            }
        }
        if let Some(next) = session.in_flight.next_identifier() {
            tell(SessionChange::Numbered(next));
        }
        for copy in self.entries.waiting.iter(&session.waiting) {
            self.tell_copy(copy, tell);
        }
        if !session.is_connected() {
            let (expiry_interval, ends_at) = (session.expiry_interval, session.ends_at);
            let will_due = session.will.as_ref().map_or(Instant::NEVER, |will| will.due);
            tell(SessionChange::Left { expiry_interval, ends_at, will_due });
        }
    }

    /// Tells of a Session that has ended, if share groups had chosen it for something that is to be given
    /// to others; its Client Identifier may be another's by now.
    pub(super) fn tell_left_over(&self, session: &Session, tell: &mut dyn FnMut(&Change<'_>)) {
        let mut copies = self.copies(session).peekable();
        if copies.peek().is_none() {
            return;
        }
        let tell = &mut |change: SessionChange<'_>| tell(&Change::Session(session.number, change));
        let life = Life { version: session.version, expiry_interval: 1, user_name: None };
        tell(SessionChange::Began { client_identifier: "", life });
        copies.for_each(|copy| self.tell_copy(copy, tell));
        tell(SessionChange::Ended { gives_on: true });
    }

    fn tell_copy(&self, copy: &Copy, tell: &mut dyn FnMut(SessionChange<'_>)) {
        // A QoS 0 message that waits for an absent client lasts as long as the broker runs.
        let journalled = copy.flags.has(Flags::JOURNALLED);
        let Some(publication) = self.publications.get(copy.publication).filter(|_| journalled)
        else {
            return;
        };
        let mut one = None;
        let mut identifiers = self.entries.identifiers(copy.identifiers, &mut one).iter().copied();
        tell(SessionChange::Queued {
            sequence: publication.sequence,
            qos: copy.qos,
            retain: copy.flags.has(Flags::RETAIN),
            group: copy.group,
            identifier: identifiers.next(),
        });
        identifiers.for_each(|identifier| tell(SessionChange::Identified(identifier)));
    }

    /// What tells of a subscription; its filter is written to `filter`.
    pub(super) fn tell_subscription<'a>(
        &self,
        session: &Session,
        held: &Held<'_>,
        filter: &'a mut Vec<u8>,
    ) -> Option<Change<'a>> {
        filter.clear();
        held.write_filter(filter);
        let filter = TopicFilter::assume_valid(filter);
        let subscribed = held.subscribed(filter);
        session.is_journalled.then_some(Change::Session(session.number, subscribed))
    }
}

fn line(lines: &mut Vec<String>, change: &Change<'_>) {
    let mut line = String::new();
    // A string takes what it is given.
    let _ = writeln!(line, "{change:?}");
    lines.push(line);
}
