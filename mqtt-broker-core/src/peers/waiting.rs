//! A SUBSCRIBE waits until the peers know what it asks for.

use mqtt_codec::TopicFilter;

use super::{Item, Late, Link, Peer};
use crate::boundary::Lsn;
use crate::broker::Broker;
use crate::connection::line::For;

/// How many answers may wait for a peer that takes nothing: after that, one of a kind stands in for
/// those that follow.
const ANSWERS: u32 = 1024;
/// How many connections are told in one turn that their input goes on.
const RESUMED: usize = 256;

impl Broker {
    /// Holds the interest in a filter that is about to be subscribed to.
    pub(crate) fn hold_interest(&mut self, filter: TopicFilter<'_>) -> Option<u32> {
        let interests = self.subscriptions.interests.as_deref_mut()?;
        // Without memory for it there is none for a subscription.
        interests.hold(filter.as_bytes()).ok()
    }

    /// Lets go of interests that were held.
    pub(crate) fn release_interests(&mut self, held: &[u32]) {
        if let Some(interests) = self.subscriptions.interests.as_deref_mut() {
            for key in held {
                interests.release(*key);
            }
        }
        self.tell_interests();
    }

    /// Marks how far the links to all peers have come; the number of the mark.
    pub(crate) fn mark_peers(&mut self) -> u64 {
        self.tell_interests();
        let Some(peers) = self.peers.as_deref_mut() else { return 0 };
        peers.mark += 1;
        let mark = peers.mark;
        for shard in peers.shards() {
            if let Some(state) = peers.get_mut(shard).filter(|state| state.link != Link::Down) {
                state.mark(mark);
            }
        }
        self.notify_peers();
        mark
    }

    /// Whether all peers that are connected have answered a mark.
    pub(crate) fn is_marked(&self, mark: u64) -> bool {
        let Some(peers) = self.peers.as_deref() else { return true };
        let mut links = peers.shards().filter_map(|shard| peers.get(shard));
        links.all(|state| state.link == Link::Down || state.marked >= mark)
    }

    /// Lets go on who waits for marks that all peers have answered, as far as this turn goes.
    pub(crate) fn release_marked(&mut self) {
        let mut resumed = 0;
        while let Some(index) = self.connections.first(For::Peers) {
            let mark = self.connections.get(index).map_or(0, |connection| connection.mark());
            if !self.is_marked(mark) {
                break;
            }
            if resumed == RESUMED {
                if let Some(peers) = self.peers.as_deref_mut() {
                    peers.releasing = true;
                }
                return;
            }
            resumed += 1;
            self.work.add(1);
            self.connections.take_first(For::Peers);
            self.resume(index);
        }
        if let Some(peers) = self.peers.as_deref_mut() {
            peers.releasing = false;
        }
    }
}

impl Peer {
    /// Asks it how far it has come. It answers for all that it was asked before.
    pub(super) fn mark(&mut self, mark: u64) {
        match self.ordered.back_mut() {
            Some((_, Item::Mark(asked))) => *asked = mark,
            _ => self.ordered.push_back((Lsn(0), Item::Mark(mark))),
        }
    }

    /// Queues an answer, once this record is durable. It says whatever an earlier one said.
    pub(super) fn answer(&mut self, lsn: Lsn, item: Item) {
        let slot = match item {
            Item::Marked(_) => &mut self.late.marked,
            _ => &mut self.late.received,
        };
        match item {
            Item::Marked(said) | Item::Received(said) if self.answers >= ANSWERS => {
                let before = slot.unwrap_or_default();
                *slot = Some((before.0.max(lsn), before.1.max(said)));
            }
            item => {
                self.answers += 1;
                self.ordered.push_back((lsn, item));
            }
        }
    }

    /// An answer was sent: there may be room for those that had none.
    pub(super) fn answered(&mut self) {
        self.answers = self.answers.saturating_sub(1);
        if self.answers > ANSWERS / 2 {
            return;
        }
        let Late { marked, received } = core::mem::take(&mut self.late);
        for (lsn, item) in [
            received.map(|(lsn, said)| (lsn, Item::Received(said))),
            marked.map(|(lsn, said)| (lsn, Item::Marked(said))),
        ]
        .into_iter()
        .flatten()
        {
            self.answer(lsn, item);
        }
    }
}
