//! [`Replay`]: a broker made again from its journal.

mod apply;
mod restore;

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::string::String;
use core::fmt;

use super::{Broker, Timer};
use crate::boundary::{Lsn, Shard};
use crate::config::{Config, Limit, Stats};
use crate::defect::Defect;
use crate::journal::{Change, Frame, Kind, NoFrame};
use crate::recording::Call;
use crate::session::queue::{LOST, NONE};
use crate::session::{FOR_EVER, Session};
use crate::time::{Duration, Instant};

/// Makes a [`Broker`] from the records of its journal: give it each with [`apply`](Self::apply), in
/// order, then [`finish`](Self::finish).
///
/// It begins with the first record there ever was, or with one that
/// [begins a snapshot](crate::Record::begins_snapshot) whose end is in the journal too. A record
/// counts as a whole or not at all. Nothing is delivered on the way, and nothing is routed again.
#[derive(Debug)]
pub struct Replay {
    broker: Broker,
    phase: Phase,
    last: Lsn,
    /// When the last record was made.
    time: Instant,
    /// The Sessions by their numbers in the journal.
    sessions: BTreeMap<u64, u32>,
    /// The publications, held, by their sequences.
    publications: BTreeMap<u64, u32>,
    /// The peers that the snapshot has told of.
    peers_told: BTreeSet<Shard>,
    failed: Option<ReplayError>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Start,
    /// Within the snapshot that the replay began with: what has not been told yet is not known.
    Snapshot,
    Changes,
}

/// Why a journal cannot be replayed. The [`Replay`] is of no use after that.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReplayError {
    /// The record: its own number, or that of the last one before if it has none that can be read.
    pub lsn: Lsn,
    /// Where in the record, in bytes.
    pub offset: usize,
    /// What is wrong.
    pub cause: ReplayCause,
}

/// What is wrong with a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ReplayCause {
    /// The bytes are not exactly one whole record.
    NotARecord,
    /// It has this version of the format, which is unknown here.
    UnknownVersion(u8),
    /// It should have been this one.
    Gap(Lsn),
    /// A journal does not begin with it.
    NoBeginning,
    /// The journal ends within the snapshot that it begins with.
    NoEnd,
    /// Its content has not the form of changes.
    Malformed(&'static str),
    /// It names what is not there.
    Unknown(&'static str),
    /// More is stored than this [limit](crate::Limits) allows. Nothing is thrown away: raise it.
    Limit(&'static str),
}

impl fmt::Display for ReplayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} at byte {}: ", self.lsn.0, self.offset)?;
        match self.cause {
            ReplayCause::NotARecord => f.write_str("not a whole record"),
            ReplayCause::UnknownVersion(version) => write!(f, "format {version} is unknown"),
            ReplayCause::Gap(expected) => write!(f, "record {} is missing", expected.0),
            ReplayCause::NoBeginning => f.write_str("a journal does not begin with it"),
            ReplayCause::NoEnd => f.write_str("the journal ends within its snapshot"),
            ReplayCause::Malformed(what) => write!(f, "malformed: {what}"),
            ReplayCause::Unknown(what) => write!(f, "names a {what} that is not there"),
            ReplayCause::Limit(name) => write!(f, "the limit `{name}` is too small for it"),
        }
    }
}

impl core::error::Error for ReplayError {}

impl Broker {
    /// Begins to make a broker from its journal. With no record at all, it is a
    /// [new](Self::new) one.
    #[must_use]
    pub fn replay(config: Config) -> Replay {
        let mut broker = Self::new(config);
        broker.journal.start_replay();
        Replay {
            broker,
            phase: Phase::Start,
            last: Lsn(0),
            time: Instant(0),
            sessions: BTreeMap::new(),
            publications: BTreeMap::new(),
            peers_told: BTreeSet::new(),
            failed: None,
        }
    }
}

