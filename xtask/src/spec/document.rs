//! `docs/conformance.md`: the tables for readers.

use super::citation::Place;
use super::coverage::Coverage;
use super::statement::{Binds, Standard, Statement};

/// How many places a cell names.
const PLACES: usize = 3;

const HEAD: &str = "\
# Conformance

Every numbered statement of MQTT 5.0 and MQTT 3.1.1, in our own words, with the lines that meet it and
the tests that would fail without them. `cargo xtask spec` writes this page from the tables in
`spec/` and from the comments in the sources that cite a statement (`//= [MQTT-3.3.1-2]`, at a test with
` type=test`; statements of 3.1.1 as `//= 3.1.1 [MQTT-3.3.1-2]`). CI fails when a statement that binds
a server has no line or no test, and when this page is out of date.

Statements that bind only clients are here too; where a server has to notice their breach, they are
cited as well. **missing** marks what a server owes and has not got; *excepted* has its reason below.
One path of code serves both versions: a statement of 3.1.1 that says what statements of 5.0 say is
met where those are. A test counts for the version that it names.

";

/// The chapters, by the beginning of their statements' numbers; the longest that fits counts.
const CHAPTERS: [(&str, &str); 27] = [
    ("1.5.", "Data representation"),
    ("2.", "Control Packet format"),
    ("3.1.", "CONNECT"),
    ("3.2.", "CONNACK"),
    ("3.3.", "PUBLISH"),
    ("3.4.", "PUBACK"),
    ("3.5.", "PUBREC"),
    ("3.6.", "PUBREL"),
    ("3.7.", "PUBCOMP"),
    ("3.8.", "SUBSCRIBE"),
    ("3.9.", "SUBACK"),
    ("3.10.", "UNSUBSCRIBE"),
    ("3.11.", "UNSUBACK"),
    ("3.12.", "PINGREQ"),
    ("3.14.", "DISCONNECT"),
    ("3.15.", "AUTH"),
    ("4.1.", "Session State"),
    ("4.2", "Network Connections"),
    ("4.3.", "Quality of Service"),
    ("4.4.", "Message delivery retry"),
    ("4.5.", "Message receipt"),
    ("4.6.", "Message ordering"),
    ("4.7.", "Topic Names and Topic Filters"),
    ("4.8.", "Subscriptions, errors"),
    ("4.", "Flow control, authentication, errors"),
    ("6.", "WebSocket"),
    ("7.", "Conformance"),
];

/// The whole page.
pub(super) fn write(coverage: &Coverage<'_>) -> String {
    let mut page = HEAD.to_owned();
    for standard in [Standard::V5, Standard::V3_1_1] {
        page.push_str(&format!("- {}\n", coverage.count(standard)));
    }
    page.push_str(&format!("- {} missing\n", coverage.missing().len()));
    for standard in [Standard::V5, Standard::V3_1_1] {
        page.push_str(&format!("\n## MQTT {}\n", standard.name()));
        let mut before = "";
        for statement in &coverage.tables.statements {
            if statement.identity.standard != standard {
                continue;
            }
            let chapter = chapter(&statement.identity.id);
            if chapter != before {
                page.push_str(&format!("\n### {chapter}\n\n"));
                page.push_str("| statement | level | binds | what it asks | met | tested |\n");
                page.push_str("| --- | --- | --- | --- | --- | --- |\n");
                before = chapter;
            }
            page.push_str(&row(coverage, statement));
        }
    }
    exceptions(coverage, &mut page);
    page
}

fn row(coverage: &Coverage<'_>, statement: &Statement) -> String {
    let places = coverage.places(statement);
    let exception = coverage.tables.exceptions.get(&statement.identity);
    let cell = |places: &[&Place], excepted: bool| match (places.is_empty(), excepted) {
        (false, _) => links(places),
        (true, true) => "*excepted*".to_owned(),
        (true, false) if statement.is_server_side() => "**missing**".to_owned(),
        (true, false) => "–".to_owned(),
    };
    let met = cell(&places.implementations, exception.is_some_and(|e| e.implementation));
    let tested = cell(&places.tests, exception.is_some_and(|e| e.test));
    let binds = match statement.binds {
        Binds::Server => "server",
        Binds::Client => "client",
        Binds::Both => "both",
    };
    let text = statement.text.replace('|', "\\|").replace('<', "&lt;").replace('*', "\\*");
    let id = &statement.identity.id;
    format!("| {id} | {} | {binds} | {text} | {met} | {tested} |\n", statement.level)
}

fn exceptions(coverage: &Coverage<'_>, page: &mut String) {
    page.push_str("\n## Exceptions\n\n");
    if coverage.tables.exceptions.is_empty() {
        page.push_str("None.\n");
        return;
    }
    page.push_str("| standard | statement | reason |\n| --- | --- | --- |\n");
    for (identity, exception) in &coverage.tables.exceptions {
        let standard = identity.standard.name();
        page.push_str(&format!("| {standard} | {} | {} |\n", identity.id, exception.reason));
    }
}

/// The first few places as links, and how many more there are.
fn links(places: &[&Place]) -> String {
    let mut links: Vec<String> = places.iter().take(PLACES).map(|place| link(place)).collect();
    if places.len() > PLACES {
        links.push(format!("and {} more", places.len() - PLACES));
    }
    links.join(", ")
}

fn link(place: &Place) -> String {
    format!("[{}](../{}#L{})", short(&place.file), place.file, place.line)
}

/// A file's name as people know it: `will/delay`, `core session/will.rs`.
fn short(file: &str) -> String {
    if let Some((_, transcript)) = file.split_once("/transcripts/") {
        return transcript.trim_end_matches(".txt").to_owned();
    }
    let (package, rest) = file.split_once('/').unwrap_or(("", file));
    let package = package.trim_start_matches("mqtt-").trim_start_matches("broker-");
    format!("{package} {}", rest.trim_start_matches("src/"))
}

/// The heading of a statement, `MQTT-3.1.2-4`.
fn chapter(id: &str) -> &'static str {
    let number = id.trim_start_matches("MQTT-");
    let fits = CHAPTERS.iter().filter(|(begin, _)| number.starts_with(begin));
    fits.max_by_key(|(begin, _)| begin.len()).map_or("Other", |(_, title)| title)
}
