//! Tests of the timers: order, harmless stale slots, and a model.

use crate::store::Account;
use alloc::vec::Vec;

use proptest::prelude::*;

use super::{TimerSlot, Timers};
use crate::time::Instant;

fn drain(timers: &mut Timers<u32>, now: u64) -> Vec<u32> {
    core::iter::from_fn(|| timers.pop_due(Instant(now))).collect()
}

#[test]
fn due_in_order_of_deadline_then_of_arming() {
    let mut timers = Timers::new(&Account::default());
    let mut slots: [TimerSlot; 5] = Default::default();
    for (what, (slot, deadline)) in (0..).zip(slots.iter_mut().zip([30, 10, 20, 10, 40])) {
        timers.arm(slot, Instant(deadline), what);
    }
    timers.arm(&mut slots[1], Instant(10), 1);
    assert_eq!(timers.next(), Some(Instant(10)));
    assert_eq!(drain(&mut timers, 9), []);
    assert_eq!(drain(&mut timers, 30), [3, 1, 2, 0]);
    assert_eq!(timers.next(), Some(Instant(40)));
    assert_eq!(timers.len(), 1);
}

#[test]
fn arming_again_moves_the_timer_both_ways() {
    let mut timers = Timers::new(&Account::default());
    let mut slots: [TimerSlot; 3] = Default::default();
    for (slot, what) in slots.iter_mut().zip(0..) {
        timers.arm(slot, Instant(10 + u64::from(what)), what);
    }
    timers.arm(&mut slots[0], Instant(50), 7);
    timers.arm(&mut slots[2], Instant(1), 2);
    assert_eq!(timers.len(), 3);
    assert_eq!(timers.deadline(&slots[0]), Some(Instant(50)));
    assert_eq!(drain(&mut timers, 100), [2, 1, 7]);
}

#[test]
fn a_stale_slot_is_harmless() {
    let mut timers = Timers::new(&Account::default());
    let (mut stale, mut live) = (TimerSlot::default(), TimerSlot::default());
    timers.arm(&mut stale, Instant(1), 1);
    assert_eq!(timers.pop_due(Instant(1)), Some(1));
    timers.arm(&mut live, Instant(2), 2);
    assert_eq!(timers.deadline(&stale), None);
    timers.cancel(&mut stale);
    assert_eq!(timers.deadline(&live), Some(Instant(2)));
    timers.cancel(&mut live);
    timers.cancel(&mut live);
    assert_eq!((timers.len(), timers.next()), (0, None));
}

#[test]
fn sequence_numbers_may_run_out() {
    let mut timers = Timers::new(&Account::default());
    let mut slots: Vec<_> = (0..20).map(|_| TimerSlot::default()).collect();
    timers.next_sequence = u32::MAX - 10;
    for (slot, what) in slots.iter_mut().zip(0..) {
        timers.arm(slot, Instant(5), what);
    }
    timers.arm(&mut slots[3], Instant(5), 3);
    timers.cancel(&mut slots[8]);
    let expected: Vec<u32> = (0..20).filter(|what| ![3, 8].contains(what)).chain([3]).collect();
    assert_eq!(drain(&mut timers, 5), expected);
}

#[test]
fn a_slot_is_eight_bytes() {
    assert_eq!(size_of::<TimerSlot>(), 8);
    assert_eq!(size_of::<super::Entry>(), 16);
}

#[derive(Clone, Debug)]
enum Operation {
    Arm(usize, u64),
    Cancel(usize),
    Pop(u64),
}

fn operation() -> impl Strategy<Value = Operation> {
    prop_oneof![
        4 => (0..40usize, 0..30u64).prop_map(|(slot, deadline)| Operation::Arm(slot, deadline)),
        1 => (0..40usize).prop_map(Operation::Cancel),
        1 => (0..30u64).prop_map(Operation::Pop),
    ]
}

proptest! {
    #[test]
    fn behaves_like_a_sorted_list(operations in prop::collection::vec(operation(), 0..400)) {
        let mut timers = Timers::new(&Account::default());
        let mut slots: Vec<_> = (0..40).map(|_| TimerSlot::default()).collect();
        // (deadline, arming, slot)
        let mut model: Vec<(u64, usize, usize)> = Vec::new();
        for (step, operation) in operations.into_iter().enumerate() {
            match operation {
                Operation::Arm(slot, deadline) => {
                    timers.arm(&mut slots[slot], Instant(deadline), slot);
                    model.retain(|entry| entry.2 != slot);
                    model.push((deadline, step, slot));
                }
                Operation::Cancel(slot) => {
                    timers.cancel(&mut slots[slot]);
                    model.retain(|entry| entry.2 != slot);
                }
                Operation::Pop(now) => {
                    let due = model.iter().copied().min().filter(|entry| entry.0 <= now);
                    model.retain(|entry| Some(*entry) != due);
                    prop_assert_eq!(timers.pop_due(Instant(now)), due.map(|entry| entry.2));
                }
            }
            prop_assert_eq!(timers.len(), model.len());
            prop_assert_eq!(timers.next(), model.iter().min().map(|entry| Instant(entry.0)));
            for (index, slot) in slots.iter().enumerate() {
                let expected = model.iter().find(|entry| entry.2 == index);
                prop_assert_eq!(timers.deadline(slot), expected.map(|entry| Instant(entry.0)));
            }
        }
    }
}
