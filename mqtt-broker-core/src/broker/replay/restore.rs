//! What a change does to the containers of the broker, without any of its consequences: those are
//! in the journal themselves.

use alloc::boxed::Box;

use mqtt_codec::{PacketIdentifier, SubscriptionIdentifier};

use super::ReplayCause;
use super::apply::Applied;
use crate::broker::Broker;
use crate::publication::Publication;
use crate::session::queue::{Copy, Flags, UnderWay};
use crate::session::will::PendingWill;

const NO_MESSAGE: ReplayCause = ReplayCause::Unknown("message");
const NO_IDENTIFIER: ReplayCause = ReplayCause::Unknown("Packet Identifier");

impl Broker {
    pub(super) fn restore_retained(&mut self, publication: u32) -> Applied {
        let Some(stored) = self.publications.get(publication) else { return Err(NO_MESSAGE) };
        let before = self.retained.set(stored.topic(), publication);
        let before = before.map_err(|_| ReplayCause::Limit("retained"))?;
        let len = self.publications.get(publication).map_or(0, Publication::len);
        self.publications.hold(publication);
        self.name(publication);
        self.retained.count_bytes(len, 0);
        if let Some(before) = before {
            self.release_retained(before);
        }
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

    /// Takes away a Session with all it holds.
    pub(super) fn forget_session(&mut self, key: u32) {
        self.discard_will(key);
        self.sessions.end(key);
        if let Some(state) = self.sessions.get_mut(key) {
            let queued = core::mem::take(&mut state.queued_bytes) as usize;
            self.stats.offline_bytes = self.stats.offline_bytes.saturating_sub(queued);
        }
        self.free_ended(usize::MAX);
        // Who gets what it had as the member of a group is told by the changes that follow.
        while let Some((publication, _)) = self.orphans.pop_front() {
            self.publications.release(publication);
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
