//! How much one call does before the rest waits for a turn.

use super::Broker;
use crate::boundary::CloseReason;
use crate::connection::line::For;
use crate::peers::Peers;
use crate::time::Instant;

/// How many connections are told in one turn that their input goes on.
const RESUMED: u32 = 256;

/// Counts steps.
pub(crate) struct Work {
    /// How many one call takes.
    per_call: u32,
    done: u64,
    /// The count at which the call at hand has done its share.
    share: u64,
}

impl Broker {
    /// How many steps of work one call takes before it puts off what is left, unless
    /// [`Config::steps_per_call`](crate::Config::steps_per_call) says otherwise. A step is a look at
    /// one thing: a packet, 256 of its bytes, a Topic Filter, a subscription that matches, a copy
    /// that is queued (two of them, if nothing is to be weighed about them), an entry that is
    /// freed, a topic that is passed, a deadline that has come; some tens of nanoseconds.
    ///
    /// It is as many because the host writes after the call: a burst that is cut in parts is one write
    /// to each subscriber for each part, and a write costs more than a hundred copies.
    ///
    /// What is begun and cannot be put off is ended: a call may take more, by as many steps as one
    /// PUBLISH has matching subscriptions, which are looked at in one go, or one connection has
    /// messages to be sent, which are looked over when it ends. If there are more copies of a PUBLISH
    /// than a quarter of the steps, and than 64, they are queued over turns, and so is the choice of as
    /// many share groups; the publisher waits meanwhile. Queued in one go are the copies of a message
    /// that a peer has accepted, and those of share groups where there are peers.
    /// [`Stats::steps`](crate::Stats::steps) counts them.
    pub const STEPS_PER_CALL: u64 = 32_768;
}

impl Work {
    pub(crate) const fn new(per_call: u32) -> Self {
        // None at all would be a broker that does nothing, for ever.
        let per_call = if per_call == 0 { 1 } else { per_call };
        Self { per_call, done: 0, share: 0 }
    }

    /// A call begins.
    #[inline]
    pub(crate) const fn begin(&mut self) {
        self.share = self.done + self.per_call as u64;
    }

    /// How many steps of one kind a call takes at most where there are others to be taken.
    #[inline]
    pub(crate) const fn of_one_kind(&self) -> usize {
        (self.per_call / 4) as usize
    }

    /// Some more is done.
    #[inline]
    pub(crate) const fn add(&mut self, steps: usize) {
        self.done += steps as u64;
    }

    /// Whether what is left should wait for a turn.
    #[inline]
    pub(crate) const fn is_done(&self) -> bool {
        self.done >= self.share
    }

    /// How many steps the call at hand has left.
    pub(crate) fn left(&self) -> usize {
        usize::try_from(self.share.saturating_sub(self.done)).unwrap_or(usize::MAX)
    }

    /// All steps ever.
    pub(crate) const fn total(&self) -> u64 {
        self.done
    }
}

impl Broker {
    /// Whether there is work that only waits for a turn.
    pub(super) fn has_work(&self) -> bool {
        self.replays.is_ready()
            || self.releasing > 0
            || self.making_room > 0
            || self.sessions.first_ended().is_some()
            || !self.discarded.is_empty()
            || !self.unsent.is_empty()
            || self.shut_from.is_some()
            || !self.spreads.is_empty()
            || self.connections.waiting_for(For::Spread) > 0
            || self.connections.waiting_for(For::Turn) > 0
            || self.has_room_to_give()
            || self.is_snapshot_ready()
            || self.peers.as_deref().is_some_and(Peers::has_work)
    }

    /// Lets what became durable go, as far as this call goes.
    pub(super) fn release_durable(&mut self) {
        while self.journal.is_enabled() && self.releasing > 0 && !self.work.is_done() {
            self.releasing -= 1;
            let Some(index) = self.connections.take_first(For::Durable) else {
                self.releasing = 0;
                return;
            };
            self.work.add(1);
            self.release_held(index);
        }
    }

    /// Closes the connections that are left after [`shutdown`](Self::shutdown), as far as this call
    /// goes.
    pub(super) fn shut_some(&mut self, now: Instant) {
        while let Some(from) = self.shut_from.filter(|_| !self.work.is_done()) {
            self.work.add(1);
            let next = self.connections.next_from(from);
            if let Some(index) = next {
                self.close(now, index, CloseReason::ShuttingDown);
                self.settle(now);
            }
            self.shut_from = next.map(|index| index + 1);
        }
    }

    /// Lets input go on that was put off.
    pub(super) fn resume_turns(&mut self) {
        for _ in 0..RESUMED {
            let Some(index) = self.connections.take_first(For::Turn) else { break };
            self.work.add(1);
            self.resume(index);
        }
        for _ in 0..RESUMED.min(self.making_room) {
            self.making_room -= 1;
            let Some(index) = self.connections.take_first(For::Host) else { break };
            self.work.add(1);
            self.resume(index);
        }
    }
}
