//! Everything that a developer of the workspace asks for by name: `cargo xtask`.

// A program for the host only: `std` is where it looks for things.
#![allow(clippy::std_instead_of_alloc, clippy::std_instead_of_core)]

mod boundary;
mod debian;
mod firmware;
mod interop;
mod load;
mod metadata;
mod msrv;
mod no_std;
mod paho;
mod process;
mod sensor;
mod size;
mod spec;

use clap::{Parser, Subcommand};
use process::Outcome;
use std::process::ExitCode;

/// Everything that a developer of the workspace asks for by name.
#[derive(Debug, Parser)]
#[command(name = "cargo xtask", arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    task: Task,
}

#[derive(Debug, Subcommand)]
enum Task {
    /// Checks what each crate must not name: std, clocks, threads, panics, MQTT rules
    Boundary,
    /// Builds the broker for a microcontroller, boots it in QEMU, and lets real clients use it
    Firmware(firmware::Arguments),
    /// Drives the release binary with real clients, in every version each of them speaks
    Interop(interop::Arguments),
    /// Loads the release binary, Mosquitto and a plain relay in turn, and compares what it costs them
    Load(load::Arguments),
    /// Checks the minimum Rust version that the libraries state
    Msrv,
    /// Builds codec and core for bare-metal targets
    NoStd,
    /// Runs the Eclipse Paho interoperability suites, from a checkout of them, against the release binary
    Paho(paho::Arguments),
    /// Builds a client for a microcontroller, measures it, and lets it use the broker from QEMU
    Sensor,
    /// Measures what codec and core take of a microcontroller's flash, and a small broker of its RAM
    Size,
    /// Checks that every numbered statement of the standards is met and tested; writes the table
    Spec(spec::Arguments),
}

fn main() -> ExitCode {
    match run(Arguments::parse().task) {
        Ok(()) => ExitCode::SUCCESS,
        Err(reason) => {
            eprintln!("error: {reason}");
            ExitCode::FAILURE
        }
    }
}

fn run(task: Task) -> Outcome {
    match task {
        Task::Boundary => boundary::run(),
        Task::Firmware(arguments) => firmware::run(&arguments),
        Task::Interop(arguments) => interop::run(&arguments),
        Task::Load(arguments) => load::run(&arguments),
        Task::Msrv => msrv::run_checks(),
        Task::NoStd => no_std::run_builds(),
        Task::Paho(arguments) => paho::run(&arguments),
        Task::Sensor => sensor::run(),
        Task::Size => size::run(),
        Task::Spec(arguments) => spec::run(&arguments),
    }
}
