//! A server, and the clients around it.

mod hooks;
mod link;
pub(crate) mod message;
mod sockets;

use core::error::Error as _;
use core::net::SocketAddr;
use core::time::Duration;

use mqtt_broker_core::{Event, Request};
use mqtt_broker_tokio::{
    BlockingHandle, Config, Error, Server, Serving, ShutdownHandle, Stats, Subscribe, Subscription,
    Verdict,
};
use tokio::sync::oneshot;

use self::hooks::Hooks;
use self::link::{Link, Read};
use crate::transcript::host::Wish;
use crate::transcript::rules::Rule;
use crate::transcript::scene::{Scene, question};
use crate::transcript::subject::Subject;

/// How often in a row nothing may be new before nothing is expected any more. Each time the broker
/// has answered a question, so has had a turn.
const QUIET: usize = 5;

/// The same while something is left unread: a connection that has to wait is not read.
const QUIET_UNREAD: usize = 200;

/// More than any transcript needs.
const ROUNDS: usize = 100_000;

/// Server, clients and host.
pub(crate) struct World {
    address: SocketAddr,
    handle: BlockingHandle,
    shutdown: ShutdownHandle,
    serving: Option<Serving>,
    is_shutting_down: bool,
    hooks: Hooks,
    scene: Scene,
    /// The Network Connections of the clients, in the same places.
    links: Vec<Link>,
    /// Who connects from where.
    places: Vec<(SocketAddr, usize)>,
    /// Who is called what.
    identifiers: Vec<(String, usize)>,
    /// Why connections from there were closed.
    reasons: Vec<(SocketAddr, String)>,
    /// Closed connections whose reason is not known yet, and their clients.
    closed: Vec<(SocketAddr, usize)>,
    /// Who wrote last.
    speaker: usize,
    subscriptions: Vec<(String, Subscription)>,
    /// Open questions and the clients that wait for the answers.
    questions: Vec<(String, oneshot::Sender<Verdict>)>,
}

impl World {
    pub(crate) fn new(config: Config) -> Result<Self, String> {
        let hooks = Hooks::default();
        let builder = Server::builder().listen("127.0.0.1:0").config(config);
        let server = hooks.plug_into(builder).bind().map_err(|e| e.to_string())?;
        Ok(Self {
            address: server.local_addrs()[0],
            handle: server.handle().blocking(),
            shutdown: server.shutdown_handle(),
            serving: Some(server.serve()),
            is_shutting_down: false,
            hooks,
            scene: Scene::default(),
            links: Vec::new(),
            places: Vec::new(),
            identifiers: Vec::new(),
            reasons: Vec::new(),
            closed: Vec::new(),
            speaker: 0,
            subscriptions: Vec::new(),
            questions: Vec::new(),
        })
    }

    /// What the hooks and the host's subscriptions were told. Whether there was anything.
    fn hear(&mut self) -> bool {
        let (events, asked) = self.hooks.take();
        let mut is_news = !events.is_empty() || !asked.is_empty();
        for event in events {
            match &event {
                Event::Connected { peer, client_identifier, .. } => {
                    if let Some(place) = self.place(peer.address) {
                        self.identifiers.push((client_identifier.clone(), place));
                    }
                }
                Event::Closed { peer, reason, .. } | Event::Disconnected { peer, reason, .. } => {
                    self.reasons.extend(peer.address.map(|from| (from, reason.to_string())));
                }
                Event::Refused { peer, reason_code, .. } => {
                    let reason = format!("refused ({reason_code})");
                    self.reasons.extend(peer.address.map(|from| (from, reason)));
                }
                _ => {}
            }
            self.scene.hear(event);
        }
        for (request, answer) in asked {
            let name = self.asks(&request);
            self.scene.inbox.push_back(question(&name, &request));
            self.questions.push((name, answer));
        }
        for (_, subscription) in &mut self.subscriptions {
            while let Some(received) = subscription.try_recv() {
                is_news = true;
                self.scene.inbox.push_back(message::shown(&received));
            }
        }
        is_news
    }

