//! [`run`]: one plan, judged by every oracle, also by those that need a second world.

use crate::joined;
use crate::oracle::{Failure, determinism};
use crate::plan::Plan;
use crate::world::{Outcome, World};

/// Every so many seeds, a world is lived twice.
const TWICE: u64 = 16;

/// Lives the world of a plan and judges it.
#[must_use]
pub fn run(plan: &Plan) -> Outcome {
    if is_joined(plan) {
        return joined_twice(plan);
    }
    judge(plan, World::new(plan, false))
}

/// The same, with an account of what happened.
#[must_use]
pub fn run_with_account(plan: &Plan) -> Outcome {
    if is_joined(plan) {
        return joined::run(plan);
    }
    judge(plan, World::new(plan, true))
}

/// A world of several brokers, and now and then the same once more.
fn joined_twice(plan: &Plan) -> Outcome {
    let mut outcome = joined::run(plan);
    let again = outcome.failure.is_none() && (plan.seed / joined::EVERY).is_multiple_of(TWICE);
    if again && joined::run(plan).hash != outcome.hash {
        let words = "the same world once more is another".into();
        let at = mqtt_broker_core::Instant::default();
        outcome.failure = Some(Failure { oracle: "determinism", at, words });
    }
    outcome
}

/// Whether the world of a plan has several brokers.
fn is_joined(plan: &Plan) -> bool {
    match &plan.workload {
        Some(name) => name == joined::NAME,
        None => plan.seed % joined::EVERY == joined::EVERY - 1,
    }
}

fn judge(plan: &Plan, world: World) -> Outcome {
    let (config, listens) = world.recipe();
    let mut outcome = world.run();
    if outcome.failure.is_some() {
        return outcome;
    }
    let mut found = Ok(());
    if let Some(recording) = outcome.recording.take() {
        found = recording.check(&config, listens).map_err(|words| ("late", words));
    }
    if found.is_ok() && plan.seed.is_multiple_of(TWICE) {
        found = determinism::again(plan, outcome.hash).map_err(|words| ("determinism", words));
    }
    if let Err((oracle, words)) = found {
        let at = mqtt_broker_core::Instant::default();
        outcome.failure = Some(Failure { oracle, at, words });
    }
    outcome
}
