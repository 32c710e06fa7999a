//! The host's own subscriptions: what is asked for, and the stream of what arrives.

use core::future::poll_fn;
use core::num::NonZeroU32;
use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll};
use std::sync::Arc;

use futures_core::Stream;
use mqtt_broker_core::LocalSubscription;
use mqtt_codec::{QoS, RetainHandling, SubscriptionIdentifier, SubscriptionOptions};
use tokio::sync::{Semaphore, mpsc};

use crate::blocking::block_on;
use crate::calls::{Call, Calls};
use crate::command::Command;
use crate::message::Message;

/// A subscription to make with [`Handle::subscribe`](crate::Handle::subscribe): a Topic Filter, and
/// what may be said about it. A plain string is one with the defaults.
#[derive(Clone, Debug)]
pub struct Subscribe {
    pub(crate) filter: String,
    pub(crate) options: SubscriptionOptions,
    pub(crate) identifier: Option<SubscriptionIdentifier>,
    pub(crate) capacity: usize,
    pub(crate) on_full: OnFull,
}

/// What happens to a message for a [`Subscription`] that is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnFull {
    /// It is lost and [counted](Subscription::lost). A slow program holds up nobody else.
    #[default]
    Lose,
    /// Its publisher waits: the broker reads nothing more from that client until the program has
    /// taken some. A program that stops taking messages stops every client that publishes to the
    /// subscription. Only what cannot wait is lost and counted in
    /// [`Stats::dropped_outputs`](crate::Stats::dropped_outputs): Will Messages, and what the
    /// program itself publishes.
    Wait,
}

impl Subscribe {
    /// Every message that matches `filter`, of any Quality of Service, the retained ones first;
    /// room for 1,024 messages that the program has not taken yet.
    #[must_use]
    pub fn to(filter: impl Into<String>) -> Self {
        let options =
            SubscriptionOptions { maximum_qos: QoS::ExactlyOnce, ..SubscriptionOptions::default() };
        Self {
            filter: filter.into(),
            options,
            identifier: None,
            capacity: 1024,
            on_full: OnFull::Lose,
        }
    }

    /// How many messages may wait to be taken; at least 1.
    #[must_use]
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = messages.clamp(1, Semaphore::MAX_PERMITS);
        self
    }

    /// What happens when as many wait. Without it, further ones are lost and counted.
    #[must_use]
    pub fn on_full(mut self, on_full: OnFull) -> Self {
        self.on_full = on_full;
        self
    }

    /// The window that the broker keeps to.
    pub(crate) fn window(&self) -> Option<NonZeroU32> {
        let size = u32::try_from(self.capacity).unwrap_or(u32::MAX);
        NonZeroU32::new(size).filter(|_| self.on_full == OnFull::Wait)
    }

    /// A number that its messages carry, for a program that puts several subscriptions together.
    #[must_use]
    pub fn identifier(mut self, identifier: SubscriptionIdentifier) -> Self {
        self.identifier = Some(identifier);
        self
    }

    /// The highest Quality of Service that messages are marked with.
    #[must_use]
    pub fn maximum_qos(mut self, qos: QoS) -> Self {
        self.options.maximum_qos = qos;
        self
    }

    /// Whether messages keep the publisher's RETAIN flag.
    #[must_use]
    pub fn retain_as_published(mut self, keep: bool) -> Self {
        self.options.retain_as_published = keep;
        self
    }

    /// Whether retained messages come first.
    #[must_use]
    pub fn retain_handling(mut self, handling: RetainHandling) -> Self {
        self.options.retain_handling = handling;
        self
    }
}

impl From<&str> for Subscribe {
    fn from(filter: &str) -> Self {
        Self::to(filter)
    }
}

impl From<String> for Subscribe {
    fn from(filter: String) -> Self {
        Self::to(filter)
    }
}

