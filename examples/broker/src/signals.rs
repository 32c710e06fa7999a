//! How the system asks a process to end, and what else it tells.

use core::fmt;
use core::time::Duration;
use std::io;

use tokio::runtime::{Builder, Runtime};

/// What somebody wants of the broker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    /// Ctrl-C.
    Interrupt,
    /// SIGTERM, the system shutting down, or the end of the terminal that the log goes to.
    Terminate,
    /// SIGHUP without such a terminal: of many programs it asks that they read their files again.
    #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has it"))]
    Hangup,
}

impl Signal {
    /// What a shell expects of a process that such a signal ended at once.
    pub(crate) fn exit_code(self) -> i32 {
        match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::Hangup => 129,
        }
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Interrupt => "interrupt",
            Self::Terminate => "terminate",
            Self::Hangup => "hangup",
        })
    }
}

/// The signals of this process, waited for by a thread of its own: they must be heard while the
/// broker's thread is busy.
#[derive(Debug)]
pub(crate) struct Signals {
    runtime: Runtime,
    sources: Sources,
}

impl Signals {
    /// Takes the signals over from the system; from now on they do not end the process.
    ///
    /// # Errors
    ///
    /// The system's.
    pub(crate) fn install() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let sources = runtime.block_on(async { Sources::install() })?;
        Ok(Self { runtime, sources })
    }

    /// Waits for the next one.
    pub(crate) fn next(&mut self) -> Signal {
        self.runtime.block_on(self.sources.next())
    }

    /// Waits for the next one, at most so long.
    pub(crate) fn next_within(&mut self, patience: Duration) -> Option<Signal> {
        let next = self.sources.next();
        self.runtime.block_on(async { tokio::time::timeout(patience, next).await.ok() })
    }
}

/// SIGXFSZ, where it has its usual number: a file has grown as far as this process may (`ulimit -f`).
#[cfg(all(unix, not(any(target_arch = "mips", target_arch = "mips64"))))]
const FILE_TOO_LARGE: Option<i32> = Some(25);
#[cfg(all(unix, any(target_arch = "mips", target_arch = "mips64")))]
const FILE_TOO_LARGE: Option<i32> = None;

#[cfg(unix)]
#[derive(Debug)]
struct Sources {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
    hangup: tokio::signal::unix::Signal,
    /// What a hangup means.
    hung_up: Signal,
}

#[cfg(unix)]
impl Sources {
    fn install() -> io::Result<Self> {
        use std::io::IsTerminal as _;
        use tokio::signal::unix::{SignalKind, signal};
        if let Some(number) = FILE_TOO_LARGE {
            // Taken over, it does not end the process. The write fails, and the journal waits.
            let _ = signal(SignalKind::from_raw(number))?;
        }
        // Later there is no telling: a terminal that is gone is none.
        let on_terminal = io::stderr().is_terminal();
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            hung_up: if on_terminal { Signal::Terminate } else { Signal::Hangup },
        })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.terminate.recv() => Signal::Terminate,
            _ = self.hangup.recv() => self.hung_up,
        }
    }
}

#[cfg(windows)]
#[derive(Debug)]
struct Sources {
    interrupt: tokio::signal::windows::CtrlC,
    close: tokio::signal::windows::CtrlClose,
    shutdown: tokio::signal::windows::CtrlShutdown,
}

#[cfg(windows)]
impl Sources {
    fn install() -> io::Result<Self> {
        use tokio::signal::windows::{ctrl_c, ctrl_close, ctrl_shutdown};
        Ok(Self { interrupt: ctrl_c()?, close: ctrl_close()?, shutdown: ctrl_shutdown()? })
    }

    async fn next(&mut self) -> Signal {
        tokio::select! {
            _ = self.interrupt.recv() => Signal::Interrupt,
            _ = self.close.recv() => Signal::Terminate,
            _ = self.shutdown.recv() => Signal::Terminate,
        }
    }
}
