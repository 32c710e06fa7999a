//! What is run, what is read off it, and what it should be.

use super::Results;

/// One way to load a broker.
#[derive(Debug)]
pub(super) struct Scenario {
    pub(super) name: &'static str,
    /// How the relay forwards, where it can stand for a broker.
    pub(super) relay: Option<&'static str>,
    /// What the generator is told.
    pub(super) arguments: &'static str,
}

const fn scenario(
    name: &'static str,
    relay: Option<&'static str>,
    arguments: &'static str,
) -> Scenario {
    Scenario { name, relay, arguments }
}

pub(super) const SCENARIOS: &[Scenario] = &[
    scenario("fanout10", Some("all"), "fanout --subs 10"),
    scenario("fanout100", Some("all"), "fanout --subs 100"),
    scenario("fanout1000", Some("all"), "fanout --subs 1000"),
    scenario("fanout100_b1", Some("all"), "fanout --subs 100 --burst 1 --window 4"),
    scenario("fanin100", Some("all"), "fanin --pubs 100"),
    scenario("fanin1000_w1", Some("all"), "fanin --pubs 1000 --window 1 --burst 1"),
    scenario("pairs_q0", Some("pairs"), "pairs --pairs 100"),
    scenario("pairs_q0_w1", Some("pairs"), "pairs --pairs 100 --window 1 --burst 1"),
    scenario("pairs_q1", None, "pairs --pairs 100 --qos 1"),
    scenario("pairs_q2", None, "pairs --pairs 100 --qos 2"),
    scenario("flood_q0", Some("pairs"), "pairs --pairs 100 --window 0"),
    scenario("latency_q0", Some("pairs"), "latency --pairs 100 --rate 10000"),
    scenario("latency_q1", None, "latency --pairs 100 --rate 10000 --qos 1"),
    scenario("latency_q2", None, "latency --pairs 100 --rate 10000 --qos 2"),
    scenario("topics", None, "topics"),
    scenario("topics_small", None, "topics --exact 2000 --wild 200 --clients 100"),
    scenario("big_fanout", Some("all"), "fanout --subs 100 --payload 8192 --window 32"),
    scenario("connect", Some("pairs"), "connect --clients 9000"),
    scenario("retained", None, "retained"),
    scenario("offline", None, "offline --count 50000"),
];

/// What a figure should be.
#[derive(Debug)]
enum Target {
    /// At most so many times the relay's.
    Floor(f64),
    /// At most so many times Mosquitto's.
    Mosquitto(f64),
    /// At most so much more than the relay's.
    AboveFloor(f64),
    /// At most that of every other broker.
    First,
    /// At most this.
    AtMost(f64),
    /// None is set.
    Unset,
}

/// One line of the table.
#[derive(Debug)]
pub(super) struct Row {
    scenario: &'static str,
    /// Its name in what the generator prints.
    figure: &'static str,
    target: Target,
}

const fn row(scenario: &'static str, figure: &'static str, target: Target) -> Row {
    Row { scenario, figure, target }
}

/// Processor time of the server for each message delivered, in microseconds.
const CPU: &str = "cpu_us_per_msg";

pub(super) const ROWS: &[Row] = &[
    row("fanout10", CPU, Target::Floor(2.0)),
    row("fanout100", CPU, Target::Floor(2.0)),
    row("fanout1000", CPU, Target::Floor(2.0)),
    row("fanout100_b1", CPU, Target::Floor(1.35)),
    row("fanin100", CPU, Target::Floor(1.4)),
    row("fanin1000_w1", CPU, Target::Floor(1.05)),
    row("pairs_q0", CPU, Target::Floor(1.4)),
    row("pairs_q0_w1", CPU, Target::Floor(1.2)),
    row("pairs_q1", CPU, Target::Mosquitto(0.07)),
    row("pairs_q2", CPU, Target::Mosquitto(0.05)),
    row("flood_q0", CPU, Target::Unset),
    row("flood_q0", "lost", Target::AtMost(0.0)),
    row("latency_q0", "due_p50_us", Target::AboveFloor(5.0)),
    row("latency_q0", "due_p99_us", Target::First),
    row("latency_q1", "due_p99_us", Target::First),
    row("latency_q2", "due_p99_us", Target::First),
    row("topics", CPU, Target::Mosquitto(0.33)),
    row("topics", "bytes_per_sub", Target::First),
    row("topics_small", CPU, Target::Mosquitto(0.075)),
    row("big_fanout", CPU, Target::Floor(1.1)),
    row("connect", CPU, Target::Floor(1.2)),
    row("connect", "bytes_per_conn_sub", Target::AtMost(900.0)),
    row("retained", CPU, Target::Mosquitto(0.075)),
    row("retained", "bytes_per_retained", Target::First),
    row("offline", CPU, Target::Mosquitto(0.08)),
    row("offline", "bytes_per_queued", Target::First),
];

impl Row {
    /// The scenario, and the figure where it is not the usual one.
    pub(super) fn label(&self) -> String {
        match self.figure {
            CPU => self.scenario.to_owned(),
            figure => format!("{} {figure}", self.scenario),
        }
    }

    /// The median over the runs of a server; `None` if it was not measured.
    pub(super) fn median(&self, results: &Results, server: &str) -> Option<f64> {
        let runs = results.get(&(self.scenario, server.to_owned()))?;
        let mut numbers: Vec<f64> =
            runs.iter().filter_map(|run| run[self.figure].as_f64()).collect();
        numbers.sort_by(f64::total_cmp);
        let (low, high) =
            (numbers.get(numbers.len().checked_sub(1)? / 2)?, numbers.get(numbers.len() / 2)?);
        Some(f64::midpoint(*low, *high))
    }

    /// The target in words, and how `ours` compares with it.
    pub(super) fn judge(&self, results: &Results, names: &[&str], ours: f64) -> (String, String) {
        let of = |server: &str| self.median(results, server);
        let times = |server: &str, limit: f64| {
            let told = format!("≤ {limit} × {server}");
            (told, of(server).map(|other| (ours / other, limit, " ×")))
        };
        let (target, compared) = match self.target {
            Target::Floor(limit) => times("floor", limit),
            Target::Mosquitto(limit) => times("mosquitto", limit),
            Target::AboveFloor(limit) => {
                let told = format!("≤ floor + {limit}");
                (told, of("floor").map(|floor| (ours - floor, limit, " more")))
            }
            Target::First => {
                let peers = names.iter().filter(|name| !["ours", "floor"].contains(*name));
                let best = peers.filter_map(|name| of(name)).min_by(f64::total_cmp);
                ("≤ every broker's".to_owned(), best.map(|best| (ours / best, 1.0, " ×")))
            }
            Target::AtMost(limit) => (format!("≤ {limit}"), Some((ours, limit, ""))),
            Target::Unset => ("–".to_owned(), None),
        };
        let judged = compared.map_or_else(String::new, |(value, limit, unit)| {
            let word = if value <= limit { "met" } else { "missed" };
            format!("{value:.2}{unit}, {word}")
        });
        (target, judged)
    }
}
