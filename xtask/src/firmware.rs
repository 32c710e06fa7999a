//! `cargo xtask firmware`: the broker of `examples/firmware` on a microcontroller.
//!
//! The image is built as in `no_std`, measured, and booted in QEMU, which forwards a port of this
//! machine to it. Real clients use it, then hostile ones. What the broker says about itself under
//! `$SYS/` shows what that took.

mod board;
mod client;
mod flood;
mod statistics;

use crate::debian;
use crate::interop;
use crate::no_std::{bare_metal_cargo, install_compiler};
use crate::process::{Outcome, output, run as run_command, target, workspace};
use crate::size::{linker, section_size};
use board::Board;
use statistics::Statistics;
use std::path::{Path, PathBuf};

const TRIPLE: &str = "thumbv7m-none-eabi";
const FLASH: u64 = 256 * 1024;
const RAM: u64 = 64 * 1024;
/// At the bottom of the RAM; see `memory.x`.
const STACK: u64 = 7 * 1024;

/// The most of a processor that the board may take while nobody uses it, in percent.
const IDLE: u64 = 30;

/// What `cargo xtask firmware` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Flood the board that already listens on this port of 127.0.0.1, and do nothing else
    #[arg(long, value_name = "PORT")]
    flood: Option<u16>,
}

/// Builds, boots, tries, measures.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    if let Some(port) = arguments.flood {
        return flood::run(port);
    }
    debian::require_program("qemu-system-arm", "qemu-system-arm")?;
    install_compiler()?;
    let image = build()?;
    print_sizes(&image)?;
    let mut board = Board::boot(&image)?;
    // Larger than any packet it takes; more than it keeps for a client that falls behind.
    let too_large = ["1MiB", "1000"];
    let played = interop::run_on(board.port(), &["mosquitto", "paho"], &too_large);
    board.check()?;
    played?;
    output(&mut interop::paho_script("firmware/paho_flow.py", board.port())?)?;
    println!("paho: Topic Alias and Receive Maximum, in both directions: ok");
    show("after the clients", board.port())?;
    let load = board.idle_load()?;
    println!("idle: {load} % of a processor");
    if load > IDLE {
        return Err(format!("the board takes {load} % of a processor while nobody uses it"));
    }
    let flooded = flood::run(board.port());
    board.check()?;
    flooded?;
    show("after the flood", board.port())?;
    board.stop()
}

/// Prints what the broker says about itself; an error if its memory was not enough.
fn show(when: &str, port: u16) -> Outcome {
    let statistics = Statistics::ask(port)?;
    println!("{when}: {statistics}");
    statistics.check()
}

/// Builds the image; where it is.
fn build() -> Outcome<PathBuf> {
    let mut build = bare_metal_cargo("build", "core,alloc", TRIPLE);
    build.current_dir(workspace().join("examples/firmware"));
    build.args(["--release", "--locked", "--quiet"]);
    build.env("CARGO_TARGET_THUMBV7M_NONE_EABI_LINKER", linker()?);
    run_command(&mut build)?;
    Ok(target().join("no-std").join(TRIPLE).join("release/firmware"))
}

/// Prints what the image takes of flash and RAM.
fn print_sizes(image: &Path) -> Outcome {
    let size = |section| section_size(image, section);
    let (text, constants, data) = (size(".text")?, size(".rodata")?, size(".data")?);
    let flash = size(".vector_table")? + text + constants + data;
    let (state, heap) = (data + size(".bss")?, size(".uninit")?);
    println!("flash: {flash} bytes of {FLASH}: {text} .text, {constants} constants, {data} .data");
    let ram = STACK + state + heap;
    println!("RAM: {ram} bytes of {RAM}: {state} static, {heap} heap, {STACK} stack");
    Ok(())
}
