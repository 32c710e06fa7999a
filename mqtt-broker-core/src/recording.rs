//! Recordings: every call that changed a [`Broker`](crate::Broker), so that what it did can be done
//! and looked at again.
//!
//! With the feature `recording` and [`Config::recording`](crate::Config::recording) the broker writes down each call, with its
//! time and what the [`Policy`] answered; [`poll_recording`](crate::Broker::poll_recording) hands it
//! out. [`play`] makes the same calls again. Since the same calls give the same outputs, so does
//! that; a hash of all outputs, written into the recording each time it is handed out, shows it.
//!
//! A recording is a row of calls: a byte that tells which, then its fields. Numbers are 7 bits to a
//! byte, the lowest first, the top bit set in all but the last; text and bytes follow their length;
//! a time is its distance from the time before. It begins with its version and the seed, then has
//! the journal that the broker was made from, if it was, and is for this version of the broker only. It holds all that clients sent, passwords too.

mod call;
#[cfg(feature = "recording")]
mod playback;
#[cfg(feature = "recording")]
mod recorder;
#[cfg(not(feature = "recording"))]
#[path = "recording/no_recorder.rs"]
mod recorder;

use alloc::vec::Vec;

pub(crate) use self::call::Call;
#[cfg(feature = "recording")]
pub use self::playback::{PlaybackError, Played, Step, play};
pub(crate) use self::recorder::Recorder;
use crate::policy::{
    AuthenticateRequest, ConnectRequest, DeliverRequest, Policy, PublishRequest, SubscribeRequest,
    UnsubscribeRequest, Verdict,
};

/// A policy that is listened to.
pub(crate) struct Overheard<'a> {
    pub(crate) policy: &'a mut dyn Policy,
    pub(crate) verdicts: Vec<Verdict>,
}

impl<'a> Overheard<'a> {
    pub(crate) fn new(policy: &'a mut dyn Policy) -> Self {
        Self { policy, verdicts: Vec::new() }
    }

    fn note(&mut self, verdict: Verdict) -> Verdict {
        self.verdicts.push(verdict.clone());
        verdict
    }
}

impl Policy for Overheard<'_> {
    fn connect(&mut self, request: &ConnectRequest<'_>) -> Verdict {
        let verdict = self.policy.connect(request);
        self.note(verdict)
    }

    fn authenticate(&mut self, request: &AuthenticateRequest<'_>) -> Verdict {
        let verdict = self.policy.authenticate(request);
        self.note(verdict)
    }

    fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
        let verdict = self.policy.publish(request);
        self.note(verdict)
    }

    fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
        let verdict = self.policy.subscribe(request);
        self.note(verdict)
    }

    fn unsubscribe(&mut self, request: &UnsubscribeRequest<'_>) -> Verdict {
        let verdict = self.policy.unsubscribe(request);
        self.note(verdict)
    }

    fn deliver(&mut self, request: &DeliverRequest<'_>) -> Verdict {
        let verdict = self.policy.deliver(request);
        self.note(verdict)
    }
}
