//! One client in one version: the words that the cases are written in.

use super::cases::Case;
use super::client::Client;
use super::driver::{Driver, Event};
use crate::process::Outcome;
use std::sync::atomic::{AtomicUsize, Ordering};

/// Distinguishes the client identifiers and topics of all rows.
static SERIAL: AtomicUsize = AtomicUsize::new(0);

/// How a connection is opened.
#[derive(Clone, Debug)]
pub(super) struct Open {
    pub(super) identifier: String,
    pub(super) clean: bool,
    pub(super) will: Option<String>,
    pub(super) version: &'static str,
}

/// An Application Message, as published or as delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Message {
    pub(super) topic: String,
    pub(super) qos: u8,
    pub(super) retain: bool,
    /// A PAYLOAD word of the line protocol.
    pub(super) payload: String,
}

impl Message {
    pub(super) fn new(topic: &str, qos: u8, retain: bool, payload: &str) -> Self {
        Self { topic: topic.to_string(), qos, retain, payload: payload.to_string() }
    }

    fn from_event(event: &Event) -> Outcome<Self> {
        let [topic, qos, retain, payload] = event.rest.as_slice() else {
            return Err(format!("not a message: {event:?}"));
        };
        let qos = qos.parse().map_err(|_| format!("not a QoS: {qos}"))?;
        Ok(Self::new(topic, qos, retain == "1", payload))
    }
}

/// One client in one version, with its driver and the case being played.
#[derive(Debug)]
pub(super) struct Row {
    pub(super) client: &'static Client,
    pub(super) version: &'static str,
    port: u16,
    driver: Option<Driver>,
    /// The connections that the case has opened and not closed.
    open: Vec<String>,
    prefix: String,
}

impl Row {
    pub(super) fn new(client: &'static Client, version: &'static str, port: u16) -> Self {
        Self { client, version, port, driver: None, open: Vec::new(), prefix: String::new() }
    }

    /// Plays the case on connections and topics of its own.
    pub(super) fn play(&mut self, case: &Case) -> Outcome {
        self.prefix = format!("{}/{}", self.identifier(), case.name);
        let outcome = (case.play)(self).and_then(|()| {
            for connection in std::mem::take(&mut self.open) {
                self.close(&connection)?;
            }
            // Messages that the case had no interest in are not the next case's.
            self.driver()?.forget();
            Ok(())
        });
        if outcome.is_err() {
            // What the driver is in the middle of is unknown: the next case gets a new one.
            self.driver = None;
            self.open.clear();
        }
        outcome
    }

    /// A Topic Name of this case.
    pub(super) fn topic(&self, name: &str) -> String {
        format!("{}/{name}", self.prefix)
    }

    /// A client identifier that nobody else uses, short enough for 3.1.
    pub(super) fn identifier(&self) -> String {
        let serial = SERIAL.fetch_add(1, Ordering::Relaxed);
        format!("{}{}n{serial}", self.client.name, self.version.replace('.', ""))
    }

    /// A new Session of the row's version.
    pub(super) fn new_session(&self) -> Open {
        let (identifier, version) = (self.identifier(), self.version);
        Open { identifier, clean: true, will: None, version }
    }

    /// A connection without subscriptions, for publishing.
    pub(super) fn publisher(&mut self) -> Outcome {
        let open = self.new_session();
        self.open("publisher", &open, &[]).map(drop)
    }

    /// A connection of a new Session with these subscriptions.
    pub(super) fn subscriber(&mut self, connection: &str, filters: &[(&str, u8)]) -> Outcome {
        let open = self.new_session();
        self.open(connection, &open, filters).map(drop)
    }

