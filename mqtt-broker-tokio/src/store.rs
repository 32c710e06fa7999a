//! [`Store`]: where a broker's journal is kept over restarts.

mod file;
mod memory;

use std::io;

use mqtt_broker_core::{Lsn, Record, Records, ReplayError, Stored};

pub use file::{FileStore, SyncLevel};
pub use memory::MemoryStore;

/// Takes a record that is read again, and says what is wrong with it.
pub type Apply<'a> = &'a mut dyn FnMut(&[u8]) -> Result<(), ReplayError>;

/// Where a journal is kept. Its methods may block: but for [`recover`](Self::recover) they are called
/// on a thread of their own, while the broker goes on with what waits for no record.
pub trait Store: Send + 'static {
    /// Gives every record that is kept to `apply`, in order, beginning with the first there ever was
    /// or with the last snapshot that [`begin_at`](Self::begin_at) named. How many bytes that were.
    /// Called once, before everything else; where a limit of the configuration is too low for what is
    /// kept, some times more, to learn what it needs.
    ///
    /// # Errors
    ///
    /// What is kept cannot be read, or not be understood: the server does not start. The error
    /// should name the place.
    fn recover(&mut self, apply: Apply<'_>) -> io::Result<u64>;

    /// Keeps a batch, which follows what is kept already. It is durable when this returns.
    ///
    /// # Errors
    ///
    /// [`StorageFull`](io::ErrorKind::StorageFull), [`QuotaExceeded`](io::ErrorKind::QuotaExceeded),
    /// [`FileTooLarge`](io::ErrorKind::FileTooLarge) (as where the process may not write more to
    /// one file) and [`ResourceBusy`](io::ErrorKind::ResourceBusy) (as where no more files may be
    /// open) say that nothing of it is kept: it is offered again, every half second, and nothing that
    /// depends on it leaves the broker. After any other error, and after a panic, nobody knows what is
    /// kept: the server ends.
    fn append(&mut self, batch: &Batch) -> io::Result<()>;

    /// The snapshot that begins with this record is kept as a whole: a later
    /// [`recover`](Self::recover) begins with it, and what is before it may go.
    ///
    /// # Errors
    ///
    /// It is logged, and tried no more until the next snapshot; nothing is lost.
    fn begin_at(&mut self, snapshot: Lsn) -> io::Result<()>;

    /// How many bytes the journal may grow before a snapshot is made, unless the last snapshot was
    /// so large that it would be made all the time. Default 16 MiB.
    fn snapshot_after(&self) -> u64 {
        16 << 20
    }
}

impl<S: Store + ?Sized> Store for Box<S> {
    fn recover(&mut self, apply: Apply<'_>) -> io::Result<u64> {
        (**self).recover(apply)
    }

    fn append(&mut self, batch: &Batch) -> io::Result<()> {
        (**self).append(batch)
    }

    fn begin_at(&mut self, snapshot: Lsn) -> io::Result<()> {
        (**self).begin_at(snapshot)
    }

    fn snapshot_after(&self) -> u64 {
        (**self).snapshot_after()
    }
}

/// Whole records, one after another, that become durable together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Batch {
    first: Lsn,
    last: Lsn,
    begins_snapshot: bool,
    bytes: Vec<u8>,
}

impl Batch {
    pub(crate) fn begin(record: &Record<'_>) -> Self {
        let Record { lsn, bytes, begins_snapshot, .. } = *record;
        Self { first: lsn, last: lsn, begins_snapshot, bytes: bytes.to_vec() }
    }

    /// Adds a record; not if it begins a snapshot, which a batch begins with.
    pub(crate) fn add(&mut self, record: &Record<'_>) -> bool {
        if record.begins_snapshot {
            return false;
        }
        self.last = record.lsn;
        self.bytes.extend_from_slice(record.bytes);
        true
    }

    /// The first record.
    #[must_use]
    pub const fn first(&self) -> Lsn {
        self.first
    }

    /// The last record.
    #[must_use]
    pub const fn last(&self) -> Lsn {
        self.last
    }

    /// Whether the first record begins a snapshot; no other does.
    #[must_use]
    pub const fn begins_snapshot(&self) -> bool {
        self.begins_snapshot
    }

    /// All of them: [`Records`] finds them again.
    #[must_use]
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The bytes of each record.
    pub fn records(&self) -> impl Iterator<Item = &[u8]> {
        let before = Lsn(self.first.0.saturating_sub(1));
        Records::after(before, &self.bytes).map_while(|stored| match stored {
            Stored::Record(record) => Some(record.bytes),
            _ => None,
        })
    }
}