impl Replay {
    /// Applies the next record: its [bytes](crate::Record::bytes), no more and no less.
    ///
    /// # Errors
    ///
    /// [`ReplayError`] names the record, the place in it, and what is wrong; every later call
    /// answers the same.
    pub fn apply(&mut self, record: &[u8]) -> Result<(), ReplayError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        self.broker.recorder.call(&Call::Applied { record });
        self.apply_record(record).inspect_err(|error| self.failed = Some(*error))
    }

    /// The broker as it was when its last record was made. Clients that were connected then are
    /// not any more, as of `now`: what that means for their Sessions and Will Messages is due by
    /// the rules of the standard, from the next [`handle_timeout`](Broker::handle_timeout) on. If
    /// `now` is earlier than the last record, the clock has been set back, and all deadlines with
    /// it.
    ///
    /// The records that were applied count as durable.
    ///
    /// # Errors
    ///
    /// That of an earlier [`apply`](Self::apply), or [`ReplayCause::NoEnd`].
    pub fn finish(mut self, now: Instant) -> Result<Broker, ReplayError> {
        if let Some(failed) = self.failed {
            return Err(failed);
        }
        match self.phase {
            Phase::Start => self.broker.journal.end_replay(Lsn(0)),
            Phase::Snapshot => return Err(self.error(0, ReplayCause::NoEnd)),
            Phase::Changes => {
                self.restart(now);
                for key in self.sessions.values() {
                    self.broker.recount_session(*key);
                    self.broker.session_due(*key);
                }
                let mut broker = self.broker;
                for publication in self.publications.into_values() {
                    broker.publications.release(publication);
                }
                broker.journal.end_replay(self.last);
                broker.tell_interests();
                broker.record(now, &Call::CameBack);
                broker.salt = now.0.rotate_left(32) ^ self.last.0;
                broker.journal.change(&Change::Restarted);
                broker.journal.commit(now);
                return Ok(broker);
            }
        }
        Ok(self.broker)
    }

    /// What has been brought back so far, as [`Broker::durable_state`] tells it.
    #[must_use]
    pub fn durable_state(&self) -> String {
        self.broker.durable_state()
    }

    /// What is held so far: the most that it ever is, after one record or another, is what
    /// [`Limits`](crate::Limits) have to allow for the replay to come to its end.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.broker.stats()
    }

    fn apply_record(&mut self, record: &[u8]) -> Result<(), ReplayError> {
        let frame = match Frame::read(record) {
            Ok(frame) if frame.bytes.len() == record.len() => frame,
            Err(NoFrame::Version(version)) => {
                return Err(self.error(0, ReplayCause::UnknownVersion(version)));
            }
            _ => return Err(self.error(0, ReplayCause::NotARecord)),
        };
        let header = frame.header;
        let expected = Lsn(self.last.0.saturating_add(1));
        let begins = header.kind == Kind::SnapshotBegins;
        let out_of_place = match self.phase {
            // Others follow.
            Phase::Start if begins && header.lsn.0 >> 63 == 0 || header.lsn == expected => None,
            Phase::Start => Some(ReplayCause::NoBeginning),
            _ if header.lsn == expected => None,
            _ => Some(ReplayCause::Gap(expected)),
        };
        self.last = header.lsn;
        if let Some(cause) = out_of_place {
            return Err(self.error(0, cause));
        }
        self.decode_all(&frame)?;
        if self.phase == Phase::Start {
            // Before the first record of all there was nothing to tell of.
            let told = begins && header.lsn != Lsn(1);
            self.phase = if told { Phase::Snapshot } else { Phase::Changes };
        }
        // What is told is known already, unless the replay began here.
        if header.kind == Kind::Changes || self.phase == Phase::Snapshot {
            let mut rest = frame.body;
            while !rest.is_empty() {
                let offset = record.len() - rest.len();
                let change = Change::decode(&mut rest);
                let change = change.map_err(ReplayCause::Malformed);
                change
                    .and_then(|change| self.change(header.time, &change))
                    .map_err(|cause| self.error(offset, self.reached(cause)))?;
            }
        }
        if self.phase == Phase::Snapshot && header.kind == Kind::SnapshotEnds {
            self.phase = Phase::Changes;
        }
        self.time = header.time;
        Ok(())
    }

    /// Nothing of a record is applied if any of it cannot be read.
    fn decode_all(&self, frame: &Frame<'_>) -> Result<(), ReplayError> {
        let mut rest = frame.body;
        while !rest.is_empty() {
            let offset = frame.bytes.len() - rest.len();
            Change::decode(&mut rest)
                .map_err(|what| self.error(offset, ReplayCause::Malformed(what)))?;
        }
        Ok(())
    }

    /// A container that is full does not say whether that is for want of memory.
    fn reached(&self, cause: ReplayCause) -> ReplayCause {
        match cause {
            ReplayCause::Limit(_) if self.broker.account.take_refusal() => {
                ReplayCause::Limit(Limit::Memory.name())
            }
            cause => cause,
        }
    }

    const fn error(&self, offset: usize, cause: ReplayCause) -> ReplayError {
        ReplayError { lsn: self.last, offset, cause }
    }

    /// The broker came back at `now`: everyone's connection is gone, and what nothing names is
    /// forgotten.
    fn restart(&mut self, now: Instant) {
        let mut set_back = self.time.since(now);
        if self.broker.is_planted(Defect::StaleDeadlines) {
            set_back = Duration::ZERO;
        }
        let maximum = self.broker.config.message_expiry_maximum;
        // Whoever was connected is away now, with all that waits.
        let mut offline_bytes = 0;
        for key in self.sessions.values() {
            if let Some(session) = self.broker.sessions.get_mut(*key) {
                session.lose_connection(now, set_back);
                offline_bytes += session.queued_bytes as usize;
            }
        }
        self.broker.stats.offline_bytes = offline_bytes;
        let publications = &mut self.broker.publications;
        self.publications.retain(|_, key| {
            let Some(publication) = publications.get_mut(*key) else { return false };
            let latest = if maximum == FOR_EVER { Instant::NEVER } else { now + seconds(maximum) };
            let expires_at = earlier(publication.expires_at, set_back);
            publication.expires_at = expires_at.min(latest);
            let named = publication.named > 0;
            if !named {
                publications.release(*key);
            }
            named
        });
        self.time = now;
    }
}

