//! Tests of the slab: against a map, and its layout.

use crate::store::Account;
use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::{Chunks, Slab, Slot};
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
    let per_chunk = 1 << Chunks::<Slot<[u8; 5000]>>::SHIFT;
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
    assert_eq!(Chunks::<Slot<[u8; 100_000]>>::SHIFT, 0);
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

proptest! {
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
