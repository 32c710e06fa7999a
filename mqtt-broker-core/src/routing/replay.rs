//! Retained messages to a new subscription, a slice at a time.
//!
//! The first slice goes with the SUBSCRIBE. What is left goes on when the subscriber has taken
//! what it was given, so that a `#` over a million topics neither stops the broker nor fills a
//! queue.

use alloc::string::String;

use mqtt_codec::{SubscriptionIdentifier, SubscriptionOptions, TopicFilter};

use super::Delivery;
use super::local::is_local;
use crate::boundary::{Event, Lsn};
use crate::broker::Broker;
use crate::retained::{Scan, Step};
use crate::session::queue::NONE;
use crate::session::sending::Addressed;
use crate::store::{Account, Slab};
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
pub(crate) struct Replays {
    walks: Slab<Walk>,
    /// Those that only need a turn.
    ready: Walks,
}

struct Walk {
    /// It has a place before it is put there, so that it is not lost where there is none.
    replay: Option<Replay>,
    /// The next in the same line.
    next: u32,
}

/// A line of walks: those that are ready, or those of one Session that wait until it has read.
#[derive(Clone, Copy)]
pub(crate) struct Walks {
    first: u32,
    last: u32,
}

impl Default for Walks {
    fn default() -> Self {
        Self { first: NONE, last: NONE }
    }
}

impl Walks {
    pub(crate) const fn is_empty(&self) -> bool {
        self.first == NONE
    }
}

impl Replays {
    pub(crate) fn new(account: &Account) -> Self {
        Self { walks: Slab::new(account, u32::MAX), ready: Walks::default() }
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.walks.len() == 0
    }

    pub(crate) const fn is_ready(&self) -> bool {
        !self.ready.is_empty()
    }

    fn make_ready(&mut self, replay: Replay) -> Result<(), Replay> {
        let mut ready = self.ready;
        self.push(&mut ready, replay)?;
        self.ready = ready;
        Ok(())
    }

    fn pop_ready(&mut self) -> Option<Replay> {
        let mut ready = self.ready;
        let replay = self.pop(&mut ready);
        self.ready = ready;
        replay
    }

    /// Puts a walk at the end of a line; it comes back if there is no memory for it.
    fn push(&mut self, line: &mut Walks, replay: Replay) -> Result<(), Replay> {
        let Ok(key) = self.walks.insert(Walk { replay: None, next: NONE }) else {
            return Err(replay);
        };
        if let Some(walk) = self.walks.get_mut(key) {
            walk.replay = Some(replay);
        }
        match self.walks.get_mut(line.last) {
            Some(last) => last.next = key,
            None => line.first = key,
        }
        line.last = key;
        Ok(())
    }

    fn pop(&mut self, line: &mut Walks) -> Option<Replay> {
        let Walk { replay, next } = self.walks.remove(line.first)?;
        line.first = next;
        if next == NONE {
            line.last = NONE;
        }
        replay
    }

    /// Lets all of a line go on.
    fn append_ready(&mut self, line: Walks) {
        match self.walks.get_mut(self.ready.last) {
            _ if line.is_empty() => return,
            Some(last) => last.next = line.first,
            None => self.ready.first = line.first,
        }
        self.ready.last = line.last;
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
        // Some may be there that were retained when that was available.
        if self.retained.len() == 0 || !self.config.retain_available {
            return;
        }
        let scan = self.retained.scan(filter);
        let not_before = self.sessions.get(subscriber).map_or(Lsn(0), |session| session.lsn);
        let replay = Replay { subscriber, scan, options, identifier, not_before, newest };
        if let Some(session) = self.sessions.get_mut(subscriber) {
            session.replays = session.replays.saturating_add(1);
        }
        self.run_replay(now, replay);
    }

    /// Gives the walks that wait for a turn their turn.
    pub(crate) fn run_replays(&mut self, now: Instant) {
        let mut slices = 0;
        while slices < SLICES && (slices == 0 || !self.work.is_done()) {
            let Some(replay) = self.replays.pop_ready() else { return };
            self.work.add(1);
            if self.is_abandoned(replay.subscriber) {
                self.end_replay(replay);
                continue;
            }
            slices += 1;
            self.run_replay(now, replay);
        }
    }

    /// The subscriber has taken what it was given: its walks go on.
    pub(crate) fn unpark_replays(&mut self, session: u32) {
        let Some(state) = self.sessions.get(session) else { return };
        if !state.parked.is_empty() && self.has_room(session) {
            self.make_parked_ready(session);
        }
    }

