//! Each oracle finds what it is there for: a broker with a planted defect is caught, soon, and by
//! the oracle whose promise it breaks.

use mqtt_broker_core::Defect;
use simulator::faults::{Fault, FaultSet};
use simulator::plan::Plan;
use simulator::shrink::shrink;
use simulator::trial;

/// The first of so many seeds that finds the defect, as a failure of one of these oracles.
fn is_found(defect: Defect, workload: &str, most: u64, oracles: &[&str]) {
    for seed in 0..most {
        let workload = Some(workload.to_string());
        let plan = Plan { workload, defect: Some(defect), ..Plan::new(seed) };
        if let Some(failure) = trial::run(&plan).failure {
            let (oracle, words) = (failure.oracle, failure.words);
            assert!(oracles.contains(&oracle), "seed {seed}: {oracle}: {words}");
            return;
        }
    }
    panic!("{defect:?} is not found in {most} worlds");
}

#[test]
fn a_message_that_is_not_queued_is_missed() {
    is_found(Defect::LostEnqueue, "exactly-once", 20, &["delivery", "durable"]);
}

#[test]
fn a_message_that_is_queued_twice_is_one_too_many() {
    is_found(Defect::DoubleDelivery, "exactly-once", 20, &["delivery"]);
}

#[test]
fn an_acknowledgement_before_the_sync_is_a_broken_promise() {
    is_found(Defect::AckBeforeSync, "exactly-once", 20, &["durable"]);
}

#[test]
fn a_pubrel_that_is_forgotten_is_waited_for() {
    is_found(Defect::ForgottenPubrel, "exactly-once", 20, &["liveness", "delivery"]);
}

#[test]
fn a_retained_message_that_is_not_the_last_is_found() {
    is_found(Defect::RetainedOutOfOrder, "retained", 20, &["retained", "delivery"]);
}

#[test]
fn a_session_present_that_is_wrong_is_a_lie() {
    is_found(Defect::WrongSessionPresent, "sessions", 20, &["session_present"]);
}

#[test]
fn a_session_that_goes_on_is_one_too_many() {
    is_found(Defect::LeakedSession, "sessions", 20, &["session_present"]);
}

#[test]
fn a_will_message_that_is_skipped_is_missed() {
    is_found(Defect::SkippedWill, "wills", 20, &["will"]);
}

#[test]
fn a_delivery_that_is_not_allowed_is_seen() {
    is_found(Defect::UnauthorisedDelivery, "mixed", 60, &["authority"]);
}

#[test]
fn a_queue_without_a_bound_is_beyond_its_limit() {
    is_found(Defect::UnboundedQueue, "limits", 100, &["limits"]);
}

#[test]
fn a_qos_2_message_that_came_before_a_crash_is_not_taken_twice() {
    is_found(Defect::ForgottenReceived, "exactly-once", 100, &["delivery", "answers", "will"]);
}

#[test]
fn what_was_cleared_before_a_crash_is_not_retained() {
    is_found(Defect::RetainedResurrected, "retained", 100, &["retained", "delivery"]);
}

#[test]
fn deadlines_move_with_a_clock_that_goes_back() {
    is_found(Defect::StaleDeadlines, "retained", 200, &["session_present", "delivery"]);
}

#[test]
fn what_was_acknowledged_before_a_crash_does_not_come_again() {
    is_found(Defect::ForgottenCompletion, "exactly-once", 20, &["delivery", "recovery"]);
}

#[test]
fn a_message_that_overtakes_is_out_of_order() {
    is_found(Defect::Overtaken, "exactly-once", 20, &["order", "recovery", "delivery"]);
}

#[test]
fn a_suback_that_does_not_wait_for_the_peers_is_found() {
    is_found(Defect::SubackBeforePeers, "joined", 40, &["indistinguishable", "delivery"]);
}

#[test]
fn a_peer_that_is_told_too_early_forgets_too_early() {
    is_found(Defect::ReceivedBeforeSync, "joined", 200, &["indistinguishable", "will", "delivery"]);
}

