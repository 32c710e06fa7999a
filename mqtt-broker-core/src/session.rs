//! [`Session`]: what the broker keeps for one Client Identifier, connected or not.

mod ending;
pub(crate) mod in_flight;
pub(crate) mod queue;
mod receiving;
pub(crate) mod sending;
mod takeover;
pub(crate) mod will;

use alloc::boxed::Box;
use core::hash::BuildHasher;

use foldhash::quality::FixedState;
use mqtt_codec::Version;

use self::in_flight::InFlight;
use self::queue::{List, NONE};
use self::receiving::ReceivedIdentifiers;
use self::will::PendingWill;
use crate::boundary::Lsn;
use crate::routing::replay::Walks;
use crate::store::{Account, Full, Index, Slab};
use crate::subscription::SubscriberList;
use crate::time::Instant;
use crate::timers::TimerSlot;

/// A Session Expiry Interval that never ends.
pub(crate) const FOR_EVER: u32 = u32::MAX;

/// Session State [MQTT-4.1.0-1]: subscriptions, what is under way in both directions, what waits.
pub(crate) struct Session {
    pub(crate) client_identifier: Box<str>,
    pub(crate) user_name: Option<Box<str>>,
    /// The index of its connection, or `NONE`.
    pub(crate) connection: u32,
    pub(crate) version: Version,
    /// Seconds it outlives its connection; `FOR_EVER` if it does not end.
    pub(crate) expiry_interval: u32,
    /// When it ends, while it has no connection.
    pub(crate) ends_at: Instant,
    pub(crate) timer: TimerSlot,
    pub(crate) subscriptions: SubscriberList,
    /// Messages that have no Packet Identifier yet: the window is full or the client is away.
    pub(crate) waiting: List,
    /// Those of them with QoS 0.
    pub(crate) waiting_live: u32,
    /// The bytes that those in `waiting` count for. What is in the connection's line with QoS 0 counts
    /// there.
    pub(crate) queued_bytes: u32,
    pub(crate) in_flight: InFlight,
    /// How many of `in_flight` count against the current connection's Receive Maximum.
    pub(crate) on_wire: u16,
    /// Packet Identifiers of QoS 2 messages received and not yet released.
    pub(crate) received: ReceivedIdentifiers,
    pub(crate) will: Option<Box<PendingWill>>,
    /// Its name in the journal; 0 if it is not there.
    pub(crate) number: u64,
    /// All of it is in the journal: it began as one that outlives its connection. Of another, only
    /// the Will Message is.
    pub(crate) is_journalled: bool,
    /// The newest record that changed what lasts of it.
    pub(crate) lsn: Lsn,
    /// Walks over retained messages that are not finished.
    pub(crate) replays: u16,
    /// It is over: nobody finds it, and what it held is freed over turns.
    pub(crate) ended: bool,
    /// The next of those that have ended.
    next_ended: u32,
    /// Those walks that wait until the client has read.
    pub(crate) parked: Walks,
    /// What the account has of what it holds itself.
    pub(crate) counted: u32,
    /// Its share of messages is used up until then, and no earlier; see `Limits::publish_rate`.
    pub(crate) paid_until: Instant,
    /// The last publication routed here, and its place among the copies: overlapping subscriptions of one
    /// client become one copy.
    pub(crate) routed: u64,
    pub(crate) routed_place: u32,
}

impl Session {
    pub(crate) fn new(client_identifier: Box<str>, version: Version) -> Self {
        Self {
            client_identifier,
            user_name: None,
            connection: NONE,
            version,
            expiry_interval: 0,
            ends_at: Instant::NEVER,
            timer: TimerSlot::default(),
            subscriptions: SubscriberList::default(),
            waiting: List::default(),
            waiting_live: 0,
            queued_bytes: 0,
            in_flight: InFlight::default(),
            on_wire: 0,
            received: ReceivedIdentifiers::default(),
            will: None,
            number: 0,
            is_journalled: false,
            lsn: Lsn(0),
            replays: 0,
            ended: false,
            next_ended: NONE,
            parked: Walks::default(),
            counted: 0,
            paid_until: Instant::default(),
            routed: 0,
            routed_place: NONE,
        }
    }

    /// What it holds beside the tables, in bytes.
    pub(crate) fn heap(&self) -> usize {
        self.client_identifier.len()
            + self.user_name.as_ref().map_or(0, |name| name.len())
            + self.in_flight.bytes()
            + self.received.bytes()
            + self.will.as_ref().map_or(0, |will| size_of_val(&**will))
    }

    pub(crate) const fn is_connected(&self) -> bool {
        self.connection != NONE
    }

    /// Whether it outlives its connection.
    pub(crate) const fn is_persistent(&self) -> bool {
        self.expiry_interval > 0
    }
}

