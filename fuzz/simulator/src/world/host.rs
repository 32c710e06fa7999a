//! The host's side of a world: every call of the broker, and what comes of it.

use mqtt_broker_core::{
    ApplicationMessage, ConnectionHandle, Event, Lsn, Output, QueueOverflow, Request, Ticket,
};
use mqtt_codec::{
    Delivery, Framed, Packet, Properties, Property, QoS, ReasonCode, Sender, TopicFilter,
    TopicName, Version, frame,
};

use super::{Happening, NodeEvent, World};
use crate::clock::after;
use crate::faults::Fault;
use crate::link::{Arrival, LinkId};
use crate::message::{HEAD, Message, MessageId, Messages};
use crate::model::PublishNote;
use crate::node::NodeId;
use crate::oracle::late::Recorded;
use crate::oracle::{Call, Cause, Given, Told};
use crate::rules;
use crate::workload::{HostDeed, TOPICS};

/// Something that the host has to do.
#[derive(Clone, Copy)]
enum Act {
    Transmit(ConnectionHandle),
    Close(ConnectionHandle),
    Resume(ConnectionHandle),
    Decide(Ticket, bool, ReasonCode),
    Cut(Lsn),
}

impl World {
    pub(super) fn accept(&mut self, link: LinkId) {
        let client = self.links[link as usize].client;
        let node = self.links[link as usize].node;
        let now = self.nodes[node].clock(self.now);
        let is_there = self.nodes[node].is_up && link >= self.nodes[node].links_before;
        let accepted = if is_there { self.nodes[node].accept(now) } else { None };
        match accepted {
            Some(handle) => {
                self.links[link as usize].handle = Some(handle);
                self.nodes[node].handles.insert(handle, link);
                self.record(|| Recorded::Accept(link));
                self.call(node, &Cause::Opened(link, client));
                self.agenda.put(self.now, Happening::Up(link));
            }
            None => {
                let at = self.links[link as usize].down.send(after(self.now, 1), Arrival::End);
                self.agenda.put(at, Happening::Down(link));
            }
        }
    }

    /// Offers the broker what a connection has brought: packet by packet, but for QoS 0 messages that
    /// are not told apart by what comes of them.
    pub(super) fn offer(&mut self, link: LinkId) {
        loop {
            let there = &mut self.links[link as usize];
            let Some(handle) = there.handle else { return };
            if there.waiting || there.unread.is_empty() {
                return;
            }
            let unread = std::mem::take(&mut there.unread);
            let whole = match frame(&unread, Sender::Client, self.packet_limit(link)) {
                Ok(Framed::Complete(found)) => Ok(Some(found)),
                Ok(Framed::Incomplete { .. }) => Ok(None),
                Err(_) => Err(()),
            };
            let together = self.together(link, &unread);
            let len = match &whole {
                _ if !together.is_empty() => together.iter().map(|(_, len)| len).sum(),
                Ok(Some(found)) => found.encoded_len(),
                _ => unread.len(),
            };
            let (node, now) = (self.links[link as usize].node, self.clock_of(link));
            let received = self.nodes[node].input(now, handle, &unread[..len]);
            self.oracles.conduct.listened(link, now, !received.waiting);
            self.record(|| Recorded::Input(link, unread[..received.consumed].to_vec()));
            let is_taken = received.consumed == len;
            match whole {
                Ok(Some(_)) if !together.is_empty() => {
                    self.taken_together(link, &together, received.consumed);
                }
                Ok(Some(found)) if is_taken => {
                    let version = self.version(link).unwrap_or(Version::V3_1_1);
                    match found.decode(version) {
                        Ok(packet) => self.taken(link, &packet, len),
                        Err(_) => self.call(node, &Cause::Malformed(link)),
                    }
                }
                Err(()) => self.call(node, &Cause::Malformed(link)),
                _ => self.call(node, &Cause::Other),
            }
            let limit = self.workload.config.maximum_packet_size as usize;
            let consistent = received.consumed <= len
                && received.needed <= limit
                && (received.consumed == len || received.waiting || received.needed > len);
            if !consistent {
                let words = format!("link {link}: {received:?} of {len} bytes");
                self.oracles.judge::<()>("limits", Err(words));
                return;
            }
            let there = &mut self.links[link as usize];
            there.waiting = received.waiting;
            there.unread = unread[received.consumed..].to_vec();
            if received.consumed == 0 {
                return;
            }
        }
    }

