//! Which requirements of the standard a world was judged by. An oracle says so where it checks one.

use std::cell::RefCell;
use std::collections::BTreeMap;

/// How often each requirement was checked, by its number in MQTT 5.0.
pub type Reached = BTreeMap<&'static str, u64>;

thread_local! {
    /// Of the world that this thread lives. Oracles are asked from many places, and what they have
    /// checked changes nothing for anybody.
    static REACHED: RefCell<Reached> = const { RefCell::new(BTreeMap::new()) };
}

/// This requirement was checked: it applied, and what was seen is judged by it.
pub fn reached(requirement: &'static str) {
    REACHED.with_borrow_mut(|reached| *reached.entry(requirement).or_default() += 1);
}

/// What was checked since this was last asked.
#[must_use]
pub fn take() -> Reached {
    REACHED.take()
}
