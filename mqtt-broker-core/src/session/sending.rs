//! Messages to a Session: straight to its connection, into the window, or into the queue.

use mqtt_codec::{PacketIdentifier, QoS, SubscriptionIdentifier};

use super::Session;
use super::queue::{Copy, Identifiers, Item};
use crate::boundary::{CloseReason, DropCause, Lsn};
use crate::broker::Broker;
use crate::config::QueueOverflow;
use crate::journal::SessionChange;
use crate::store::Claim;

/// What one queued message counts beyond its own bytes.
const ENTRY_BYTES: u32 = 32;

/// How many bytes of QoS 0 messages go to a connection however short memory is: it is about to read
/// them, or has not read as many.
const UNREAD: u32 = 16 << 10;

/// A copy of a publication on its way to one Session.
#[derive(Clone, core::marker::Copy)]
pub(crate) struct Addressed {
    pub(crate) publication: u32,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) identifiers: Identifiers,
    /// The serial of the share group that chose this Session; 0 if none did.
    pub(crate) group: u32,
    /// What has to be durable first, beyond the message itself: the subscription it answers.
    pub(crate) not_before: Lsn,
}

impl Broker {
    /// Gives a Session its copy; the entry's key if it was taken.
    #[inline]
    //= [MQTT-4.5.0-1]
    //= 3.1.1 [MQTT-3.1.2-5]
    pub(crate) fn enqueue(&mut self, session: u32, message: Addressed) -> Option<u32> {
        let publication = self.publications.get(message.publication)?;
        let size = u32::try_from(publication.len()).unwrap_or(u32::MAX).saturating_add(ENTRY_BYTES);
        let state = self.sessions.get(session)?;
        let (connected, persistent) = (state.is_connected(), state.is_persistent());
        let window = self.window_has_room(state);
        let live = message.qos == QoS::AtMostOnce;
        if live && !connected && !(self.config.queue_qos0 && persistent) {
            self.missed.add(session);
            return None;
        }
        // A message that can be sent at once waits for nothing but the transport. QoS 0 may
        // overtake the rest, but not others of its kind that waited for the client to come.
        //= [MQTT-4.6.0-5]
        //= [MQTT-4.6.0-6]
        let immediate = connected
            && if live { state.waiting_live == 0 } else { window && state.waiting.is_empty() };
        if !self.make_room(session, message.publication, size, immediate, live) {
            return None;
        }
        let copy = Copy {
            publication: message.publication,
            identifiers: message.identifiers,
            group: message.group,
            qos: message.qos,
            retain: message.retain,
            sent: false,
            on_wire: false,
            journalled: false,
            linked: false,
            packet_identifier: None,
        };
        let Ok(entry) = self.entries.insert_message(copy, message.not_before) else {
            self.dropped(session, message.publication, DropCause::BrokerFull);
            return None;
        };
        self.publications.hold(message.publication);
        if self.journal.is_enabled() && !live {
            self.journal_queued(session, entry, message);
        }
        if live && immediate {
            self.send_live(session, entry, size);
        } else if !(immediate && self.start(session, entry)) {
            let state = self.sessions.get_mut(session)?;
            state.queued_messages += 1;
            state.queued_bytes = state.queued_bytes.saturating_add(size);
            self.stats.offline_bytes += if connected { 0 } else { size as usize };
            state.waiting_live += u32::from(live);
            self.entries.push(&mut state.waiting, entry);
        }
        Some(entry)
    }

