//! Commands of handles, done on the broker's thread.

use core::task::{Context, Poll};

use mqtt_broker_core::{Instant, LocalSubscription};
use mqtt_codec::TopicFilter;

use super::{Shard, Source};
use crate::calls::Call;
use crate::command::{Command, Reply};
use crate::error::Error;
use crate::message::Message;
use crate::subscription::{Closed, Receiver, Subscribe, Subscription};

/// Commands that are done in one turn before the connections have theirs.
const COMMAND_BATCH: usize = 256;

impl Shard {
    /// Does waiting commands. True: there may be more.
    pub(super) fn serve_commands(&mut self, now: Instant) -> bool {
        for _ in 0..COMMAND_BATCH {
            let mut cx = Context::from_waker(&self.commands_waker);
            match self.parts.commands.poll_recv(&mut cx) {
                Poll::Ready(Some(command)) => self.command(now, command),
                Poll::Ready(None) | Poll::Pending => return false,
            }
        }
        self.again.push(Source::Call(Call::Commands));
        true
    }

    /// An answer that nobody waits for any more is not sent.
    fn command(&mut self, now: Instant, command: Command) {
        let broker = &mut self.parts.broker;
        match command {
            Command::Publish(message, reply) => {
                let result = self.publish(now, &message);
                match (reply, result) {
                    (Some(reply), Ok(())) => self.answer_when_kept(reply),
                    (Some(reply), result) => {
                        let _ = reply.send(result);
                    }
                    (None, Ok(())) => {}
                    (None, Err(error)) => {
                        let cause = core::error::Error::source(&error).map(ToString::to_string);
                        tracing::warn!(topic = ?message.topic, %error, cause, "not published");
                    }
                }
            }
            Command::Subscribe(subscribe, reply) => {
                // Whoever does not take the answer drops it, which unsubscribes.
                let _ = reply.send(self.subscribe(now, &subscribe));
            }
            Command::Unsubscribe(local) => self.unsubscribe(now, local),
            Command::Resolve(ticket, verdict) => broker.resolve(now, ticket, verdict),
            Command::Buffers(reply) => drop(reply.send(self.account.buffers())),
            Command::Tell(wish) => wish(now, broker),
        }
    }

    /// Answers a handle as soon as all that the broker has recorded is kept.
    fn answer_when_kept(&mut self, reply: Reply) {
        match &mut self.journal {
            Some(journal) => journal.promise(self.parts.broker.newest_record(), reply),
            // Whoever does not wait for the answer any more does not get it.
            None => drop(reply.send(Ok(()))),
        }
    }

    pub(super) fn unsubscribe(&mut self, now: Instant, local: LocalSubscription) {
        if self.receivers.remove(&local).is_some() {
            self.parts.broker.unsubscribe(now, local);
        }
    }

    /// Tells the broker what the program has taken of what others wait for.
    pub(super) fn note_taken(&mut self, now: Instant) {
        let mut closed = Vec::new();
        for (&local, receiver) in &mut self.receivers {
            match receiver.taken() {
                Ok(0) => {}
                Ok(messages) => self.parts.broker.taken(now, local, messages),
                Err(Closed) => closed.push(local),
            }
        }
        for local in closed {
            self.unsubscribe(now, local);
        }
    }

    fn publish(&mut self, now: Instant, message: &Message) -> Result<(), Error> {
        let broker = &mut self.parts.broker;
        message.lend(|message| broker.publish(now, message))?.map_err(Error::refused)
    }

    fn subscribe(&mut self, now: Instant, subscribe: &Subscribe) -> Result<Subscription, Error> {
        let filter = TopicFilter::new(&subscribe.filter)
            .map_err(|error| Error::invalid("the Topic Filter", error))?;
        let (options, identifier) = (subscribe.options, subscribe.identifier);
        let broker = &mut self.parts.broker;
        let made = match subscribe.window() {
            None => broker.subscribe(now, filter, options, identifier),
            Some(window) => broker.subscribe_within(now, filter, options, identifier, window),
        };
        let local = made.map_err(Error::refused)?;
        let commands = self.parts.command_sender.clone();
        let (receiver, subscription) =
            Receiver::pair(local, subscribe, commands, &self.parts.calls);
        self.receivers.insert(local, receiver);
        Ok(subscription)
    }
}
