//! One Network Connection: bytes in, bytes out, and an orderly end.

mod buffers;
mod flags;

use core::net::SocketAddr;
use core::ops::ControlFlow;
use core::task::Poll;
use std::io;
use std::rc::Rc;

use mqtt_broker_core::{Broker, ConnectionHandle, Instant, Policy, Received};

use self::buffers::{Fit, Kept, Unsent};
use crate::buffers::{Account, LITTLE};
use crate::sockets::Sockets;
use crate::stranger::Protocol;
use crate::transport::{LESS_IS_ALL, Transport};

pub(crate) use flags::Flags;

/// The largest lent payload that is copied after all: a write costs more than copying this much, and
/// several fit in one.
const COPY_LIMIT: usize = 16 << 10;

/// How much is read at once.
const READ: usize = 64 << 10;

/// So many packets of the size at hand are read at once if that is more, and there is room: what is kept
/// from one read to the next is little beside them.
const FEW: usize = 16;

/// How much is sent to one connection before others have their turn.
const SENT_AT_ONCE: usize = 256 << 10;

/// Bytes that are kept behind a packet that waits for a verdict: reading a little further shows the
/// end of the transport.
const FURTHER: usize = 4 << 10;

/// What a connection needs after a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Next {
    /// Nothing until it wakes or the broker says something.
    Wait,
    /// Another step in the next turn: there is more, and the others come first.
    Again,
    /// To be ended: `handle_eof`, and gone.
    End,
    /// There is no room for what it holds now: others are to make some, or it is to be ended. In the
    /// first case, another step.
    Full,
}

/// What a step needs of the thread besides the connection.
pub(crate) struct Step<'a> {
    pub(crate) now: Instant,
    pub(crate) broker: &'a mut Broker,
    pub(crate) policy: &'a mut dyn Policy,
    /// The one read or write buffer that all connections share.
    pub(crate) buffer: &'a mut [u8],
    pub(crate) sockets: &'a Sockets,
    /// What all connections hold.
    pub(crate) account: &'a Rc<Account>,
    /// Bytes that were read in this turn and not sent on.
    pub(crate) received: &'a mut usize,
}

/// How far a connection is on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// In use.
    Open,
    /// The peer takes nothing any more; what it sent before is still read.
    Broken,
    /// The broker is done with it; what is left is being sent and input is thrown away.
    Closing,
    /// All is sent and our side is ended. Closing now could reset the connection and take the last
    /// bytes from the peer, so its end is waited for.
    Lingering,
}

#[derive(Debug)]
pub(crate) struct Connection {
    pub(crate) handle: ConnectionHandle,
    kept: Kept,
    unsent: Unsent,
    transport: Transport,
    pub(crate) flags: Flags,
    phase: Phase,
}

impl Connection {
    pub(crate) fn new(handle: ConnectionHandle, transport: Transport) -> Self {
        let (flags, phase) = (Flags::NEW, Phase::Open);
        let (kept, unsent) = (Kept::default(), Unsent::default());
        Self { handle, kept, unsent, transport, flags, phase }
    }

