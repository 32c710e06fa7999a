//! Questions to the host's [`Policy`], and those it puts off.
//!
//! A packet asks before it changes anything. When an answer is put off, the packet is left
//! unconsumed and only its connection waits; when the answer is there, the host offers the packet
//! again and what was answered is not asked twice.

use alloc::boxed::Box;
use alloc::string::ToString;

use mqtt_codec::{Connect, QoS, ReasonCode, SubscriptionOptions, TopicFilter, TopicName};
use smallvec::SmallVec;

use crate::boundary::{Request, Ticket};
use crate::broker::{Broker, spilled};
use crate::config::Limit;
use crate::output::Pending;
use crate::policy::{
    AuthenticateRequest, AuthenticationStep, Client, ConnectRequest, Policy, PublishRequest,
    SubscribeRequest, UnsubscribeRequest, Verdict,
};
use crate::recording::Call;
use crate::time::{Duration, Instant};

/// The open question of a connection, and the answers its packet has so far.
pub(crate) struct Question {
    ticket: Option<u64>,
    /// When the open question is denied.
    pub(super) deadline: Instant,
    /// The number of the question that is open.
    number: u32,
    answers: SmallVec<[(u32, Verdict); 1]>,
}

impl Question {
    /// The bytes it holds, without what the host put into its verdicts.
    pub(super) fn heap(&self) -> usize {
        spilled(&self.answers)
    }
}

/// One question, as the policy sees it.
#[derive(Clone, Copy)]
pub(super) enum Ask<'a> {
    Connect(&'a Connect<'a>),
    Authenticate {
        /// The CONNECT, of a client that has no Session yet.
        connect: Option<&'a Connect<'a>>,
        method: &'a str,
        data: &'a [u8],
        step: AuthenticationStep,
    },
    Publish {
        /// The CONNECT whose Will Message this is.
        connect: Option<&'a Connect<'a>>,
        topic: TopicName<'a>,
        payload: &'a [u8],
        qos: QoS,
        retain: bool,
    },
    Subscribe {
        filter: TopicFilter<'a>,
        options: SubscriptionOptions,
    },
    Unsubscribe {
        filter: TopicFilter<'a>,
    },
}

impl Broker {
    /// Asks question `number` of the packet at hand; `None` if the packet has to wait.
    pub(super) fn ask(
        &mut self,
        now: Instant,
        index: u32,
        number: u32,
        ask: Ask<'_>,
        policy: &mut dyn Policy,
    ) -> Option<Verdict> {
        let connection = self.connections.get(index)?;
        if let Some(question) = &connection.question {
            if let Some((_, verdict)) = question.answers.iter().find(|(n, _)| *n == number) {
                return Some(verdict.clone());
            }
        }
        let verdict = match ask {
            Ask::Connect(connect) => {
                let handle = self.connections.handle(index)?;
                policy.connect(&ConnectRequest {
                    connection: handle,
                    peer: connection.peer,
                    connect,
                })
            }
            Ask::Authenticate { connect, method, data, step } => {
                let client = self.client_of(index, connect);
                policy.authenticate(&AuthenticateRequest { client, method, data, step })
            }
            Ask::Publish { connect, topic, payload, qos, retain } => {
                let client = self.client_of(index, connect);
                policy.publish(&PublishRequest { client, topic, payload, qos, retain })
            }
            Ask::Subscribe { filter, options } => {
                let client = self.client(index);
                policy.subscribe(&SubscribeRequest { client, filter, options })
            }
            Ask::Unsubscribe { filter } => {
                let client = self.client(index);
                policy.unsubscribe(&UnsubscribeRequest { client, filter })
            }
        };
        if verdict != Verdict::Defer {
            return Some(verdict.sendable());
        }
        if self.stats.deferred >= self.config.limits.deferred {
            self.reached(Limit::Deferred, index);
            return Some(Verdict::Deny(ReasonCode::QUOTA_EXCEEDED));
        }
        self.defer(now, index, number, ask);
        None
    }

    /// The answer to a question that was put off; a second one, or one that came too late, is
    /// ignored, and [`Verdict::Defer`] is taken as a denial.
    pub fn resolve(&mut self, now: Instant, ticket: Ticket, verdict: Verdict) {
        if self.recorder.is_on() {
            self.record(now, &Call::Resolve(ticket, verdict.clone()));
        }
        self.answer_question(now, ticket, verdict);
    }

    fn answer_question(&mut self, now: Instant, ticket: Ticket, verdict: Verdict) {
        let index = u32::try_from(ticket.0 & u64::from(u32::MAX)).unwrap_or(u32::MAX);
        let Some(connection) = self.connections.get_mut(index) else { return };
        let question = connection.question.as_mut();
        let Some(question) = question.filter(|question| question.ticket == Some(ticket.0)) else {
            self.answer_delivery(now, index, ticket, verdict.denial().is_none());
            return;
        };
        question.ticket = None;
        self.stats.deferred -= 1;
        let verdict = if verdict == Verdict::Defer { Verdict::DENY } else { verdict.sendable() };
        question.answers.push((question.number, verdict));
        // The client was not heard meanwhile: its Keep Alive starts anew.
        connection.last_received = now;
        self.recount_connection(index);
        self.resume(index);
        self.arm_connection_timer(now, index);
    }

