//! [`Timers`]: every deadline of the broker in one heap.

use alloc::vec::Vec;

use crate::store::{Account, Chunks, Key, Slab};
use crate::time::Instant;

/// Deadlines, each with a `K` that says what it is for.
///
/// A heap with four children to a place; each timer knows its place, so that arming it again and
/// cancelling it leave nothing behind. All three take time logarithmic in the number of timers.
pub(crate) struct Timers<K: Copy> {
    heap: Chunks<Entry>,
    armed: Slab<Timer<K>>,
    next_sequence: u32,
    next_generation: u32,
}

/// The owner's end of a timer; not armed by default.
///
/// Once its timer has been popped it is as good as not armed: it carries the generation of the
/// timer it armed, and no other timer answers to that.
#[derive(Debug, Default)]
pub(crate) struct TimerSlot {
    key: Option<Key>,
    generation: u32,
}

struct Timer<K> {
    what: K,
    /// The index of its entry in the heap.
    place: u32,
    generation: u32,
}

#[derive(Clone, Copy)]
struct Entry {
    deadline: Instant,
    /// Orders equal deadlines by when they were armed.
    sequence: u32,
    /// Key of the timer.
    timer: u32,
}

impl Entry {
    fn precedes(&self, other: &Self) -> bool {
        (self.deadline, self.sequence) < (other.deadline, other.sequence)
    }
}

impl<K: Copy> Timers<K> {
    pub(crate) fn new(account: &Account) -> Self {
        let (heap, armed) = (Chunks::new(account), Slab::new(account, u32::MAX));
        Self { heap, armed, next_sequence: 0, next_generation: 0 }
    }

    /// Arms the timer of `slot`, or moves it to another deadline if it is armed.
    ///
    /// Owners are limited elsewhere, and hold few timers each, so there is no limit here.
    pub(crate) fn arm(&mut self, slot: &mut TimerSlot, deadline: Instant, what: K) {
        let sequence = self.take_sequence();
        if let Some(timer) = Self::timer_of(&mut self.armed, slot) {
            timer.what = what;
            let place = timer.place;
            if let Some(entry) = self.heap.get_mut(place) {
                entry.deadline = deadline;
                entry.sequence = sequence;
            }
            self.restore(place);
            return;
        }
        let generation = self.next_generation;
        let place = self.heap.len();
        let Ok(key) = self.armed.insert(Timer { what, place, generation }) else { return };
        if self.heap.push(Entry { deadline, sequence, timer: key }).is_err() {
            self.armed.remove(key);
            return;
        }
        self.next_generation = generation.wrapping_add(1);
        *slot = TimerSlot { key: Some(Key::new(key)), generation };
        self.restore(place);
    }

    /// Disarms the timer of `slot`, if it is armed.
    pub(crate) fn cancel(&mut self, slot: &mut TimerSlot) {
        let timer = Self::timer_of(&mut self.armed, slot).map(|timer| timer.place);
        let key = core::mem::take(slot).key;
        if let (Some(place), Some(key)) = (timer, key) {
            self.armed.remove(key.get());
            self.take_out(place);
        }
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Instant> {
        self.heap.get(0).map(|entry| entry.deadline)
    }

    /// Disarms the earliest timer whose deadline is at or before `now`, and answers what it was for.
    ///
    /// Equal deadlines come in the order in which they were armed.
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<K> {
        let first = *self.heap.get(0)?;
        if first.deadline > now {
            return None;
        }
        self.take_out(0);
        self.armed.remove(first.timer).map(|timer| timer.what)
    }

    /// The deadline of the timer of `slot`, if it is armed.
    #[cfg(test)]
    pub(crate) fn deadline(&self, slot: &TimerSlot) -> Option<Instant> {
        let timer = self.armed.get(slot.key?.get())?;
        if timer.generation != slot.generation {
            return None;
        }
        self.heap.get(timer.place).map(|entry| entry.deadline)
    }

    /// How many timers are armed.
    #[cfg(test)]
    pub(crate) const fn len(&self) -> usize {
        self.heap.len() as usize
    }

    /// The heap memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.heap.bytes() + self.armed.bytes()
    }

    fn timer_of<'a>(armed: &'a mut Slab<Timer<K>>, slot: &TimerSlot) -> Option<&'a mut Timer<K>> {
        armed.get_mut(slot.key?.get()).filter(|timer| timer.generation == slot.generation)
    }

    /// The next sequence number; when they run out the live entries are numbered anew.
    fn take_sequence(&mut self) -> u32 {
        if self.next_sequence == u32::MAX {
            self.renumber();
        }
        let sequence = self.next_sequence;
        self.next_sequence = sequence.saturating_add(1);
        sequence
    }

    /// Numbers the entries 0, 1, 2... in due order. A sorted array is a heap, so no sift follows.
    fn renumber(&mut self) {
        let mut entries: Vec<Entry> = self.heap.from(0).map(|(_, entry)| *entry).collect();
        entries.sort_unstable_by_key(|entry| (entry.deadline, entry.sequence));
        self.next_sequence = 0;
        for entry in entries {
            let sequence = self.next_sequence;
            self.put(sequence, Entry { sequence, ..entry });
            self.next_sequence += 1;
        }
    }

    /// Removes the entry at `place`; the last entry of the heap takes its place.
    fn take_out(&mut self, place: u32) {
        let Some(last) = self.heap.pop() else { return };
        if place < self.heap.len() {
            self.put(place, last);
            self.restore(place);
        }
    }

    /// Moves the entry at `place` to where it belongs, and tells the timers that moved.
    fn restore(&mut self, place: u32) {
        let Some(&entry) = self.heap.get(place) else { return };
        let mut hole = place;
        while hole > 0 {
            let parent = (hole - 1) / 4;
            match self.heap.get(parent) {
                Some(&above) if entry.precedes(&above) => self.put(hole, above),
                _ => break,
            }
            hole = parent;
        }
        while let Some((child, below)) = self.first_child(hole) {
            if !below.precedes(&entry) {
                break;
            }
            self.put(hole, below);
            hole = child;
        }
        self.put(hole, entry);
    }

    /// The child of `place` that is due first.
    fn first_child(&self, place: u32) -> Option<(u32, Entry)> {
        let start = place.checked_mul(4)?.checked_add(1)?;
        let mut first: Option<(u32, Entry)> = None;
        for index in start..start.saturating_add(4) {
            let Some(entry) = self.heap.get(index) else { break };
            if first.is_none_or(|(_, least)| entry.precedes(&least)) {
                first = Some((index, *entry));
            }
        }
        first
    }

    fn put(&mut self, place: u32, entry: Entry) {
        if let Some(spot) = self.heap.get_mut(place) {
            *spot = entry;
        }
        if let Some(timer) = self.armed.get_mut(entry.timer) {
            timer.place = place;
        }
    }
}

#[cfg(test)]
mod tests;
