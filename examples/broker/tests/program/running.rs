//! A broker that runs as a process of its own.

use core::net::SocketAddr;
use core::time::Duration;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, ChildStderr, Command, Output, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::thread;

/// Nothing here takes so long unless it is broken, not even a few syncs of a disk that others write to.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

const PROGRAM: &str = env!("CARGO_BIN_EXE_mqtt-broker");

/// A running broker; killed when dropped.
pub(crate) struct Running {
    child: Child,
    /// Where the log waits while nobody reads it.
    unread: Option<ChildStderr>,
    /// Lines of the log; closed when the process ends.
    log: Receiver<String>,
    card: String,
}

impl Running {
    /// Starts a broker with these arguments and waits for its connect card.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        let mut broker = Self::start_unread(arguments);
        broker.log = read(broker.unread.take());
        broker
    }

    /// The same, but nobody reads its log.
    pub(crate) fn start_unread(arguments: &[&str]) -> Self {
        Self::spawn(command(arguments))
    }

    /// Starts a broker in a shell that does something first.
    #[cfg(unix)]
    pub(crate) fn start_after(words: &str, arguments: &[&str]) -> Self {
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("{words} && exec \"$0\" \"$@\""), PROGRAM]);
        let mut broker = Self::spawn(with_pipes(shell, arguments));
        broker.log = read(broker.unread.take());
        broker
    }

    /// The process's number.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    fn spawn(mut command: Command) -> Self {
        let mut child = command.spawn().unwrap();
        let mut stdout = BufReader::new(child.stdout.take().unwrap());
        let stderr = child.stderr.take();
        let mut card = String::new();
        while !card.contains("without a password") {
            if stdout.read_line(&mut card).unwrap() == 0 {
                let log: Vec<String> = read(stderr).iter().collect();
                panic!("no connect card; {card:?}, {log:?}");
            }
        }
        Self { child, unread: stderr, log: read(None), card }
    }

    /// The connect card.
    pub(crate) fn card(&self) -> &str {
        &self.card
    }

    /// Every address that the card names.
    pub(crate) fn addresses(&self) -> Vec<SocketAddr> {
        self.card.split_whitespace().filter_map(|word| word.parse().ok()).collect()
    }

    /// The first of them.
    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses()[0]
    }

    /// The next line of the log that contains `text`; those before it are passed over.
    pub(crate) fn logged(&self, text: &str) -> String {
        let mut seen = String::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) if line.contains(text) => return line,
                Ok(line) => seen.extend([&line, "\n"]),
                Err(error) => panic!("no {text:?} in the log ({error}); only: {seen}"),
            }
        }
    }

    /// The memory that the process has in use, in bytes, where the system tells.
    pub(crate) fn resident_memory(&self) -> Option<u64> {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id())).ok()?;
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
        Some(line.trim().strip_suffix(" kB")?.parse::<u64>().ok()? << 10)
    }

    /// Sends the process a signal by its name.
    #[cfg(unix)]
    pub(crate) fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        let status = Command::new("kill").args(["-s", name, &id]).status().unwrap();
        assert!(status.success());
    }

    /// The same signal two times, with nothing in between.
    #[cfg(unix)]
    pub(crate) fn signal_twice(&self, name: &str) {
        let script = format!("kill -s {name} {0}; kill -s {name} {0}", self.child.id());
        assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success());
    }

    /// Whether the process is gone.
    #[cfg(unix)]
    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Ends the process without a word, and waits until it is gone.
    pub(crate) fn kill(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Waits for the end of the process: its exit code, and the rest of the log.
    #[cfg(unix)]
    pub(crate) fn ended(mut self) -> (Option<i32>, Vec<String>) {
        let mut log = Vec::new();
        loop {
            match self.log.recv_timeout(PATIENCE) {
                Ok(line) => log.push(line),
                Err(mpsc::RecvTimeoutError::Disconnected) => break,
                Err(mpsc::RecvTimeoutError::Timeout) => panic!("does not end: {log:?}"),
            }
        }
        (self.child.wait().unwrap().code(), log)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail when the process has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines as they come, closed at the end.
fn read(stderr: Option<ChildStderr>) -> Receiver<String> {
    let (lines, log) = mpsc::channel();
    thread::spawn(move || {
        let read = stderr.into_iter().flat_map(|stderr| BufReader::new(stderr).lines());
        for line in read.map_while(Result::ok) {
            if lines.send(line).is_err() {
                break;
            }
        }
    });
    log
}

/// Runs the program to its end.
pub(crate) fn run<S: AsRef<OsStr>>(arguments: &[S]) -> Output {
    command(arguments).output().unwrap()
}

fn command<S: AsRef<OsStr>>(arguments: &[S]) -> Command {
    with_pipes(Command::new(PROGRAM), arguments)
}

fn with_pipes<S: AsRef<OsStr>>(mut command: Command, arguments: &[S]) -> Command {
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}
