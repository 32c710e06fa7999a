//! Plays a script in one mode.

use core::cell::Cell;
use core::panic::AssertUnwindSafe;
use std::panic::catch_unwind;

use mqtt_broker_core::Verdict;
use mqtt_codec::{Connect, Packet, Utf8String};

use super::client::Seen;
use super::host::Wish;
use super::matching::{Names, matches};
use super::mode::{Cut, Mode};
use super::packet::encoded;
use super::script::{Action, Line, Script, Sent};
use super::world::World;

/// Plays a script in all its modes; the error names file, line and mode.
pub(crate) fn play_all(file: &str, script: &Script) -> Result<(), String> {
    for mode in Mode::all(script.longest_write()?, script.has_own_disk()) {
        let line = Cell::new(0);
        let play = || Play::new(script, mode).run(script, &line);
        let outcome = catch_unwind(AssertUnwindSafe(play));
        outcome
            .unwrap_or_else(|panic| Err(format!("panic: {}", message(&*panic))))
            .map_err(|error| format!("{file}:{}: {error}\n    played with {mode}", line.get()))?;
    }
    Ok(())
}

/// What a panic said.
fn message(panic: &(dyn core::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().cloned();
    text.or_else(|| panic.downcast_ref::<&str>().map(|text| (*text).into())).unwrap_or_default()
}

fn differs(name: &str, expected: &[&String], seen: Option<&Seen>) -> String {
    let got = seen.map_or("nothing".into(), ToString::to_string);
    let expected: Vec<_> = expected.iter().map(|line| format!("`{line}`")).collect();
    format!("{name}:\n    expected {}\n         got {got}", expected.join(" or "))
}

/// Whether the broker knew the client that the host spoke of.
fn found(name: &str, known: bool) -> Result<(), String> {
    if known { Ok(()) } else { Err(format!("nothing of {name:?} is there")) }
}

impl Script {
    /// Bytes of the longest write of any client.
    fn longest_write(&self) -> Result<usize, String> {
        let mut version = alloc::collections::BTreeMap::new();
        let mut longest = 0;
        let mut write = 0;
        for line in &self.lines {
            if let Action::Send { name, what, joined } = &line.action {
                if let Sent::Packet(Packet::Connect(connect)) = what {
                    version.insert(name, connect.version);
                }
                let version = version.get(name).copied().unwrap_or(mqtt_codec::Version::V5);
                let bytes = what.bytes(version, &Names::new());
                let bytes = bytes.map_err(|e| format!("{}: {e}", line.number))?;
                write = bytes.len() + if *joined { write } else { 0 };
                longest = longest.max(write);
            }
        }
        Ok(longest)
    }
}

impl Sent {
    fn bytes(&self, version: mqtt_codec::Version, names: &Names) -> Result<Vec<u8>, String> {
        match self {
            Self::Bytes(bytes) => Ok(bytes.clone()),
            Self::Packet(packet) => encoded(packet, version),
            Self::ConnectAs(Packet::Connect(connect), name) => {
                let given = names.get(name).map_or("", String::as_str);
                let client_identifier = Utf8String::new(given).map_err(|e| e.to_string())?;
                encoded(&Packet::Connect(Connect { client_identifier, ..*connect }), version)
            }
            Self::ConnectAs(..) => Err("only CONNECT has a Client Identifier".into()),
        }
    }

    fn connect(&self) -> Option<&Connect<'static>> {
        match self {
            Self::Packet(Packet::Connect(connect))
            | Self::ConnectAs(Packet::Connect(connect), _) => Some(connect),
            _ => None,
        }
    }
}

/// A script that is being played.
struct Play {
    world: World,
    mode: Mode,
    names: Names,
}

impl Play {
    fn new(script: &Script, mode: Mode) -> Self {
        Self { world: World::new(script.config.clone(), mode), mode, names: Names::new() }
    }

