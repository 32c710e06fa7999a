//! A client's driver: a program that carries out our commands and reports events, one a line.

use super::client::{self, Client};
use crate::process::Outcome;
use std::collections::VecDeque;
use std::fs::File;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

/// How long any single event is waited for.
const PATIENCE: Duration = Duration::from_secs(20);

/// One line from a driver: `verb connection rest...`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Event {
    pub(super) verb: String,
    pub(super) connection: String,
    pub(super) rest: Vec<String>,
}

impl Event {
    fn parse(line: &str) -> Option<Self> {
        let mut words = line.split_whitespace().map(str::to_string);
        Some(Self { verb: words.next()?, connection: words.next()?, rest: words.collect() })
    }
}

/// A running driver.
#[derive(Debug)]
pub(super) struct Driver {
    child: Child,
    commands: ChildStdin,
    events: Receiver<String>,
    /// Events that came while another one was waited for.
    backlog: VecDeque<Event>,
}

impl Driver {
    pub(super) fn start(client: &Client, version: &str, port: u16) -> Outcome<Self> {
        let log = client::directory().join(format!("{}-{version}.log", client.name));
        let log = File::options().create(true).append(true).open(log);
        let log = log.map_err(|error| error.to_string())?;
        let mut command = (client.driver)();
        command.arg(port.to_string()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log);
        // Its own process group, so that `kill` reaches the programs it has started.
        let child = command.process_group(0).spawn();
        let mut child = child.map_err(|error| format!("{command:?}: {error}"))?;
        let commands = child.stdin.take().ok_or("no pipe to the driver")?;
        let lines = BufReader::new(child.stdout.take().ok_or("no pipe from the driver")?).lines();
        let (sender, events) = channel();
        std::thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        Ok(Self { child, commands, events, backlog: VecDeque::new() })
    }

    /// Sends a command.
    pub(super) fn send(&mut self, command: &str) -> Outcome {
        writeln!(self.commands, "{command}").map_err(|error| format!("{command}: {error}"))
    }

    /// The first event that `wanted` accepts; events that it does not accept stay for later.
    /// `purpose` says in an error what was waited for.
    pub(super) fn wait(
        &mut self,
        purpose: &str,
        wanted: impl Fn(&Event) -> bool,
    ) -> Outcome<Event> {
        if let Some(index) = self.backlog.iter().position(&wanted) {
            return self.backlog.remove(index).ok_or_else(|| purpose.to_string());
        }
        let begin = Instant::now();
        loop {
            let left = PATIENCE.saturating_sub(begin.elapsed());
            let line = self.events.recv_timeout(left).map_err(|error| match error {
                RecvTimeoutError::Timeout => {
                    format!("no {purpose} within {PATIENCE:?}; instead: {}", self.told())
                }
                RecvTimeoutError::Disconnected => format!("the driver ended before {purpose}"),
            })?;
            let event = Event::parse(&line).ok_or_else(|| format!("not an event: {line}"))?;
            if wanted(&event) {
                return Ok(event);
            }
            if event.verb == "failed" {
                return Err(format!("{line} (while waiting for {purpose})"));
            }
            self.backlog.push_back(event);
        }
    }

    /// Drops the events that nobody has waited for. No connection may be open.
    pub(super) fn forget(&mut self) {
        self.backlog.clear();
    }

    /// Kills the driver and what it has started, so that the kernel closes their sockets.
    pub(super) fn kill(&mut self) {
        let group = format!("-{}", self.child.id());
        let _ = Command::new("kill").args(["-KILL", "--", &group]).stderr(Stdio::null()).status();
        let _ = self.child.wait();
    }

    /// The events in the backlog, for an error.
    fn told(&self) -> String {
        let last = self.backlog.iter().rev().take(3).rev();
        let line =
            |event: &Event| format!("{} {} {}", event.verb, event.connection, event.rest.join(" "));
        let lines: Vec<String> = last.map(line).collect();
        if lines.is_empty() { "nothing".to_string() } else { lines.join(" | ") }
    }
}

impl Drop for Driver {
    fn drop(&mut self) {
        self.kill();
    }
}
