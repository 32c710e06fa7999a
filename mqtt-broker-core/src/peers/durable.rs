//! What lasts of the peers: told in the journal's words, and made again.

use alloc::vec::Vec;

use mqtt_codec::TopicFilter;

use super::stamps::Stamp;
use super::{Kept, Peer, Peers, subscriber_of};
use crate::boundary::{Lsn, Shard};
use crate::broker::{Broker, ReplayCause};
use crate::journal::{Change, PeerChange};
use crate::publication::Publication;

/// How many changes one record of a snapshot has.
const TOLD: usize = 256;

/// What a snapshot tells of next.
#[derive(Clone, Copy)]
pub(crate) enum Telling {
    /// A peer, once the messages that are kept for it are told.
    Peer(Shard),
    /// The interests of a peer, of one turn; the walk has begun. The other turn follows, unless this is
    /// the second.
    Interests(Shard, bool, Walk),
    /// The stamps from this place on.
    Stamps(u32),
}

/// Which of its two walks over the interests of a peer a snapshot is at.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Walk {
    First,
    Second,
}

impl Peers {
    /// The publications that are kept, some of them more than once.
    pub(crate) fn named(&self) -> impl Iterator<Item = u32> {
        self.list.iter().flat_map(|peer| peer.kept.iter().map(|kept| kept.publication))
    }

    /// The publications that are kept for one peer.
    pub(crate) fn named_by(&self, shard: Shard) -> impl Iterator<Item = u32> {
        let kept = self.get(shard).into_iter().flat_map(|peer| peer.kept.iter());
        kept.map(|kept| kept.publication)
    }

    pub(crate) const fn run(&self) -> u64 {
        self.run
    }
}

