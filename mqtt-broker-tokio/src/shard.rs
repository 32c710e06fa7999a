//! The loop: one thread that owns the sockets and the broker, and waits for all of them in one place.
//!
//! A turn: every source that has something is read, accepted or done; the broker's outputs are collected;
//! then each connection that has something to send gets one write. See
//! [`Broker`](mqtt_broker_core::Broker) for the order of its verbs.

mod abandoned;
mod accepting;
mod commands;
mod linger;

use core::task::Waker;
use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;

use mqtt_broker_core::{
    Broker, ConnectionHandle, Instant, LocalSubscription, Output, Request, Ticket, Verdict,
};
use tokio::sync::mpsc;

use crate::buffers::Account;
use crate::calls::{Call, Calls};
use crate::clock::Clock;
use crate::command::Command;
use crate::connection::{Connection, Flags, Next, Step};
use crate::decisions::Decisions;
use crate::error::Error;
use crate::hooks::Hooks;
use crate::journal::{Journal, Recovered};
use crate::listener::Listener;
use crate::sockets::{Event, Sockets};
use crate::subscription::Receiver;
use linger::{Linger, Turn};

/// Bytes of the one read buffer; also the most that one connection has read in one turn.
const READ_BUFFER: usize = 256 << 10;

/// Bytes of the one write buffer.
const WRITE_BUFFER: usize = 64 << 10;

/// How much is read in a turn before what it led to is sent: by then the caches still hold it.
const SENT_AFTER: usize = 128 << 10;

/// How long a connection that is being closed has to take what is left and to end its side.
const LINGER: Duration = Duration::from_secs(2);

/// What the thread is given to start with.
pub(crate) struct Parts {
    pub(crate) broker: Broker,
    pub(crate) clock: Clock,
    /// The store that the broker was made from, if there is one.
    pub(crate) recovered: Option<Recovered>,
    pub(crate) hooks: Hooks,
    /// The most bytes that connections may hold beside the broker.
    pub(crate) most_buffered: usize,
    pub(crate) shutdown_grace: Duration,
    pub(crate) calls: Arc<Calls>,
    pub(crate) commands: mpsc::Receiver<Command>,
    /// For what the thread gives out: subscriptions and deferred decisions answer through it.
    pub(crate) command_sender: mpsc::Sender<Command>,
}

/// What can have something to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// The connection in this slot.
    Connection(usize),
    Listener(usize),
    Call(Call),
}

pub(crate) struct Shard {
    parts: Parts,
    journal: Option<Journal>,
    sockets: Sockets,
    slots: Vec<Option<Connection>>,
    /// Connections in `slots`.
    open: usize,
    listeners: Vec<Listening>,
    /// When listeners that the system refused may try again.
    rested: Option<Instant>,
    /// When it was last said that they rest.
    said: Option<Instant>,
    receivers: HashMap<LocalSubscription, Receiver>,
    read_buffer: Vec<u8>,
    write_buffer: Vec<u8>,
    /// Bytes that were read in this turn and not sent on.
    received: usize,
    /// What connections hold.
    account: Rc<Account>,
    /// The slot from which on abandoned parts of packets are looked for.
    hand: usize,
    /// What is served in the next turn, whatever happens until then.
    again: Vec<Source>,
    /// Connections to transmit for.
    transmit: Vec<ConnectionHandle>,
    /// Bytes that were read in this turn, and sent on.
    taken: u64,
    /// To how many connections this turn has written.
    written: usize,
    linger: Linger,
    /// Connections being closed, in the order of their deadlines.
    expiring: VecDeque<(Instant, ConnectionHandle)>,
    commands_waker: Waker,
    /// When to stop whatever is left; set by shutdown.
    deadline: Option<Instant>,
    /// After `parts`, whose end of the commands' channel a decision may wait for.
    decisions: Option<Decisions>,
}

struct Listening {
    listener: Listener,
    /// It is among what is to be served.
    is_listed: bool,
    is_resting: bool,
}

