//! What a program does with a running broker, from any task or thread.

use mqtt_broker_core::{Broker, Instant, Stats};
use mqtt_codec::{ReasonCode, TopicFilter};
use tokio::sync::{mpsc, oneshot};

use crate::blocking::block_on;
use crate::buffers::Buffers;
use crate::client::{Client, ClientSubscription, Clients, Retained, RetainedPage};
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
    /// With a [store](crate::Builder::store), that includes that what has to be kept of it is.
    /// A [`Subscription`] of this program has it a moment later, so wait for it there.
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
        let client = client_identifier.into();
        self.tell(move |now, broker| broker.kick(now, &client, reason_code)).await
    }

    /// Sends a client to another server: a 5.0 client is told which, and whether to remember it; a
    /// 3.x client is disconnected. False: no such client is connected.
    ///
    /// # Errors
    ///
    /// [Closed](Error::is_closed).
    pub async fn redirect(
        &self,
        client_identifier: impl Into<String>,
        server_reference: impl Into<String>,
        permanently: bool,
    ) -> Result<bool, Error> {
        let (client, server) = (client_identifier.into(), server_reference.into());
        self.tell(move |now, broker| broker.redirect(now, &client, &server, permanently)).await
    }

    /// Ends a client's Session, with its subscriptions and what is queued for it; a client that is
    /// connected is disconnected first. False: there is no such Session.
    ///
    /// # Errors
    ///
    /// [Closed](Error::is_closed).
    pub async fn remove_session(
        &self,
        client_identifier: impl Into<String>,
    ) -> Result<bool, Error> {
        let client = client_identifier.into();
        self.tell(move |now, broker| broker.remove_session(now, &client)).await
    }

    /// Takes a subscription from a client, which is not told. False: it has none to this Topic
    /// Filter.
    ///
    /// # Errors
    ///
    /// [Invalid](Error::is_invalid) Topic Filter, or [closed](Error::is_closed).
    pub async fn remove_subscription(
        &self,
        client_identifier: impl Into<String>,
        filter: impl Into<String>,
    ) -> Result<bool, Error> {
        let (client, filter) = (client_identifier.into(), filter.into());
        self.tell(move |now, broker| {
            let filter = topic_filter(&filter)?;
            Ok(broker.remove_subscription(now, &client, filter))
        })
        .await?
    }

    /// Takes the Will Message from a client, which is not told: it will not be published. False: it
    /// has none.
    ///
    /// # Errors
    ///
    /// [Closed](Error::is_closed).
    pub async fn remove_will(&self, client_identifier: impl Into<String>) -> Result<bool, Error> {
        let client = client_identifier.into();
        self.tell(move |now, broker| broker.remove_will(now, &client)).await
    }

    /// Every client that has a Session, connected or not. The broker copies them all in one go: with
    /// very many, ask for [pages](Self::clients_page).
    ///
    /// # Errors
    ///
    /// [Closed](Error::is_closed).
    pub async fn clients(&self) -> Result<Vec<Client>, Error> {
        Ok(self.clients_page(0, usize::MAX).await?.clients)
    }

    /// At most `limit` clients: the first ones from 0, the following ones from [`Clients::next`]. A
    /// client whose Session is there throughout is in exactly one page.
    ///
    /// # Errors
    ///
    /// [Closed](Error::is_closed).
    pub async fn clients_page(&self, from: u32, limit: usize) -> Result<Clients, Error> {
        self.tell(move |_, broker| Clients::page(broker, from, limit)).await
    }

    /// The subscriptions of one client; none if it has no Session.
    ///
    /// # Errors
    ///
    /// [Closed](Error::is_closed).
    pub async fn subscriptions(
        &self,
        client_identifier: impl Into<String>,
    ) -> Result<Vec<ClientSubscription>, Error> {
        let client = client_identifier.into();
        self.tell(move |_, broker| ClientSubscription::all(broker, &client)).await
    }

    /// At most `limit` of the retained messages that match a Topic Filter. It is a look that takes
    /// the broker no longer than it may: for all of very many, [`subscribe`](Self::subscribe).
    ///
    /// # Errors
    ///
    /// [Invalid](Error::is_invalid) Topic Filter, or [closed](Error::is_closed).
    pub async fn retained(
        &self,
        filter: impl Into<String>,
        limit: usize,
    ) -> Result<Retained, Error> {
        let filter = filter.into();
        self.tell(move |now, broker| {
            let filter = topic_filter(&filter)?;
            Ok(Retained::list(broker, now, filter, limit))
        })
        .await?
    }

    /// At most `limit` of the retained messages that match a Topic Filter, page by page: the first
    /// ones from 0, the following ones from [`RetainedPage::next`]. A message that is retained
    /// throughout is in exactly one page.
    ///
    /// # Errors
    ///
    /// [Invalid](Error::is_invalid) Topic Filter, or [closed](Error::is_closed).
    pub async fn retained_page(
        &self,
        filter: impl Into<String>,
        from: u32,
        limit: usize,
    ) -> Result<RetainedPage, Error> {
        let filter = filter.into();
        self.tell(move |now, broker| {
            let filter = topic_filter(&filter)?;
            Ok(RetainedPage::of(broker, now, filter, from, limit))
        })
        .await?
    }

    /// What the broker has counted, and what it holds.
    ///
    /// # Errors
    ///
    /// [Closed](Error::is_closed).
    pub async fn stats(&self) -> Result<Stats, Error> {
        self.tell(|_, broker| broker.stats()).await
    }

    /// What connections hold beside the broker.
    ///
    /// # Errors
    ///
    /// [Closed](Error::is_closed).
    pub async fn buffers(&self) -> Result<Buffers, Error> {
        let (reply, answer) = oneshot::channel();
        self.ask(Command::Buffers(reply), answer).await
    }

    /// The same for a thread that runs no async code.
    #[must_use]
    pub fn blocking(&self) -> BlockingHandle {
        BlockingHandle { handle: self.clone() }
    }

    /// Has the broker's thread do `wish`, and waits for what comes of it.
    async fn tell<T: Send + 'static>(
        &self,
        wish: impl FnOnce(Instant, &mut Broker) -> T + Send + 'static,
    ) -> Result<T, Error> {
        let (reply, answer) = oneshot::channel();
        let wish = move |now: Instant, broker: &mut Broker| {
            // Whoever does not wait for the answer any more does not get it.
            let _ = reply.send(wish(now, broker));
        };
        self.ask(Command::Tell(Box::new(wish)), answer).await
    }

    async fn ask<T>(&self, command: Command, answer: oneshot::Receiver<T>) -> Result<T, Error> {
        self.commands.send(command).await.map_err(|_| Error::closed())?;
        answer.await.map_err(|_| Error::closed())
    }
}

