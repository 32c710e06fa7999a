//! What a change does to the containers of the broker, without any of its consequences: those are
//! in the journal themselves.

use alloc::boxed::Box;

use mqtt_codec::{PacketIdentifier, SubscriptionIdentifier};

use super::ReplayCause;
use super::apply::Applied;
use crate::boundary::Lsn;
use crate::broker::Broker;
use crate::publication::Publication;
use crate::session::queue::{Copy, Item};
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
        let publication = copy.publication;
        let entry = self.entries.insert(Item::Message(copy), Lsn(0));
        let entry = entry.map_err(|_| ReplayCause::Limit("entries"))?;
        self.publications.hold(publication);
        self.name(publication);
        let size = self.size_of(entry);
        if let Some(state) = self.sessions.get_mut(key) {
            state.queued_messages += 1;
            state.queued_bytes = state.queued_bytes.saturating_add(size);
            self.stats.offline_bytes += size as usize;
            self.entries.push(&mut state.waiting, entry);
        }
        Ok(())
    }

    /// The newest copy waits, or has been sent.
    pub(super) fn restore_identifier(
        &mut self,
        key: u32,
        identifier: SubscriptionIdentifier,
    ) -> Applied {
        let state = self.sessions.get(key);
        let newest = state.and_then(|state| state.waiting.tail().or(state.in_flight.newest()));
        self.entries.add_identifier(newest.ok_or(NO_MESSAGE)?, identifier);
        Ok(())
    }

    pub(super) fn restore_sent(&mut self, key: u32, identifier: PacketIdentifier) -> Applied {
        let entry = self.take_oldest(key)?;
        if let Some(copy) = self.entries.copy_mut(entry) {
            copy.packet_identifier = Some(identifier);
            // Nobody knows: if it was, it has to say so.
            copy.sent = true;
        }
        self.restore_in_flight(key, identifier, entry)
    }

    pub(super) fn restore_dropped(&mut self, key: u32) -> Applied {
        let entry = self.take_oldest(key)?;
        self.free_entry(entry);
        Ok(())
    }

    pub(super) fn restore_owed(
        &mut self,
        key: u32,
        packet_identifier: PacketIdentifier,
    ) -> Applied {
        let under_way = self.sessions.get(key).and_then(|s| s.in_flight.get(packet_identifier));
        let release = Item::Release { packet_identifier, on_wire: false, linked: false };
        if let Some(entry) = under_way {
            self.replace_by_release(entry, release, Lsn(0));
            return Ok(());
        }
        let entry = self.entries.insert(release, Lsn(0));
        let entry = entry.map_err(|_| ReplayCause::Limit("entries"))?;
        self.restore_in_flight(key, packet_identifier, entry)
    }

    pub(super) fn restore_completed(&mut self, key: u32, identifier: PacketIdentifier) -> Applied {
        let state = self.sessions.get_mut(key).ok_or(NO_IDENTIFIER)?;
        let entry = state.in_flight.remove(identifier).ok_or(NO_IDENTIFIER)?;
        self.free_entry(entry);
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

    /// Takes the oldest copy that waits.
    fn take_oldest(&mut self, key: u32) -> Result<u32, ReplayCause> {
        let state = self.sessions.get_mut(key).ok_or(NO_MESSAGE)?;
        let entry = self.entries.pop(&mut state.waiting).ok_or(NO_MESSAGE)?;
        let size = self.size_of(entry);
        if let Some(state) = self.sessions.get_mut(key) {
            state.queued_messages = state.queued_messages.saturating_sub(1);
            state.queued_bytes = state.queued_bytes.saturating_sub(size);
            let left = self.stats.offline_bytes.saturating_sub(size as usize);
            self.stats.offline_bytes = left;
        }
        Ok(entry)
    }

    fn restore_in_flight(&mut self, key: u32, identifier: PacketIdentifier, entry: u32) -> Applied {
        let in_flight = self.sessions.get_mut(key).map(|state| &mut state.in_flight);
        let pushed = in_flight.and_then(|in_flight| {
            let next = in_flight.skip_to(identifier);
            if next { in_flight.push(entry) } else { None }
        });
        if pushed.is_none() {
            self.free_entry(entry);
            return Err(NO_IDENTIFIER);
        }
        Ok(())
    }
}
