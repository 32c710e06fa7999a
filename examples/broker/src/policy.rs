//! Who may connect, as long as there are no users.

use mqtt_broker_core::{ConnectRequest, Policy, Verdict};

/// Clients of this machine may connect and do everything; those of other machines too, if the
/// broker is open.
///
/// A program on this machine that forwards connections (a reverse proxy, `ssh -R`, a container
/// runtime) makes its clients look like clients of this machine.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoopbackUnlessOpen {
    /// Whether clients of other machines are welcome.
    pub(crate) open: bool,
}

impl Policy for LoopbackUnlessOpen {
    fn connect(&mut self, request: &ConnectRequest<'_>) -> Verdict {
        if self.open || request.peer.is_loopback() { Verdict::Allow } else { Verdict::DENY }
    }
}

#[cfg(test)]
mod tests;
