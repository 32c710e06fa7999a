//! A broker that serves one test.

use crate::process::Outcome;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START: Duration = Duration::from_secs(10);

/// A process that listens on a port of 127.0.0.1; killed when dropped.
#[derive(Debug)]
pub(super) struct Broker {
    child: Child,
    port: u16,
}

impl Broker {
    /// Starts `command`, to which the address to listen on is added.
    pub(super) fn start(mut command: Command, log: &Path) -> Outcome<Self> {
        let port = free_port()?;
        let output = File::create(log).map_err(|error| error.to_string())?;
        let copy = output.try_clone().map_err(|error| error.to_string())?;
        command.arg(format!("127.0.0.1:{port}"));
        command.stdin(Stdio::null()).stdout(output).stderr(copy);
        let child = command.spawn().map_err(|error| format!("{command:?}: {error}"))?;
        let mut broker = Self { child, port };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            broker.check()?;
            if begin.elapsed() > START {
                return Err(format!("the broker does not listen; {log:?}"));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(broker)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// An error if the process has ended.
    pub(super) fn check(&mut self) -> Outcome {
        match self.child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => Err(format!("the broker ended: {status}")),
            None => Ok(()),
        }
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        // Both fail when the process has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn free_port() -> Outcome<u16> {
    let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
    Ok(listener.local_addr().map_err(|error| error.to_string())?.port())
}