    /// The client that a question is about.
    fn asks(&self, request: &Request) -> String {
        let identifier = match request {
            Request::Connect { peer, .. } => {
                let place = self.place(peer.address);
                return place
                    .map_or_else(String::new, |place| self.scene.clients[place].name.clone());
            }
            Request::Authenticate { client_identifier, .. }
            | Request::Publish { client_identifier, .. }
            | Request::Subscribe { client_identifier, .. }
            | Request::Unsubscribe { client_identifier, .. }
            | Request::Deliver { client_identifier, .. } => client_identifier,
            _ => return String::new(),
        };
        // Who is not connected yet asks because of what it just said.
        let known = self.identifiers.iter().rev().find(|(known, _)| known == identifier);
        self.scene.clients[known.map_or(self.speaker, |(_, place)| *place)].name.clone()
    }

    fn place(&self, from: Option<SocketAddr>) -> Option<usize> {
        let found = self.places.iter().find(|(address, _)| Some(*address) == from);
        found.map(|(_, place)| *place)
    }

    /// What came to the clients. Whether there was anything.
    fn arrive(&mut self) -> Result<bool, String> {
        let mut is_news = false;
        for (place, link) in self.links.iter_mut().enumerate() {
            loop {
                match link.read() {
                    Read::Nothing => break,
                    Read::Bytes(bytes) => self.scene.clients[place].receives(&bytes)?,
                    Read::End(from) => self.closed.push((from, place)),
                }
                is_news = true;
            }
        }
        Ok(is_news)
    }

    /// Tells the clients of closed connections why; in the end also those who are not told why.
    /// Whether there were any.
    fn explain(&mut self, is_final: bool) -> Result<bool, String> {
        let closed = self.closed.len();
        for (from, place) in core::mem::take(&mut self.closed) {
            let reason = self.reasons.iter().position(|(known, _)| *known == from);
            let reason = reason.map(|place| self.reasons.remove(place).1);
            match reason.or(is_final.then(String::new)) {
                Some(reason) => self.scene.clients[place].closed(reason)?,
                None => self.closed.push((from, place)),
            }
        }
        Ok(self.closed.len() < closed)
    }

    /// Whether the broker may still have something to do that it has not begun.
    fn is_behind(&self) -> bool {
        if self.is_shutting_down {
            return self.links.iter().any(Link::is_open);
        }
        sockets::has_unread(self.address.port())
    }
}

impl Subject for World {
    fn scene(&mut self) -> &mut Scene {
        &mut self.scene
    }

    fn accept(&mut self, client: usize) -> Result<(), String> {
        self.links.resize_with(self.scene.clients.len(), Link::default);
        match Link::open(self.address) {
            Ok((link, from)) => {
                self.places.retain(|(address, _)| *address != from);
                self.reasons.retain(|(address, _)| *address != from);
                self.places.push((from, client));
                self.links[client] = link;
                self.scene.clients[client].opened();
                self.settle()
            }
            Err(error) => self.scene.clients[client].closed(error.to_string()),
        }
    }

    /// What one client says is heard before the next one speaks.
    fn write(&mut self, client: usize, bytes: &[u8]) -> Result<(), String> {
        self.speaker = client;
        let mut rest = bytes;
        while !rest.is_empty() {
            // An error is the end of the connection, which is read.
            let Ok(written) = self.links[client].write(rest) else { break };
            rest = &rest[written..];
            self.arrive()?;
        }
        self.settle()
    }

    fn end(&mut self, client: usize) -> Result<(), String> {
        self.settle()?;
        self.scene.clients[client].is_open = false;
        if let Some(link) = self.links.get_mut(client) {
            *link = Link::default();
        }
        self.settle()
    }

    /// Until the broker has read everything, says nothing more and counts nothing more.
    fn settle(&mut self) -> Result<(), String> {
        let (mut before, mut quiet): (Option<Stats>, _) = (None, 0);
        for _ in 0..ROUNDS {
            let stats = self.handle.stats().ok();
            let is_news = self.hear() | self.arrive()? | self.explain(false)?;
            quiet = if is_news || stats != before { 0 } else { quiet + 1 };
            before = stats;
            if quiet < QUIET || quiet < QUIET_UNREAD && self.is_behind() || self.is_ending() {
                continue;
            }
            if !self.explain(true)? {
                return Ok(());
            }
            quiet = 0;
        }
        Err("the server does not come to rest".into())
    }

