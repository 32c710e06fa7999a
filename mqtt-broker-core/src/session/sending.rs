//! Messages to a Session: straight to its connection, into the window, or into the queue.

use mqtt_codec::{PacketIdentifier, QoS};

use super::Session;
use super::queue::{Copy, Flags, Identifiers, Item, UnderWay};
use crate::boundary::{CloseReason, DropCause, Lsn};
use crate::broker::Broker;
use crate::config::QueueOverflow;
use crate::defect::Defect;
use crate::journal::SessionChange;
use crate::store::Claim;

/// What one queued message counts beyond its own bytes.
const ENTRY_BYTES: u32 = 32;

/// How many bytes of QoS 0 messages go to a connection however short memory is: it is about to read
/// them, or has not read as many.
pub(crate) const UNREAD: u32 = 16 << 10;

/// How many messages a client may leave unacknowledged before it counts as one that is behind.
const UNACKNOWLEDGED: u16 = 64;

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

/// What a Session had as the member of a share group, and had not received when it ended. The
/// publication is held, and named if the journal knows the copy.
pub(crate) struct Orphan {
    pub(crate) publication: u32,
    /// The serial of the group.
    pub(crate) group: u32,
    named: bool,
}

/// What a message of `len` bytes counts for in a queue.
#[inline]
pub(crate) fn queued_size(len: usize) -> u32 {
    u32::try_from(len).unwrap_or(u32::MAX).saturating_add(ENTRY_BYTES)
}

impl Broker {
    /// Gives a Session its copy; whether it was taken.
    #[inline]
    //= [MQTT-4.5.0-1]
    //= 3.1.1 [MQTT-3.1.2-5]
    pub(crate) fn enqueue(&mut self, session: u32, message: Addressed) -> bool {
        let taken = self.take_copy(session, message).is_some();
        if !taken {
            self.entries.remove_identifiers(message.identifiers);
        }
        taken
    }

    fn take_copy(&mut self, session: u32, message: Addressed) -> Option<()> {
        let size = self.size_of(message.publication);
        let state = self.sessions.get(session)?;
        let (connected, persistent) = (state.is_connected(), state.is_persistent());
        let live = message.qos == QoS::AtMostOnce;
        if live && !connected && !(self.config.queue_qos0 && persistent) {
            self.missed.add(session);
            return None;
        }
        let overtakes = self.is_planted(Defect::Overtaken);
        // A message that can be sent at once waits for nothing but the transport. QoS 0 may
        // overtake the rest, but not others of its kind that waited for the client to come.
        //= [MQTT-4.6.0-5]
        //= [MQTT-4.6.0-6]
        let immediate = connected
            && if live {
                state.waiting_live == 0
            } else {
                self.window_has_room(state) && state.waiting.is_empty()
            };
        let (index, is_journalled) = (state.connection, state.is_journalled);
        if !self.make_room(session, message.publication, size, immediate, live) {
            return None;
        }
        let Addressed { publication, qos, retain, identifiers, group, not_before } = message;
        let flags = Flags::default().with(Flags::RETAIN, retain);
        let mut copy = Copy { publication, identifiers, group, qos, flags };
        if self.reserve(session).is_none() {
            self.dropped(session, publication, DropCause::BrokerFull);
            return None;
        }
        self.publications.hold(publication);
        if live && immediate {
            self.send_live(index, copy, not_before);
            return Some(());
        }
        let mut lsn = not_before;
        if is_journalled && !live && self.journal.is_enabled() {
            lsn = self.journal_queued(session, message);
            copy.flags.set(Flags::JOURNALLED, true);
        }
        if !(immediate && self.start(session, copy, lsn)) {
            copy.flags.set(Flags::GATED, lsn > Lsn(0));
            let state = self.sessions.get_mut(session)?;
            state.queued_bytes = state.queued_bytes.saturating_add(size);
            self.stats.offline_bytes += if connected { 0 } else { size as usize };
            state.waiting_live += u32::from(live);
            let before = overtakes.then(|| core::mem::take(&mut state.waiting));
            let waits = self.entries.waiting.push(&mut state.waiting, copy);
            debug_assert!(waits.is_ok(), "room was made");
            if let Some(before) = before {
                self.entries.waiting.append(&mut state.waiting, before);
            }
        }
        Some(())
    }

