//! The loop: one thread that owns the sockets and the broker, and one task that polls them all.
//!
//! A turn: every source that woke is read, accepted or done; the broker's outputs are collected;
//! then each connection that has something to send gets one write. See
//! [`Broker`](mqtt_broker_core::Broker) for the order of its verbs.

mod accepting;
mod commands;

use core::future::poll_fn;
use core::pin::Pin;
use core::task::{Context, Waker};
use core::time::Duration;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use mqtt_broker_core::{
    Broker, ConnectionHandle, Instant, LocalSubscription, Output, Request, Ticket, Verdict,
};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::Sleep;

use crate::clock::Clock;
use crate::command::Command;
use crate::connection::{Connection, Next, Step};
use crate::error::Error;
use crate::hooks::Hooks;
use crate::journal::{Journal, Recovered};
use crate::ready::{ReadyList, Source};
use crate::subscription::Receiver;

/// Bytes of the one read buffer; also the most that one connection has read in one turn.
const READ_BUFFER: usize = 64 << 10;

/// Bytes of the one write buffer.
const WRITE_BUFFER: usize = 64 << 10;

/// How long a connection that is being closed has to take what is left and to end its side.
const LINGER: Duration = Duration::from_secs(2);

/// What the thread is given to start with.
pub(crate) struct Parts {
    pub(crate) broker: Broker,
    pub(crate) clock: Clock,
    /// The store that the broker was made from, if there is one.
    pub(crate) recovered: Option<Recovered>,
    pub(crate) hooks: Hooks,
    pub(crate) shutdown_grace: Duration,
    pub(crate) ready: Arc<ReadyList>,
    pub(crate) commands: mpsc::Receiver<Command>,
    /// For what the thread gives out: subscriptions and deferred decisions answer through it.
    pub(crate) command_sender: mpsc::Sender<Command>,
}

pub(crate) struct Shard {
    parts: Parts,
    journal: Option<Journal>,
    slots: Vec<Slot>,
    /// Connections in `slots`.
    open: usize,
    listeners: Vec<Listening>,
    /// When listeners that the system refused may try again.
    rested: Option<Instant>,
    receivers: HashMap<LocalSubscription, Receiver>,
    read_buffer: Vec<u8>,
    write_buffer: Vec<u8>,
    /// What woke, in this turn.
    sources: Vec<Source>,
    /// What goes on in the next turn without a wake.
    again: Vec<Source>,
    /// Connections to transmit for.
    transmit: Vec<ConnectionHandle>,
    /// Connections being closed, in the order of their deadlines.
    expiring: VecDeque<(Instant, ConnectionHandle)>,
    timer: Timer,
    commands_waker: Waker,
    /// When to stop whatever is left; set by shutdown.
    deadline: Option<Instant>,
}

/// A place for a connection. It outlives it, and so does its waker.
struct Slot {
    waker: Waker,
    connection: Option<Connection>,
}

struct Listening {
    listener: TcpListener,
    waker: Waker,
    is_resting: bool,
}

struct Timer {
    sleep: Pin<Box<Sleep>>,
    /// When it fires; `None` if it has or never was set.
    armed: Option<Instant>,
    waker: Waker,
}

impl Shard {
    /// Call it in the context of the thread's runtime.
    pub(crate) fn new(
        mut parts: Parts,
        sockets: Vec<std::net::TcpListener>,
    ) -> std::io::Result<Self> {
        let ready = Arc::clone(&parts.ready);
        let listening = |(index, socket)| {
            let waker = ready.waker(Source::Listener(index));
            let listener = TcpListener::from_std(socket)?;
            Ok(Listening { listener, waker, is_resting: false })
        };
        let listeners =
            sockets.into_iter().enumerate().map(listening).collect::<std::io::Result<Vec<_>>>()?;
        let mut again: Vec<Source> = (0..listeners.len()).map(Source::Listener).collect();
        again.push(Source::Commands);
        let recovered = parts.recovered.take();
        let journal = recovered.map(|from| Journal::start(from, Arc::clone(&parts.ready)));
        Ok(Self {
            journal: journal.transpose()?,
            slots: Vec::new(),
            open: 0,
            listeners,
            rested: None,
            receivers: HashMap::new(),
            read_buffer: vec![0; READ_BUFFER],
            write_buffer: vec![0; WRITE_BUFFER],
            sources: Vec::new(),
            again,
            transmit: Vec::new(),
            expiring: VecDeque::new(),
            timer: Timer {
                sleep: Box::pin(tokio::time::sleep(Duration::ZERO)),
                armed: None,
                waker: ready.waker(Source::Timer),
            },
            commands_waker: ready.waker(Source::Commands),
            deadline: None,
            parts,
        })
    }

    /// Runs until shutdown, or until the store fails.
    pub(crate) async fn run(mut self) -> Result<(), Error> {
        loop {
            let is_busy = self.turn()?;
            if self.is_finished() {
                return self.finish();
            }
            if is_busy {
                // Lets the runtime look at the sockets before the next turn.
                tokio::task::yield_now().await;
            } else {
                poll_fn(|cx| self.parts.ready.poll_wait(cx)).await;
            }
        }
    }

