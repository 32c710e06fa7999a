//! [`Host`]: what the program around a driver gives and is told.

use crate::boundary::{
    CloseReason, ConnectionHandle, Event, LocalSubscription, Lsn, Message, Peer, Request, Shard,
    Ticket,
};
use crate::journal::Record;
use crate::policy::{Policy, Verdict};
use crate::time::Instant;

/// The program around a [`Driver`](super::Driver): its clock, its rules, and its ear.
///
/// Calls come between packets, on the thread of the futures: they must not block, and must not call
/// the driver. What is to follow from them is left for a task of the host, for example in a queue.
pub trait Host: Policy {
    /// What time it is; see [`Instant`]. It is asked often.
    fn now(&mut self) -> Instant;

    /// This connection is served from here on, until its future ends.
    fn accepted(&mut self, connection: ConnectionHandle, peer: Peer) {
        let _ = (connection, peer);
    }

    /// The broker closes this connection: its future sends what is left, and ends.
    fn closing(&mut self, connection: ConnectionHandle, reason: CloseReason) {
        let _ = (connection, reason);
    }

    /// Something happened. Only with [`Config::events`](crate::Config::events).
    fn event(&mut self, event: Event) {
        let _ = event;
    }

    /// A message for one of the host's own subscriptions, which it makes with
    /// [`Broker::subscribe`](crate::Broker::subscribe).
    fn message(&mut self, subscription: LocalSubscription, message: &Message<'_>) {
        let _ = (subscription, message);
    }

    /// There is something to say to this peer, with
    /// [`Broker::poll_forward`](crate::Broker::poll_forward). Only with
    /// [`Config::shards`](crate::Config::shards).
    fn forward(&mut self, peer: Shard) {
        let _ = peer;
    }

    /// The policy deferred this question. The answer, or `None` to answer later with
    /// [`Broker::resolve`](crate::Broker::resolve). By default no.
    fn decide(
        &mut self,
        ticket: Ticket,
        connection: ConnectionHandle,
        request: Request,
    ) -> Option<Verdict> {
        let _ = (ticket, connection, request);
        Some(Verdict::DENY)
    }

    /// What the journal must keep next. Only with [`Config::journal`](crate::Config::journal); the
    /// host then makes it durable and says [`Broker::durable`](crate::Broker::durable), until which
    /// whatever depends on it is held back.
    fn record(&mut self, record: Record<'_>) {
        let _ = record;
    }

    /// The [snapshot](crate::Broker::snapshot) that begins with this record is durable: the
    /// journal before it may be deleted.
    fn snapshot(&mut self, begun: Lsn) {
        let _ = begun;
    }
}
