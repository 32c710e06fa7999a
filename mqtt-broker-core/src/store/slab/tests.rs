//! Tests of the slab: against a map, and its layout.

use crate::store::Account;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::{Slab, Slot};
use crate::store::chunks::CHUNK_BYTES;
use crate::store::{Full, Key};

#[test]
fn a_key_given_back_is_the_next_given_out() {
    let mut slab = Slab::new(&Account::default(), 10);
    let keys: Vec<_> = (0..4).map(|value| slab.insert(value).unwrap()).collect();
    assert_eq!(keys, [0, 1, 2, 3]);
    assert_eq!(slab.remove(1), Some(1));
    assert_eq!(slab.remove(3), Some(3));
    assert_eq!(slab.insert(30), Ok(3));
    assert_eq!(slab.insert(10), Ok(1));
    assert_eq!(slab.insert(40), Ok(4));
}

#[test]
fn the_limit_is_hard() {
    let mut slab = Slab::new(&Account::default(), 2);
    assert_eq!(slab.insert('a'), Ok(0));
    assert_eq!(slab.insert('b'), Ok(1));
    assert_eq!(slab.insert('c'), Err(Full));
    assert_eq!(slab.len(), slab.limit());
    assert_eq!(slab.remove(0), Some('a'));
    assert_eq!(slab.insert('c'), Ok(0));
    assert_eq!(Slab::new(&Account::default(), 0).insert(()), Err(Full));
}

#[test]
fn an_absent_key_is_harmless() {
    let mut slab = Slab::new(&Account::default(), 2);
    slab.insert(7).unwrap();
    assert_eq!(slab.remove(1), None);
    assert_eq!(slab.remove(0), Some(7));
    assert_eq!(slab.remove(0), None);
    assert_eq!(slab.get(0), None);
    assert_eq!(slab.get_mut(u32::MAX), None);
    assert_eq!(slab.next_from(5), None);
    assert!(slab.is_empty());
}

#[test]
fn a_slot_costs_no_more_than_its_value_where_there_is_a_niche() {
    assert_eq!(size_of::<Option<Key>>(), 4);
    assert_eq!(size_of::<Slot<(Key, u32)>>(), 8);
    assert_eq!(size_of::<Slot<(u64, Box<u8>)>>(), 16);
    assert!(size_of::<Slot<u64>>() <= 16);
}

#[test]
fn memory_stays_near_what_is_used() {
    let mut slab = Slab::new(&Account::default(), u32::MAX);
    assert_eq!(slab.bytes(), 0);
    for value in 0..100_000u32 {
        slab.insert(u64::from(value)).unwrap();
        let used = (value as usize + 1) * size_of::<Slot<u64>>();
        assert!(slab.bytes() <= used + 1024 + (used / 8).min(CHUNK_BYTES));
    }
}

#[test]
fn keys_run_on_from_chunk_to_chunk() {
    let mut slab = Slab::new(&Account::default(), u32::MAX);
    let per_chunk = Slab::<[u8; 5000]>::PER_CHUNK;
    assert_eq!(per_chunk, 8);
    for value in 0..20u8 {
        assert_eq!(slab.insert([value; 5000]), Ok(u32::from(value)));
    }
    for key in 4..18 {
        slab.remove(key).unwrap();
    }
    let left: Vec<_> = slab.from(0).map(|(key, value)| (key, value[0])).collect();
    assert_eq!(left, [(0, 0), (1, 1), (2, 2), (3, 3), (18, 18), (19, 19)]);
    assert_eq!(slab.next_from(4).map(|(key, _)| key), Some(18));
    assert_eq!(slab.next_from(19).map(|(key, _)| key), Some(19));
    assert_eq!(slab.next_from(24), None);
    assert_eq!(Slab::<[u8; 100_000]>::SHIFT, 0);
}

#[test]
fn a_limit_at_the_end_of_a_chunk_holds() {
    let mut slab = Slab::new(&Account::default(), 8);
    for value in 0..8u8 {
        slab.insert([value; 5000]).unwrap();
    }
    assert_eq!(slab.insert([8; 5000]), Err(Full));
    assert_eq!(slab.from(0).count(), 8);
}

/// A slab of eight values to a chunk, and what it takes from an account.
fn of_eight(ceiling: usize) -> (Slab<[u8; 5000]>, Account) {
    let account = Account::new(ceiling);
    (Slab::new(&account, u32::MAX), account)
}

#[test]
fn chunks_that_are_empty_are_given_back_in_whatever_order_they_become_so() {
    let orders: [fn(u32) -> u32; 3] = [|n| n, |n| 799 - n, |n| n * 7 % 800];
    for order in orders {
        let (mut slab, account) = of_eight(16 << 20);
        for value in 0..800u32 {
            slab.insert([0; 5000]).unwrap();
            assert_eq!(slab.len(), value + 1);
        }
        let full = account.held();
        for n in 0..800 {
            slab.remove(order(n)).unwrap();
            assert_eq!(account.held(), slab.bytes());
        }
        assert!(slab.is_empty());
        assert!(account.held() < full / 20, "{} of {full}", account.held());
        assert!(slab.insert([1; 5000]).is_ok());
    }
}

