//! `cargo xtask paho DIR`: the Eclipse Paho interoperability suites against the broker.
//!
//! The suites are Python programs from the public repository eclipse-paho/paho.mqtt.testing, of which
//! DIR is a checkout; nothing of it is here. Each test gets a broker of its own ([`broker`]) under
//! `xtask/paho/broker.toml`, and a Python process that runs it alone (`xtask/paho/one_test.py`).

mod broker;

use crate::process::{Outcome, cargo, run as run_command, target, workspace};
use broker::Broker;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};

/// What `cargo xtask paho` understands.
#[derive(Debug, clap::Args)]
pub(crate) struct Arguments {
    /// A checkout of eclipse-paho/paho.mqtt.testing
    directory: PathBuf,
    /// Only tests whose name contains this
    #[arg(long)]
    test: Option<String>,
    /// Tests at a time; they mostly wait
    #[arg(long, default_value_t = 8)]
    jobs: usize,
}

/// The suites: module, version, how many tests are known in it.
const SUITES: &[(&str, &str, usize)] = &[("client_test", "3.1.1", 11), ("client_test5", "5.0", 27)];

/// A test that no name beginning with `test` announces.
const UNANNOUNCED: &str = "will_message_test";

/// Tests that need a broker which refuses a subscription; the binary has no access rules yet.
const DENYING: &str = "test_subscribe_failure";

/// Tests that are wrong by the text of the standard: suite, test, why. There is none: the one that
/// asserts nothing (`client_test5` `test_zero_length_clientid`) returns what it found, and that counts
/// here.
const EXCUSED: &[(&str, &str, &str)] = &[];

/// The longest of them takes 25 seconds.
const PATIENCE: Duration = Duration::from_secs(120);

/// One test and what became of it.
struct Test {
    suite: &'static str,
    version: &'static str,
    name: String,
    outcome: Option<Outcome>,
    seconds: f32,
}

impl Test {
    fn excuse(&self) -> Option<&'static str> {
        let found =
            EXCUSED.iter().find(|(suite, name, _)| *suite == self.suite && *name == self.name);
        found.map(|(_, _, reason)| *reason)
    }

    fn host(&self) -> &'static str {
        if self.name == DENYING { "denying_host" } else { "mqtt-broker" }
    }
}

/// Runs the suites and prints a table; an error if a test failed.
pub(crate) fn run(arguments: &Arguments) -> Outcome {
    let directory = std::path::absolute(&arguments.directory).map_err(|e| e.to_string())?;
    let mut tests = tests(&directory)?;
    let wanted = arguments.test.as_deref().unwrap_or_default();
    tests.retain(|test| test.name.contains(wanted));
    std::fs::create_dir_all(logs()).map_err(|error| error.to_string())?;
    run_command(&mut cargo(&["build", "--quiet", "--release", "--package", "mqtt-broker"]))?;
    let host = ["build", "--quiet", "--release", "--package", "xtask", "--example", "denying_host"];
    run_command(&mut cargo(&host))?;
    let begin = Instant::now();
    let total = tests.len();
    let (waiting, done) = (Mutex::new(tests.into_iter()), Mutex::new(Vec::new()));
    std::thread::scope(|scope| {
        for _ in 0..arguments.jobs.clamp(1, total.max(1)) {
            scope.spawn(|| work(&directory, &waiting, &done));
        }
    });
    let tests = done.into_inner().map_err(|error| error.to_string())?;
    if tests.len() != total {
        return Err("a thread of the task panicked".to_owned());
    }
    print(tests, begin.elapsed())
}

fn work(directory: &Path, waiting: &Mutex<std::vec::IntoIter<Test>>, done: &Mutex<Vec<Test>>) {
    let take = || waiting.lock().ok().and_then(|mut tests| tests.next());
    while let Some(mut test) = take() {
        let begin = Instant::now();
        if test.excuse().is_none() {
            test.outcome = Some(play(directory, &test));
        }
        test.seconds = begin.elapsed().as_secs_f32();
        if let Ok(mut done) = done.lock() {
            done.push(test);
        }
    }
}

