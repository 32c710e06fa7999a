//! A host of the core without sockets: it gives bytes and collects what comes back.

use mqtt_broker_core::{
    Broker, CloseReason, Config, ConnectionHandle, Event, Instant, Output, Peer, Policy,
    RefusalCause,
};
use mqtt_codec::{Framed, Sender, Version, frame};

/// More turns than anything here needs.
const TURNS: usize = 100_000;

/// A broker and the Network Connections that were opened.
pub(crate) struct Host<P> {
    pub(crate) broker: Broker,
    pub(crate) now: Instant,
    pub(crate) wires: Vec<Wire>,
    policy: P,
    refusal: Option<RefusalCause>,
}

/// One Network Connection, seen from the client.
pub(crate) struct Wire {
    connection: ConnectionHandle,
    /// How answers are read.
    pub(crate) version: Version,
    /// Bytes of the client that the broker has not consumed.
    unread: Vec<u8>,
    /// The broker takes no more input at present.
    pub(crate) waiting: bool,
    /// The client reads what is sent to it.
    pub(crate) reads: bool,
    ready: bool,
    arrived: Vec<u8>,
    /// Why it is closed.
    pub(crate) closed: Option<String>,
}

impl<P: Policy> Host<P> {
    pub(crate) fn new(config: Config, policy: P) -> Self {
        let now = Instant::from_secs(1_000_000);
        Self { broker: Broker::new(config), now, wires: Vec::new(), policy, refusal: None }
    }

    /// Opens a Network Connection; its number.
    pub(crate) fn open(&mut self, version: Version) -> usize {
        let connection = self.broker.handle_accept(self.now, Peer::default()).unwrap();
        self.wires.push(Wire {
            connection,
            version,
            unread: Vec::new(),
            waiting: false,
            reads: true,
            ready: false,
            arrived: Vec::new(),
            closed: None,
        });
        self.wires.len() - 1
    }

    /// A client sends bytes; everything that follows from them happens.
    pub(crate) fn send(&mut self, wire: usize, bytes: &[u8]) {
        if self.wires[wire].closed.is_none() {
            self.wires[wire].unread.extend_from_slice(bytes);
        }
        self.offer(wire);
        self.settle();
    }

    /// Whether bytes are left because a packet is not all there.
    pub(crate) fn is_partial(&self, wire: usize) -> bool {
        let wire = &self.wires[wire];
        !wire.unread.is_empty() && !wire.waiting
    }

    /// The packets that have come to a client since this was last asked, and why it is closed.
    pub(crate) fn seen(&mut self, wire: usize) -> Vec<String> {
        let wire = &mut self.wires[wire];
        let mut packets = Vec::new();
        let mut rest = &wire.arrived[..];
        while let Framed::Complete(frame) =
            frame(rest, Sender::Server, u32::MAX).expect("the broker sends packets")
        {
            packets.push(match frame.decode(wire.version) {
                Ok(packet) => format!("{packet:#}"),
                Err(error) => format!("bytes that are wrong: {}", error.name()),
            });
            rest = &rest[frame.encoded_len()..];
        }
        wire.arrived = rest.to_vec();
        packets.extend(wire.closed.as_ref().map(|reason| format!("closed {reason}")));
        packets
    }

    /// The host's turns until there is nothing left to do.
    pub(crate) fn settle(&mut self) {
        for _ in 0..TURNS {
            let mut busy = self.hear();
            for number in 0..self.wires.len() {
                busy |= self.transmit(number);
            }
            if self.broker.poll_timeout().is_some_and(|due| due <= self.now) {
                self.broker.handle_timeout(self.now);
                busy = true;
            }
            if !busy {
                return;
            }
        }
        panic!("the broker does not come to rest");
    }

    fn offer(&mut self, number: usize) {
        let wire = &mut self.wires[number];
        if wire.waiting || wire.closed.is_some() {
            return;
        }
        let received =
            self.broker.handle_input(self.now, wire.connection, &wire.unread, &mut self.policy);
        wire.unread.drain(..received.consumed);
        wire.waiting = received.waiting;
    }

    fn hear(&mut self) -> bool {
        let mut busy = false;
        loop {
            let place = |wires: &[Wire], handle| {
                wires.iter().position(|wire| wire.connection == handle && wire.closed.is_none())
            };
            match self.broker.poll_output() {
                None => return busy,
                Some(Output::Transmit(handle)) => {
                    if let Some(number) = place(&self.wires, handle) {
                        self.wires[number].ready = true;
                    }
                }
                Some(Output::Close(handle, reason)) => {
                    let refusal = self.refusal.take();
                    if let Some(number) = place(&self.wires, handle) {
                        self.wires[number].reads = true;
                        self.wires[number].ready = true;
                        self.transmit(number);
                        self.wires[number].closed = Some(words(reason, refusal));
                        self.wires[number].unread.clear();
                        self.broker.handle_eof(self.now, handle);
                    }
                }
                Some(Output::Resume(handle)) => {
                    if let Some(number) = place(&self.wires, handle) {
                        self.wires[number].waiting = false;
                        self.offer(number);
                    }
                }
                Some(Output::Event(Event::Refused { cause, .. })) => self.refusal = Some(cause),
                Some(_) => {}
            }
            busy = true;
        }
    }

    fn transmit(&mut self, number: usize) -> bool {
        let wire = &mut self.wires[number];
        if !wire.reads || !wire.ready {
            return false;
        }
        wire.ready = false;
        let mut buffer = [0; 4096];
        while let Some(sent) =
            self.broker.poll_transmit(self.now, wire.connection, &mut buffer, &mut self.policy)
        {
            wire.arrived.extend_from_slice(&buffer[..sent.len]);
            wire.arrived.extend_from_slice(sent.payload);
        }
        true
    }
}

/// A reason in as few words as tell it from the others.
fn words(reason: CloseReason, refusal: Option<RefusalCause>) -> String {
    match (reason, refusal) {
        (CloseReason::Malformed(error), _) => error.name().to_owned(),
        (CloseReason::Violation(code, _), _) => format!("{:#04x}", code.value()),
        (CloseReason::Refused(_), Some(RefusalCause::Malformed(error))) => {
            format!("refused {}", error.name())
        }
        (CloseReason::Refused(code), _) => format!("refused {:#04x}", code.value()),
        (CloseReason::Disconnected(code), _) => format!("left {:#04x}", code.value()),
        (CloseReason::NotAuthenticated(code), _) => {
            format!("not authenticated {:#04x}", code.value())
        }
        (other, _) => other.to_string(),
    }
}