    /// Sends what can be sent: first what is under way from an earlier connection, then what
    /// waits, as far as the client's Receive Maximum goes.
    //= [MQTT-4.9.0-1]
    //= [MQTT-4.9.0-2]
    pub(crate) fn admit(&mut self, session: u32) {
        loop {
            let Some(state) = self.sessions.get_mut(session) else { return };
            let index = state.connection;
            let Some(connection) = self.connections.get(index) else { return };
            let room = state.on_wire < connection.receive_maximum;
            if !state.in_flight.resent() {
                if !room {
                    return;
                }
                if let Some(entry) = state.in_flight.next_resend() {
                    state.on_wire += 1;
                    self.mark_on_wire(entry);
                    self.send_entry(index, entry);
                }
                continue;
            }
            let Some(entry) = state.waiting.head() else { return };
            let live = self.entries.copy_mut(entry).is_some_and(|c| c.qos == QoS::AtMostOnce);
            //= [MQTT-3.3.4-10]
            //= [MQTT-4.9.0-3]
            if !live && !room {
                return;
            }
            self.entries.pop(&mut state.waiting);
            let size = self.size_of(entry);
            if let Some(state) = self.sessions.get_mut(session) {
                state.queued_messages = state.queued_messages.saturating_sub(1);
                state.queued_bytes = state.queued_bytes.saturating_sub(size);
                state.waiting_live -= u32::from(live);
            }
            if live {
                self.send_live(session, entry, size);
            } else if !self.start(session, entry) {
                self.put_back(session, entry, size);
                return;
            }
        }
    }

    /// A new connection: everything under way goes again, then what waited.
    //= [MQTT-4.4.0-1]
    //= [MQTT-4.8.2-4]
    pub(crate) fn send_again(&mut self, session: u32) {
        if let Some(state) = self.sessions.get_mut(session) {
            state.in_flight.rewind();
            state.on_wire = 0;
            for key in state.in_flight.iter() {
                match self.entries.get_mut(key).map(|entry| &mut entry.item) {
                    Some(Item::Message(copy)) => copy.on_wire = false,
                    Some(Item::Release { on_wire, .. }) => *on_wire = false,
                    _ => {}
                }
            }
        }
        self.admit(session);
    }

    /// Whether `identifier` names a message of this QoS that the client can have received.
    pub(crate) fn is_under_way(
        &self,
        session: u32,
        identifier: PacketIdentifier,
        qos: QoS,
    ) -> bool {
        let entry =
            self.sessions.get(session).and_then(|session| session.in_flight.get(identifier));
        match entry.and_then(|entry| self.entries.get(entry)).map(|entry| &entry.item) {
            Some(Item::Message(copy)) => copy.qos == qos && !copy.linked,
            _ => false,
        }
    }

    /// PUBREC came: the message is the client's, a PUBREL is owed for it.
    //= [MQTT-4.3.3-5]
    pub(crate) fn released(&mut self, session: u32, identifier: PacketIdentifier) {
        let Some(state) = self.sessions.get(session) else { return };
        let index = state.connection;
        let Some(key) = state.in_flight.get(identifier) else { return };
        let lsn = self.journal_session(session, SessionChange::Owed(identifier));
        let Some(on_wire) = self.entries.copy_mut(key).map(|copy| copy.on_wire) else { return };
        let release = Item::Release { packet_identifier: identifier, on_wire, linked: true };
        self.replace_by_release(key, release, lsn);
        self.send_entry(index, key);
    }

