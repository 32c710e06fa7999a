//! What handles ask of the broker's thread.

use mqtt_broker_core::{Broker, Instant, LocalSubscription, Ticket, Verdict};
use tokio::sync::oneshot;

use crate::buffers::Buffers;
use crate::error::Error;
use crate::message::Message;
use crate::subscription::{Subscribe, Subscription};

/// How many commands may wait; senders beyond that wait themselves.
pub(crate) const CAPACITY: usize = 1024;

/// One wish of the host.
pub(crate) enum Command {
    Publish(Box<Message>, Option<Reply>),
    Subscribe(Subscribe, oneshot::Sender<Result<Subscription, Error>>),
    Unsubscribe(LocalSubscription),
    Resolve(Ticket, Verdict),
    Buffers(oneshot::Sender<Buffers>),
    /// Does what needs the broker alone, and answers by itself.
    Tell(Wish),
}

/// Where a handle waits for what came of its wish.
pub(crate) type Reply = oneshot::Sender<Result<(), Error>>;

/// What a handle wishes of the broker.
pub(crate) type Wish = Box<dyn FnOnce(Instant, &mut Broker) + Send>;
