//! The loop of one Network Connection, over any transport.
//!
//! ```text
//!   source ──▶ Input ──▶ handle_input ──▶ (yield: others come first)
//!                 ▲ Resume
//!   sink   ◀── one write ◀── poll_transmit ◀── Transmit, Close
//! ```
//!
//! Both halves are polled by one future. It ends when the source ends; when the sink is broken and
//! the source has nothing left; and when the broker closes, after what was left is sent and, if the
//! peer can be told, it has ended its side or had its time.

use core::cell::{Cell, RefCell};
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use super::input::Input;
use super::{Accepted, Driver, Host};
use crate::boundary::{Error, Peer};

/// Bytes that come from a peer.
pub(super) trait Source {
    /// Waits for bytes and gives them to the broker. `false` is the end.
    /// No more than there is [room](Input::room) for.
    async fn read<H: Host>(&mut self, of: &Accepted<'_, H>, input: &RefCell<Input>) -> bool;
}

/// Bytes that go to a peer.
pub(super) trait Sink {
    /// Sends what the broker has, in one write as far as the transport can. When the broker runs
    /// dry the transport is flushed as well.
    async fn write<H: Host>(&mut self, of: &Accepted<'_, H>) -> Result<IsDry, Broken>;

    /// Tells the peer that nothing more comes. `false` if there is no way to tell it.
    async fn close(&mut self) -> bool;
}

/// Whether the broker has nothing more to send.
pub(super) type IsDry = bool;

/// The peer takes nothing any more.
pub(super) struct Broken;

impl<H: Host> Driver<H> {
    /// One connection from its beginning to its end.
    pub(super) async fn serve(
        &self,
        peer: Peer,
        source: impl Source,
        sink: impl Sink,
    ) -> Result<(), Error> {
        Accepted::new(self, peer)?.carry(source, sink).await;
        Ok(())
    }
}

/// How far the writing half is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Writing {
    Goes,
    /// What the peer sent before is still of interest.
    Broke,
    /// All is sent, and the peer's end is waited for: closing earlier could reset the connection
    /// and take the last bytes from it.
    Lingers,
    Ended,
}

impl<H: Host> Accepted<'_, H> {
    async fn carry(&self, source: impl Source, sink: impl Sink) {
        let has_read = Cell::new(false);
        let mut reader = pin!(self.receive(source, &has_read));
        let mut writer = pin!(self.transmit(sink));
        let (mut peer_ended, mut writing) = (false, Writing::Goes);
        poll_fn(|cx| {
            self.slot(|slot| slot.waker = None);
            loop {
                has_read.set(false);
                peer_ended = peer_ended || reader.as_mut().poll(cx).is_ready();
                if writing == Writing::Goes {
                    if let Poll::Ready(end) = writer.as_mut().poll(cx) {
                        writing = end;
                    }
                }
                // Sending may have made room for more input.
                if peer_ended || !self.slot(|slot| slot.resumed) {
                    break;
                }
            }
            let is_over = match writing {
                Writing::Goes => peer_ended && !self.slot(|slot| slot.closing),
                Writing::Broke => peer_ended || !has_read.get(),
                Writing::Lingers => peer_ended,
                Writing::Ended => true,
            };
            if is_over || self.slot(|slot| slot.expired) {
                return Poll::Ready(());
            }
            self.slot(|slot| slot.waker = Some(cx.waker().clone()));
            Poll::Pending
        })
        .await;
    }

    /// Reads until the end. While the broker takes nothing only a little is read, for the end; what
    /// the peer said before that counts.
    async fn receive(&self, mut source: impl Source, has_read: &Cell<bool>) {
        let input = RefCell::new(Input::default());
        loop {
            until(|| self.has_room(&input)).await;
            let mut reading = pin!(source.read(self, &input));
            // The broker may go on before there is anything to read.
            let has_more = poll_fn(|cx| {
                input.borrow_mut().go_on(self);
                reading.as_mut().poll(cx)
            });
            if !has_more.await {
                break;
            }
            has_read.set(true);
            // Whoever has something to do because of this comes before the next bytes.
            yield_now().await;
        }
        if input.borrow().is_before_end() {
            self.driver.tell(|shared, now| shared.broker.handle_end_of_input(now, self.handle));
        }
        until(|| {
            input.borrow_mut().go_on(self);
            !input.borrow().is_before_end()
        })
        .await;
    }

    fn has_room(&self, input: &RefCell<Input>) -> bool {
        input.borrow_mut().go_on(self);
        input.borrow().room() > 0
    }

    /// Whether input that waits is to be offered again: the broker says so, or is done with it.
    pub(super) fn goes_on(&self) -> bool {
        self.take(|slot| &mut slot.resumed) || self.slot(|slot| slot.closing)
    }

    /// Writes whatever there is, until the broker closes.
    async fn transmit(&self, sink: impl Sink) -> Writing {
        match self.send(sink).await {
            Ok(true) => Writing::Lingers,
            Ok(false) => Writing::Ended,
            Err(Broken) => Writing::Broke,
        }
    }

    /// Whether the peer was told of the end.
    async fn send(&self, mut sink: impl Sink) -> Result<bool, Broken> {
        loop {
            let is_closing = self.slot(|slot| slot.closing);
            if !is_closing {
                until(|| self.take(|slot| &mut slot.transmit) || self.slot(|slot| slot.closing))
                    .await;
            }
            while !sink.write(self).await? {
                yield_now().await;
            }
            if is_closing {
                return Ok(sink.close().await);
            }
        }
    }

    /// Whether this flag was set; it is not any more.
    fn take(&self, flag: impl FnOnce(&mut super::Slot) -> &mut bool) -> bool {
        self.slot(|slot| core::mem::take(flag(slot)))
    }
}

/// Looks, whenever the connection is polled, whether it can go on.
async fn until(mut can_go_on: impl FnMut() -> bool) {
    poll_fn(|_| if can_go_on() { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Lets the executor look at others first.
pub(super) async fn yield_now() {
    let mut has_yielded = false;
    poll_fn(|cx| {
        if core::mem::replace(&mut has_yielded, true) {
            return Poll::Ready(());
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
