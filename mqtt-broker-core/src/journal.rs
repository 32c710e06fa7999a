//! The journal: state changes on their way to the host's store, and what is known to be there.
//!
//! One [`Record`] holds all changes of one step (a packet, a timer, a wish of the host): it counts
//! as a whole or not at all. What lasts is journalled: Sessions that outlive their connection, the
//! Will Message of every other, retained messages. The format and its reasons are told in
//! `docs/design/0002-journal.md`.

mod change;
mod checksum;
mod fields;
mod frame;
mod peer_change;
mod records;
#[cfg_attr(not(feature = "journal"), path = "journal/no_writer.rs")]
mod writer;

use core::fmt;

use crate::boundary::Lsn;
pub(crate) use change::{Change, Life, Malformed, Published, SessionChange, pass_through};
pub(crate) use fields::{Fields, Reader};
pub(crate) use frame::{Frame, Header, Kind, NoFrame};
pub(crate) use peer_change::PeerChange;
pub use records::{Records, Stored};
pub(crate) use writer::Journal;

/// All state changes of one step, to be kept as a whole.
///
/// Its bytes say by themselves where it ends, whether it is whole, and what its number is: a host
/// appends them to what it has and adds nothing. [`Records`] finds them again. Its `Display` is a
/// line for each change, for the eyes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record<'a> {
    /// Its place in the journal.
    pub lsn: Lsn,
    /// The record, framed. Never empty.
    pub bytes: &'a [u8],
    /// A snapshot begins with it: a replay may start here once
    /// [`Output::Snapshot`](crate::Output::Snapshot) has named it. A host that keeps its journal in
    /// pieces begins a new one with this record.
    pub begins_snapshot: bool,
}

impl<'a> Record<'a> {
    fn of(frame: &Frame<'a>) -> Self {
        let Header { lsn, kind, .. } = frame.header;
        Self { lsn, bytes: frame.bytes, begins_snapshot: kind == Kind::SnapshotBegins }
    }
}

impl fmt::Display for Record<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(frame) = Frame::read(self.bytes) else { return f.write_str("not a record") };
        let Header { kind, lsn, durable, time } = frame.header;
        write!(f, "{} {kind:?} at {} after {}", lsn.0, time.0, durable.0)?;
        let mut rest = frame.body;
        while !rest.is_empty() {
            match Change::decode(&mut rest) {
                Ok(change) => write!(f, "\n  {change:?}")?,
                Err(malformed) => return write!(f, "\n  {malformed}"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
