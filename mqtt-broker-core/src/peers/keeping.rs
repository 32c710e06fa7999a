//! Messages for peers: routed to them, kept until they have them, let go.

use alloc::boxed::Box;

use mqtt_codec::QoS;

use super::stamps::Stamp;
use super::{Item, Kept, Link, Live, Routed, is_peer, shard_of};
use crate::boundary::{Event, Shard};
use crate::broker::Broker;
use crate::journal::{Change, Fields, PeerChange};
use crate::publication::Publication;
use crate::subscription::{GroupKey, Subscriber};

impl Broker {
    /// A peer subscribes to what is being routed.
    pub(crate) fn route_to_peer(&mut self, subscriber: Subscriber, origin: Option<u32>) {
        // What came from a peer has come to all.
        if origin.is_some_and(is_peer) {
            return;
        }
        let peers = self.peers.as_deref_mut();
        if let Some(peer) = peers.and_then(|peers| peers.get_mut(shard_of(subscriber))) {
            peer.routed.direct = true;
        }
    }

    /// A group has chosen a peer.
    pub(crate) fn route_to_group(&mut self, subscriber: Subscriber, group: GroupKey) {
        let Some(peers) = self.peers.as_deref_mut() else { return };
        let mut filter = core::mem::take(&mut peers.frame);
        filter.clear();
        self.subscriptions.write_group(group, &mut filter);
        if let Some(peer) = peers.get_mut(shard_of(subscriber)) {
            Fields(&mut peer.routed.groups).bytes(&filter);
        }
        peers.frame = filter;
    }

    /// Gives the message that was routed to the peers it is for. A change of a retained message is
    /// for all of them. Whether it was for any.
    pub(crate) fn forward(&mut self, publication: u32, origin: Option<u32>, count: u64) -> bool {
        let Some(peers) = self.peers.as_deref() else { return false };
        let mut any = false;
        let to_all = count > 0 && !origin.is_some_and(is_peer);
        for shard in peers.shards() {
            let Some(state) = self.peers.as_deref_mut().and_then(|peers| peers.get_mut(shard))
            else {
                continue;
            };
            if state.routed.direct || to_all || !state.routed.groups.is_empty() {
                let Routed { direct, groups } = core::mem::take(&mut state.routed);
                let direct = direct || to_all;
                self.forward_to(shard, publication, count, direct, groups.into());
                any = true;
            }
        }
        any
    }

    fn forward_to(
        &mut self,
        shard: Shard,
        publication: u32,
        count: u64,
        direct: bool,
        groups: Box<[u8]>,
    ) {
        let Some(stored) = self.publications.get(publication) else { return };
        let (qos, len) = (stored.qos, stored.len());
        let Some(peers) = self.peers.as_deref_mut() else { return };
        let Some(state) = peers.get_mut(shard) else { return };
        let kept = qos > QoS::AtMostOnce || count > 0;
        // QoS 0 does not wait for one who is away.
        if !kept && state.link == Link::Down {
            return;
        }
        let limits = &self.config.limits;
        if state.waiting() >= limits.forwards as usize
            || state.bytes.saturating_add(len) > limits.forward_bytes
            || !self.account.has_room(groups.len() + size_of::<Kept>() * 2)
        {
            state.abreast &= count == 0;
            self.forward_dropped(shard, publication);
            return;
        }
        state.bytes += len;
        self.publications.hold(publication);
        self.account.take_anyway(groups.len());
        if kept {
            self.keep(shard, publication, count, direct, groups);
        } else {
            state.push_live(Live { publication, direct, groups }, &self.journal);
        }
        self.notify_peer(shard);
    }

    fn keep(
        &mut self,
        shard: Shard,
        publication: u32,
        count: u64,
        direct: bool,
        groups: Box<[u8]>,
    ) {
        self.name(publication);
        let stored = self.publications.get(publication);
        let named = stored.map_or(0, |stored| stored.sequence);
        let live = stored.is_some_and(|stored| stored.qos == QoS::AtMostOnce);
        let Some(peers) = self.peers.as_deref_mut() else { return };
        peers.kept += 1;
        let Some(state) = peers.get_mut(shard) else { return };
        state.last = state.last.saturating_add(1);
        let sequence = state.last;
        let change =
            PeerChange::Kept { sequence, publication: named, count, direct, groups: &groups };
        self.journal.change(&Change::Peer(shard, change));
        let lsn = self.journal.gate();
        state.kept.push_back(Kept { sequence, publication, count, direct, groups, lsn });
        if state.link == Link::Up {
            state.ordered_live += u32::from(live);
            state.ordered.push_back((lsn, Item::Kept(sequence)));
        }
    }

    /// The peer has all up to a sequence: they are let go as far as this call goes.
    pub(super) fn confirmed(&mut self, shard: Shard, sequence: u64) {
        let state = self.peers.as_deref_mut().and_then(|peers| peers.get_mut(shard));
        if let Some(state) = state {
            // What it says of messages that it was never given says nothing of later ones.
            state.confirmed = state.confirmed.max(sequence.min(state.last));
            self.let_go_confirmed(shard, self.work.left().max(1));
        }
    }

