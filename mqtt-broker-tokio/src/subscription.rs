//! The host's own subscriptions: what is asked for, and the stream of what arrives.

use core::pin::Pin;
use core::sync::atomic::{AtomicU64, Ordering};
use core::task::{Context, Poll};
use std::sync::Arc;

use futures_core::Stream;
use mqtt_broker_core::LocalSubscription;
use mqtt_codec::{QoS, RetainHandling, SubscriptionIdentifier, SubscriptionOptions};
use tokio::sync::mpsc;

use crate::blocking::block_on;
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
}

impl Subscribe {
    /// Every message that matches `filter`, of any Quality of Service, the retained ones first;
    /// room for 1,024 messages that the program has not taken yet.
    #[must_use]
    pub fn to(filter: impl Into<String>) -> Self {
        let options =
            SubscriptionOptions { maximum_qos: QoS::ExactlyOnce, ..SubscriptionOptions::default() };
        Self { filter: filter.into(), options, identifier: None, capacity: 1024 }
    }

    /// How many messages may wait to be taken; at least 1. When as many wait, further ones are lost
    /// and [counted](Subscription::lost): a slow program holds up nobody else.
    #[must_use]
    pub fn capacity(mut self, messages: usize) -> Self {
        self.capacity = messages.max(1);
        self
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
/// It holds a bounded number of messages, see [`Subscribe::capacity`]. What arrives while it is full
/// is lost and counted, and never slows the broker or another subscriber.
#[derive(Debug)]
pub struct Subscription {
    messages: mpsc::Receiver<Message>,
    lost: Arc<AtomicU64>,
    local: LocalSubscription,
    commands: mpsc::Sender<Command>,
}

impl Subscription {
    /// The next message; `None` once the server has shut down and everything has been taken.
    ///
    /// Cancel safe: a message is not lost if the future is dropped.
    pub async fn recv(&mut self) -> Option<Message> {
        self.messages.recv().await
    }

    /// The next message, waiting on this thread; for threads that run no async code.
    pub fn blocking_recv(&mut self) -> Option<Message> {
        block_on(self.messages.recv())
    }

    /// The next message if there is one now.
    pub fn try_recv(&mut self) -> Option<Message> {
        self.messages.try_recv().ok()
    }

    /// How many messages were lost so far because this subscription was full.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.lost.load(Ordering::Relaxed)
    }
}

impl Stream for Subscription {
    type Item = Message;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Message>> {
        self.messages.poll_recv(cx)
    }
}

impl Drop for Subscription {
    fn drop(&mut self) {
        // With the channel full, the broker notices at the next message that nobody takes it.
        let _ = self.commands.try_send(Command::Unsubscribe(self.local));
    }
}

/// The broker's side of a [`Subscription`].
#[derive(Debug)]
pub(crate) struct Receiver {
    messages: mpsc::Sender<Message>,
    lost: Arc<AtomicU64>,
}

impl Receiver {
    /// Both sides of a subscription that the broker knows as `local`.
    pub(crate) fn pair(
        local: LocalSubscription,
        capacity: usize,
        commands: mpsc::Sender<Command>,
    ) -> (Self, Subscription) {
        let (sender, messages) = mpsc::channel(capacity);
        let lost = Arc::new(AtomicU64::new(0));
        let receiver = Self { messages: sender, lost: Arc::clone(&lost) };
        (receiver, Subscription { messages, lost, local, commands })
    }

    /// Hands over a message. False: the subscription was dropped.
    pub(crate) fn deliver(&self, message: &mqtt_broker_core::Message<'_>) -> bool {
        match self.messages.try_reserve() {
            Ok(permit) => {
                permit.send(Message::received(message));
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
