//! [`Driver`]: the host's loop over somebody else's asynchronous I/O, on one thread.
//!
//! Each Network Connection is one future that reads and writes it; one more future keeps time. They
//! share the broker in a `RefCell` that is never held across an `.await`, nor while a waker is woken.

mod connection;
#[cfg(feature = "embedded-io-async")]
mod embedded;
#[cfg(feature = "futures")]
mod futures;
mod host;
mod input;
mod slots;
mod timeout;

use alloc::vec::Vec;
#[cfg(feature = "futures")]
use core::cell::Cell;
use core::cell::RefCell;
use core::fmt;

pub use self::host::Host;
use self::slots::{Shared, Slot};
use crate::boundary::{ConnectionHandle, Error, Peer, Received};
use crate::broker::Broker;
use crate::time::{Duration, Instant};

/// A broker that serves connections of an asynchronous runtime, of whatever kind.
///
/// The host accepts connections and runs one future for each, with
#[cfg_attr(feature = "futures", doc = "[`serve_futures`](Driver::serve_futures)")]
#[cfg_attr(not(feature = "futures"), doc = "`serve_futures` (feature `futures`)")]
/// or
#[cfg_attr(feature = "embedded-io-async", doc = "[`serve_embedded`](Driver::serve_embedded),")]
#[cfg_attr(
    not(feature = "embedded-io-async"),
    doc = "`serve_embedded` (feature `embedded-io-async`),"
)]
/// and once [`run`](Driver::run), which keeps time. Where they run is the host's choice: tasks of a
/// single-threaded executor, or joined in one. The futures borrow the driver and are not `Send`; a
/// second core is a second driver.
///
/// Nothing is spawned and nothing blocks. A connection that reads slowly keeps its own future
/// waiting and no other. Dropping a connection's future is the end of its transport: the broker is
/// told at once, so that every accept has its one
/// [`handle_eof`](Broker::handle_eof) whatever happens.
///
/// What happens is told to the [`Host`], which is also the [`Policy`](crate::Policy) and the clock.
/// What the host itself wishes, it says through [`with`](Driver::with).
pub struct Driver<H> {
    shared: RefCell<Shared<H>>,
    /// Connections whose futures were dropped while `shared` was borrowed: by a hook.
    ended: RefCell<Vec<ConnectionHandle>>,
    #[cfg(feature = "futures")]
    buffers: Buffers,
}

/// One buffer for reading and one for writing, lent to one connection for one poll.
#[cfg(feature = "futures")]
struct Buffers {
    size: usize,
    read: Cell<Vec<u8>>,
    write: Cell<Vec<u8>>,
}

impl<H: Host> Driver<H> {
    /// A driver of this broker.
    #[must_use]
    pub fn new(broker: Broker, host: H) -> Self {
        Self {
            shared: RefCell::new(Shared::new(broker, host)),
            ended: RefCell::default(),
            #[cfg(feature = "futures")]
            buffers: Buffers { size: 16 << 10, read: Cell::default(), write: Cell::default() },
        }
    }

    /// How many bytes are read, and written, in one call; at least 64. Default 16 KiB. These two
    /// buffers are shared by all connections.
    #[cfg(feature = "futures")]
    #[must_use]
    pub fn buffer_size(mut self, bytes: usize) -> Self {
        self.buffers.size = bytes.max(64);
        self
    }

    /// How long a connection that is being closed may take for what is left to be sent to it, and
    /// to end its side. Default 2 seconds.
    #[must_use]
    pub fn linger(mut self, linger: Duration) -> Self {
        self.shared.get_mut().linger = linger;
        self
    }

    /// Says something to the broker, or looks at it; `Instant` is the time it is. Connections that
    /// have something to do because of it are woken.
    ///
    /// The host leaves `handle_*` and `poll_*` to the driver, and calls
    /// [`shutdown`](Self::shutdown) here instead of there.
    ///
    /// # Panics
    ///
    /// If it is called from one of the [`Host`]'s own methods, or within itself.
    pub fn with<R>(&self, speak: impl FnOnce(&mut Broker, Instant) -> R) -> R {
        self.tell(|shared, now| speak(&mut shared.broker, now))
    }