impl Session {
    /// It has no connection after a restart at `now`, when the clock was `set_back`.
    fn lose_connection(&mut self, now: Instant, set_back: Duration) {
        let life = match self.expiry_interval {
            FOR_EVER => Instant::NEVER,
            interval => now + seconds(interval),
        };
        let was_connected = self.connection == LOST;
        self.connection = NONE;
        // No deadline is further away than it was when it was set.
        self.ends_at = if was_connected { life } else { life.min(earlier(self.ends_at, set_back)) };
        if let Some(will) = &mut self.will {
            let delay = now + seconds(will.delay_interval);
            will.due = if was_connected { delay } else { delay.min(earlier(will.due, set_back)) };
        }
    }
}

fn seconds(count: u32) -> Duration {
    Duration::from_secs(count.into())
}

/// A deadline moved with the clock.
fn earlier(deadline: Instant, set_back: Duration) -> Instant {
    let micros = u64::try_from(set_back.as_micros()).unwrap_or(u64::MAX);
    match deadline {
        Instant::NEVER => deadline,
        Instant(at) => Instant(at.saturating_sub(micros)),
    }
}

impl Broker {
    /// Arms the timer of a Session that has no connection; what is left over of one that has ended is
    /// given on.
    fn session_due(&mut self, session: u32) {
        let Some(state) = self.sessions.get_mut(session) else { return };
        if state.ended {
            self.sessions.queue_ended(session);
            return;
        }
        let will = state.will.as_ref().map_or(Instant::NEVER, |will| will.due);
        let next = will.min(state.ends_at);
        if next < Instant::NEVER {
            self.timers.arm(&mut state.timer, next, Timer::Session(session));
        }
    }
}
