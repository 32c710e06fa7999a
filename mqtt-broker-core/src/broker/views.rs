//! What a console shows: Sessions, their subscriptions, retained messages, numbers.

use alloc::string::String;
use alloc::vec::Vec;

use mqtt_codec::{SubscriptionIdentifier, SubscriptionOptions, TopicFilter, TopicName};

use super::Broker;
use crate::boundary::{Message, SessionView};
use crate::config::Stats;
use crate::connection::State;
use crate::peers::Peers;
use crate::publication::Publication;
use crate::recording::Call;
use crate::retained::Step;
use crate::time::Instant;

impl Broker {
    /// Every Session, connected or not, in the order of their places.
    pub fn sessions(&self) -> impl Iterator<Item = SessionView<'_>> {
        self.sessions_from(0)
    }

    /// The Sessions at `place` and after it, to show them in pages: the next page begins at the
    /// place of the last one shown plus one. A Session that lasts is shown exactly once; one that
    /// begins meanwhile may take a place that has been passed.
    pub fn sessions_from(&self, place: u32) -> impl Iterator<Item = SessionView<'_>> {
        self.sessions.from(place).map(|(place, session)| {
            let connection = self
                .connections
                .get(session.connection)
                .filter(|connection| connection.state == State::Connected);
            SessionView {
                place,
                client_identifier: &session.client_identifier,
                connection: connection.and_then(|_| self.connections.handle(session.connection)),
                peer: connection.map(|connection| connection.peer),
                version: session.version,
                user_name: session.user_name.as_deref(),
                connected_at: connection.map(|connection| connection.connected_at),
                keep_alive: connection.map_or(0, |connection| connection.keep_alive),
                session_expiry_interval: session.expiry_interval,
                subscriptions: session.subscriptions.len(),
                queued: session.waiting.len() + connection.map_or(0, |c| c.live_messages),
                in_flight: session.in_flight.len().into(),
            }
        })
    }

    /// The subscriptions of one client: Topic Filter, options, identifier. Empty if there is no
    /// such Session.
    pub fn subscriptions(
        &self,
        client_identifier: &str,
    ) -> impl Iterator<Item = (String, SubscriptionOptions, Option<SubscriptionIdentifier>)> {
        let session = self.sessions.find(client_identifier).and_then(|key| self.sessions.get(key));
        session.into_iter().flat_map(|session| {
            self.subscriptions.of_subscriber(&session.subscriptions).map(|held| {
                let mut filter = Vec::new();
                held.write_filter(&mut filter);
                let filter = String::from_utf8(filter).unwrap_or_default();
                (filter, held.options(), held.identifier())
            })
        })
    }

    /// How many subscriptions a message of this topic would go to, the host's own included and a share
    /// group counted as one. Where there is none, a host can spare itself the making of the message. Those
    /// of a Session that has ended are counted until they are freed.
    ///
    /// What it finds is remembered, so that the message that follows need not be matched again. With
    /// peers, one that has subscribers counts as one.
    pub fn matching_subscriptions(&mut self, topic: TopicName<'_>) -> usize {
        self.recorder.call(&Call::Matching { topic });
        self.subscriptions.matches(topic, &mut self.matches);
        self.matches.subscribers.len() + self.matches.groups.len()
    }

    /// Shows `visit` the retained messages that match, in the order of the topic tree, until it
    /// returns `false` or `steps` topics have been looked at. Whether that was all of them.
    pub fn retained(
        &mut self,
        now: Instant,
        filter: TopicFilter<'_>,
        steps: u32,
        mut visit: impl FnMut(Message<'_>) -> bool,
    ) -> bool {
        let mut scan = self.retained.scan(filter);
        let mut budget = steps;
        let complete = loop {
            let step = self.retained.next(&self.publications, &mut scan, &mut budget);
            let publication = match step {
                Step::Found(publication) => self.publications.get(publication),
                Step::Budget => break false,
                Step::Done => break true,
            };
            let Some(stored) = publication.filter(|stored| !stored.expired(now)) else { continue };
            if !visit(retained_view(stored, now)) {
                break false;
            }
        };
        self.retained.end(scan);
        complete
    }

    /// Shows `visit` the retained messages that match, in pages: those at the place `from` and after it,
    /// in the order of their places, until it returns `false` or `steps` places have been looked at.
    /// Where the next page begins, with the message that `visit` did not take; `None` if this was
    /// the last one.
    ///
    /// The first page begins at 0. A message that is retained throughout is in exactly one page; one
    /// that comes meanwhile may take a place that has been passed. A page looks at all messages that
    /// are held, those too that do not match or only wait for clients: for few of very many,
    /// [`retained`](Self::retained) is quicker.
    pub fn retained_from(
        &self,
        now: Instant,
        filter: TopicFilter<'_>,
        from: u32,
        steps: u32,
        mut visit: impl FnMut(Message<'_>) -> bool,
    ) -> Option<u32> {
        let mut left = steps;
        for (place, stored) in self.publications.from(from) {
            let Some(rest) = left.checked_sub(1) else { return Some(place) };
            left = rest;
            let is_shown = stored.is_retained() && !stored.expired(now);
            if is_shown && filter.matches(stored.topic()) && !visit(retained_view(stored, now)) {
                return Some(place);
            }
        }
        None
    }

    /// What has been counted, and what is held now.
    #[must_use]
    pub fn stats(&self) -> Stats {
        Stats {
            connections: self.connections.len(),
            sessions: self.sessions.len(),
            subscriptions: self.subscriptions.len(),
            retained: self.retained.len(),
            publications: self.publications.len(),
            publication_bytes: self.publications.bytes(),
            entries: self.entries.len(),
            journal_bytes: self.journal.pending_bytes(),
            memory: self.account.held(),
            retained_bytes: self.retained.message_bytes(),
            table_bytes: self.table_bytes(),
            steps: self.work.total(),
            forwards_kept: self.peers.as_deref().map_or(0, Peers::kept),
            dropped_outputs: self.outputs.dropped(),
            ..self.stats
        }
    }

    /// The heap of the tables that grow, without what their entries hold themselves.
    fn table_bytes(&self) -> usize {
        self.subscriptions.bytes()
            + self.retained.bytes()
            + self.timers.bytes()
            + self.entries.bytes()
    }
}

fn retained_view(stored: &Publication, now: Instant) -> Message<'_> {
    Message {
        topic: stored.topic(),
        payload: stored.payload(),
        qos: stored.qos,
        retain: true,
        message_expiry_interval: stored.expiry_left(now),
        pass_through: stored.pass_through(),
        subscription_identifier: None,
    }
}
