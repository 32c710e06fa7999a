//! The future that keeps time.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll};

use super::connection::yield_now;
use super::{Driver, Host};
use crate::time::{Duration, Instant};

/// What a look at the clock says.
enum Next {
    /// Look again, others first.
    Again,
    /// Look again then; `None` is when something changes.
    Sleep(Option<Duration>),
    /// Never look again.
    Finish,
}

impl<H: Host> Driver<H> {
    /// Keeps time, until [`shutdown`](Self::shutdown) has ended the last connection. Without it no
    /// deadline is kept: run it once, as long as connections are served.
    ///
    /// `sleep` gives a future that is ready after a span of time, such as `Timer::after` of smol or
    /// of embassy. One that is no longer wanted is dropped.
    pub async fn run<S, F>(&self, mut sleep: S)
    where
        S: FnMut(Duration) -> F,
        F: Future,
    {
        loop {
            match self.look() {
                Next::Again => yield_now().await,
                Next::Sleep(None) => poll_fn(|cx| self.poll_oversleeps(cx)).await,
                Next::Sleep(Some(span)) => {
                    let mut sleep = pin!(sleep(span));
                    poll_fn(|cx| match sleep.as_mut().poll(cx) {
                        Poll::Ready(_) => Poll::Ready(()),
                        Poll::Pending => self.poll_oversleeps(cx),
                    })
                    .await;
                }
                Next::Finish => return,
            }
        }
    }

    fn look(&self) -> Next {
        self.tell(|shared, now| shared.handle_timeout(now));
        let mut shared = self.shared.borrow_mut();
        let now = shared.host.now();
        let next = shared.deadline();
        shared.armed = next;
        match next {
            _ if shared.is_finished() => Next::Finish,
            Instant::NEVER => Next::Sleep(None),
            _ if next <= now => Next::Again,
            _ => Next::Sleep(Some(next.since(now))),
        }
    }

    /// Ready when the sleep that was begun is too long.
    fn poll_oversleeps(&self, cx: &mut Context<'_>) -> Poll<()> {
        let mut shared = self.shared.borrow_mut();
        if shared.oversleeps() {
            return Poll::Ready(());
        }
        shared.timer = Some(cx.waker().clone());
        Poll::Pending
    }
}
