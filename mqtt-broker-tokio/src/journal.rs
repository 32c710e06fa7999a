//! [`Journal`]: the loop's side of a [`Store`], and the thread on which the store works.
//!
//! Records that are made while a batch is on its way to the disk are the next batch: the slower the
//! disk, the more share one sync.

mod recovery;

use core::panic::AssertUnwindSafe;
use core::time::Duration;
use std::collections::VecDeque;
use std::io;
use std::panic::catch_unwind;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};

use mqtt_broker_core::{Broker, Instant, Lsn};

use crate::calls::{Call, Calls};
use crate::command::Reply;
use crate::error::Error;
use crate::store::{Batch, Store};

pub use recovery::LimitNeeded;
pub(crate) use recovery::Recovered;

/// How long a full disk is left alone.
const REST: Duration = Duration::from_millis(500);

/// A journal is told anew when it is so many times as long as the last snapshot.
const SNAPSHOTS: u64 = 4;

/// The loop's side.
pub(crate) struct Journal {
    shared: Arc<Shared>,
    thread: JoinHandle<()>,
    /// Bytes from the beginning of the last snapshot that is whole.
    grown: u64,
    /// Bytes of the snapshot that is being made.
    telling: Option<u64>,
    /// Bytes at which the next one begins.
    snapshot_at: u64,
    snapshot_after: u64,
    /// Handles that wait until a record is kept, in order.
    promises: VecDeque<(Lsn, Reply)>,
    durable: Lsn,
}

struct Shared {
    state: Mutex<State>,
    /// There is something for the thread to do.
    changed: Condvar,
    calls: Arc<Calls>,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Batch>,
    /// A snapshot that is durable, which the store has not been told of.
    snapshot: Option<Lsn>,
    durable: Lsn,
    failed: Option<io::Error>,
    /// Nothing more will come.
    ended: bool,
}

impl Journal {
    /// Starts the store's thread.
    pub(crate) fn start(recovered: Recovered, calls: Arc<Calls>) -> io::Result<Self> {
        let Recovered { store, bytes } = recovered;
        let snapshot_after = store.snapshot_after();
        let (state, changed) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { state, changed, calls });
        let of_thread = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("journal".to_owned())
            .spawn(move || of_thread.run(store))?;
        Ok(Self {
            shared,
            thread,
            grown: bytes,
            telling: None,
            snapshot_at: snapshot_after,
            snapshot_after,
            promises: VecDeque::new(),
            durable: Lsn(0),
        })
    }

    /// Hands on what the broker has recorded.
    pub(crate) fn collect(&mut self, now: Instant, broker: &mut Broker) {
        if let Some(record) = broker.poll_journal() {
            let mut state = self.shared.lock();
            let mut next = Some(record);
            while let Some(record) = next {
                let len = record.bytes.len() as u64;
                self.grown += len;
                self.telling = match self.telling {
                    _ if record.begins_snapshot => Some(len),
                    telling => telling.map(|told| told + len),
                };
                if !state.waiting.back_mut().is_some_and(|batch| batch.add(&record)) {
                    state.waiting.push_back(Batch::begin(&record));
                }
                next = broker.poll_journal();
            }
            drop(state);
            self.shared.changed.notify_one();
        }
        if self.grown >= self.snapshot_at && self.telling.is_none() {
            // None: one is being made.
            broker.snapshot(now);
        }
    }

    /// Answers when this record is kept.
    pub(crate) fn promise(&mut self, lsn: Lsn, reply: Reply) {
        self.promises.push_back((lsn, reply));
        self.keep_promises();
    }

    fn keep_promises(&mut self) {
        while self.promises.front().is_some_and(|(lsn, _)| *lsn <= self.durable) {
            if let Some((_, reply)) = self.promises.pop_front() {
                // Whoever does not wait for the answer any more does not get it.
                let _ = reply.send(Ok(()));
            }
        }
    }

    /// What has become durable since; or that the store has failed.
    pub(crate) fn durable(&mut self) -> Result<Lsn, Error> {
        let mut state = self.shared.lock();
        if let Some(error) = state.failed.take() {
            return Err(Error::store(error));
        }
        self.durable = state.durable;
        drop(state);
        self.keep_promises();
        Ok(self.durable)
    }

    /// The snapshot that begins with this record is durable.
    pub(crate) fn begin_at(&mut self, snapshot: Lsn) {
        self.grown = self.telling.take().unwrap_or_default();
        self.snapshot_at = self.snapshot_after.max(self.grown.saturating_mul(SNAPSHOTS));
        self.shared.lock().snapshot = Some(snapshot);
        self.shared.changed.notify_one();
    }

    /// Waits until all that was collected is kept.
    pub(crate) fn finish(self) -> Result<(), Error> {
        let Self { shared, thread, .. } = self;
        shared.lock().ended = true;
        shared.changed.notify_one();
        thread.join().map_err(|_| Error::panicked())?;
        let failed = shared.lock().failed.take();
        failed.map_or(Ok(()), |error| Err(Error::store(error)))
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The thread.
    fn run(&self, mut store: Box<dyn Store>) {
        // A store that panics has failed: nobody knows what it keeps.
        let ended = catch_unwind(AssertUnwindSafe(|| self.work(&mut *store)))
            .unwrap_or_else(|_| Err(io::Error::other("the store panicked")));
        if let Err(error) = ended {
            self.lock().failed = Some(error);
            self.calls.call(Call::Journal);
        }
    }

    /// Until nothing more will come, or the store fails.
    fn work(&self, store: &mut dyn Store) -> io::Result<()> {
        loop {
            let mut state = self.lock();
            while state.waiting.is_empty() && state.snapshot.is_none() && !state.ended {
                state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
            }
            let (batch, snapshot) = (state.waiting.pop_front(), state.snapshot.take());
            drop(state);
            if let Some(snapshot) = snapshot {
                match store.begin_at(snapshot) {
                    Ok(()) => tracing::debug!(lsn = snapshot.0, "the journal begins anew"),
                    Err(error) => tracing::warn!(%error, "the journal before its snapshot stays"),
                }
            } else if batch.is_none() {
                return Ok(());
            }
            let Some(batch) = batch else { continue };
            self.keep(store, &batch)?;
            self.lock().durable = batch.last();
            self.calls.call(Call::Journal);
        }
    }

    /// Keeps a batch, however long the disk is full.
    fn keep(&self, store: &mut dyn Store, batch: &Batch) -> io::Result<()> {
        let mut was_full = false;
        loop {
            match store.append(batch) {
                Ok(()) if was_full => {
                    tracing::info!("the journal has room again");
                    return Ok(());
                }
                Err(error) if is_full(&error) => {
                    if !was_full && error.kind() == io::ErrorKind::ResourceBusy {
                        tracing::error!(%error, "the journal has no file to open: what has to be kept waits");
                    } else if !was_full {
                        tracing::error!(%error, "the journal's disk is full: what has to be kept waits");
                    }
                    was_full = true;
                    if self.rest() {
                        return Err(error);
                    }
                }
                done => return done,
            }
        }
    }

    /// Leaves the disk alone for a while. True: it is not to be tried again.
    fn rest(&self) -> bool {
        let begun = std::time::Instant::now();
        let mut state = self.lock();
        while let Some(left) = REST.checked_sub(begun.elapsed()).filter(|_| !state.ended) {
            let waited = self.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
        state.ended
    }
}

/// Whether there may be room later: on the disk, or within what the process may write to a file, or have
/// open.
fn is_full(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, QuotaExceeded, ResourceBusy, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded | FileTooLarge | ResourceBusy)
}
