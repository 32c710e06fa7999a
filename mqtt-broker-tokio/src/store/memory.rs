//! [`MemoryStore`]: a store that outlives the server, but not the program.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use mqtt_broker_core::Lsn;

use super::{Apply, Batch, Store};

/// Keeps a journal in memory. Its clones are the same store: a server that is given one begins where
/// the one before it ended. One server has it at a time; for another, [`recover`](Store::recover) is a
/// [`WouldBlock`](io::ErrorKind::WouldBlock) error until the first one has dropped its clone.
#[derive(Debug, Default)]
pub struct MemoryStore {
    kept: Arc<Mutex<Kept>>,
    /// While this clone is a server's.
    used: Option<Arc<()>>,
}

#[derive(Debug, Default)]
struct Kept {
    batches: Vec<Batch>,
    /// Whether a clone is used.
    used: Weak<()>,
}

impl MemoryStore {
    /// A store with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clone for MemoryStore {
    fn clone(&self) -> Self {
        Self { kept: Arc::clone(&self.kept), used: None }
    }
}

impl Store for MemoryStore {
    fn recover(&mut self, apply: Apply<'_>) -> io::Result<u64> {
        let kept = Arc::clone(&self.kept);
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if self.used.is_none() && kept.used.strong_count() > 0 {
            let why = "another server keeps its journal there";
            return Err(io::Error::new(io::ErrorKind::WouldBlock, why));
        }
        let used = Arc::default();
        kept.used = Arc::downgrade(&used);
        self.used = Some(used);
        let mut bytes = 0;
        for batch in &kept.batches {
            for record in batch.records() {
                apply(record).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                bytes += record.len() as u64;
            }
        }
        Ok(bytes)
    }

    fn append(&mut self, batch: &Batch) -> io::Result<()> {
        self.lock().batches.push(batch.clone());
        Ok(())
    }

    fn begin_at(&mut self, snapshot: Lsn) -> io::Result<()> {
        self.lock().batches.retain(|batch| batch.first() >= snapshot);
        Ok(())
    }
}