#[test]
fn an_acknowledgement_before_the_sync_is_seen_of_each_of_several_brokers() {
    is_found(Defect::AckBeforeSync, "joined", 20, &["durable"]);
}

#[test]
fn a_session_present_that_is_wrong_is_seen_of_each_of_several_brokers() {
    is_found(Defect::WrongSessionPresent, "joined", 20, &["session_present"]);
}

#[test]
fn what_is_not_sent_again_on_a_new_link_is_missed() {
    is_found(Defect::ForgottenForward, "joined", 40, &["indistinguishable", "liveness", "will"]);
}

#[test]
fn who_is_silent_for_too_long_and_stays_is_seen() {
    is_found(Defect::PatientKeepAlive, "wills", 100, &["conduct"]);
}

#[test]
fn a_keep_alive_that_is_not_told_is_missed_in_the_connack() {
    is_found(Defect::UntoldKeepAlive, "mixed", 20, &["parameters"]);
}

#[test]
fn a_message_without_its_properties_is_not_as_it_was_published() {
    is_found(Defect::LostProperties, "mixed", 20, &["content"]);
}

#[test]
fn a_retain_flag_that_was_asked_for_is_missed() {
    is_found(Defect::LostRetainFlag, "retained", 20, &["content"]);
}

#[test]
fn a_quota_that_is_not_given_back_has_clients_disconnected() {
    is_found(Defect::ForgottenQuota, "exactly-once", 20, &["conduct", "liveness"]);
}

#[test]
fn who_is_taken_over_from_without_a_word_is_seen() {
    is_found(Defect::ForgottenGoodbye, "takeover", 20, &["conduct"]);
}

#[test]
fn a_message_whose_member_is_gone_before_it_is_missed() {
    is_found(Defect::ForgottenSuccessor, "shared", 60, &["delivery"]);
}

#[test]
fn what_a_session_leaves_to_others_of_its_group_survives_a_crash() {
    is_found(Defect::ForgottenLegacy, "endings", 300, &["delivery", "recovery"]);
}

#[test]
fn a_session_for_ever_outlives_everything() {
    is_found(Defect::EndlessEnds, "sessions", 20, &["session_present"]);
}

#[test]
fn a_pubrec_that_is_sent_again_before_the_sync_is_a_broken_promise() {
    is_found(Defect::RepeatedTooEarly, "hostile", 200, &["durable"]);
}

#[test]
fn who_is_silent_for_ever_and_stays_is_seen() {
    is_found(Defect::EndlessKeepAlive, "wills", 100, &["conduct", "liveness"]);
}

#[test]
fn a_world_in_which_no_time_goes_by_comes_to_an_end() {
    let found = (0..100).find_map(|seed| {
        let faults = FaultSet::ALL.without(Fault::LateTimer);
        let (workload, defect) = (Some("wills".to_string()), Some(Defect::EndlessKeepAlive));
        trial::run(&Plan { workload, defect, faults, ..Plan::new(seed) }).failure
    });
    let failure = found.expect("somebody is silent for too long");
    assert_eq!(failure.oracle, "liveness", "{}", failure.words);
}

#[test]
fn a_failure_is_made_small_and_can_be_played_again() {
    let plans = (0..50).map(|seed| Plan { defect: Some(Defect::SkippedWill), ..Plan::new(seed) });
    let fails = |plan: &Plan| trial::run(plan).failure.is_some_and(|found| found.oracle == "will");
    let plan = plans.into_iter().find(fails).expect("a Will Message is missed");
    let whole = trial::run(&plan).failure.expect("a Will Message is missed");
    let shrunk = shrink(&plan, whole.oracle);
    assert!(shrunk.turns < plan.turns && shrunk.clients < plan.clients);
    let again = trial::run_with_account(&shrunk);
    assert_eq!(again.failure.expect("it fails as well").oracle, whole.oracle);
    assert!(!again.account.is_empty());
}