/// A [`Handle`] whose methods park the calling thread until they are done. Not for async code, which
/// they would hold up, and not for the broker's own thread, where a [`Policy`](crate::Policy) and
/// [`events`](crate::Builder::events) are called: it would wait for itself, for ever. There,
/// [`Handle::try_publish`] waits for nothing.
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

    /// See [`Handle::redirect`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn redirect(
        &self,
        client_identifier: impl Into<String>,
        server_reference: impl Into<String>,
        permanently: bool,
    ) -> Result<bool, Error> {
        block_on(self.handle.redirect(client_identifier, server_reference, permanently))
    }

    /// See [`Handle::remove_session`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn remove_session(&self, client_identifier: impl Into<String>) -> Result<bool, Error> {
        block_on(self.handle.remove_session(client_identifier))
    }

    /// See [`Handle::remove_subscription`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn remove_subscription(
        &self,
        client_identifier: impl Into<String>,
        filter: impl Into<String>,
    ) -> Result<bool, Error> {
        block_on(self.handle.remove_subscription(client_identifier, filter))
    }

    /// See [`Handle::remove_will`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn remove_will(&self, client_identifier: impl Into<String>) -> Result<bool, Error> {
        block_on(self.handle.remove_will(client_identifier))
    }

    /// See [`Handle::clients`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn clients(&self) -> Result<Vec<Client>, Error> {
        block_on(self.handle.clients())
    }

    /// See [`Handle::clients_page`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn clients_page(&self, from: u32, limit: usize) -> Result<Clients, Error> {
        block_on(self.handle.clients_page(from, limit))
    }

    /// See [`Handle::subscriptions`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn subscriptions(
        &self,
        client_identifier: impl Into<String>,
    ) -> Result<Vec<ClientSubscription>, Error> {
        block_on(self.handle.subscriptions(client_identifier))
    }

    /// See [`Handle::retained`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn retained(&self, filter: impl Into<String>, limit: usize) -> Result<Retained, Error> {
        block_on(self.handle.retained(filter, limit))
    }

    /// See [`Handle::retained_page`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn retained_page(
        &self,
        filter: impl Into<String>,
        from: u32,
        limit: usize,
    ) -> Result<RetainedPage, Error> {
        block_on(self.handle.retained_page(filter, from, limit))
    }

    /// See [`Handle::stats`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn stats(&self) -> Result<Stats, Error> {
        block_on(self.handle.stats())
    }

    /// See [`Handle::buffers`].
    ///
    /// # Errors
    ///
    /// As there.
    pub fn buffers(&self) -> Result<Buffers, Error> {
        block_on(self.handle.buffers())
    }
}

fn topic_filter(filter: &str) -> Result<TopicFilter<'_>, Error> {
    TopicFilter::new(filter).map_err(|error| Error::invalid("the Topic Filter", error))
}