    /// Counts one more copy, with a place for it should it have to wait.
    #[inline]
    fn reserve(&mut self, session: u32) -> Option<()> {
        let state = self.sessions.get(session)?;
        self.entries.waiting.reserve(&state.waiting).ok()?;
        self.entries.take_messages(1).ok()
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
                if let Some(identifier) = state.in_flight.next_resend() {
                    state.on_wire += 1;
                    if let Some(message) = state.in_flight.get_mut(identifier) {
                        message.flags_mut().set(Flags::ON_WIRE, true);
                        message.flags_mut().set(Flags::LINKED, true);
                    }
                    // The CONNACK waits for all that has changed the Session.
                    self.send_item(index, Item::UnderWay(identifier), Lsn(0));
                }
                continue;
            }
            let Some(&copy) = self.entries.waiting.front(&state.waiting).first() else { return };
            let live = copy.qos == QoS::AtMostOnce;
            //= [MQTT-3.3.4-10]
            //= [MQTT-4.9.0-3]
            if !live && !room {
                return;
            }
            let lsn = if copy.flags.has(Flags::GATED) { state.lsn } else { Lsn(0) };
            if !live && !self.start(session, copy, lsn) {
                return;
            }
            self.take_waiting(session);
            if live {
                self.send_live(index, copy, lsn);
            }
        }
    }

    /// Takes the oldest copy that waits; it is not freed.
    pub(crate) fn take_waiting(&mut self, session: u32) -> Option<Copy> {
        let state = self.sessions.get_mut(session)?;
        let copy = self.entries.waiting.pop(&mut state.waiting)?;
        let len = self.publications.get(copy.publication).map_or(0, |stored| stored.len());
        let size = queued_size(len);
        state.waiting_live -= u32::from(copy.qos == QoS::AtMostOnce);
        state.queued_bytes = state.queued_bytes.saturating_sub(size);
        let gone = if state.is_connected() { 0 } else { size as usize };
        self.stats.offline_bytes = self.stats.offline_bytes.saturating_sub(gone);
        Some(copy)
    }

    /// A new connection: everything under way goes again, then what waited.
    //= [MQTT-4.4.0-1]
    //= [MQTT-4.8.2-4]
    pub(crate) fn send_again(&mut self, session: u32) {
        if let Some(state) = self.sessions.get_mut(session) {
            state.in_flight.rewind();
            state.on_wire = 0;
            for message in state.in_flight.iter_mut() {
                message.flags_mut().set(Flags::ON_WIRE, false);
            }
        }
        self.admit(session);
    }

    /// PUBACK or PUBREC came. Whether `identifier` names a message of this QoS that the client can
    /// have received.
    pub(crate) fn is_under_way(
        &self,
        session: u32,
        identifier: PacketIdentifier,
        qos: QoS,
    ) -> bool {
        let message =
            self.sessions.get(session).and_then(|session| session.in_flight.get(identifier));
        match message {
            Some(UnderWay::Message(copy)) => copy.qos == qos && !copy.flags.has(Flags::LINKED),
            _ => false,
        }
    }

    /// PUBREC came: the message is the client's, a PUBREL is owed for it.
    //= [MQTT-4.3.3-5]
    pub(crate) fn released(&mut self, session: u32, identifier: PacketIdentifier) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let index = state.connection;
        let Some(slot) = state.in_flight.get_mut(identifier) else { return };
        let UnderWay::Message(copy) = *slot else { return };
        let on_wire = copy.flags.has(Flags::ON_WIRE);
        let flags = Flags::LINKED.with(Flags::ON_WIRE, on_wire);
        *slot = UnderWay::Release(flags);
        let lsn = self.journal_session(session, SessionChange::Owed(identifier));
        self.let_go(copy);
        self.send_item(index, Item::UnderWay(identifier), lsn);
    }

    /// The exchange of `identifier` is over: its place in the window goes to the next.
    pub(crate) fn complete(&mut self, session: u32, identifier: PacketIdentifier) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        let held = state.in_flight.bytes();
        let Some(message) = state.in_flight.remove(identifier) else { return };
        let on_wire = message.flags().has(Flags::ON_WIRE);
        state.on_wire = state.on_wire.saturating_sub(u16::from(on_wire));
        let has_more = !state.waiting.is_empty() || !state.in_flight.resent();
        let has_walks = !state.parked.is_empty();
        if held != state.in_flight.bytes() {
            self.recount_session(session);
        }
        if !self.is_planted(Defect::ForgottenCompletion) {
            self.journal_session(session, SessionChange::Completed(identifier));
        }
        self.free_under_way(message);
        if has_more {
            self.admit(session);
        }
        if has_walks {
            self.unpark_replays(session);
        }
    }

    /// Frees what is in a window no longer.
    #[inline]
    pub(crate) fn free_under_way(&mut self, message: UnderWay) {
        self.entries.give(1);
        if let UnderWay::Message(copy) = message {
            self.let_go(copy);
        }
    }

    /// Frees what is in a connection's line no longer. What is under way is its window's.
    pub(crate) fn free_item(&mut self, item: Item) {
        match item {
            Item::UnderWay(_) => return,
            Item::Live { publication, identifiers, .. } => {
                self.entries.remove_identifiers(identifiers);
                self.publications.release(publication);
            }
            Item::Packet(packet) => self.entries.remove_packet(packet),
            Item::Ack { .. } | Item::Pingresp => {}
        }
        self.entries.give(1);
    }

    /// A copy is over, but not its place in a window: lets go of its publication.
    pub(crate) fn let_go(&mut self, copy: Copy) {
        self.entries.remove_identifiers(copy.identifiers);
        if copy.flags.has(Flags::JOURNALLED) {
            self.unname(copy.publication);
        }
        self.publications.release(copy.publication);
    }

    /// Frees a copy of a Session that has ended; if it came through a group, the group chooses
    /// again, unless the member may have begun to receive it with QoS 2.
    pub(crate) fn orphan(&mut self, copy: Copy) {
        //= [MQTT-4.8.2-5]
        let forgotten = self.is_planted(Defect::ForgottenSuccessor);
        if copy.group != 0
            && !forgotten
            && !(copy.flags.has(Flags::SENT) && copy.qos == QoS::ExactlyOnce)
        {
            self.entries.give(1);
            self.entries.remove_identifiers(copy.identifiers);
            self.orphans.push_back(Orphan {
                publication: copy.publication,
                group: copy.group,
                named: copy.flags.has(Flags::JOURNALLED),
            });
            return;
        }
        self.free_under_way(UnderWay::Message(copy));
    }

    /// Another has the publication, or nobody.
    pub(crate) fn let_orphan_go(&mut self, orphan: &Orphan) {
        if orphan.named {
            self.unname(orphan.publication);
        }
        self.publications.release(orphan.publication);
    }

    /// Bytes that a publication counts for in a queue.
    #[inline]
    pub(crate) fn size_of(&self, publication: u32) -> u32 {
        queued_size(self.publications.get(publication).map_or(0, |stored| stored.len()))
    }

    /// Whether the client can be sent one more QoS 1 or 2 message now.
    #[inline]
    pub(crate) fn window_has_room(&self, session: &Session) -> bool {
        let maximum = self.connections.get(session.connection).map_or(0, |c| c.receive_maximum);
        session.on_wire < maximum && session.in_flight.resent()
    }

    /// Gives a message its Packet Identifier and sends it; `false` if there is none to give.
    fn start(&mut self, session: u32, mut copy: Copy, mut lsn: Lsn) -> bool {
        let Some(state) = self.sessions.get_mut(session) else { return false };
        //= [MQTT-4.3.2-1]
        //= [MQTT-4.3.3-1]
        let growth = state.in_flight.growth();
        // With nothing under way nothing would come to try again.
        if growth > 0 && state.in_flight.len() > 0 && !self.account.has_room(growth) {
            return false;
        }
        copy.flags.set(Flags::ON_WIRE, true);
        copy.flags.set(Flags::LINKED, true);
        let Some(identifier) = state.in_flight.push(UnderWay::Message(copy)) else { return false };
        state.on_wire += 1;
        let (index, is_journalled) = (state.connection, state.is_journalled);
        if growth > 0 {
            self.recount_session(session);
        }
        if is_journalled {
            lsn = self.journal_session(session, SessionChange::Sent(identifier));
        }
        self.send_item(index, Item::UnderWay(identifier), lsn);
        true
    }

    /// Sends a QoS 0 message, which counts as queued until the transport has taken it.
    fn send_live(&mut self, index: u32, copy: Copy, lsn: Lsn) {
        let size = self.size_of(copy.publication);
        if let Some(connection) = self.connections.get_mut(index) {
            connection.live_messages += 1;
            connection.live_bytes = connection.live_bytes.saturating_add(size);
        }
        let Copy { publication, identifiers, flags, .. } = copy;
        let item = Item::Live { publication, identifiers, retain: flags.has(Flags::RETAIN) };
        self.send_item(index, item, lsn);
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
        if self.is_planted(Defect::UnboundedQueue) {
            return true;
        }
        let (messages, bytes) = (self.config.queue_messages, self.config.queue_bytes);
        let mut gave_way = false;
        loop {
            let Some(state) = self.sessions.get(session) else { return false };
            let unsent = self.connections.get(state.connection).map_or(0, |c| c.live_bytes);
            let queued = state.queued_bytes.saturating_add(unsent);
            let fits = queued.saturating_add(size) <= bytes;
            let room =
                if immediate { !live || fits } else { fits && state.waiting.len() < messages };
            let offline = self.stats.offline_bytes.saturating_add(size as usize);
            let offline_room = state.is_connected() || offline <= self.config.limits.offline_bytes;
            let shed = !gave_way && self.is_shed(state, unsent, size, live);
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
                QueueOverflow::DropOldest
                    if !state.waiting.is_empty()
                        && (room || immediate && !live || unsent.saturating_add(size) <= bytes) =>
                {
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

    /// Whether memory is so short that this copy has to do without. Who has taken what came before
    /// does not notice.
    #[inline]
    fn is_shed(&self, state: &Session, unsent: u32, size: u32, live: bool) -> bool {
        if !self.account.is_short() {
            return false;
        }
        let behind = unsent.max(state.queued_bytes);
        let claim = match state.is_connected() {
            false => Claim::Lasting,
            true if live && unsent >= UNREAD => Claim::Live,
            true if behind >= UNREAD || state.in_flight.len() >= UNACKNOWLEDGED => Claim::Behind,
            true if behind > 0 => Claim::New,
            true => return false,
        };
        !self.account.admits(claim, size as usize)
    }

    fn drop_oldest(&mut self, session: u32, cause: DropCause) {
        let Some(copy) = self.take_waiting(session) else { return };
        if copy.flags.has(Flags::JOURNALLED) {
            self.journal_session(session, SessionChange::Dropped);
        }
        self.dropped(session, copy.publication, cause);
        self.free_under_way(UnderWay::Message(copy));
    }

    /// Journals a copy for a Session that lasts; it is not sent before that is durable.
    fn journal_queued(&mut self, session: u32, message: Addressed) -> Lsn {
        self.name(message.publication);
        let Some(publication) = self.publications.get(message.publication) else { return Lsn(0) };
        let sequence = publication.sequence;
        let Addressed { qos, retain, group, identifiers, .. } = message;
        let nth = |broker: &Self, n| {
            let mut one = None;
            broker.entries.identifiers(identifiers, &mut one).get(n).copied()
        };
        let identifier = nth(self, 0);
        let queued = SessionChange::Queued { sequence, qos, retain, group, identifier };
        let mut lsn = self.journal_session(session, queued);
        for n in 1.. {
            let Some(identifier) = nth(self, n) else { break };
            lsn = self.journal_session(session, SessionChange::Identified(identifier));
        }
        lsn
    }
}
