//! [`Connection`]: one TCP socket, from client to client.
//!
//! ```text
//!   Listening ──▶ Open ── Output::Close, or the peer's end; all is sent ──▶ Closing ──▶ Listening
//!       │                                                         (until the peer ends its side)
//!       └──▶ (the broker is full: reset)
//! ```
//!
//! The socket's receive buffer is the broker's input: bytes stay there until the broker has consumed
//! them. While it takes none, the buffer fills, the window closes, and the client waits; that is all
//! the back-pressure there is, and no packet is ever held anywhere else.

use mqtt_broker_core::{Broker, CloseReason, ConnectionHandle, Instant, Peer};
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp::{Socket, SocketBuffer, State};
use smoltcp::time::Duration;

use crate::rules::Rules;

/// Where clients are expected.
pub(crate) const PORT: u16 = 1883;
/// Clients that are served at once.
pub(crate) const CLIENTS: usize = 12;
/// There is no queue of connections that wait to be accepted: with these two, one more client is
/// told that the broker is full, while another is still being told.
pub(crate) const SOCKETS: usize = CLIENTS + 2;
/// Bytes of a socket's receive buffer: the largest packet.
pub(crate) const RECEIVE: usize = 1024;
/// Bytes of a socket's send buffer.
const TRANSMIT: usize = 512;
/// What the broker must be offered at least.
const ROOM: usize = 64;

/// How long a peer that has begun to connect has to go on.
const HALF_OPEN: Duration = Duration::from_secs(3);
/// A peer that says nothing for this long is asked whether it is still there ...
const KEEP_ALIVE: Duration = Duration::from_secs(20);
/// ... and is given up when it has not answered for this long.
const TIMEOUT: Duration = Duration::from_secs(30);
/// How long a peer has to take what is left and to end its side.
const GRACE: core::time::Duration = core::time::Duration::from_secs(1);

/// The memory of one socket.
pub(crate) struct Buffers {
    receive: [u8; RECEIVE],
    transmit: [u8; TRANSMIT],
}

impl Buffers {
    pub(crate) const EMPTY: Self = Self { receive: [0; RECEIVE], transmit: [0; TRANSMIT] };
}

/// What the connections share during a turn.
pub(crate) struct Turn<'a> {
    pub(crate) now: Instant,
    pub(crate) broker: &'a mut Broker,
    pub(crate) rules: &'a mut Rules,
    pub(crate) sockets: &'a mut SocketSet<'static>,
    pub(crate) buffer: &'a mut [u8; RECEIVE],
    /// Something was done that may lead to more.
    pub(crate) worked: bool,
}

/// One TCP socket, and what the broker knows it as.
pub(crate) struct Connection {
    socket: SocketHandle,
    stage: Stage,
}

enum Stage {
    Listening,
    Open(Open),
    Closing(Closing),
}

/// A connection that the broker has accepted.
struct Open {
    handle: ConnectionHandle,
    /// Bytes of the receive buffer that the broker has seen and could not use yet.
    offered: usize,
    /// The broker takes no input.
    waiting: bool,
    /// The broker has something to send.
    transmit: bool,
    /// It ends as soon as all is sent.
    ending: Option<Closing>,
}

/// A connection that the broker is done with, but the peer may not be.
#[derive(Clone, Copy)]
struct Closing {
    /// When it is cut off.
    deadline: Instant,
    /// The client has said DISCONNECT: its FIN comes next. Were ours to meet it on the way, the
    /// socket would be of no use for a while.
    awaits_fin: bool,
}

impl Connection {
    /// A socket that will listen.
    pub(crate) fn new(sockets: &mut SocketSet<'static>, buffers: &'static mut Buffers) -> Self {
        let Buffers { receive, transmit } = buffers;
        let (receive, transmit) = (&mut receive[..], &mut transmit[..]);
        let mut socket = Socket::new(SocketBuffer::new(receive), SocketBuffer::new(transmit));
        socket.set_nagle_enabled(false);
        socket.set_ack_delay(None);
        socket.set_keep_alive(Some(KEEP_ALIVE));
        Self { socket: sockets.add(socket), stage: Stage::Listening }
    }

    /// Whether the broker means this one.
    pub(crate) fn is(&self, handle: ConnectionHandle) -> bool {
        matches!(&self.stage, Stage::Open(open) if open.handle == handle)
    }

    /// The broker has something to send.
    pub(crate) fn has_to_send(&mut self) {
        if let Stage::Open(open) = &mut self.stage {
            open.transmit = true;
        }
    }

    /// The broker takes input again.
    pub(crate) fn resume(&mut self) {
        if let Stage::Open(open) = &mut self.stage {
            (open.waiting, open.offered) = (false, 0);
        }
    }

    /// The broker is done with it, except for what is still to be sent.
    pub(crate) fn close(&mut self, now: Instant, reason: CloseReason) {
        if let Stage::Open(open) = &mut self.stage {
            let awaits_fin = matches!(reason, CloseReason::Disconnected(_));
            open.ending = Some(Closing { deadline: now + GRACE, awaits_fin });
        }
    }

