//! The host of a transcript: it carries bytes between clients and broker as its mode says, and
//! checks what every host may rely on.

use core::time::Duration;

use mqtt_broker_core::{
    Broker, CloseReason, Config, ConnectionHandle, Event, Instant, LocalSubscription, Lsn, Message,
    Output, Peer, Played, Received, Request, Stats, Ticket, play,
};

use super::client::Seen;
use super::host::Wish;
use super::mode::{Cut, Disk, Drain, Mode};
use super::publication::publication;
use super::rules::{Rule, Rules};
use super::scene::{Scene, question};
use super::subject::Subject;
use super::wishes::Wishes;

mod crashing;

/// More turns than any transcript needs; a broker that is never at rest is caught here.
const TURNS: usize = 10_000;

/// Broker, clients and clock.
pub(crate) struct World {
    broker: Broker,
    now: Instant,
    rules: Rules,
    scene: Scene,
    /// The Network Connections of the clients, in the same places.
    links: Vec<Link>,
    wishes: Wishes,
    disk_stalls: bool,
    mode: Mode,
    written: Lsn,
    durable: Lsn,
    /// The journal, by its records.
    records: Vec<Vec<u8>>,
}

/// What the host keeps for a client.
#[derive(Default)]
struct Link {
    connection: Option<ConnectionHandle>,
    /// Bytes it sent that the broker has not consumed.
    unread: Vec<u8>,
    /// The broker takes no input from it at present.
    waiting: bool,
    /// The broker said that there is something to transmit.
    ready: bool,
    /// The broker asked to close, and why.
    closing: Option<String>,
}

/// An [`Output`] without what it borrows.
enum Heard {
    Transmit(ConnectionHandle),
    Close(ConnectionHandle, CloseReason),
    Resume(ConnectionHandle),
    Decide(Ticket, ConnectionHandle, Request),
    Message(Seen),
    Event(Event),
}

impl World {
    pub(crate) fn new(mut config: Config, mode: Mode) -> Self {
        config.journal |= mode.disk != Disk::None;
        if mode.restless {
            config.recording = 1 << 30;
        }
        Self {
            broker: Broker::new(config),
            now: Instant::from_secs(1_000_000_000),
            rules: Rules::default(),
            scene: Scene::default(),
            links: Vec::new(),
            wishes: Wishes::default(),
            disk_stalls: false,
            mode,
            written: Lsn::default(),
            durable: Lsn::default(),
            records: Vec::new(),
        }
    }

    /// Offers a client's bytes; says how many more the broker needs.
    fn offer(&mut self, client: usize) -> Result<usize, String> {
        let link = &mut self.links[client];
        let (Some(connection), false) = (link.connection, link.waiting) else {
            return Ok(1);
        };
        let bytes = &link.unread;
        let Received { consumed, needed, waiting, .. } =
            self.broker.handle_input(self.now, connection, bytes, &mut self.rules);
        let left = bytes.len().checked_sub(consumed).ok_or("consumed more than there was")?;
        link.unread.drain(..consumed);
        link.waiting = waiting;
        match (waiting || left == 0, needed) {
            (true, packet) if packet <= left => Ok(1),
            (true, _) => Err(format!("needed is {needed} although there is nothing to wait for")),
            (false, _) if needed > left => Ok(needed - left),
            (false, _) => Err(format!("{left} bytes unconsumed although needed is {needed}")),
        }
    }

    /// The host's turn, again and again until nothing is left to do. With `settling`, what was
    /// written to the disk is durable.
    fn drain(&mut self, settling: bool) -> Result<(), String> {
        for _ in 0..TURNS {
            let mut busy = self.journal(settling)?;
            while let Some(heard) =
                self.broker.poll_output().map(|output| heard(output, &self.wishes.subscriptions))
            {
                self.hear(heard)?;
                busy = true;
            }
            busy |= self.transmit()?;
            if self.broker.poll_timeout().is_some_and(|due| due <= self.now) {
                self.broker.handle_timeout(self.now);
                busy = true;
            }
            if !busy {
                return Ok(());
            }
        }
        Err("the broker does not come to rest".into())
    }

