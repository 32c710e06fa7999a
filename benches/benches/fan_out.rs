//! The core without sockets: what one delivery costs, from the publisher's bytes to the subscriber's.

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use mqtt_broker_core::{AllowAll, Broker, Config, ConnectionHandle, Instant, Output, Peer, Policy};
use mqtt_codec::{
    Connect, Delivery, Packet, PacketIdentifier, Properties, Publish, QoS, Subscribe,
    SubscriptionOptions, Subscriptions, TopicFilter, TopicName, Utf8String, Version,
};

const NOW: Instant = Instant::from_secs(1);

/// A broker, its host's buffer, and a way to take what it sends.
struct World {
    broker: Broker,
    policy: AllowAll,
    buffer: Vec<u8>,
    ready: Vec<ConnectionHandle>,
}

impl World {
    fn new(config: Config) -> Self {
        let (policy, buffer, ready) = (AllowAll, vec![0; 64 << 10], Vec::new());
        Self { broker: Broker::new(config), policy, buffer, ready }
    }

    fn connect(&mut self, client_identifier: &str, version: Version) -> ConnectionHandle {
        let handle = self.broker.handle_accept(NOW, Peer::default()).unwrap();
        let connect = Packet::Connect(Connect {
            version,
            clean_start: true,
            keep_alive: 0,
            client_identifier: Utf8String::new(client_identifier).unwrap(),
            properties: Properties::EMPTY,
            will: None,
            user_name: None,
            password: None,
        });
        self.send(handle, &encoded(&connect, version));
        handle
    }

    fn subscribe(&mut self, handle: ConnectionHandle, filter: &str, qos: QoS, version: Version) {
        let options = SubscriptionOptions { maximum_qos: qos, ..SubscriptionOptions::default() };
        let list = [(TopicFilter::new(filter).unwrap(), options)];
        let subscribe = Packet::Subscribe(Subscribe {
            packet_identifier: PacketIdentifier::MIN,
            properties: Properties::EMPTY,
            subscriptions: Subscriptions::new(&list),
        });
        self.send(handle, &encoded(&subscribe, version));
        self.drain();
    }

    fn send(&mut self, handle: ConnectionHandle, bytes: &[u8]) {
        let received = self.broker.handle_input(NOW, handle, bytes, &mut self.policy);
        assert_eq!(received.consumed, bytes.len());
    }

    /// Takes everything that is to be sent; how many bytes.
    fn drain(&mut self) -> usize {
        while let Some(output) = self.broker.poll_output() {
            if let Output::Transmit(handle) = output {
                self.ready.push(handle);
            }
        }
        let mut bytes = 0;
        for handle in self.ready.drain(..) {
            let policy: &mut dyn Policy = &mut self.policy;
            while let Some(sent) = self.broker.poll_transmit(NOW, handle, &mut self.buffer, policy)
            {
                bytes += sent.len + sent.payload.len();
            }
        }
        bytes
    }
}

fn encoded(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = vec![0; packet.encoded_len(version)];
    packet.encode(version, &mut bytes).unwrap();
    bytes
}

fn publish(topic: &str, payload: &[u8], version: Version) -> Vec<u8> {
    let publish = Packet::Publish(Publish {
        delivery: Delivery::AtMostOnce,
        retain: false,
        topic: Some(TopicName::new(topic).unwrap()),
        properties: Properties::EMPTY,
        payload,
    });
    encoded(&publish, version)
}

/// One publisher, many subscribers of one topic, sixteen messages a turn; a time per delivery.
fn fan_out(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("fan-out");
    for (subscribers, payload, ask) in [
        (1, 64, false),
        (10, 64, false),
        (1000, 64, false),
        (1000, 64, true),
        (1000, 256, false),
        (1000, 4096, false),
        (1000, 65536, false),
    ] {
        let mut config = Config::default();
        config.events = false;
        config.ask_deliver = ask;
        let mut world = World::new(config);
        let version = Version::V3_1_1;
        for n in 0..subscribers {
            let handle = world.connect(&format!("subscriber-{n}"), version);
            world.subscribe(handle, "bench/topic", QoS::AtMostOnce, version);
        }
        let publisher = world.connect("publisher", version);
        world.drain();
        let burst = publish("bench/topic", &vec![7; payload], version).repeat(16);
        group.throughput(Throughput::Elements(16 * subscribers));
        let asked = if ask { "/asked" } else { "" };
        let name = format!("{subscribers}x{payload}B{asked}");
        group.bench_function(BenchmarkId::from_parameter(name), |bencher| {
            bencher.iter(|| {
                world.send(publisher, &burst);
                world.drain()
            });
        });
    }
    group.finish();
}

criterion_group!(benches, fan_out);
criterion_main!(benches);
