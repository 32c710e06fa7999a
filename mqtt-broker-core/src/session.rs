//! [`Session`]: what the broker keeps for one Client Identifier, connected or not.

pub(crate) mod in_flight;
pub(crate) mod queue;
mod receiving;
pub(crate) mod sending;
mod takeover;
pub(crate) mod will;

use alloc::boxed::Box;

use hashbrown::HashTable;
use mqtt_codec::Version;

use self::in_flight::InFlight;
use self::queue::{List, NONE};
use self::receiving::ReceivedIdentifiers;
use self::will::PendingWill;
use crate::store::{Full, Slab};
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
    /// Messages in `waiting`, or in the connection's list with QoS 0, and their bytes.
    pub(crate) queued_messages: u32,
    pub(crate) queued_bytes: u32,
    pub(crate) in_flight: InFlight,
    /// How many of `in_flight` count against the current connection's Receive Maximum.
    pub(crate) on_wire: u16,
    /// Packet Identifiers of QoS 2 messages received and not yet released.
    pub(crate) received: ReceivedIdentifiers,
    pub(crate) will: Option<Box<PendingWill>>,
    /// Walks over retained messages that are not finished.
    pub(crate) replays: u16,
    /// Some of them wait until the client has read.
    pub(crate) replays_parked: bool,
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
            queued_messages: 0,
            queued_bytes: 0,
            in_flight: InFlight::default(),
            on_wire: 0,
            received: ReceivedIdentifiers::default(),
            will: None,
            replays: 0,
            replays_parked: false,
            routed: 0,
            routed_place: NONE,
        }
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
    by_client: HashTable<u32>,
    hasher: foldhash::quality::FixedState,
}

impl Sessions {
    pub(crate) fn new(seed: u64, limit: u32) -> Self {
        Self {
            slots: Slab::new(limit),
            by_client: HashTable::new(),
            hasher: foldhash::quality::FixedState::with_seed(seed),
        }
    }

    //= [MQTT-3.1.3-2]
    pub(crate) fn find(&self, client_identifier: &str) -> Option<u32> {
        let hash = self.hash(client_identifier);
        let is = |&key: &u32| {
            self.get(key).is_some_and(|session| &*session.client_identifier == client_identifier)
        };
        self.by_client.find(hash, is).copied()
    }

    /// Adds a Session whose Client Identifier has none yet.
    pub(crate) fn insert(&mut self, session: Session) -> Result<u32, Full> {
        let hash = self.hash(&session.client_identifier);
        let (slots, hasher) = (&self.slots, &self.hasher);
        let rehash = |&key: &u32| Self::hash_of(slots, hasher, key);
        self.by_client.try_reserve(1, rehash).map_err(|_| Full)?;
        let key = self.slots.insert(session)?;
        let (slots, hasher) = (&self.slots, &self.hasher);
        self.by_client.insert_unique(hash, key, |&key| Self::hash_of(slots, hasher, key));
        Ok(key)
    }

    pub(crate) fn remove(&mut self, key: u32) -> Option<Session> {
        let session = self.slots.remove(key)?;
        let hash = self.hash(&session.client_identifier);
        if let Ok(occupied) = self.by_client.find_entry(hash, |&other| other == key) {
            occupied.remove();
        }
        Some(session)
    }

    #[inline]
    pub(crate) fn get(&self, key: u32) -> Option<&Session> {
        self.slots.get(key)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut Session> {
        self.slots.get_mut(key)
    }

    pub(crate) const fn len(&self) -> u32 {
        self.slots.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &Session)> {
        self.slots.iter()
    }

    fn hash(&self, client_identifier: &str) -> u64 {
        use core::hash::BuildHasher;
        self.hasher.hash_one(client_identifier)
    }

    fn hash_of(slots: &Slab<Session>, hasher: &foldhash::quality::FixedState, key: u32) -> u64 {
        use core::hash::BuildHasher;
        slots.get(key).map_or(0, |session| hasher.hash_one(&*session.client_identifier))
    }
}
