//! The host of a transcript: it carries bytes between clients and broker as its mode says, and
//! checks what every host may rely on.

use alloc::collections::VecDeque;

use mqtt_broker_core::{
    Broker, CloseReason, Config, ConnectionHandle, Event, Instant, LocalSubscription, Lsn, Message,
    Output, Peer, Received, Request, Ticket,
};
use mqtt_codec::{Delivery, Packet, Properties, Property, Publish};

use super::client::{Client, Seen};
use super::mode::{Cut, Disk, Drain, Mode};
use super::rules::Rules;

/// More turns than any transcript needs; a broker that is never at rest is caught here.
const TURNS: usize = 10_000;

/// Broker, clients and clock.
pub(crate) struct World {
    pub(crate) broker: Broker,
    pub(crate) now: Instant,
    pub(crate) rules: Rules,
    pub(crate) clients: Vec<Client>,
    /// What the host was told and the transcript has not mentioned yet.
    pub(crate) inbox: VecDeque<Seen>,
    pub(crate) subscriptions: Vec<(String, LocalSubscription)>,
    /// Open questions and the clients that wait for the answers.
    pub(crate) questions: Vec<(String, Ticket)>,
    /// Messages that did not reach a Client Identifier, and not yet mentioned.
    pub(crate) misses: Vec<(String, String)>,
    /// Client Identifiers whose Sessions ended, and not mentioned.
    pub(crate) ended: Vec<String>,
    pub(crate) disk_stalls: bool,
    mode: Mode,
    written: Lsn,
    durable: Lsn,
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
        Self {
            broker: Broker::new(config),
            now: Instant::from_secs(1_000_000_000),
            rules: Rules::default(),
            clients: Vec::new(),
            inbox: VecDeque::new(),
            subscriptions: Vec::new(),
            questions: Vec::new(),
            misses: Vec::new(),
            ended: Vec::new(),
            disk_stalls: false,
            mode,
            written: Lsn::default(),
            durable: Lsn::default(),
        }
    }

    /// The place of a client in `clients`; it is made when it is first named.
    pub(crate) fn client(&mut self, name: &str) -> usize {
        let found = self.clients.iter().position(|client| client.name == name);
        found.unwrap_or_else(|| {
            self.clients.push(Client::new(name.into()));
            self.clients.len() - 1
        })
    }

    /// A Network Connection for a client.
    pub(crate) fn accept(&mut self, client: usize) -> Result<(), String> {
        match self.broker.handle_accept(self.now, Peer::default()) {
            Ok(connection) => {
                if self.clients.iter().any(|other| other.connection == Some(connection)) {
                    return Err(format!("{connection:?} was given twice"));
                }
                self.clients[client].opened(connection);
                Ok(())
            }
            Err(error) => self.clients[client].closed(error.to_string()),
        }
    }

    /// One write of a client, in the pieces that the mode makes of it.
    pub(crate) fn write(&mut self, client: usize, bytes: &[u8]) -> Result<(), String> {
        let mut rest = bytes;
        let mut needed = 1;
        while !rest.is_empty() && self.clients[client].connection.is_some() {
            let length = match self.mode.cut {
                Cut::Whole | Cut::Together => rest.len(),
                Cut::Bytes => 1,
                Cut::At(k) if rest.len() == bytes.len() => k.min(bytes.len() - 1).max(1),
                Cut::At(_) => rest.len(),
                Cut::AsNeeded => needed.min(rest.len()),
            };
            let (piece, after) = rest.split_at(length);
            rest = after;
            self.clients[client].unread.extend_from_slice(piece);
            needed = self.offer(client)?;
            if self.mode.drain == Drain::AtOnce {
                self.drain(false)?;
            }
        }
        Ok(())
    }

    /// The transport of a client ends; what was on its way to it arrives first.
    pub(crate) fn end(&mut self, client: usize) -> Result<(), String> {
        self.settle()?;
        if let Some(connection) = self.clients[client].connection.take() {
            self.broker.handle_eof(self.now, connection);
        }
        Ok(())
    }

    /// Everything that can happen now has happened afterwards.
    pub(crate) fn settle(&mut self) -> Result<(), String> {
        self.drain(true)
    }

    /// The end of a line: what an impatient host does between any two of them.
    pub(crate) fn after_line(&mut self) -> Result<(), String> {
        if self.mode.restless {
            self.broker.handle_timeout(self.now);
        }
        if self.mode.drain == Drain::AtOnce {
            self.drain(false)?;
        }
        Ok(())
    }

    /// Lets time pass, stopping where the broker asked to be woken.
    pub(crate) fn wait(&mut self, span: core::time::Duration) -> Result<(), String> {
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

    /// Offers a client's bytes; says how many more the broker needs.
    fn offer(&mut self, client: usize) -> Result<usize, String> {
        let client = &mut self.clients[client];
        let (Some(connection), false) = (client.connection, client.waiting) else {
            return Ok(1);
        };
        let bytes = &client.unread;
        let Received { consumed, needed, waiting, .. } =
            self.broker.handle_input(self.now, connection, bytes, &mut self.rules);
        let left = bytes.len().checked_sub(consumed).ok_or("consumed more than there was")?;
        client.unread.drain(..consumed);
        client.waiting = waiting;
        match (waiting || left == 0, needed) {
            (true, 0) => Ok(1),
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
            while let Some(heard) = self.broker.poll_output().map(|o| heard(o, &self.subscriptions))
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
        }
        let synced = !self.disk_stalls && (settling || self.mode.disk != Disk::Slow);
        let news = synced && self.durable < self.written;
        if news {
            self.durable = self.written;
            self.broker.durable(self.now, self.durable);
        }
        Ok(news)
    }

    fn hear(&mut self, heard: Heard) -> Result<(), String> {
        let client = |handle| self.clients.iter().position(|c| c.connection == Some(handle));
        match heard {
            // A connection that the host has given up may still be spoken of: harmless.
            Heard::Transmit(handle) => {
                if let Some(place) = client(handle) {
                    let again = core::mem::replace(&mut self.clients[place].ready, true);
                    if again {
                        return Err("a second Transmit before poll_transmit said None".into());
                    }
                }
            }
            Heard::Close(handle, reason) => {
                if let Some(place) = client(handle) {
                    let again = self.clients[place].closing.replace(reason.to_string());
                    if again.is_some() {
                        return Err("a second Close for one connection".into());
                    }
                }
            }
            Heard::Resume(handle) => {
                if let Some(place) = client(handle) {
                    if !core::mem::take(&mut self.clients[place].waiting) {
                        return Err("a Resume for a connection that does not wait".into());
                    }
                    self.offer(place)?;
                }
            }
            Heard::Decide(ticket, handle, request) => {
                if let Some(place) = client(handle) {
                    let name = self.clients[place].name.clone();
                    self.inbox.push_back(question(&name, &request));
                    self.questions.push((name, ticket));
                }
            }
            Heard::Message(seen) => self.inbox.push_back(seen),
            Heard::Event(Event::Dropped { client_identifier, topic, cause }) => {
                self.misses.push((client_identifier, format!("{topic:?}: {cause}")));
            }
            Heard::Event(Event::SessionEnded { client_identifier }) => {
                self.ended.push(client_identifier);
            }
            Heard::Event(_) => {}
        }
        Ok(())
    }

    fn transmit(&mut self) -> Result<bool, String> {
        let mut busy = false;
        let mut buffer = vec![0; self.mode.buffer];
        for client in &mut self.clients {
            let Some(connection) = client.connection else {
                continue;
            };
            if !core::mem::take(&mut client.ready) && client.closing.is_none() {
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
            if let Some(reason) = client.closing.take() {
                self.broker.handle_eof(self.now, connection);
                client.closed(reason)?;
            }
        }
        Ok(busy)
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

/// A message to the host, as a PUBLISH without Packet Identifier.
fn publication(message: &Message<'_>) -> Seen {
    let expiry = message.message_expiry_interval.map(Property::MessageExpiryInterval);
    let identifier = message.subscription_identifier.map(Property::SubscriptionIdentifier);
    let own = expiry.into_iter().chain(identifier);
    let all: Vec<_> = own.chain(message.pass_through.iter()).collect();
    let publish = Packet::Publish(Publish {
        delivery: Delivery::AtMostOnce,
        retain: message.retain,
        topic: Some(message.topic),
        properties: Properties::new(&all),
        payload: message.payload,
    });
    let text = |text: String| text.replacen("q0", &format!("q{}", message.qos), 1);
    Seen::Packet(text(publish.to_string()), text(format!("{publish:#}")))
}

fn unknown(message: &Message<'_>) -> Seen {
    let text = format!("a message for no subscription: {message:?}");
    Seen::Packet(text.clone(), text)
}

fn question(name: &str, request: &Request) -> Seen {
    let text = match request {
        Request::Connect { .. } => format!("DECIDE {name} connect"),
        Request::Authenticate { method, data, .. } => {
            let data = String::from_utf8_lossy(data);
            format!("DECIDE {name} authenticate {method:?} {data:?}")
        }
        Request::Publish { topic, qos, retain, .. } => {
            format!(
                "DECIDE {name} publish q{qos}{} {topic:?}",
                if *retain { " retain" } else { "" }
            )
        }
        Request::Subscribe { filter, options, .. } => {
            format!("DECIDE {name} subscribe {filter:?} q{}", options.maximum_qos)
        }
        other => format!("DECIDE {name} {other:?}"),
    };
    Seen::Packet(text.clone(), text)
}