    fn journal(&mut self, settling: bool) -> Result<bool, String> {
        while let Some(record) = self.broker.poll_journal() {
            if record.lsn <= self.written {
                return Err(format!("{:?} came after {:?}", record.lsn, self.written));
            }
            self.written = record.lsn;
            self.records.push(record.bytes.to_vec());
        }
        let synced = !self.disk_stalls && (settling || self.mode.disk != Disk::Slow);
        let news = synced && self.durable < self.written;
        if news {
            self.durable = self.written;
            self.broker.durable(self.durable);
        }
        Ok(news)
    }

    fn hear(&mut self, heard: Heard) -> Result<(), String> {
        let place = |handle| self.links.iter().position(|link| link.connection == Some(handle));
        match heard {
            // A connection that the host has given up may still be spoken of: harmless.
            Heard::Transmit(handle) => {
                if let Some(place) = place(handle) {
                    let again = core::mem::replace(&mut self.links[place].ready, true);
                    if again {
                        return Err("a second Transmit before poll_transmit said None".into());
                    }
                }
            }
            Heard::Close(handle, reason) => {
                if let Some(place) = place(handle) {
                    let again = self.links[place].closing.replace(reason.to_string());
                    if again.is_some() {
                        return Err("a second Close for one connection".into());
                    }
                }
            }
            Heard::Resume(handle) => {
                if let Some(place) = place(handle) {
                    if !core::mem::take(&mut self.links[place].waiting) {
                        return Err("a Resume for a connection that does not wait".into());
                    }
                    self.offer(place)?;
                }
            }
            Heard::Decide(ticket, handle, request) => {
                if let Some(place) = place(handle) {
                    let name = self.scene.clients[place].name.clone();
                    self.scene.inbox.push_back(question(&name, &request));
                    self.wishes.questions.push((name, ticket));
                }
            }
            Heard::Message(seen) => self.scene.inbox.push_back(seen),
            Heard::Event(event) => self.scene.hear(event),
        }
        Ok(())
    }

    fn transmit(&mut self) -> Result<bool, String> {
        let mut busy = false;
        let mut buffer = vec![0; self.mode.buffer];
        for (link, client) in self.links.iter_mut().zip(&mut self.scene.clients) {
            let Some(connection) = link.connection else {
                continue;
            };
            if !core::mem::take(&mut link.ready) && link.closing.is_none() {
                continue;
            }
            busy = true;
            while let Some(sent) =
                self.broker.poll_transmit(self.now, connection, &mut buffer, &mut self.rules)
            {
                if sent.len == 0 && sent.payload.is_empty() {
                    return Err("poll_transmit gave nothing instead of None".into());
                }
                client.receives(&buffer[..sent.len])?;
                client.receives(sent.payload)?;
            }
            if let Some(reason) = link.closing.take() {
                self.broker.handle_eof(self.now, connection);
                *link = Link::default();
                client.closed(reason)?;
            }
        }
        Ok(busy)
    }
}

impl Subject for World {
    fn last_check(&mut self) -> Result<(), String> {
        let Some(recording) = self.broker.poll_recording() else { return Ok(()) };
        let mut steps = 0;
        let played = play(self.broker.config(), &recording, |_, step| {
            steps += step.to_string().len().min(1);
        });
        match played.map_err(|error| format!("played back: {error}"))? {
            Played { complete: true, hash, .. } if hash == self.broker.output_hash() => {}
            other => return Err(format!("played back: {other:?}")),
        }
        if steps == 0 { Err("nothing is shown of the recording".into()) } else { Ok(()) }
    }

    fn scene(&mut self) -> &mut Scene {
        &mut self.scene
    }

    fn accept(&mut self, client: usize) -> Result<(), String> {
        // The place of the client is its port.
        let port = u16::try_from(client).map_err(|e| e.to_string())?;
        let peer = Peer::new(([127, 0, 0, 1], port).into());
        match self.broker.handle_accept(self.now, peer) {
            Ok(connection) => {
                if self.links.iter().any(|other| other.connection == Some(connection)) {
                    return Err(format!("{connection:?} was given twice"));
                }
                self.links.resize_with(self.scene.clients.len(), Link::default);
                self.links[client] = Link { connection: Some(connection), ..Link::default() };
                self.scene.clients[client].opened();
                Ok(())
            }
            Err(error) => self.scene.clients[client].closed(error.to_string()),
        }
    }

