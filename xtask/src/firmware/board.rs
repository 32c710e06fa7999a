//! [`Board`]: the microcontroller, in QEMU.

use crate::interop::free_port;
use crate::process::{Outcome, target};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const START: Duration = Duration::from_secs(20);

/// A board that runs an image. A port of 127.0.0.1 is the broker's.
#[derive(Debug)]
pub(super) struct Board {
    child: Child,
    port: u16,
    serial: PathBuf,
}

impl Board {
    /// Switches it on, and waits until the broker listens.
    pub(super) fn boot(image: &Path) -> Outcome<Self> {
        let port = free_port()?;
        let serial = target().join("no-std/serial.log");
        let _ = fs::remove_file(&serial);
        let network = format!("user,model=stellaris,hostfwd=tcp:127.0.0.1:{port}-:1883");
        let mut command = Command::new("qemu-system-arm");
        // Without a reboot: a panic resets the board, and is to be noticed.
        command.args(["-M", "lm3s6965evb", "-display", "none", "-monitor", "none", "-no-reboot"]);
        command.args(["-nic", &network]).arg("-kernel").arg(image);
        command.arg("-serial").arg(format!("file:{}", serial.display()));
        let child = command.stdin(Stdio::null()).spawn();
        let child = child.map_err(|error| format!("{command:?}: {error}"))?;
        let mut board = Self { child, port, serial };
        let begin = Instant::now();
        while !board.told().contains("listening") {
            board.check()?;
            if begin.elapsed() > START {
                return Err(format!("the board does not listen; it says: {}", board.told()));
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        Ok(board)
    }

    /// Where the broker is reached.
    pub(super) const fn port(&self) -> u16 {
        self.port
    }

    /// An error if it has stopped: with what it said, or what QEMU said about a fault.
    pub(super) fn check(&mut self) -> Outcome {
        match self.child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => Err(format!("the board stopped, {status}: {}", self.told())),
            None => Ok(()),
        }
    }

    /// The share of one processor of this machine that it takes, in percent, over a second in which
    /// nobody wants anything of it. One that waits for its interrupts takes next to nothing.
    pub(super) fn idle_load(&mut self) -> Outcome<u64> {
        self.check()?;
        let (begin, before) = (Instant::now(), self.processor_ticks()?);
        std::thread::sleep(Duration::from_secs(1));
        let ticks = self.processor_ticks()? - before;
        // The kernel counts in hundredths of a second.
        Ok(ticks * 1000 / u64::try_from(begin.elapsed().as_millis()).unwrap_or(u64::MAX))
    }

    /// Processor time that it has taken so far, its own and the kernel's for it.
    fn processor_ticks(&self) -> Outcome<u64> {
        let path = format!("/proc/{}/stat", self.child.id());
        let line = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
        // Behind the name, which may contain anything: state, ten numbers, then these two.
        let numbers = line.rsplit(')').next().unwrap_or_default().split_whitespace().skip(11);
        let ticks: Option<Vec<u64>> = numbers.take(2).map(|number| number.parse().ok()).collect();
        ticks.map(|ticks| ticks.iter().sum()).ok_or_else(|| format!("{path}: {line}"))
    }

    /// Switches it off.
    pub(super) fn stop(mut self) -> Outcome {
        self.check()
    }

    /// What came over the serial line.
    fn told(&self) -> String {
        fs::read_to_string(&self.serial).unwrap_or_default()
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
