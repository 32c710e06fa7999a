//! What handles ask of the broker's thread.

use mqtt_broker_core::{LocalSubscription, Stats, Ticket, Verdict};
use mqtt_codec::ReasonCode;
use tokio::sync::oneshot;

use crate::client::Client;
use crate::error::Error;
use crate::message::Message;
use crate::subscription::{Subscribe, Subscription};

/// How many commands may wait; senders beyond that wait themselves.
pub(crate) const CAPACITY: usize = 1024;

/// One wish of the host.
#[derive(Debug)]
pub(crate) enum Command {
    Publish(Box<Message>, Option<oneshot::Sender<Result<(), Error>>>),
    Subscribe(Subscribe, oneshot::Sender<Result<Subscription, Error>>),
    Unsubscribe(LocalSubscription),
    Kick(String, ReasonCode, oneshot::Sender<bool>),
    Clients(oneshot::Sender<Vec<Client>>),
    Stats(oneshot::Sender<Stats>),
    Resolve(Ticket, Verdict),
}
