//! A server under load.

use crate::process::Outcome;
use std::fs::File;
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START: Duration = Duration::from_secs(10);

/// A process on CPU 0 that listens on a port of 127.0.0.1; killed when dropped.
#[derive(Debug)]
pub(super) struct Server {
    child: Child,
    port: u16,
}

impl Server {
    /// Starts `command`, in which `@PORT@` and `@DIRECTORY@` are filled in; its log and, with
    /// the port, the configuration of Mosquitto go to `directory`.
    pub(super) fn start(command: &str, directory: &Path, mosquitto: &str) -> Outcome<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").map_err(|error| error.to_string())?;
        let port = listener.local_addr().map_err(|error| error.to_string())?.port();
        drop(listener);
        let configuration = format!("listener {port} 127.0.0.1\n{mosquitto}");
        std::fs::write(directory.join("mosquitto.conf"), configuration)
            .map_err(|error| error.to_string())?;
        let log = directory.join("server.log");
        let output = File::create(&log).map_err(|error| error.to_string())?;
        let copy = output.try_clone().map_err(|error| error.to_string())?;
        let command = command
            .replace("@PORT@", &port.to_string())
            .replace("@DIRECTORY@", &directory.to_string_lossy());
        let mut pinned = Command::new("taskset");
        pinned.args(["-c", "0"]).args(command.split_whitespace());
        pinned.stdin(Stdio::null()).stdout(output).stderr(copy);
        let child = pinned.spawn().map_err(|error| format!("{command}: {error}"))?;
        let mut server = Self { child, port };
        let begin = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            server.check()?;
            if begin.elapsed() > START {
                return Err(format!("{command} does not listen; {log:?}"));
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        // What starting has left to do, and the connection just tried, are not to be measured.
        std::thread::sleep(Duration::from_millis(300));
        Ok(server)
    }

    pub(super) fn port(&self) -> u16 {
        self.port
    }

    /// Of the process itself: `taskset` becomes what it starts.
    pub(super) fn id(&self) -> u32 {
        self.child.id()
    }

    /// An error if the process has ended.
    pub(super) fn check(&mut self) -> Outcome {
        match self.child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => Err(format!("the server ended: {status}")),
            None => Ok(()),
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // Both fail when the process has ended, which is what is wanted.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