impl Shard {
    pub(crate) fn new(
        mut parts: Parts,
        listeners: Vec<std::net::TcpListener>,
    ) -> std::io::Result<Self> {
        let (sockets, waker) = Sockets::new()?;
        let listening = |(index, listener)| {
            let mut listener = Listener::new(listener);
            sockets.watch_listener(listener.socket(), index)?;
            Ok(Listening { listener, is_listed: false, is_resting: false })
        };
        let listeners = listeners
            .into_iter()
            .enumerate()
            .map(listening)
            .collect::<std::io::Result<Vec<_>>>()?;
        parts.calls.begin(waker);
        let mut again: Vec<Source> = parts.calls.take().map(Source::Call).collect();
        again.push(Source::Call(Call::Commands));
        let recovered = parts.recovered.take();
        let journal = recovered.map(|from| Journal::start(from, Arc::clone(&parts.calls)));
        let decide = parts.hooks.decide.take();
        let decisions = decide.map(|hook| Decisions::start(hook, parts.command_sender.clone()));
        Ok(Self {
            journal: journal.transpose()?,
            sockets,
            slots: Vec::new(),
            open: 0,
            listeners,
            rested: None,
            said: None,
            receivers: HashMap::new(),
            read_buffer: vec![0; READ_BUFFER],
            write_buffer: vec![0; WRITE_BUFFER],
            received: 0,
            account: Rc::new(Account::new(parts.most_buffered)),
            hand: 0,
            again,
            transmit: Vec::new(),
            taken: 0,
            written: 0,
            linger: Linger::default(),
            expiring: VecDeque::new(),
            commands_waker: parts.calls.waker(Call::Commands),
            deadline: None,
            decisions: decisions.transpose()?,
            parts,
        })
    }

    /// Runs until shutdown, or until the store fails.
    pub(crate) fn run(mut self) -> Result<(), Error> {
        let mut sources = Vec::new();
        let mut timeout = Some(Duration::ZERO);
        loop {
            self.sockets.wait(timeout).map_err(Error::start)?;
            self.gather(&mut sources);
            timeout = self.turn(&mut sources)?;
            if self.is_finished() {
                return self.finish();
            }
        }
    }

    /// Collects what is to be served in this turn, and what the system has told of it.
    fn gather(&mut self, sources: &mut Vec<Source>) {
        core::mem::swap(sources, &mut self.again);
        for event in self.sockets.events() {
            match event {
                Event::Connection(index, flags) => {
                    if let Some(Some(connection)) = self.slots.get_mut(index) {
                        connection.flags.add(flags);
                        if connection.flags.add(Flags::TO_SERVE) {
                            sources.push(Source::Connection(index));
                        }
                    }
                }
                Event::Listener(index) => {
                    if let Some(listening) = self.listeners.get_mut(index) {
                        if !core::mem::replace(&mut listening.is_listed, true) {
                            sources.push(Source::Listener(index));
                        }
                    }
                }
                Event::Called => sources.extend(self.parts.calls.take().map(Source::Call)),
            }
        }
    }

    /// One turn, and how long nothing is to be done after it.
    fn turn(&mut self, sources: &mut Vec<Source>) -> Result<Option<Duration>, Error> {
        let now = self.parts.clock.now();
        let heard = sources.len();
        (self.taken, self.written) = (0, 0);
        for source in sources.drain(..) {
            match source {
                Source::Connection(index) => {
                    self.serve_connection(now, index);
                    if self.received >= SENT_AFTER {
                        self.send(now);
                    }
                }
                Source::Listener(index) => self.accept(now, index),
                Source::Call(Call::Commands) => {
                    self.serve_commands(now);
                }
                Source::Call(Call::Taken) => self.note_taken(now),
                Source::Call(Call::Journal) => self.note_durable()?,
                Source::Call(Call::Shutdown) => self.shut_down(now),
            }
        }
        self.expire(now);
        self.end_rest(now);
        if self.parts.broker.poll_timeout().is_some_and(|timeout| timeout <= now) {
            self.parts.broker.handle_timeout(now);
        }
        self.send(now);
        #[cfg(feature = "recording")]
        self.record();
        let turn = Turn { began: now, heard, bytes: self.taken, written: self.written };
        if self.linger.is_due(turn, || self.parts.clock.now()) && self.again.is_empty() {
            Linger::pause();
        }
        Ok(self.rest(now))
    }

