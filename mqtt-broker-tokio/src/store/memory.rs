//! [`MemoryStore`]: a store that outlives the server, but not the program.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use mqtt_broker_core::Lsn;

use super::{Apply, Batch, Store};

/// Keeps a journal in memory. Its clones are the same store: a server that is given one begins where
/// the one before it ended.
#[derive(Clone, Debug, Default)]
pub struct MemoryStore {
    batches: Arc<Mutex<Vec<Batch>>>,
}

impl MemoryStore {
    /// A store with nothing in it.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Batch>> {
        self.batches.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Store for MemoryStore {
    fn recover(&mut self, apply: Apply<'_>) -> io::Result<u64> {
        let mut bytes = 0;
        for batch in &*self.lock() {
            for record in batch.records() {
                apply(record).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
                bytes += record.len() as u64;
            }
        }
        Ok(bytes)
    }

    fn append(&mut self, batch: &Batch) -> io::Result<()> {
        self.lock().push(batch.clone());
        Ok(())
    }

    fn begin_at(&mut self, snapshot: Lsn) -> io::Result<()> {
        self.lock().retain(|batch| batch.first() >= snapshot);
        Ok(())
    }
}
