//! What the program plugs into the loop.

use core::future::Future;
use core::pin::Pin;
#[cfg(feature = "recording")]
use std::io;

use mqtt_broker_core::{Event, Policy, Request, Verdict};

/// A verdict that may take its time.
pub(crate) type Deciding = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// Hears of events.
pub(crate) type OnEvent = Box<dyn FnMut(&Event) + Send>;

/// Answers what the policy put off.
pub(crate) type OnDecide = Box<dyn FnMut(Request) -> Deciding + Send>;

/// Takes a recording.
#[cfg(feature = "recording")]
pub(crate) type Sink = Box<dyn io::Write + Send>;

/// Called by the loop on the broker's thread.
pub(crate) struct Hooks {
    pub(crate) policy: Box<dyn Policy + Send>,
    pub(crate) events: Option<OnEvent>,
    pub(crate) decide: Option<OnDecide>,
    #[cfg(feature = "recording")]
    pub(crate) recording: Option<Sink>,
}