    /// Does what the broker says, and sends what it has to send.
    fn send(&mut self, now: Instant) {
        self.taken += core::mem::take(&mut self.received) as u64;
        self.drain_outputs(now);
        // The disk works while the sockets are written.
        self.journal(now);
        while !self.transmit.is_empty() {
            self.transmit(now);
            // What was sent may have made room: more input is welcome, events are told.
            self.drain_outputs(now);
            self.journal(now);
        }
    }

    fn serve_connection(&mut self, now: Instant, index: usize) {
        let Some(Some(connection)) = self.slots.get_mut(index) else { return };
        connection.flags.remove(Flags::TO_SERVE);
        let sent = connection.send_unsent();
        if connection.wants_transmit() {
            connection.flags.add(Flags::TO_TRANSMIT);
            self.transmit.push(connection.handle);
        }
        let mut step = Step {
            now,
            broker: &mut self.parts.broker,
            policy: &mut *self.parts.hooks.policy,
            buffer: &mut self.read_buffer,
            sockets: &self.sockets,
            account: &self.account,
            received: &mut self.received,
        };
        let next = match sent {
            Next::End => Next::End,
            _ => connection.receive(&mut step),
        };
        self.go_on(now, index, next);
    }

    /// One write for each connection that has something to send.
    fn transmit(&mut self, now: Instant) {
        let mut transmit = core::mem::take(&mut self.transmit);
        self.written += transmit.len();
        for handle in transmit.drain(..) {
            let Some(connection) = connection(&mut self.slots, handle) else { continue };
            let mut step = Step {
                now,
                broker: &mut self.parts.broker,
                policy: &mut *self.parts.hooks.policy,
                buffer: &mut self.write_buffer,
                sockets: &self.sockets,
                account: &self.account,
                received: &mut self.received,
            };
            let next = connection.transmit(&mut step);
            self.go_on(now, handle.index(), next);
        }
        if self.transmit.is_empty() {
            self.transmit = transmit;
        }
    }

    fn go_on(&mut self, now: Instant, index: usize, next: Next) {
        match next {
            Next::Wait => {}
            Next::Again => self.serve_again(index),
            Next::End => self.end(now, index),
            Next::Full => self.make_room(now, index),
        }
    }

    /// Serves a connection in the next turn.
    fn serve_again(&mut self, index: usize) {
        if let Some(Some(connection)) = self.slots.get_mut(index) {
            if connection.flags.add(Flags::TO_SERVE) {
                self.again.push(Source::Connection(index));
            }
        }
    }

    fn end(&mut self, now: Instant, index: usize) {
        if let Some(connection) = self.slots.get_mut(index).and_then(Option::take) {
            self.open -= 1;
            self.parts.broker.handle_eof(now, connection.handle);
        }
    }

    /// Does what the broker says, until it says nothing more.
    fn drain_outputs(&mut self, now: Instant) {
        while let Some(output) = self.parts.broker.poll_output() {
            match output {
                Output::Transmit(handle) => {
                    if let Some(connection) = connection(&mut self.slots, handle) {
                        connection.flags.add(Flags::OUTPUT);
                        self.list(handle);
                    }
                }
                Output::Close(handle, _) => self.close(now, handle),
                Output::Resume(handle) => {
                    if let Some(connection) = connection(&mut self.slots, handle) {
                        connection.resume();
                        self.serve_again(handle.index());
                    }
                }
                Output::Decide(ticket, _, request) => self.decide(now, ticket, request),
                Output::Message(local, message) => {
                    let receiver = self.receivers.get_mut(&local);
                    if receiver.is_some_and(|receiver| !receiver.deliver(&message)) {
                        self.unsubscribe(now, local);
                    }
                }
                Output::Snapshot(begun) => {
                    if let Some(journal) = &mut self.journal {
                        journal.begin_at(begun);
                    }
                }
                Output::Event(event) => {
                    let slots = &mut self.slots;
                    self.parts.hooks.tell(&event, |handle| connection(slots, handle)?.spoke());
                }
                _ => {}
            }
        }
    }

