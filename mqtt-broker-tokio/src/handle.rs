//! What a program does with a running broker, from any task or thread.

use mqtt_broker_core::Stats;
use mqtt_codec::ReasonCode;
use tokio::sync::{mpsc, oneshot};

use crate::blocking::block_on;
use crate::client::Client;
use crate::command::Command;
use crate::error::Error;
use crate::message::Message;
use crate::subscription::{Subscribe, Subscription};

/// A way to a running broker: publish, subscribe, and look at it. Cheap to clone; works in any task
/// of any runtime and, through [`blocking`](Self::blocking), on any thread.
///
/// Commands of one handle are done in the order they were given. They wait in one bounded channel;
/// the async methods wait for room in it, which is how a fast publisher is slowed. Once the server
/// shuts down every method returns an error that [is closed](Error::is_closed).
#[derive(Clone, Debug)]
pub struct Handle {
    commands: mpsc::Sender<Command>,
}

impl Handle {
    pub(crate) fn new(commands: mpsc::Sender<Command>) -> Self {
        Self { commands }
    }

    /// Publishes a message to every subscriber, and waits until the broker has taken it over.
    ///
    /// The host is not asked for permission: the [`Policy`](mqtt_broker_core::Policy) is for
    /// clients.
    ///
    /// # Errors
    ///
    /// [Invalid](Error::is_invalid) topic or property, [refused](Error::is_refused) because of a
    /// limit, or [closed](Error::is_closed).
    pub async fn publish(&self, message: Message) -> Result<(), Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Publish(Box::new(message), Some(reply)), answer).await?
    }

    /// Hands a message over without waiting for anything. What is wrong with it is logged, not
    /// returned.
    ///
    /// # Errors
    ///
    /// [Busy](Error::is_busy) if too many commands wait already, or [closed](Error::is_closed).
    pub fn try_publish(&self, message: Message) -> Result<(), Error> {
        self.commands.try_send(Command::Publish(Box::new(message), None)).map_err(|error| {
            match error {
                mpsc::error::TrySendError::Full(_) => Error::busy(),
                mpsc::error::TrySendError::Closed(_) => Error::closed(),
            }
        })
    }

    /// Subscribes: to a Topic Filter, or to a [`Subscribe`] that says more.
    ///
    /// # Errors
    ///
    /// [Invalid](Error::is_invalid) Topic Filter, [refused](Error::is_refused) because of a limit or
    /// because it is shared, or [closed](Error::is_closed).
    pub async fn subscribe(&self, subscribe: impl Into<Subscribe>) -> Result<Subscription, Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Subscribe(subscribe.into(), reply), answer).await?
    }

    /// Disconnects a client, telling it `reason_code` where its version can be told. False: no such
    /// client is connected.
    ///
    /// # Errors
    ///
    /// [Closed](Error::is_closed).
    pub async fn kick(
        &self,
        client_identifier: impl Into<String>,
        reason_code: ReasonCode,
    ) -> Result<bool, Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Kick(client_identifier.into(), reason_code, reply), answer).await
    }

    /// Every client that has a Session, connected or not. The broker copies them all in one go: with
    /// very many, ask seldom.
    ///
    /// # Errors
    ///
    /// [Closed](Error::is_closed).
    pub async fn clients(&self) -> Result<Vec<Client>, Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Clients(reply), answer).await
    }

    /// What the broker has counted, and what it holds.
    ///
    /// # Errors
    ///
    /// [Closed](Error::is_closed).
    pub async fn stats(&self) -> Result<Stats, Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Stats(reply), answer).await
    }

    /// The same for a thread that runs no async code.
    #[must_use]
    pub fn blocking(&self) -> BlockingHandle {
        BlockingHandle { handle: self.clone() }
    }

    async fn ask<T>(&self, command: Command, answer: oneshot::Receiver<T>) -> Result<T, Error> {
        self.commands.send(command).await.map_err(|_| Error::closed())?;
        answer.await.map_err(|_| Error::closed())
    }
}

/// A [`Handle`] whose methods park the calling thread until they are done. Not for async code, which
/// they would hold up.
#[derive(Clone, Debug)]
pub struct BlockingHandle {
    handle: Handle,
}

impl BlockingHandle {
    /// See [`Handle::publish`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn publish(&self, message: Message) -> Result<(), Error> {
        block_on(self.handle.publish(message))
    }

    /// See [`Handle::subscribe`]; take the messages with [`Subscription::blocking_recv`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn subscribe(&self, subscribe: impl Into<Subscribe>) -> Result<Subscription, Error> {
        block_on(self.handle.subscribe(subscribe))
    }

    /// See [`Handle::kick`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn kick(
        &self,
        client_identifier: impl Into<String>,
        reason_code: ReasonCode,
    ) -> Result<bool, Error> {
        block_on(self.handle.kick(client_identifier, reason_code))
    }

    /// See [`Handle::clients`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn clients(&self) -> Result<Vec<Client>, Error> {
        block_on(self.handle.clients())
    }

    /// See [`Handle::stats`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn stats(&self) -> Result<Stats, Error> {
        block_on(self.handle.stats())
    }
}
