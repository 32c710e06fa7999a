//! One Network Connection: bytes in, bytes out, and an orderly end.

use core::task::{Context, Poll};

use mqtt_broker_core::{Broker, ConnectionHandle, Instant, Policy, Received};

use crate::transport::Transport;

/// The largest lent payload that is copied after all: a write costs more than copying this much, and
/// several fit in one.
const COPY_LIMIT: usize = 16 << 10;

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
}

/// What a step needs of the thread besides the connection.
pub(crate) struct Step<'a> {
    pub(crate) now: Instant,
    pub(crate) broker: &'a mut Broker,
    pub(crate) policy: &'a mut dyn Policy,
    /// The one read or write buffer that all connections share.
    pub(crate) buffer: &'a mut [u8],
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
    /// The broker has something to send, as far as is known.
    pub(crate) has_output: bool,
    /// It is in the turn's list of connections to transmit for.
    pub(crate) listed: bool,
    transport: Transport,
    phase: Phase,
    /// The broker takes no input until it says `Resume`.
    waiting: bool,
    /// It said so: what is kept is to be offered again.
    resumed: bool,
    /// The peer's end was read, while something was still being sent or what it said waits.
    peer_ended: bool,
    /// Input that the broker has not consumed: part of a packet, or what waits.
    kept: Vec<u8>,
    /// How much must be kept before the broker can go on, or is the packet that waits.
    needed: usize,
    /// Output that the transport did not take; there is none unless it blocks.
    unsent: Option<Box<Unsent>>,
}

/// Bytes that wait until the transport takes more.
#[derive(Debug)]
struct Unsent {
    bytes: Vec<u8>,
    /// How many of them it has taken since.
    sent: usize,
}

impl Connection {
    pub(crate) fn new(handle: ConnectionHandle, transport: Transport) -> Self {
        Self {
            handle,
            has_output: false,
            listed: false,
            transport,
            phase: Phase::Open,
            waiting: false,
            resumed: false,
            peer_ended: false,
            kept: Vec::new(),
            needed: 0,
            unsent: None,
        }
    }

    /// Reads once and gives the broker what came.
    pub(crate) fn receive(&mut self, cx: &mut Context<'_>, step: &mut Step<'_>) -> Next {
        if matches!(self.phase, Phase::Closing | Phase::Lingering) {
            return self.discard(cx, step.buffer);
        }
        if core::mem::take(&mut self.resumed) {
            if self.peer_ended || self.transport.has_ended(cx) {
                step.broker.handle_end_of_input(step.now, self.handle);
            }
            self.offer_kept(step);
        }
        if self.waiting {
            return self.read_further(cx, step.buffer);
        }
        if self.peer_ended {
            return Next::End;
        }
        // What is kept goes in front of what is read, unless it is so large that it is cheaper to
        // append to it.
        let front = if self.kept.len() <= step.buffer.len() / 2 { self.kept.len() } else { 0 };
        step.buffer[..front].copy_from_slice(&self.kept[..front]);
        let read = match self.transport.poll_read(cx, &mut step.buffer[front..]) {
            Poll::Pending if self.phase == Phase::Broken => return Next::End,
            Poll::Pending => return Next::Wait,
            Poll::Ready(Err(_) | Ok(0)) => return Next::End,
            Poll::Ready(Ok(read)) => read,
        };
        let is_full = front + read == step.buffer.len();
        if front < self.kept.len() || front + read < self.needed {
            self.keep(&step.buffer[front..front + read]);
            if self.kept.len() >= self.needed {
                self.offer_kept(step);
            }
        } else {
            self.offer_read(step, front + read);
        }
        self.readable(cx, is_full)
    }

    /// Reads a little while the broker takes nothing. A peer that ends without having said anything
    /// after what waits is gone; what it did say has its turn first.
    fn read_further(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Next {
        let room = (self.needed + FURTHER).saturating_sub(self.kept.len()).min(buffer.len());
        let mut read = 0;
        if room > 0 && !self.peer_ended {
            read = match self.transport.poll_read(cx, &mut buffer[..room]) {
                Poll::Ready(Ok(read)) => {
                    self.peer_ended = read == 0;
                    read
                }
                Poll::Ready(Err(_)) => return Next::End,
                Poll::Pending => 0,
            };
        }
        self.keep(&buffer[..read]);
        let is_gone = self.peer_ended && self.kept.len() <= self.needed;
        if is_gone || self.phase == Phase::Broken && read == 0 {
            return Next::End;
        }
        if read > 0 { self.readable(cx, read == room) } else { Next::Wait }
    }

    /// Sends what the broker has, in one write; what is left after that has another turn.
    pub(crate) fn transmit(&mut self, cx: &mut Context<'_>, step: &mut Step<'_>) -> Next {
        self.listed = false;
        if self.unsent.is_some() || !matches!(self.phase, Phase::Open | Phase::Closing) {
            return Next::Wait;
        }
        let mut filled = 0;
        while self.has_output && filled + COPY_LIMIT <= step.buffer.len() {
            let buffer = &mut step.buffer[filled..];
            let transmit = step.broker.poll_transmit(step.now, self.handle, buffer, step.policy);
            let Some(transmit) = transmit else {
                self.has_output = false;
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
                    let written = self.write(cx, &step.buffer[..filled], payload);
                    return if written { self.written(cx) } else { self.blocked() };
                }
            }
        }
        if filled > 0 && !self.write(cx, &step.buffer[..filled], &[]) {
            return self.blocked();
        }
        self.written(cx)
    }

