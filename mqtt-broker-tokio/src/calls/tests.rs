//! The thread is woken once for many calls, and none is lost.

use core::time::Duration;
use std::thread;

use super::*;
use crate::sockets::{Event, Sockets};

/// How often the sockets were woken, without waiting.
fn woken(sockets: &mut Sockets) -> usize {
    sockets.wait(Some(Duration::ZERO)).unwrap();
    sockets.events().filter(|event| matches!(event, Event::Called)).count()
}

#[test]
fn a_thread_is_woken_once_for_many_calls() {
    let (mut sockets, waker) = Sockets::new().unwrap();
    let calls = Arc::new(Calls::default());
    calls.begin(waker);
    assert_eq!(woken(&mut sockets), 0);

    calls.waker(Call::Commands).wake();
    calls.waker(Call::Shutdown).wake_by_ref();
    calls.call(Call::Commands);
    assert_eq!(woken(&mut sockets), 1);
    assert_eq!(woken(&mut sockets), 0, "the second call has woken it again");
    assert_eq!(calls.take().collect::<Vec<_>>(), [Call::Commands, Call::Shutdown]);
    assert_eq!(calls.take().count(), 0);

    calls.call(Call::Journal);
    assert_eq!(woken(&mut sockets), 1);
    assert_eq!(calls.take().collect::<Vec<_>>(), [Call::Journal]);
}

#[test]
fn calls_before_the_thread_begins_are_seen_when_it_looks() {
    let (mut sockets, waker) = Sockets::new().unwrap();
    let calls = Calls::default();
    calls.call(Call::Taken);
    calls.begin(waker);
    assert_eq!(calls.take().collect::<Vec<_>>(), [Call::Taken]);
    calls.call(Call::Taken);
    assert_eq!(woken(&mut sockets), 1);
}

/// Each answer is a call that comes while the thread falls asleep, or before, or after.
#[test]
fn no_call_is_lost_to_a_thread_that_falls_asleep() {
    const CALLS: usize = 10_000;
    let (mut sockets, waker) = Sockets::new().unwrap();
    let calls = Arc::new(Calls::default());
    calls.begin(waker);
    let (seen, was_seen) = std::sync::mpsc::channel();
    let caller = Arc::clone(&calls);
    let caller = thread::spawn(move || {
        for _ in 0..CALLS {
            caller.call(Call::Journal);
            was_seen.recv().unwrap();
        }
    });
    for _ in 0..CALLS {
        sockets.wait(Some(Duration::from_secs(10))).unwrap();
        assert!(sockets.events().any(|event| matches!(event, Event::Called)), "not woken");
        assert_eq!(calls.take().collect::<Vec<_>>(), [Call::Journal]);
        seen.send(()).unwrap();
    }
    caller.join().unwrap();
}
