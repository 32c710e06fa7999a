//! `cargo xtask load`: the release binary under load, beside Mosquitto and a relay that parses nothing.
//!
//! The load generator is not part of this repository: `MQTT_LOAD_GENERATOR` names the directory of its
//! cargo package, which is copied and built under the target directory. Every server is started afresh
//! for each scenario and pinned to CPU 0, the generator to CPU 1; runs are interleaved, so that a noisy
//! minute hits all of them. What is printed are medians.

mod row;
mod server;

use crate::debian::require_program;
use crate::process::{Outcome, cargo, output, run as run_command, target};
use row::{ROWS, SCENARIOS, Scenario};
use serde_json::Value;
use server::Server;
use std::collections::HashMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;

/// What `cargo xtask load` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// Only these scenarios; may be repeated
    #[arg(long = "scenario", value_name = "NAME")]
    scenarios: Vec<String>,
    /// How often each is run
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Measured seconds of a scenario that has no end of its own
    #[arg(long, default_value_t = 3)]
    seconds: u32,
    /// Another broker to compare with: its name and the command that starts it in the foreground, in
    /// which @PORT@ stands for the port; may be repeated
    #[arg(long = "peer", value_name = "NAME=COMMAND", value_parser = peer)]
    peers: Vec<(String, String)>,
    /// More words for the generator, such as --payload 256
    #[arg(last = true)]
    generator: Vec<String>,
}

/// What the broker is told beyond its defaults: one scenario has more wait for one client than the
/// default queue takes, and the others have no log.
const OURS: &str = "--log warn --set mqtt.queue_messages=1000000 --set mqtt.queue_bytes=1GiB";

const MOSQUITTO: &str = "allow_anonymous true\npersistence false\nset_tcp_nodelay true\n\
    max_queued_messages 0\nmax_inflight_messages 20\nmax_keepalive 65535\nsys_interval 0\nlog_type none\n";

/// The medians' raw material: for each scenario and server, what each run printed.
pub(super) type Results = HashMap<(&'static str, String), Vec<Value>>;

/// Runs the scenarios and prints the tables.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let generator = build_generator()?;
    run_command(&mut cargo(&["build", "--quiet", "--release", "--package", "mqtt-broker"]))?;
    require_program("mosquitto", "mosquitto")?;
    let scenarios = chosen(&arguments.scenarios)?;
    let mut servers = vec![("floor".to_owned(), String::new())];
    servers.push(("mosquitto".to_owned(), String::new()));
    servers.extend(arguments.peers.iter().cloned());
    let ours = target().join("release/mqtt-broker");
    let ours = format!("{} --listen 127.0.0.1:@PORT@ {OURS}", ours.display());
    servers.push(("ours".to_owned(), ours));
    let mut results = Results::new();
    for run in 1..=arguments.runs {
        for scenario in &scenarios {
            for (name, command) in &servers {
                let Some(command) = command_of(name, command, scenario, &generator) else {
                    continue;
                };
                let result = measure(&command, scenario, arguments, &generator)
                    .map_err(|reason| format!("{} of {name}: {reason}", scenario.name))?;
                eprintln!("run {run} {:<13} {name:<10} {}", scenario.name, summary(&result));
                results.entry((scenario.name, name.clone())).or_default().push(result);
            }
        }
    }
    let names: Vec<&str> = servers.iter().map(|(name, _)| name.as_str()).collect();
    print(&results, &names);
    Ok(())
}

/// Copies the generator's package, since it may lie where nothing can be written, and builds it.
fn build_generator() -> Outcome<PathBuf> {
    let from = std::env::var_os("MQTT_LOAD_GENERATOR")
        .ok_or("MQTT_LOAD_GENERATOR has to name the directory of the load generator")?;
    let from = PathBuf::from(from);
    let to = target().join("load");
    std::fs::create_dir_all(&to).map_err(|error| format!("{to:?}: {error}"))?;
    let mut copy = Command::new("cp");
    copy.args(["-r", "--no-preserve=mode"]).arg(from.join("Cargo.toml")).arg(from.join("src"));
    output(copy.arg(&to))?;
    let manifest = to.join("Cargo.toml");
    end_workspace(&manifest)?;
    let built = to.join("target");
    let mut build = cargo(&["build", "--quiet", "--release", "--manifest-path"]);
    run_command(build.arg(manifest).arg("--target-dir").arg(&built))?;
    Ok(built.join("release/mqload"))
}

