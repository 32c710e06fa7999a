//! Messages that come together are queued together and written together, and nobody can tell: each
//! client gets the bytes that it gets from a broker that does neither.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "tests")]

use mqtt_broker_core::codec::{
    Connect, Delivery, Packet, PacketIdentifier, Properties, Property, Publish, QoS, Subscribe,
    SubscriptionIdentifier, SubscriptionOptions, Subscriptions, TopicFilter, TopicName, Utf8String,
    Version,
};
use mqtt_broker_core::{
    AllowAll, Broker, Config, ConnectionHandle, Instant, Lsn, Output, Peer, QueueOverflow,
};
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

const NOW: Instant = Instant::from_secs(5);
const TOPICS: [&str; 3] = ["hall/lamp", "hall/door", "attic"];
const FILTERS: [&str; 4] = ["hall/lamp", "hall/+", "#", "$share/group/hall/lamp"];

#[derive(Debug, Clone)]
struct Subscriber {
    is_v5: bool,
    filter: usize,
    qos: u8,
    options: (bool, bool),
    identifier: Option<u32>,
    maximum_packet_size: Option<u32>,
    aliases: bool,
    receive_maximum: Option<u16>,
    /// How much it is sent at once.
    buffer: usize,
    is_away: bool,
}

#[derive(Debug, Clone)]
enum Act {
    Publish {
        topic: usize,
        payload: usize,
        qos: u8,
        retain: bool,
        expires: bool,
        times: usize,
    },
    Ping,
    /// Who is connected reads what there is; these, if it is not all of them.
    Read(u8),
}

fn subscriber() -> impl Strategy<Value = Subscriber> {
    let window = option::weighted(0.4, 1..4u16);
    let limits = (option::weighted(0.2, 50..2000u32), prop::bool::weighted(0.2), window);
    let buffer = prop_oneof![1 => Just(64), 1 => Just(700), 4 => Just(1 << 16)];
    let options = (any::<bool>(), any::<bool>());
    let first = (any::<bool>(), 0..FILTERS.len(), prop_oneof![2 => Just(0), 1 => 1..=2u8], options);
    let rest = (option::weighted(0.3, 1..300u32), limits, buffer, prop::bool::weighted(0.2));
    (first, rest).prop_map(|((is_v5, filter, qos, options), rest)| {
        let (identifier, limits, buffer, is_away) = rest;
        let (maximum_packet_size, aliases, receive_maximum) = limits;
        Subscriber {
            is_v5,
            filter,
            qos,
            options,
            identifier,
            maximum_packet_size,
            aliases,
            receive_maximum,
            buffer,
            is_away,
        }
    })
}

fn act() -> impl Strategy<Value = Act> {
    let payload = prop_oneof![8 => 0..300usize, 1 => 900..1100usize, 1 => 4000..4200usize];
    let qos = prop_oneof![5 => Just(0), 1 => 1..=2u8];
    let rare = || prop::bool::weighted(0.05);
    let times = prop_oneof![4 => Just(1), 2 => 2..40usize];
    let publish = (0..TOPICS.len(), payload, qos, rare(), rare(), times).prop_map(
        |(topic, payload, qos, retain, expires, times)| Act::Publish {
            topic,
            payload,
            qos,
            retain,
            expires,
            times,
        },
    );
    prop_oneof![12 => publish, 1 => Just(Act::Ping), 2 => any::<u8>().prop_map(Act::Read)]
}

#[derive(Debug, Clone, Copy)]
struct Rules {
    queue_bytes: u32,
    overflow: QueueOverflow,
}

fn rules() -> impl Strategy<Value = Rules> {
    let queue_bytes = prop_oneof![Just(u32::MAX), 2000..20_000u32];
    let overflow = prop_oneof![Just(QueueOverflow::DropOldest), Just(QueueOverflow::DropNewest)];
    (queue_bytes, overflow).prop_map(|(queue_bytes, overflow)| Rules { queue_bytes, overflow })
}

#[derive(Debug, PartialEq)]
struct Outcome {
    bytes: Vec<Vec<u8>>,
    events: Vec<String>,
    stats: String,
    durable: String,
}

/// A broker, and what each of its clients has been sent.
struct World {
    broker: Broker,
    clients: Vec<(ConnectionHandle, usize, Vec<u8>)>,
    events: Vec<String>,
    records: Vec<Vec<u8>>,
    newest: Lsn,
}