/// The tests that the suites define, as their sources name them.
fn tests(directory: &Path) -> Outcome<Vec<Test>> {
    let mut tests = Vec::new();
    for (suite, version, known) in SUITES {
        let path = directory.join(format!("interoperability/{suite}.py"));
        let text = std::fs::read_to_string(&path).map_err(|e| format!("{path:?}: {e}"))?;
        let before = tests.len();
        for line in text.lines() {
            let Some((name, _)) = line.trim().strip_prefix("def ").and_then(|l| l.split_once('('))
            else {
                continue;
            };
            if name.starts_with("test") || name == UNANNOUNCED {
                let (name, outcome) = (name.to_owned(), None);
                tests.push(Test { suite, version, name, outcome, seconds: 0.0 });
            }
        }
        if tests.len() - before != *known {
            let found = tests.len() - before;
            return Err(format!("{path:?}: {known} tests are known of this suite, {found} found"));
        }
    }
    Ok(tests)
}

/// One test against a broker of its own.
fn play(directory: &Path, test: &Test) -> Outcome {
    let name = format!("{}.{}", test.suite, test.name);
    let mut broker = match test.host() {
        "mqtt-broker" => {
            let mut command = Command::new(target().join("release/mqtt-broker"));
            let configuration = workspace().join("xtask/paho/broker.toml");
            command.arg("--config").arg(configuration).arg("--listen");
            Broker::start(command, &logs().join(format!("{name}.broker.log")))?
        }
        host => {
            let command = Command::new(target().join("release/examples").join(host));
            Broker::start(command, &logs().join(format!("{name}.broker.log")))?
        }
    };
    let log = logs().join(format!("{name}.log"));
    let file = File::create(&log).map_err(|error| error.to_string())?;
    let copy = file.try_clone().map_err(|error| error.to_string())?;
    let mut command = Command::new("python3");
    command.arg(workspace().join("xtask/paho/one_test.py")).arg(directory);
    command.args([test.suite, &test.name, &broker.port().to_string()]);
    command.stdin(Stdio::null()).stdout(file).stderr(copy);
    let mut child = command.spawn().map_err(|error| format!("python3: {error}"))?;
    let begin = Instant::now();
    let status = loop {
        match child.try_wait().map_err(|error| error.to_string())? {
            Some(status) => break Some(status),
            None if begin.elapsed() > PATIENCE => break None,
            None => std::thread::sleep(Duration::from_millis(50)),
        }
    };
    broker.check()?;
    match status {
        Some(status) if status.success() => Ok(()),
        Some(_) => Err(format!("{}; {log:?}", last_line(&log))),
        None => {
            let _ = child.kill();
            let _ = child.wait();
            Err(format!("not done after {PATIENCE:?}; {log:?}"))
        }
    }
}

/// Prints what became of every test, in the order of the suites.
fn print(mut tests: Vec<Test>, took: Duration) -> Outcome {
    tests.sort_by(|a, b| (a.suite, &a.name).cmp(&(b.suite, &b.name)));
    println!("\n{:<13} {:<6} {:<33} {:<13} {:>5}", "suite", "MQTT", "test", "broker", "s");
    let (mut passed, mut failed, mut excused) = (0, 0, 0);
    for test in &tests {
        let word = match &test.outcome {
            Some(Ok(())) => {
                passed += 1;
                "ok".to_owned()
            }
            Some(Err(reason)) => {
                failed += 1;
                format!("FAIL {reason}")
            }
            None => {
                excused += 1;
                format!("not run: {}", test.excuse().unwrap_or_default())
            }
        };
        println!(
            "{:<13} {:<6} {:<33} {:<13} {:>5.1} {word}",
            test.suite,
            test.version,
            test.name,
            test.host(),
            test.seconds
        );
    }
    println!();
    println!("mqtt-broker: the binary under xtask/paho/broker.toml.");
    println!("denying_host: xtask/paho/denying_host.rs, a host whose policy refuses SUBSCRIBE to");
    println!("  test/nosubscribe, since the binary has no access rules yet.");
    let seconds = took.as_secs_f32();
    println!("{passed} ok, {failed} failed, {excused} not run, in {seconds:.0} s");
    if failed == 0 { Ok(()) } else { Err(format!("{failed} tests failed")) }
}

/// Where the output of tests and brokers goes.
fn logs() -> PathBuf {
    target().join("paho")
}

fn last_line(path: &Path) -> String {
    let text = std::fs::read_to_string(path).unwrap_or_default();
    text.trim_end().lines().last().unwrap_or("no output").to_owned()
}
