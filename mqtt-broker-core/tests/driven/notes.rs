//! The host of a driver: it notes what it is told.

use mqtt_broker_core::{
    AuthenticateRequest, CloseReason, ConnectRequest, ConnectionHandle, DeliverRequest, Event,
    Host, Instant, LocalSubscription, Lsn, Message, Peer, Policy, PublishRequest, Record, Request,
    SubscribeRequest, Ticket, UnsubscribeRequest, Verdict,
};

use crate::asynchronous::clock::Clock;
use crate::transcript::client::Seen;
use crate::transcript::publication::publication;
use crate::transcript::rules::Rules;

pub(crate) struct Notes {
    pub(crate) rules: Rules,
    pub(crate) noted: Vec<Noted>,
    /// The last record.
    pub(crate) written: Lsn,
    clock: Clock,
}

/// What it was told.
pub(crate) enum Noted {
    /// A connection, and the place of its client.
    Accepted(ConnectionHandle, usize),
    Closing(ConnectionHandle, CloseReason),
    Decide(Ticket, ConnectionHandle, Request),
    Message(Seen),
    Event(Event),
}

impl Notes {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { rules: Rules::default(), noted: Vec::new(), written: Lsn::default(), clock }
    }
}

impl Host for Notes {
    fn now(&mut self) -> Instant {
        self.clock.now()
    }

    fn accepted(&mut self, connection: ConnectionHandle, peer: Peer) {
        let place = peer.address.map_or(0, |address| address.port().into());
        self.noted.push(Noted::Accepted(connection, place));
    }

    fn closing(&mut self, connection: ConnectionHandle, reason: CloseReason) {
        self.noted.push(Noted::Closing(connection, reason));
    }

    fn event(&mut self, event: Event) {
        self.noted.push(Noted::Event(event));
    }

    fn message(&mut self, _: LocalSubscription, message: &Message<'_>) {
        self.noted.push(Noted::Message(publication(message)));
    }

    fn decide(
        &mut self,
        ticket: Ticket,
        connection: ConnectionHandle,
        request: Request,
    ) -> Option<Verdict> {
        self.noted.push(Noted::Decide(ticket, connection, request));
        None
    }

    fn record(&mut self, record: Record<'_>) {
        self.written = record.lsn;
    }
}

impl Policy for Notes {
    fn connect(&mut self, request: &ConnectRequest<'_>) -> Verdict {
        self.rules.connect(request)
    }

    fn authenticate(&mut self, request: &AuthenticateRequest<'_>) -> Verdict {
        self.rules.authenticate(request)
    }

    fn publish(&mut self, request: &PublishRequest<'_>) -> Verdict {
        self.rules.publish(request)
    }

    fn subscribe(&mut self, request: &SubscribeRequest<'_>) -> Verdict {
        self.rules.subscribe(request)
    }

    fn unsubscribe(&mut self, request: &UnsubscribeRequest<'_>) -> Verdict {
        self.rules.unsubscribe(request)
    }

    fn deliver(&mut self, request: &DeliverRequest<'_>) -> Verdict {
        self.rules.deliver(request)
    }
}
