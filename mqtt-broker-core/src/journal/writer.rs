//! [`Journal`]: the records on their way to the host's store, and what is known to be there.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use super::frame::{Frame, HEADER, Header, Kind};
use super::{Change, Record};
use crate::boundary::Lsn;
use crate::broker::{bytes_of, queue_bytes, trim_queue};
use crate::config::Config;
use crate::time::Instant;

/// How large a buffer is kept when nothing is in it.
const SPARE: usize = 64 << 10;

/// Records that the host has not polled yet, the one being made, and what is known to be durable.
pub(crate) struct Journal {
    enabled: bool,
    /// What changes comes from the journal itself.
    replaying: bool,
    /// Frames that wait for the host, then the one being made.
    bytes: Vec<u8>,
    /// Where the first frame that waits begins.
    taken: usize,
    /// Where the record being made begins.
    open: usize,
    last: Lsn,
    durable: Lsn,
    /// Each record that is not durable, and the bytes of all up to its end.
    pending: VecDeque<(Lsn, u64)>,
    /// The bytes of all records, and of those that are durable.
    written: u64,
    synced: u64,
    limit: usize,
    /// Sessions that have ended and may come back if the broker stops now, by the hash of their
    /// Client Identifier, and in order.
    ended: BTreeMap<u64, Lsn>,
    ended_at: VecDeque<(Lsn, u64)>,
    /// How many snapshots have begun.
    pub(crate) snapshots: u32,
    /// The number of the last Session that was journalled.
    pub(crate) sessions: u64,
}

impl Journal {
    pub(crate) fn new(enabled: bool, limit: usize) -> Self {
        Self {
            enabled,
            replaying: false,
            bytes: Vec::new(),
            taken: 0,
            open: 0,
            last: Lsn(0),
            durable: Lsn(0),
            pending: VecDeque::new(),
            written: 0,
            synced: 0,
            limit,
            ended: BTreeMap::new(),
            ended_at: VecDeque::new(),
            snapshots: 0,
            sessions: 0,
        }
    }

    /// That of a broker with this configuration.
    pub(crate) fn of(config: &Config) -> Self {
        Self::new(config.journal, config.limits.journal_bytes)
    }

    /// Takes the journal out while it is told of what is beside it.
    pub(crate) fn take(&mut self) -> Self {
        core::mem::replace(self, Self::new(false, 0))
    }

    /// Whether there is something in the record being made.
    #[inline]
    pub(crate) fn is_open(&self) -> bool {
        self.bytes.len() > self.open
    }

    /// Whether there is a journal: what lasts is counted, and changes of it are recorded.
    #[inline]
    pub(crate) const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// Nothing is recorded until the last record of a replay has been applied.
    pub(crate) fn start_replay(&mut self) {
        self.replaying = true;
    }

    /// The replay is over; the journal goes on after `last`, all of which is durable.
    pub(crate) fn end_replay(&mut self, last: Lsn) {
        self.replaying = false;
        (self.last, self.durable) = (last, last);
    }

    /// The record that the step at hand makes: what it promises depends on that. Nothing if it has
    /// changed nothing that lasts.
    #[inline]
    pub(crate) fn gate(&self) -> Lsn {
        if self.is_open() { self.open_lsn() } else { Lsn(0) }
    }

    /// The number of the record being made, or of the next one.
    #[inline]
    pub(crate) const fn open_lsn(&self) -> Lsn {
        Lsn(self.last.0 + 1)
    }

    pub(crate) const fn last(&self) -> Lsn {
        self.last
    }

    #[inline]
    pub(crate) fn is_durable(&self, lsn: Lsn) -> bool {
        lsn <= self.durable
    }

    pub(crate) fn durable(&mut self, lsn: Lsn) {
        self.durable = self.durable.max(lsn.min(self.last));
        let durable = self.durable;
        while let Some(&(_, end)) = self.pending.front().filter(|(lsn, _)| *lsn <= durable) {
            self.pending.pop_front();
            self.synced = end;
        }
        while let Some(&(at, client)) = self.ended_at.front().filter(|(lsn, _)| *lsn <= durable) {
            self.ended_at.pop_front();
            if self.ended.get(&client) == Some(&at) {
                self.ended.remove(&client);
            }
        }
        trim_queue(&mut self.pending);
        trim_queue(&mut self.ended_at);
    }

    /// Bytes of records that are not durable.
    pub(crate) fn pending_bytes(&self) -> usize {
        usize::try_from(self.written - self.synced).unwrap_or(usize::MAX)
    }

    /// Whether so much waits for the disk that publishers have to wait as well.
    #[inline]
    pub(crate) fn is_half_full(&self) -> bool {
        self.pending_bytes() >= self.limit / 2
    }

    /// Whether nothing more may be recorded for a client.
    #[inline]
    pub(crate) fn is_full(&self) -> bool {
        self.pending_bytes() >= self.limit
    }

    /// Adds a change to the record being made.
    #[inline]
    pub(crate) fn change(&mut self, change: &Change<'_>) {
        if self.enabled && !self.replaying {
            if self.bytes.len() == self.open {
                self.bytes.extend_from_slice(&[0; HEADER]);
            }
            change.encode(&mut self.bytes);
        }
    }

    /// Notes that the Session of this Client Identifier, hashed, is ended by the record being made.
    pub(crate) fn note_end(&mut self, client: u64) {
        if self.enabled && !self.replaying {
            let lsn = self.open_lsn();
            self.ended.insert(client, lsn);
            self.ended_at.push_back((lsn, client));
        }
    }

    /// The record that ended the Session of this Client Identifier, unless it is durable.
    pub(crate) fn end_of(&self, client: u64) -> Lsn {
        self.ended.get(&client).copied().unwrap_or_default()
    }

    /// The memory held, in bytes; of the map, what it can be at most.
    pub(crate) fn heap(&self) -> usize {
        const OF_A_NODE: usize = 64;
        let map = if self.ended.is_empty() { 0 } else { (self.ended.len() + 8) * OF_A_NODE };
        bytes_of(&self.bytes) + queue_bytes(&self.pending) + queue_bytes(&self.ended_at) + map
    }

    /// Ends the record being made, if there is anything in it.
    #[inline]
    pub(crate) fn commit(&mut self, now: Instant) {
        if self.is_open() {
            self.commit_as(now, Kind::Changes);
        }
    }

    /// Ends the record being made, which may be empty.
    pub(crate) fn commit_as(&mut self, now: Instant, kind: Kind) -> Lsn {
        if self.bytes.len() == self.open {
            self.bytes.extend_from_slice(&[0; HEADER]);
        }
        let lsn = self.open_lsn();
        let header = Header { kind, lsn, durable: self.durable, time: now };
        let frame = self.bytes.get_mut(self.open..).unwrap_or_default();
        header.write(frame);
        self.last = lsn;
        self.written += frame.len() as u64;
        self.open = self.bytes.len();
        self.pending.push_back((lsn, self.written));
        lsn
    }

    /// If all that is whole has been handed out, its memory is used again.
    pub(crate) fn reclaim(&mut self) -> bool {
        if self.taken < self.open {
            return false;
        }
        self.bytes.drain(..self.open);
        (self.taken, self.open) = (0, 0);
        if self.bytes.is_empty() && self.bytes.capacity() > SPARE {
            self.bytes = Vec::new();
        }
        true
    }

    /// The next record that is whole.
    pub(crate) fn poll(&mut self) -> Option<Record<'_>> {
        let frame = Frame::split(self.bytes.get(self.taken..self.open)?)?;
        self.taken += frame.bytes.len();
        Some(Record::of(&frame))
    }
}
