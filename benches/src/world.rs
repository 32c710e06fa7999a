//! [`World`]: a broker whose clients live in the same program.
//!
//! What a client sends are bytes, and what it gets are bytes, as through a socket; only the socket is
//! not there.

use mqtt_broker_core::{AllowAll, Broker, Config, ConnectionHandle, Instant, Output, Peer};
use mqtt_codec::{
    Connect, Delivery, Framed, Packet, PacketIdentifier, PacketType, Properties, Property, Publish,
    QoS, Sender, Subscribe, SubscriptionOptions, Subscriptions, TopicFilter, TopicFilters,
    TopicName, Unsubscribe, Utf8String, Version, frame,
};

/// A time to call things at; none of them depends on it.
pub const NOW: Instant = Instant::from_secs(1);

/// A broker, its host's buffer, and the connections that have something to be sent.
#[derive(Debug)]
pub struct World {
    /// The broker.
    pub broker: Broker,
    policy: AllowAll,
    buffer: Vec<u8>,
    ready: Vec<ConnectionHandle>,
    acknowledgements: Vec<u8>,
}

impl World {
    /// A broker with the default configuration, but without events and with queues that take what the
    /// benchmarks put into them.
    #[must_use]
    pub fn new() -> Self {
        let mut config = Config::default();
        config.events = false;
        config.queue_messages = u32::MAX;
        config.queue_bytes = u32::MAX;
        config.limits.subscriptions_per_client = u32::MAX;
        config.limits.retained = u32::MAX;
        Self::with(config)
    }

    /// A broker with this configuration.
    #[must_use]
    pub fn with(config: Config) -> Self {
        Self {
            broker: Broker::new(config),
            policy: AllowAll,
            buffer: vec![0; 256 << 10],
            ready: Vec::new(),
            acknowledgements: Vec::new(),
        }
    }

    /// Connects a client whose Session ends with its connection.
    pub fn connect(&mut self, client_identifier: &str, version: Version) -> ConnectionHandle {
        self.open(&connect(client_identifier, version, true))
    }

    /// Connects a client whose Session goes on: the one it has, if it has one.
    pub fn resume(&mut self, client_identifier: &str, version: Version) -> ConnectionHandle {
        self.open(&connect(client_identifier, version, false))
    }

    /// A connection that sends this CONNECT.
    pub fn open(&mut self, connect: &[u8]) -> ConnectionHandle {
        let accepted = self.broker.handle_accept(NOW, Peer::default());
        let handle = accepted.expect("the broker takes connections");
        self.send(handle, connect);
        handle
    }

    /// The connection ends without a word.
    pub fn leave(&mut self, handle: ConnectionHandle) {
        self.broker.handle_eof(NOW, handle);
    }

    /// Subscribes, and takes what is answered.
    pub fn subscribe(
        &mut self,
        handle: ConnectionHandle,
        filter: &str,
        qos: QoS,
        version: Version,
    ) {
        self.send(handle, &subscribe(filter, qos, version));
        self.drain();
    }

    /// Bytes from a client, all of which the broker has to take, if not at once.
    pub fn send(&mut self, handle: ConnectionHandle, mut bytes: &[u8]) {
        loop {
            let received = self.broker.handle_input(NOW, handle, bytes, &mut self.policy);
            bytes = &bytes[received.consumed..];
            if bytes.is_empty() {
                return;
            }
            assert!(received.waiting, "the broker takes whole packets");
            self.broker.handle_timeout(NOW);
            self.collect_outputs();
        }
    }

    /// Takes everything that is to be sent; how many bytes that is.
    pub fn drain(&mut self) -> usize {
        self.collect_outputs();
        let mut bytes = 0;
        for handle in self.ready.drain(..) {
            let (buffer, policy) = (&mut self.buffer, &mut self.policy);
            while let Some(sent) = self.broker.poll_transmit(NOW, handle, buffer, policy) {
                bytes += sent.len + sent.payload.len();
            }
        }
        bytes
    }

    /// Takes everything that is to be sent and has the clients acknowledge it, until all is said;
    /// how many PUBLISH packets there were.
    pub fn exchange(&mut self) -> u64 {
        let mut publishes = 0;
        loop {
            self.collect_outputs();
            let Some(handle) = self.ready.pop() else { return publishes };
            loop {
                let (buffer, policy) = (&mut self.buffer, &mut self.policy);
                let Some(sent) = self.broker.poll_transmit(NOW, handle, buffer, policy) else {
                    break;
                };
                let len = sent.len + sent.payload.len();
                self.buffer[sent.len..len].copy_from_slice(sent.payload);
                publishes += acknowledge(&self.buffer[..len], &mut self.acknowledgements);
            }
            let bytes = core::mem::take(&mut self.acknowledgements);
            self.send(handle, &bytes);
            self.acknowledgements = bytes;
            self.acknowledgements.clear();
        }
    }