    fn run(mut self, script: &Script, current: &Cell<usize>) -> Result<(), String> {
        let mut lines = script.lines.iter().peekable();
        while let Some(line) = lines.next() {
            current.set(line.number);
            if let Action::Send { name, what, .. } = &line.action {
                let mut bytes = self.prepare(name, what)?;
                while let Some(next) = lines.next_if(|next| self.same_write(name, next)) {
                    if let Action::Send { what, .. } = &next.action {
                        bytes.extend(self.prepare(name, what)?);
                    }
                }
                let client = self.world.client(name);
                self.world.write(client, &bytes)?;
            } else {
                self.act(&line.action)?;
            }
            self.world.after_line()?;
        }
        self.nothing_else()
    }

    /// Whether this line goes in one write with the one before, which `name` sent.
    fn same_write(&self, name: &str, line: &Line) -> bool {
        match &line.action {
            Action::Send { name: next, joined, .. } => {
                next == name && (*joined || self.mode.cut == Cut::Together)
            }
            _ => false,
        }
    }

    /// The bytes of a sent line; opens the Network Connection if it is the first.
    fn prepare(&mut self, name: &str, what: &Sent) -> Result<Vec<u8>, String> {
        let place = self.world.client(name);
        if self.world.clients[place].connection.is_none() {
            self.open(place)?;
        }
        let client = &mut self.world.clients[place];
        if let Some(connect) = what.connect() {
            client.says(connect);
        }
        if let Sent::Bytes(bytes) = what {
            client.says_bytes(bytes);
        }
        what.bytes(client.version, &self.names)
    }

    fn open(&mut self, place: usize) -> Result<(), String> {
        if let Some(seen) = self.world.clients[place].inbox.front() {
            return Err(format!("{}: unexpected {seen}", self.world.clients[place].name));
        }
        self.world.accept(place)
    }

    fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Send { .. } => Ok(()),
            Action::Open(name) => {
                let place = self.world.client(name);
                self.open(place)
            }
            Action::Receive { name, expected } => self.receive(name, expected),
            Action::Connected { name, session_present } => {
                let flag = if *session_present { " session-present" } else { "" };
                self.receive(name, &[format!("CONNACK 0x00 Success{flag} *")])
            }
            Action::Closed { name, reason } => self.closed(name, reason.as_deref()),
            Action::Disconnected(name) => self.disconnected(name),
            Action::Close(name) => {
                let place = self.world.client(name);
                self.world.end(place)
            }
            Action::Misses { name, expected } => {
                self.world.settle()?;
                let heard = self.world.misses.iter().position(|(who, _)| who == name);
                let heard = heard.ok_or_else(|| format!("{name} misses nothing"))?;
                let (_, what) = self.world.misses.remove(heard);
                if what == *expected { Ok(()) } else { Err(format!("{name} misses {what}")) }
            }
            Action::SessionEnds(name) => {
                self.world.settle()?;
                let heard = self.world.ended.iter().position(|who| who == name);
                self.world.ended.remove(heard.ok_or_else(|| format!("{name}'s session goes on"))?);
                Ok(())
            }
            Action::Wait(span) => {
                self.nothing_else()?;
                self.world.wait(*span)
            }
            Action::Policy(rule) => {
                // What is on its way went under the old rules.
                self.world.settle()?;
                self.world.rules.add(rule.clone());
                Ok(())
            }
            Action::Host(wish) => self.wish(wish),
            Action::DiskStalls(stalls) => {
                self.world.settle()?;
                self.world.disk_stalls = *stalls;
                Ok(())
            }
        }
    }

    /// The next thing that a client, or the host, has seen.
    fn next_seen(&mut self, name: &str) -> Result<Option<Seen>, String> {
        self.world.settle()?;
        if name == "host" {
            return Ok(self.world.inbox.pop_front());
        }
        let place = self.world.client(name);
        Ok(self.world.clients[place].inbox.pop_front())
    }

    fn receive(&mut self, name: &str, expected: &[String]) -> Result<(), String> {
        let mut open: Vec<&String> = expected.iter().collect();
        while !open.is_empty() {
            let next = self.next_seen(name)?;
            let names = &mut self.names;
            let fits = |seen| open.iter().position(|line| matches(line, seen, names));
            match next.as_ref().map(fits) {
                Some(Some(place)) => {
                    open.remove(place);
                }
                _ => return Err(differs(name, &open, next.as_ref())),
            }
        }
        Ok(())
    }

    fn closed(&mut self, name: &str, expected: Option<&str>) -> Result<(), String> {
        let fits = |reason: &str| match expected.map(|text| (text, text.strip_suffix('*'))) {
            None => true,
            Some((_, Some(beginning))) => reason.starts_with(beginning),
            Some((text, None)) => reason == text,
        };
        match self.next_seen(name)? {
            Some(Seen::Closed(reason)) if fits(&reason) => Ok(()),
            seen => {
                let expected = format!("is closed: {}", expected.unwrap_or("*"));
                Err(differs(name, &[&expected], seen.as_ref()))
            }
        }
    }

    /// After DISCONNECT the client may close as well as the broker; whoever is first.
    fn disconnected(&mut self, name: &str) -> Result<(), String> {
        self.world.settle()?;
        let place = self.world.client(name);
        let inbox = &mut self.world.clients[place].inbox;
        match inbox.front() {
            Some(Seen::Closed(reason)) if reason.starts_with("client disconnected") => {
                inbox.pop_front();
            }
            Some(seen) => return Err(format!("{name}: unexpected {seen}")),
            None => {}
        }
        self.world.end(place)
    }

    /// Whatever came and was not mentioned is a mistake.
    fn nothing_else(&mut self) -> Result<(), String> {
        self.world.settle()?;
        for client in &self.world.clients {
            if let Some(seen) = client.inbox.front() {
                return Err(format!("{}: unexpected {seen}", client.name));
            }
        }
        if let Some(seen) = self.world.inbox.front() {
            return Err(format!("host: unexpected {seen}"));
        }
        if let Some((name, what)) = self.world.misses.first() {
            return Err(format!("unexpected: {name} misses {what}"));
        }
        Ok(())
    }

    fn wish(&mut self, wish: &Wish) -> Result<(), String> {
        let world = &mut self.world;
        let outcome = match wish {
            Wish::Publish(message) => world.broker.publish(world.now, message),
            Wish::Subscribe(filter, options, identifier) => {
                let made = world.broker.subscribe(world.now, *filter, *options, *identifier);
                made.map(|made| world.subscriptions.push((filter.to_string(), made)))
            }
            Wish::Unsubscribe(filter) => {
                let known = world.subscriptions.iter().position(|(known, _)| known == filter);
                let (_, made) = world.subscriptions.remove(known.ok_or("from what?")?);
                world.broker.unsubscribe(world.now, made);
                Ok(())
            }
            Wish::Kick(name, code) => {
                return found(name, world.broker.kick(world.now, name, *code));
            }
            Wish::Redirect(name, server, permanently) => {
                let known = world.broker.redirect(world.now, name, server, *permanently);
                return found(name, known);
            }
            Wish::RemoveSession(name) => {
                return found(name, world.broker.remove_session(world.now, name));
            }
            Wish::RemoveSubscription(name, filter) => {
                let known = world.broker.remove_subscription(world.now, name, *filter);
                return found(name, known);
            }
            Wish::ShutDown => {
                world.broker.shutdown(world.now);
                Ok(())
            }
            Wish::Resolve(name, verdict) => return self.resolve(name, verdict.clone()),
        };
        if let Err(error) = outcome {
            let text = format!("ERROR {error}");
            world.inbox.push_back(Seen::Packet(text.clone(), text));
        }
        Ok(())
    }

    fn resolve(&mut self, name: &str, verdict: Verdict) -> Result<(), String> {
        self.world.settle()?;
        let open = self.world.questions.iter().position(|(who, _)| who == name);
        let open = open.ok_or_else(|| format!("{name} waits for no answer"))?;
        let (_, ticket) = self.world.questions.remove(open);
        self.world.broker.resolve(self.world.now, ticket, verdict);
        Ok(())
    }
}