    /// Lets go of so many messages that the peer has said that it has.
    pub(super) fn let_go_confirmed(&mut self, shard: Shard, steps: usize) {
        let mut last = None;
        for _ in 0..steps {
            let Some(peers) = self.peers.as_deref_mut() else { return };
            let Some(state) = peers.get_mut(shard).filter(|state| state.has_confirmed()) else {
                break;
            };
            let Some(kept) = state.kept.pop_front() else { break };
            peers.kept -= 1;
            last = Some(kept.sequence);
            self.work.add(1);
            self.account.give(kept.groups.len());
            self.unname(kept.publication);
            self.let_go_forward(shard, kept.publication);
        }
        if let Some(sequence) = last {
            let change = PeerChange::Confirmed { sequence };
            self.journal.change(&Change::Peer(shard, change));
            // There may be room for what it has not been told.
            self.notify_peer(shard);
        }
    }

    /// Forgets what waited for a link that is gone, as far as this call goes.
    pub(super) fn drop_cut(&mut self, shard: Shard) {
        while !self.work.is_done() {
            let state = self.peers.as_deref_mut().and_then(|peers| peers.get_mut(shard));
            let Some(state) = state else { return };
            let Some(cut) = state.cut.front_mut() else { return };
            self.work.add(1);
            let live = match (cut.ordered.pop_front(), cut.live.pop_front()) {
                (Some((_, Item::Live(live))), None) | (None, Some(live)) => [Some(live), None],
                (Some((_, Item::Live(one))), Some(other)) => [Some(one), Some(other)],
                (Some(_), other) => [other, None],
                (None, None) => {
                    state.cut.pop_front();
                    continue;
                }
            };
            for live in live.into_iter().flatten() {
                self.account.give(live.groups.len());
                self.let_go_forward(shard, live.publication);
            }
        }
    }

    /// A message does not wait for a peer any more.
    pub(super) fn let_go_forward(&mut self, shard: Shard, publication: u32) {
        let len = self.publications.get(publication).map_or(0, Publication::len);
        let state = self.peers.as_deref_mut().and_then(|peers| peers.get_mut(shard));
        if let Some(state) = state {
            state.bytes = state.bytes.saturating_sub(len);
        }
        self.publications.release(publication);
    }

    /// Stamps the change that a message makes of the retained one; the count of the stamp, 0 if it
    /// makes none or nobody else is to know.
    pub(crate) fn stamp(&mut self, now: crate::time::Instant, publication: u32) -> u64 {
        let Some(peers) = self.peers.as_deref_mut() else { return 0 };
        let stored = self.publications.get(publication).filter(|stored| stored.retain());
        let Some(stored) = stored else { return 0 };
        let stamp = peers.stamps.next(now, peers.own);
        let cleared = stored.payload().is_empty();
        self.note_stamp(publication, stamp, cleared);
        stamp.count
    }

    /// The retained message of a topic has expired: its stamp is remembered no longer than if it had
    /// been cleared. No peer is to be told, since it expires there as well.
    pub(crate) fn stamp_expired(&mut self, publication: u32) {
        let Some(peers) = self.peers.as_deref() else { return };
        let Some(stored) = self.publications.get(publication) else { return };
        let stamp = peers.stamps.get(stored.topic().as_bytes());
        if stamp != Stamp::default() {
            self.note_stamp(publication, stamp, true);
        }
    }

    /// Notes the stamp of the last change of the topic of a publication.
    pub(super) fn note_stamp(&mut self, publication: u32, stamp: Stamp, cleared: bool) {
        let Some(peers) = self.peers.as_deref_mut() else { return };
        let Some(stored) = self.publications.get(publication) else { return };
        let topic = stored.topic();
        if peers.stamps.set(topic.as_bytes(), stamp, cleared).is_ok() {
            self.journal.change(&Change::Stamped { topic, stamp, cleared });
        }
    }

    fn forward_dropped(&mut self, peer: Shard, publication: u32) {
        self.stats.dropped_forwards += 1;
        self.event(|broker| {
            let topic = broker.publications.get(publication)?.topic().as_str().into();
            Some(Event::ForwardDropped { peer, topic })
        });
    }
}

impl super::Peer {
    /// Queues a message of QoS 0. It passes what waits for the disk, but no other QoS 0.
    fn push_live(&mut self, live: Live, journal: &crate::journal::Journal) {
        let waits = self.ordered.back().is_some_and(|(lsn, _)| !journal.is_durable(*lsn));
        if waits && self.ordered_live == 0 {
            self.live.push_back(live);
        } else {
            self.ordered_live += 1;
            self.ordered.push_back((crate::boundary::Lsn(0), Item::Live(live)));
        }
    }
}
