//! A bound server, and the running one as a value to wait for.

use core::future::Future;
use core::net::SocketAddr;
use core::pin::Pin;
use core::task::{Context, Poll};
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use tokio::runtime;
use tokio::sync::{oneshot, watch};

use crate::builder::Builder;
use crate::error::Error;
use crate::handle::Handle;
use crate::shard::{Parts, Shard};
use crate::shutdown::ShutdownHandle;

/// A broker whose addresses are bound; [`serve`](Self::serve) starts it.
pub struct Server {
    listeners: Vec<std::net::TcpListener>,
    parts: Parts,
    /// Dropped when the server is gone.
    done: watch::Sender<()>,
}

impl Server {
    /// Begins to put a server together.
    #[must_use]
    pub fn builder() -> Builder {
        Builder::new()
    }

    pub(crate) fn new(listeners: Vec<std::net::TcpListener>, parts: Parts) -> Self {
        Self { listeners, parts, done: watch::channel(()).0 }
    }

    /// The addresses listened on, with the ports that the system chose for port 0.
    #[must_use]
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.local_addr().ok()).collect()
    }

    /// A way to publish, subscribe and look inside. Commands given before
    /// [`serve`](Self::serve) wait for it.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle::new(self.parts.command_sender.clone())
    }

    /// A way to end it.
    #[must_use]
    pub fn shutdown_handle(&self) -> ShutdownHandle {
        ShutdownHandle::new(Arc::clone(&self.parts.calls), self.done.subscribe())
    }

    /// Starts the broker's thread, which runs until [`shutdown`](ShutdownHandle::shutdown). It needs no
    /// runtime. Called in one of tokio's, it lets the hooks on that thread use it, so that they can
    /// `tokio::spawn` what takes time.
    ///
    /// What is returned is for waiting: await it, or [`wait`](Serving::wait) without async code.
    /// Dropping it leaves the server running.
    pub fn serve(self) -> Serving {
        let (ended, end) = oneshot::channel();
        let runtime = runtime::Handle::try_current().ok();
        let thread = thread::Builder::new().name("mqtt-broker".to_owned()).spawn(move || {
            // Dropped last, also by a panic: whoever waits finds the thread at its end.
            let _ended: oneshot::Sender<()> = ended;
            let _entered = runtime.as_ref().map(runtime::Handle::enter);
            self.run()
        });
        Serving { end, thread: Some(thread.map_err(Error::start)) }
    }

    fn run(self) -> Result<(), Error> {
        let Self { listeners, parts, done } = self;
        let ended = Shard::new(parts, listeners).map_err(Error::start).and_then(Shard::run);
        drop(done);
        ended
    }
}

impl core::fmt::Debug for Server {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Server").field("listeners", &self.listeners).finish_non_exhaustive()
    }
}

/// A running server: a future of how it ends, from [`Server::serve`].
#[derive(Debug)]
#[must_use = "the server runs on its own; await this, or call `wait`, to learn how it ends"]
pub struct Serving {
    /// Closed when the thread is at its end.
    end: oneshot::Receiver<()>,
    thread: Option<Result<JoinHandle<Result<(), Error>>, Error>>,
}

impl Serving {
    /// Waits on this thread until the server has shut down; for programs without async code.
    ///
    /// # Errors
    ///
    /// [Start](Error::is_start) if it could not begin, [panicked](Error::is_panicked) if it broke,
    /// [store](Error::is_store) if what has to be kept could not be.
    pub fn wait(mut self) -> Result<(), Error> {
        self.join()
    }

    fn join(&mut self) -> Result<(), Error> {
        match self.thread.take() {
            Some(Ok(thread)) => thread.join().unwrap_or_else(|_| Err(Error::panicked())),
            Some(Err(error)) => Err(error),
            None => Ok(()),
        }
    }
}

impl Future for Serving {
    type Output = Result<(), Error>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.end).poll(cx).map(|_| self.join())
    }
}