impl Peer {
    /// Tells of all but the interests.
    fn tell(&self, broker: &Broker, tell: &mut dyn FnMut(PeerChange<'_>)) {
        tell(PeerChange::Heard { run: self.run, received: self.received });
        let confirmed = self.kept.front().map_or(self.last, |kept| kept.sequence.saturating_sub(1));
        tell(PeerChange::Confirmed { sequence: confirmed });
        for kept in &self.kept {
            let stored = broker.publications.get(kept.publication);
            let publication = stored.map_or(0, |stored| stored.sequence);
            let Kept { sequence, count, direct, ref groups, .. } = *kept;
            tell(PeerChange::Kept { sequence, publication, count, direct, groups });
        }
    }
}

impl Broker {
    /// Tells of all that lasts of the peers, for comparing.
    pub(crate) fn tell_peers(&self, tell: &mut dyn FnMut(&Change<'_>)) {
        let Some(peers) = self.peers.as_deref() else { return };
        tell(&Change::Run(peers.run));
        let mut place = 0;
        while let Some((at, topic, stamp, cleared)) = peers.stamps.next_from(place) {
            let topic = mqtt_codec::TopicName::assume_valid(topic);
            tell(&Change::Stamped { topic, stamp, cleared });
            place = at + 1;
        }
        for shard in peers.shards() {
            let Some(peer) = peers.get(shard) else { continue };
            peer.tell(self, &mut |change| tell(&Change::Peer(shard, change)));
            let wanted = &peer.interests;
            for (turn, list) in [false, true].into_iter().zip(&wanted.lists) {
                if turn != wanted.turn && wanted.wiping {
                    continue;
                }
                for held in self.subscriptions.of_subscriber(list) {
                    let mut filter = Vec::new();
                    held.write_filter(&mut filter);
                    let (filter, group) = (TopicFilter::assume_valid(&filter), held.group());
                    tell(&Change::Peer(shard, PeerChange::Interested { turn, filter, group }));
                }
            }
        }
    }

    /// Tells a snapshot of one part of what lasts of the peers, in the record being made; what is
    /// next, if there is more.
    pub(crate) fn snapshot_peers(&mut self, telling: Telling) -> Option<Telling> {
        let peers = self.peers.as_deref()?;
        match telling {
            Telling::Peer(shard) => {
                let Some(peer) = peers.get(shard) else {
                    let last = usize::from(shard.0) >= peers.list.len();
                    return Some(if last {
                        Telling::Stamps(0)
                    } else {
                        Telling::Peer(Shard(shard.0.saturating_add(1)))
                    });
                };
                let wanted = &peer.interests;
                let [first, second] = &wanted.lists;
                self.subscriptions.begin_walk(if wanted.turn { second } else { first });
                let (mut journal, mut told) = (self.journal.take(), 0);
                journal.change(&Change::Peer(shard, PeerChange::Told));
                let turn = wanted.turn;
                journal.change(&Change::Peer(shard, PeerChange::Restated { turn }));
                peer.tell(self, &mut |change| {
                    journal.change(&Change::Peer(shard, change));
                    told += 1;
                });
                self.journal = journal;
                self.work.add(told);
                Some(Telling::Interests(shard, turn, Walk::First))
            }
            Telling::Interests(shard, turn, walk) => {
                Some(self.snapshot_interests(shard, turn, walk))
            }
            Telling::Stamps(place) => self.snapshot_stamps(place),
        }
    }

    /// Both lists are told, but for one that is being emptied: what was told again and not to its end
    /// is in the one that is not in force.
    fn snapshot_interests(&mut self, shard: Shard, turn: bool, walk: Walk) -> Telling {
        let next = Telling::Peer(Shard(shard.0.saturating_add(1)));
        let peer = self.peers.as_deref().and_then(|peers| peers.get(shard));
        let Some(wanted) = peer.map(|peer| &peer.interests) else { return next };
        let is_going = wanted.wiping && turn != wanted.turn;
        let mut filter = Vec::new();
        for _ in 0..TOLD {
            let Some(held) = self.subscriptions.walk().filter(|_| !is_going) else {
                if walk == Walk::Second {
                    return next;
                }
                let [first, second] = &wanted.lists;
                self.subscriptions.begin_walk(if turn { first } else { second });
                return Telling::Interests(shard, !turn, Walk::Second);
            };
            filter.clear();
            held.write_filter(&mut filter);
            let (filter, group) = (TopicFilter::assume_valid(&filter), held.group());
            let change = PeerChange::Interested { turn, filter, group };
            self.journal.change(&Change::Peer(shard, change));
            self.work.add(1);
        }
        Telling::Interests(shard, turn, walk)
    }

    fn snapshot_stamps(&mut self, mut place: u32) -> Option<Telling> {
        let peers = self.peers.as_deref()?;
        for _ in 0..TOLD {
            let (at, topic, stamp, cleared) = peers.stamps.next_from(place)?;
            let topic = mqtt_codec::TopicName::assume_valid(topic);
            self.journal.change(&Change::Stamped { topic, stamp, cleared });
            self.work.add(1);
            place = at + 1;
        }
        Some(Telling::Stamps(place))
    }

    pub(crate) fn restore_run(&mut self, run: u64) {
        if let Some(peers) = self.peers.as_deref_mut() {
            peers.run = run;
        }
    }

    pub(crate) fn restore_stamp(
        &mut self,
        topic: mqtt_codec::TopicName<'_>,
        stamp: Stamp,
        cleared: bool,
    ) -> Result<(), ReplayCause> {
        let Some(peers) = self.peers.as_deref_mut() else { return Ok(()) };
        // A snapshot may tell of it after a change of it has.
        if stamp < peers.stamps.get(topic.as_bytes()) {
            return Ok(());
        }
        let set = peers.stamps.set(topic.as_bytes(), stamp, cleared);
        set.map_err(|_| ReplayCause::Limit("memory"))
    }

    /// Makes a change again; `publication` is the one that it names, if it names one.
    pub(crate) fn restore_peer(
        &mut self,
        shard: Shard,
        change: PeerChange<'_>,
        publication: Option<u32>,
    ) -> Result<(), ReplayCause> {
        let Some(peers) = self.peers.as_deref_mut() else {
            return Err(ReplayCause::Limit("shards"));
        };
        let Some(peer) = peers.get_mut(shard) else { return Err(ReplayCause::Limit("shards")) };
        let wanted = &mut peer.interests;
        let [first, second] = &mut wanted.lists;
        match change {
            PeerChange::Told => {}
            PeerChange::Heard { run, received } => (peer.run, peer.received) = (run, received),
            PeerChange::Received { sequence } => peer.received = sequence,
            PeerChange::Interested { turn, filter, group } => {
                let list = if turn { second } else { first };
                let (subscriber, all) = (subscriber_of(shard, turn), &mut self.subscriptions);
                all.subscribe(list, filter, subscriber, super::inbound::everything(), None)
                    .map_err(|_| ReplayCause::Limit("subscriptions"))?;
                all.name_group(filter, group);
            }
            PeerChange::Uninterested { filter } => {
                let all = &mut self.subscriptions;
                all.unsubscribe(first, filter, subscriber_of(shard, false));
                all.unsubscribe(second, filter, subscriber_of(shard, true));
            }
            PeerChange::Restated { turn } => {
                wanted.turn = turn;
                let list = if turn { first } else { second };
                self.subscriptions.unsubscribe_all(list, usize::MAX);
            }
            PeerChange::Kept { sequence, count, direct, groups, .. } => {
                let publication = publication.ok_or(ReplayCause::Unknown("publication"))?;
                let (groups, lsn) = (groups.into(), Lsn(0));
                let kept = Kept { sequence, publication, count, direct, groups, lsn };
                self.account.take_anyway(kept.groups.len());
                peer.bytes += self.publications.get(publication).map_or(0, Publication::len);
                peer.last = peer.last.max(sequence);
                peer.kept.push_back(kept);
                peers.kept += 1;
                self.publications.hold(publication);
                self.name(publication);
            }
            PeerChange::Confirmed { sequence } => {
                peer.last = peer.last.max(sequence);
                self.confirmed(shard, sequence);
                // A record is taken whole.
                self.let_go_confirmed(shard, usize::MAX);
            }
        }
        Ok(())
    }
}