impl World {
    /// One that is `plain` has too little memory to keep what it has written, and its host subscribes, so
    /// that nothing is queued together.
    fn new(subscribers: &[Subscriber], rules: Rules, is_plain: bool) -> Self {
        let mut config = Config::default();
        if is_plain {
            config.limits.memory = 4 << 20;
        }
        config.queue_bytes = rules.queue_bytes;
        config.queue_messages = 20;
        config.queue_qos0 = true;
        config.queue_overflow = rules.overflow;
        config.journal = true;
        let (clients, events, records) = (Vec::new(), Vec::new(), Vec::new());
        let newest = Lsn(0);
        let mut world = Self { broker: Broker::new(config), clients, events, records, newest };
        if is_plain {
            let filter = TopicFilter::new("nothing").unwrap();
            let options = SubscriptionOptions::default();
            world.broker.subscribe(NOW, filter, options, None).unwrap();
        }
        // The first publishes, and is one of those that subscribe.
        for (number, subscriber) in subscribers.iter().enumerate() {
            world.connect(number, subscriber);
        }
        world
    }

    fn connect(&mut self, number: usize, subscriber: &Subscriber) {
        let version = if subscriber.is_v5 { Version::V5 } else { Version::V3_1_1 };
        let mut properties = vec![Property::SessionExpiryInterval(100)];
        properties.extend(subscriber.maximum_packet_size.map(|size| {
            let size = core::num::NonZeroU32::new(size).expect("it is not 0");
            Property::MaximumPacketSize(size)
        }));
        let window = subscriber.receive_maximum.and_then(core::num::NonZeroU16::new);
        properties.extend(window.map(Property::ReceiveMaximum));
        if subscriber.aliases {
            properties.push(Property::TopicAliasMaximum(2));
        }
        let name = format!("client-{number}");
        let connect = Connect {
            version,
            clean_start: false,
            keep_alive: 0,
            client_identifier: Utf8String::new(&name).unwrap(),
            properties: if subscriber.is_v5 {
                Properties::new(&properties)
            } else {
                Properties::EMPTY
            },
            will: None,
            user_name: None,
            password: None,
        };
        let handle = self.broker.handle_accept(NOW, Peer::default()).unwrap();
        self.clients.push((handle, subscriber.buffer, Vec::new()));
        self.send(number, &encoded(&Packet::Connect(connect), version));
        let filter = FILTERS[subscriber.filter];
        let (no_local, retain_as_published) = subscriber.options;
        let options = SubscriptionOptions {
            maximum_qos: QoS::from_u8(subscriber.qos).unwrap(),
            no_local: no_local && subscriber.is_v5 && !filter.starts_with('$'),
            retain_as_published: retain_as_published && subscriber.is_v5,
            ..SubscriptionOptions::default()
        };
        let identifier = subscriber.identifier.filter(|_| subscriber.is_v5);
        let identifier = identifier.and_then(SubscriptionIdentifier::new);
        let identifier = identifier.map(Property::SubscriptionIdentifier);
        let list = [(TopicFilter::new(filter).unwrap(), options)];
        let subscribe = Subscribe {
            packet_identifier: PacketIdentifier::MIN,
            properties: Properties::new(identifier.as_slice()),
            subscriptions: Subscriptions::new(&list),
        };
        self.send(number, &encoded(&Packet::Subscribe(subscribe), version));
        self.read(|_| true);
        if subscriber.is_away && number > 0 {
            self.broker.handle_eof(NOW, handle);
            self.keep_records();
        }
    }

    fn send(&mut self, number: usize, mut bytes: &[u8]) {
        let handle = self.clients[number].0;
        while !bytes.is_empty() {
            let received = self.broker.handle_input(NOW, handle, bytes, &mut AllowAll);
            bytes = &bytes[received.consumed..];
            assert!(bytes.is_empty() || received.waiting, "whole packets were sent");
            self.keep_records();
            self.take_turns();
        }
        self.listen();
    }

    /// What was put off, and nothing if nothing was.
    fn take_turns(&mut self) {
        while self.broker.poll_timeout() == Some(Instant::default()) {
            self.broker.handle_timeout(NOW);
            self.keep_records();
        }
    }

    fn keep_records(&mut self) {
        while let Some(record) = self.broker.poll_journal() {
            self.newest = record.lsn;
            self.records.push(record.bytes.to_vec());
        }
    }

    /// What the records bring back.
    fn replayed(&self) -> String {
        let mut replay = Broker::replay(self.broker.config().clone());
        for record in &self.records {
            replay.apply(record).unwrap();
        }
        replay.durable_state()
    }

    fn listen(&mut self) {
        while let Some(output) = self.broker.poll_output() {
            if let Output::Event(event) = output {
                self.events.push(format!("{event:?}"));
            }
        }
    }

    fn read(&mut self, who: impl Fn(usize) -> bool) {
        self.broker.durable(self.newest);
        self.take_turns();
        self.listen();
        for (number, (handle, size, bytes)) in self.clients.iter_mut().enumerate() {
            let mut buffer = vec![0; *size];
            while who(number) {
                let sent = self.broker.poll_transmit(NOW, *handle, &mut buffer, &mut AllowAll);
                let Some(sent) = sent else { break };
                let (len, lent) = (sent.len, sent.payload.to_vec());
                bytes.extend_from_slice(&buffer[..len]);
                bytes.extend_from_slice(&lent);
            }
        }
        self.keep_records();
    }

