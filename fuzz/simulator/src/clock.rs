//! [`Agenda`]: what is to happen, in the order of virtual time.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use mqtt_broker_core::Instant;

/// Things to come. What is due at the same instant happens in the order it was put down.
#[derive(Debug)]
pub struct Agenda<T> {
    heap: BinaryHeap<Reverse<Entry<T>>>,
    count: u64,
}

#[derive(Debug)]
struct Entry<T> {
    at: Instant,
    number: u64,
    what: T,
}

impl<T> Default for Agenda<T> {
    fn default() -> Self {
        Self { heap: BinaryHeap::new(), count: 0 }
    }
}

impl<T> Agenda<T> {
    /// Puts something down.
    pub fn put(&mut self, at: Instant, what: T) {
        self.count += 1;
        self.heap.push(Reverse(Entry { at, number: self.count, what }));
    }

    /// When the next thing is due.
    #[must_use]
    pub fn next_at(&self) -> Option<Instant> {
        self.heap.peek().map(|Reverse(entry)| entry.at)
    }

    /// Takes the next thing.
    pub fn take(&mut self) -> Option<(Instant, T)> {
        self.heap.pop().map(|Reverse(entry)| (entry.at, entry.what))
    }
}

/// How often a broker may ask for the time at one instant: what it puts off for a turn is done by then.
const TELLINGS: u32 = 3000;

/// How often the time was told without any going by.
#[derive(Debug, Default)]
pub struct Tellings {
    at: Instant,
    count: u32,
}

impl Tellings {
    /// The time is told.
    ///
    /// # Errors
    ///
    /// It was told before, at this very instant, more often than any broker can have a use for: it
    /// waits for something that it does not do when it is due.
    pub fn tell(&mut self, now: Instant) -> Result<(), String> {
        self.count = if self.at == now { self.count + 1 } else { 0 };
        self.at = now;
        if self.count > TELLINGS {
            return Err(format!("the time was told {TELLINGS} times, and is asked for at once"));
        }
        Ok(())
    }
}

impl<T> Ord for Entry<T> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.number).cmp(&(other.at, other.number))
    }
}

impl<T> PartialOrd for Entry<T> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<T> PartialEq for Entry<T> {
    fn eq(&self, other: &Self) -> bool {
        self.number == other.number
    }
}

impl<T> Eq for Entry<T> {}

/// So many milliseconds after an instant.
#[must_use]
pub fn after(at: Instant, milliseconds: u64) -> Instant {
    Instant(at.0.saturating_add(milliseconds.saturating_mul(1000)))
}