    /// Reads once and gives the broker what came.
    pub(crate) fn receive(&mut self, step: &mut Step<'_>) -> Next {
        if matches!(self.phase, Phase::Closing | Phase::Lingering) {
            return self.discard(step.buffer);
        }
        if self.flags.remove(Flags::RESUMED) {
            if self.flags.has(Flags::PEER_ENDED) || self.flags.has(Flags::ENDING) {
                step.broker.handle_end_of_input(step.now, self.handle);
            }
            self.offer_kept(step);
        }
        if self.flags.has(Flags::WAITING) {
            return self.read_further(step);
        }
        if self.flags.has(Flags::PEER_ENDED) {
            return Next::End;
        }
        // What is kept goes in front of what is read, unless it is so large that it is cheaper to
        // append to it.
        let (kept, needed) = self.kept.get();
        let kept_len = kept.len();
        let front = if kept_len <= step.buffer.len() / 2 { kept_len } else { 0 };
        step.buffer[..front].copy_from_slice(&kept[..front]);
        let most = if step.account.is_scarce() {
            // What is read may have to be kept, if the broker waits.
            needed.max(LITTLE).saturating_sub(kept_len).max(1)
        } else {
            needed.saturating_mul(FEW).max(READ)
        };
        let end = front.saturating_add(most).min(step.buffer.len());
        let read = match self.read(&mut step.buffer[front..end]) {
            Poll::Pending if self.phase == Phase::Broken => return Next::End,
            Poll::Pending => return Next::Wait,
            Poll::Ready(Err(_) | Ok(0)) => return Next::End,
            Poll::Ready(Ok(read)) => read,
        };
        *step.received += read;
        if self.flags.add(Flags::HEARD) {
            self.flags.add(match Protocol::of(&step.buffer[front..front + read]) {
                Some(Protocol::Tls) => Flags::TLS,
                Some(Protocol::Http) => Flags::HTTP,
                None => Flags::HEARD,
            });
        }
        let fit = if front < kept_len || front + read < needed {
            let bytes = &step.buffer[front..front + read];
            let fit = self.kept.append(step.account, step.now, bytes, needed);
            if kept_len + read >= needed {
                self.offer_kept(step);
            }
            fit
        } else {
            self.offer_read(step, front + read)
        };
        if fit == Fit::Beyond { Next::Full } else { self.read_on() }
    }

    /// Reads a little while the broker takes nothing. A peer that ends without having said anything
    /// after what waits is gone; what it did say has its turn first.
    fn read_further(&mut self, step: &mut Step<'_>) -> Next {
        let (kept, needed) = self.kept.get();
        let kept_len = kept.len();
        let most = if step.account.is_scarce() { LITTLE } else { needed + FURTHER };
        let room = most.saturating_sub(kept_len).min(step.buffer.len());
        let mut read = 0;
        if room > 0 && !self.flags.has(Flags::PEER_ENDED) {
            read = match self.read(&mut step.buffer[..room]) {
                Poll::Ready(Ok(0)) => {
                    self.flags.add(Flags::PEER_ENDED);
                    0
                }
                Poll::Ready(Ok(read)) => read,
                Poll::Ready(Err(_)) => return Next::End,
                Poll::Pending => 0,
            };
        }
        let fit = self.kept.append(step.account, step.now, &step.buffer[..read], needed);
        let is_gone = self.flags.has(Flags::PEER_ENDED) && kept_len <= needed;
        if is_gone || self.phase == Phase::Broken && read == 0 {
            return Next::End;
        }
        if fit == Fit::Beyond {
            return Next::Full;
        }
        if read > 0 { self.read_on() } else { Next::Wait }
    }

    /// Sends what the broker has; what is left after a few writes has another turn.
    pub(crate) fn transmit(&mut self, step: &mut Step<'_>) -> Next {
        self.flags.remove(Flags::TO_TRANSMIT);
        if !self.unsent.is_empty() || !matches!(self.phase, Phase::Open | Phase::Closing) {
            return Next::Wait;
        }
        let mut sent = 0;
        while self.flags.has(Flags::OUTPUT) && sent < SENT_AT_ONCE {
            match self.transmit_once(step) {
                ControlFlow::Continue(written) => sent += written,
                ControlFlow::Break(next) => return next,
            }
        }
        self.written()
    }

    /// One write of as much as fits into the buffer, and a large payload after it: how many bytes, if
    /// all are taken.
    fn transmit_once(&mut self, step: &mut Step<'_>) -> ControlFlow<Next, usize> {
        // What the transport may not take is better left in the broker.
        let end = if step.account.is_scarce() { LITTLE } else { step.buffer.len() };
        let mut filled = 0;
        while self.flags.has(Flags::OUTPUT) && (filled == 0 || filled + COPY_LIMIT <= end) {
            let buffer = &mut step.buffer[filled..end];
            let transmit = step.broker.poll_transmit(step.now, self.handle, buffer, step.policy);
            let Some(transmit) = transmit else {
                self.flags.remove(Flags::OUTPUT);
                break;
            };
            let payload = transmit.payload;
            filled += transmit.len;
            if payload.is_empty() {
                continue;
            }
            match step.buffer.get_mut(filled..filled + payload.len()) {
                Some(room) if payload.len() <= COPY_LIMIT => {
                    room.copy_from_slice(payload);
                    filled += payload.len();
                }
                _ => {
                    let first = &step.buffer[..filled];
                    self.write(step.sockets, step.account, first, payload)?;
                    return ControlFlow::Continue(filled + payload.len());
                }
            }
        }
        if filled > 0 {
            self.write(step.sockets, step.account, &step.buffer[..filled], &[])?;
        }
        ControlFlow::Continue(filled)
    }

