//! Bounds that no transcript can show, since what happens depends on how fast a client reads, or takes
//! more bytes than a transcript has: exactly so much is allowed, and what is beyond is answered,
//! counted and told.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

#[path = "packets/packets_with.rs"]
mod packets_with;

use mqtt_broker_core::{
    AllowAll, ApplicationMessage, Broker, Config, ConnectionHandle, DropCause, Error, Event,
    Instant, Limit, Limits, Output, Peer, Received, ReplayCause, Stats,
};
use mqtt_codec::Version::V5;
use mqtt_codec::{QoS, SubscriptionOptions, TopicFilter, TopicName};
use packets_with::{connect, packet, publish, string};

const NOW: Instant = Instant::from_secs(1_000_000);

fn connected(broker: &mut Broker, name: &str) -> ConnectionHandle {
    let connection = broker.handle_accept(NOW, Peer::default()).unwrap();
    send(broker, connection, &connect(V5, 0x02, &[], &[string(name)]));
    read(broker, connection);
    events(broker);
    connection
}

fn send(broker: &mut Broker, connection: ConnectionHandle, bytes: &[u8]) -> Received {
    broker.handle_input(NOW, connection, bytes, &mut AllowAll)
}

/// What there is for a client.
fn read(broker: &mut Broker, connection: ConnectionHandle) -> Vec<u8> {
    let (mut buffer, mut all) = (vec![0; 4096], Vec::new());
    while let Some(sent) = broker.poll_transmit(NOW, connection, &mut buffer, &mut AllowAll) {
        all.extend_from_slice(&buffer[..sent.len]);
        all.extend_from_slice(sent.payload);
    }
    all
}

/// What was told.
fn events(broker: &mut Broker) -> Vec<Event> {
    let mut events = Vec::new();
    while let Some(output) = broker.poll_output() {
        if let Output::Event(event) = output {
            events.push(event);
        }
    }
    events
}

/// The limits that somebody reached.
fn reached(broker: &mut Broker) -> Vec<Limit> {
    let events = events(broker).into_iter();
    let limits = events.filter_map(|event| match event {
        Event::LimitReached { limit, .. } => Some(limit),
        _ => None,
    });
    limits.collect()
}

#[test]
fn who_leaves_outgoing_bytes_unread_waits() {
    let mut config = Config::default();
    config.limits.outgoing = 16;
    let mut broker = Broker::new(config);
    let client = connected(&mut broker, "client");
    // Eight answers of two bytes each.
    let received = send(&mut broker, client, &[0xC0, 0].repeat(8));
    assert_eq!((received.consumed, received.waiting), (16, false));
    assert_eq!(broker.stats().reached.count(Limit::Outgoing), 0);
    let received = send(&mut broker, client, &[0xC0, 0].repeat(3));
    assert_eq!((received.consumed, received.waiting), (2, true));
    assert_eq!(broker.stats().reached.count(Limit::Outgoing), 1);
    assert_eq!(reached(&mut broker), [Limit::Outgoing]);
    // Asked again meanwhile, it still waits, and nobody is told again.
    assert!(send(&mut broker, client, &[0xC0, 0]).waiting);
    assert_eq!(reached(&mut broker), []);
    assert_eq!(read(&mut broker, client), [0xD0, 0].repeat(9));
    let received = send(&mut broker, client, &[0xC0, 0].repeat(2));
    assert_eq!((received.consumed, received.waiting), (4, false));
}

#[test]
fn what_does_not_fit_below_the_ceiling_of_memory_is_refused() {
    let ceiling = 256 << 10;
    let mut config = Config::default();
    config.reason_strings = false;
    config.limits.memory = ceiling;
    let mut broker = Broker::new(config);
    let client = connected(&mut broker, "client");
    let message = |len: usize| {
        let mut bytes = publish(V5, 0x33, "a", 7, &[]);
        bytes.extend(vec![b'x'; len]);
        packet(0x33, &bytes[2..])
    };
    send(&mut broker, client, &message(100_000));
    assert_eq!(read(&mut broker, client)[..4], [0x40, 3, 0, 7]);
    assert_eq!(broker.stats().reached.count(Limit::Memory), 0);
    send(&mut broker, client, &message(300_000));
    assert_eq!(read(&mut broker, client), [0x40, 3, 0, 7, 0x97]);
    assert_eq!(broker.stats().reached.count(Limit::Memory), 1);
    assert_eq!(broker.stats().dropped_broker_full, 1);
    assert_eq!(reached(&mut broker), [Limit::Memory]);

    // Whoever is new is refused before all of it is gone.
    let (mut sessions, mut told) = (0, Vec::new());
    let refused = loop {
        told.extend(reached(&mut broker));
        let Ok(connection) = broker.handle_accept(NOW, Peer::default()) else { break true };
        let name = string(&format!("{sessions}"));
        send(&mut broker, connection, &connect(V5, 0x02, &[], &[name]));
        if read(&mut broker, connection)[3] == 0x97 {
            break true;
        }
        sessions += 1;
        if sessions > 10_000 {
            break false;
        }
    };
    assert!(refused && sessions > 10, "{sessions} Sessions");
    assert!(broker.stats().memory <= ceiling);
    told.extend(reached(&mut broker));
    assert_eq!(told, [Limit::Memory]);
    // Who is there is served.
    send(&mut broker, client, &[0xC0, 0]);
    assert_eq!(read(&mut broker, client), [0xD0, 0]);
}