    /// The packet is done with, and its answers.
    #[inline]
    pub(super) fn forget_question(&mut self, index: u32) {
        if let Some(connection) = self.connections.get_mut(index) {
            if connection.question.is_some() {
                connection.question = None;
            }
        }
    }

    /// The connection is over: nobody waits for an answer any more.
    pub(super) fn drop_question(&mut self, index: u32) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        if connection.question.take().is_some_and(|question| question.ticket.is_some()) {
            self.stats.deferred -= 1;
        }
    }

    /// Whether an answer is awaited, and until when.
    pub(super) fn decision_deadline(&self, index: u32) -> Option<Instant> {
        let question = self.connections.get(index)?.question.as_ref()?;
        question.ticket.map(|_| question.deadline)
    }

    /// Denies the open question, whose time has passed.
    pub(super) fn deny_question(&mut self, now: Instant, index: u32) {
        let ticket = self
            .connections
            .get(index)
            .and_then(|connection| connection.question.as_ref())
            .and_then(|question| question.ticket);
        if let Some(ticket) = ticket {
            self.reached(Limit::DecisionTimeout, index);
            self.answer_question(now, Ticket(ticket), Verdict::Deny(ReasonCode::NOT_AUTHORIZED));
        }
    }

    /// Input is welcome again, unless another cause to wait is left.
    pub(crate) fn resume(&mut self, index: u32) {
        let is_clogged = self.connections.get(index).is_some_and(|found| self.is_clogged(found));
        let clogged = is_clogged || self.connections.input_waits(index);
        let Some(connection) = self.connections.get_mut(index) else { return };
        let open = connection.question.as_ref().is_some_and(|question| question.ticket.is_some());
        if connection.waiting && !open && !clogged && connection.throttled().is_none() {
            connection.waiting = false;
            connection.was_stopped = true;
            if let Some(handle) = self.connections.handle(index) {
                self.outputs.push(Pending::Resume(handle));
            }
        }
    }

    fn defer(&mut self, now: Instant, index: u32, number: u32, ask: Ask<'_>) {
        let Some(handle) = self.connections.handle(index) else { return };
        self.serial += 1;
        let ticket = (self.serial << 32) | u64::from(index);
        let request = self.request(index, ask);
        let timeout = Duration::from_secs(self.config.decision_timeout.into());
        let Some(connection) = self.connections.get_mut(index) else { return };
        let question = connection.question.get_or_insert_with(|| {
            Box::new(Question { ticket: None, deadline: now, number, answers: SmallVec::new() })
        });
        question.ticket = Some(ticket);
        self.stats.deferred += 1;
        question.number = number;
        question.deadline = now + timeout;
        self.outputs.push(Pending::Decide(Box::new((Ticket(ticket), handle, request))));
        self.arm_connection_timer(now, index);
    }

    fn request(&self, index: u32, ask: Ask<'_>) -> Request {
        let connect = match ask {
            Ask::Connect(connect) => Some(connect),
            Ask::Authenticate { connect, .. } | Ask::Publish { connect, .. } => connect,
            Ask::Subscribe { .. } | Ask::Unsubscribe { .. } => None,
        };
        let client = self.client_of(index, connect);
        let client_identifier = client.client_identifier().to_string();
        let (user_name, peer) = (client.user_name().map(ToString::to_string), client.peer());
        match ask {
            Ask::Connect(connect) => {
                let password = connect.password.map(<[u8]>::to_vec);
                Request::Connect { peer, client_identifier, user_name, password }
            }
            Ask::Authenticate { method, data, step, .. } => {
                let (method, data) = (method.to_string(), data.to_vec());
                Request::Authenticate { client_identifier, user_name, peer, method, data, step }
            }
            Ask::Publish { topic, qos, retain, .. } => {
                let topic = topic.as_str().to_string();
                Request::Publish { client_identifier, user_name, peer, topic, qos, retain }
            }
            Ask::Subscribe { filter, options } => {
                let filter = filter.as_str().to_string();
                Request::Subscribe { client_identifier, user_name, peer, filter, options }
            }
            Ask::Unsubscribe { filter } => {
                let filter = filter.as_str().to_string();
                Request::Unsubscribe { client_identifier, user_name, peer, filter }
            }
        }
    }

    /// Who asks.
    #[inline]
    pub(super) const fn client(&self, index: u32) -> Client<'_> {
        Client { broker: self, index, connect: None }
    }

    /// Who asks: by its CONNECT if that is given, else by its Session.
    #[inline]
    const fn client_of<'a>(&'a self, index: u32, connect: Option<&'a Connect<'a>>) -> Client<'a> {
        Client { broker: self, index, connect }
    }
}