    /// One turn. True: there is more to do without waiting.
    fn turn(&mut self) -> Result<bool, Error> {
        let now = self.parts.clock.now();
        self.parts.ready.take(&mut self.sources);
        self.sources.append(&mut self.again);
        let mut sources = core::mem::take(&mut self.sources);
        for source in sources.drain(..) {
            match source {
                Source::Connection(index) => self.serve_connection(now, index),
                Source::Listener(index) => self.accept(now, index),
                Source::Commands => {
                    self.serve_commands(now);
                }
                Source::Taken => self.note_taken(now),
                Source::Journal => self.note_durable()?,
                Source::Timer => self.timer.armed = None,
                Source::Shutdown => self.shut_down(now),
            }
        }
        self.sources = sources;
        self.expire(now);
        self.end_rest(now);
        if self.parts.broker.poll_timeout().is_some_and(|timeout| timeout <= now) {
            self.parts.broker.handle_timeout(now);
        }
        self.drain_outputs(now);
        // The disk works while the sockets are written.
        self.journal(now);
        while !self.transmit.is_empty() {
            self.transmit(now);
            // What was sent may have made room: more input is welcome, events are told.
            self.drain_outputs(now);
            self.journal(now);
        }
        #[cfg(feature = "recording")]
        self.record();
        Ok(!self.again.is_empty() || self.arm_timer(now))
    }

    fn serve_connection(&mut self, now: Instant, index: usize) {
        let Some(Slot { waker, connection: Some(connection) }) = self.slots.get_mut(index) else {
            return;
        };
        let mut cx = Context::from_waker(waker);
        let sent = connection.send_unsent(&mut cx);
        if connection.wants_transmit() {
            connection.listed = true;
            self.transmit.push(connection.handle);
        }
        let mut step = Step {
            now,
            broker: &mut self.parts.broker,
            policy: &mut *self.parts.hooks.policy,
            buffer: &mut self.read_buffer,
        };
        let next = match sent {
            Next::End => Next::End,
            _ => connection.receive(&mut cx, &mut step),
        };
        self.go_on(now, index, next);
    }

    /// One write for each connection that has something to send.
    fn transmit(&mut self, now: Instant) {
        let mut transmit = core::mem::take(&mut self.transmit);
        for handle in transmit.drain(..) {
            let index = handle.index();
            let Some(Slot { waker, connection: Some(connection) }) = self.slots.get_mut(index)
            else {
                continue;
            };
            if connection.handle != handle {
                continue;
            }
            let mut step = Step {
                now,
                broker: &mut self.parts.broker,
                policy: &mut *self.parts.hooks.policy,
                buffer: &mut self.write_buffer,
            };
            let next = connection.transmit(&mut Context::from_waker(waker), &mut step);
            self.go_on(now, index, next);
        }
        if self.transmit.is_empty() {
            self.transmit = transmit;
        }
    }

    fn go_on(&mut self, now: Instant, index: usize, next: Next) {
        match next {
            Next::Wait => {}
            Next::Again => self.again.push(Source::Connection(index)),
            Next::End => self.end(now, index),
        }
    }

    fn end(&mut self, now: Instant, index: usize) {
        let connection = self.slots.get_mut(index).and_then(|slot| slot.connection.take());
        if let Some(connection) = connection {
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
                        connection.has_output = true;
                        self.list(handle);
                    }
                }
                Output::Close(handle, _) => self.close(now, handle),
                Output::Resume(handle) => {
                    if let Some(connection) = connection(&mut self.slots, handle) {
                        connection.resume();
                        self.again.push(Source::Connection(handle.index()));
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
                    if let Some(events) = &mut self.parts.hooks.events {
                        events(&event);
                    }
                }
                _ => {}
            }
        }
    }

    /// Puts a connection on the list of those to transmit for, once.
    fn list(&mut self, handle: ConnectionHandle) {
        match connection(&mut self.slots, handle) {
            Some(connection) if connection.wants_transmit() => {
                connection.listed = true;
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
        let Some(decide) = &mut self.parts.hooks.decide else {
            return self.parts.broker.resolve(now, ticket, Verdict::DENY);
        };
        let verdict = decide(request);
        let commands = self.parts.command_sender.clone();
        tokio::spawn(async move {
            // Closed: the server is shutting down, and nobody waits for the verdict.
            let _ = commands.send(Command::Resolve(ticket, verdict.await)).await;
        });
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

    /// Sees to it that a turn begins when time alone asks for one. True: it does already.
    fn arm_timer(&mut self, now: Instant) -> bool {
        let times = [
            self.parts.broker.poll_timeout(),
            self.expiring.front().map(|&(expires, _)| expires),
            self.rested,
            self.deadline,
        ];
        let Some(next) = times.into_iter().flatten().min() else { return false };
        if next <= now {
            return true;
        }
        let Timer { sleep, armed, waker } = &mut self.timer;
        // A timer that fires too early costs one turn; moving it each time would cost more.
        if armed.is_none_or(|armed| next < armed) {
            *armed = Some(next);
            sleep.as_mut().reset(self.parts.clock.deadline(next));
            if sleep.as_mut().poll(&mut Context::from_waker(waker)).is_ready() {
                self.again.push(Source::Timer);
                return true;
            }
        }
        false
    }
}

/// The connection that `handle` names, if it is still there.
fn connection(slots: &mut [Slot], handle: ConnectionHandle) -> Option<&mut Connection> {
    let connection = slots.get_mut(handle.index())?.connection.as_mut()?;
    (connection.handle == handle).then_some(connection)
}
