//! [`Recovered`]: the broker that a store keeps, and what a configuration lacks that does not allow it.

use std::io;
use std::time;

use mqtt_broker_core::{Broker, Config, Instant, Limits, Replay, ReplayCause, Stats};

use crate::error::Error;
use crate::store::Store;

/// How often what is needed is tried and raised, before the first error has to do.
const ATTEMPTS: u32 = 16;

/// A store whose records have been read.
pub(crate) struct Recovered {
    pub(super) store: Box<dyn Store>,
    pub(super) bytes: u64,
}

/// A limit that is too low for what a store keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LimitNeeded {
    /// The name of the field of [`Limits`].
    pub name: &'static str,
    /// What it is.
    pub configured: u64,
    /// What it has to be at least; the broker is full with that.
    pub needed: u64,
}

impl Recovered {
    /// Makes a broker of what a store keeps.
    pub(crate) fn from(
        mut store: Box<dyn Store>,
        config: &Config,
        now: impl FnOnce() -> Instant,
    ) -> Result<(Broker, Self), Error> {
        let begun = time::Instant::now();
        let (replay, bytes) = match read(&mut *store, config.clone(), |_| ()) {
            Ok(read) => read,
            Err(Unread { error, limit: None }) => return Err(Error::recovery(error)),
            Err(Unread { error, limit: Some(_) }) => {
                return Err(match needed(&mut *store, config) {
                    Some(needed) => Error::limits(needed, error),
                    None => Error::recovery(error),
                });
            }
        };
        let broker = replay.finish(now());
        let broker = broker.map_err(|error| Error::recovery(io::Error::other(error)))?;
        let Stats { sessions, subscriptions, retained, wills, entries: queued, .. } =
            broker.stats();
        let milliseconds = begun.elapsed().as_millis();
        tracing::info!(
            sessions,
            subscriptions,
            retained,
            queued,
            wills,
            bytes,
            milliseconds,
            "recovered from the journal"
        );
        Ok((broker, Self { store, bytes }))
    }
}

/// Why a store's records make no broker.
struct Unread {
    error: io::Error,
    /// The limit that is to blame.
    limit: Option<&'static str>,
}

/// Applies every record, and shows what is held after each.
fn read(
    store: &mut dyn Store,
    config: Config,
    mut show: impl FnMut(&Replay),
) -> Result<(Replay, u64), Unread> {
    let mut replay = Broker::replay(config);
    let mut limit = None;
    let recovered = store.recover(&mut |record| {
        replay.apply(record).inspect_err(|error| {
            limit = match error.cause {
                ReplayCause::Limit(name) => Some(name),
                _ => None,
            };
        })?;
        show(&replay);
        Ok(())
    });
    match recovered {
        Ok(bytes) => Ok((replay, bytes)),
        Err(error) => Err(Unread { error, limit }),
    }
}

/// The limits that are too low, found out by doing without them; `None` if it is none of these, or the
/// store is not read again.
fn needed(store: &mut dyn Store, config: &Config) -> Option<Vec<LimitNeeded>> {
    let mut boundless = config.clone();
    for bound in &BOUNDS {
        (bound.set)(&mut boundless.limits, u64::MAX);
    }
    let mut most = [0; BOUNDS.len()];
    let measured = read(store, boundless, |replay| {
        let stats = replay.stats();
        for (most, bound) in most.iter_mut().zip(&BOUNDS) {
            *most = (bound.held)(&stats).max(*most);
        }
    });
    measured.ok()?;
    let mut enough = config.clone();
    for (most, bound) in most.iter().zip(&BOUNDS) {
        let configured = (bound.get)(&enough.limits);
        (bound.set)(&mut enough.limits, configured.max(*most));
    }
    // Within a record more may be held than after it, and the last of the memory is for other things.
    let mut steps =
        BOUNDS.map(|bound| if bound.in_bytes { (bound.get)(&enough.limits) / 64 + 1 } else { 1 });
    for _ in 0..ATTEMPTS {
        let name = match read(store, enough.clone(), |_| ()) {
            Ok(_) => return Some(lacking(&config.limits, &enough.limits)),
            Err(unread) => unread.limit?,
        };
        let (bound, step) = BOUNDS.iter().zip(&mut steps).find(|(bound, _)| bound.name == name)?;
        let tried = (bound.get)(&enough.limits);
        (bound.set)(&mut enough.limits, tried.saturating_add(*step));
        *step = step.saturating_mul(2);
    }
    None
}

/// Where these limits are below what is enough.
fn lacking(limits: &Limits, enough: &Limits) -> Vec<LimitNeeded> {
    let each = BOUNDS.iter().map(|bound| LimitNeeded {
        name: bound.name,
        configured: (bound.get)(limits),
        needed: (bound.get)(enough),
    });
    each.filter(|limit| limit.configured < limit.needed).collect()
}

/// A limit that a replay keeps to.
struct Bound {
    name: &'static str,
    in_bytes: bool,
    get: fn(&Limits) -> u64,
    /// To the number, or as far as it goes.
    set: fn(&mut Limits, u64),
    held: fn(&Stats) -> u64,
}

macro_rules! bound {
    ($name:ident, $most:expr, $in_bytes:expr) => {
        Bound {
            name: stringify!($name),
            in_bytes: $in_bytes,
            get: |limits| limits.$name as u64,
            set: |limits, number| limits.$name = number.try_into().unwrap_or($most),
            held: |stats| stats.$name as u64,
        }
    };
}

const BOUNDS: [Bound; 7] = [
    bound!(sessions, u32::MAX, false),
    bound!(subscriptions, u32::MAX, false),
    bound!(retained, u32::MAX, false),
    bound!(publications, u32::MAX, false),
    bound!(publication_bytes, usize::MAX, true),
    bound!(entries, u32::MAX, false),
    bound!(memory, usize::MAX, true),
];