    /// Puts a connection on the list of those to transmit for, once.
    fn list(&mut self, handle: ConnectionHandle) {
        match connection(&mut self.slots, handle) {
            Some(connection) if connection.wants_transmit() => {
                connection.flags.add(Flags::TO_TRANSMIT);
                self.transmit.push(handle);
            }
            _ => {}
        }
    }

    fn close(&mut self, now: Instant, handle: ConnectionHandle) {
        let expires = now + LINGER;
        match connection(&mut self.slots, handle).map(Connection::close) {
            Some(Next::End) => self.end(now, handle.index()),
            Some(_) => {
                self.expiring.push_back((expires, handle));
                self.list(handle);
            }
            None => {}
        }
    }

    /// Puts a question of the policy to the hook, or says no if there is none.
    fn decide(&mut self, now: Instant, ticket: Ticket, request: Request) {
        if !self.decisions.as_ref().is_some_and(|decisions| decisions.ask(ticket, request)) {
            self.parts.broker.resolve(now, ticket, Verdict::DENY);
        }
    }

    /// Ends connections being closed that had their time.
    fn expire(&mut self, now: Instant) {
        while self.expiring.front().is_some_and(|&(expires, _)| expires <= now) {
            let Some((_, handle)) = self.expiring.pop_front() else { break };
            if connection(&mut self.slots, handle).is_some() {
                self.end(now, handle.index());
            }
        }
    }

    fn shut_down(&mut self, now: Instant) {
        if self.deadline.is_some() {
            return;
        }
        // What was asked for before the shutdown is done before it.
        self.parts.commands.close();
        while self.serve_commands(now) {}
        self.deadline = Some(now + self.parts.shutdown_grace);
        self.listeners.clear();
        self.parts.broker.shutdown(now);
    }

    fn is_finished(&self) -> bool {
        self.deadline.is_some_and(|deadline| self.open == 0 || deadline <= self.parts.clock.now())
    }

    /// Hands what the broker has recorded to the store.
    fn journal(&mut self, now: Instant) {
        if let Some(journal) = &mut self.journal {
            journal.collect(now, &mut self.parts.broker);
        }
    }

    fn note_durable(&mut self) -> Result<(), Error> {
        if let Some(journal) = &mut self.journal {
            self.parts.broker.durable(journal.durable()?);
        }
        Ok(())
    }

    /// Writes down what this turn did, if that is wanted.
    #[cfg(feature = "recording")]
    fn record(&mut self) {
        let Some(sink) = &mut self.parts.hooks.recording else { return };
        let Some(bytes) = self.parts.broker.poll_recording() else { return };
        if let Err(error) = sink.write_all(&bytes).and_then(|()| sink.flush()) {
            tracing::warn!(%error, "the recording ends here: it cannot be written");
            self.parts.hooks.recording = None;
            self.parts.broker.end_recording();
        }
    }

    /// Lets go of what the grace time was not enough for.
    fn finish(mut self) -> Result<(), Error> {
        let now = self.parts.clock.now();
        for index in 0..self.slots.len() {
            self.end(now, index);
        }
        self.drain_outputs(now);
        self.journal(now);
        #[cfg(feature = "recording")]
        self.record();
        self.journal.map_or(Ok(()), Journal::finish)
    }

    /// How long nothing is to be done; `None`: until something happens.
    fn rest(&mut self, now: Instant) -> Option<Duration> {
        if !self.again.is_empty() {
            return Some(Duration::ZERO);
        }
        let times = [
            self.parts.broker.poll_timeout(),
            self.expiring.front().map(|&(expires, _)| expires),
            self.rested,
            self.deadline,
        ];
        times.into_iter().flatten().min().map(|next| next.since(now))
    }
}

/// The connection that `handle` names, if it is still there.
fn connection(
    slots: &mut [Option<Connection>],
    handle: ConnectionHandle,
) -> Option<&mut Connection> {
    let connection = slots.get_mut(handle.index())?.as_mut()?;
    (connection.handle == handle).then_some(connection)
}
