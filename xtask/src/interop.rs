//! `cargo xtask interop`: real clients against the broker, client x version x case.
//!
//! The cases are written once ([`cases`]); a small program per client ([`client`], sources in
//! `xtask/interop/`) carries them out over a line protocol ([`driver`]).

mod broker;
mod cases;
mod client;
mod driver;
mod row;
mod table;

use crate::process::Outcome;
pub(crate) use broker::{Broker, free_port};
use cases::{CASES, Case};
pub(crate) use client::directory;
pub(crate) use client::paho_script;
use client::{CLIENTS, Client};
use row::Row;
use std::sync::Mutex;
use std::time::Instant;
use table::{Cell, Line};

/// What `cargo xtask interop` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Test the broker that already listens on this port of 127.0.0.1
    #[arg(long, conflicts_with = "broker_cmd")]
    port: Option<u16>,
    /// Start this broker instead of ours; `{port}` stands for the port it shall listen on
    #[arg(long, value_name = "COMMAND")]
    broker_cmd: Option<String>,
    /// Only this client (mosquitto, paho, gmqtt, mqttjs, rumqttc)
    #[arg(long)]
    client: Option<String>,
    /// Only this protocol version (3.1, 3.1.1, 5.0)
    #[arg(long, value_name = "VERSION")]
    protocol: Option<String>,
    /// Only this case
    #[arg(long)]
    case: Option<String>,
}

/// Runs the suite and prints its table; an error if a cell failed.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let (rows, cases) = selection(arguments)?;
    std::fs::create_dir_all(client::directory()).map_err(|error| error.to_string())?;
    let installed = install(&rows);
    let mut broker = match (arguments.port, &arguments.broker_cmd) {
        (Some(port), _) => Broker::running(port),
        (None, Some(command)) => Broker::start_command(command)?,
        (None, None) => Broker::start_release()?,
    };
    let threads = std::thread::available_parallelism().map_or(2, |cores| cores.get().max(2));
    let failed = play_and_print(&rows, &cases, &installed, broker.port(), threads);
    let stopped = broker.stop();
    match (failed, stopped) {
        (0, stopped) => stopped,
        (failed, stopped) => {
            let ending = stopped.err().map(|reason| format!("; {reason}")).unwrap_or_default();
            Err(format!("{failed} cells failed{ending}; the broker's log: {:?}", broker::log()))
        }
    }
}

/// Plays these clients, one at a time, against a small broker that listens on this port; not the
/// cases that it is too small for.
pub(crate) fn run_on(port: u16, clients: &[&str], too_large: &[&str]) -> Outcome {
    let clients = CLIENTS.iter().filter(|client| clients.contains(&client.name));
    let rows: Vec<Pairing> = clients
        .flat_map(|client| client.versions.iter().map(move |version| (client, *version)))
        .collect();
    let cases: Vec<_> = CASES.iter().filter(|case| !too_large.contains(&case.name)).collect();
    std::fs::create_dir_all(client::directory()).map_err(|error| error.to_string())?;
    match play_and_print(&rows, &cases, &install(&rows), port, 1) {
        0 => Ok(()),
        failed => Err(format!("{failed} cells failed")),
    }
}

/// A client, and one of the versions it speaks.
type Pairing = (&'static Client, &'static str);

fn selection(arguments: &Arguments) -> Outcome<(Vec<Pairing>, Vec<&'static Case>)> {
    let wanted = |choice: &Option<String>, name: &str| choice.as_deref().is_none_or(|c| c == name);
    let mut rows = Vec::new();
    for client in CLIENTS.iter().filter(|client| wanted(&arguments.client, client.name)) {
        let versions = client.versions.iter().filter(|v| wanted(&arguments.protocol, v));
        rows.extend(versions.map(|version| (client, *version)));
    }
    let cases: Vec<_> = CASES.iter().filter(|case| wanted(&arguments.case, case.name)).collect();
    if rows.is_empty() || cases.is_empty() {
        let names: Vec<&str> = CASES.iter().map(|case| case.name).collect();
        return Err(format!("nothing to run; the cases are: {}", names.join(", ")));
    }
    Ok((rows, cases))
}

/// Whether each client could be made ready; one that could not fails all its cells.
fn install(rows: &[Pairing]) -> Vec<(&'static str, Outcome)> {
    let mut answers: Vec<(&'static str, Outcome)> = Vec::new();
    for (client, _) in rows {
        if answers.iter().all(|(name, _)| *name != client.name) {
            println!("preparing {}", client.name);
            answers.push((client.name, (client.install)()));
        }
    }
    answers
}

/// Plays every row and prints the table; how many cells failed.
fn play_and_print(
    rows: &[Pairing],
    cases: &[&'static Case],
    installed: &[(&'static str, Outcome)],
    port: u16,
    threads: usize,
) -> usize {
    let begin = Instant::now();
    let lines = play(rows, cases, installed, port, threads);
    let names: Vec<&str> = cases.iter().map(|case| case.name).collect();
    table::print(&names, &lines, begin.elapsed().as_secs_f32())
}

/// Plays every row, `threads` at a time.
fn play(
    rows: &[Pairing],
    cases: &[&'static Case],
    installed: &[(&'static str, Outcome)],
    port: u16,
    threads: usize,
) -> Vec<Line> {
    let lines: Vec<Mutex<Option<Line>>> = rows.iter().map(|_| Mutex::new(None)).collect();
    let next = Mutex::new(0..rows.len());
    let work = || {
        let take = || next.lock().ok().and_then(|mut range| range.next());
        while let Some(index) = take() {
            let (client, version) = rows[index];
            let ready = installed.iter().find(|(name, _)| *name == client.name);
            let cells = match ready {
                Some((_, Err(reason))) => {
                    vec![Cell::Failed(format!("not installed: {reason}")); cases.len()]
                }
                _ => play_row(client, version, cases, port),
            };
            println!("played {} {version}", client.name);
            if let Ok(mut line) = lines[index].lock() {
                *line = Some(Line { client: client.name, version, cells });
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..threads.min(rows.len()) {
            scope.spawn(work);
        }
    });
    let done = |line: Mutex<Option<Line>>| line.into_inner().ok().flatten();
    lines.into_iter().filter_map(done).collect()
}

fn play_row(
    client: &'static Client,
    version: &'static str,
    cases: &[&'static Case],
    port: u16,
) -> Vec<Cell> {
    let mut row = Row::new(client, version, port);
    let mut cells = Vec::new();
    for case in cases {
        let excuse = (case.not_for)(client, version);
        cells.push(match excuse {
            Some(reason) => Cell::NotApplicable(reason),
            None => match row.play(case) {
                Ok(()) => Cell::Passed,
                Err(reason) => Cell::Failed(reason),
            },
        });
    }
    cells
}
