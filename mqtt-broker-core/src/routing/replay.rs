//! Retained messages to a new subscription, a slice at a time.
//!
//! The first slice goes with the SUBSCRIBE. What is left goes on when the subscriber has taken
//! what it was given, so that a `#` over a million topics neither stops the broker nor fills a
//! queue.

use alloc::collections::{BTreeMap, VecDeque};

use mqtt_codec::{SubscriptionIdentifier, SubscriptionOptions, TopicFilter};

use super::Delivery;
use super::local::is_local;
use crate::boundary::Lsn;
use crate::broker::Broker;
use crate::retained::{Scan, Step};
use crate::session::sending::Addressed;
use crate::subscription::Subscriber;
use crate::time::Instant;

/// How many topics one slice looks at, at most.
const SLICE: u32 = 1024;
/// How many slices one `handle_timeout` gives.
const SLICES: usize = 16;

/// How many walks of one client may be unfinished before its input waits.
pub(crate) const WALKS: u16 = 64;

/// One subscription's walk over the retained messages.
pub(crate) struct Replay {
    subscriber: Subscriber,
    scan: Scan,
    options: SubscriptionOptions,
    identifier: Option<SubscriptionIdentifier>,
    /// The SUBACK leaves when this is durable; no retained message overtakes it.
    not_before: Lsn,
    /// Messages from here on have come to the subscriber as they were published.
    newest: u64,
}

/// All walks that are not finished.
#[derive(Default)]
pub(crate) struct Replays {
    /// Those that only need a turn.
    ready: VecDeque<Replay>,
    /// Those whose subscriber has to read first.
    parked: BTreeMap<Subscriber, VecDeque<Replay>>,
}

impl Replays {
    pub(crate) fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }
}

/// How a slice ended.
#[derive(PartialEq, Eq)]
enum Slice {
    Done,
    /// Its share of this turn is used up.
    Later,
    /// The subscriber has no room.
    NoRoom,
}

impl Broker {
    /// Begins the replay of what `filter` matches, with its first slice. The subscription was made
    /// when `newest` was the newest publication.
    pub(crate) fn start_replay(
        &mut self,
        now: Instant,
        subscriber: Subscriber,
        filter: TopicFilter<'_>,
        options: SubscriptionOptions,
        identifier: Option<SubscriptionIdentifier>,
        newest: u64,
    ) {
        if self.retained.len() == 0 {
            return;
        }
        let scan = self.retained.scan(filter);
        let not_before = self.journal.gate();
        let replay = Replay { subscriber, scan, options, identifier, not_before, newest };
        if let Some(session) = self.sessions.get_mut(subscriber) {
            session.replays = session.replays.saturating_add(1);
        }
        self.run_replay(now, replay);
    }

    /// Gives the walks that wait for a turn their turn.
    pub(crate) fn run_replays(&mut self, now: Instant) {
        for turn in 0..SLICES {
            if turn > 0 && self.work.is_done() {
                return;
            }
            let Some(replay) = self.replays.ready.pop_front() else { return };
            self.run_replay(now, replay);
        }
    }

    /// The subscriber has taken what it was given: its walks go on.
    pub(crate) fn unpark_replays(&mut self, session: u32) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        if !state.replays_parked || !self.has_room(session) {
            return;
        }
        if let Some(state) = self.sessions.get_mut(session) {
            state.replays_parked = false;
        }
        if let Some(parked) = self.replays.parked.remove(&session) {
            self.replays.ready.extend(parked);
        }
    }

    /// A connection has run dry: a walk of its Session goes on at once. Whether there is more to
    /// send now.
    pub(crate) fn continue_replays(&mut self, now: Instant, index: u32) -> bool {
        let Some(session) = self.session_of(index) else { return false };
        let parked = self.sessions.get(session).is_some_and(|session| session.replays_parked);
        if !parked || !self.has_room(session) {
            return false;
        }
        if self.work.is_done() {
            self.unpark_replays(session);
            return false;
        }
        let walk = self.replays.parked.get_mut(&session).and_then(VecDeque::pop_front);
        let Some(walk) = walk else {
            self.replays.parked.remove(&session);
            if let Some(session) = self.sessions.get_mut(session) {
                session.replays_parked = false;
            }
            return false;
        };
        self.run_replay(now, walk);
        self.connections.get(index).is_some_and(|connection| !connection.outgoing.is_empty())
    }

    /// Ends all walks of a subscriber.
    pub(crate) fn drop_replays(&mut self, subscriber: Subscriber) {
        for replay in self.replays.parked.remove(&subscriber).into_iter().flatten() {
            self.retained.end(replay.scan);
        }
        for _ in 0..self.replays.ready.len() {
            let Some(replay) = self.replays.ready.pop_front() else { break };
            if replay.subscriber == subscriber {
                self.retained.end(replay.scan);
            } else {
                self.replays.ready.push_back(replay);
            }
        }
    }

    fn run_replay(&mut self, now: Instant, mut replay: Replay) {
        match self.slice(now, &mut replay) {
            Slice::Done => {
                self.retained.end(replay.scan);
                if let Some(session) = self.sessions.get_mut(replay.subscriber) {
                    session.replays = session.replays.saturating_sub(1);
                    let index = session.connection;
                    self.resume(index);
                }
            }
            Slice::Later => self.replays.ready.push_back(replay),
            Slice::NoRoom => {
                if let Some(session) = self.sessions.get_mut(replay.subscriber) {
                    session.replays_parked = true;
                    self.replays.parked.entry(replay.subscriber).or_default().push_back(replay);
                } else {
                    self.replays.ready.push_back(replay);
                }
            }
        }
    }

    fn slice(&mut self, now: Instant, replay: &mut Replay) -> Slice {
        let mut budget = SLICE;
        loop {
            if !self.has_room(replay.subscriber) {
                return Slice::NoRoom;
            }
            let before = budget;
            let step = self.retained.next(&mut replay.scan, &mut budget);
            self.work.add((before - budget) as usize);
            match step {
                Step::Done => return Slice::Done,
                Step::Budget => return Slice::Later,
                Step::Found(publication) => self.replay_one(now, replay, publication),
            }
        }
    }

    fn replay_one(&mut self, now: Instant, replay: &Replay, publication: u32) {
        let Some(stored) = self.publications.get(publication) else { return };
        if stored.sequence > replay.newest {
            return;
        }
        if stored.expired(now) {
            let topic = stored.topic();
            if self.retained.remove(topic).is_some() {
                self.publications.release(publication);
            }
            return;
        }
        let delivery = Delivery {
            subscriber: replay.subscriber,
            qos: stored.qos.min(replay.options.maximum_qos),
            //= 3.1.1 [MQTT-3.3.1-8]
            retain: true,
            identifier: replay.identifier,
            group: 0,
        };
        if is_local(replay.subscriber) {
            self.deliver_local(now, publication, delivery);
        } else {
            let message = delivery.message(publication);
            let not_before = replay.not_before;
            self.enqueue(replay.subscriber, Addressed { not_before, ..message });
        }
    }

    /// Whether the subscriber can be given more: half its queue stays free for live messages.
    fn has_room(&self, subscriber: Subscriber) -> bool {
        if is_local(subscriber) {
            return self.outputs.is_roomy();
        }
        let Some(session) = self.sessions.get(subscriber) else { return false };
        session.queued_messages < (self.config.queue_messages / 2).max(1)
            && session.queued_bytes < self.config.queue_bytes / 2
            && (session.is_connected() || session.is_persistent())
    }
}
