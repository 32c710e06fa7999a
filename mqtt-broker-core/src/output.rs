//! [`Outputs`]: what waits for [`poll_output`](crate::Broker::poll_output), in order.

use alloc::boxed::Box;
use alloc::collections::VecDeque;

use mqtt_codec::{QoS, SubscriptionIdentifier};

use crate::boundary::{
    CloseReason, ConnectionHandle, Event, LocalSubscription, Lsn, Request, Shard, Ticket,
};
use crate::broker::queue_bytes;
use crate::store::Account;

/// One output that waits.
#[derive(Debug)]
pub(crate) enum Pending {
    Transmit(ConnectionHandle),
    Close(ConnectionHandle, CloseReason),
    Resume(ConnectionHandle),
    Snapshot(Lsn),
    Forward(Shard),
    Decide(Box<(Ticket, ConnectionHandle, Request)>),
    Event(Box<Event>),
    Message(LocalCopy),
}

/// A copy of a publication, with a reference, for one of the host's subscriptions.
#[derive(Debug)]
pub(crate) struct LocalCopy {
    pub(crate) subscription: LocalSubscription,
    pub(crate) publication: u32,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) expiry_left: Option<u32>,
    pub(crate) identifier: Option<SubscriptionIdentifier>,
}

impl Pending {
    /// The memory it holds beside its place in the queue, in bytes.
    fn heap(&self) -> usize {
        match self {
            Self::Transmit(_)
            | Self::Close(..)
            | Self::Resume(_)
            | Self::Snapshot(_)
            | Self::Forward(_)
            | Self::Message(_) => 0,
            Self::Decide(question) => size_of_val(&**question) + question.2.heap(),
            Self::Event(event) => size_of_val(&**event) + event.heap(),
        }
    }
}

/// The queue. Outputs about connections are bounded by the connections; events and messages are
/// bounded by a limit, beyond which they are dropped and counted.
pub(crate) struct Outputs {
    queue: VecDeque<Pending>,
    /// Events and messages in the queue.
    optional: u32,
    limit: u32,
    /// Bytes of events in the queue, and how many there may be: what is told must not take the
    /// memory of what is done.
    event_bytes: usize,
    event_limit: usize,
    dropped: u64,
    /// How many of them the host has been told of.
    told: u64,
    account: Account,
}

/// The room that a queue begins with.
const FIRST: usize = 64;

/// A queue with no more bytes of room than this is kept when it is empty.
const KEPT_BYTES: usize = if usize::BITS > 32 { 64 << 10 } else { FIRST * size_of::<Pending>() };

/// Events have this part of all memory, and at least so many bytes.
const EVENTS: usize = 64;
const EVENT_BYTES: usize = 4 << 10;

impl Outputs {
    /// At most `limit` events and messages; events have a share of `memory`.
    pub(crate) fn new(account: &Account, limit: u32, memory: usize) -> Self {
        Self {
            queue: VecDeque::new(),
            optional: 0,
            limit,
            event_bytes: 0,
            event_limit: (memory / EVENTS).max(EVENT_BYTES),
            dropped: 0,
            told: 0,
            account: account.clone(),
        }
    }

    /// Outputs about connections are never refused: each has few of them.
    pub(crate) fn push(&mut self, output: Pending) {
        self.account.take_anyway(output.heap());
        self.push_back(output);
    }

    pub(crate) fn push_event(&mut self, event: Event) {
        if !self.take_event(event) {
            self.dropped += 1;
        }
    }

    /// Whether there is room for the event, which is in the queue then.
    fn take_event(&mut self, event: Event) -> bool {
        if self.optional >= self.limit {
            return false;
        }
        let event = Pending::Event(Box::new(event));
        let bytes = self.event_bytes.saturating_add(event.heap());
        let fits = bytes <= self.event_limit && self.account.take(event.heap()).is_ok();
        if fits {
            self.event_bytes = bytes;
            self.optional += 1;
            self.push_back(event);
        }
        fits
    }

    /// Whether the message was taken; if not, its reference is still the caller's. Those that
    /// `has_window` are bounded by it.
    #[must_use]
    pub(crate) fn push_message(&mut self, message: LocalCopy, has_window: bool) -> bool {
        let room = has_window || self.has_room();
        if room {
            self.optional += 1;
            self.push_back(Pending::Message(message));
        }
        room
    }

    #[inline]
    pub(crate) fn pop(&mut self) -> Option<Pending> {
        let output = self.queue.pop_front()?;
        match &output {
            Pending::Message(_) => self.optional -= 1,
            Pending::Event(_) => {
                self.optional -= 1;
                self.event_bytes = self.event_bytes.saturating_sub(output.heap());
                self.account.give(output.heap());
            }
            Pending::Decide(_) => self.account.give(output.heap()),
            _ => {}
        }
        if self.queue.is_empty() && queue_bytes(&self.queue) > KEPT_BYTES {
            self.account.give(queue_bytes(&self.queue));
            self.queue = VecDeque::new();
        }
        Some(output)
    }

    fn push_back(&mut self, output: Pending) {
        if self.queue.len() == self.queue.capacity() {
            let before = self.queue.capacity();
            self.queue.reserve_exact(before.max(FIRST));
            let bytes = queue_bytes(&self.queue);
            self.account.change(before * size_of::<Pending>(), bytes);
        }
        self.queue.push_back(output);
    }

    /// Says that events and messages were dropped, once there is room to say it.
    #[inline]
    pub(crate) fn tell_dropped(&mut self, wanted: bool) {
        let count = self.dropped - self.told;
        if count > 0 && (!wanted || self.take_event(Event::OutputsDropped { count })) {
            self.told = self.dropped;
        }
    }

    /// Whether half the room for messages is free, or all of it: a long replay goes on then.
    pub(crate) const fn is_roomy(&self) -> bool {
        self.optional <= self.limit / 2
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
