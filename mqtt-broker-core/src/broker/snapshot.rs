//! A snapshot: all that lasts, told in the journal itself, a little in each turn.
//!
//! What changes meanwhile is told as ever, in between. A replay that starts with the snapshot
//! leaves out the changes of a Session that it has not been told of yet: what they changed is
//! told with the Session. So both end in the same state.

use alloc::vec::Vec;

use mqtt_codec::TopicFilter;

use super::Broker;
use crate::boundary::{Lsn, Shard};
use crate::journal::{Change, Kind, Published};
use crate::output::Pending;
use crate::peers::Telling;
use crate::recording::Call;
use crate::retained::{Scan, Step};
use crate::time::Instant;

/// How many subscriptions one record tells of.
const SUBSCRIPTIONS: usize = 256;

/// How many bytes of a publication count as one step.
const BYTES_PER_STEP: usize = 256;

/// A snapshot that is being made.
pub(crate) struct Snapshot {
    begun: Lsn,
    stage: Stage,
}

enum Stage {
    /// Sessions from this place on, and what they name.
    Sessions(u32),
    /// The subscriptions of the Session in this place, of this number.
    Subscriptions(u32, u64),
    Retained(Scan),
    /// What is between this broker and its peers.
    Peers(Telling),
    /// It is told, up to this record.
    Told(Lsn),
}

impl Broker {
    /// Begins a snapshot, after which the journal before it is of no use any more: the answer is
    /// the record that it begins with. It is made over the following turns: as long as there is
    /// something to tell, [`poll_timeout`](Self::poll_timeout) is in the past. When it is durable
    /// as a whole, [`Output::Snapshot`](crate::Output::Snapshot) says so.
    ///
    /// `None`, and nothing is changed, without [`Config::journal`](crate::Config::journal) and
    /// while another snapshot is being made. How often is the host's choice: when the journal has
    /// become some times as long as the last snapshot, say.
    pub fn snapshot(&mut self, now: Instant) -> Option<Lsn> {
        self.record(now, &Call::Snapshot);
        self.finish_spreads(now);
        if !self.journal.is_enabled() || self.snapshot.is_some() {
            return None;
        }
        self.journal.snapshots = self.journal.snapshots.wrapping_add(1);
        let (sequence, sessions) = (self.publications.sequence(), self.journal.sessions);
        self.journal.change(&Change::Counted { sequence, sessions });
        if let Some(peers) = self.peers.as_deref() {
            self.journal.change(&Change::Run(peers.run()));
        }
        let begun = self.journal.commit_as(now, Kind::SnapshotBegins);
        self.snapshot = Some(Snapshot { begun, stage: Stage::Sessions(0) });
        Some(begun)
    }

    /// Whether a snapshot waits for a turn. It does not while the disk cannot keep up.
    pub(super) fn is_snapshot_ready(&self) -> bool {
        let telling = |snapshot: &Snapshot| !matches!(snapshot.stage, Stage::Told(_));
        let ready = self.snapshot.as_ref().is_some_and(telling) && !self.journal.is_half_full();
        ready && self.spreads.is_empty()
    }

    /// Goes on with a snapshot, as far as this call goes, but at least one thing further.
    pub(super) fn run_snapshot(&mut self, now: Instant) {
        while self.journal.is_enabled() && self.is_snapshot_ready() {
            let Some(Snapshot { begun, stage }) = self.snapshot.take() else { return };
            self.work.add(1);
            let stage = match stage {
                Stage::Sessions(place) => self.snapshot_session(now, place),
                Stage::Subscriptions(place, number) => {
                    self.snapshot_subscriptions(now, place, number)
                }
                Stage::Retained(scan) => self.snapshot_retained(now, scan),
                Stage::Peers(telling) => self.snapshot_of_peers(now, telling),
                told @ Stage::Told(_) => told,
            };
            self.snapshot = Some(Snapshot { begun, stage });
            if self.work.is_done() {
                return;
            }
        }
    }

    /// Tells the host of a snapshot that is durable.
    pub(super) fn release_snapshot(&mut self) {
        let Some(Snapshot { begun, stage: Stage::Told(end) }) = self.snapshot else { return };
        if self.journal.is_durable(end) {
            self.snapshot = None;
            self.outputs.push(Pending::Snapshot(begun));
        }
    }

