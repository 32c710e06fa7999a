//! [`Disk`]: the store under a node's journal, byte by byte. It keeps what was synced, and of the
//! rest what a crash happens to leave.

use mqtt_broker_core::{Instant, Lsn, Record};

use crate::random::Random;

/// What a host promises when it says that a record is durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Store {
    /// Nothing: there is no journal, and a broker that dies is forgotten.
    #[default]
    Memory,
    /// It is with the operating system: a process that dies loses nothing.
    Os,
    /// It is synced: not even a power cut loses it.
    Fsync,
}

/// How a node dies.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Death {
    /// Its process ends: what was written stays, and the peers are told.
    Process,
    /// The machine stops: what was not synced may be lost, and nobody is told.
    Power,
}

/// One journal.
#[derive(Debug, Default)]
pub struct Disk {
    /// What the host promises.
    pub store: Store,
    /// There is no room: what is appended stays with the host.
    pub is_full: bool,
    /// How many messages had been accepted before it became so.
    pub full_from: u64,
    /// Of the records that one call has made, some may be left without the others.
    pub tears_calls: bool,
    /// The last death has left a part of them.
    pub has_torn_a_call: bool,
    bytes: Vec<u8>,
    records: Vec<Stored>,
    /// The first record that has not been cut away; and before the last cut, which a crash may undo.
    first: usize,
    first_before: usize,
    /// How many of the records are written, and how many synced.
    written: usize,
    synced: usize,
    calls: u64,
}

#[derive(Clone, Copy, Debug)]
struct Stored {
    lsn: Lsn,
    end: usize,
    /// When it was made, by its host's clock.
    time: Instant,
    /// What was durable when it was made.
    durable: Lsn,
    /// The call that made it.
    call: u64,
    /// It changes something, and does not only tell of it.
    changes: bool,
}

/// What is left of a journal, and what a restart should make of it.
#[derive(Debug)]
pub struct Left {
    /// What there is to read.
    pub bytes: Vec<u8>,
    /// How many of the bytes are whole records, from the front.
    pub whole: usize,
    /// The last of these records.
    pub lsn: Lsn,
    /// When it was made.
    pub time: Instant,
}

impl Disk {
    /// An empty one.
    #[must_use]
    pub fn new(store: Store) -> Self {
        Self { store, ..Self::default() }
    }

    /// What is appended from here on comes of another call of the broker.
    pub const fn next_call(&mut self) {
        self.calls += 1;
    }

    /// Appends a record; whether it changes something.
    pub fn append(&mut self, now: Instant, record: &Record<'_>) -> bool {
        self.bytes.extend_from_slice(record.bytes);
        // By the format: kind, and what was durable.
        let changes = record.bytes[9] == 0;
        let durable = record.bytes[20..28].try_into().map_or(0, u64::from_le_bytes);
        self.records.push(Stored {
            lsn: record.lsn,
            end: self.bytes.len(),
            time: now,
            durable: Lsn(durable),
            call: self.calls,
            changes,
        });
        self.write();
        changes
    }

    /// Writes what the host has kept, if there is room.
    pub const fn write(&mut self) {
        if !self.is_full {
            self.written = self.records.len();
        }
    }

    /// The newest record that is written.
    #[must_use]
    pub fn written(&self) -> Lsn {
        self.lsn(self.written)
    }

    /// The newest record that is as durable as the host promises.
    #[must_use]
    pub fn promised(&self) -> Lsn {
        match self.store {
            Store::Fsync => self.lsn(self.synced),
            Store::Os | Store::Memory => self.lsn(self.written),
        }
    }

    /// A sync that began when `lsn` was the newest record written is done.
    pub fn sync(&mut self, lsn: Lsn) {
        let synced = self.records.partition_point(|record| record.lsn <= lsn);
        self.synced = self.synced.max(synced.min(self.written));
    }

    /// Takes away what is before this record.
    pub fn cut(&mut self, lsn: Lsn) {
        self.first_before = self.first;
        self.first = self.records.partition_point(|record| record.lsn < lsn);
    }

