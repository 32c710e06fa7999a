//! What is held beside the tables: it is counted when it has changed, at the end of a step or of a call.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use smallvec::{Array, SmallVec};

use super::Broker;
use crate::boundary::CloseReason;
use crate::config::Limit;
use crate::connection::Connection;
use crate::peers::interests::Interests;
use crate::publication::Draft;
use crate::store::Claim;

/// What a newcomer takes in tables and timers, roughly.
pub(crate) const NEWCOMER: usize = 512;
/// What routing takes for a subscription that matches.
const MATCHED: usize = 64;
/// A work list that has room for more than this is not kept.
const KEPT: usize = 4096;
/// As long as all take no more than this, they are not looked at one by one.
const KEPT_BYTES: usize = if usize::BITS > 32 { 64 << 10 } else { 4 << 10 };

impl Broker {
    /// The limit that is reached: that on memory, if that is why a container was full.
    pub(crate) fn full(&self, limit: Limit) -> Limit {
        if self.account.take_refusal() { Limit::Memory } else { limit }
    }

    /// Whether somebody new may have `bytes`, for this claim.
    pub(crate) fn admit_new(&self, claim: Claim, bytes: usize) -> Result<(), Limit> {
        let admitted = self.account.admits(claim, NEWCOMER + bytes);
        admitted.then_some(()).ok_or(Limit::Memory)
    }

    /// Whether a message may be kept, and routed to so many subscriptions. A large one is refused
    /// where newcomers are, a small one later.
    #[inline]
    pub(crate) fn admit_routing(&self, draft: &Draft<'_>, matches: usize) -> Result<(), Limit> {
        let message = draft.topic.as_bytes().len() + draft.payload.len();
        let bytes = message.saturating_add(matches.saturating_mul(MATCHED));
        let claim = if bytes > self.account.large() { Claim::New } else { Claim::Begun };
        let admitted = self.account.admits(claim, bytes);
        admitted.then_some(()).ok_or(Limit::Memory)
    }

    /// Counts what a Session holds itself, after it may have become more or less.
    pub(crate) fn recount_session(&mut self, key: u32) {
        let Some(session) = self.sessions.get_mut(key) else { return };
        let (before, after) = (session.counted as usize, session.heap());
        session.counted = u32::try_from(after).unwrap_or(u32::MAX);
        self.account.change(before, after);
    }

    /// Counts what a connection holds itself. One that there is no memory for is closed.
    #[inline]
    pub(crate) fn recount_connection(&mut self, index: u32) {
        let is_bare = |found: &Connection| found.counted == 0 && found.is_bare();
        if !self.connections.get(index).is_none_or(is_bare) {
            self.recount_holder(index);
        }
    }

    #[inline(never)]
    fn recount_holder(&mut self, index: u32) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let (before, after) = (connection.counted as usize, connection.heap());
        if before == after {
            return;
        }
        connection.counted = u32::try_from(after).unwrap_or(u32::MAX);
        let more = after.saturating_sub(before);
        let refused = more > 0 && !self.account.has_room(more);
        self.account.change(before, after);
        if let Some(handle) = self.connections.handle(index).filter(|_| refused) {
            self.reached(Limit::Memory, index);
            let code = mqtt_codec::ReasonCode::QUOTA_EXCEEDED;
            self.closing.push_back((handle, CloseReason::Violation(code, "the broker is full")));
        }
    }

    /// Counts the journal and the lists that routing uses.
    #[inline]
    pub(crate) fn recount_aside(&mut self) {
        let mut bytes = self.scratch_bytes();
        if bytes > KEPT_BYTES {
            self.trim_lists();
            bytes = self.scratch_bytes();
        }
        bytes += self.journal.heap();
        if let Some(peers) = self.peers.as_deref() {
            let interests = self.subscriptions.interests.as_deref();
            bytes += peers.heap() + interests.map_or(0, Interests::heap);
        }
        if bytes != self.counted_aside {
            self.account.change(self.counted_aside, bytes);
            self.counted_aside = bytes;
        }
    }

    /// Gives back the memory of lists that were unusually long.
    fn trim_lists(&mut self) {
        self.matches.trim(KEPT);
        trim(&mut self.deliveries);
        trim(&mut self.more_identifiers);
        trim_queue(&mut self.closing);
        trim_queue(&mut self.unsent);
        trim_queue(&mut self.wills);
        trim_queue(&mut self.orphans);
    }

    fn scratch_bytes(&self) -> usize {
        self.matches.bytes()
            + bytes_of(&self.deliveries)
            + bytes_of(&self.more_identifiers)
            + queue_bytes(&self.closing)
            + queue_bytes(&self.unsent)
            + queue_bytes(&self.wills)
            + queue_bytes(&self.orphans)
    }
}

pub(crate) const fn bytes_of<T>(list: &Vec<T>) -> usize {
    list.capacity() * size_of::<T>()
}

/// The bytes of a list that does not fit in place.
pub(crate) fn spilled<A: Array>(list: &SmallVec<A>) -> usize {
    if list.spilled() { list.capacity() * size_of::<A::Item>() } else { 0 }
}

pub(crate) fn queue_bytes<T>(queue: &VecDeque<T>) -> usize {
    queue.capacity() * size_of::<T>()
}

fn trim<T>(list: &mut Vec<T>) {
    if list.capacity() > KEPT {
        *list = Vec::new();
    }
}

/// Gives back the memory of a queue that was unusually long, and is over.
pub(crate) fn trim_queue<T>(queue: &mut VecDeque<T>) {
    if queue.capacity() > KEPT && queue.is_empty() {
        *queue = VecDeque::new();
    }
}
