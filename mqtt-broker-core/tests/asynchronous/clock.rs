//! A clock that is turned by hand, and what sleeps by it.

use alloc::rc::Rc;
use core::cell::RefCell;
use core::future::{Future, poll_fn};
use core::task::{Poll, Waker};
use core::time::Duration;

use mqtt_broker_core::Instant;

#[derive(Clone)]
pub(crate) struct Clock(Rc<RefCell<State>>);

struct State {
    now: Instant,
    sleepers: Vec<(Instant, Waker)>,
}

impl Clock {
    pub(crate) fn new() -> Self {
        let now = Instant::from_secs(1_000_000_000);
        Self(Rc::new(RefCell::new(State { now, sleepers: Vec::new() })))
    }

    pub(crate) fn now(&self) -> Instant {
        self.0.borrow().now
    }

    pub(crate) fn sleep(&self, span: Duration) -> impl Future<Output = ()> + use<> {
        let state = Rc::clone(&self.0);
        let until = self.now() + span;
        poll_fn(move |cx| {
            let mut state = state.borrow_mut();
            if state.now >= until {
                return Poll::Ready(());
            }
            state.sleepers.push((until, cx.waker().clone()));
            Poll::Pending
        })
    }

    /// Turns to when the first sleeper wakes, at most to `end`. Whether that was before.
    pub(crate) fn turn(&self, end: Instant) -> bool {
        let mut state = self.0.borrow_mut();
        let next = state.sleepers.iter().map(|(until, _)| *until).min();
        let next = next.filter(|next| *next <= end);
        let now = next.unwrap_or(end).max(state.now);
        state.now = now;
        let (woken, asleep) = state.sleepers.drain(..).partition(|(until, _)| *until <= now);
        state.sleepers = asleep;
        drop(state);
        let woken: Vec<(Instant, Waker)> = woken;
        for (_, waker) in woken {
            waker.wake();
        }
        next.is_some()
    }
}
