//! Whether the thread sleeps for a moment between two turns, so that more comes together for one write.
//!
//! Where many clients send to few, each a message now and then, a thread that never sleeps finds two or
//! three messages a turn and pays a write for them: the less it takes for each message, the fewer it
//! finds. A moment later there are twenty, which need no more writes. Nobody waits where the thread has
//! time, or so much to do that the turns are long by themselves, or where each message is a write anyway;
//! and where less comes in with pauses than without, since clients wait for one another, there are none.

use mqtt_broker_core::{Duration, Instant};

/// How long a pause is, at least; a system adds some ten microseconds.
const MOMENT: core::time::Duration = core::time::Duration::from_micros(20);

/// A turn that took longer finds more in the next without a pause.
const SHORT: Duration = Duration::from_micros(100);

/// How long the thread looks before it decides for as long.
const WINDOW: Duration = Duration::from_millis(5);

/// A window with fewer turns is one of a thread that has time; fewer are enough with pauses in it.
const TURNS: u32 = 100;
const TURNS_WITH_PAUSES: u32 = 10;

/// After so many windows with pauses there is one without, to compare with.
const COMPARED_AFTER: u16 = 64;

/// How many windows without pauses there are, at most, where they did not help.
const AGAIN_AFTER: u16 = 1024;

/// Some systems sleep for milliseconds, whatever is asked for.
const IS_USED: bool = cfg!(unix);

/// What the turns before were like.
pub(super) struct Linger {
    window: Window,
    is_pausing: bool,
    /// How many bytes a second came in in the last window without pauses.
    without: u64,
    /// How many windows are left until something else is tried.
    left: u16,
    /// How many there will be without pauses when they do not help again.
    penalty: u16,
}

/// What the turns since a moment have done together.
#[derive(Default)]
struct Window {
    since: Instant,
    turns: u32,
    heard: usize,
    bytes: u64,
    written: usize,
}

/// What a turn has done.
#[derive(Clone, Copy)]
pub(super) struct Turn {
    pub(super) began: Instant,
    /// From how many sources it had something.
    pub(super) heard: usize,
    /// How many bytes it has read.
    pub(super) bytes: u64,
    /// To how many connections it wrote.
    pub(super) written: usize,
}

impl Default for Linger {
    fn default() -> Self {
        Self { window: Window::default(), is_pausing: false, without: 0, left: 0, penalty: 1 }
    }
}

impl Linger {
    /// Notes a turn that is over, and whether a pause is worth it; `now` is asked if it may be.
    pub(super) fn is_due(&mut self, turn: Turn, now: impl FnOnce() -> Instant) -> bool {
        if !IS_USED {
            return false;
        }
        if turn.began.since(self.window.since) >= WINDOW {
            self.decide(turn.began);
        }
        self.window.turns = self.window.turns.saturating_add(1);
        self.window.heard += turn.heard;
        self.window.bytes = self.window.bytes.saturating_add(turn.bytes);
        self.window.written += turn.written;
        self.is_pausing && turn.heard > 0 && now().since(turn.began) < SHORT
    }

    /// The pause.
    pub(super) fn pause() {
        std::thread::sleep(MOMENT);
    }

    /// Whether there are pauses in the window that begins.
    fn decide(&mut self, now: Instant) {
        let ended =
            core::mem::replace(&mut self.window, Window { since: now, ..Window::default() });
        let turns = if self.is_pausing { TURNS_WITH_PAUSES } else { TURNS };
        let gathers = ended.written > 0 && ended.written * 2 <= ended.heard;
        self.left = self.left.saturating_sub(1);
        if !gathers || ended.turns < turns {
            self.is_pausing = false;
            return;
        }
        let micros = now.0.saturating_sub(ended.since.0).max(1);
        let came = ended.bytes.saturating_mul(1_000_000) / micros;
        if !self.is_pausing {
            self.without = came;
            self.is_pausing = self.left == 0;
            self.left = if self.is_pausing { COMPARED_AFTER } else { self.left };
        } else if came.saturating_mul(16) < self.without.saturating_mul(15) {
            self.is_pausing = false;
            self.left = self.penalty;
            self.penalty = self.penalty.saturating_mul(2).min(AGAIN_AFTER);
        } else {
            self.penalty = 1;
            self.is_pausing = self.left > 0;
        }
    }
}

#[cfg(test)]
mod tests;