    /// The messages at the front that are offered in one call, with their lengths; none if that is not
    /// two or more. What comes of any of them comes of all: they are taken, and nobody is closed.
    fn together<'a>(&self, link: LinkId, mut unread: &'a [u8]) -> Vec<(Packet<'a>, usize)> {
        let config = &self.workload.config;
        let is_plain = self.workload.name != "limits"
            && config.queue_overflow != QueueOverflow::Disconnect
            && !self.workload.host.listens;
        let bond = self.oracles.model.bonds.get(&link);
        let Some(bond) = bond.filter(|bond| is_plain && bond.is_open && bond.session.is_some())
        else {
            return Vec::new();
        };
        let version = bond.connect.as_ref().map_or(Version::V3_1_1, |connect| connect.version);
        let mut together = Vec::new();
        while let Ok(Framed::Complete(found)) =
            frame(unread, Sender::Client, config.maximum_packet_size)
        {
            let Ok(packet @ Packet::Publish(publish)) = found.decode(version) else { break };
            let allowed =
                publish.topic.is_some_and(|topic| rules::allows(&bond.name, topic.as_str()));
            let plain = publish.delivery == Delivery::AtMostOnce && !publish.retain;
            if !plain || !allowed || publish.properties.topic_alias().is_some() {
                break;
            }
            let len = found.encoded_len();
            together.push((packet, len));
            unread = &unread[len..];
        }
        if together.len() < 2 { Vec::new() } else { together }
    }

    /// Of messages that were offered in one call, those in the first so many bytes were taken.
    fn taken_together(&mut self, link: LinkId, offered: &[(Packet<'_>, usize)], consumed: usize) {
        let mut end = 0;
        let taken = offered.iter().take_while(|(_, len)| {
            end += len;
            end <= consumed
        });
        let taken: Vec<_> = taken.collect();
        for (packet, _) in &taken {
            let messages = &self.messages;
            self.trace.note(self.now, || format!("link {link} > {}", shown(packet, messages)));
            self.trace.received(packet);
        }
        let causes: Vec<_> =
            taken.iter().map(|(packet, len)| Cause::Packet(link, packet, *len)).collect();
        let node = self.links[link as usize].node;
        match causes.as_slice() {
            [] => self.call(node, &Cause::Other),
            causes => after_call(self, node, causes),
        }
    }

    fn taken(&mut self, link: LinkId, packet: &Packet<'_>, len: usize) {
        // A sign of life tells nothing.
        if !matches!(packet, Packet::Pingreq) {
            let messages = &self.messages;
            self.trace.note(self.now, || format!("link {link} > {}", shown(packet, messages)));
        }
        self.trace.received(packet);
        let node = self.links[link as usize].node;
        self.call(node, &Cause::Packet(link, packet, len));
    }

    /// The longest packet that the broker takes from a connection.
    fn packet_limit(&self, link: LinkId) -> u32 {
        let config = &self.workload.config;
        let any = config.maximum_packet_size;
        match self.oracles.model.bonds.get(&link) {
            Some(bond) if bond.session.is_some() => any,
            _ => any.min(config.limits.connect_packet_size),
        }
    }

    /// The version that a connection speaks, once it has said so.
    fn version(&self, link: LinkId) -> Option<Version> {
        let bond = self.oracles.model.bonds.get(&link)?;
        bond.connect.as_ref().map(|connect| connect.version)
    }

    /// Writes what the broker has for a connection, as far as the link takes it.
    pub(super) fn transmit(&mut self, link: LinkId) {
        loop {
            let there = &self.links[link as usize];
            let Some(handle) = there.handle.filter(|_| there.ready) else { return };
            if there.down.room() == 0 {
                return;
            }
            let size = match self.faults.strikes(Fault::SmallBuffer) {
                Some(random) => random.between(64, 300),
                None => *self.network.pick(&[1024, 16_384]),
            };
            let size = usize::try_from(size).unwrap_or(1024);
            let (node, now) = (there.node, self.clock_of(link));
            let bytes = self.nodes[node].transmit(now, handle, size);
            let len = bytes.as_ref().map_or(0, Vec::len);
            self.record(|| Recorded::Transmit(link, size, len));
            self.call(node, &Cause::Other);
            let Some(bytes) = bytes else {
                self.links[link as usize].ready = false;
                return;
            };
            self.trace.hash(u64::from(link), &bytes);
            self.oracles.statistics.bytes_sent += bytes.len() as u64;
            self.given(link, &bytes);
            self.send(link, bytes, false);
        }
    }

    /// Shows the oracles the packets that were given.
    fn given(&mut self, link: LinkId, bytes: &[u8]) {
        let (now, node) = (self.clock_of(link), self.links[link as usize].node);
        let there = &mut self.links[link as usize];
        if there.given.is_empty() {
            there.given_at = now;
        }
        let mut given = std::mem::take(&mut there.given);
        let mut since = there.given_at;
        given.extend_from_slice(bytes);
        let Some(version) = self.version(link) else { return };
        let durable = self.nodes[node].disk.promised();
        let mut rest = &given[..];
        loop {
            let found = match frame(rest, Sender::Server, u32::MAX) {
                Ok(Framed::Complete(found)) => found,
                Ok(Framed::Incomplete { .. }) => break,
                Err(error) => return self.undecodable(link, &error.to_string()),
            };
            let len = found.encoded_len();
            match found.decode(version) {
                Ok(packet) => {
                    if !matches!(packet, Packet::Pingresp) {
                        let line = || format!("link {link} < {}", shown(&packet, &self.messages));
                        self.trace.note(self.now, line);
                    }
                    self.trace.sent(&packet);
                    let packet = &packet;
                    let given = Given { at: now, since, link, version, packet, len, durable };
                    self.oracles.given(&given, &self.messages);
                }
                Err(error) => return self.undecodable(link, &error.to_string()),
            }
            rest = &rest[len..];
            since = now;
        }
        let there = &mut self.links[link as usize];
        there.given = rest.to_vec();
        there.given_at = since;
        self.oracles.in_part(link, !rest.is_empty());
    }

    fn undecodable(&mut self, link: LinkId, error: &str) {
        let words = format!("link {link} was given what cannot be read: {error}");
        self.oracles.judge::<()>("answers", Err(words));
    }

    /// The host closes, after what there is still to send.
    pub(super) fn close(&mut self, link: LinkId) {
        if self.links[link as usize].handle.is_none() {
            return;
        }
        self.transmit(link);
        if !self.links[link as usize].ready {
            self.oracles.ends(link);
        }
        let at = self.links[link as usize].down.send(after(self.now, 1), Arrival::End);
        self.agenda.put(at, Happening::Down(link));
        self.eof(link);
    }

    /// The transport is gone, and the broker is told.
    pub(super) fn eof(&mut self, link: LinkId) {
        let there = &mut self.links[link as usize];
        let Some(handle) = there.handle.take() else { return };
        there.unread.clear();
        if !there.given.is_empty() {
            self.oracles.statistics.partial += 1;
            there.given.clear();
        }
        self.trace.note(self.now, || format!("link {link} ends"));
        let (node, now) = (self.links[link as usize].node, self.clock_of(link));
        self.nodes[node].eof(now, handle);
        self.record(|| Recorded::Eof(link));
        self.call(node, &Cause::Eof(link));
        self.nodes[node].handles.remove(&handle);
        // A client that is still there sees the end, too.
        let at = self.links[link as usize].down.send(after(self.now, 1), Arrival::End);
        self.agenda.put(at, Happening::Down(link));
    }

    pub(super) fn timeout(&mut self, node: NodeId) {
        let now = self.nodes[node].clock(self.now);
        self.nodes[node].timeout(now);
        self.record(|| Recorded::Timeout);
        self.call(node, &Cause::Timeout);
    }

    pub(super) fn resolve(
        &mut self,
        node: NodeId,
        ticket: Ticket,
        allowed: bool,
        denial: ReasonCode,
    ) {
        let now = self.nodes[node].clock(self.now);
        self.nodes[node].resolve(now, ticket, allowed, denial);
        self.call(node, &Cause::Other);
    }

    pub(super) fn host_turn(&mut self, node: NodeId) {
        if !self.take_turn() {
            return;
        }
        if self.nodes[node].is_up {
            self.oracles.look(&self.nodes[node].broker);
            self.host_acts(node);
        }
        let (low, high) = self.workload.host.gap;
        let gap = self.host.magnitude(low.max(1), high.max(1));
        self.agenda.put(after(self.now, gap), Happening::HostTurn(node));
    }

    fn host_acts(&mut self, node: NodeId) {
        let now = self.nodes[node].clock(self.now);
        let total: u64 = self.workload.host.deeds.iter().map(|(_, weight)| *weight).sum();
        let mut left = self.host.below(total.max(1));
        let mut deed = HostDeed::Rest;
        for (next, weight) in &self.workload.host.deeds {
            deed = *next;
            if left < *weight {
                break;
            }
            left -= weight;
        }
        let client = self.host.index(self.clients.len());
        let name = self.clients[client].name.clone();
        match deed {
            HostDeed::Publish => self.host_publish(node),
            HostDeed::Kick => {
                self.nodes[node].kick(now, &name);
                self.record(|| Recorded::Kick(name.clone()));
                self.call(node, &Cause::Kicked(name));
            }
            HostDeed::RemoveSession => {
                self.nodes[node].broker.remove_session(now, &name);
                self.record(|| Recorded::Remove(name.clone()));
                self.call(node, &Cause::Removed(name));
            }
            HostDeed::RemoveSubscription => self.host_unsubscribes(node, client, name),
            HostDeed::Snapshot => {
                self.nodes[node].broker.snapshot(now);
                self.call(node, &Cause::Other);
            }
            HostDeed::Rest => {}
        }
    }

    fn host_unsubscribes(&mut self, node: NodeId, client: usize, name: String) {
        let filters = &self.clients[client].profile.filters;
        if filters.is_empty() {
            return;
        }
        let wanted = self.host.pick(filters).filter.clone();
        let Ok(filter) = TopicFilter::new(&wanted) else { return };
        let now = self.nodes[node].clock(self.now);
        self.nodes[node].broker.remove_subscription(now, &name, filter);
        self.record(|| Recorded::Unsubscribe(name.clone(), wanted.clone()));
        self.call(node, &Cause::Unsubscribed(name, wanted));
    }

    fn host_publish(&mut self, node: NodeId) {
        let topic = (*self.host.pick(&TOPICS)).to_string();
        let qos = *self.host.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
        let retain = self.host.chance(300);
        let expiry = (!self.workload.is_calm && self.host.chance(200)).then_some(3);
        let len = HEAD + self.host.index(40);
        let id = self.messages.add(Message {
            topic: topic.clone(),
            qos,
            retain,
            expiry,
            len,
            has_along: true,
        });
        let payload = self.messages.payload(id);
        let along = self.messages.along(id);
        let mut properties = along.properties();
        properties.extend(expiry.map(Property::MessageExpiryInterval));
        let Ok(name) = TopicName::new(&topic) else { return };
        let mut message = ApplicationMessage::new(name, &payload);
        (message.qos, message.retain) = (qos, retain);
        message.properties = Properties::new(&properties);
        let now = self.nodes[node].clock(self.now);
        let taken = self.nodes[node].publish(now, &message);
        self.record(|| Recorded::Publish(id, topic.clone(), payload.clone(), qos, retain));
        let note = PublishNote {
            message: Some(id),
            topic: Some(topic),
            alias: None,
            identifier: None,
            qos,
            retain,
            expiry,
        };
        self.trace.note(self.now, || format!("the host publishes {note:?}"));
        self.call(node, &Cause::Published(note, taken));
    }

    /// What the broker shows as retained.
    pub(super) fn retained(&mut self) -> Vec<(String, Option<MessageId>)> {
        let mut shown = Vec::new();
        let messages = &self.messages;
        for filter in ["#", "$own/#"] {
            let Ok(filter) = TopicFilter::new(filter) else { continue };
            let node = &mut self.nodes[0];
            let now = node.clock(self.now);
            node.broker.retained(now, filter, u32::MAX, |message| {
                let id = messages.identify(message.payload);
                shown.push((message.topic.as_str().to_string(), id));
                true
            });
        }
        shown
    }

    fn record(&mut self, what: impl FnOnce() -> Recorded) {
        if let Some(recording) = &mut self.recording {
            recording.push(self.now, what());
        }
    }

    fn act(&mut self, node: NodeId, act: Act) {
        match act {
            Act::Transmit(handle) => {
                let Some(link) = self.nodes[node].handles.get(&handle).copied() else { return };
                self.links[link as usize].ready = true;
                let late = self.faults.strikes(Fault::LateTransmit);
                let late = late.map_or(0, |random| random.magnitude(1, 500));
                self.agenda.put(after(self.now, late), Happening::Transmit(link));
            }
            Act::Close(handle) => {
                let Some(link) = self.nodes[node].handles.get(&handle).copied() else { return };
                self.links[link as usize].closing = true;
                let late = self.faults.strikes(Fault::LateClose);
                let late = late.map_or(0, |random| random.magnitude(1, 1000));
                self.agenda.put(after(self.now, late), Happening::Close(link));
            }
            Act::Resume(handle) => {
                let Some(link) = self.nodes[node].handles.get(&handle).copied() else { return };
                self.links[link as usize].waiting = false;
                self.oracles.conduct.listened(link, self.clock_of(link), true);
                self.agenda.put(self.now, Happening::Offer(link));
            }
            Act::Decide(ticket, allowed, denial) => {
                let wait = self.host.magnitude(1, 3000);
                let at = after(self.now, wait);
                self.plan(at, node, NodeEvent::Resolve(ticket, allowed, denial));
            }
            Act::Cut(lsn) => self.nodes[node].disk.cut(lsn),
        }
    }
}

/// What is done after every call of the broker: its records go to the disk, the oracles see what it
/// said, and the host does what it is told.
///
/// A call that was about several things says what it has to say at their end.
pub(super) fn after_call(world: &mut World, node: NodeId, causes: &[Cause<'_>]) {
    let at = world.nodes[node].clock(world.now);
    let made = world.nodes[node].journal(at);
    if let Some(lsn) = made.newest {
        world.trace.hash(lsn.0, &[]);
        world.sync_later(node, lsn);
    }
    let (mut told, mut acts) = (Vec::new(), Vec::new());
    let (messages, trace, now) = (&world.messages, &mut world.trace, world.now);
    let handles = std::mem::take(&mut world.nodes[node].handles);
    while world.nodes[node].output(|output| match output {
        Output::Transmit(handle) => acts.push(Act::Transmit(handle)),
        Output::Close(handle, reason) => {
            acts.push(Act::Close(handle));
            if let Some(link) = handles.get(&handle) {
                trace.note(now, || format!("link {link} is to be closed: {reason}"));
                told.push(Told::Close(*link, reason));
            }
        }
        Output::Resume(handle) => acts.push(Act::Resume(handle)),
        Output::Decide(ticket, _, request) => {
            let (allowed, denial) = decision(&request);
            acts.push(Act::Decide(ticket, allowed, denial));
        }
        Output::Snapshot(lsn) => acts.push(Act::Cut(lsn)),
        Output::Message(_, message) => told.push(Told::Message(messages.identify(message.payload))),
        Output::Event(event) => {
            trace.note(now, || format!("event: {event:?}"));
            let link = named(&event).and_then(|handle| handles.get(&handle).copied());
            told.push(Told::Event(link, event));
        }
        _ => {}
    }) {}
    world.nodes[node].handles = handles;
    world.trace.hash(told.len() as u64, &[u8::try_from(acts.len()).unwrap_or(u8::MAX)]);
    let stats = world.nodes[node].stats();
    let lsn = made.change;
    let is_busy = world.nodes[node].broker.poll_timeout().is_some_and(|due| due <= at);
    let before = &world.nodes[node].before;
    let [earlier @ .., last] = causes else { return };
    for cause in earlier {
        let call = Call { at, cause, told: &[], lsn, is_busy, stats: (before, before) };
        world.oracles.call(&call, &world.messages);
    }
    let call = Call { at, cause: last, told: &told, lsn, is_busy, stats: (before, &stats) };
    world.oracles.call(&call, &world.messages);
    world.nodes[node].before = stats;
    for act in acts {
        world.act(node, act);
    }
    world.may_die(node);
}

/// The connection that an event names.
const fn named(event: &Event) -> Option<ConnectionHandle> {
    match event {
        Event::Connected { connection, .. }
        | Event::Closed { connection, .. }
        | Event::Disconnected { connection, .. } => Some(*connection),
        _ => None,
    }
}

/// What the rules say to a question that was put off.
fn decision(request: &Request) -> (bool, ReasonCode) {
    match request {
        Request::Connect { client_identifier, .. } => {
            (!client_identifier.starts_with(rules::BANNED), rules::BAN)
        }
        Request::Publish { client_identifier, topic, .. } => {
            (rules::allows(client_identifier, topic), rules::DENIAL)
        }
        Request::Subscribe { client_identifier, filter, .. } => {
            (rules::allows(client_identifier, filter), rules::DENIAL)
        }
        _ => (true, rules::DENIAL),
    }
}

/// A packet for an account.
fn shown(packet: &Packet<'_>, messages: &Messages) -> String {
    match packet {
        Packet::Publish(publish) => match messages.identify(publish.payload) {
            Some(message) => format!("{packet}, message {message}"),
            None => packet.to_string(),
        },
        _ => packet.to_string(),
    }
}
