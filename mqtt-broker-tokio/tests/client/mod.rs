//! A blocking MQTT client made of a `TcpStream` and `mqtt-codec`, and a server to try it on.

#![allow(dead_code, reason = "each test file uses its own part")]

use core::net::SocketAddr;
use core::time::Duration;
use std::io::{Read, Write};
use std::net::TcpStream;

use mqtt_broker_tokio::{Builder, Handle, QoS, Server, Serving, ShutdownHandle, Version};
use mqtt_codec::{
    Connect, Delivery, Disconnect, Framed, Packet, PacketIdentifier, Properties, Publish,
    ReasonCode, Sender, Subscribe, SubscriptionOptions, Subscriptions, TopicFilter, TopicName,
    Utf8String, frame,
};

/// How long anything may take before a test fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

/// A server on a port of its own.
pub(crate) struct Running {
    pub(crate) address: SocketAddr,
    pub(crate) handle: Handle,
    pub(crate) shutdown: ShutdownHandle,
    pub(crate) serving: Serving,
}

impl Running {
    pub(crate) fn start() -> Self {
        Self::start_with(Server::builder())
    }

    pub(crate) fn start_with(builder: Builder) -> Self {
        let server = builder.listen("127.0.0.1:0").bind().unwrap();
        let address = server.local_addrs()[0];
        let (handle, shutdown) = (server.handle(), server.shutdown_handle());
        Self { address, handle, shutdown, serving: server.serve() }
    }

    /// Shuts down. Clients go first: the server gives those that stay a moment to leave.
    pub(crate) fn stop<T>(self, clients: T) {
        drop(clients);
        self.shutdown.shutdown();
        self.serving.wait().unwrap();
    }
}

/// A client of one version.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    version: Version,
    received: Vec<u8>,
}

impl Client {
    /// A TCP connection, nothing sent.
    pub(crate) fn open(address: SocketAddr, version: Version) -> Self {
        let stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.set_write_timeout(Some(PATIENCE)).unwrap();
        stream.set_nodelay(true).unwrap();
        Self { stream, version, received: Vec::new() }
    }

    /// A connected client.
    pub(crate) fn connect(address: SocketAddr, version: Version, client_identifier: &str) -> Self {
        let mut client = Self::open(address, version);
        client.send_connect(client_identifier);
        client.expect(|packet| match packet {
            Packet::Connack(connack) => assert_eq!(connack.reason_code, ReasonCode::SUCCESS),
            other => panic!("no CONNACK but {other}"),
        });
        client
    }

    /// Asks to be connected.
    pub(crate) fn send_connect(&mut self, client_identifier: &str) {
        self.send(&Packet::Connect(Connect {
            version: self.version,
            clean_start: true,
            keep_alive: 0,
            client_identifier: Utf8String::new(client_identifier).unwrap(),
            properties: Properties::EMPTY,
            will: None,
            user_name: None,
            password: None,
        }));
    }

    pub(crate) fn send(&mut self, packet: &Packet<'_>) {
        self.stream.write_all(&encode(packet, self.version)).unwrap();
    }

    pub(crate) fn subscribe(&mut self, filter: &str, maximum_qos: QoS) {
        let filter = TopicFilter::new(filter).unwrap();
        let options = SubscriptionOptions { maximum_qos, ..SubscriptionOptions::default() };
        self.send(&Packet::Subscribe(Subscribe {
            packet_identifier: PacketIdentifier::new(1).unwrap(),
            properties: Properties::EMPTY,
            subscriptions: Subscriptions::new(&[(filter, options)]),
        }));
        self.expect(|packet| match packet {
            Packet::Suback(suback) => {
                assert!(suback.reason_codes.iter().all(|code| !code.is_error()));
            }
            other => panic!("no SUBACK but {other}"),
        });
    }

    pub(crate) fn publish(&mut self, topic: &str, payload: &[u8]) {
        self.send(&publish(topic, payload));
    }

    pub(crate) fn disconnect(&mut self) {
        self.send(&Packet::Disconnect(Disconnect {
            reason_code: ReasonCode::NORMAL_DISCONNECTION,
            properties: Properties::EMPTY,
        }));
    }

    /// The topic and payload of the PUBLISH that comes next.
    pub(crate) fn receive(&mut self) -> (String, Vec<u8>) {
        self.expect(|packet| match packet {
            Packet::Publish(publish) => {
                let topic = publish.topic.map_or("", |topic| topic.as_str());
                (topic.to_owned(), publish.payload.to_vec())
            }
            other => panic!("no PUBLISH but {other}"),
        })
    }

    /// Gives the next packet to `check`.
    pub(crate) fn expect<R>(&mut self, check: impl FnOnce(Packet<'_>) -> R) -> R {
        loop {
            if let Framed::Complete(frame) =
                frame(&self.received, Sender::Server, u32::MAX).unwrap()
            {
                let result = check(frame.decode(self.version).unwrap());
                let len = frame.encoded_len();
                self.received.drain(..len);
                return result;
            }
            let mut buffer = vec![0; 64 << 10];
            let read = self.stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the connection ended; {} bytes left over", self.received.len());
            self.received.extend_from_slice(&buffer[..read]);
        }
    }

    /// The server ends the connection, in order and with nothing more to say.
    pub(crate) fn expect_end(&mut self) {
        assert_eq!(self.received, []);
        assert_eq!(self.stream.read(&mut [0; 16]).unwrap(), 0);
    }
}

/// A PUBLISH of QoS 0.
pub(crate) fn publish<'a>(topic: &'a str, payload: &'a [u8]) -> Packet<'a> {
    Packet::Publish(Publish {
        delivery: Delivery::AtMostOnce,
        retain: false,
        topic: Some(TopicName::new(topic).unwrap()),
        properties: Properties::EMPTY,
        payload,
    })
}

pub(crate) fn encode(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = vec![0; packet.encoded_len(version)];
    let len = packet.encode(version, &mut bytes).unwrap();
    assert_eq!(len, bytes.len());
    bytes
}