    fn collect_outputs(&mut self) {
        while let Some(output) = self.broker.poll_output() {
            if let Output::Transmit(handle) = output {
                self.ready.push(handle);
            }
        }
    }
}

impl Default for World {
    fn default() -> Self {
        Self::new()
    }
}

/// Appends what a client answers to these packets; how many PUBLISH packets there are.
fn acknowledge(mut bytes: &[u8], answers: &mut Vec<u8>) -> u64 {
    let mut publishes = 0;
    while let Ok(Framed::Complete(frame)) = frame(bytes, Sender::Server, u32::MAX) {
        let body = frame.body();
        let identifier = |at: usize| [body[at], body[at + 1]];
        let (first, identifier) = match frame.packet_type() {
            PacketType::Publish => {
                publishes += 1;
                let topic_len = usize::from(u16::from_be_bytes(identifier(0)));
                match frame.flags() >> 1 & 3 {
                    1 => (0x40, identifier(2 + topic_len)),
                    2 => (0x50, identifier(2 + topic_len)),
                    _ => (0, [0; 2]),
                }
            }
            PacketType::Pubrec => (0x62, identifier(0)),
            PacketType::Pubrel => (0x70, identifier(0)),
            _ => (0, [0; 2]),
        };
        if first != 0 {
            answers.extend_from_slice(&[first, 2, identifier[0], identifier[1]]);
        }
        bytes = &bytes[frame.encoded_len()..];
    }
    publishes
}

/// The bytes of a CONNECT without Keep Alive. One that is not `clean` asks for a Session that does not
/// end with the connection.
#[must_use]
pub fn connect(client_identifier: &str, version: Version, clean: bool) -> Vec<u8> {
    let for_ever = [Property::SessionExpiryInterval(u32::MAX)];
    let lasting = version == Version::V5 && !clean;
    let packet = Packet::Connect(Connect {
        version,
        clean_start: clean,
        keep_alive: 0,
        client_identifier: Utf8String::new(client_identifier).expect("it is short"),
        properties: if lasting { Properties::new(&for_ever) } else { Properties::EMPTY },
        will: None,
        user_name: None,
        password: None,
    });
    encoded(&packet, version)
}

/// The bytes of a SUBSCRIBE.
#[must_use]
pub fn subscribe(filter: &str, qos: QoS, version: Version) -> Vec<u8> {
    let options = SubscriptionOptions { maximum_qos: qos, ..SubscriptionOptions::default() };
    let list = [(TopicFilter::new(filter).expect("a filter"), options)];
    let packet = Packet::Subscribe(Subscribe {
        packet_identifier: PacketIdentifier::MIN,
        properties: Properties::EMPTY,
        subscriptions: Subscriptions::new(&list),
    });
    encoded(&packet, version)
}

/// The bytes of an UNSUBSCRIBE.
#[must_use]
pub fn unsubscribe(filter: &str, version: Version) -> Vec<u8> {
    let list = [TopicFilter::new(filter).expect("a filter")];
    let packet = Packet::Unsubscribe(Unsubscribe {
        packet_identifier: PacketIdentifier::MIN,
        properties: Properties::EMPTY,
        filters: TopicFilters::new(&list),
    });
    encoded(&packet, version)
}

/// The bytes of a PUBLISH. With QoS 1 and 2 its Packet Identifier is 1.
#[must_use]
pub fn publish(topic: &str, payload: &[u8], qos: QoS, retain: bool, version: Version) -> Vec<u8> {
    let packet_identifier = (qos != QoS::AtMostOnce).then_some(PacketIdentifier::MIN);
    let packet = Packet::Publish(Publish {
        delivery: Delivery::new(qos, false, packet_identifier).unwrap_or(Delivery::AtMostOnce),
        retain,
        topic: Some(TopicName::new(topic).expect("a name")),
        properties: Properties::EMPTY,
        payload,
    });
    encoded(&packet, version)
}

fn encoded(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = vec![0; packet.encoded_len(version)];
    packet.encode(version, &mut bytes).expect("there is room");
    bytes
}
