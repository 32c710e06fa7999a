//! What is shown: progress, a summary of what was exercised, a failure with its account.

use std::fmt::Write as _;
use std::time::Duration;

use mqtt_codec::PacketType;

use crate::faults::Fault;
use crate::plan::Plan;
use crate::reach::Standard;
use crate::trial;
use crate::world::Counts;

/// One line on how far a run is.
#[must_use]
pub fn progress(done: u64, of: u64, failures: usize, elapsed: Duration) -> String {
    const WIDTH: u64 = 30;
    let filled = usize::try_from(done * WIDTH / of.max(1)).unwrap_or(0);
    let bar = "#".repeat(filled) + &" ".repeat(30 - filled.min(30));
    let rate = per_minute(done, elapsed);
    format!("[{bar}] {done}/{of} worlds, {rate} a minute, {failures} failures")
}

/// What was exercised in all worlds.
#[must_use]
pub fn summary(done: u64, counts: &Counts, elapsed: Duration) -> String {
    let mut text = String::new();
    let hours = counts.milliseconds / 3_600_000;
    let rate = per_minute(done, elapsed);
    let _ = writeln!(
        text,
        "{done} worlds, {hours} hours of virtual time in {:.0} s ({rate} worlds a minute), {} \
         messages delivered",
        elapsed.as_secs_f64(),
        counts.heard,
    );
    if counts.joined > 0 {
        let (joined, frames) = (counts.joined, counts.frames);
        let _ = writeln!(text, "{joined} of them of several brokers, with {frames} frames between");
    }
    for (title, packets) in [("received", &counts.received), ("sent", &counts.sent)] {
        let _ = write!(text, "packets {title}:");
        for (number, count) in (0u8..).zip(packets).filter(|(_, count)| **count > 0) {
            let name = PacketType::from_u8(number).map_or("?", PacketType::name);
            let _ = write!(text, " {name} {count}");
        }
        text.push('\n');
    }
    let _ = write!(text, "faults:");
    for (fault, count) in Fault::ALL.iter().zip(&counts.faults).filter(|(_, count)| **count > 0) {
        let _ = write!(text, " {} {count}", fault.name());
    }
    text.push('\n');
    for (standard, name) in [(Standard::V5, "MQTT 5.0"), (Standard::V3_1_1, "MQTT 3.1.1")] {
        let all = counts.reached.iter().filter(|((of, _), _)| *of == standard);
        if all.clone().next().is_none() {
            continue;
        }
        let _ = write!(text, "requirements checked ({} of {name}):", all.clone().count());
        for ((_, requirement), count) in all {
            let _ = write!(text, " {} {count}", requirement.trim_start_matches("MQTT-"));
        }
        text.push('\n');
    }
    text
}

/// A failure: the line that plays it again, what was found, and how it came to it,
/// in the last `most` lines of the account.
#[must_use]
pub fn failure(plan: &Plan, shrunk: &Plan, most: usize) -> String {
    let outcome = trial::run_with_account(shrunk);
    let mut text = String::new();
    let _ = writeln!(text, "seed {} fails. To play it again:", plan.seed);
    let _ = writeln!(text, "    cargo run --release -p simulator -- {shrunk}");
    let lines = outcome.account.len();
    let skipped = lines.saturating_sub(most);
    if skipped > 0 {
        let _ = writeln!(text, "    … {skipped} lines before");
    }
    for line in outcome.account.iter().skip(skipped) {
        let _ = writeln!(text, "    {line}");
    }
    if let Some(failure) = outcome.failure {
        let _ = writeln!(text, "{} ({}): {}", failure.oracle, outcome.workload, failure.words);
    }
    text
}

fn per_minute(done: u64, elapsed: Duration) -> u64 {
    let milliseconds = u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
    done * 60_000 / milliseconds
}