    /// In the pieces that the mode makes of it.
    fn write(&mut self, client: usize, bytes: &[u8]) -> Result<(), String> {
        let mut rest = bytes;
        let mut needed = 1;
        while !rest.is_empty() && self.scene.clients[client].is_open {
            let length = match self.mode.cut {
                Cut::Whole | Cut::Together => rest.len(),
                Cut::Bytes => 1,
                Cut::At(k) if rest.len() == bytes.len() => k.min(bytes.len() - 1).max(1),
                Cut::At(_) => rest.len(),
                Cut::AsNeeded => needed.min(rest.len()),
            };
            let (piece, after) = rest.split_at(length);
            rest = after;
            self.links[client].unread.extend_from_slice(piece);
            needed = self.offer(client)?;
            if self.mode.drain == Drain::AtOnce {
                self.drain(false)?;
            }
        }
        Ok(())
    }

    fn end(&mut self, client: usize) -> Result<(), String> {
        self.settle()?;
        self.scene.clients[client].is_open = false;
        let link = self.links.get_mut(client).map(core::mem::take);
        if let Some(connection) = link.and_then(|link| link.connection) {
            self.broker.handle_eof(self.now, connection);
        }
        Ok(())
    }

    fn settle(&mut self) -> Result<(), String> {
        self.drain(true)
    }

    /// What an impatient host does between any two lines.
    fn after_line(&mut self) -> Result<(), String> {
        if self.mode.restless {
            self.broker.handle_timeout(self.now);
        }
        if self.mode.drain == Drain::AtOnce {
            self.drain(false)?;
        }
        Ok(())
    }

    /// Stops where the broker asked to be woken.
    fn wait(&mut self, span: Duration) -> Result<(), String> {
        self.settle()?;
        let end = self.now + span;
        for _ in 0..TURNS {
            match self.broker.poll_timeout() {
                Some(due) if due <= end => {
                    self.now = self.now.max(due);
                    self.broker.handle_timeout(self.now);
                    self.settle()?;
                }
                _ => {
                    self.now = end;
                    return self.settle();
                }
            }
        }
        Err("the broker asks to be woken without end".into())
    }

    fn rule(&mut self, rule: Option<Rule>) -> Result<(), String> {
        self.rules.add(rule);
        Ok(())
    }

    fn disk_stalls(&mut self, stalls: bool) -> Result<(), String> {
        self.disk_stalls = stalls;
        Ok(())
    }

    /// Of the journal, what was durable is left.
    fn crash(&mut self, away: Duration, back: Duration) -> Result<(), String> {
        let durable = usize::try_from(self.durable.0).map_err(|e| e.to_string())?;
        self.records.truncate(durable);
        self.written = self.durable;
        let mut replay = Broker::replay(self.broker.config().clone());
        for record in &self.records {
            replay.apply(record).map_err(|e| e.to_string())?;
        }
        self.now = Instant((self.now + away).0 - (Instant(0) + back).0);
        self.broker = replay.finish(self.now).map_err(|e| e.to_string())?;
        self.disk_stalls = false;
        self.wishes = Wishes::default();
        for (link, client) in self.links.iter_mut().zip(&mut self.scene.clients) {
            *link = Link::default();
            client.is_open = false;
        }
        self.settle()
    }

    fn wish(&mut self, wish: &Wish) -> Result<(), String> {
        self.wishes.tell(&mut self.broker, self.now, wish, &mut self.scene)
    }

    fn stats(&mut self) -> Result<Stats, String> {
        Ok(self.broker.stats())
    }

    fn joins_writes(&self) -> bool {
        self.mode.cut == Cut::Together
    }
}

fn heard(output: Output<'_>, subscriptions: &[(String, LocalSubscription)]) -> Heard {
    match output {
        Output::Transmit(connection) => Heard::Transmit(connection),
        Output::Close(connection, reason) => Heard::Close(connection, reason),
        Output::Resume(connection) => Heard::Resume(connection),
        Output::Decide(ticket, connection, request) => Heard::Decide(ticket, connection, request),
        Output::Message(subscription, message) => {
            let known = subscriptions.iter().any(|(_, known)| *known == subscription);
            Heard::Message(if known { publication(&message) } else { unknown(&message) })
        }
        Output::Event(event) => Heard::Event(event),
        other => panic!("an output that the runner does not know: {other:?}"),
    }
}

fn unknown(message: &Message<'_>) -> Seen {
    let text = format!("a message for no subscription: {message:?}");
    Seen::Packet(text.clone(), text)
}