    fn after_line(&mut self) -> Result<(), String> {
        Ok(())
    }

    fn wait(&mut self, _: Duration) -> Result<(), String> {
        Err("the real clock cannot be turned".into())
    }

    fn rule(&mut self, rule: Option<Rule>) -> Result<(), String> {
        self.hooks.rule(rule);
        Ok(())
    }

    fn disk_stalls(&mut self, _: bool) -> Result<(), String> {
        Err("there is no disk".into())
    }

    fn wish(&mut self, wish: &Wish) -> Result<(), String> {
        let outcome = match wish {
            Wish::Publish(published) => self.handle.publish(message::published(published)?),
            Wish::Subscribe(filter, options, identifier) => {
                let mut subscribe = Subscribe::to(filter.to_string())
                    .maximum_qos(options.maximum_qos)
                    .retain_as_published(options.retain_as_published)
                    .retain_handling(options.retain_handling);
                if let Some(identifier) = identifier {
                    subscribe = subscribe.identifier(*identifier);
                }
                let made = self.handle.subscribe(subscribe);
                made.map(|made| self.subscriptions.push((filter.to_string(), made)))
            }
            Wish::SubscribeWithin(filter, options, identifier, window) => {
                let what = format!("{filter} {options:?} {identifier:?}");
                return Err(format!("the runner takes all messages, not {window} of {what}"));
            }
            Wish::Take(messages, filter) => {
                return Err(format!("the runner takes all messages, not {messages} of {filter}"));
            }
            Wish::Unsubscribe(filter) => {
                self.subscriptions.retain(|(known, _)| known != filter);
                Ok(())
            }
            Wish::Kick(name, code) => found(name, self.handle.kick(name, *code))?,
            Wish::Redirect(name, server, permanently) => {
                found(name, self.handle.redirect(name, server, *permanently))?
            }
            Wish::RemoveWill(name) => found(name, self.handle.remove_will(name))?,
            Wish::RemoveSession(name) => found(name, self.handle.remove_session(name))?,
            Wish::RemoveSubscription(name, filter) => {
                found(name, self.handle.remove_subscription(name, filter.to_string()))?
            }
            Wish::ShutDown => {
                self.shutdown.shutdown();
                self.is_shutting_down = true;
                Ok(())
            }
            Wish::Resolve(name, verdict) => {
                let open = self.questions.iter().position(|(who, _)| who == name);
                let open = open.ok_or_else(|| format!("{name} waits for no answer"))?;
                // The broker may have given up waiting.
                let _ = self.questions.remove(open).1.send(verdict.clone());
                Ok(())
            }
        };
        if let Err(error) = outcome {
            match error.source() {
                Some(refusal) => self.scene.mistake(&refusal),
                None => self.scene.mistake(&error),
            }
        }
        self.settle()
    }

    fn stats(&mut self) -> Result<Stats, String> {
        self.handle.stats().map_err(|e| e.to_string())
    }

    fn joins_writes(&self) -> bool {
        false
    }
}

impl World {
    /// Whether a shutdown has not reached every client.
    fn is_ending(&self) -> bool {
        self.is_shutting_down && self.is_behind()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        self.links.clear();
        self.shutdown.shutdown();
        if let Some(serving) = self.serving.take() {
            // What it ends with is the business of other tests.
            let _ = serving.wait();
        }
    }
}

/// Whether the broker knew the client that the host spoke of.
fn found(name: &str, outcome: Result<bool, Error>) -> Result<Result<(), Error>, String> {
    match outcome {
        Ok(true) => Ok(Ok(())),
        Ok(false) => Err(format!("nothing of {name:?} is there")),
        Err(error) => Ok(Err(error)),
    }
}