    /// The exchange of `identifier` is over: its place in the window goes to the next.
    pub(crate) fn complete(&mut self, session: u32, identifier: PacketIdentifier) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let Some(key) = state.in_flight.remove(identifier) else { return };
        self.journal_session(session, SessionChange::Completed(identifier));
        let item = self.entries.get(key).map(|entry| &entry.item);
        let on_wire = match item {
            Some(Item::Message(copy)) => copy.on_wire,
            Some(Item::Release { on_wire, .. }) => *on_wire,
            _ => false,
        };
        if let Some(state) = self.sessions.get_mut(session).filter(|_| on_wire) {
            state.on_wire = state.on_wire.saturating_sub(1);
        }
        self.free_entry(key);
        self.admit(session);
        self.unpark_replays(session);
    }

    /// Frees an entry that is in no list, with its hold on a publication.
    pub(crate) fn free_entry(&mut self, key: u32) {
        if let Some(entry) = self.entries.remove(key) {
            if let Item::Message(copy) = entry.item {
                self.let_go(&copy);
            }
        }
    }

    /// The message of an entry is the client's: its PUBREL takes its place.
    pub(crate) fn replace_by_release(&mut self, entry: u32, release: Item, lsn: Lsn) {
        if let Some(Item::Message(copy)) = self.entries.replace(entry, release, lsn) {
            self.let_go(&copy);
        }
    }

    fn let_go(&mut self, copy: &Copy) {
        if copy.journalled {
            self.unname(copy.publication);
        }
        self.publications.release(copy.publication);
    }

    /// Frees an entry of a Session that has ended; if it came through a group, the group chooses
    /// again, unless the member may have begun to receive it with QoS 2.
    pub(crate) fn orphan(&mut self, key: u32) {
        if let Some(copy) = self.entries.copy_mut(key) {
            //= [MQTT-4.8.2-5]
            if copy.group != 0 && !(copy.sent && copy.qos == QoS::ExactlyOnce) {
                let orphan = (copy.publication, copy.group);
                self.publications.hold(orphan.0);
                self.orphans.push_back(orphan);
            }
        }
        self.free_entry(key);
    }

    /// Bytes that the entry counts for in its Session's queue.
    pub(crate) fn size_of(&self, entry: u32) -> u32 {
        let Some(Item::Message(copy)) = self.entries.get(entry).map(|entry| &entry.item) else {
            return 0;
        };
        let len = self.publications.get(copy.publication).map_or(0, |p| p.len());
        u32::try_from(len).unwrap_or(u32::MAX).saturating_add(ENTRY_BYTES)
    }

    /// Whether the client can be sent one more QoS 1 or 2 message now.
    #[inline]
    pub(crate) fn window_has_room(&self, session: &Session) -> bool {
        let maximum = self.connections.get(session.connection).map_or(0, |c| c.receive_maximum);
        session.on_wire < maximum && session.in_flight.resent()
    }

    /// Gives a message its Packet Identifier and sends it; `false` if there is none to give.
    fn start(&mut self, session: u32, entry: u32) -> bool {
        let Some(state) = self.sessions.get_mut(session) else { return false };
        //= [MQTT-4.3.2-1]
        //= [MQTT-4.3.3-1]
        let growth = state.in_flight.growth();
        if growth > 0 && !self.account.has_room(growth) {
            return false;
        }
        let Some(identifier) = state.in_flight.push(entry) else { return false };
        state.on_wire += 1;
        let index = state.connection;
        if state.is_journalled {
            let lsn = self.journal_session(session, SessionChange::Sent(identifier));
            if let Some(entry) = self.entries.get_mut(entry) {
                entry.lsn = lsn;
            }
        }
        if let Some(copy) = self.entries.copy_mut(entry) {
            copy.packet_identifier = Some(identifier);
            copy.on_wire = true;
            copy.linked = true;
        }
        self.send_entry(index, entry);
        true
    }

    /// Sends a QoS 0 message, which counts as queued until the transport has taken it.
    fn send_live(&mut self, session: u32, entry: u32, size: u32) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        state.queued_messages += 1;
        state.queued_bytes = state.queued_bytes.saturating_add(size);
        state.live_messages += 1;
        state.live_bytes = state.live_bytes.saturating_add(size);
        let index = state.connection;
        self.send_entry(index, entry);
    }

    fn mark_on_wire(&mut self, entry: u32) {
        match self.entries.get_mut(entry).map(|entry| &mut entry.item) {
            Some(Item::Message(copy)) => (copy.on_wire, copy.linked) = (true, true),
            Some(Item::Release { on_wire, linked, .. }) => (*on_wire, *linked) = (true, true),
            _ => {}
        }
    }

    /// Returns an entry to the front of the queue.
    fn put_back(&mut self, session: u32, entry: u32, size: u32) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        state.queued_messages += 1;
        state.queued_bytes = state.queued_bytes.saturating_add(size);
        self.entries.push_front(&mut state.waiting, entry);
    }

    /// Whether the Session's queue takes a message of `size`, after the overflow rule has acted.
    /// What can go out at once is bounded by bytes alone.
    fn make_room(
        &mut self,
        session: u32,
        publication: u32,
        size: u32,
        immediate: bool,
        live: bool,
    ) -> bool {
        let (messages, bytes) = (self.config.queue_messages, self.config.queue_bytes);
        let mut gave_way = false;
        loop {
            let Some(state) = self.sessions.get(session) else { return false };
            let fits = state.queued_bytes.saturating_add(size) <= bytes;
            let room =
                if immediate { !live || fits } else { fits && state.waiting.len() < messages };
            let offline = self.stats.offline_bytes.saturating_add(size as usize);
            let offline_room = state.is_connected() || offline <= self.config.limits.offline_bytes;
            let shed = !gave_way && self.is_shed(state, size, live);
            if room && offline_room && !shed {
                return true;
            }
            let cause = match (room, offline_room) {
                (false, _) => DropCause::QueueFull,
                (true, false) => DropCause::OfflineFull,
                (true, true) => DropCause::BrokerFull,
            };
            // One message for another, when it is memory that is short: that is no more of it.
            gave_way |= shed;
            let index = state.connection;
            match self.config.queue_overflow {
                QueueOverflow::DropOldest if !state.waiting.is_empty() => {
                    self.drop_oldest(session, cause);
                    continue;
                }
                QueueOverflow::Disconnect => {
                    if let Some(handle) = self.connections.handle(index) {
                        let code = mqtt_codec::ReasonCode::QUOTA_EXCEEDED;
                        let reason = CloseReason::Violation(code, "its queue is full");
                        self.closing.push_back((handle, reason));
                    }
                }
                QueueOverflow::DropOldest | QueueOverflow::DropNewest => {}
            }
            self.dropped(session, publication, cause);
            return false;
        }
    }

    /// Whether memory is so short that this copy has to do without.
    fn is_shed(&self, state: &Session, size: u32, live: bool) -> bool {
        let claim = match state.is_connected() {
            false => Claim::Absent,
            true if live && state.live_bytes >= UNREAD => Claim::Live,
            true => return false,
        };
        !self.account.admits(claim, size as usize)
    }

    fn drop_oldest(&mut self, session: u32, cause: DropCause) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let Some(entry) = self.entries.pop(&mut state.waiting) else { return };
        let live = self.entries.copy_mut(entry).is_some_and(|c| c.qos == QoS::AtMostOnce);
        let size = self.size_of(entry);
        if let Some(state) = self.sessions.get_mut(session) {
            state.waiting_live -= u32::from(live);
            state.queued_messages = state.queued_messages.saturating_sub(1);
            state.queued_bytes = state.queued_bytes.saturating_sub(size);
            let gone = if state.is_connected() { 0 } else { size as usize };
            self.stats.offline_bytes = self.stats.offline_bytes.saturating_sub(gone);
        }
        if let Some(copy) = self.entries.copy_mut(entry) {
            let publication = copy.publication;
            if copy.journalled {
                self.journal_session(session, SessionChange::Dropped);
            }
            self.dropped(session, publication, cause);
        }
        self.free_entry(entry);
    }

    /// Journals a copy for a Session that lasts; it is not sent before that is durable.
    fn journal_queued(&mut self, session: u32, entry: u32, message: Addressed) {
        if !self.sessions.get(session).is_some_and(|session| session.is_journalled) {
            return;
        }
        self.name(message.publication);
        let Some(publication) = self.publications.get(message.publication) else { return };
        let sequence = publication.sequence;
        let mut one = None;
        let identifier = self.entries.identifiers(message.identifiers, &mut one).first().copied();
        let Addressed { qos, retain, group, .. } = message;
        let queued = SessionChange::Queued { sequence, qos, retain, group, identifier };
        let lsn = self.journal_session(session, queued);
        if let Some(entry) = self.entries.get_mut(entry) {
            entry.lsn = lsn;
        }
        if let Some(copy) = self.entries.copy_mut(entry) {
            copy.journalled = true;
        }
    }

    /// Adds a Subscription Identifier to a copy that has just been queued.
    pub(crate) fn identify(
        &mut self,
        session: u32,
        entry: u32,
        identifier: SubscriptionIdentifier,
    ) {
        self.entries.add_identifier(entry, identifier);
        if self.entries.copy_mut(entry).is_some_and(|copy| copy.journalled) {
            self.journal_session(session, SessionChange::Identified(identifier));
        }
    }
}
