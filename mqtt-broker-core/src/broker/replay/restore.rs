//! What a change does to the containers of the broker, without any of its consequences: those are
//! in the journal themselves.

use alloc::boxed::Box;

use mqtt_codec::{PacketIdentifier, SubscriptionIdentifier};

use super::ReplayCause;
use super::apply::Applied;
use crate::broker::Broker;
use crate::session::queue::{Copy, Flags, List, NONE, UnderWay};
use crate::session::will::PendingWill;

const NO_MESSAGE: ReplayCause = ReplayCause::Unknown("message");
const NO_IDENTIFIER: ReplayCause = ReplayCause::Unknown("Packet Identifier");

impl Broker {
    pub(super) fn restore_retained(&mut self, publication: u32) -> Applied {
        let Some(stored) = self.publications.get(publication) else { return Err(NO_MESSAGE) };
        let len = stored.len();
        let before = self.retained.set(&self.publications, publication);
        let before = before.map_err(|_| ReplayCause::Limit("retained"))?;
        self.publications.hold(publication);
        self.name(publication);
        self.retained.count_bytes(len, 0);
        if let Some(before) = before {
            self.release_retained(before);
        }
        self.publications.mark_retained(publication, true);
        Ok(())
    }

    pub(super) fn restore_will(&mut self, key: u32, will: PendingWill) {
        self.discard_will(key);
        self.publications.hold(will.publication);
        self.name(will.publication);
        self.stats.wills += 1;
        if let Some(state) = self.sessions.get_mut(key) {
            state.will = Some(Box::new(will));
        }
    }

    pub(super) fn restore_copy(&mut self, key: u32, copy: Copy) -> Applied {
        let (publication, full) = (copy.publication, ReplayCause::Limit("entries"));
        let size = self.size_of(publication);
        let Some(state) = self.sessions.get_mut(key) else { return Ok(()) };
        self.entries.take_answer().map_err(|_| full)?;
        self.entries.waiting.push(&mut state.waiting, copy).map_err(|_| full)?;
        state.queued_bytes = state.queued_bytes.saturating_add(size);
        self.stats.offline_bytes += size as usize;
        self.publications.hold(publication);
        self.name(publication);
        Ok(())
    }

    /// The newest copy waits, or has been sent.
    pub(super) fn restore_identifier(
        &mut self,
        key: u32,
        identifier: SubscriptionIdentifier,
    ) -> Applied {
        let mut identifiers = self.newest_copy(key).ok_or(NO_MESSAGE)?.identifiers;
        self.entries.add_identifier(&mut identifiers, identifier);
        self.newest_copy(key).ok_or(NO_MESSAGE)?.identifiers = identifiers;
        Ok(())
    }

    pub(super) fn restore_sent(&mut self, key: u32, identifier: PacketIdentifier) -> Applied {
        let mut copy = self.take_waiting(key).ok_or(NO_MESSAGE)?;
        // Nobody knows: if it was, it has to say so.
        copy.flags.set(Flags::SENT, true);
        self.restore_in_flight(key, identifier, UnderWay::Message(copy))
    }

    pub(super) fn restore_dropped(&mut self, key: u32) -> Applied {
        let copy = self.take_waiting(key).ok_or(NO_MESSAGE)?;
        self.free_under_way(UnderWay::Message(copy));
        Ok(())
    }

    pub(super) fn restore_owed(
        &mut self,
        key: u32,
        packet_identifier: PacketIdentifier,
    ) -> Applied {
        let state = self.sessions.get_mut(key);
        let release = UnderWay::Release(Flags::default());
        if let Some(slot) = state.and_then(|state| state.in_flight.get_mut(packet_identifier)) {
            if let UnderWay::Message(copy) = core::mem::replace(slot, release) {
                self.let_go(copy);
            }
            return Ok(());
        }
        self.entries.take_answer().map_err(|_| ReplayCause::Limit("entries"))?;
        self.restore_in_flight(key, packet_identifier, release)
    }

    pub(super) fn restore_completed(&mut self, key: u32, identifier: PacketIdentifier) -> Applied {
        let state = self.sessions.get_mut(key).ok_or(NO_IDENTIFIER)?;
        let message = state.in_flight.remove(identifier).ok_or(NO_IDENTIFIER)?;
        self.free_under_way(message);
        Ok(())
    }

