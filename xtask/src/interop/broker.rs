//! The broker under test.

use super::client;
use crate::process::{Outcome, cargo, output, run, target};
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

const START: Duration = Duration::from_secs(10);
/// How long the broker may take to end after SIGTERM.
const STOP: Duration = Duration::from_secs(5);

/// A broker on 127.0.0.1, which we may have started.
#[derive(Debug)]
pub(crate) struct Broker {
    port: u16,
    child: Option<Child>,
    /// Whether SIGTERM must end it with exit status 0: asked of our own broker only.
    ends_cleanly: bool,
}

impl Broker {
    /// A broker that somebody else started.
    pub(super) fn running(port: u16) -> Self {
        Self { port, child: None, ends_cleanly: false }
    }

    /// Builds our broker for release and starts it on a free port.
    pub(crate) fn start_release() -> Outcome<Self> {
        run(&mut cargo(&["build", "--quiet", "--release", "--package", "mqtt-broker"]))?;
        let port = free_port()?;
        let mut command = Command::new(target().join("release/mqtt-broker"));
        command.args(["--listen", &format!("127.0.0.1:{port}"), "--open"]);
        Self::start(command, port, true)
    }

    /// Starts any broker by its command line.
    pub(super) fn start_command(line: &str) -> Outcome<Self> {
        let port = free_port()?;
        let line = line.replace("{port}", &port.to_string());
        let mut words = line.split_whitespace();
        let mut command = Command::new(words.next().ok_or("no broker command")?);
        command.args(words);
        Self::start(command, port, false)
    }

    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// Ends the broker, if we started it.
    pub(crate) fn stop(&mut self) -> Outcome {
        let Some(mut child) = self.child.take() else { return Ok(()) };
        if let Some(status) = ended(&mut child)? {
            return Err(format!("the broker ended during the suite: {status}"));
        }
        output(Command::new("kill").args(["-TERM", &child.id().to_string()]))?;
        let begin = Instant::now();
        while begin.elapsed() < STOP {
            match ended(&mut child)? {
                Some(status) if status.success() || !self.ends_cleanly => {
                    println!("SIGTERM: the broker ended in {:.2?}, {status}", begin.elapsed());
                    return Ok(());
                }
                Some(status) => return Err(format!("SIGTERM: the broker ended with {status}")),
                None => std::thread::sleep(Duration::from_millis(10)),
            }
        }
        child.kill().map_err(|error| error.to_string())?;
        Err(format!("SIGTERM: the broker still ran after {STOP:?}"))
    }

    fn start(mut command: Command, port: u16, ends_cleanly: bool) -> Outcome<Self> {
        let log = File::create(log()).map_err(|error| error.to_string())?;
        let copy = log.try_clone().map_err(|error| error.to_string())?;
        command.stdin(Stdio::null()).stdout(log).stderr(copy);
        let mut child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let begin = Instant::now();
        loop {
            if TcpStream::connect(("127.0.0.1", port)).is_ok() {
                return Ok(Self { port, child: Some(child), ends_cleanly });
            }
            let told = || std::fs::read_to_string(self::log()).unwrap_or_default();
            if let Some(status) = ended(&mut child)? {
                return Err(format!("the broker did not start: {status}\n{}", told()));
            }
            if begin.elapsed() > START {
                child.kill().map_err(|error| error.to_string())?;
                return Err(format!("the broker does not listen on port {port}\n{}", told()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
        }
    }
}

/// Where the broker's own output goes.
pub(super) fn log() -> PathBuf {
    client::directory().join("broker.log")
}

fn ended(child: &mut Child) -> Outcome<Option<ExitStatus>> {
    child.try_wait().map_err(|error| error.to_string())
}

/// A port of 127.0.0.1 that nobody listens on.
pub(crate) fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}
