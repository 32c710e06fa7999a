//! One connection: the client's handle, and the thread that turns its event loop into lines.

use crate::payload;
use rumqttc::{Outgoing, QoS, v5};
use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

const KEEP_ALIVE: Duration = Duration::from_secs(60);
const MAXIMUM_PACKET_SIZE: u32 = 16 * 1024 * 1024;
/// Room for every request of a `sequence`, so that a command never blocks.
const REQUESTS: usize = 4096;

/// The arguments of `open`, after NAME.
pub struct Open<'a> {
    version: &'a str,
    identifier: &'a str,
    clean: bool,
    expiry: u32,
    will: Option<Will>,
    filters: &'a [&'a str],
}

struct Will {
    topic: String,
    qos: QoS,
    retain: bool,
    payload: Vec<u8>,
}

impl<'a> Open<'a> {
    pub fn parse(words: &'a [&'a str]) -> Result<Self, Box<dyn Error>> {
        let [version, identifier, clean, expiry, will, filters @ ..] = words else {
            return Err("open: words are missing".into());
        };
        let will = match will.split(',').collect::<Vec<_>>().as_slice() {
            ["-"] => None,
            [topic, qos, retain, payload] => Some(Will {
                topic: (*topic).to_string(),
                qos: quality(qos)?,
                retain: *retain == "1",
                payload: payload::bytes(payload)?,
            }),
            _ => return Err("open: not a Will".into()),
        };
        let (clean, expiry) = (*clean == "1", expiry.parse()?);
        Ok(Self { version, identifier, clean, expiry, will, filters })
    }
}

enum Client {
    V3(rumqttc::Client),
    V5(v5::Client),
}

pub struct Connection {
    name: String,
    client: Client,
    unacknowledged: Arc<AtomicUsize>,
}

impl Connection {
    pub fn open(name: &str, port: u16, open: &Open<'_>) -> Result<Self, Box<dyn Error>> {
        let unacknowledged = Arc::new(AtomicUsize::new(0));
        let events = Events { name: name.to_string(), unacknowledged: unacknowledged.clone() };
        let client = match open.version {
            "3.1.1" => {
                let (client, connection) = rumqttc::Client::new(options_v3(port, open), REQUESTS);
                std::thread::spawn(move || events.run_v3(connection));
                Client::V3(client)
            }
            "5.0" => {
                let (client, connection) = v5::Client::new(options_v5(port, open), REQUESTS);
                std::thread::spawn(move || events.run_v5(connection));
                Client::V5(client)
            }
            other => return Err(format!("rumqttc does not speak {other}").into()),
        };
        let connection = Self { name: name.to_string(), client, unacknowledged };
        if !open.filters.is_empty() {
            connection.subscribe(open.filters)?;
        }
        Ok(connection)
    }

    pub fn subscribe(&self, filters: &[&str]) -> Result<(), Box<dyn Error>> {
        let mut pairs = Vec::new();
        for pair in filters.chunks_exact(2) {
            pairs.push((pair[0].to_string(), quality(pair[1])?));
        }
        match &self.client {
            Client::V3(client) => client.subscribe_many(
                pairs.into_iter().map(|(path, qos)| rumqttc::SubscribeFilter { path, qos }),
            )?,
            Client::V5(client) => client.subscribe_many(
                pairs
                    .into_iter()
                    .map(|(path, qos)| v5::mqttbytes::v5::Filter::new(path, five(qos))),
            )?,
        }
        Ok(())
    }

    pub fn unsubscribe(&self, filter: &str) -> Result<(), Box<dyn Error>> {
        match &self.client {
            Client::V3(client) => client.unsubscribe(filter)?,
            Client::V5(client) => client.unsubscribe(filter)?,
        }
        Ok(())
    }

    pub fn publish(
        &self,
        topic: &str,
        qos: &str,
        retain: bool,
        payloads: Vec<Vec<u8>>,
    ) -> Result<(), Box<dyn Error>> {
        let qos = quality(qos)?;
        if qos != QoS::AtMostOnce {
            self.unacknowledged.fetch_add(payloads.len(), Ordering::SeqCst);
        }
        for payload in payloads {
            match &self.client {
                Client::V3(client) => client.publish(topic, qos, retain, payload)?,
                Client::V5(client) => client.publish(topic, five(qos), retain, payload)?,
            }
        }
        if qos == QoS::AtMostOnce {
            println!("published {}", self.name);
        }
        Ok(())
    }

    pub fn close(&self) -> Result<(), Box<dyn Error>> {
        match &self.client {
            Client::V3(client) => client.disconnect()?,
            Client::V5(client) => client.disconnect()?,
        }
        Ok(())
    }
}

fn options_v3(port: u16, open: &Open<'_>) -> rumqttc::MqttOptions {
    let mut options = rumqttc::MqttOptions::new(open.identifier, "127.0.0.1", port);
    options.set_keep_alive(KEEP_ALIVE).set_clean_session(open.clean);
    options.set_max_packet_size(MAXIMUM_PACKET_SIZE as usize, MAXIMUM_PACKET_SIZE as usize);
    if let Some(will) = &open.will {
        let payload = will.payload.clone();
        options.set_last_will(rumqttc::LastWill::new(&will.topic, payload, will.qos, will.retain));
    }
    options
}

