//! [`Input`]: what was read of a connection and not consumed by the broker.

use alloc::vec::Vec;

use super::{Accepted, Host};
use crate::boundary::Received;

/// How much is read ahead of a broker that takes nothing at present: enough to notice that the peer
/// has gone.
const READ_AHEAD: usize = 1024;

/// Part of a packet, or what waits. Between packets it is empty and holds no memory; it grows as
/// bytes arrive and never beyond what the broker needs: a length that was only announced costs
/// nothing.
#[derive(Default)]
pub(super) struct Input {
    kept: Vec<u8>,
    /// How much must be kept before the broker can go on.
    needed: usize,
    /// The broker takes no more at present.
    is_waiting: bool,
    /// How much of `kept` is in front of what is being read.
    in_front: usize,
}

impl Input {
    /// Copies what is kept to the front of a buffer, to be read into behind it, and says how much
    /// that is: 0 if it is so much that it is cheaper to append to it.
    pub(super) fn put_in_front(&mut self, buffer: &mut [u8]) -> usize {
        let half = buffer.len() / 2;
        self.in_front = match buffer.get_mut(..self.kept.len()) {
            Some(front) if front.len() <= half => {
                front.copy_from_slice(&self.kept);
                front.len()
            }
            _ => 0,
        };
        self.in_front
    }

    /// Gives the broker what was read: `bytes`, of which the first `front` were put there.
    pub(super) fn take<H: Host>(&mut self, to: &Accepted<'_, H>, bytes: &[u8], front: usize) {
        // The broker may have been offered what is in front while more was being read.
        let is_whole = front == self.in_front && front == self.kept.len();
        if self.is_waiting || !is_whole || bytes.len() < self.needed {
            self.keep(bytes.get(front..).unwrap_or_default());
            if !self.is_waiting && self.kept.len() >= self.needed {
                self.offer(to);
            }
            return;
        }
        let received = to.input(bytes);
        self.kept.clear();
        self.note(received);
        self.keep(bytes.get(received.consumed..).unwrap_or_default());
    }

    /// Gives the broker what is kept.
    pub(super) fn offer<H: Host>(&mut self, to: &Accepted<'_, H>) {
        self.in_front = 0;
        let received = to.input(&self.kept);
        self.kept.drain(..received.consumed.min(self.kept.len()));
        self.note(received);
        self.keep(&[]);
    }

    /// Whether nothing more is to be read before the broker goes on.
    pub(super) fn is_full(&self) -> bool {
        self.is_waiting && self.kept.len() >= READ_AHEAD
    }

    /// Whether the broker will go on with what is kept.
    pub(super) fn has_unheard(&self) -> bool {
        self.is_waiting && !self.kept.is_empty()
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
