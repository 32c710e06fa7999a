//! Where the log goes, and how much of it. Whole lines are written on a thread of its own: a terminal
//! or a pipe that takes no more, or is gone, costs lines, and holds nobody up.

use core::cell::Cell;
use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io::{self, IsTerminal as _, Write as _};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread;

use clap::ValueEnum;
use tracing::level_filters::LevelFilter;
use tracing::warn;
use tracing_subscriber::fmt::MakeWriter;

/// Lines that may wait to be written; what comes beyond is counted.
const WAITING: usize = 8192;
/// How long the end of the process waits for a line to be taken.
const PATIENCE: Duration = Duration::from_secs(1);

thread_local! {
    /// Whether this is the thread that writes.
    static WRITES: Cell<bool> = const { Cell::new(false) };
}

/// How much is logged: this level and what is more severe.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, ValueEnum)]
pub(crate) enum LogLevel {
    /// What stops the broker or a part of it.
    Error,
    /// What an operator should look at: refusals, dropped messages.
    Warn,
    /// Clients that come and go.
    Info,
    /// Subscriptions, Sessions, and what the broker found on this machine.
    Debug,
    /// Everything.
    Trace,
}

impl LogLevel {
    /// The level of this name, if there is one.
    pub(crate) fn from_name(name: &str) -> Option<Self> {
        Self::value_variants().iter().copied().find(|level| level.to_string() == name)
    }
}

impl fmt::Display for LogLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Error => "error",
            Self::Warn => "warn",
            Self::Info => "info",
            Self::Debug => "debug",
            Self::Trace => "trace",
        })
    }
}

/// The log of the whole process, which goes to stderr.
#[derive(Debug)]
pub(crate) struct Log {
    lines: SyncSender<Entry>,
    finished: Receiver<()>,
}

/// What the thread is given.
#[derive(Debug)]
enum Entry {
    Line(Vec<u8>),
    /// Nothing more will come.
    End,
}

impl Log {
    /// Starts it.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no thread.
    pub(crate) fn start(level: LogLevel) -> io::Result<Self> {
        let filter = match level {
            LogLevel::Error => LevelFilter::ERROR,
            LogLevel::Warn => LevelFilter::WARN,
            LogLevel::Info => LevelFilter::INFO,
            LogLevel::Debug => LevelFilter::DEBUG,
            LogLevel::Trace => LevelFilter::TRACE,
        };
        let (lines, entries) = mpsc::sync_channel(WAITING);
        let (finish, finished) = mpsc::channel();
        let lost = Arc::new(AtomicU64::new(0));
        let queue = Queue { lines: lines.clone(), lost: Arc::clone(&lost) };
        thread::Builder::new().name("log".into()).spawn(move || {
            write(&entries, &lost);
            // Whoever waited may have gone on without.
            let _ = finish.send(());
        })?;
        tracing_subscriber::fmt()
            .with_max_level(filter)
            .with_target(false)
            .with_ansi(io::stderr().is_terminal())
            // It would tell of them with a macro that panics where stderr cannot be written.
            .log_internal_errors(false)
            .with_writer(queue)
            .init();
        Ok(Self { lines, finished })
    }

    /// Waits until everything is written, unless nobody takes it.
    pub(crate) fn finish(self) {
        // A full queue: then nobody has taken lines for long.
        if self.lines.try_send(Entry::End).is_ok() {
            let _ = self.finished.recv_timeout(PATIENCE);
        }
    }
}

/// Prints to stderr, unless nobody takes it.
pub(crate) fn print(text: String) {
    let (done, wait) = mpsc::channel();
    let printing = thread::Builder::new().spawn(move || {
        to_stderr(text.as_bytes());
        let _ = done.send(());
    });
    if printing.is_ok() {
        let _ = wait.recv_timeout(PATIENCE);
    }
}

/// The thread.
fn write(entries: &Receiver<Entry>, lost: &AtomicU64) {
    WRITES.set(true);
    while let Ok(Entry::Line(line)) = entries.recv() {
        to_stderr(&line);
        let lost = lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            warn!("{lost} lines are missing here: they came faster than they could be written");
        }
    }
}

fn to_stderr(text: &[u8]) {
    // There is no other place to tell of it.
    let _ = io::stderr().lock().write_all(text);
}

/// Where lines wait; never blocks.
#[derive(Debug)]
struct Queue {
    lines: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
}

/// Takes one line with each call.
struct Line<'a>(&'a Queue);

impl<'a> MakeWriter<'a> for Queue {
    type Writer = Line<'a>;

    fn make_writer(&'a self) -> Line<'a> {
        Line(self)
    }
}

impl io::Write for Line<'_> {
    fn write(&mut self, line: &[u8]) -> io::Result<usize> {
        if WRITES.get() {
            to_stderr(line);
        } else if self.0.lines.try_send(Entry::Line(line.to_vec())).is_err() {
            self.0.lost.fetch_add(1, Ordering::Relaxed);
        }
        Ok(line.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