    pub(super) fn restore_numbered(&mut self, key: u32, identifier: PacketIdentifier) -> Applied {
        let state = self.sessions.get_mut(key).ok_or(NO_IDENTIFIER)?;
        state.in_flight.skip_to(identifier).then_some(()).ok_or(NO_IDENTIFIER)
    }

    /// Ends a Session, with all it holds; if it `gives_on`, what is left over stays. Whether anything
    /// does.
    pub(super) fn forget_session(&mut self, key: u32, gives_on: bool) -> Result<bool, ReplayCause> {
        self.discard_will(key);
        let Some(state) = self.sessions.get_mut(key) else { return Ok(false) };
        state.connection = NONE;
        let queued = core::mem::take(&mut state.queued_bytes) as usize;
        self.stats.offline_bytes = self.stats.offline_bytes.saturating_sub(queued);
        if gives_on {
            self.keep_left_over(key)?;
        }
        self.sessions.hide(key);
        let waits = self.sessions.get(key).is_some_and(|state| !state.waiting.is_empty());
        if gives_on && waits {
            return Ok(true);
        }
        self.free_forgotten(key);
        Ok(false)
    }

    /// The oldest that was left over of a Session is another's, or nobody's. Whether there is more.
    pub(super) fn restore_given_on(&mut self, key: u32) -> Result<bool, ReplayCause> {
        let state = self.sessions.get_mut(key).ok_or(NO_MESSAGE)?;
        let copy = self.entries.waiting.pop(&mut state.waiting).ok_or(NO_MESSAGE)?;
        let more = !state.waiting.is_empty();
        self.free_under_way(UnderWay::Message(copy));
        if !more {
            self.free_forgotten(key);
        }
        Ok(more)
    }

    /// Leaves a Session that ends with nothing but what is left over, all of it waiting.
    fn keep_left_over(&mut self, key: u32) -> Applied {
        let Some(state) = self.sessions.get_mut(key) else { return Ok(()) };
        self.subscriptions.unsubscribe_all(&mut state.subscriptions, usize::MAX);
        let mut in_flight = core::mem::take(&mut state.in_flight);
        let mut waiting = core::mem::take(&mut state.waiting);
        let mut left_over = List::default();
        loop {
            let under_way = in_flight.pop();
            let was_under_way = under_way.is_some();
            let next = || self.entries.waiting.pop(&mut waiting).map(UnderWay::Message);
            match under_way.or_else(next) {
                Some(UnderWay::Message(copy)) if copy.is_left_over(was_under_way) => {
                    let kept = self.entries.waiting.push(&mut left_over, copy);
                    kept.map_err(|_| ReplayCause::Limit("entries"))?;
                }
                Some(other) => self.free_under_way(other),
                None => break,
            }
        }
        if let Some(state) = self.sessions.get_mut(key) {
            state.waiting = left_over;
        }
        Ok(())
    }

    /// Frees a Session that has ended. What it had as the member of a group, and is not left over, was
    /// given to others by changes of an earlier form of the journal.
    fn free_forgotten(&mut self, key: u32) {
        self.sessions.queue_ended(key);
        self.free_ended(usize::MAX);
        while let Some(orphan) = self.orphans.pop_front() {
            self.let_orphan_go(&orphan);
        }
    }

    /// The copy that was queued last.
    fn newest_copy(&mut self, key: u32) -> Option<&mut Copy> {
        let state = self.sessions.get_mut(key)?;
        if !state.waiting.is_empty() {
            return self.entries.waiting.newest_mut(&state.waiting);
        }
        match state.in_flight.newest_mut()? {
            UnderWay::Message(copy) => Some(copy),
            UnderWay::Release(_) => None,
        }
    }

    fn restore_in_flight(
        &mut self,
        key: u32,
        identifier: PacketIdentifier,
        message: UnderWay,
    ) -> Applied {
        let in_flight = self.sessions.get_mut(key).map(|state| &mut state.in_flight);
        let pushed = in_flight.and_then(|in_flight| {
            let next = in_flight.skip_to(identifier);
            if next { in_flight.push(message) } else { None }
        });
        if pushed.is_none() {
            self.free_under_way(message);
            return Err(NO_IDENTIFIER);
        }
        Ok(())
    }
}
