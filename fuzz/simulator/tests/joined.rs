//! Worlds of several brokers that are joined.

use simulator::faults::FaultSet;
use simulator::joined;
use simulator::plan::Plan;
use simulator::trial;

fn plan(seed: u64) -> Plan {
    Plan { workload: Some(joined::NAME.into()), ..Plan::new(seed) }
}

#[test]
fn the_same_seed_gives_the_same_world() {
    let (one, other) = (joined::run(&plan(3)), joined::run(&plan(3)));
    assert_eq!(one.hash, other.hash);
    assert_eq!(one.account, other.account);
    assert_ne!(one.hash, joined::run(&plan(4)).hash);
}

#[test]
fn links_are_cut_and_brokers_die_and_nobody_can_tell() {
    let (mut cut, mut died, mut heard) = (0, 0, 0);
    for seed in 100..112 {
        let outcome = trial::run(&plan(seed));
        assert!(outcome.failure.is_none(), "seed {seed}: {:?}", outcome.failure);
        cut += outcome.account.iter().filter(|line| line.contains("is cut")).count();
        died += outcome.account.iter().filter(|line| line.contains("dies")).count();
        heard += outcome.counts.heard;
    }
    assert!(cut > 10 && died > 5 && heard > 100, "{cut} cuts, {died} deaths, {heard} messages");
}

#[test]
fn clients_are_old_and_new_act_at_once_and_break_rules() {
    let outcomes = (200..220).map(|seed| joined::run(&plan(seed)));
    let lines: Vec<String> = outcomes.flat_map(|outcome| outcome.account).collect();
    let deeds: Vec<&String> = lines.iter().filter(|line| line.contains(" does ")).collect();
    let times = |what: &str| deeds.iter().filter(|line| line.contains(what)).count();
    for what in ["older-", "oldest-", "member-", "client-", "Break(", "Flood", "twice: true"] {
        assert!(times(what) > 0, "{what} is not there");
    }
    let at = |line: &String| line.trim_start().split(' ').next().map(str::to_string);
    let at_once = deeds.windows(2).filter(|pair| at(pair[0]) == at(pair[1])).count();
    assert!(
        at_once > 50,
        "{at_once} of {} deeds are done at the time of the one before",
        deeds.len()
    );
}

#[test]
fn without_faults_nothing_is_cut() {
    let outcome = trial::run(&Plan { faults: FaultSet::NONE, ..plan(5) });
    assert!(outcome.failure.is_none(), "{:?}", outcome.failure);
    assert!(!outcome.account.iter().any(|line| line.contains("is cut") || line.contains("dies")));
}