/// Under the target directory the copy lies within our workspace, which it is not part of.
fn end_workspace(manifest: &Path) -> Outcome {
    let read = |error| format!("{manifest:?}: {error}");
    let mut text = std::fs::read_to_string(manifest).map_err(read)?;
    if !text.lines().any(|line| line.trim() == "[workspace]") {
        text.push_str("\n[workspace]\n");
        std::fs::write(manifest, text).map_err(read)?;
    }
    Ok(())
}

fn chosen(names: &[String]) -> Outcome<Vec<&'static Scenario>> {
    if names.is_empty() {
        return Ok(SCENARIOS.iter().collect());
    }
    let find = |name: &String| {
        let found = SCENARIOS.iter().find(|scenario| scenario.name == name);
        found.ok_or_else(|| {
            let names: Vec<&str> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            format!("there is no scenario {name}, but {}", names.join(", "))
        })
    };
    names.iter().map(find).collect()
}

/// What starts a server for this scenario; `None` for the relay where it has no answer.
fn command_of(name: &str, command: &str, scenario: &Scenario, generator: &Path) -> Option<String> {
    match name {
        "floor" => {
            let (mode, generator) = (scenario.relay?, generator.display());
            Some(format!("{generator} relay --port @PORT@ --mode {mode} --write turn"))
        }
        "mosquitto" => Some("mosquitto -c @DIRECTORY@/mosquitto.conf".to_owned()),
        _ => Some(command.to_owned()),
    }
}

/// One run of one scenario against one server: what the generator prints.
fn measure(
    command: &str,
    scenario: &Scenario,
    arguments: &Arguments,
    generator: &Path,
) -> Outcome<Value> {
    let directory = target().join("load");
    let mut server = Server::start(command, &directory, MOSQUITTO)?;
    let mut load = Command::new("taskset");
    load.args(["-c", "1"]).arg(generator).args(scenario.arguments.split(' '));
    load.args(["--secs", &arguments.seconds.to_string(), "--json"]);
    load.args(["--port", &server.port().to_string(), "--broker-pid", &server.id().to_string()]);
    let printed = output(load.args(&arguments.generator))?;
    server.check()?;
    let line = printed.lines().last().unwrap_or_default();
    serde_json::from_str(line).map_err(|error| format!("{line:?}: {error}"))
}

/// The figures of one run that one looks at while it goes on.
fn summary(result: &Value) -> String {
    let mut text = String::new();
    for figure in ["cpu_us_per_msg", "rate", "lost", "broker_util", "gen_util"] {
        if let Some(number) = result[figure].as_f64() {
            let _ = write!(text, "{figure} {number:.3}  ");
        }
    }
    text
}

/// The table, as `benches/README.md` has it.
fn print(results: &Results, names: &[&str]) {
    println!("\n| scenario | {} | target | result |", names.join(" | "));
    println!("|{}", " --- |".repeat(names.len() + 3));
    for row in ROWS {
        let medians: Vec<Option<f64>> =
            names.iter().map(|name| row.median(results, name)).collect();
        let Some(ours) = row.median(results, "ours") else { continue };
        let cells: Vec<String> = medians
            .iter()
            .map(|median| median.map_or_else(|| "–".to_owned(), |median| format!("{median:.2}")))
            .collect();
        let (target, is_met) = row.judge(results, names, ours);
        println!("| {} | {} | {target} | {is_met} |", row.label(), cells.join(" | "));
    }
}

/// Reads a name and a command.
fn peer(text: &str) -> Result<(String, String), String> {
    let (name, command) = text.split_once('=').ok_or("it has the form NAME=COMMAND")?;
    Ok((name.to_owned(), command.to_owned()))
}