    /// Reaches the host's own value.
    ///
    /// # Panics
    ///
    /// If it is called from one of its own methods, or within [`with`](Self::with).
    pub fn with_host<R>(&self, reach: impl FnOnce(&mut H) -> R) -> R {
        self.tell(|shared, _| reach(&mut shared.host))
    }

    /// Ends every connection; clients that can be told are told. Nothing is accepted from here on,
    /// and [`run`](Self::run) returns once the last connection is gone.
    pub fn shutdown(&self) {
        self.tell(|shared, now| {
            shared.is_shutting_down = true;
            shared.broker.shutdown(now);
        });
    }

    fn tell<R>(&self, speak: impl FnOnce(&mut Shared<H>, Instant) -> R) -> R {
        let answer = {
            let mut shared = self.shared.borrow_mut();
            let now = shared.host.now();
            speak(&mut shared, now)
        };
        self.pump();
        answer
    }

    /// Does what the broker wants, and wakes whoever has to do something about it.
    fn pump(&self) {
        loop {
            // Whoever has it does this when done.
            let Ok(mut shared) = self.shared.try_borrow_mut() else { return };
            let now = shared.host.now();
            for ended in self.ended.take() {
                shared.end(now, ended);
            }
            shared.drain(now);
            let waker = shared.next_waker();
            drop(shared);
            match waker {
                // Not while `shared` is borrowed: an executor may drop a task on this occasion.
                Some(waker) => waker.wake(),
                None if self.ended.borrow().is_empty() => return,
                None => {}
            }
        }
    }
}

impl<H: fmt::Debug> fmt::Debug for Driver<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Driver");
        if let Ok(shared) = self.shared.try_borrow() {
            debug.field("broker", &shared.broker).field("host", &shared.host);
        }
        debug.finish_non_exhaustive()
    }
}

/// One accepted connection. Dropping it is its end.
struct Accepted<'d, H: Host> {
    driver: &'d Driver<H>,
    handle: ConnectionHandle,
}

/// What was filled into a buffer for one write.
struct Filled {
    /// Bytes of the buffer.
    len: usize,
    /// A payload that follows them, too large for the buffer; mostly empty.
    payload: Vec<u8>,
    /// The broker has nothing more to send.
    is_dry: bool,
}

impl<'d, H: Host> Accepted<'d, H> {
    fn new(driver: &'d Driver<H>, peer: Peer) -> Result<Self, Error> {
        let handle = driver.tell(|shared, now| shared.accept(now, peer))?;
        Ok(Self { driver, handle })
    }

    /// Offers bytes to the broker.
    fn input(&self, bytes: &[u8]) -> Received {
        self.driver.tell(|shared, now| {
            shared.broker.handle_input(now, self.handle, bytes, &mut shared.host)
        })
    }

    /// Takes what there is to send, as much as fits.
    fn fill(&self, buffer: &mut [u8]) -> Filled {
        self.driver.tell(|shared, now| {
            let mut filled = Filled { len: 0, payload: Vec::new(), is_dry: false };
            // A half that is filled makes a write; the rest may be too small for a packet.
            while filled.len <= buffer.len() / 2 {
                let room = buffer.get_mut(filled.len..).unwrap_or_default();
                let transmit =
                    shared.broker.poll_transmit(now, self.handle, room, &mut shared.host);
                let Some(transmit) = transmit else {
                    filled.is_dry = true;
                    break;
                };
                filled.len += transmit.len;
                let end = filled.len + transmit.payload.len();
                match buffer.get_mut(filled.len..end) {
                    Some(room) => {
                        room.copy_from_slice(transmit.payload);
                        filled.len = end;
                    }
                    None => {
                        filled.payload = transmit.payload.to_vec();
                        break;
                    }
                }
            }
            filled
        })
    }

    /// Looks at, or changes, what the driver knows of this connection. Wakes nobody.
    fn slot<R>(&self, look: impl FnOnce(&mut Slot) -> R) -> R {
        look(self.driver.shared.borrow_mut().slot(self.handle.index()))
    }
}

impl<H: Host> Drop for Accepted<'_, H> {
    fn drop(&mut self) {
        self.driver.ended.borrow_mut().push(self.handle);
        self.driver.pump();
    }
}
