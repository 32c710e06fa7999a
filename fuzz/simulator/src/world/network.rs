//! Links and clients: bytes on their way, connections that open, stall and die.

use mqtt_broker_core::Instant;

use super::{Happening, World};
use crate::client::Wish;
use crate::clock::after;
use crate::faults::Fault;
use crate::link::{Arrival, Link, LinkId};
use crate::workload::Reading;

impl World {
    pub(super) fn client_turn(&mut self, client: usize) {
        if !self.take_turn() {
            return;
        }
        let reading = self.clients[client].profile.reading;
        if reading == Reading::Never && self.clients[client].stops_reading() {
            if let Some(link) = self.clients[client].link {
                self.links[link as usize].down.stalled_until = Instant::NEVER;
            }
        }
        let wish = self.clients[client].turn(&mut self.messages);
        self.grant(client, wish);
        let at = self.later(client);
        self.agenda.put(at, Happening::Turn(client));
    }

    pub(super) fn client_ping(&mut self, client: usize) {
        self.clients[client].ping();
        self.grant(client, None);
        let interval = self.ping_interval(client);
        self.agenda.put(after(self.now, interval), Happening::Ping(client));
    }

    /// Does what a client wants, and sends what it has to send.
    pub(super) fn grant(&mut self, client: usize, wish: Option<Wish>) {
        if wish == Some(Wish::Open) {
            self.open(client);
        }
        self.flush(client);
        match wish {
            Some(Wish::Close) => {
                if let Some(link) = self.clients[client].link {
                    self.trace.note(self.now, || format!("client {client} closes link {link}"));
                    let at = self.links[link as usize].up.send(after(self.now, 1), Arrival::End);
                    self.agenda.put(at, Happening::Up(link));
                    self.clients[client].lost();
                }
            }
            Some(Wish::Abandon) => self.abandon(client),
            Some(Wish::Open) | None => {}
        }
    }

    fn open(&mut self, client: usize) {
        let outbox = std::mem::take(&mut self.clients[client].outbox);
        self.abandon(client);
        let capacity = *self.network.pick(&[2048, 16_384, 65_536]);
        let link = LinkId::try_from(self.links.len()).unwrap_or(LinkId::MAX);
        self.links.push(Link::new(client, self.home(client), capacity));
        self.trace.note(self.now, || format!("client {client} opens link {link}"));
        let client = &mut self.clients[client];
        client.link = Some(link);
        client.outbox = outbox;
        let at = Instant(self.now.0 + self.network.between(50, 300));
        self.agenda.put(at, Happening::Accept(link));
        // Nothing arrives before the connection does.
        self.links[link as usize].up.stalled_until = at;
    }

    /// The client turns its back on its connection, which the host may notice some time.
    fn abandon(&mut self, client: usize) {
        // A connection that a client took over from is no longer known to it.
        let own = |link: &Link| link.client == client && !link.abandoned;
        for (id, link) in (0..).zip(&mut self.links).filter(|(_, link)| own(link)) {
            link.abandoned = true;
            let is_long = self.network.chance(200);
            let after_ms = if is_long {
                self.network.between(10_000, 100_000)
            } else {
                self.network.magnitude(1, 20_000)
            };
            self.agenda.put(after(self.now, after_ms), Happening::Eof(id));
        }
        self.clients[client].lost();
    }

    /// Sends what a client has to send.
    fn flush(&mut self, client: usize) {
        let Some(link) = self.clients[client].link else { return };
        let bytes = std::mem::take(&mut self.clients[client].outbox);
        if !bytes.is_empty() {
            self.send(link, bytes, true);
        }
    }

