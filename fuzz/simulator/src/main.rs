//! The command line of the simulator.

#![allow(clippy::std_instead_of_core, reason = "a program for the host only")]

use std::num::NonZero;
use std::ops::Range;
use std::process::ExitCode;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use clap::Parser;
use mqtt_broker_core::Defect;
use simulator::faults::{Fault, FaultSet};
use simulator::joined;
use simulator::plan::{Plan, TURNS};
use simulator::shrink::shrink;
use simulator::workload::scenes;
use simulator::world::Counts;
use simulator::{report, trial};

/// Plays worlds of clients, links, disks and faults against the broker, and judges it.
#[derive(Debug, Parser)]
struct Arguments {
    /// Play the world of this seed, and tell what happened.
    #[arg(long)]
    seed: Option<u64>,
    /// Play the worlds of these seeds, as in 0..10000.
    #[arg(long, value_parser = range, default_value = "0..1000")]
    seeds: Range<u64>,
    /// Go on with further seeds for so many hours.
    #[arg(long)]
    hours: Option<f64>,
    /// How many threads play worlds; all cores unless given.
    #[arg(long)]
    jobs: Option<usize>,
    /// Only worlds of this workload.
    #[arg(long, value_parser = names())]
    workload: Option<String>,
    /// How many turns clients and host have before a world heals.
    #[arg(long, default_value_t = TURNS)]
    turns: u32,
    /// How many clients a world has, at most.
    #[arg(long)]
    clients: Option<usize>,
    /// Faults that do not happen, separated by commas.
    #[arg(long, value_delimiter = ',', value_parser = fault)]
    without: Vec<Fault>,
    /// A defect that the broker is to have, to see whether it is found.
    #[arg(long, value_parser = defect)]
    defect: Option<Defect>,
    /// Show failures as they are, without looking for a smaller world.
    #[arg(long)]
    whole: bool,
    /// How much of what happened is shown with a failure, in lines.
    #[arg(long, default_value_t = 120)]
    lines: usize,
    /// Stop after so many failures.
    #[arg(long, default_value_t = 1)]
    failures: usize,
}

impl Arguments {
    fn plan(&self, seed: u64) -> Plan {
        Plan {
            workload: self.workload.clone(),
            turns: self.turns.max(1),
            clients: self.clients.unwrap_or(usize::MAX),
            defect: self.defect,
            faults: self.without.iter().fold(FaultSet::ALL, |set, fault| set.without(*fault)),
            ..Plan::new(seed)
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let failed = match arguments.seed {
        Some(seed) => play_one(&arguments.plan(seed), arguments.whole, arguments.lines),
        None => play_all(&arguments),
    };
    if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

fn play_one(plan: &Plan, whole: bool, lines: usize) -> bool {
    let begun = Instant::now();
    let outcome = trial::run(plan);
    println!("workload {}, hash {:016x}", outcome.workload, outcome.hash);
    print!("{}", report::summary(1, &outcome.counts, begun.elapsed()));
    let Some(failure) = outcome.failure else { return false };
    let shrunk = if whole { plan.clone() } else { shrink(plan, failure.oracle) };
    print!("{}", report::failure(plan, &shrunk, lines));
    true
}

/// What the threads have to show so far.
#[derive(Default)]
struct Ledger {
    counts: Counts,
    done: u64,
    failures: Vec<(Plan, &'static str)>,
}

fn play_all(arguments: &Arguments) -> bool {
    let begun = Instant::now();
    let deadline = arguments.hours.map(|hours| Duration::from_secs_f64(hours * 3600.0));
    let cores = std::thread::available_parallelism().map_or(1, NonZero::get);
    let next = AtomicU64::new(arguments.seeds.start);
    let ledger = Mutex::new(Ledger::default());
    let all = arguments.seeds.end - arguments.seeds.start;
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.unwrap_or(cores).max(1) {
            scope.spawn(|| play_some(arguments, begun, deadline, &next, &ledger));
        }
        show_progress(begun, deadline, all, arguments.failures, &ledger);
    });
    let ledger = ledger.into_inner().unwrap_or_default();
    print!("{}", report::summary(ledger.done, &ledger.counts, begun.elapsed()));
    for (plan, oracle) in &ledger.failures {
        let shrunk = if arguments.whole { plan.clone() } else { shrink(plan, oracle) };
        print!("{}", report::failure(plan, &shrunk, arguments.lines));
    }
    println!("{} failures", ledger.failures.len());
    !ledger.failures.is_empty()
}

fn play_some(
    arguments: &Arguments,
    begun: Instant,
    deadline: Option<Duration>,
    next: &AtomicU64,
    ledger: &Mutex<Ledger>,
) {
    loop {
        let seed = next.fetch_add(1, Ordering::Relaxed);
        let over = match deadline {
            Some(deadline) => begun.elapsed() >= deadline,
            None => seed >= arguments.seeds.end,
        };
        if over {
            return;
        }
        let plan = arguments.plan(seed);
        let outcome = trial::run(&plan);
        let Ok(mut ledger) = ledger.lock() else { return };
        ledger.done += 1;
        ledger.counts.add(&outcome.counts);
        if let Some(failure) = outcome.failure {
            // Whoever ends a long run knows of it all the same.
            eprintln!("{}: {plan}", failure.oracle);
            ledger.failures.push((plan, failure.oracle));
        }
        if ledger.failures.len() >= arguments.failures {
            return;
        }
    }
}

/// A line now and then, until there is nothing more to come.
fn show_progress(
    begun: Instant,
    deadline: Option<Duration>,
    all: u64,
    most: usize,
    ledger: &Mutex<Ledger>,
) {
    let mut shown = Duration::ZERO;
    loop {
        std::thread::sleep(Duration::from_millis(100));
        let elapsed = begun.elapsed();
        let Ok(ledger) = ledger.lock() else { return };
        let over = deadline.map_or(ledger.done >= all, |deadline| elapsed >= deadline);
        if over || ledger.failures.len() >= most {
            return;
        }
        if elapsed - shown >= Duration::from_secs(5) {
            shown = elapsed;
            let of = deadline.map_or(all, |_| ledger.done);
            eprintln!("{}", report::progress(ledger.done, of, ledger.failures.len(), elapsed));
        }
    }
}

/// The workloads there are.
fn names() -> Vec<&'static str> {
    scenes::ALL.iter().map(|(name, _)| *name).chain([joined::NAME]).collect()
}

fn range(text: &str) -> Result<Range<u64>, String> {
    let (start, end) = text.split_once("..").ok_or("it has the form 0..10000")?;
    let number = |text: &str| text.parse::<u64>().map_err(|error| error.to_string());
    let (start, end) = (number(start)?, number(end)?);
    if start >= end { Err("it is empty".into()) } else { Ok(start..end) }
}

fn defect(name: &str) -> Result<Defect, String> {
    let known = || Defect::ALL.iter().map(|defect| format!("{defect:?}")).collect::<Vec<_>>();
    let found = Defect::ALL.iter().find(|defect| format!("{defect:?}") == name);
    found.copied().ok_or_else(|| format!("it is one of: {}", known().join(", ")))
}

fn fault(name: &str) -> Result<Fault, String> {
    let known = || Fault::ALL.iter().map(|fault| fault.name()).collect::<Vec<_>>().join(", ");
    let found = Fault::ALL.iter().find(|fault| fault.name() == name);
    found.copied().ok_or_else(|| format!("it is one of: {}", known()))
}
