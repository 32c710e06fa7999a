//! Who gets memory near the ceiling.

use super::{Account, Claim};

fn left(ceiling: usize, claim: Claim) -> usize {
    let account = Account::new(ceiling);
    let fits = |bytes: &usize| account.admits(claim, *bytes);
    ceiling - (0..=ceiling).rev().find(fits).unwrap()
}

#[test]
fn claims_stop_at_fractions_of_the_ceiling() {
    let ceiling = 128 << 10;
    assert_eq!(left(ceiling, Claim::Live), ceiling / 4);
    assert_eq!(left(ceiling, Claim::Lasting), ceiling / 8);
    assert_eq!(left(ceiling, Claim::Behind), ceiling / 32 * 3);
    assert_eq!(left(ceiling, Claim::New), ceiling / 16);
    assert_eq!(left(ceiling, Claim::Begun), ceiling / 32);
}

#[test]
fn what_lasts_leaves_room_for_a_newcomer_on_a_small_machine() {
    let ceiling = 20 << 10;
    assert_eq!(left(ceiling, Claim::Lasting) - left(ceiling, Claim::New), 2048);
    assert_eq!(left(ceiling, Claim::New) - left(ceiling, Claim::Begun), 1024);
}

#[test]
fn a_tiny_ceiling_is_not_all_reserve() {
    assert_eq!(left(1600, Claim::Live), 800);
}
