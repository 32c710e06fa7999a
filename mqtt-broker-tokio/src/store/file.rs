//! [`FileStore`]: a journal in the files of a directory.
//!
//! ```text
//! DIR/lock                             held by the one store that uses it
//! DIR/00000000000000004711.snapshot    begins with record 4711, where a snapshot begins that is whole
//! DIR/00000000000000009823.journal     goes on with record 9823
//! ```
//!
//! A *piece* is a file of records, one after another, named by its first. Records are appended to the
//! last piece; a new one begins with each snapshot, and when the last is large. All but the last are
//! on disk as a whole.

mod directory;
mod piece;

use std::io;
use std::path::PathBuf;

use mqtt_broker_core::{Lsn, Records, Stored};

use super::{Apply, Batch, Store};
use directory::{Directory, Name};
use piece::Piece;

/// Bytes at which the next piece begins. A piece is read into memory as a whole.
const PIECE: u64 = 64 << 20;

/// When a record counts as durable.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum SyncLevel {
    /// When the disk has it (`fdatasync`): it survives a power cut.
    #[default]
    Fsync,
    /// When the operating system has it: it survives the end of the process, not that of the system.
    Os,
}

/// Keeps a journal in a directory of its own, which is made if it is not there. From
/// [`recover`](Store::recover) on nobody else can have it, of whatever program.
///
/// After a stop at any moment it begins where the journal is whole: what was being written is cut off,
/// and that is logged. If something is missing that had been durable, [`recover`](Store::recover)
/// fails, with file and byte.
#[derive(Debug)]
pub struct FileStore {
    path: PathBuf,
    level: SyncLevel,
    snapshot_after: u64,
    open: Option<Open>,
}

/// The files of a store that has been recovered.
#[derive(Debug)]
struct Open {
    directory: Directory,
    level: SyncLevel,
    /// The last piece, which is appended to.
    last: Option<Piece>,
}

impl FileStore {
    /// A store in this directory, where nothing happens yet.
    pub fn new(directory: impl Into<PathBuf>, level: SyncLevel) -> Self {
        Self { path: directory.into(), level, snapshot_after: 16 << 20, open: None }
    }

    /// How many bytes the journal grows before a snapshot is made; 16 MiB without this. The directory
    /// holds some times that, or some times what a snapshot takes.
    #[must_use]
    pub fn with_snapshot_after(mut self, bytes: u64) -> Self {
        self.snapshot_after = bytes;
        self
    }

    fn open(&mut self) -> io::Result<&mut Open> {
        self.open.as_mut().ok_or_else(|| io::Error::other("the store has not been recovered"))
    }
}

impl Store for FileStore {
    /// [`WouldBlock`](io::ErrorKind::WouldBlock): another store has the directory.
    fn recover(&mut self, apply: Apply<'_>) -> io::Result<u64> {
        // The second time it is this store that has the directory.
        self.open = None;
        let directory = Directory::open(&self.path)?;
        let open = self.open.insert(Open { directory, level: self.level, last: None });
        open.recover(apply)
    }

    fn append(&mut self, batch: &Batch) -> io::Result<()> {
        self.open()?.append(batch)
    }

    fn begin_at(&mut self, snapshot: Lsn) -> io::Result<()> {
        self.open()?.begin_at(snapshot)
    }

    fn snapshot_after(&self) -> u64 {
        self.snapshot_after
    }
}

impl Open {
    /// Applies the records of a piece, the last one or not. The newest there is then.
    fn recover_piece(&self, name: Name, is_last: bool, apply: Apply<'_>) -> io::Result<(Lsn, u64)> {
        let path = self.directory.path(name);
        let wrong = |place: usize, what: &dyn core::fmt::Display| {
            let text = format!("{}, at byte {place}: {what}", path.display());
            io::Error::new(io::ErrorKind::InvalidData, text)
        };
        let bytes = std::fs::read(&path).map_err(|error| directory::named(&path, &error))?;
        let mut newest = Lsn(name.first.0.saturating_sub(1));
        let mut len = 0;
        for stored in Records::after(newest, &bytes) {
            match stored {
                Stored::Record(record) => {
                    apply(record.bytes).map_err(|error| wrong(len, &error))?;
                    newest = record.lsn;
                    len += record.bytes.len();
                }
                Stored::TornTail { offset } if is_last => {
                    let cut = bytes.len() - offset;
                    tracing::warn!(
                        file = %path.display(), offset, cut,
                        "the journal's end was being written when it was stopped; it is cut off"
                    );
                }
                Stored::TornTail { offset } | Stored::Damage { offset } => {
                    let missing = newest.0.saturating_add(1);
                    return Err(wrong(
                        offset,
                        &format_args!("damaged: record {missing} was durable, and is missing"),
                    ));
                }
                Stored::UnknownVersion { offset, version } => {
                    return Err(wrong(
                        offset,
                        &format_args!("format {version} is of another version of this program"),
                    ));
                }
            }
        }
        Ok((newest, len as u64))
    }

    fn recover(&mut self, apply: Apply<'_>) -> io::Result<u64> {
        let mut names = self.directory.names()?;
        let begin = names.iter().rposition(|name| name.is_snapshot).unwrap_or_default();
        self.directory.remove(names.drain(..begin))?;
        let mut bytes = 0;
        let mut newest = None;
        let mut names = names.into_iter().peekable();
        while let Some(name) = names.next() {
            if let Some(Lsn(newest)) = newest {
                if name.first.0 != newest + 1 {
                    let path = self.directory.path(name);
                    let text = format!(
                        "the file before {} is missing, or not whole: it ends with record {newest}",
                        path.display()
                    );
                    return Err(io::Error::new(io::ErrorKind::InvalidData, text));
                }
            }
            let is_last = names.peek().is_none();
            let (last, len) = self.recover_piece(name, is_last, apply)?;
            newest = Some(last);
            bytes += len;
            if is_last {
                self.last = Some(Piece::reopen(self.directory.path(name), len)?);
            }
        }
        Ok(bytes)
    }

    fn append(&mut self, batch: &Batch) -> io::Result<()> {
        let is_durable = self.level == SyncLevel::Fsync;
        let last = match &mut self.last {
            Some(last) if last.len() < PIECE && !batch.begins_snapshot() => last,
            last => {
                if let Some(last) = last.as_mut().filter(|_| !is_durable) {
                    last.sync()?;
                }
                let name = Name { first: batch.first(), is_snapshot: false };
                let piece = Piece::begin(self.directory.path(name))?;
                self.directory.sync()?;
                last.insert(piece)
            }
        };
        last.append(batch.bytes())?;
        if is_durable { last.sync() } else { Ok(()) }
    }

    fn begin_at(&mut self, snapshot: Lsn) -> io::Result<()> {
        if let Some(last) = self.last.as_mut().filter(|_| self.level != SyncLevel::Fsync) {
            last.sync()?;
        }
        let name = Name { first: snapshot, is_snapshot: false };
        let renamed = Name { is_snapshot: true, ..name };
        self.directory.rename(name, renamed)?;
        if let Some(last) = &mut self.last {
            last.is_renamed(&self.directory.path(name), self.directory.path(renamed));
        }
        let older = self.directory.names()?.into_iter().filter(|name| name.first < snapshot);
        self.directory.remove(older)
    }
}

#[cfg(test)]
mod tests;
