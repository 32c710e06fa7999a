//! The core without sockets, in one table: the time of one of everything, the instructions it takes and
//! the allocations it makes.
//!
//! `core` prints all rows, `core WORD…` those whose name has one of the words in it. A time is that of
//! the fastest round, so that a machine that does something else beside does not show; instructions are
//! counted by callgrind, if it is there, as what more rounds take more.

#[path = "core/rows.rs"]
mod rows;

use core::hint::black_box;
use core::time::Duration;
use std::env;
use std::process::Command;
use std::time::Instant;

use benches::allocations::{Counting, count};

use self::rows::{ROWS, Row};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How long rounds are timed.
const TIMED: Duration = Duration::from_millis(400);

fn main() {
    let words: Vec<String> = env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    if let [run, name, rounds] = &words[..] {
        if run == "run" {
            let row = ROWS.iter().find(|row| row.name == *name).expect("a row has this name");
            let mut round = (row.prepare)();
            for _ in 0..rounds.parse().expect("a number of rounds") {
                black_box(round());
            }
            return;
        }
    }
    println!(
        "{:<44} {:>10} {:>13} {:>12} {:>8}",
        "one", "ns", "instructions", "allocations", "target"
    );
    for row in ROWS {
        if words.is_empty() || words.iter().any(|word| row.name.contains(word.as_str())) {
            print(row);
        }
    }
}

fn print(row: &Row) {
    let mut round = (row.prepare)();
    // The first rounds make the room that the others use again.
    (0..3).for_each(|_| {
        black_box(round());
    });
    let (mut best, mut allocations) = (f64::INFINITY, f64::INFINITY);
    let begun = Instant::now();
    while begun.elapsed() < TIMED {
        let (before, started) = (count(), Instant::now());
        let (units, elapsed) = (round() as f64, started.elapsed());
        if units == 0.0 {
            continue;
        }
        best = best.min(elapsed.as_nanos() as f64 / units);
        allocations = allocations.min((count() - before) as f64 / units);
    }
    let instructions = match row.is_small {
        true => instructions(row.name, round()).map_or(String::new(), |each| format!("{each:.0}")),
        false => String::new(),
    };
    println!(
        "{:<44} {best:>10.1} {instructions:>13} {allocations:>12.2} {:>8}",
        row.name, row.target
    );
}

/// The instructions of one unit, of which a round has so many; `None` without callgrind.
fn instructions(name: &str, units: u64) -> Option<f64> {
    let (few, many) = (counted(name, 3)?, counted(name, 9)?);
    Some((many - few) as f64 / (6 * units) as f64)
}

fn counted(name: &str, rounds: u32) -> Option<u64> {
    let output = Command::new("valgrind")
        .args(["--tool=callgrind", "--callgrind-out-file=/dev/null"])
        .arg(env::current_exe().ok()?)
        .args(["run", name, &rounds.to_string()])
        .output()
        .ok()?;
    let report = String::from_utf8(output.stderr).ok()?;
    let line = report.lines().find(|line| line.contains("Collected :"))?;
    line.rsplit(' ').next()?.parse().ok()
}
