//! What other threads ask the broker's thread to look at: a set of bits, and one waker of the system.
//!
//! The first call after the thread has looked wakes it; those that follow find that somebody did
//! already. So the thread itself takes no lock in a turn, and none is taken for a message.

use core::sync::atomic::{AtomicU8, Ordering};
use core::task::Waker;
use std::sync::{Arc, OnceLock};
use std::task::Wake;

/// What the broker's thread can be called for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Call {
    /// A handle sent a command.
    Commands = 1,
    /// The program has taken messages that others wait for room of.
    Taken = 2,
    /// The store has kept something, or failed.
    Journal = 4,
    /// Somebody asked for shutdown.
    Shutdown = 8,
}

const ALL: [Call; 4] = [Call::Commands, Call::Taken, Call::Journal, Call::Shutdown];

/// The calls that the thread has not seen.
#[derive(Debug, Default)]
pub(crate) struct Calls {
    /// A bit for each [`Call`].
    made: AtomicU8,
    /// There is none before the thread has begun, which looks without being called.
    thread: OnceLock<mio::Waker>,
}

impl Calls {
    /// Wakes the thread for this. A call that was made and not seen is not made again.
    pub(crate) fn call(&self, call: Call) {
        if self.made.fetch_or(call as u8, Ordering::AcqRel) != 0 {
            return;
        }
        let Some(Err(error)) = self.thread.get().map(mio::Waker::wake) else { return };
        tracing::error!(%error, "the broker's thread cannot be woken");
    }

    /// Calls wake this thread from now on; it looks once after that for those that were made before.
    pub(crate) fn begin(&self, thread: mio::Waker) {
        // There is one thread, which begins once.
        let _ = self.thread.set(thread);
    }

    /// The calls made since this was last asked.
    pub(crate) fn take(&self) -> impl Iterator<Item = Call> + use<> {
        let made = self.made.swap(0, Ordering::AcqRel);
        ALL.into_iter().filter(move |&call| made & call as u8 != 0)
    }

    /// A waker that calls for `call`.
    pub(crate) fn waker(self: &Arc<Self>, call: Call) -> Waker {
        Waker::from(Arc::new(CallWaker { call, calls: Arc::clone(self) }))
    }
}

struct CallWaker {
    call: Call,
    calls: Arc<Calls>,
}

impl Wake for CallWaker {
    fn wake(self: Arc<Self>) {
        self.calls.call(self.call);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.calls.call(self.call);
    }
}

#[cfg(test)]
mod tests;
