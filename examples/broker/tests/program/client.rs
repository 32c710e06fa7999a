//! A client that sends one packet at a time and waits for the answer.

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;

use mqtt_codec::{
    Ack, Connect, Delivery, Framed, Packet, PacketIdentifier, Properties, Publish, QoS, ReasonCode,
    Sender, Subscribe, SubscriptionOptions, Subscriptions, TopicFilter, TopicName, Utf8String,
    Version, frame,
};

use crate::running::PATIENCE;

const LARGEST: u32 = 1 << 24;

pub(crate) struct Client {
    stream: TcpStream,
    version: Version,
    received: Vec<u8>,
    /// Bytes of `received` that the packet returned last takes.
    shown: usize,
}

impl Client {
    /// Connects and returns the client with the CONNACK in its `Display` form.
    pub(crate) fn connect(address: SocketAddr, version: Version, name: &str) -> (Self, String) {
        Self::connect_as(address, version, name, true)
    }

    /// Connects with a Session that lasts, and is welcome.
    pub(crate) fn lasting(address: SocketAddr, name: &str) -> Self {
        let (client, answer) = Self::connect_as(address, Version::V3_1_1, name, false);
        assert!(answer.starts_with("CONNACK 0x00"), "{answer}");
        client
    }

    fn connect_as(
        address: SocketAddr,
        version: Version,
        name: &str,
        clean_start: bool,
    ) -> (Self, String) {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut client = Self { stream, version, received: Vec::new(), shown: 0 };
        client.send(&Packet::Connect(Connect {
            version,
            clean_start,
            keep_alive: 60,
            client_identifier: Utf8String::new(name).unwrap(),
            properties: Properties::EMPTY,
            will: None,
            user_name: None,
            password: None,
        }));
        let answer = client.receive();
        (client, answer)
    }

    /// Connects, and is welcome.
    pub(crate) fn connected(address: SocketAddr, version: Version, name: &str) -> Self {
        let (client, answer) = Self::connect(address, version, name);
        assert!(answer.starts_with("CONNACK 0x00"), "{answer}");
        client
    }

    /// Whether the broker closes a connection at once. One that it takes is left open for a moment,
    /// and nothing is sent on it.
    pub(crate) fn is_turned_away(address: SocketAddr) -> bool {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(Duration::from_millis(500))).unwrap();
        Self::is_ended(stream)
    }

    /// Whether the broker closes a connection that says nothing.
    pub(crate) fn is_turned_away_in_the_end(address: SocketAddr) -> bool {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Self::is_ended(stream)
    }

    fn is_ended(mut stream: TcpStream) -> bool {
        match stream.read(&mut [0; 16]) {
            Ok(count) => count == 0,
            Err(error) => error.kind() == ErrorKind::ConnectionReset,
        }
    }

    pub(crate) fn subscribe(&mut self, filter: &str, qos: QoS) {
        let answer = self.ask_to_subscribe(filter, qos);
        assert!(answer.starts_with("SUBACK id=1 0x0"), "{answer}");
    }

    /// The SUBACK.
    pub(crate) fn ask_to_subscribe(&mut self, filter: &str, qos: QoS) -> String {
        let filter = TopicFilter::new(filter).unwrap();
        let options = SubscriptionOptions { maximum_qos: qos, ..SubscriptionOptions::default() };
        self.send(&Packet::Subscribe(Subscribe {
            packet_identifier: PacketIdentifier::new(1).unwrap(),
            properties: Properties::EMPTY,
            subscriptions: Subscriptions::new(&[(filter, options)]),
        }));
        self.receive()
    }

    pub(crate) fn publish(&mut self, topic: &str, qos: QoS, payload: &[u8]) {
        self.publish_as(topic, qos, false, payload);
    }

    /// Publishes a retained message of QoS 1.
    pub(crate) fn retain(&mut self, topic: &str, payload: &[u8]) {
        self.publish_as(topic, QoS::AtLeastOnce, true, payload);
    }

    fn publish_as(&mut self, topic: &str, qos: QoS, retain: bool, payload: &[u8]) {
        let packet_identifier = match qos {
            QoS::AtMostOnce => None,
            _ => PacketIdentifier::new(9),
        };
        self.send(&Packet::Publish(Publish {
            delivery: Delivery::new(qos, false, packet_identifier).unwrap(),
            retain,
            topic: Some(TopicName::new(topic).unwrap()),
            properties: Properties::EMPTY,
            payload,
        }));
    }

    /// PUBACK.
    pub(crate) fn acknowledge(&mut self, identifier: u16) {
        let packet_identifier = PacketIdentifier::new(identifier).unwrap();
        let (reason_code, properties) = (ReasonCode::SUCCESS, Properties::EMPTY);
        self.send(&Packet::Puback(Ack { packet_identifier, reason_code, properties }));
    }

    /// The next packet, in its `Display` form with the payload.
    pub(crate) fn receive(&mut self) -> String {
        self.received.drain(..self.shown);
        self.shown = 0;
        loop {
            match frame(&self.received, Sender::Server, LARGEST).unwrap() {
                Framed::Complete(frame) => {
                    self.shown = frame.encoded_len();
                    return format!("{:#}", frame.decode(self.version).unwrap());
                }
                Framed::Incomplete { .. } => {
                    let mut buffer = [0; 4096];
                    let count = self.stream.read(&mut buffer).unwrap();
                    if count == 0 {
                        return "end of the connection".to_owned();
                    }
                    self.received.extend_from_slice(&buffer[..count]);
                }
            }
        }
    }

    fn send(&mut self, packet: &Packet<'_>) {
        let mut bytes = vec![0; packet.encoded_len(self.version)];
        let len = packet.encode(self.version, &mut bytes).unwrap();
        self.stream.write_all(&bytes[..len]).unwrap();
    }
}
