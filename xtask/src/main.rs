//! Everything that a developer of the workspace asks for by name: `cargo xtask`.

// A program for the host only: `std` is where it looks for things.
#![allow(clippy::std_instead_of_alloc, clippy::std_instead_of_core)]

mod debian;
mod interop;
mod process;

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
    /// Drives the release binary with real clients, in every version each of them speaks
    Interop(interop::Arguments),
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
        Task::Interop(arguments) => interop::run(&arguments),
    }
}
