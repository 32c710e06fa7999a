//! How many connections the system lets this process have: each is an open file.

use mqtt_broker_core::Config;
use tracing::{debug, info, warn};

use crate::configuration::Configuration;

/// Files for all that is no connection: the journal's, the log, signals, what waits for sockets. A
/// stranger who takes all there are must not keep the journal from its next one.
const RESERVE: u64 = 32;

/// Bounds the connections by the files that may be open. True: by fewer than was asked for.
pub(crate) fn bound_connections(configuration: &mut Configuration) -> bool {
    let Some(limit) = raise_limit() else { return false };
    let listeners = 2 * configuration.listen.len() as u64;
    let most = limit.saturating_sub(RESERVE + listeners).max(1);
    let connections = &mut configuration.broker.limits.connections;
    let wanted = *connections;
    if u64::from(wanted) <= most {
        return false;
    }
    *connections = u32::try_from(most).unwrap_or(wanted);
    let cause = "as many as the limit on open files allows (ulimit -n)";
    if wanted == Config::default().limits.connections {
        info!(connections = most, limit, "{cause}");
    } else {
        warn!(connections = most, limit, configured = wanted, "{cause}");
    }
    true
}

/// Raises the number of open files to what the system allows without asking anybody; what it is then.
#[cfg(unix)]
fn raise_limit() -> Option<u64> {
    match rlimit::increase_nofile_limit(rlimit::INFINITY) {
        Ok(limit) => {
            debug!(limit, "file descriptors");
            Some(limit)
        }
        Err(error) => {
            debug!(%error, "the limit on file descriptors stays as it is");
            rlimit::Resource::NOFILE.get_soft().ok()
        }
    }
}

/// Here the system knows no such limit.
#[cfg(not(unix))]
fn raise_limit() -> Option<u64> {
    debug!("no limit on file descriptors to raise");
    None
}
