//! What a connection holds from one step to the next. Most connections hold nothing, which takes a pointer
//! each; what there is, is in the [`Account`] of all connections as long as it is there.

#[cfg(test)]
mod tests;

use std::rc::Rc;

use mqtt_broker_core::Instant;

use crate::buffers::{Account, LITTLE};

/// How what a connection holds now fits into what all of them may.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub(super) enum Fit {
    Within,
    /// There was no room, and it is held all the same: until somebody gives way, which is now.
    Beyond,
}

/// Input that the broker has not consumed: part of a packet, or what waits.
#[derive(Debug, Default)]
pub(super) struct Kept(Option<Box<Input>>);

#[derive(Debug)]
struct Input {
    buffer: Buffer,
    /// How much must be kept before the broker can go on, or is the packet that waits.
    needed: usize,
    /// When some of it came, or the broker took some, last.
    moved: Instant,
}

/// Output that the transport did not take.
#[derive(Debug, Default)]
pub(super) struct Unsent(Option<Box<Rest>>);

#[derive(Debug)]
struct Rest {
    buffer: Buffer,
    /// How much of it the transport has taken since.
    sent: usize,
}

/// Bytes whose room is in the account.
#[derive(Debug)]
struct Buffer {
    bytes: Vec<u8>,
    account: Rc<Account>,
}

impl Kept {
    /// What is kept, and how much is needed.
    pub(super) fn get(&self) -> (&[u8], usize) {
        self.0.as_ref().map_or((&[], 0), |input| (&input.buffer.bytes, input.needed))
    }

    /// Since when nothing was added to it, nor taken from it, if it is more than everybody may keep.
    pub(super) fn unmoved_since(&self) -> Option<Instant> {
        let input = self.0.as_ref()?;
        (input.buffer.bytes.capacity() > LITTLE).then_some(input.moved)
    }

    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Appends. Room is doubled as bytes arrive, never beyond what the packet needs: a length that was
    /// only announced costs nothing.
    pub(super) fn append(
        &mut self,
        account: &Rc<Account>,
        now: Instant,
        bytes: &[u8],
        needed: usize,
    ) -> Fit {
        let len = self.get().0.len() + bytes.len();
        if len == 0 {
            self.clear();
            return Fit::Within;
        }
        let input = self.0.get_or_insert_with(|| Box::new(Input::new(account, now)));
        (input.needed, input.moved) = (needed, now);
        let mut fit = Fit::Within;
        if len > input.buffer.bytes.capacity() {
            let room = needed.min(len.saturating_mul(2)).max(len);
            let before = input.buffer.bytes.capacity();
            let has_room = |room: &usize| account.has_room_for_input(before, *room);
            let room = [room, len].into_iter().find(has_room);
            if room.is_none() {
                fit = Fit::Beyond;
            }
            input.buffer.grow(room.unwrap_or(len));
        }
        input.buffer.bytes.extend_from_slice(bytes);
        fit
    }

    /// Keeps these instead of what was kept.
    pub(super) fn replace(
        &mut self,
        account: &Rc<Account>,
        now: Instant,
        bytes: &[u8],
        needed: usize,
    ) -> Fit {
        if let Some(input) = &mut self.0 {
            input.buffer.bytes.clear();
            input.buffer.shrink(needed.max(bytes.len()));
        }
        self.append(account, now, bytes, needed)
    }

    /// The broker has consumed so much of it.
    pub(super) fn consume(&mut self, now: Instant, consumed: usize, needed: usize) {
        let Some(input) = &mut self.0 else { return };
        if consumed == input.buffer.bytes.len() {
            return self.clear();
        }
        input.buffer.bytes.drain(..consumed);
        input.buffer.shrink(needed);
        (input.needed, input.moved) = (needed, now);
    }
}

impl Input {
    fn new(account: &Rc<Account>, now: Instant) -> Self {
        Self { buffer: Buffer::new(account), needed: 0, moved: now }
    }
}

impl Unsent {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What is to be sent.
    pub(super) fn get(&self) -> &[u8] {
        self.0.as_ref().and_then(|rest| rest.buffer.bytes.get(rest.sent..)).unwrap_or_default()
    }

    pub(super) fn clear(&mut self) {
        self.0 = None;
    }

    /// Holds both, one after the other; there was nothing before.
    pub(super) fn put(&mut self, account: &Rc<Account>, first: &[u8], second: &[u8]) -> Fit {
        let len = first.len() + second.len();
        let has_room = account.has_room_for_output(len);
        let mut buffer = Buffer::new(account);
        buffer.grow(len);
        buffer.bytes.extend_from_slice(first);
        buffer.bytes.extend_from_slice(second);
        self.0 = Some(Box::new(Rest { buffer, sent: 0 }));
        if has_room { Fit::Within } else { Fit::Beyond }
    }

    /// The transport has taken so much more.
    pub(super) fn sent(&mut self, written: usize) {
        if let Some(rest) = &mut self.0 {
            rest.sent += written;
        }
    }
}

impl Buffer {
    fn new(account: &Rc<Account>) -> Self {
        Self { bytes: Vec::new(), account: Rc::clone(account) }
    }

    /// Makes room for `room` bytes in all.
    fn grow(&mut self, room: usize) {
        let before = self.bytes.capacity();
        self.bytes.reserve_exact(room - self.bytes.len());
        self.account.resized(before, self.bytes.capacity());
    }

    /// Gives back the room of a large packet that is gone, if a quarter of it is enough for what there is
    /// and for `needed` bytes: a connection may stay in the middle of a small packet for long.
    fn shrink(&mut self, needed: usize) {
        let before = self.bytes.capacity();
        if before > LITTLE && before / 4 > needed.max(self.bytes.len()) {
            self.bytes.shrink_to(needed);
            self.account.resized(before, self.bytes.capacity());
        }
    }
}

impl Drop for Buffer {
    fn drop(&mut self) {
        self.account.resized(self.bytes.capacity(), 0);
    }
}
