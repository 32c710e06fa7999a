//! Worlds as a whole: the same twice, and with everything in them that they are there for.

use simulator::faults::Fault;
use simulator::plan::Plan;
use simulator::reach::Standard;
use simulator::trial;
use simulator::world::{Counts, World};

#[test]
fn the_same_seed_gives_the_same_world() {
    for seed in 0..6 {
        let hash = |()| World::new(&Plan::new(seed), false).run().hash;
        assert_eq!(hash(()), hash(()), "seed {seed}");
    }
}

#[test]
fn other_seeds_give_other_worlds() {
    let hash = |seed| trial::run(&Plan::new(seed)).hash;
    assert_ne!(hash(1), hash(2));
}

#[test]
fn every_fault_strikes_and_nothing_breaks() {
    let mut counts = Counts::default();
    for seed in 100..190 {
        let outcome = trial::run(&Plan::new(seed));
        assert!(outcome.failure.is_none(), "seed {seed}: {:?}", outcome.failure);
        counts.add(&outcome.counts);
    }
    for (fault, count) in Fault::ALL.iter().zip(counts.faults) {
        assert!(count > 0, "{} never strikes", fault.name());
    }
    for requirement in ["MQTT-3.1.2-8", "MQTT-3.2.2-3", "MQTT-4.3.3-10", "MQTT-4.4.0-1"] {
        let key = (Standard::V5, requirement);
        assert!(counts.reached.contains_key(&key), "{requirement} is never checked");
    }
    for requirement in ["MQTT-3.1.2-8", "MQTT-3.2.2-3", "MQTT-4.3.3-2", "MQTT-4.4.0-1"] {
        let key = (Standard::V3_1_1, requirement);
        assert!(counts.reached.contains_key(&key), "3.1.1 {requirement} is never checked");
    }
    assert!(counts.joined > 0 && counts.frames > 0);
}