    /// Goes on with what the transport did not take, if it takes it now.
    pub(crate) fn send_unsent(&mut self) -> Next {
        if self.unsent.is_empty() {
            return Next::Wait;
        }
        match self.flush() {
            ControlFlow::Continue(()) => self.written(),
            ControlFlow::Break(next) => next,
        }
    }

    /// Whether something can be sent now that was not asked for yet.
    pub(crate) fn wants_transmit(&self) -> bool {
        self.flags.has(Flags::OUTPUT)
            && !self.flags.has(Flags::TO_TRANSMIT)
            && self.unsent.is_empty()
    }

    /// The broker takes input again.
    pub(crate) fn resume(&mut self) {
        self.flags.remove(Flags::WAITING);
        self.flags.add(Flags::RESUMED);
    }

    /// The broker wants it closed. What is still to be sent comes first, so it is to be transmitted
    /// for.
    pub(crate) fn close(&mut self) -> Next {
        if self.phase == Phase::Broken {
            return Next::End;
        }
        self.phase = Phase::Closing;
        self.flags.add(Flags::OUTPUT);
        self.kept.clear();
        Next::Wait
    }

    /// Since when its peer has left it with a large part of a packet, if nothing but the peer is in the
    /// way of its going on.
    pub(crate) fn abandoned_since(&self) -> Option<Instant> {
        let is_up_to_us = Flags::WAITING.or(Flags::RESUMED).or(Flags::TO_SERVE);
        if self.flags.has(is_up_to_us) { None } else { self.kept.unmoved_since() }
    }

    /// What it spoke instead of MQTT, if that was anything known.
    pub(crate) const fn spoke(&self) -> Option<Protocol> {
        if self.flags.has(Flags::TLS) {
            return Some(Protocol::Tls);
        }
        if self.flags.has(Flags::HTTP) { Some(Protocol::Http) } else { None }
    }

    /// Where it comes from, as far as the system still knows.
    pub(crate) fn peer(&mut self) -> Option<SocketAddr> {
        self.transport.socket().peer_addr().ok()
    }

    /// Gives the broker the first `len` bytes of the buffer and keeps what it leaves.
    fn offer_read(&mut self, step: &mut Step<'_>, len: usize) -> Fit {
        let bytes = &step.buffer[..len];
        let received = step.broker.handle_input(step.now, self.handle, bytes, step.policy);
        self.note(received);
        if received.consumed == len {
            self.kept.clear();
            return Fit::Within;
        }
        self.kept.replace(step.account, step.now, &bytes[received.consumed..], received.needed)
    }

    /// Gives the broker what is kept, and drops what it consumes.
    fn offer_kept(&mut self, step: &mut Step<'_>) {
        let (kept, _) = self.kept.get();
        let received = step.broker.handle_input(step.now, self.handle, kept, step.policy);
        self.note(received);
        self.kept.consume(step.now, received.consumed, received.needed);
    }

    fn note(&mut self, received: Received) {
        self.flags.remove(Flags::WAITING);
        if received.waiting {
            self.flags.add(Flags::WAITING);
        }
    }

