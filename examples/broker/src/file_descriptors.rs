//! How many connections the system lets this process have.

use tracing::debug;

/// Raises the number of open files, and so of connections, to what the system allows without
/// asking anybody.
#[cfg(unix)]
pub(crate) fn raise_limit() {
    match rlimit::increase_nofile_limit(rlimit::INFINITY) {
        Ok(limit) => debug!(limit, "file descriptors"),
        Err(error) => debug!(%error, "the limit on file descriptors stays as it is"),
    }
}

/// Here the system knows no such limit.
#[cfg(not(unix))]
pub(crate) fn raise_limit() {
    debug!("no limit on file descriptors to raise");
}