/// Near the ceiling a subscriber that leaves its copies unread has no more of them.
#[test]
fn copies_that_memory_has_no_room_for_are_dropped_and_told() {
    let mut config = Config::default();
    config.limits.memory = 256 << 10;
    let mut broker = Broker::new(config);
    let deaf = connected(&mut broker, "deaf");
    send(&mut broker, deaf, b"\x82\x07\0\x01\0\0\x01#\0");
    let loud = connected(&mut broker, "loud");
    let message = packet(0x30, &[b"\0\x01a\0", &[b'x'; 1000][..]].concat());
    for _ in 0..400 {
        send(&mut broker, loud, &message);
    }
    let dropped = broker.stats().dropped_broker_full;
    assert!(dropped > 100, "{dropped}");
    let told = events(&mut broker).into_iter().filter(|event| {
        let Event::Dropped { client_identifier, cause, .. } = event else { return false };
        client_identifier == "deaf" && *cause == DropCause::BrokerFull
    });
    assert!(told.count() > 10);
    assert!(broker.stats().memory <= 256 << 10);
}

#[test]
fn outputs_that_the_host_does_not_poll_are_dropped_and_counted() {
    let mut config = Config::default();
    config.limits.outputs = 3;
    let mut broker = Broker::new(config);
    let filter = TopicFilter::new("a").unwrap();
    broker.subscribe(NOW, filter, SubscriptionOptions::default(), None).unwrap();
    let message = ApplicationMessage::new(TopicName::new("a").unwrap(), b"x");
    for _ in 0..3 {
        broker.publish(NOW, &message).unwrap();
    }
    assert_eq!(broker.stats().dropped_outputs, 0);
    broker.publish(NOW, &message).unwrap();
    assert_eq!(broker.stats().dropped_outputs, 1);
    let told = events(&mut broker);
    assert!(matches!(told[..], [Event::OutputsDropped { count: 1, .. }]), "{told:?}");
}

#[test]
fn a_host_that_publishes_too_much_is_told_so() {
    let mut config = Config::default();
    config.limits.publication_bytes = 10;
    let mut broker = Broker::new(config);
    let topic = TopicName::new("a").unwrap();
    let mut publish = |len| {
        let payload = &[0; 10][..len];
        let message =
            ApplicationMessage { retain: true, ..ApplicationMessage::new(topic, payload) };
        broker.publish(NOW, &message)
    };
    assert_eq!(publish(9), Ok(()));
    assert_eq!(publish(10), Err(Error::Full("publication_bytes")));
    assert_eq!(reached(&mut broker), [Limit::PublicationBytes]);
}

/// What comes of the journal of a broker.
fn came_back(broker: &mut Broker, records: &mut Vec<Vec<u8>>) -> Broker {
    while let Some(record) = broker.poll_journal() {
        records.push(record.bytes.to_vec());
    }
    let mut replay = Broker::replay(broker.config().clone());
    for record in records {
        replay.apply(record).unwrap();
    }
    replay.finish(NOW).unwrap()
}