#[test]
fn what_is_left_keeps_its_key_and_its_chunk_only() {
    let (mut slab, account) = of_eight(usize::MAX);
    for value in 0..8000u32 {
        slab.insert([(value % 251) as u8; 5000]).unwrap();
    }
    let full = account.held();
    // One in every tenth chunk stays.
    let stays = |key: u32| key % 80 == 3;
    for key in (0..8000).filter(|key| !stays(*key)) {
        slab.remove(key).unwrap();
    }
    assert!(account.held() <= full / 10 + 17 * 8 * 5001, "{} of {full}", account.held());
    let left: Vec<_> = slab.from(0).map(|(key, value)| (key, value[0])).collect();
    let model: Vec<_> = (0..8000).filter(|key| stays(*key)).map(|k| (k, (k % 251) as u8)).collect();
    assert_eq!(left, model);
    assert_eq!(slab.next_from(4).map(|(key, _)| key), Some(83));
    // New values fill the lowest chunks first.
    for key in (0..8).filter(|key| !stays(*key)) {
        let new = slab.insert([0; 5000]).unwrap();
        assert!(new < 8 && !stays(new), "{new} for {key}");
    }
    let held = account.held();
    for _ in 0..7 * 9 {
        slab.insert([0; 5000]).unwrap();
    }
    assert!(account.held() <= held + 8 * 5001, "chunks that have room are filled");
}

#[test]
fn an_ebb_and_flood_at_the_end_of_a_chunk_does_not_allocate() {
    let (mut slab, account) = of_eight(usize::MAX);
    for _ in 0..80 {
        slab.insert([0; 5000]).unwrap();
    }
    slab.insert([0; 5000]).unwrap();
    let held = account.held();
    for _ in 0..10 {
        slab.remove(80).unwrap();
        assert_eq!(account.held(), held);
        assert_eq!(slab.insert([0; 5000]), Ok(80));
    }
}

#[test]
fn a_slab_that_is_refused_memory_goes_on_with_what_it_has() {
    let (mut slab, account) = of_eight(1 << 20);
    while slab.insert([0; 5000]).is_ok() {}
    let len = slab.len();
    assert!(len > 100 && account.held() <= 1 << 20);
    for key in [100, 5, 17] {
        slab.remove(key).unwrap();
    }
    let mut back: Vec<_> = (0..3).map(|_| slab.insert([0; 5000]).unwrap()).collect();
    back.sort_unstable();
    assert_eq!(back, [5, 17, 100]);
    assert_eq!(slab.insert([0; 5000]), Err(Full));
    for key in 0..len {
        slab.remove(key).unwrap();
    }
    assert!(account.held() < 64 << 10, "{}", account.held());
    assert_eq!(account.held(), slab.bytes());
}

proptest! {
    #[test]
    fn behaves_like_a_map_over_many_chunks(
        operations in prop::collection::vec((0u32..5, 0u32..600), 0..900),
    ) {
        let account = Account::new(1 << 20);
        let mut slab = Slab::new(&account, 300);
        let mut model = BTreeMap::new();
        // A long stretch of insertions, then of removals, and so on.
        for (step, (way, key)) in operations.into_iter().enumerate() {
            if (way == 0) == (step % 500 < 250) {
                prop_assert_eq!(slab.remove(key).map(|(value, _)| value), model.remove(&key));
            } else {
                match slab.insert((step, [0u8; 4000])) {
                    Ok(key) => prop_assert_eq!(model.insert(key, step), None),
                    Err(Full) => prop_assert!(model.len() == 300 || account.held() > 900 << 10),
                }
            }
            prop_assert_eq!(slab.len() as usize, model.len());
            prop_assert_eq!(account.held(), slab.bytes());
            prop_assert_eq!(slab.next_from(key).map(|(key, (value, _))| (key, *value)),
                model.range(key..).next().map(|(key, value)| (*key, *value)));
        }
        prop_assert!(slab.from(0).map(|(key, (value, _))| (key, *value)).eq(model));
    }

    #[test]
    fn behaves_like_a_map(operations in prop::collection::vec((any::<bool>(), 0u32..24), 0..200)) {
        let mut slab = Slab::new(&Account::default(), 16);
        let mut model = BTreeMap::new();
        for (step, (insert, key)) in operations.into_iter().enumerate() {
            if insert {
                match slab.insert(step) {
                    Ok(key) => prop_assert_eq!(model.insert(key, step), None),
                    Err(Full) => prop_assert_eq!(model.len(), 16),
                }
            } else {
                prop_assert_eq!(slab.remove(key), model.remove(&key));
            }
            prop_assert_eq!(slab.len() as usize, model.len());
            prop_assert!(slab.from(0).eq(model.iter().map(|(key, value)| (*key, value))));
            prop_assert_eq!(
                slab.next_from(key),
                model.range(key..).next().map(|(key, value)| (*key, value))
            );
            prop_assert_eq!(slab.get(key), model.get(&key));
        }
    }
}
