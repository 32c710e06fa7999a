//! Whether a client may have a message: asked when its turn has come. While the answer is put off,
//! this message and those behind it wait; what is no message goes on.

use alloc::boxed::Box;
use alloc::string::{String, ToString};

use super::Connection;
use crate::boundary::{Request, Ticket};
use crate::broker::Broker;
use crate::config::Limit;
use crate::defect::Defect;
use crate::output::Pending;
use crate::policy::{DeliverRequest, Policy, Verdict};
use crate::session::queue::{Entries, List};
use crate::time::{Duration, Instant};

/// A message that the policy has put off, and the answer once it is there.
pub(crate) struct Stalled {
    /// Of the open question.
    ticket: Option<u64>,
    /// When the open question is denied.
    deadline: Instant,
    /// What was answered.
    allowed: bool,
    /// It and the messages behind it, while the question is open.
    messages: List,
}

impl Connection {
    /// Puts what the open question has held up back in front; whether there was one.
    fn take_back_stalled(&mut self, entries: &mut Entries) -> bool {
        let Some(stalled) = &mut self.stalled else { return false };
        let mut messages = core::mem::take(&mut stalled.messages);
        entries.outgoing.append(&mut messages, core::mem::take(&mut self.outgoing));
        self.outgoing = messages;
        stalled.ticket.take().is_some()
    }
}

impl Broker {
    /// Whether the client may have the message at the head of its line; `None` if that is not known
    /// yet.
    pub(super) fn may_have(
        &mut self,
        now: Instant,
        index: u32,
        publication: u32,
        policy: &mut dyn Policy,
    ) -> Option<bool> {
        if self.session_of(index).is_none() {
            return Some(false);
        }
        if self.is_planted(Defect::UnauthorisedDelivery) {
            return Some(true);
        }
        let connection = self.connections.get(index)?;
        match &connection.stalled {
            Some(stalled) if stalled.ticket.is_some() => return None,
            // It was put back in front, and stays there until it is written or dropped.
            Some(stalled) => return Some(stalled.allowed),
            None => {}
        }
        let Some(publication) = self.publications.get(publication) else { return Some(true) };
        let (topic, payload) = (publication.topic(), publication.payload());
        let client = self.client(index);
        let verdict = policy.deliver(&DeliverRequest { client, topic, payload });
        if verdict != Verdict::Defer {
            return Some(verdict.denial().is_none());
        }
        if self.stats.deferred >= self.config.limits.deferred {
            self.reached(Limit::Deferred, index);
            return Some(false);
        }
        let request = Request::Deliver {
            client_identifier: String::from(client.client_identifier()),
            user_name: client.user_name().map(String::from),
            peer: client.peer(),
            topic: topic.as_str().to_string(),
        };
        self.defer_delivery(now, index, request);
        None
    }

    /// Puts the message at the head of the line aside: it waits for an answer, or for its turn behind
    /// one that does.
    pub(super) fn stall(&mut self, index: u32) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let Some(stalled) = &mut connection.stalled else { return };
        self.work.add(1);
        let Some(item) = self.entries.outgoing.pop(&mut connection.outgoing) else { return };
        if self.entries.outgoing.push(&mut stalled.messages, item).is_err() {
            self.give_up(index, item);
        }
    }

    /// The message that was asked about is written or dropped.
    pub(super) fn forget_delivery(&mut self, index: u32) {
        if let Some(connection) = self.connections.get_mut(index) {
            connection.stalled = None;
        }
    }

    /// Answers the open question about a message, if it has this ticket.
    pub(super) fn answer_delivery(&mut self, now: Instant, index: u32, ticket: Ticket, yes: bool) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let Some(stalled) = &mut connection.stalled else { return };
        if stalled.ticket != Some(ticket.0) {
            return;
        }
        stalled.allowed = yes;
        connection.take_back_stalled(&mut self.entries);
        self.stats.deferred -= 1;
        self.arm_connection_timer(now, index);
        self.notify(index);
    }

    /// Until when an answer about a message is awaited.
    pub(super) fn delivery_deadline(&self, index: u32) -> Option<Instant> {
        let stalled = self.connections.get(index)?.stalled.as_ref()?;
        stalled.ticket.map(|_| stalled.deadline)
    }

    /// Denies the open question about a message, if its time has passed.
    pub(super) fn deny_delivery(&mut self, now: Instant, index: u32) {
        let stalled =
            self.connections.get(index).and_then(|connection| connection.stalled.as_ref());
        let due = stalled.filter(|stalled| stalled.deadline <= now);
        if let Some(ticket) = due.and_then(|stalled| stalled.ticket) {
            self.reached(Limit::DecisionTimeout, index);
            self.answer_delivery(now, index, Ticket(ticket), false);
        }
    }

    /// The Session leaves its connection: nobody waits for an answer any more, and what was held up
    /// is in the line again.
    pub(super) fn drop_delivery(&mut self, index: u32) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        if connection.take_back_stalled(&mut self.entries) {
            self.stats.deferred -= 1;
        }
        connection.stalled = None;
    }

    fn defer_delivery(&mut self, now: Instant, index: u32, request: Request) {
        let Some(handle) = self.connections.handle(index) else { return };
        self.serial += 1;
        let ticket = (self.serial << 32) | u64::from(index);
        let deadline = now + Duration::from_secs(self.config.decision_timeout.into());
        let Some(connection) = self.connections.get_mut(index) else { return };
        let stalled =
            Stalled { ticket: Some(ticket), deadline, allowed: false, messages: List::default() };
        connection.stalled = Some(Box::new(stalled));
        self.stats.deferred += 1;
        self.outputs.push(Pending::Decide(Box::new((Ticket(ticket), handle, request))));
        self.arm_connection_timer(now, index);
    }
}
