//! The end of a Session: at once for all to see, and what it held is freed over turns.

use alloc::boxed::Box;

use crate::boundary::{DropCause, Event};
use crate::broker::Broker;
use crate::defect::Defect;
use crate::journal::{Change, SessionChange};
use crate::session::queue::{Item, List, UnderWay};
use crate::time::Instant;

impl Broker {
    /// Ends a Session that has no connection, with all it holds. Its Client Identifier can be used
    /// from here on.
    //= [MQTT-4.1.0-2]
    //= 3.1.1 [MQTT-3.1.2-7]
    pub(crate) fn end_session(&mut self, now: Instant, session: u32) {
        self.abandon_replays(session);
        self.sessions.end(session);
        let Some(state) = self.sessions.get_mut(session) else { return };
        self.timers.cancel(&mut state.timer);
        let will = state.will.take();
        self.recount_session(session);
        let forgets = self.is_planted(Defect::ForgottenLegacy);
        let Some(state) = self.sessions.get_mut(session) else { return };
        let queued = core::mem::take(&mut state.queued_bytes) as usize;
        self.stats.offline_bytes = self.stats.offline_bytes.saturating_sub(queued);
        if state.number != 0 {
            let holds = !(forgets || state.waiting.is_empty() && state.in_flight.len() == 0);
            let ended = SessionChange::Ended { gives_on: state.is_journalled && holds };
            self.journal.change(&Change::Session(state.number, ended));
            self.journal.note_end(self.sessions.hash_of(session));
            if let Some(will) = &will {
                self.unname(will.publication);
            }
        }
        // The end of the Session is the end of any delay of its Will Message.
        //= [MQTT-3.1.2-8]
        if let Some(will) = will {
            self.publish_kept_will(now, &will, session, false);
        }
        self.event(|broker| {
            let state = broker.sessions.get(session)?;
            let client_identifier = state.client_identifier[..].into();
            let messages = state.waiting.len().saturating_add(state.in_flight.len().into());
            Some(Event::SessionEnded { client_identifier, messages })
        });
        let left = self.work.left();
        self.free_ended(left);
    }

    /// Frees what is in the line of a connection that is gone, as far as this call goes.
    pub(crate) fn discard(&mut self, line: List) {
        self.entries.outgoing.append(&mut self.discarded, line);
        let left = self.work.left();
        self.free_discarded(left);
    }

    /// Says of each message left in the line of a connection that it ended before that was sent, and
    /// frees them, as far as this call goes.
    pub(crate) fn leave_unsent(&mut self, client: Box<str>, line: List) {
        self.account.take_anyway(client.len());
        self.unsent.push_back((client, line));
        let left = self.work.left();
        self.free_unsent(left);
    }

    /// Does so of what is left, in so many steps; how many are left.
    fn free_unsent(&mut self, mut left: usize) -> usize {
        while let Some((client, mut line)) = self.unsent.pop_front() {
            while let Some(rest) = left.checked_sub(1) {
                left = rest;
                let Some(item) = self.entries.outgoing.pop(&mut line) else { break };
                self.work.add(1);
                if let Item::Live { publication, .. } = item {
                    self.dropped_of(&client, publication, DropCause::ConnectionEnded);
                }
                self.free_item(item);
            }
            if !line.is_empty() {
                self.unsent.push_front((client, line));
                break;
            }
            self.account.give(client.len());
        }
        left
    }

    /// Frees entries that nobody has any more, in so many steps; how many are left.
    fn free_discarded(&mut self, steps: usize) -> usize {
        let mut left = steps;
        while left > 0 {
            let Some(item) = self.entries.outgoing.pop(&mut self.discarded) else { break };
            self.free_item(item);
            self.work.add(1);
            left -= 1;
        }
        left
    }

    /// Frees what connections and Sessions held that have ended, in about so many steps.
    pub(crate) fn free_ended(&mut self, steps: usize) {
        let left = self.free_unsent(steps);
        let left = self.free_discarded(left);
        self.free_sessions(left);
        if self.peers.is_some() {
            self.tell_interests();
        }
    }

    fn free_sessions(&mut self, mut left: usize) {
        if !self.spreads.is_empty() {
            // Copies that have yet to be queued go to Sessions by their keys.
            return;
        }
        while let Some(key) = self.sessions.first_ended() {
            let Some(rest) = left.checked_sub(1) else { return };
            left = rest;
            self.work.add(1);
            if self.free_one(key) {
                continue;
            }
            match self.sessions.get(key).map(|state| state.replays) {
                Some(1..) => {
                    self.sessions.pass_over_ended();
                    return;
                }
                _ => {
                    let gone = self.sessions.remove_first_ended();
                    self.account.give(gone.map_or(0, |session| session.counted as usize));
                }
            }
        }
    }

    /// Frees one thing that a Session held; `false` if there is none. What it had as the member of
    /// a group goes to another member, unless it may have begun to receive it with QoS 2.
    fn free_one(&mut self, key: u32) -> bool {
        let forgets = self.is_planted(Defect::ForgottenLegacy);
        let Some(state) = self.sessions.get_mut(key) else { return false };
        if !self.subscriptions.unsubscribe_all(&mut state.subscriptions, 1) {
            return true;
        }
        let under_way = state.in_flight.pop();
        let was_under_way = under_way.is_some();
        let waiting = || self.entries.waiting.pop(&mut state.waiting).map(UnderWay::Message);
        let number = state.number;
        match under_way.or_else(waiting) {
            Some(UnderWay::Message(copy)) => {
                if copy.is_left_over(was_under_way) && !forgets {
                    self.journal.change(&Change::Session(number, SessionChange::Dropped));
                }
                self.orphan(copy);
            }
            Some(release) => self.free_under_way(release),
            None => return false,
        }
        true
    }
}
