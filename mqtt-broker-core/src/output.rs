//! [`Outputs`]: what waits for [`poll_output`](crate::Broker::poll_output), in order.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use mqtt_codec::{QoS, SubscriptionIdentifier};

use crate::boundary::{
    CloseReason, ConnectionHandle, Event, LocalSubscription, Lsn, Request, Ticket,
};

/// One output that waits.
#[derive(Debug)]
pub(crate) enum Pending {
    Transmit(ConnectionHandle),
    Close(ConnectionHandle, CloseReason),
    Resume(ConnectionHandle),
    Snapshot(Lsn),
    Decide(Box<(Ticket, ConnectionHandle, Request)>),
    Event(Box<Event>),
    Message(LocalCopy),
}

#[derive(Debug)]
/// A copy of a publication, with a reference, for one of the host's subscriptions.
pub(crate) struct LocalCopy {
    pub(crate) subscription: LocalSubscription,
    pub(crate) publication: u32,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) expiry_left: Option<u32>,
    pub(crate) identifier: Option<SubscriptionIdentifier>,
}

/// The queue. Outputs about connections are bounded by the connections; events and messages are
/// bounded by a limit, beyond which they are dropped and counted.
pub(crate) struct Outputs {
    queue: VecDeque<Pending>,
    /// Events and messages in the queue.
    optional: u32,
    limit: u32,
    dropped: u64,
}

impl Outputs {
    pub(crate) const fn new(limit: u32) -> Self {
        Self { queue: VecDeque::new(), optional: 0, limit, dropped: 0 }
    }

    pub(crate) fn push(&mut self, output: Pending) {
        self.queue.push_back(output);
    }

    pub(crate) fn push_event(&mut self, event: Event) {
        if self.has_room() {
            self.optional += 1;
            self.queue.push_back(Pending::Event(Box::new(event)));
        }
    }

    /// Whether the message was taken; if not, its reference is still the caller's. Those that
    /// `has_window` are bounded by it.
    #[must_use]
    pub(crate) fn push_message(&mut self, message: LocalCopy, has_window: bool) -> bool {
        let room = has_window || self.has_room();
        if room {
            self.optional += 1;
            self.queue.push_back(Pending::Message(message));
        }
        room
    }

    pub(crate) fn pop(&mut self) -> Option<Pending> {
        let output = self.queue.pop_front()?;
        if matches!(output, Pending::Event(_) | Pending::Message(_)) {
            self.optional -= 1;
        }
        Some(output)
    }

    /// Whether half the room for messages is free: a long replay goes on then.
    pub(crate) const fn is_roomy(&self) -> bool {
        self.optional < self.limit / 2
    }

    /// A message that there was no room for elsewhere.
    pub(crate) fn drop_message(&mut self) {
        self.dropped += 1;
    }

    pub(crate) const fn dropped(&self) -> u64 {
        self.dropped
    }

    fn has_room(&mut self) -> bool {
        let room = self.optional < self.limit;
        if !room {
            self.dropped += 1;
        }
        room
    }
}