fn options_v5(port: u16, open: &Open<'_>) -> v5::MqttOptions {
    let mut options = v5::MqttOptions::new(open.identifier, "127.0.0.1", port);
    options.set_keep_alive(KEEP_ALIVE).set_clean_start(open.clean);
    options.set_max_packet_size(Some(MAXIMUM_PACKET_SIZE));
    options.set_session_expiry_interval(Some(open.expiry));
    if let Some(will) = &open.will {
        let (topic, payload, qos) = (&will.topic, will.payload.clone(), five(will.qos));
        let will = v5::mqttbytes::v5::LastWill::new(topic, payload, qos, will.retain, None);
        options.set_last_will(will);
    }
    options
}

/// What the thread of a connection's event loop knows.
struct Events {
    name: String,
    unacknowledged: Arc<AtomicUsize>,
}

impl Events {
    /// Ends with the connection: polling on would reconnect.
    fn run_v3(self, mut connection: rumqttc::Connection) {
        use rumqttc::{Event, Packet, SubscribeReasonCode};
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(Packet::ConnAck(connack))) => {
                    self.opened(connack.session_present)
                }
                Ok(Event::Incoming(Packet::SubAck(suback))) => {
                    self.subscribed(suback.return_codes.iter().map(|code| match code {
                        SubscribeReasonCode::Success(qos) => *qos as u8,
                        SubscribeReasonCode::Failure => 128,
                    }));
                }
                Ok(Event::Incoming(Packet::UnsubAck(_))) => println!("unsubscribed {}", self.name),
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let (qos, retain) = (publish.qos as u8, publish.retain);
                    self.message(publish.topic.as_bytes(), qos, retain, &publish.payload);
                }
                Ok(Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))) => self.acknowledged(),
                Ok(Event::Outgoing(Outgoing::Disconnect)) => break,
                Ok(_) => {}
                Err(error) => {
                    eprintln!("{}: {error}", self.name);
                    break;
                }
            }
        }
        println!("closed {} -", self.name);
    }

    /// As [`Events::run_v3`], with the types of 5.0.
    fn run_v5(self, mut connection: v5::Connection) {
        use v5::mqttbytes::v5::{Packet, SubscribeReasonCode};
        use v5::{Event, StateError};
        let mut code = "-".to_string();
        for event in connection.iter() {
            match event {
                Ok(Event::Incoming(Packet::ConnAck(connack))) => {
                    self.opened(connack.session_present)
                }
                Ok(Event::Incoming(Packet::SubAck(suback))) => {
                    self.subscribed(suback.return_codes.iter().map(|code| match code {
                        SubscribeReasonCode::Success(qos) => *qos as u8,
                        _ => 128,
                    }));
                }
                Ok(Event::Incoming(Packet::UnsubAck(_))) => println!("unsubscribed {}", self.name),
                Ok(Event::Incoming(Packet::Publish(publish))) => {
                    let (qos, retain) = (publish.qos as u8, publish.retain);
                    self.message(&publish.topic, qos, retain, &publish.payload);
                }
                Ok(Event::Incoming(Packet::PubAck(_) | Packet::PubComp(_))) => self.acknowledged(),
                Ok(Event::Outgoing(Outgoing::Disconnect)) => break,
                Ok(_) => {}
                Err(error) => {
                    eprintln!("{}: {error}", self.name);
                    if let v5::ConnectionError::MqttState(StateError::ServerDisconnect {
                        reason_code,
                        ..
                    }) = error
                    {
                        code = (reason_code as u8).to_string();
                    }
                    break;
                }
            }
        }
        println!("closed {} {code}", self.name);
    }

    fn opened(&self, session_present: bool) {
        println!("opened {} {}", self.name, u8::from(session_present));
    }

    fn subscribed(&self, codes: impl Iterator<Item = u8>) {
        let codes: Vec<String> = codes.map(|code| code.to_string()).collect();
        println!("subscribed {} {}", self.name, codes.join(" "));
    }

    fn message(&self, topic: &[u8], qos: u8, retain: bool, payload: &[u8]) {
        let (name, topic) = (&self.name, String::from_utf8_lossy(topic));
        let (retain, payload) = (u8::from(retain), payload::word(payload));
        println!("message {name} {topic} {qos} {retain} {payload}");
    }

    fn acknowledged(&self) {
        if self.unacknowledged.fetch_sub(1, Ordering::SeqCst) == 1 {
            println!("published {}", self.name);
        }
    }
}

fn quality(word: &str) -> Result<QoS, Box<dyn Error>> {
    match word {
        "0" => Ok(QoS::AtMostOnce),
        "1" => Ok(QoS::AtLeastOnce),
        "2" => Ok(QoS::ExactlyOnce),
        _ => Err(format!("no such QoS: {word}").into()),
    }
}

fn five(qos: QoS) -> v5::mqttbytes::QoS {
    match qos {
        QoS::AtMostOnce => v5::mqttbytes::QoS::AtMostOnce,
        QoS::AtLeastOnce => v5::mqttbytes::QoS::AtLeastOnce,
        QoS::ExactlyOnce => v5::mqttbytes::QoS::ExactlyOnce,
    }
}
