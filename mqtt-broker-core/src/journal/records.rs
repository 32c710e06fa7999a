//! [`Records`]: what lies in a journal's bytes, record by record, and where it stops being whole.

use core::iter::FusedIterator;

use super::Record;
use super::frame::{Frame, HEADER, NoFrame};
use crate::boundary::Lsn;

/// How many times as many bytes as there are may be summed up in the search for records after
/// damage. A stranger's payload may look like many records.
const SEARCH: usize = 64;

/// Walks the records of a journal's bytes, as a host has kept them, one after another.
///
/// The walk ends after the last record, or with the first answer that is not one.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    offset: usize,
    /// The record before; `None`: any may be the first.
    last: Option<Lsn>,
    ended: bool,
}

/// What lies at one place of a journal's bytes. Offsets count from the beginning of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stored<'a> {
    /// A whole record.
    Record(Record<'a>),
    /// The end of a journal that was being written when its host stopped: what is here was never
    /// durable, and nothing that was comes after it. The host cuts its journal to `offset` bytes
    /// and goes on.
    ///
    /// In bytes that the journal goes on after, this is damage as well.
    TornTail {
        /// Where the last whole record ends.
        offset: usize,
    },
    /// A record was here that had been made durable, or others after it had: what follows cannot
    /// be understood without it. A host refuses to start, and names the place.
    Damage {
        /// Where the last whole record before it ends.
        offset: usize,
    },
    /// A record whose format another version of this software wrote.
    UnknownVersion {
        /// Where it begins.
        offset: usize,
        /// The version of its format.
        version: u8,
    },
}

impl<'a> Records<'a> {
    /// The records in `bytes`, the first of which may be any.
    #[must_use]
    pub const fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, last: None, ended: false }
    }

    /// The records in `bytes`, which go on after the record `last`: for a journal that is kept in
    /// pieces.
    #[must_use]
    pub const fn after(last: Lsn, bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, last: Some(last), ended: false }
    }

    fn next_lsn(&self) -> Option<Lsn> {
        self.last.map(|last| Lsn(last.0.saturating_add(1)))
    }

    /// What it means that there is no record here: was it durable? Records tell, of the time when
    /// they were made, what was.
    fn judge(&self) -> Stored<'a> {
        let (last, offset) = (self.last.unwrap_or_default(), self.offset);
        let mut place = offset;
        let mut budget = self.bytes.len().saturating_mul(SEARCH);
        while let Some(bytes) = self.bytes.get(place..).filter(|bytes| bytes.len() >= HEADER) {
            place += 1;
            if !Frame::may_begin(bytes, last) {
                continue;
            }
            let Some(left) = budget.checked_sub(Frame::claimed_len(bytes)) else {
                return Stored::Damage { offset };
            };
            budget = left;
            if let Ok(found) = Frame::read(bytes) {
                if found.header.durable > last {
                    return Stored::Damage { offset };
                }
                place += found.bytes.len() - 1;
            }
        }
        Stored::TornTail { offset }
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Stored<'a>;

    fn next(&mut self) -> Option<Stored<'a>> {
        let bytes = self.bytes.get(self.offset..).filter(|bytes| !bytes.is_empty())?;
        if self.ended {
            return None;
        }
        let offset = self.offset;
        match Frame::read(bytes) {
            Ok(frame) if self.next_lsn().is_none_or(|next| next == frame.header.lsn) => {
                self.offset += frame.bytes.len();
                self.last = Some(frame.header.lsn);
                return Some(Stored::Record(Record::of(&frame)));
            }
            Err(NoFrame::Version(version)) => {
                self.ended = true;
                return Some(Stored::UnknownVersion { offset, version });
            }
            Ok(_) | Err(NoFrame::Incomplete | NoFrame::Damaged) => {}
        }
        let judged = self.judge();
        self.ended = true;
        Some(judged)
    }
}

impl FusedIterator for Records<'_> {}