    /// Puts bytes on their way, with whatever may happen to them there.
    pub(super) fn send(&mut self, link: LinkId, bytes: Vec<u8>, up: bool) {
        let mut pieces = Vec::new();
        match self.faults.strikes(Fault::Split) {
            Some(random) if bytes.len() > 1 => {
                let mut rest = &bytes[..];
                for _ in 0..random.between(1, 4) {
                    let (piece, after) = rest.split_at(random.index(rest.len()));
                    pieces.push(piece.to_vec());
                    rest = after;
                }
                pieces.push(rest.to_vec());
            }
            _ => pieces.push(bytes),
        }
        for piece in pieces.into_iter().filter(|piece| !piece.is_empty()) {
            let delay = self.faults.strikes(Fault::Delay).map_or(0, |r| r.magnitude(5, 2000));
            let usual = self.network.between(50, 1500);
            let at = Instant(after(self.now, delay).0 + usual);
            let pipe = self.pipe(link, up);
            let at = pipe.send(at, Arrival::Bytes(piece));
            self.agenda.put(at, if up { Happening::Up(link) } else { Happening::Down(link) });
        }
        if let Some(random) = self.faults.strikes(Fault::Stall) {
            let until = after(self.now, random.between(500, 8000));
            let pipe = self.pipe(link, up);
            if pipe.stalled_until < until {
                pipe.stalled_until = until;
            }
            self.agenda.put(until, if up { Happening::Up(link) } else { Happening::Down(link) });
        }
        if let Some(random) = self.faults.strikes(Fault::Cut) {
            let (host, client) = (random.magnitude(1, 5000), random.magnitude(1, 5000));
            self.trace.note(self.now, || format!("link {link} is cut"));
            self.pipe(link, true).is_cut = true;
            self.pipe(link, false).is_cut = true;
            self.agenda.put(after(self.now, host), Happening::Eof(link));
            self.agenda.put(after(self.now, client), Happening::Lost(link));
        }
    }

    fn pipe(&mut self, link: LinkId, up: bool) -> &mut crate::link::Pipe {
        let link = &mut self.links[link as usize];
        if up { &mut link.up } else { &mut link.down }
    }

    pub(super) fn arrive_up(&mut self, link: LinkId) {
        let now = self.now;
        loop {
            match self.links[link as usize].up.receive(now) {
                Some(Arrival::Bytes(bytes)) => {
                    let there = &mut self.links[link as usize];
                    if there.handle.is_some() && !there.closing {
                        there.unread.extend_from_slice(&bytes);
                        self.offer(link);
                    }
                }
                Some(Arrival::End) => self.eof(link),
                None => return,
            }
        }
    }

    pub(super) fn arrive_down(&mut self, link: LinkId) {
        let client = self.links[link as usize].client;
        loop {
            let there = &mut self.links[link as usize];
            if there.abandoned {
                // Nobody reads.
                return;
            }
            match there.down.receive(self.now) {
                Some(Arrival::Bytes(bytes)) => {
                    if self.links[link as usize].ready {
                        self.agenda.put(self.now, Happening::Transmit(link));
                    }
                    if self.clients[client].link == Some(link) {
                        self.client_receives(client, link, &bytes);
                        self.pause_reading(client, link);
                    }
                }
                Some(Arrival::End) => return self.lost(link),
                None => return,
            }
        }
    }

    fn client_receives(&mut self, client: usize, link: LinkId, bytes: &[u8]) {
        let session = self.oracles.session_of(link);
        let (heard, wish) = self.clients[client].receive(bytes, &self.messages, session);
        let epoch = self.clients[client].epoch;
        for heard in heard {
            self.trace.counts.heard += 1;
            self.trace.note(self.now, || format!("client {client} has {heard:?}"));
            self.oracles.heard(link, client, epoch, &heard);
        }
        self.grant(client, wish);
    }

    fn pause_reading(&mut self, client: usize, link: LinkId) {
        let slow = self.clients[client].profile.reading == Reading::Slow;
        if slow && self.healed_at.is_none() && self.network.chance(100) {
            let until = after(self.now, self.network.magnitude(100, 10_000));
            let down = &mut self.links[link as usize].down;
            down.stalled_until = down.stalled_until.max(until);
            self.agenda.put(until, Happening::Down(link));
        }
    }

    /// The client notices that its connection is over.
    pub(super) fn lost(&mut self, link: LinkId) {
        let client = self.links[link as usize].client;
        if self.clients[client].link == Some(link) {
            self.trace.note(self.now, || format!("client {client} lost link {link}"));
            self.links[link as usize].abandoned = true;
            self.clients[client].lost();
            self.agenda.put(after(self.now, 100), Happening::Eof(link));
        }
    }
}
