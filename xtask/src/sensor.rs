//! `cargo xtask sensor`: the client of `examples/sensor` on a Cortex-M0.
//!
//! The image is built as in `no_std`, held against its limit, and booted in QEMU, with the serial line
//! connected to our release binary. What the sensor has published, a client written by others finds.

use crate::debian;
use crate::interop::{Broker, directory};
use crate::no_std::{bare_metal_cargo, install_compiler};
use crate::process::{Outcome, output, run as run_command, target, workspace};
use crate::size::{linker, section_size};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const TRIPLE: &str = "thumbv6m-none-eabi";
/// The most bytes of flash that the image may take.
const FLASH: u64 = 16 * 1024;
/// What the sensor publishes, and where; see `examples/sensor`.
const READING: (&str, &str) = ("sensors/1/celsius", "21.5");
/// How long the reading may take, in seconds.
const PATIENCE: &str = "20";

/// Builds, measures, boots, listens.
pub(crate) fn run() -> Outcome {
    debian::require_program("qemu-system-arm", "qemu-system-arm")?;
    debian::require_program("mosquitto_sub", "mosquitto-clients")?;
    install_compiler()?;
    let image = build()?;
    check_size(&image)?;
    fs::create_dir_all(directory()).map_err(|error| error.to_string())?;
    let mut broker = Broker::start_release()?;
    let board = Board::boot(&image, broker.port())?;
    let heard = listen(broker.port())?;
    drop(board);
    broker.stop()?;
    let (topic, reading) = READING;
    if heard != format!("{topic} {reading}\n") {
        return Err(format!("the sensor published {heard:?}"));
    }
    println!("the sensor on a Cortex-M0 published {reading}");
    Ok(())
}

/// Builds the image; where it is.
fn build() -> Outcome<PathBuf> {
    let mut build = bare_metal_cargo("build", "core", TRIPLE);
    build.current_dir(workspace().join("examples/sensor/microbit"));
    build.args(["--release", "--locked", "--quiet"]);
    build.env("CARGO_TARGET_THUMBV6M_NONE_EABI_LINKER", linker()?);
    run_command(&mut build)?;
    Ok(target().join("no-std").join(TRIPLE).join("release/sensor-microbit"))
}

/// Prints what the image takes of the flash, and holds it against the limit.
fn check_size(image: &Path) -> Outcome {
    let size = |section| section_size(image, section);
    let (text, constants, data) = (size(".text")?, size(".rodata")?, size(".data")?);
    let flash = size(".vector_table")? + text + constants + data;
    println!("flash: {flash} bytes of {FLASH}: {text} .text, {constants} constants, {data} .data");
    if flash > FLASH { Err(format!("{flash} bytes are more than {FLASH}")) } else { Ok(()) }
}

/// The first message that a subscriber gets: the retained one, or the one that comes.
fn listen(port: u16) -> Outcome<String> {
    let mut subscriber = Command::new("mosquitto_sub");
    subscriber.args(["-h", "127.0.0.1", "-p", &port.to_string(), "-t", READING.0]);
    output(subscriber.args(["-F", "%t %p", "-C", "1", "-W", PATIENCE]))
}

/// A board that runs an image; switched off when dropped.
struct Board(Child);

impl Board {
    /// Switches it on, with its serial line connected to a port of 127.0.0.1.
    fn boot(image: &Path, port: u16) -> Outcome<Self> {
        let mut command = Command::new("qemu-system-arm");
        command.args(["-M", "microbit", "-display", "none", "-monitor", "none"]);
        command.arg("-serial").arg(format!("tcp:127.0.0.1:{port}"));
        command.arg("-kernel").arg(image).stdin(Stdio::null());
        command.spawn().map(Self).map_err(|error| format!("{command:?}: {error}"))
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}
