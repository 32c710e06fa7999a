//! The link to a peer: up, hello, down.

use alloc::collections::VecDeque;

use super::{Cut, Item, Late, Link, Peers, Sync, Walk};
use crate::boundary::{Error, Lsn, Shard};
use crate::broker::Broker;
use crate::defect::Defect;
use crate::journal::{Change, PeerChange};
use crate::output::Pending;
use crate::recording::Call;
use crate::time::Instant;

/// More than anybody gives out.
const SEQUENCES: u64 = 1 << 62;

impl Broker {
    /// There is a link to a peer: what [`poll_forward`](Self::poll_forward) gives from here on
    /// reaches its [`handle_forward`](Self::handle_forward), in order and once, and the other way
    /// round, until [`handle_peer_down`](Self::handle_peer_down). If there was one before, that is
    /// down.
    ///
    /// # Errors
    ///
    /// [`Error::Peer`] if [`Config::shards`](crate::Config::shards) has no such peer.
    pub fn handle_peer_up(&mut self, now: Instant, peer: Shard) -> Result<(), Error> {
        self.handle_peer_down(now, peer);
        self.record(now, &Call::PeerUp(peer));
        let Some(peers) = self.peers.as_deref_mut() else { return Err(Error::Peer) };
        if peers.get(peer).is_none() {
            return Err(Error::Peer);
        }
        if peers.run == 0 {
            peers.run = now.0.max(1);
            self.journal.change(&Change::Run(peers.run));
        }
        let mark = peers.mark;
        if let Some(state) = peers.get_mut(peer) {
            state.link = Link::Greeting;
            if mark > 0 {
                state.mark(mark);
            }
        }
        self.notify_peer(peer);
        self.settle(now);
        Ok(())
    }

    /// The link to a peer is gone, with all that was on its way. Harmless if there was none.
    pub fn handle_peer_down(&mut self, now: Instant, peer: Shard) {
        self.record(now, &Call::PeerDown(peer));
        self.work.begin();
        let Some(state) = self.peers.as_deref_mut().and_then(|peers| peers.get_mut(peer)) else {
            return;
        };
        (state.link, state.said_hello, state.notified) = (Link::Down, false, false);
        // What was told may not have come.
        state.abreast &= state.sync == Sync::None;
        (state.walk, state.restates, state.sync) = (None, false, Sync::None);
        (state.ordered_live, state.answers, state.late) = (0, 0, Late::default());
        let ordered = core::mem::take(&mut state.ordered);
        let live = core::mem::take(&mut state.live);
        if !ordered.is_empty() || !live.is_empty() {
            state.cut.push_back(Cut { ordered, live });
        }
        self.drop_cut(peer);
        self.release_marked();
        self.settle(now);
    }

    /// The other side has said hello.
    pub(super) fn greeted(&mut self, peer: Shard, run: u64, your_run: u64, received: u64) {
        let forgotten = self.is_planted(Defect::ForgottenForward);
        let Some(peers) = self.peers.as_deref_mut() else { return };
        let known = your_run == peers.run;
        let Some(state) = peers.get_mut(peer) else { return };
        if state.run != run {
            (state.run, state.received) = (run, 0);
            let heard = PeerChange::Heard { run, received: 0 };
            self.journal.change(&Change::Peer(peer, heard));
        }
        state.link = Link::Up;
        if known {
            // It has what was lost here: no sequence is given out twice.
            state.last = state.last.max(received.min(SEQUENCES));
            self.confirmed(peer, received);
        }
        let Some(state) = self.peers.as_deref_mut().and_then(|peers| peers.get_mut(peer)) else {
            return;
        };
        // What is confirmed and yet to be let go is not sent again.
        state.resend = match state.kept.front() {
            Some(kept) if state.has_confirmed() => kept.sequence.max(state.confirmed + 1),
            Some(kept) => kept.sequence,
            None => state.last.saturating_add(1),
        };
        state.resend_until = state.last;
        state.walk = Some(Walk::Begin);
        let known = known && state.abreast && state.sync == Sync::None;
        (state.abreast, state.sync) = (true, if known { Sync::None } else { Sync::At(0) });
        if forgotten {
            state.resend = state.last.saturating_add(1);
        }
        self.notify_peer(peer);
    }

    /// Says that there is something to send to a peer, once until it has run dry.
    pub(super) fn notify_peer(&mut self, peer: Shard) {
        let journal = &self.journal;
        let state = self.peers.as_deref_mut().and_then(|peers| peers.get_mut(peer));
        let Some(state) = state.filter(|state| !state.notified) else { return };
        let ready = match state.link {
            Link::Down => false,
            _ if !state.said_hello => journal.is_durable(state.received_lsn),
            Link::Greeting => false,
            Link::Up => {
                let head = state.ordered.front();
                state.walk.is_some()
                    || matches!(state.sync, Sync::At(_))
                    || state.is_to_sync(&self.config.limits)
                    || !state.live.is_empty()
                    || head.is_some_and(|(lsn, _)| journal.is_durable(*lsn))
                    || (state.resend <= state.resend_until)
            }
        };
        if ready {
            state.notified = true;
            self.outputs.push(Pending::Forward(peer));
        }
    }

    /// Something has become durable: what waited for it may go to the peers.
    pub(crate) fn notify_peers(&mut self) {
        let Some(peers) = self.peers.as_deref() else { return };
        for peer in peers.shards() {
            self.notify_peer(peer);
        }
    }

    /// Tells the peers which interests have begun and ended.
    pub(crate) fn tell_interests(&mut self) {
        let Some(peers) = self.peers.as_deref_mut() else { return };
        let limit = self.config.limits.forwards as usize;
        let Some(interests) = self.subscriptions.interests.as_deref_mut() else { return };
        let (mut told, mark) = (false, peers.mark);
        while let Some((filter, wanted)) = interests.next_change() {
            told = true;
            for shard in peers.shards() {
                let Some(state) = peers.get_mut(shard) else { continue };
                if state.link != Link::Up || state.restates {
                    continue;
                }
                if state.waiting() < limit.saturating_add(state.kept.len()) {
                    state.ordered.push_back((Lsn(0), Item::Interest(filter.clone(), wanted)));
                } else {
                    // All of them once more is no more than this, and a mark after them than many.
                    let told_by = |item: &_| matches!(item, Item::Interest(..) | Item::Mark(_));
                    state.ordered.retain(|(_, item)| !told_by(item));
                    state.ordered.push_back((Lsn(0), Item::Restate));
                    state.restates = true;
                    if mark > 0 {
                        state.mark(mark);
                    }
                }
            }
        }
        if told {
            self.notify_peers();
        }
    }
}

impl Peers {
    /// A link that is idle holds nothing.
    pub(super) fn trim(&mut self, peer: Shard) {
        const KEPT: usize = 64;
        let Some(state) = self.get_mut(peer) else { return };
        if state.ordered.is_empty() && state.ordered.capacity() > KEPT {
            state.ordered = VecDeque::new();
        }
        if state.live.is_empty() && state.live.capacity() > KEPT {
            state.live = VecDeque::new();
        }
        if state.kept.is_empty() && state.kept.capacity() > KEPT {
            state.kept = VecDeque::new();
        }
        const FRAME: usize = 64 << 10;
        if self.frame.capacity() > FRAME {
            self.frame = alloc::vec::Vec::new();
        }
    }
}
