//! A SUBSCRIBE waits until the peers know what it asks for.

use mqtt_codec::TopicFilter;

use super::{Item, Link};
use crate::boundary::Lsn;
use crate::broker::Broker;
use crate::connection::line::For;

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
                state.ordered.push_back((Lsn(0), Item::Mark(mark)));
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