    /// What everybody has got, and what was told and counted.
    fn end(mut self) -> Outcome {
        assert_eq!(self.replayed(), self.broker.durable_state(), "all is in records");
        self.read(|_| true);
        assert_eq!(self.replayed(), self.broker.durable_state(), "all is in records");
        self.events.sort();
        let mut stats = self.broker.stats();
        // Room that is kept, and turns.
        (stats.memory, stats.table_bytes, stats.steps, stats.subscriptions) = (0, 0, 0, 0);
        stats.journal_bytes = 0;
        let bytes = self.clients.into_iter().map(|(_, _, bytes)| bytes).collect();
        Outcome {
            bytes,
            events: self.events,
            stats: format!("{stats:?}"),
            durable: self.broker.durable_state(),
        }
    }
}

fn encoded(packet: &Packet<'_>, version: Version) -> Vec<u8> {
    let mut bytes = vec![0; packet.encoded_len(version)];
    packet.encode(version, &mut bytes).unwrap();
    bytes
}

fn publish(act: &Act, version: Version, number: &mut u16) -> Vec<Vec<u8>> {
    let Act::Publish { topic, payload, qos, retain, expires, times } = *act else {
        return vec![encoded(&Packet::Pingreq, version)];
    };
    let packets = (0..times).map(|_| {
        *number += 1;
        let qos = QoS::from_u8(qos).unwrap();
        let identifier = PacketIdentifier::new(*number).filter(|_| qos > QoS::AtMostOnce);
        let expires = expires && version == Version::V5;
        let properties = expires.then_some(Property::MessageExpiryInterval(1000));
        let packet = Packet::Publish(Publish {
            delivery: Delivery::new(qos, false, identifier).unwrap(),
            retain,
            topic: Some(TopicName::new(TOPICS[topic]).unwrap()),
            properties: Properties::new(properties.as_slice()),
            payload: &vec![number.to_be_bytes()[1]; payload],
        });
        encoded(&packet, version)
    });
    packets.collect()
}

/// What comes of it if the packets between two reads come together, or one by one to a broker that takes
/// none of the short ways.
fn outcome(subscribers: &[Subscriber], acts: &[Act], rules: Rules, together: bool) -> Outcome {
    let mut world = World::new(subscribers, rules, !together);
    let version = if subscribers[0].is_v5 { Version::V5 } else { Version::V3_1_1 };
    let (mut number, mut pending) = (0, Vec::new());
    for act in acts.iter().chain([&Act::Read(u8::MAX)]) {
        if let Act::Read(who) = *act {
            world.send(0, &core::mem::take(&mut pending));
            assert_eq!(world.replayed(), world.broker.durable_state(), "all is in records");
            world.read(|number| who >> (number % 8) & 1 == 1);
            continue;
        }
        for packet in publish(act, version, &mut number) {
            pending.extend_from_slice(&packet);
            if !together {
                world.send(0, &core::mem::take(&mut pending));
            }
        }
    }
    world.end()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 400, ..ProptestConfig::default() })]

    #[test]
    fn nobody_can_tell_whether_messages_came_together(
        subscribers in vec(subscriber(), 1..12),
        acts in vec(act(), 1..24),
        rules in rules(),
    ) {
        let together = outcome(&subscribers, &acts, rules, true);
        let one_by_one = outcome(&subscribers, &acts, rules, false);
        prop_assert_eq!(&together.stats, &one_by_one.stats);
        prop_assert_eq!(&together.events, &one_by_one.events);
        prop_assert_eq!(&together.durable, &one_by_one.durable);
        for (number, (one, other)) in together.bytes.iter().zip(&one_by_one.bytes).enumerate() {
            prop_assert!(one == other, "client {} got other bytes", number);
        }
    }
}

/// What is compared above is not nothing: the ways that are to be told apart are taken.
#[test]
fn a_burst_goes_to_everyone() {
    let subscriber = Subscriber {
        is_v5: true,
        filter: 0,
        qos: 0,
        options: (false, false),
        identifier: None,
        maximum_packet_size: None,
        aliases: false,
        receive_maximum: None,
        buffer: 1 << 16,
        is_away: false,
    };
    let burst =
        Act::Publish { topic: 0, payload: 100, qos: 0, retain: false, expires: false, times: 100 };
    let subscribers = vec![subscriber; 10];
    let rules = Rules { queue_bytes: u32::MAX, overflow: QueueOverflow::DropNewest };
    let Outcome { bytes, events, .. } = outcome(&subscribers, &[burst], rules, true);
    assert!(bytes.iter().all(|bytes| bytes.len() > 100 * 110), "each got all of them");
    assert!(events.iter().all(|event| !event.contains("Dropped")));
}