    /// Opens a connection and waits until its subscriptions are granted as asked for.
    /// Returns Session Present, where the client tells it.
    pub(super) fn open(
        &mut self,
        connection: &str,
        open: &Open,
        filters: &[(&str, u8)],
    ) -> Outcome<Option<bool>> {
        let Open { identifier, clean, will, version } = open;
        // A Session that starts anew ends with its connection: a small broker has room for few.
        let expiry = if *clean { 0 } else { 300 };
        let (clean, will) = (u8::from(*clean), will.as_deref().unwrap_or("-"));
        let mut command =
            format!("open {connection} {version} {identifier} {clean} {expiry} {will}");
        for (filter, qos) in filters {
            command.push_str(&format!(" {filter} {qos}"));
        }
        self.driver()?.send(&command)?;
        let opened = self.expect("opened", connection)?;
        self.open.push(connection.to_string());
        if !filters.is_empty() {
            let granted = self.expect("subscribed", connection)?.rest;
            let wanted: Vec<String> = filters.iter().map(|(_, qos)| qos.to_string()).collect();
            if granted != wanted {
                return Err(format!("SUBSCRIBE {filters:?} answered with {granted:?}"));
            }
        }
        Ok(match opened.rest.first().map(String::as_str) {
            Some("0") => Some(false),
            Some("1") => Some(true),
            _ => None,
        })
    }

    pub(super) fn unsubscribe(&mut self, connection: &str, filter: &str) -> Outcome {
        self.driver()?.send(&format!("unsubscribe {connection} {filter}"))?;
        self.expect("unsubscribed", connection).map(drop)
    }

    /// Publishes and waits for the acknowledgement, if the QoS has one.
    pub(super) fn publish(&mut self, message: &Message) -> Outcome {
        let Message { topic, qos, retain, payload } = message;
        let retain = u8::from(*retain);
        self.driver()?.send(&format!("publish publisher {topic} {qos} {retain} {payload}"))?;
        self.expect("published", "publisher").map(drop)
    }

    /// Publishes `text:0`, `text:1`, ... and returns once all are acknowledged.
    pub(super) fn publish_sequence(&mut self, topic: &str, qos: u8, count: usize) -> Outcome {
        self.driver()?.send(&format!("sequence publisher {topic} {qos} {count}"))?;
        self.expect("published", "publisher").map(drop)
    }

    /// The next message on this connection must be this one.
    pub(super) fn expect_message(&mut self, connection: &str, wanted: &Message) -> Outcome {
        let (_, message) = self.next_message(&[connection])?;
        if message == *wanted {
            return Ok(());
        }
        Err(format!("{connection} received {message:?} where {wanted:?} was expected"))
    }

    /// The next message on any of these connections.
    pub(super) fn next_message(&mut self, connections: &[&str]) -> Outcome<(String, Message)> {
        let purpose = format!("message on {}", connections.join(" or "));
        let event = self.driver()?.wait(&purpose, |event| {
            event.verb == "message" && connections.contains(&event.connection.as_str())
        })?;
        Ok((event.connection.clone(), Message::from_event(&event)?))
    }

    /// Sends DISCONNECT and waits until the connection is closed.
    pub(super) fn close(&mut self, connection: &str) -> Outcome {
        self.driver()?.send(&format!("close {connection}"))?;
        self.expect_closed(connection).map(drop)
    }

    /// Waits until the connection is closed; returns the reason code of the broker's DISCONNECT,
    /// where the client tells it.
    pub(super) fn expect_closed(&mut self, connection: &str) -> Outcome<Option<u8>> {
        let event = self.expect("closed", connection)?;
        self.open.retain(|open| open != connection);
        Ok(event.rest.first().and_then(|code| code.parse().ok()))
    }

    /// Another driver of the same client, to be killed.
    pub(super) fn victim(&self) -> Outcome<Row> {
        let mut row = Row::new(self.client, self.version, self.port);
        row.prefix.clone_from(&self.prefix);
        row.driver()?;
        Ok(row)
    }

    /// Kills the driver: its sockets are closed without a DISCONNECT.
    pub(super) fn kill(mut self) {
        self.driver = None;
    }

    fn expect(&mut self, verb: &str, connection: &str) -> Outcome<Event> {
        let purpose = format!("`{verb} {connection}`");
        let wanted = |event: &Event| event.verb == verb && event.connection == connection;
        self.driver()?.wait(&purpose, wanted)
    }

    fn driver(&mut self) -> Outcome<&mut Driver> {
        match &mut self.driver {
            Some(driver) => Ok(driver),
            empty => Ok(empty.insert(Driver::start(self.client, self.version, self.port)?)),
        }
    }
}
