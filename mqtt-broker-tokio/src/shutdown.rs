//! Ending a server gracefully, and knowing when it has ended.

use std::sync::Arc;

use tokio::sync::watch;

use crate::blocking::block_on;
use crate::calls::{Call, Calls};

/// Ends a server gracefully: it accepts nothing more, tells its clients, sends what is still to be
/// sent within the [grace time](crate::Builder::shutdown_grace), closes everything and is done.
/// Cheap to clone; works from any task or thread.
#[derive(Clone, Debug)]
pub struct ShutdownHandle {
    calls: Arc<Calls>,
    /// Closed when the server is gone.
    done: watch::Receiver<()>,
}

impl ShutdownHandle {
    pub(crate) fn new(calls: Arc<Calls>, done: watch::Receiver<()>) -> Self {
        Self { calls, done }
    }

    /// Begins the shutdown and returns at once. Further calls change nothing.
    pub fn shutdown(&self) {
        self.calls.call(Call::Shutdown);
    }

    /// Waits until the server has shut down, whoever asked for it.
    pub async fn done(&self) {
        let mut done = self.done.clone();
        while done.changed().await.is_ok() {}
    }

    /// The same, waiting on this thread; for threads that run no async code.
    pub fn blocking_done(&self) {
        block_on(self.done());
    }
}