/// All Sessions, by key and by Client Identifier.
pub(crate) struct Sessions {
    slots: Slab<Session>,
    by_client: Index,
    seed: FixedState,
    /// Those that have not ended.
    len: u32,
    limit: u32,
    /// Those that have ended and still hold something: the first and the last.
    ended: (u32, u32),
}

impl Sessions {
    pub(crate) fn new(account: &Account, seed: u64, limit: u32) -> Self {
        Self {
            // One that has ended must not keep its successor out.
            slots: Slab::new(account, u32::MAX),
            by_client: Index::new(account),
            seed: FixedState::with_seed(seed),
            len: 0,
            limit,
            ended: (NONE, NONE),
        }
    }

    //= [MQTT-3.1.3-2]
    pub(crate) fn find(&self, client_identifier: &str) -> Option<u32> {
        self.by_client.find(self.seed.hash_one(client_identifier), |key| {
            self.get(key).is_some_and(|session| &*session.client_identifier == client_identifier)
        })
    }

    /// Adds a Session whose Client Identifier has none yet.
    pub(crate) fn insert(&mut self, session: Session) -> Result<u32, Full> {
        // A replay gives none to one that ends at once, whatever is left over of it.
        if self.len >= self.limit && !session.client_identifier.is_empty() {
            return Err(Full);
        }
        let hash = self.seed.hash_one(&*session.client_identifier);
        let key = self.slots.insert(session)?;
        let (slots, seed) = (&self.slots, &self.seed);
        let entered = self.by_client.insert(hash, key, |key| hash_of(slots, seed, key));
        if let Err(full) = entered {
            self.slots.remove(key);
            return Err(full);
        }
        self.len += 1;
        Ok(key)
    }

    /// The hash of a Session's Client Identifier.
    pub(crate) fn hash_of(&self, key: u32) -> u64 {
        hash_of(&self.slots, &self.seed, key)
    }

    /// From here on nobody finds the Session, and its Client Identifier is free. It keeps its key
    /// until what it held is freed.
    pub(crate) fn end(&mut self, key: u32) {
        if self.hide(key) {
            self.queue_ended(key);
        }
    }

    /// Ends the Session, but what it held is not to be freed yet; `false` if it has ended.
    pub(crate) fn hide(&mut self, key: u32) -> bool {
        let Some(session) = self.slots.get_mut(key).filter(|session| !session.ended) else {
            return false;
        };
        session.ended = true;
        self.len -= 1;
        let hash = hash_of(&self.slots, &self.seed, key);
        self.by_client.remove(hash, key);
        true
    }

    /// Beyond the last place that a Session has or had.
    pub(crate) fn places(&self) -> u32 {
        self.slots.places()
    }

    /// The Session that ended first of those that still hold something.
    pub(crate) fn first_ended(&self) -> Option<u32> {
        let (first, _) = self.ended;
        (first != NONE).then_some(first)
    }

    /// Forgets the first of those that have ended.
    pub(crate) fn remove_first_ended(&mut self) -> Option<Session> {
        let key = self.unqueue_ended()?;
        self.slots.remove(key)
    }

    /// The first of those that have ended comes last.
    pub(crate) fn pass_over_ended(&mut self) {
        if let Some(key) = self.unqueue_ended() {
            self.queue_ended(key);
        }
    }

    #[inline]
    pub(crate) fn get(&self, key: u32) -> Option<&Session> {
        self.slots.get(key)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut Session> {
        self.slots.get_mut(key)
    }

    /// How many there are that have not ended.
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    /// All of them, those that have ended too.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Session> {
        self.slots.from(0).map(|(_, session)| session)
    }

    /// Those that have not ended, whose keys are `key` or more.
    pub(crate) fn from(&self, key: u32) -> impl Iterator<Item = (u32, &Session)> {
        self.slots.from(key).filter(|(_, session)| !session.ended)
    }

    /// What the Session held, which has ended, is to be freed.
    pub(crate) fn queue_ended(&mut self, key: u32) {
        let (_, last) = self.ended;
        if let Some(last) = self.slots.get_mut(last) {
            last.next_ended = key;
        } else {
            self.ended.0 = key;
        }
        self.ended.1 = key;
    }

    fn unqueue_ended(&mut self) -> Option<u32> {
        let (first, _) = self.ended;
        let session = self.slots.get_mut(first)?;
        self.ended.0 = core::mem::replace(&mut session.next_ended, NONE);
        if self.ended.0 == NONE {
            self.ended.1 = NONE;
        }
        Some(first)
    }
}

fn hash_of(slots: &Slab<Session>, seed: &FixedState, key: u32) -> u64 {
    slots.get(key).map_or(0, |session| seed.hash_one(&*session.client_identifier))
}