    /// The node dies: what was not safe is lost as chance has it. What is left.
    pub fn crash(&mut self, death: Death, random: &mut Random) -> Left {
        (self.is_full, self.has_torn_a_call) = (false, false);
        if random.chance(300) {
            self.first = self.first_before;
        }
        self.first_before = self.first;
        let (from, safe) = (self.begin(self.first), self.begin(self.synced));
        let written = self.begin(self.written);
        let mut bytes = self.bytes[..written].to_vec();
        if self.store == Store::Fsync {
            match death {
                // The last write was under way.
                Death::Process if random.chance(300) => {
                    let last = self.begin(self.written.saturating_sub(1)).max(safe);
                    bytes.truncate(cut(last, written, random));
                }
                Death::Process => {}
                Death::Power => lose(&mut bytes, safe, random),
            }
        }
        let kept = self.kept(&mut bytes);
        self.records.truncate(kept);
        self.bytes.truncate(self.begin(kept));
        (self.written, self.synced) = (kept, kept);
        let time = self.records.last().map_or(Instant::default(), |record| record.time);
        let whole = self.bytes.len() - from;
        bytes.drain(..from);
        Left { bytes, whole, lsn: self.lsn(kept), time }
    }

    /// How many records are whole. Unless calls may be torn, a call's changes go together: a world
    /// that tells its model of calls does not know which of them was in which record.
    fn kept(&mut self, bytes: &mut Vec<u8>) -> usize {
        let is_whole = |place: &usize| {
            let (begin, end) = (self.begin(*place), self.records[*place].end);
            bytes.get(begin..end) == self.bytes.get(begin..end)
        };
        let kept = (0..self.written).find(|place| !is_whole(place)).unwrap_or(self.written);
        let Some(lost) = self.records[kept..].iter().find(|record| record.changes) else {
            return kept;
        };
        let same = |record: &Stored| record.changes && record.call == lost.call;
        match self.records[..kept].iter().position(same) {
            Some(first) if self.tears_calls => {
                self.has_torn_a_call = first >= self.synced;
                kept
            }
            Some(first) if first >= self.synced => {
                bytes.truncate(self.begin(first));
                first
            }
            _ => kept,
        }
    }

    /// The journal as it is with one bit of a durable record turned, and where that record begins,
    /// if a later record tells that it was durable.
    #[must_use]
    pub fn damaged(&self, random: &mut Random) -> Option<(Vec<u8>, usize)> {
        let all = &self.records[self.first..];
        let told = all.iter().map(|record| record.durable).max()?;
        let known = all.partition_point(|record| record.lsn <= told);
        let place = self.first + random.index(known.max(1));
        let from = self.begin(self.first);
        let (begin, end) = (self.begin(place), self.records.get(place)?.end);
        // Is there somebody left to tell?
        let later = self.records[place + 1..].iter().map(|record| record.durable).max()?;
        if later < self.records[place].lsn {
            return None;
        }
        let mut bytes = self.bytes[from..].to_vec();
        bytes[begin - from + random.index(end - begin)] ^= 1 << random.below(8);
        Some((bytes, begin - from))
    }

    fn begin(&self, place: usize) -> usize {
        place.checked_sub(1).map_or(0, |before| self.records[before].end)
    }

    fn lsn(&self, count: usize) -> Lsn {
        count.checked_sub(1).map_or(Lsn(0), |last| self.records[last].lsn)
    }
}

/// Of what was not synced, in blocks, each is there or not; the end may be missing, and a bit may
/// be wrong.
fn lose(bytes: &mut Vec<u8>, safe: usize, random: &mut Random) {
    let block = *random.pick(&[16, 64, 512, 4096]);
    let lost = *random.pick(&[0, 100, 500, 1000]);
    let mut place = safe;
    while place < bytes.len() {
        let end = ((place / block + 1) * block).min(bytes.len());
        if random.chance(lost) {
            bytes[place..end].fill(0);
        }
        place = end;
    }
    if random.chance(500) {
        bytes.truncate(cut(safe, bytes.len(), random));
    }
    if bytes.len() > safe && random.chance(200) {
        let place = safe + random.index(bytes.len() - safe);
        bytes[place] ^= 1 << random.below(8);
    }
}

/// A place from `low` to `high`.
fn cut(low: usize, high: usize, random: &mut Random) -> usize {
    low + random.index(high - low + 1)
}

#[cfg(test)]
mod tests;
