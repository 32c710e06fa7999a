//! [`Input`]: what was read of a connection and not consumed by the broker.

use alloc::vec::Vec;

use super::{Accepted, Host};
use crate::boundary::Received;

/// Bytes that are kept behind a packet that waits: reading a little further shows the end of the
/// transport.
const FURTHER: usize = 4 << 10;

/// Part of a packet, or what waits. Between packets it is empty and holds no memory; it grows as
/// bytes arrive and never beyond what the broker needs: a length that was only announced costs
/// nothing.
#[derive(Default)]
pub(super) struct Input {
    kept: Vec<u8>,
    /// How much must be kept before the broker can go on, or is the packet that waits.
    needed: usize,
    /// The broker takes no more at present.
    is_waiting: bool,
}

impl Input {
    /// How much may be read.
    pub(super) fn room(&self) -> usize {
        let waits = (self.needed + FURTHER).saturating_sub(self.kept.len());
        if self.is_waiting { waits } else { usize::MAX }
    }

    /// Whether the end of the transport has to wait for what was said before it.
    pub(super) fn is_before_end(&self) -> bool {
        self.is_waiting && self.kept.len() > self.needed
    }

    /// Copies what is kept to the front of a buffer, to be read into behind it, and says how much
    /// that is: 0 if it is so much that it is cheaper to append to it, or if it waits.
    pub(super) fn put_in_front(&self, buffer: &mut [u8]) -> usize {
        let half = buffer.len() / 2;
        match buffer.get_mut(..self.kept.len()) {
            Some(front) if front.len() <= half && !self.is_waiting => {
                front.copy_from_slice(&self.kept);
                front.len()
            }
            _ => 0,
        }
    }

    /// Gives the broker what was read: `bytes`, of which the first `front` were kept before.
    pub(super) fn take<H: Host>(&mut self, to: &Accepted<'_, H>, bytes: &[u8], front: usize) {
        if self.is_waiting || front < self.kept.len() || bytes.len() < self.needed {
            self.keep(bytes.get(front..).unwrap_or_default());
            if self.kept.len() >= self.needed && !self.is_waiting {
                self.offer(to);
            }
            return;
        }
        let received = to.input(bytes);
        self.kept.clear();
        self.note(received);
        self.keep(bytes.get(received.consumed..).unwrap_or_default());
    }

    /// Gives the broker what waits, if it goes on.
    pub(super) fn go_on<H: Host>(&mut self, to: &Accepted<'_, H>) {
        while self.is_waiting && to.goes_on() {
            self.offer(to);
        }
    }

    /// Gives the broker what is kept.
    fn offer<H: Host>(&mut self, to: &Accepted<'_, H>) {
        let received = to.input(&self.kept);
        self.kept.drain(..received.consumed.min(self.kept.len()));
        self.note(received);
        self.keep(&[]);
    }

    fn note(&mut self, received: Received) {
        self.needed = received.needed;
        self.is_waiting = received.waiting;
    }

    fn keep(&mut self, bytes: &[u8]) {
        let len = self.kept.len() + bytes.len();
        if len == 0 {
            self.kept = Vec::new();
        } else if len > self.kept.capacity() {
            let room = self.needed.min(len.saturating_mul(2)).max(len);
            self.kept.reserve_exact(room - self.kept.len());
        }
        self.kept.extend_from_slice(bytes);
    }
}
