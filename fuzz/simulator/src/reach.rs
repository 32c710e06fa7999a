//! Which requirements of the standard a world was judged by. An oracle says so where it checks one.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::LazyLock;

use mqtt_codec::Version;

/// How often each requirement was checked, by the version of the standard and its number there.
pub type Reached = BTreeMap<(Standard, &'static str), u64>;

/// A version of the standard whose requirements have numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standard {
    /// MQTT 3.1.1.
    V3_1_1,
    /// MQTT 5.0.
    V5,
}

thread_local! {
    /// Of the world that this thread lives. Oracles are asked from many places, and what they have
    /// checked changes nothing for anybody.
    static REACHED: RefCell<Reached> = const { RefCell::new(BTreeMap::new()) };
    /// Whose packet is being judged.
    static VERSION: Cell<Version> = const { Cell::new(Version::V5) };
}

/// The statements of 3.1.1, and which of 5.0 say the same: the table of `cargo xtask spec`.
const STATEMENTS: &str = include_str!("../../../spec/mqtt-3.1.1.toml");

/// By a number of 5.0, those of 3.1.1 that say the same.
static OLDER: LazyLock<BTreeMap<&str, Vec<&str>>> = LazyLock::new(|| {
    let mut all: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let mut own = "";
    for line in STATEMENTS.lines() {
        if let Some(id) = line.strip_prefix("id = ") {
            own = id.trim_matches('"');
        } else if let Some(same) = line.strip_prefix("same-as = ") {
            for id in same.split('"').skip(1).step_by(2) {
                all.entry(id).or_default().push(own);
            }
        }
    }
    all
});

/// What is judged from here on is about a client that speaks this version.
pub fn speaking(version: Version) {
    VERSION.set(version);
}

/// This requirement of 5.0 was checked: it applied, and what was seen is judged by it. For a client of
/// 3.1.1, those of its own standard were that say the same.
pub fn reached(requirement: &'static str) {
    REACHED.with_borrow_mut(|reached| {
        let mut note = |standard, requirement| {
            *reached.entry((standard, requirement)).or_default() += 1;
        };
        match VERSION.get() {
            Version::V5 => note(Standard::V5, requirement),
            Version::V3_1_1 => {
                for requirement in OLDER.get(requirement).into_iter().flatten() {
                    note(Standard::V3_1_1, requirement);
                }
            }
            // Its requirements have no numbers.
            Version::V3_1 => {}
        }
    });
}

/// What was checked since this was last asked.
#[must_use]
pub fn take() -> Reached {
    VERSION.set(Version::V5);
    REACHED.take()
}
