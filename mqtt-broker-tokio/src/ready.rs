//! Which sources have something to do: a list that wakers fill and the one task empties.
//!
//! One task polls every socket, so each socket gets a waker of its own that says which one it was.
//! A wake is a push on a vector; nothing is allocated and no task is scheduled per connection.

use core::task::{Context, Poll, Waker};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Wake;

/// What can have something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The connection in this slot can be read or written again.
    Connection(usize),
    /// This listener has Network Connections to accept.
    Listener(usize),
    /// A handle sent a command.
    Commands,
    /// The program has taken messages that others wait for room of.
    Taken,
    /// The store has kept something, or failed.
    Journal,
    /// The armed timer fired.
    Timer,
    /// Somebody asked for shutdown.
    Shutdown,
}

/// The sources that woke since the task last looked.
#[derive(Debug, Default)]
pub(crate) struct ReadyList {
    inner: Mutex<Inner>,
}

#[derive(Debug, Default)]
struct Inner {
    sources: Vec<Source>,
    task: Option<Waker>,
}

impl ReadyList {
    /// Adds a source and wakes the task if it sleeps. A source may be in the list twice.
    pub(crate) fn push(&self, source: Source) {
        let task = {
            let mut inner = self.lock();
            inner.sources.push(source);
            inner.task.take()
        };
        if let Some(task) = task {
            task.wake();
        }
    }

    /// Moves what is in the list into `sources`, which is emptied first and keeps its allocation
    /// for the next exchange.
    pub(crate) fn take(&self, sources: &mut Vec<Source>) {
        sources.clear();
        core::mem::swap(&mut self.lock().sources, sources);
    }

    /// Ready as soon as the list is not empty.
    pub(crate) fn poll_wait(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut inner = self.lock();
        if !inner.sources.is_empty() {
            return Poll::Ready(());
        }
        inner.task = Some(cx.waker().clone());
        Poll::Pending
    }

    /// A waker that puts `source` on this list.
    pub(crate) fn waker(self: &Arc<Self>, source: Source) -> Waker {
        Waker::from(Arc::new(SourceWaker { source, list: Arc::clone(self) }))
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

struct SourceWaker {
    source: Source,
    list: Arc<ReadyList>,
}

impl Wake for SourceWaker {
    fn wake(self: Arc<Self>) {
        self.list.push(self.source);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.list.push(self.source);
    }
}

#[cfg(test)]
mod tests;