/// The messages of one of the host's own subscriptions, a [`Stream`]. It ends when the server shuts
/// down; dropping it unsubscribes.
///
/// It holds a bounded number of messages, see [`Subscribe::capacity`]. What becomes of those that
/// arrive while it is full is the program's choice: see [`OnFull`].
#[derive(Debug)]
pub struct Subscription {
    messages: mpsc::Receiver<Message>,
    lost: Arc<AtomicU64>,
    local: LocalSubscription,
    commands: mpsc::Sender<Command>,
    /// Whom to tell that there is room; those who wait for it look when half is free.
    room: Option<(Arc<Calls>, usize)>,
}

impl Subscription {
    /// The next message; `None` once the server has shut down and everything has been taken.
    ///
    /// Cancel safe: a message is not lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<Message> {
        poll_fn(|cx| self.poll_recv(cx)).await
    }

    /// The next message, waiting on this thread; for threads that run no async code.
    pub fn blocking_recv(&mut self) -> Option<Message> {
        block_on(self.recv())
    }

    /// The next message if there is one now.
    pub fn try_recv(&mut self) -> Option<Message> {
        let message = self.messages.try_recv().ok();
        self.took(message)
    }

    /// How many messages were lost so far because this subscription was full. With
    /// [`OnFull::Wait`] that is none: what could not wait is counted for the whole broker, in
    /// [`Stats::dropped_outputs`](crate::Stats::dropped_outputs).
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }

    fn poll_recv(&mut self, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.messages.poll_recv(cx).map(|message| self.took(message))
    }

    fn took(&self, message: Option<Message>) -> Option<Message> {
        if let Some((calls, half)) = &self.room {
            if message.is_some() && self.messages.len() < *half {
                calls.call(Call::Taken);
            }
        }
        message
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.poll_recv(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // With the channel full, the broker notices at the next message that nobody takes it, or
        // when it looks for room.
        if self.commands.try_send(Command::Unsubscribe(self.local)).is_err() {
            self.messages.close();
            if let Some((calls, _)) = &self.room {
                calls.call(Call::Taken);
            }
        }
    }
}

/// Nobody takes the messages any more.
pub(crate) struct Closed;

/// The broker's side of a [`Subscription`].
#[derive(Debug)]
pub(crate) struct Receiver {
    messages: mpsc::Sender<Message>,
    lost: Arc<AtomicU64>,
    /// Messages handed over that the broker counts as not taken, if it does count.
    pending: Option<usize>,
}

impl Receiver {
    /// Both sides of a subscription that the broker knows as `local`.
    pub(crate) fn pair(
        local: LocalSubscription,
        subscribe: &Subscribe,
        commands: mpsc::Sender<Command>,
        calls: &Arc<Calls>,
    ) -> (Self, Subscription) {
        let (sender, messages) = mpsc::channel(subscribe.capacity);
        let lost = Arc::new(AtomicU64::new(0));
        let waits = subscribe.on_full == OnFull::Wait;
        let pending = waits.then_some(0);
        let receiver = Self { messages: sender, lost: Arc::clone(&lost), pending };
        let room = waits.then(|| (Arc::clone(calls), subscribe.capacity.div_ceil(2)));
        (receiver, Subscription { messages, lost, local, commands, room })
    }

    /// How many messages were taken since this was last asked, of one whose publishers wait; an
    /// error if the subscription was dropped.
    pub(crate) fn taken(&mut self) -> Result<u32, Closed> {
        let Some(pending) = &mut self.pending else { return Ok(0) };
        if self.messages.is_closed() {
            return Err(Closed);
        }
        let left = self.messages.max_capacity() - self.messages.capacity();
        let taken = core::mem::replace(pending, left).saturating_sub(left);
        Ok(u32::try_from(taken).unwrap_or(u32::MAX))
    }

    /// Hands over a message. False: the subscription was dropped.
    pub(crate) fn deliver(&mut self, message: &mqtt_broker_core::Message<'_>) -> bool {
        match self.messages.try_reserve() {
            Ok(permit) => {
                permit.send(Message::received(message));
                if let Some(pending) = &mut self.pending {
                    *pending += 1;
                }
                true
            }
            Err(mpsc::error::TrySendError::Full(())) => {
                self.lost.fetch_add(1, Ordering::Relaxed);
                true
            }
            Err(mpsc::error::TrySendError::Closed(())) => false,
        }
    }
}