    /// Tells of the Session in a place, once all that it names is told.
    fn snapshot_session(&mut self, now: Instant, place: u32) -> Stage {
        if place >= self.sessions.places() {
            return Stage::Retained(self.retained.scan_all());
        }
        let session = self.sessions.get(place).filter(|session| session.number != 0);
        let Some(session) = session else { return Stage::Sessions(place + 1) };
        let number = session.number;
        let named: Vec<u32> = self.named_by(session).collect();
        for publication in named {
            self.snapshot_publication(publication);
            if self.work.is_done() && self.journal.is_open() {
                self.journal.commit_as(now, Kind::State);
                return Stage::Sessions(place);
            }
        }
        let (mut journal, mut told) = (self.journal.take(), 0);
        if let Some(session) = self.sessions.get(place) {
            let tell = &mut |change: &Change<'_>| {
                journal.change(change);
                told += 1;
            };
            if session.ended {
                self.tell_left_over(session, tell);
            } else {
                self.tell_session(session, tell);
                self.subscriptions.begin_walk(&session.subscriptions);
            }
        }
        self.work.add(told);
        self.journal = journal;
        if told == 0 {
            return Stage::Sessions(place + 1);
        }
        self.journal.commit_as(now, Kind::State);
        Stage::Subscriptions(place, number)
    }

    /// Tells of a publication, unless this snapshot has.
    fn snapshot_publication(&mut self, publication: u32) {
        let Some(stored) = self.publications.get_mut(publication) else { return };
        if stored.tell(self.journal.snapshots) {
            self.work.add(1 + stored.len() / BYTES_PER_STEP);
            self.journal.change(&Change::Published(Published::from(&*stored)));
        }
    }

    fn snapshot_subscriptions(&mut self, now: Instant, place: u32, number: u64) -> Stage {
        // It may have ended meanwhile, and the place may be another's.
        let session = self.sessions.get(place).filter(|s| s.number == number && !s.ended);
        let Some(session) = session.filter(|session| session.is_journalled) else {
            return Stage::Sessions(place + 1);
        };
        let (mut filter, mut told) = (Vec::new(), 0);
        while told < SUBSCRIPTIONS && !(told > 0 && self.work.is_done()) {
            let Some(held) = self.subscriptions.walk() else { break };
            filter.clear();
            held.write_filter(&mut filter);
            let subscribed = held.subscribed(TopicFilter::assume_valid(&filter));
            self.journal.change(&Change::Session(session.number, subscribed));
            self.work.add(1 + filter.len() / BYTES_PER_STEP);
            told += 1;
        }
        if told == 0 {
            return Stage::Sessions(place + 1);
        }
        self.journal.commit_as(now, Kind::State);
        Stage::Subscriptions(place, number)
    }

    fn snapshot_of_peers(&mut self, now: Instant, telling: Telling) -> Stage {
        if let Telling::Peer(peer) = telling {
            let peers = self.peers.as_deref();
            let named: Vec<u32> = peers.map_or_else(Vec::new, |p| p.named_by(peer).collect());
            for publication in named {
                self.snapshot_publication(publication);
                if self.work.is_done() && self.journal.is_open() {
                    self.journal.commit_as(now, Kind::State);
                    return Stage::Peers(telling);
                }
            }
        }
        let next = self.snapshot_peers(telling);
        if self.journal.is_open() {
            self.journal.commit_as(now, Kind::State);
        }
        match next {
            Some(next) => Stage::Peers(next),
            None => Stage::Told(self.journal.commit_as(now, Kind::SnapshotEnds)),
        }
    }

    fn snapshot_retained(&mut self, now: Instant, mut scan: Scan) -> Stage {
        let mut budget = u32::try_from(self.work.left()).unwrap_or(u32::MAX).max(1);
        loop {
            let before = budget;
            let step = self.retained.next(&self.publications, &mut scan, &mut budget);
            self.work.add((before - budget) as usize);
            let publication = match step {
                Step::Found(publication) => publication,
                Step::Budget => break,
                Step::Done => {
                    self.retained.end(scan);
                    if self.journal.is_open() {
                        self.journal.commit_as(now, Kind::State);
                    }
                    return if self.peers.is_some() {
                        Stage::Peers(Telling::Peer(Shard(0)))
                    } else {
                        Stage::Told(self.journal.commit_as(now, Kind::SnapshotEnds))
                    };
                }
            };
            self.snapshot_publication(publication);
            let Some(stored) = self.publications.get(publication) else { continue };
            let sequence = stored.sequence;
            self.journal.change(&Change::Retained { sequence });
            if self.work.is_done() {
                break;
            }
        }
        if self.journal.is_open() {
            self.journal.commit_as(now, Kind::State);
        }
        Stage::Retained(scan)
    }
}
