//! [`Client`]: a client of our own, that may also misbehave.

use crate::process::Outcome;
use mqtt_codec::{
    Connect, Delivery, Packet, PacketBuffer, PacketIdentifier, Properties, Property, Publish, QoS,
    Sender, Subscribe, SubscriptionOptions, Subscriptions, TopicFilter, TopicName, Utf8String,
    Version,
};
use std::fmt::Debug;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long an answer is waited for.
const PATIENCE: Duration = Duration::from_secs(5);
const NO_ANSWER: &str = "no answer within five seconds";

/// A Network Connection to the broker.
pub(super) struct Client {
    stream: TcpStream,
    received: PacketBuffer<Vec<u8>>,
    version: Version,
}

/// What a client that connects says of itself.
#[derive(Clone, Copy)]
pub(super) struct Identity<'a> {
    pub(super) version: Version,
    pub(super) identifier: &'a str,
    /// Whether its Session outlives the connection.
    pub(super) persistent: bool,
}

impl Client {
    /// Opens a connection, and says nothing.
    pub(super) fn open(port: u16, version: Version) -> Outcome<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port)).map_err(text)?;
        stream.set_nodelay(true).map_err(text)?;
        stream.set_read_timeout(Some(PATIENCE)).map_err(text)?;
        stream.set_write_timeout(Some(PATIENCE)).map_err(text)?;
        Ok(Self { stream, received: PacketBuffer::new(vec![0; 4096], Sender::Server), version })
    }

    /// Connects; the answer is the first that is received.
    pub(super) fn connect(port: u16, identity: &Identity<'_>) -> Outcome<Self> {
        let mut client = Self::open(port, identity.version)?;
        let expiry = [Property::SessionExpiryInterval(u32::MAX)];
        let five = identity.version == Version::V5 && identity.persistent;
        client.send(&Packet::Connect(Connect {
            version: identity.version,
            clean_start: !identity.persistent,
            keep_alive: 0,
            client_identifier: Utf8String::new(identity.identifier).map_err(text)?,
            properties: if five { Properties::new(&expiry) } else { Properties::EMPTY },
            will: None,
            user_name: None,
            password: None,
        }))?;
        Ok(client)
    }

    /// Connects as one that is welcome.
    pub(super) fn connected(port: u16, identity: &Identity<'_>) -> Outcome<Self> {
        let mut client = Self::connect(port, identity)?;
        let answer = client.answer()?;
        if answer.starts_with("CONNACK") && answer.contains("0x00") {
            Ok(client)
        } else {
            Err(format!("CONNECT was answered with {answer}"))
        }
    }

    /// Connects, unless the broker refuses for want of room: with a CONNACK that says so, or by
    /// closing a connection that it has no place for.
    pub(super) fn admitted(port: u16, identity: &Identity<'_>) -> Outcome<Option<Self>> {
        let mut client = Self::connect(port, identity)?;
        match client.answer() {
            Ok(line) if line.starts_with("CONNACK") && line.contains("0x00") => Ok(Some(client)),
            Ok(line) if is_refusal(&line) => Ok(None),
            Ok(line) => Err(format!("CONNECT was answered with {line}")),
            Err(reason) if reason == NO_ANSWER => Err(reason),
            Err(_) => Ok(None),
        }
    }

    /// Sends SUBSCRIBE with one Topic Filter.
    pub(super) fn subscribe(&mut self, filter: &str, qos: QoS) -> Outcome {
        let options = SubscriptionOptions::new(qos);
        let filters = [(TopicFilter::new(filter).map_err(text)?, options)];
        self.send(&Packet::Subscribe(Subscribe {
            packet_identifier: PacketIdentifier::MIN,
            properties: Properties::EMPTY,
            subscriptions: Subscriptions::new(&filters),
        }))
    }

    /// Sends PUBLISH with the Packet Identifier 1, if the QoS has any.
    pub(super) fn publish(
        &mut self,
        topic: &str,
        qos: QoS,
        retain: bool,
        payload: &[u8],
    ) -> Outcome {
        let identifier = (qos > QoS::AtMostOnce).then_some(PacketIdentifier::MIN);
        self.send(&Packet::Publish(Publish {
            delivery: Delivery::new(qos, false, identifier).ok_or("no such delivery")?,
            retain,
            topic: Some(TopicName::new(topic).map_err(text)?),
            properties: Properties::EMPTY,
            payload,
        }))
    }

    /// Publishes with QoS 1; the answer.
    pub(super) fn acknowledged(
        &mut self,
        topic: &str,
        retain: bool,
        payload: &[u8],
    ) -> Outcome<String> {
        self.publish(topic, QoS::AtLeastOnce, retain, payload)?;
        self.answer()
    }

    /// Sends a packet.
    pub(super) fn send(&mut self, packet: &Packet<'_>) -> Outcome {
        let mut bytes = vec![0; 4096];
        let len = packet.encode(self.version, &mut bytes).map_err(text)?;
        self.send_bytes(bytes.get(..len).unwrap_or_default())
    }

    /// Sends anything.
    pub(super) fn send_bytes(&mut self, bytes: &[u8]) -> Outcome {
        self.stream.write_all(bytes).map_err(text)
    }

    /// Waits until there is something to read, and does not read it.
    pub(super) fn await_input(&mut self) -> Outcome {
        self.stream.peek(&mut [0]).map(drop).map_err(text)
    }

    /// The next packet, as one line; an error if the broker has closed, or says nothing.
    pub(super) fn answer(&mut self) -> Outcome<String> {
        loop {
            if let Some(packet) = self.received.next(self.version).map_err(text)? {
                return Ok(packet.to_string());
            }
            match self.stream.read(self.received.spare()) {
                Ok(0) => return Err("closed by the broker".to_string()),
                Ok(read) => self.received.advance(read),
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return Err(NO_ANSWER.to_string());
                }
                Err(error) => return Err(format!("closed by the broker: {error}")),
            }
        }
    }

    /// The next packet that is not a PUBLISH, as one line.
    pub(super) fn acknowledgement(&mut self) -> Outcome<String> {
        loop {
            let line = self.answer()?;
            if !line.starts_with("PUBLISH") {
                return Ok(line);
            }
        }
    }

    /// The next packet must be this one.
    pub(super) fn expect(&mut self, wanted: &str) -> Outcome {
        let line = self.answer()?;
        if line == wanted { Ok(()) } else { Err(format!("{line} where {wanted} was expected")) }
    }

    /// Whether the broker closes the connection within this time; what it still says is ignored.
    pub(super) fn is_closed_within(&mut self, time: Duration) -> bool {
        if self.stream.set_read_timeout(Some(time)).is_err() {
            return true;
        }
        let mut ignored = [0; 1024];
        loop {
            match self.stream.read(&mut ignored) {
                Ok(1..) => {}
                Ok(0) => return true,
                Err(error) => return error.kind() != ErrorKind::WouldBlock,
            }
        }
    }
}

/// Whether a packet says that the broker has no more room.
pub(super) fn is_refusal(line: &str) -> bool {
    // Of 3.1.1 there is only Server unavailable, shown as 5.0 has it.
    ["CONNACK 0x97", "CONNACK 0x88", "CONNACK 0x03"].iter().any(|code| line.starts_with(code))
}

/// An error, as text.
fn text(error: impl Debug) -> String {
    format!("{error:?}")
}