    /// A connection has run dry: the walks of its Session go on at once, until one has something.
    /// Whether there is more to send now.
    pub(crate) fn continue_replays(&mut self, now: Instant, index: u32) -> bool {
        let Some(session) = self.session_of(index) else { return false };
        loop {
            let parked = self.sessions.get(session).is_some_and(|state| !state.parked.is_empty());
            if !parked || !self.has_room(session) {
                return false;
            }
            if self.work.is_done() {
                self.make_parked_ready(session);
                return false;
            }
            self.work.add(1);
            let Some(state) = self.sessions.get_mut(session) else { return false };
            let Some(walk) = self.replays.pop(&mut state.parked) else { return false };
            self.run_replay(now, walk);
            if self.connections.get(index).is_some_and(|found| !found.outgoing.is_empty()) {
                return true;
            }
        }
    }

    /// Ends all walks of a subscription of the host.
    pub(crate) fn drop_replays(&mut self, subscriber: Subscriber) {
        let mut others = Walks::default();
        while let Some(replay) = self.replays.pop_ready() {
            if replay.subscriber == subscriber {
                self.retained.end(replay.scan);
            } else if let Err(replay) = self.replays.push(&mut others, replay) {
                self.cut_short(replay);
            }
        }
        self.replays.ready = others;
    }

    /// Lets the walks in a line go on.
    pub(crate) fn go_on_replaying(&mut self, parked: Walks) {
        self.replays.append_ready(parked);
    }

    /// The Session has ended; its walks are ended in their turn, and it keeps its key until then.
    pub(crate) fn abandon_replays(&mut self, session: u32) {
        self.make_parked_ready(session);
    }

    fn make_parked_ready(&mut self, session: u32) {
        if let Some(state) = self.sessions.get_mut(session) {
            self.replays.append_ready(core::mem::take(&mut state.parked));
        }
    }

    fn is_abandoned(&self, subscriber: Subscriber) -> bool {
        !is_local(subscriber) && self.sessions.get(subscriber).is_none_or(|session| session.ended)
    }

    fn run_replay(&mut self, now: Instant, mut replay: Replay) {
        let slice = self.slice(now, &mut replay);
        if slice == Slice::Done {
            self.end_replay(replay);
            return;
        }
        let subscriber = replay.subscriber;
        let parked = match self.locals.parked(subscriber) {
            None => self.sessions.get_mut(subscriber).map(|session| &mut session.parked),
            parked => parked,
        };
        let kept = match parked {
            Some(parked) if slice == Slice::NoRoom => self.replays.push(parked, replay),
            _ => self.replays.make_ready(replay),
        };
        if let Err(replay) = kept {
            self.cut_short(replay);
        }
    }

    /// There is no memory for a walk: the subscriber does without the rest of it.
    fn cut_short(&mut self, replay: Replay) {
        self.stats.dropped_broker_full += 1;
        self.event(|broker| {
            let session = broker.sessions.get(replay.subscriber);
            let session = session.filter(|_| !is_local(replay.subscriber));
            let client = session.map_or("", |session| &session.client_identifier);
            let filter = String::from_utf8(replay.scan.filter().into()).unwrap_or_default();
            Some(Event::RetainedCutShort { client_identifier: client.into(), filter })
        });
        self.end_replay(replay);
    }

    fn end_replay(&mut self, replay: Replay) {
        self.retained.end(replay.scan);
        self.replay_ended(replay.subscriber);
    }

    fn replay_ended(&mut self, subscriber: Subscriber) {
        if let Some(session) = self.sessions.get_mut(subscriber) {
            session.replays = session.replays.saturating_sub(1);
            let index = session.connection;
            self.resume(index);
        }
    }

    fn slice(&mut self, now: Instant, replay: &mut Replay) -> Slice {
        // Whoever has unsubscribed meanwhile gets nothing more.
        let filter = TopicFilter::assume_valid(replay.scan.filter());
        let subscribes = self.subscriptions.get(filter, replay.subscriber).is_some();
        if !is_local(replay.subscriber) && !subscribes {
            return Slice::Done;
        }
        let mut budget = SLICE;
        loop {
            if !self.has_room(replay.subscriber) {
                return Slice::NoRoom;
            }
            let before = budget;
            let step = self.retained.next(&self.publications, &mut replay.scan, &mut budget);
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
            self.event(|broker| {
                let topic = broker.publications.get(publication)?.topic().as_str().into();
                Some(Event::RetainedExpired { topic })
            });
            self.stamp_expired(publication);
            self.clear_retained_like(publication);
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
            self.tell_missed(publication);
        }
    }

    /// Whether the subscriber can be given more: half its queue stays free for live messages.
    fn has_room(&self, subscriber: Subscriber) -> bool {
        if is_local(subscriber) {
            return self.locals.is_roomy(subscriber).unwrap_or_else(|| self.outputs.is_roomy());
        }
        let Some(session) = self.sessions.get(subscriber) else { return false };
        let connection = self.connections.get(session.connection);
        let (messages, bytes) = connection.map_or((0, 0), |c| (c.live_messages, c.live_bytes));
        messages.saturating_add(session.waiting.len()) < (self.config.queue_messages / 2).max(1)
            && bytes.saturating_add(session.queued_bytes) < self.config.queue_bytes / 2
            && (session.is_connected() || session.is_persistent())
    }
}
