//! [`Shared`]: broker, host, and what the futures have to know of each other.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::task::Waker;

use super::Host;
use crate::boundary::{ConnectionHandle, Error, Output, Peer};
use crate::broker::Broker;
use crate::time::{Duration, Instant};

/// What all futures of a driver share.
pub(super) struct Shared<H> {
    pub(super) broker: Broker,
    pub(super) host: H,
    pub(super) linger: Duration,
    pub(super) is_shutting_down: bool,
    /// When the timer's future will look again; in the past if it is about to.
    pub(super) armed: Instant,
    pub(super) timer: Option<Waker>,
    /// By the index of the connection's handle.
    slots: Vec<Slot>,
    /// Slots in use.
    open: usize,
    /// Slots to wake. Only the first mention of a slot finds its waker.
    woken: VecDeque<usize>,
    /// Connections being closed, in the order of their deadlines.
    expiring: VecDeque<(Instant, ConnectionHandle)>,
    /// What `slot` gives for an index that never was.
    nobody: Slot,
}

/// What the driver knows of one connection.
#[derive(Default)]
pub(super) struct Slot {
    handle: Option<ConnectionHandle>,
    /// Of its future, unless that is being polled.
    pub(super) waker: Option<Waker>,
    /// There is something to send.
    pub(super) transmit: bool,
    /// The broker takes input again.
    pub(super) resumed: bool,
    /// The broker is done with it.
    pub(super) closing: bool,
    /// It had its time for that.
    pub(super) expired: bool,
}

impl<H: Host> Shared<H> {
    pub(super) fn new(broker: Broker, host: H) -> Self {
        Self {
            broker,
            host,
            linger: Duration::from_secs(2),
            is_shutting_down: false,
            armed: Instant::default(),
            timer: None,
            slots: Vec::new(),
            open: 0,
            woken: VecDeque::new(),
            expiring: VecDeque::new(),
            nobody: Slot::default(),
        }
    }

    pub(super) fn accept(&mut self, now: Instant, peer: Peer) -> Result<ConnectionHandle, Error> {
        let handle = self.broker.handle_accept(now, peer)?;
        let index = handle.index();
        if index >= self.slots.len() {
            self.slots.resize_with(index + 1, Slot::default);
        }
        *self.slot(index) = Slot { handle: Some(handle), ..Slot::default() };
        self.open += 1;
        self.host.accepted(handle, peer);
        Ok(handle)
    }

    /// The transport is gone.
    pub(super) fn end(&mut self, now: Instant, handle: ConnectionHandle) {
        *self.slot(handle.index()) = Slot::default();
        self.open -= 1;
        self.broker.handle_eof(now, handle);
    }

    pub(super) fn slot(&mut self, index: usize) -> &mut Slot {
        self.slots.get_mut(index).unwrap_or(&mut self.nobody)
    }

    /// Hands on what the broker says, until it says nothing more.
    pub(super) fn drain(&mut self, now: Instant) {
        loop {
            while let Some(record) = self.broker.poll_journal() {
                self.host.record(record);
            }
            let Some(output) = self.broker.poll_output() else { return };
            match output {
                Output::Transmit(handle) => {
                    self.mark(handle, |slot| slot.transmit = true);
                }
                Output::Resume(handle) => {
                    self.mark(handle, |slot| slot.resumed = true);
                }
                Output::Close(handle, reason) => {
                    // It may have ended meanwhile.
                    if self.mark(handle, |slot| slot.closing = true) {
                        self.expiring.push_back((now + self.linger, handle));
                        self.host.closing(handle, reason);
                    }
                }
                Output::Decide(ticket, connection, request) => {
                    if let Some(verdict) = self.host.decide(ticket, connection, request) {
                        self.broker.resolve(now, ticket, verdict);
                    }
                }
                Output::Message(subscription, message) => self.host.message(subscription, &message),
                Output::Snapshot(lsn) => self.host.snapshot(lsn),
                Output::Event(event) => self.host.event(event),
                Output::Forward(peer) => self.host.forward(peer),
            }
        }
    }

    /// Does what is due.
    pub(super) fn handle_timeout(&mut self, now: Instant) {
        while let Some(&(_, handle)) = self.expiring.front().filter(|(at, _)| *at <= now) {
            self.expiring.pop_front();
            self.mark(handle, |slot| slot.expired = true);
        }
        if self.broker.poll_timeout().is_some_and(|at| at <= now) {
            self.broker.handle_timeout(now);
        }
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Instant {
        let expiry = self.expiring.front().map(|(at, _)| *at);
        let next = self.broker.poll_timeout().into_iter().chain(expiry).min();
        next.unwrap_or(Instant::NEVER)
    }

    /// Whether there is nothing left to do, ever.
    pub(super) fn is_finished(&self) -> bool {
        self.is_shutting_down && self.open == 0
    }

    /// Whether the timer's future would sleep too long.
    pub(super) fn oversleeps(&self) -> bool {
        self.is_finished() || self.deadline() < self.armed
    }

    /// The next of those to be woken.
    pub(super) fn next_waker(&mut self) -> Option<Waker> {
        while let Some(index) = self.woken.pop_front() {
            if let Some(waker) = self.slot(index).waker.take() {
                return Some(waker);
            }
        }
        if self.timer.is_some() && self.oversleeps() { self.timer.take() } else { None }
    }

    /// Changes the slot of a connection and wakes its future. `false` if it has ended.
    fn mark(&mut self, handle: ConnectionHandle, set: impl FnOnce(&mut Slot)) -> bool {
        let index = handle.index();
        let slot = self.slot(index);
        if slot.handle != Some(handle) {
            return false;
        }
        set(slot);
        if slot.waker.is_some() {
            self.woken.push_back(index);
        }
        true
    }
}