    /// Goes on with what the transport did not take, if it takes it now.
    pub(crate) fn send_unsent(&mut self, cx: &mut Context<'_>) -> Next {
        if self.unsent.is_none() {
            return Next::Wait;
        }
        if self.flush(cx) { self.written(cx) } else { self.blocked() }
    }

    /// Whether something can be sent now that was not asked for yet.
    pub(crate) fn wants_transmit(&self) -> bool {
        self.has_output && !self.listed && self.unsent.is_none()
    }

    /// The broker takes input again.
    pub(crate) fn resume(&mut self) {
        self.waiting = false;
        self.resumed = true;
    }

    /// The broker wants it closed. What is still to be sent comes first, so it is to be transmitted
    /// for.
    pub(crate) fn close(&mut self) -> Next {
        if self.phase == Phase::Broken {
            return Next::End;
        }
        self.phase = Phase::Closing;
        self.has_output = true;
        self.kept = Vec::new();
        Next::Wait
    }

    /// Gives the broker the first `len` bytes of the buffer and keeps what it leaves.
    fn offer_read(&mut self, step: &mut Step<'_>, len: usize) {
        let bytes = &step.buffer[..len];
        let received = step.broker.handle_input(step.now, self.handle, bytes, step.policy);
        self.kept.clear();
        self.note(received);
        self.keep(&bytes[received.consumed..]);
    }

    /// Gives the broker what is kept, and drops what it consumes.
    fn offer_kept(&mut self, step: &mut Step<'_>) {
        let received = step.broker.handle_input(step.now, self.handle, &self.kept, step.policy);
        self.kept.drain(..received.consumed);
        self.note(received);
        self.keep(&[]);
    }

    fn note(&mut self, received: Received) {
        self.needed = received.needed;
        self.waiting = received.waiting;
    }

    /// Appends to what is kept. Room is doubled as bytes arrive, never beyond what the packet needs:
    /// a length that was only announced costs nothing.
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

    /// Arranges the next wake. A read that filled the buffer probably left something.
    fn readable(&self, cx: &mut Context<'_>, is_full: bool) -> Next {
        let is_more = is_full || self.phase == Phase::Broken;
        if is_more || self.transport.poll_readable(cx).is_ready() {
            Next::Again
        } else {
            Next::Wait
        }
    }

    /// Reads and throws away, until the peer's end.
    fn discard(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Next {
        if self.peer_ended {
            return Next::Wait;
        }
        match self.transport.poll_read(cx, buffer) {
            Poll::Pending => Next::Wait,
            Poll::Ready(Ok(0)) if self.phase == Phase::Closing => {
                self.peer_ended = true;
                Next::Wait
            }
            Poll::Ready(Err(_) | Ok(0)) => Next::End,
            Poll::Ready(Ok(read)) => self.readable(cx, read == buffer.len()),
        }
    }

    /// Writes both; what is not taken is kept in `unsent`. False: it blocks or is broken.
    fn write(&mut self, cx: &mut Context<'_>, first: &[u8], second: &[u8]) -> bool {
        let total = first.len() + second.len();
        let written = match self.transport.poll_write(cx, first, second) {
            Poll::Ready(Ok(written)) if written == total => return true,
            Poll::Ready(Ok(written)) if written > 0 => written,
            Poll::Pending => 0,
            Poll::Ready(_) => {
                self.phase = Phase::Broken;
                return false;
            }
        };
        let mut bytes = Vec::with_capacity(total - written);
        bytes.extend_from_slice(&first[written.min(first.len())..]);
        bytes.extend_from_slice(&second[written.saturating_sub(first.len())..]);
        self.unsent = Some(Box::new(Unsent { bytes, sent: 0 }));
        self.flush(cx)
    }

    /// Writes what is left of `unsent`. False: it blocks, with a wake arranged, or is broken.
    fn flush(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(unsent) = &mut self.unsent else { return true };
        while unsent.sent < unsent.bytes.len() {
            match self.transport.poll_write(cx, &unsent.bytes[unsent.sent..], &[]) {
                Poll::Ready(Ok(written)) if written > 0 => unsent.sent += written,
                Poll::Pending => return false,
                Poll::Ready(_) => {
                    self.phase = Phase::Broken;
                    break;
                }
            }
        }
        self.unsent = None;
        self.phase != Phase::Broken
    }

    /// After a write that took everything.
    fn written(&mut self, cx: &mut Context<'_>) -> Next {
        if self.has_output {
            return Next::Again;
        }
        if self.phase != Phase::Closing {
            return Next::Wait;
        }
        // A transport that needs more than one poll for this does it while it lingers.
        let shut = self.transport.poll_shutdown(cx);
        self.phase = Phase::Lingering;
        if self.peer_ended || matches!(shut, Poll::Ready(Err(_))) { Next::End } else { Next::Again }
    }

    /// After a write that took less.
    fn blocked(&mut self) -> Next {
        if self.phase == Phase::Broken { Next::Again } else { Next::Wait }
    }
}
