//! Plays a script against whatever carries it.

use core::cell::Cell;

use mqtt_broker_core::{Limit, Stats};
use mqtt_codec::{Connect, Packet, Utf8String};

use super::client::Seen;
use super::host::Wish;
use super::matching::{Names, matches};
use super::packet::encoded;
use super::script::{Action, Line, Script, Sent};
use super::subject::Subject;

/// How often a limit was reached, or what a field of the statistics is.
fn counter(stats: &Stats, name: &str) -> u64 {
    let limit = Limit::ALL.into_iter().find(|limit| limit.name() == name);
    limit.map_or_else(|| field(stats, name), |limit| stats.reached.count(limit))
}

/// A field by its name, as the `Debug` form has it: a new one needs no line here.
fn field(stats: &Stats, name: &str) -> u64 {
    let fields = format!("{stats:#?}");
    let found = fields.lines().find_map(|line| {
        let (field, value) = line.trim().trim_end_matches(',').split_once(": ")?;
        (field == name).then(|| value.parse().ok())?
    });
    found.unwrap_or_else(|| panic!("nothing of the name {name} is counted"))
}

fn differs(name: &str, expected: &[&String], seen: Option<&Seen>) -> String {
    let got = seen.map_or("nothing".into(), ToString::to_string);
    let expected: Vec<_> = expected.iter().map(|line| format!("`{line}`")).collect();
    format!("{name}:\n    expected {}\n         got {got}", expected.join(" or "))
}

impl Sent {
    pub(crate) fn bytes(
        &self,
        version: mqtt_codec::Version,
        names: &Names,
    ) -> Result<Vec<u8>, String> {
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
pub(crate) struct Play<S> {
    pub(crate) world: S,
    names: Names,
}

impl<S: Subject> Play<S> {
    pub(crate) fn new(world: S) -> Self {
        Self { world, names: Names::new() }
    }

    /// Plays all of it; `current` is the line it is at.
    pub(crate) fn run(mut self, script: &Script, current: &Cell<usize>) -> Result<(), String> {
        self.run_lines(&script.lines, current)?;
        self.nothing_else()?;
        self.world.last_check()
    }

    /// Plays some lines.
    pub(crate) fn run_lines(
        &mut self,
        lines: &[Line],
        current: &Cell<usize>,
    ) -> Result<(), String> {
        let mut lines = lines.iter().peekable();
        while let Some(line) = lines.next() {
            current.set(line.number);
            if let Action::Send { name, what, .. } = &line.action {
                let mut bytes = self.prepare(name, what)?;
                while let Some(next) = lines.next_if(|next| self.same_write(name, next)) {
                    if let Action::Send { what, .. } = &next.action {
                        bytes.extend(self.prepare(name, what)?);
                    }
                }
                let client = self.world.scene().client(name);
                self.world.write(client, &bytes)?;
            } else {
                self.act(&line.action)?;
            }
            self.world.after_line()?;
        }
        Ok(())
    }

    /// Whether this line goes in one write with the one before, which `name` sent.
    fn same_write(&self, name: &str, line: &Line) -> bool {
        match &line.action {
            Action::Send { name: next, joined, .. } => {
                next == name && (*joined || self.world.joins_writes())
            }
            _ => false,
        }
    }

    /// The bytes of a sent line; opens the Network Connection if it is the first.
    fn prepare(&mut self, name: &str, what: &Sent) -> Result<Vec<u8>, String> {
        let place = self.world.scene().client(name);
        if !self.world.scene().clients[place].is_open {
            self.open(place)?;
        }
        let client = &mut self.world.scene().clients[place];
        if let Some(connect) = what.connect() {
            client.says(connect);
        }
        if let Sent::Bytes(bytes) = what {
            client.says_bytes(bytes);
        }
        what.bytes(client.version, &self.names)
    }

    fn open(&mut self, place: usize) -> Result<(), String> {
        let client = &self.world.scene().clients[place];
        if let Some(seen) = client.inbox.front() {
            return Err(format!("{}: unexpected {seen}", client.name));
        }
        self.world.accept(place)
    }

    fn act(&mut self, action: &Action) -> Result<(), String> {
        match action {
            Action::Send { .. } => Ok(()),
            Action::Open(name) => {
                let place = self.world.scene().client(name);
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
                let place = self.world.scene().client(name);
                self.world.end(place)
            }
            Action::Misses { name, expected } => {
                self.world.settle()?;
                let misses = &mut self.world.scene().misses;
                let heard = misses.iter().position(|(who, _)| who == name);
                let (_, what) =
                    misses.remove(heard.ok_or_else(|| format!("{name} misses nothing"))?);
                if what == *expected { Ok(()) } else { Err(format!("{name} misses {what}")) }
            }
            Action::SessionEnds(name) => {
                self.world.settle()?;
                let ended = &mut self.world.scene().ended;
                let heard = ended.iter().position(|who| who == name);
                ended.remove(heard.ok_or_else(|| format!("{name}'s session goes on"))?);
                Ok(())
            }
            Action::Told(text) => {
                self.world.settle()?;
                let told = &mut self.world.scene().told;
                let heard = told.iter().position(|heard| heard == text);
                told.remove(heard.ok_or_else(|| format!("the host is told {told:?}"))?);
                Ok(())
            }
            Action::Counts(expected) => {
                self.world.settle()?;
                let stats = self.world.stats()?;
                let wrong = expected.iter().find(|(name, count)| counter(&stats, name) != *count);
                wrong.map_or(Ok(()), |(name, count)| {
                    Err(format!("{name} is {}, not {count}", counter(&stats, name)))
                })
            }
            Action::Wait(span) => {
                self.nothing_else()?;
                self.world.wait(*span)
            }
            Action::Policy(rule) => {
                // What is on its way went under the old rules.
                self.world.settle()?;
                self.world.rule(rule.clone())
            }
            Action::Host(wish) => {
                if matches!(wish, Wish::Resolve(..)) {
                    self.world.settle()?;
                }
                self.world.wish(wish)
            }
            Action::Crash(away) => {
                self.nothing_else()?;
                self.world.crash(away.forward, away.back)
            }
            Action::DiskStalls(stalls) => {
                self.world.settle()?;
                self.world.disk_stalls(*stalls)
            }
        }
    }

    /// The next thing that a client, or the host, has seen.
    fn next_seen(&mut self, name: &str) -> Result<Option<Seen>, String> {
        self.world.settle()?;
        if name == "host" {
            return Ok(self.world.scene().inbox.pop_front());
        }
        let place = self.world.scene().client(name);
        Ok(self.world.scene().clients[place].inbox.pop_front())
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
        let place = self.world.scene().client(name);
        let inbox = &mut self.world.scene().clients[place].inbox;
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
        let scene = self.world.scene();
        for client in &scene.clients {
            if let Some(seen) = client.inbox.front() {
                return Err(format!("{}: unexpected {seen}", client.name));
            }
        }
        if let Some(seen) = scene.inbox.front() {
            return Err(format!("host: unexpected {seen}"));
        }
        if let Some((name, what)) = scene.misses.first() {
            return Err(format!("unexpected: {name} misses {what}"));
        }
        Ok(())
    }
}
