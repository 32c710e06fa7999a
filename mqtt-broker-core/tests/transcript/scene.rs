//! [`Scene`]: what clients and host have seen, and the transcript has not mentioned yet.

use alloc::collections::VecDeque;

use mqtt_broker_core::{DropCause, Event, Request};

use super::client::{Client, Seen};

/// The visible side of a play.
#[derive(Default)]
pub(crate) struct Scene {
    pub(crate) clients: Vec<Client>,
    /// What the host was told.
    pub(crate) inbox: VecDeque<Seen>,
    /// Messages that did not reach a Client Identifier.
    pub(crate) misses: Vec<(String, String)>,
    /// What else it was told, which need not be mentioned.
    pub(crate) told: Vec<String>,
    /// Client Identifiers whose Sessions ended.
    pub(crate) ended: Vec<String>,
}

impl Scene {
    /// The place of a client in `clients`; it is made when it is first named.
    pub(crate) fn client(&mut self, name: &str) -> usize {
        let found = self.clients.iter().position(|client| client.name == name);
        found.unwrap_or_else(|| {
            self.clients.push(Client::new(name.into()));
            self.clients.len() - 1
        })
    }

    /// Notes an event that transcripts speak of.
    pub(crate) fn hear(&mut self, event: Event) {
        match event {
            Event::Dropped { client_identifier, topic, cause, .. } => {
                let who = match cause {
                    DropCause::HostFull => "host".into(),
                    _ if client_identifier.is_empty() => "nobody".into(),
                    _ => client_identifier,
                };
                self.misses.push((who, format!("{topic:?}: {cause}")));
            }
            Event::SessionEnded { client_identifier, messages, .. } => {
                if messages > 0 {
                    let text = format!("{messages} messages went with {client_identifier:?}");
                    self.told.push(text);
                }
                self.ended.push(client_identifier);
            }
            other => self.told.extend(told(&other)),
        }
    }

    /// Notes that the host made a mistake.
    pub(crate) fn mistake(&mut self, error: &impl core::fmt::Display) {
        let text = format!("ERROR {error}");
        self.inbox.push_back(Seen::Packet(text.clone(), text));
    }
}

/// An event that a transcript may speak of, as it does.
fn told(event: &Event) -> Option<String> {
    Some(match event {
        Event::NotPublished { client_identifier: who, topic, reason_code, cause, .. } => {
            format!("{who:?} did not publish {topic:?}: {cause} ({reason_code})")
        }
        Event::NotSubscribed { client_identifier: who, filter, reason_code, cause, .. } => {
            format!("{who:?} did not subscribe to {filter:?}: {cause} ({reason_code})")
        }
        Event::NotUnsubscribed { client_identifier: who, filter, reason_code, .. } => {
            format!("{who:?} did not unsubscribe from {filter:?} ({reason_code})")
        }
        Event::NotRetained { client_identifier: who, topic, limit, .. } => {
            format!("the Will Message of {who:?} to {topic:?} is not retained: {limit}")
        }
        Event::RetainedExpired { topic, .. } => {
            format!("the retained message of {topic:?} expired")
        }
        Event::RetainedCutShort { client_identifier: who, filter, .. } => {
            format!("{who:?} does without retained messages of {filter:?}")
        }
        Event::Missed { client_identifier: who, clients, topic, .. } => {
            format!("{who:?}, one of {clients}, missed {topic:?}")
        }
        Event::OutputsDropped { count, .. } => format!("{count} outputs were dropped"),
        Event::LimitReached { limit, client_identifier: who, .. } => {
            format!("{who:?} reached the limit {limit}")
        }
        _ => return None,
    })
}

/// What the host is asked about a client.
pub(crate) fn question(name: &str, request: &Request) -> Seen {
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
        Request::Unsubscribe { filter, .. } => format!("DECIDE {name} unsubscribe {filter:?}"),
        Request::Deliver { topic, .. } => format!("DECIDE {name} deliver {topic:?}"),
        other => format!("DECIDE {name} {other:?}"),
    };
    Seen::Packet(text.clone(), text)
}