#[test]
fn what_was_delivered_and_cleared_counts_no_more_after_a_restart() {
    let mut config = Config::default();
    config.journal = true;
    let (mut broker, mut records) = (Broker::new(config), Vec::new());
    let client = broker.handle_accept(NOW, Peer::default()).unwrap();
    let for_ever = [0x11, 0xFF, 0xFF, 0xFF, 0xFF];
    send(&mut broker, client, &connect(V5, 0, &for_ever, &[string("client")]));
    let filter = [&[0, 1, 0][..], &string("a"), &[1]].concat();
    send(&mut broker, client, &packet(0x82, &filter));
    // One is delivered, retained and cleared again, the next one waits for a client that is away.
    send(&mut broker, client, &publish(V5, 0x33, "a", 2, &[]));
    let mut message = ApplicationMessage::new(TopicName::new("a").unwrap(), b"payload");
    (message.qos, message.retain) = (QoS::AtLeastOnce, true);
    broker.publish(NOW, &message).unwrap();
    message.payload = b"";
    broker.publish(NOW, &message).unwrap();
    for id in 1..=3 {
        send(&mut broker, client, &packet(0x40, &[0, id]));
    }
    let stats = came_back(&mut broker, &mut records).stats();
    assert_eq!((stats.offline_bytes, stats.retained, stats.retained_bytes), (0, 0, 0));

    broker.handle_eof(NOW, client);
    (message.payload, message.retain) = (b"payload", false);
    broker.publish(NOW, &message).unwrap();
    let (before, after) = (broker.stats(), came_back(&mut broker, &mut records).stats());
    assert!(before.offline_bytes > 0);
    assert_eq!(after.offline_bytes, before.offline_bytes);
}

fn count(number: usize) -> u32 {
    u32::try_from(number).unwrap()
}

/// Sets one of the limits.
type Set = fn(&mut Limits, usize);

/// With a limit that is too low, a replay ends and names it; the most that was held before is enough.
#[test]
fn a_replay_names_the_limit_that_is_too_low_and_counts_what_it_needs() {
    let mut config = Config::default();
    config.journal = true;
    let (mut broker, mut records) = (Broker::new(config.clone()), Vec::new());
    let for_ever = [0x11, 0xFF, 0xFF, 0xFF, 0xFF];
    let payload = [b'x'; 20_000];
    for (id, name) in (1..).zip(["a", "b", "c", "d"]) {
        let client = broker.handle_accept(NOW, Peer::default()).unwrap();
        send(&mut broker, client, &connect(V5, 0, &for_ever, &[string(name)]));
        send(&mut broker, client, &packet(0x82, &[&[0, id, 0][..], &string("#"), &[1]].concat()));
        let mut message = ApplicationMessage::new(TopicName::new(name).unwrap(), &payload);
        (message.qos, message.retain) = (QoS::AtLeastOnce, true);
        broker.publish(NOW, &message).unwrap();
    }
    came_back(&mut broker, &mut records);

    let replayed = |config: &Config| -> Result<Stats, ReplayCause> {
        let mut replay = Broker::replay(config.clone());
        let mut most = replay.stats();
        for record in &records {
            replay.apply(record).map_err(|error| error.cause)?;
            let stats = replay.stats();
            most.sessions = most.sessions.max(stats.sessions);
            most.subscriptions = most.subscriptions.max(stats.subscriptions);
            most.retained = most.retained.max(stats.retained);
            most.publications = most.publications.max(stats.publications);
            most.publication_bytes = most.publication_bytes.max(stats.publication_bytes);
            most.entries = most.entries.max(stats.entries);
        }
        Ok(most)
    };
    let most = replayed(&config).unwrap();
    let limits: [(&str, usize, Set); 6] = [
        ("sessions", most.sessions as usize, |limits, n| limits.sessions = count(n)),
        ("subscriptions", most.subscriptions as usize, |limits, n| limits.subscriptions = count(n)),
        ("retained", most.retained as usize, |limits, n| limits.retained = count(n)),
        ("publications", most.publications as usize, |limits, n| limits.publications = count(n)),
        ("publication_bytes", most.publication_bytes, |limits, n| limits.publication_bytes = n),
        ("entries", most.entries as usize, |limits, n| limits.entries = count(n)),
    ];
    for (name, needed, set) in limits {
        assert!(needed > 1, "{name}");
        let mut config = config.clone();
        set(&mut config.limits, needed);
        assert!(replayed(&config).is_ok(), "{name} {needed}");
        set(&mut config.limits, needed - 1);
        assert_eq!(replayed(&config).unwrap_err(), ReplayCause::Limit(name), "{needed}");
    }
    // Whatever container it is that there is no memory for.
    for memory in [1 << 12, 1 << 14, 1 << 16] {
        config.limits.memory = memory;
        assert_eq!(replayed(&config).unwrap_err(), ReplayCause::Limit("memory"), "{memory}");
    }
}