    /// Reads, unless it is known that there is nothing.
    fn read(&mut self, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        if !self.flags.has(Flags::READABLE) {
            return Poll::Pending;
        }
        let result = self.transport.read(buffer);
        match &result {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                self.flags.remove(Flags::READABLE);
                return Poll::Pending;
            }
            // The end may have come together with these bytes, and is not told of again.
            Ok(read) if LESS_IS_ALL && *read < buffer.len() && !self.flags.has(Flags::ENDING) => {
                self.flags.remove(Flags::READABLE);
            }
            _ => {}
        }
        Poll::Ready(result)
    }

    /// After a read that gave something. The others come first.
    fn read_on(&self) -> Next {
        let is_more = self.flags.has(Flags::READABLE) || self.phase == Phase::Broken;
        if is_more { Next::Again } else { Next::Wait }
    }

    /// Reads and throws away, until the peer's end.
    fn discard(&mut self, buffer: &mut [u8]) -> Next {
        if self.flags.has(Flags::PEER_ENDED) {
            return Next::Wait;
        }
        match self.read(buffer) {
            Poll::Pending => Next::Wait,
            Poll::Ready(Ok(0)) if self.phase == Phase::Closing => {
                self.flags.add(Flags::PEER_ENDED);
                Next::Wait
            }
            Poll::Ready(Err(_) | Ok(0)) => Next::End,
            Poll::Ready(Ok(_)) => self.read_on(),
        }
    }

    /// Writes both; what is not taken is held in `unsent`. It ends with what the connection needs if it
    /// blocks, is broken, or there is no room.
    fn write(
        &mut self,
        sockets: &Sockets,
        account: &Rc<Account>,
        first: &[u8],
        second: &[u8],
    ) -> ControlFlow<Next> {
        let total = first.len() + second.len();
        let written = match self.transport.write(first, second) {
            Ok(written) if written == total => return ControlFlow::Continue(()),
            Ok(written) if written > 0 => written,
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => 0,
            _ => return self.broken(),
        };
        if written == 0 || LESS_IS_ALL {
            self.flags.remove(Flags::WRITABLE);
        }
        let first_left = &first[written.min(first.len())..];
        let second_left = &second[written.saturating_sub(first.len())..];
        let fit = self.unsent.put(account, first_left, second_left);
        if self.flags.add(Flags::WATCHED) {
            let slot = self.handle.index();
            if sockets.watch_writing(self.transport.socket(), slot).is_err() {
                return self.broken();
            }
        }
        match self.flush() {
            ControlFlow::Break(Next::Wait) if fit == Fit::Beyond => ControlFlow::Break(Next::Full),
            flushed => flushed,
        }
    }

    /// Writes what is left of `unsent`. It ends with what the connection needs if it blocks, so that the
    /// system will tell, or is broken.
    fn flush(&mut self) -> ControlFlow<Next> {
        loop {
            let rest = self.unsent.get();
            if rest.is_empty() {
                self.unsent.clear();
                return ControlFlow::Continue(());
            }
            if !self.flags.has(Flags::WRITABLE) {
                return ControlFlow::Break(Next::Wait);
            }
            match self.transport.write(rest, &[]) {
                Ok(written) if written > 0 => {
                    if LESS_IS_ALL && written < rest.len() {
                        self.flags.remove(Flags::WRITABLE);
                    }
                    self.unsent.sent(written);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    self.flags.remove(Flags::WRITABLE);
                }
                _ => return self.broken(),
            }
        }
    }

    /// The peer takes nothing any more.
    fn broken(&mut self) -> ControlFlow<Next> {
        self.phase = Phase::Broken;
        self.unsent.clear();
        ControlFlow::Break(Next::Again)
    }

    /// After a write that took everything.
    fn written(&mut self) -> Next {
        if self.flags.has(Flags::OUTPUT) {
            return Next::Again;
        }
        if self.phase != Phase::Closing {
            return Next::Wait;
        }
        if self.flags.has(Flags::PEER_ENDED) {
            return Next::End;
        }
        self.phase = Phase::Lingering;
        let is_broken = match self.transport.shut_down() {
            Ok(()) => false,
            Err(error) => error.kind() != io::ErrorKind::WouldBlock,
        };
        if is_broken { Next::End } else { Next::Again }
    }
}