    /// When it needs a turn, whatever happens.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        match &self.stage {
            Stage::Listening => None,
            Stage::Open(open) => open.ending.map(|closing| closing.deadline),
            Stage::Closing(closing) => Some(closing.deadline),
        }
    }

    /// Whether a client can connect to it, or can as soon as the last one knows of its end.
    pub(crate) fn is_free(&self, sockets: &SocketSet<'static>) -> bool {
        let state = sockets.get::<Socket<'_>>(self.socket).state();
        let is_free = matches!(state, State::Listen | State::Closed);
        is_free && matches!(self.stage, Stage::Listening)
    }

    /// Accepts, and gives the broker what came.
    pub(crate) fn receive(&mut self, turn: &mut Turn<'_>) {
        let socket = turn.sockets.get_mut::<Socket<'_>>(self.socket);
        match &mut self.stage {
            // As long as it knows its last peer, that one has to be told of the end.
            Stage::Listening if !socket.is_open() => {
                if socket.remote_endpoint().is_none() {
                    socket.set_timeout(Some(HALF_OPEN));
                    // It is closed, so it can.
                    let _ = socket.listen(PORT);
                    turn.worked = true;
                }
            }
            Stage::Listening => {
                if let Some(open) = accept(turn, self.socket) {
                    self.stage = Stage::Open(open);
                    self.receive(turn);
                }
            }
            Stage::Open(open) => open.receive(turn, self.socket),
            // What is left in the buffer would keep out the end that comes behind it.
            Stage::Closing(_) => consume(socket, RECEIVE),
        }
    }

    /// Sends what there is, and closes what is over.
    pub(crate) fn transmit(&mut self, turn: &mut Turn<'_>) {
        if let Stage::Open(open) = &mut self.stage {
            open.transmit(turn, self.socket);
            let is_done = |closing: &Closing| !open.transmit || closing.deadline <= turn.now;
            if let Some(closing) = open.ending.filter(is_done) {
                turn.broker.handle_eof(turn.now, open.handle);
                self.stage = Stage::Closing(closing);
                turn.worked = true;
            }
        }
        if let Stage::Closing(closing) = self.stage {
            let socket = turn.sockets.get_mut::<Socket<'_>>(self.socket);
            if socket.may_send() && (has_ended(socket.state()) || !closing.awaits_fin) {
                // What is in the socket goes first.
                socket.close();
                turn.worked = true;
            }
            if closing.deadline <= turn.now || !has_peer(socket.state()) {
                self.cut(turn);
            }
        }
    }

    /// When it began to close, if it does: the first to give way to a newcomer.
    pub(crate) const fn closing_since(&self) -> Option<Instant> {
        match self.stage {
            Stage::Closing(closing) => Some(closing.deadline),
            Stage::Listening | Stage::Open(_) => None,
        }
    }

    /// Ends it without more ado. The broker has.
    pub(crate) fn cut(&mut self, turn: &mut Turn<'_>) {
        turn.sockets.get_mut::<Socket<'_>>(self.socket).abort();
        self.stage = Stage::Listening;
        turn.worked = true;
    }
}

/// Makes a connection of a socket that has a peer; resets it if the broker is full.
fn accept(turn: &mut Turn<'_>, socket: SocketHandle) -> Option<Open> {
    let socket = turn.sockets.get_mut::<Socket<'_>>(socket);
    let remote = socket.remote_endpoint().filter(|_| socket.may_send())?;
    turn.worked = true;
    let peer = Peer::new((remote.addr, remote.port).into());
    let Ok(handle) = turn.broker.handle_accept(turn.now, peer) else {
        socket.abort();
        return None;
    };
    socket.set_timeout(Some(TIMEOUT));
    Some(Open { handle, offered: 0, waiting: false, transmit: false, ending: None })
}

impl Open {
    fn receive(&mut self, turn: &mut Turn<'_>, socket: SocketHandle) {
        let socket = turn.sockets.get_mut::<Socket<'_>>(socket);
        if !self.waiting && socket.recv_queue() > self.offered {
            let len = socket.peek_slice(turn.buffer).unwrap_or(0);
            let bytes = turn.buffer.get(..len).unwrap_or_default();
            let received = turn.broker.handle_input(turn.now, self.handle, bytes, turn.rules);
            consume(socket, received.consumed);
            self.offered = len - received.consumed;
            self.waiting = received.waiting;
            turn.worked |= received.consumed > 0;
        }
        // Input that waits until the peer has read something waits for ever if the peer is gone.
        let is_all = !self.waiting && socket.recv_queue() <= self.offered;
        let is_over = has_ended(socket.state()) && (is_all || !socket.may_send());
        if self.ending.is_none() && is_over {
            self.ending = Some(Closing { deadline: turn.now + GRACE, awaits_fin: false });
        }
    }

    fn transmit(&mut self, turn: &mut Turn<'_>, socket: SocketHandle) {
        let socket = turn.sockets.get_mut::<Socket<'_>>(socket);
        while self.transmit {
            let room = socket.send_capacity() - socket.send_queue();
            if room < ROOM || !socket.may_send() {
                // A peer that is gone is not sent anything.
                self.transmit = socket.may_send();
                return;
            }
            let buffer = turn.buffer.get_mut(..room).unwrap_or_default();
            let transmit = turn.broker.poll_transmit(turn.now, self.handle, buffer, turn.rules);
            let Some(len) = transmit.map(|transmit| transmit.len) else {
                self.transmit = false;
                return;
            };
            // There is room: it was asked for. And nothing is lent: no payload is that large.
            let _ = socket.send_slice(turn.buffer.get(..len).unwrap_or_default());
            turn.worked = true;
        }
    }
}

/// Takes bytes from the socket that nobody needs any more, as far as there are any; they may lie at
/// the end and at the beginning of its buffer.
fn consume(socket: &mut Socket<'_>, mut consumed: usize) {
    while consumed > 0 {
        let taken = socket.recv(|bytes| {
            let taken = consumed.min(bytes.len());
            (taken, taken)
        });
        match taken {
            Ok(taken @ 1..) => consumed -= taken,
            _ => return,
        }
    }
}

/// Whether the peer sends nothing more.
const fn has_ended(state: State) -> bool {
    !matches!(state, State::Established | State::FinWait1 | State::FinWait2)
}

/// Whether the peer has anything to do with this socket yet.
const fn has_peer(state: State) -> bool {
    !matches!(state, State::Closed | State::TimeWait)
}
