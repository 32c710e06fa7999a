//! What the program plugs into the loop.

use core::future::Future;
use core::pin::Pin;
#[cfg(feature = "recording")]
use std::io;

use mqtt_broker_core::{ConnectionHandle, Event, Policy, Request, Verdict};

use crate::stranger::Protocol;

/// A verdict that may take its time.
pub(crate) type Deciding = Pin<Box<dyn Future<Output = Verdict> + Send>>;

/// Hears of events.
pub(crate) type OnEvent = Box<dyn FnMut(&Event) + Send>;

/// Hears of strangers.
pub(crate) type OnStranger = Box<dyn FnMut(&Event, Protocol) + Send>;

/// Answers what the policy put off.
pub(crate) type OnDecide = Box<dyn FnMut(Request) -> Deciding + Send>;

/// Takes a recording.
#[cfg(feature = "recording")]
pub(crate) type Sink = Box<dyn io::Write + Send>;

/// Called by the loop on the broker's thread.
pub(crate) struct Hooks {
    pub(crate) policy: Box<dyn Policy + Send>,
    pub(crate) events: Option<OnEvent>,
    pub(crate) strangers: Option<OnStranger>,
    pub(crate) decide: Option<OnDecide>,
    #[cfg(feature = "recording")]
    pub(crate) recording: Option<Sink>,
}

impl Hooks {
    /// Tells an event; `spoke` is what was spoken on a connection instead of MQTT.
    pub(crate) fn tell(
        &mut self,
        event: &Event,
        spoke: impl FnOnce(ConnectionHandle) -> Option<Protocol>,
    ) {
        if let Some(strangers) = &mut self.strangers {
            let connection = match event {
                Event::Closed { connection, .. } | Event::Refused { connection, .. } => *connection,
                _ => return self.tell_event(event),
            };
            if let Some(protocol) = spoke(connection) {
                return strangers(event, protocol);
            }
        }
        self.tell_event(event);
    }

    fn tell_event(&mut self, event: &Event) {
        if let Some(events) = &mut self.events {
            events(event);
        }
    }
}
