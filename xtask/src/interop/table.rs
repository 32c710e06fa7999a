//! The table that the suite prints.

use std::collections::BTreeMap;

/// What became of one case with one client in one version.
#[derive(Clone, Debug)]
pub(super) enum Cell {
    Passed,
    Failed(String),
    NotApplicable(&'static str),
}

/// The cells of one client in one version.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) client: &'static str,
    pub(super) version: &'static str,
    pub(super) cells: Vec<Cell>,
}

/// Prints the table, then why cells are `n/a` or `FAIL`; returns how many failed.
pub(super) fn print(cases: &[&str], lines: &[Line], seconds: f32) -> usize {
    let mut header = format!("\n{:<10} {:<6}", "client", "MQTT");
    for case in cases {
        header.push_str(&format!(" {case:>6}"));
    }
    println!("{header}");
    let mut excuses: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    let mut failures = Vec::new();
    let (mut passed, mut absent) = (0, 0);
    for line in lines {
        let mut text = format!("{:<10} {:<6}", line.client, line.version);
        for (cell, case) in line.cells.iter().zip(cases) {
            let place = format!("{} {} {case}", line.client, line.version);
            let word = match cell {
                Cell::Passed => {
                    passed += 1;
                    "ok"
                }
                Cell::Failed(reason) => {
                    failures.push(format!("FAIL {place}: {reason}"));
                    "FAIL"
                }
                Cell::NotApplicable(reason) => {
                    absent += 1;
                    excuses.entry(reason).or_default().push(place);
                    "n/a"
                }
            };
            text.push_str(&format!(" {word:>width$}", width = case.len().max(6)));
        }
        println!("{text}");
    }
    println!();
    for (reason, places) in excuses {
        println!("n/a {}: {reason}", places.join(", "));
    }
    for failure in &failures {
        println!("{failure}");
    }
    println!("{passed} ok, {} failed, {absent} n/a in {seconds:.0} s", failures.len());
    failures.len()
}
