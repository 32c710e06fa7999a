//! Draining late gives the same bytes: the calls of a world are made again, with a host that writes
//! as late as it can and listens to no output before the end.

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker_core::{ApplicationMessage, Config, ConnectionHandle, Instant};
use mqtt_codec::{Properties, QoS, TopicFilter, TopicName};

use crate::disk::Store;
use crate::link::LinkId;
use crate::message::{Along, MessageId};
use crate::node::Node;
use crate::rules::Rules;

/// The calls that a world made of its broker, in order.
#[derive(Debug, Default)]
pub struct Recording(Vec<(Instant, Recorded)>);

/// One call.
#[derive(Debug)]
pub enum Recorded {
    /// A connection was accepted.
    Accept(LinkId),
    /// These bytes were consumed.
    Input(LinkId, Vec<u8>),
    /// The transport was gone.
    Eof(LinkId),
    /// The time was told.
    Timeout,
    /// Bytes were asked for, by way of a buffer of this size, and so many came.
    Transmit(LinkId, usize, usize),
    /// The host published.
    Publish(MessageId, String, Vec<u8>, QoS, bool),
    /// The host disconnected a client.
    Kick(String),
    /// The host ended a Session.
    Remove(String),
    /// The host took a subscription away.
    Unsubscribe(String, String),
}

/// When a host writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Drain {
    /// When it did in the world.
    AsRecorded,
    /// When nothing else is left to do.
    Late,
}

struct Host {
    node: Node,
    drain: Drain,
    now: Instant,
    handles: BTreeMap<LinkId, ConnectionHandle>,
    given: BTreeMap<LinkId, Vec<u8>>,
    /// How many bytes more a connection was given in the world.
    owed: BTreeMap<LinkId, usize>,
    /// Input that waits for more of the same instant.
    input: Option<(LinkId, Vec<u8>)>,
}

impl Recording {
    /// Adds a call.
    pub fn push(&mut self, at: Instant, call: Recorded) {
        self.0.push((at, call));
    }

    /// Makes all calls again, twice.
    ///
    /// # Errors
    ///
    /// A connection was given other bytes by the host that is late.
    pub fn check(&self, config: &Config, listens: bool) -> Result<(), String> {
        let prompt = self.play(config, listens, Drain::AsRecorded);
        let late = self.play(config, listens, Drain::Late);
        let links: BTreeSet<LinkId> = prompt.keys().chain(late.keys()).copied().collect();
        for link in links {
            let (prompt, late) = (prompt.get(&link), late.get(&link));
            if prompt != late {
                let place = prompt.zip(late).and_then(|(prompt, late)| {
                    prompt.iter().zip(late).position(|(prompt, late)| prompt != late)
                });
                let len = |bytes: Option<&Vec<u8>>| bytes.map_or(0, Vec::len);
                return Err(format!(
                    "link {link} is given {} bytes, and {} when drained late; they differ at {place:?}",
                    len(prompt),
                    len(late),
                ));
            }
        }
        Ok(())
    }

    fn play(&self, config: &Config, listens: bool, drain: Drain) -> BTreeMap<LinkId, Vec<u8>> {
        let mut host = Host {
            node: Node::new(config.clone(), Rules::default(), Store::Memory),
            drain,
            now: Instant::default(),
            handles: BTreeMap::new(),
            given: BTreeMap::new(),
            owed: BTreeMap::new(),
            input: None,
        };
        if let (Some((at, _)), true) = (self.0.first(), listens) {
            host.node.listen(*at);
        }
        for (at, call) in &self.0 {
            host.call(*at, call);
        }
        host.put_in();
        host.write_all();
        host.given
    }
}

impl Host {
    fn call(&mut self, at: Instant, call: &Recorded) {
        if !self.joins(at, call) {
            self.put_in();
        }
        self.now = at;
        match call {
            Recorded::Accept(link) => {
                if let Some(handle) = self.node.accept(at) {
                    self.handles.insert(*link, handle);
                }
            }
            Recorded::Input(link, bytes) => {
                // A CONNECT may take over from any connection.
                if bytes.first() == Some(&0x10) {
                    self.write_all();
                }
                self.write(*link);
                self.input.get_or_insert((*link, Vec::new())).1.extend_from_slice(bytes);
                if self.drain == Drain::AsRecorded {
                    self.put_in();
                }
            }
            Recorded::Eof(link) => {
                self.write(*link);
                if let Some(handle) = self.handles.remove(link) {
                    self.node.eof(at, handle);
                }
            }
            Recorded::Timeout => self.node.timeout(at),
            Recorded::Transmit(link, size, len) => self.transmit(*link, *size, *len),
            Recorded::Publish(id, topic, payload, qos, retain) => {
                let Ok(topic) = TopicName::new(topic) else { return };
                let mut message = ApplicationMessage::new(topic, payload);
                (message.qos, message.retain) = (*qos, *retain);
                let along = Along::of(*id);
                let properties = along.properties();
                message.properties = Properties::new(&properties);
                self.node.publish(at, &message);
            }
            Recorded::Kick(name) => {
                self.write_all();
                self.node.kick(at, name);
            }
            Recorded::Remove(name) => {
                self.write_all();
                self.node.broker.remove_session(at, name);
            }
            Recorded::Unsubscribe(name, filter) => {
                let Ok(filter) = TopicFilter::new(filter) else { return };
                self.node.broker.remove_subscription(at, name, filter);
            }
        }
        if self.drain == Drain::AsRecorded {
            while self.node.output(|_| {}) {}
        }
    }

    /// Whether this is more input of the same connection at the same instant.
    fn joins(&self, at: Instant, call: &Recorded) -> bool {
        let Some((link, _)) = &self.input else { return true };
        let owed = self.owed.get(link).is_some_and(|owed| *owed > 0);
        at == self.now && !owed && matches!(call, Recorded::Input(of, _) if of == link)
    }

    /// Gives the broker the input that waits.
    fn put_in(&mut self) {
        let Some((link, bytes)) = self.input.take() else { return };
        if let Some(handle) = self.handles.get(&link) {
            self.node.input(self.now, *handle, &bytes);
        }
    }

    fn transmit(&mut self, link: LinkId, size: usize, len: usize) {
        if self.drain == Drain::Late {
            *self.owed.entry(link).or_default() += len;
            return;
        }
        let Some(handle) = self.handles.get(&link) else { return };
        let bytes = self.node.transmit(self.now, *handle, size).unwrap_or_default();
        self.given.entry(link).or_default().extend_from_slice(&bytes);
    }

    /// Writes what the connection was given in the world by now.
    fn write(&mut self, link: LinkId) {
        let Some(handle) = self.handles.get(&link) else { return };
        let Some(owed) = self.owed.get_mut(&link) else { return };
        while *owed > 0 {
            let Some(bytes) = self.node.transmit(self.now, *handle, *owed) else { return };
            *owed = owed.saturating_sub(bytes.len());
            self.given.entry(link).or_default().extend_from_slice(&bytes);
        }
    }

    fn write_all(&mut self) {
        let links: Vec<LinkId> = self.handles.keys().copied().collect();
        for link in links {
            self.write(link);
        }
    }
}
