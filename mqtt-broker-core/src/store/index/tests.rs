//! Tests of the index: growth one bucket at a time, full buckets, and a model.

use crate::store::Account;
use alloc::collections::BTreeSet;

use proptest::prelude::*;

use super::{Bucket, Index};

/// A hash that spreads well.
fn spread(key: u32) -> u64 {
    u64::from(key).wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(23)
}

/// A hash that many keys share.
fn crowded(key: u32) -> u64 {
    spread(key % 3)
}

#[test]
fn a_bucket_is_one_cache_line() {
    assert_eq!(size_of::<Bucket>(), 64);
}

#[test]
fn it_grows_by_one_bucket_at_a_time() {
    let mut index = Index::new(&Account::default());
    for key in 0..10_000 {
        let before = index.buckets.len();
        index.insert(spread(key), key, spread).unwrap();
        assert!(index.buckets.len() <= before + 1);
    }
    assert!((0..10_000).all(|key| index.find(spread(key), |found| found == key) == Some(key)));
    assert!(index.bytes() < 10_000 * 10, "{}", index.bytes());
    for key in 0..10_000 {
        index.remove(spread(key), key);
    }
    assert_eq!((index.len(), index.overflow.len()), (0, 0));
}

#[test]
fn it_shrinks_by_one_bucket_at_a_time_and_finds_what_is_left() {
    let account = Account::default();
    let mut index = Index::new(&account);
    for key in 0..100_000 {
        index.insert(spread(key), key, spread).unwrap();
    }
    let full = index.bytes();
    for key in (0..100_000).filter(|key| key % 1000 != 7) {
        let before = index.buckets.len();
        index.remove(spread(key), key);
        assert!(index.buckets.len() + 1 >= before);
    }
    assert!(index.bytes() * 5 < full, "{} of {full}", index.bytes());
    assert_eq!(index.bytes(), account.held());
    for key in 0..100_000 {
        let found = index.find(spread(key), |found| found == key);
        assert_eq!(found, (key % 1000 == 7).then_some(key));
    }
    for key in 0..100_000 {
        if key % 1000 != 7 {
            index.insert(spread(key), key, spread).unwrap();
        }
    }
    assert!((0..100_000).all(|key| index.find(spread(key), |found| found == key) == Some(key)));
    assert!(index.bytes() <= full + full / 8);
}

#[test]
fn it_does_not_grow_and_shrink_in_turn() {
    let mut index = Index::new(&Account::default());
    for key in 0..10_000 {
        index.insert(spread(key), key, spread).unwrap();
    }
    let buckets = index.buckets.len();
    for _ in 0..10 {
        for key in 6_000..10_000 {
            index.remove(spread(key), key);
        }
        for key in 6_000..10_000 {
            index.insert(spread(key), key, spread).unwrap();
        }
        assert_eq!(index.buckets.len(), buckets);
    }
}

#[test]
fn keys_of_one_hash_follow_in_further_buckets() {
    let mut index = Index::new(&Account::default());
    for key in 0..100 {
        index.insert(7, key, |_| 7).unwrap();
    }
    assert!((0..100).all(|key| index.find(7, |found| found == key) == Some(key)));
    assert_eq!(index.find(7, |found| found == 100), None);
    assert_eq!(index.find(8, |_| true), None);
    for key in (0..100).rev() {
        index.remove(7, key);
        index.remove(7, key);
        assert_eq!(index.len(), key);
    }
    assert_eq!(index.overflow.len(), 0);
}

#[test]
fn only_places_that_are_taken_are_asked_about() {
    let mut index = Index::new(&Account::default());
    // The lowest tag, whose neighbours look most like it.
    for key in 1..=9 {
        index.insert(0, key, |_| 0).unwrap();
    }
    for key in [2, 4, 9] {
        index.remove(0, key);
    }
    let mut asked = BTreeSet::new();
    let asked_about = core::cell::RefCell::new(&mut asked);
    assert_eq!(index.find(0, |key| !asked_about.borrow_mut().insert(key)), None);
    assert_eq!(asked, BTreeSet::from([1, 3, 5, 6, 7, 8]));
}

proptest! {
    #[test]
    fn behaves_like_a_set(
        operations in prop::collection::vec((any::<bool>(), 0u32..600), 0..2000),
        hash_of in prop_oneof![Just(spread as fn(u32) -> u64), Just(crowded as fn(u32) -> u64)],
    ) {
        let mut index = Index::new(&Account::default());
        let mut model = BTreeSet::new();
        for (insert, key) in operations {
            if !insert {
                index.remove(hash_of(key), key);
                model.remove(&key);
            } else if model.insert(key) {
                index.insert(hash_of(key), key, hash_of).unwrap();
            }
            prop_assert_eq!(index.len() as usize, model.len());
        }
        for key in 0..600 {
            let found = index.find(hash_of(key), |found| found == key);
            prop_assert_eq!(found.is_some(), model.contains(&key));
        }
    }
}
