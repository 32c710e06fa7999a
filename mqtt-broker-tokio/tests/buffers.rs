//! What connections may hold together: parts of packets, and output that nobody reads.

#![allow(clippy::std_instead_of_alloc, reason = "tests have std")]

mod client;

use core::time::Duration;
use std::io::{ErrorKind, Read, Write};
use std::thread;

use client::{Client, Running, encode, publish};
use mqtt_broker_tokio::{Buffers, Config, Message, QoS, Server, Version};
use mqtt_codec::{Connect, Packet, Properties, TopicName, Utf8String, Will};

/// The most that the connections of these tests may hold: four packets.
const MOST: usize = 4 * PACKET;
const PACKET: usize = 256 << 10;

/// So much of a packet comes, or nobody reads.
const LARGE: usize = 200 << 10;

const CLIENTS: usize = 40;

/// What a connection may hold though others hold all that there is.
const LITTLE: usize = 4 << 10;

fn server() -> Running {
    let mut config = Config::default();
    config.maximum_packet_size = u32::try_from(PACKET).unwrap();
    config.limits.memory = 8 * MOST;
    Running::start_with(Server::builder().config(config))
}

/// What the connections hold: never more than they may, beside the little that each may.
fn held(server: &Running) -> Buffers {
    let buffers = server.handle.blocking().buffers().unwrap();
    assert_eq!(buffers.most, MOST);
    assert!(buffers.bytes <= MOST + LITTLE * CLIENTS, "{buffers:?}");
    buffers
}

/// Asks again and again, as long as anything may take.
fn until(mut is_so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed() < client::PATIENCE, "it does not come to that");
        thread::yield_now();
    }
}

/// Sends what the server takes: it may end the connection under way.
fn send_some(client: &mut Client, bytes: &[u8]) {
    if let Err(error) = client.stream.write_all(bytes) {
        let kinds = [ErrorKind::ConnectionReset, ErrorKind::BrokenPipe];
        assert!(kinds.contains(&error.kind()), "{error}");
    }
}

/// The next message of this topic.
fn receive_from(client: &mut Client, from: &str) -> Vec<u8> {
    loop {
        let (topic, payload) = client.receive();
        if topic == from {
            return payload;
        }
    }
}

/// A client whose Will Message says who is gone.
fn connect_with_will(server: &Running, client_identifier: &str) -> Client {
    let mut client = Client::open(server.address, Version::V5);
    client.send(&Packet::Connect(Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 0,
        client_identifier: Utf8String::new(client_identifier).unwrap(),
        properties: Properties::EMPTY,
        will: Some(Will {
            qos: QoS::AtMostOnce,
            retain: false,
            properties: Properties::EMPTY,
            topic: TopicName::new("gone").unwrap(),
            payload: client_identifier.as_bytes(),
        }),
        user_name: None,
        password: None,
    }));
    client.expect(|packet| assert!(matches!(packet, Packet::Connack(_)), "{packet}"));
    client
}

#[test]
fn packets_that_do_not_come_whole_take_what_they_may_and_the_others_are_served() {
    let server = server();
    let mut small = Client::connect(server.address, Version::V5, "small");
    small.subscribe("gone", QoS::AtMostOnce);
    small.subscribe("t", QoS::AtMostOnce);
    let payload = [0; PACKET - 100];
    let packet = encode(&publish("t", &payload), Version::V5);
    let mut clients: Vec<Client> =
        (0..CLIENTS).map(|index| connect_with_will(&server, &index.to_string())).collect();
    for client in &mut clients {
        send_some(client, &packet[..LARGE]);
        held(&server);
    }
    let beyond = CLIENTS - MOST / LARGE;
    for _ in 0..beyond {
        assert_eq!(small.receive().0, "gone");
        held(&server);
    }
    let buffers = held(&server);
    assert!(buffers.ended >= u64::try_from(beyond).unwrap(), "{buffers:?}");
    assert!(buffers.bytes > 0, "{buffers:?}");

    // A message that is small is taken as it comes, and who stayed may end the large one.
    let mut newcomer = Client::connect(server.address, Version::V3_1_1, "newcomer");
    for byte in encode(&publish("t", b"abc"), Version::V3_1_1) {
        newcomer.stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(receive_from(&mut small, "t"), b"abc");
    for client in &mut clients {
        send_some(client, &packet[LARGE..]);
    }
    assert!(receive_from(&mut small, "t") == payload, "the payload came out different");
    drop(clients);
    until(|| held(&server).bytes == 0);
    server.stop((small, newcomer));
}

/// Waits a moment for the server to end it.
fn is_ended(client: &mut Client) -> bool {
    client.stream.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
    match client.stream.read(&mut [0]) {
        Ok(0) => true,
        Ok(_) => false,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

#[test]
fn who_leaves_a_part_of_a_packet_gives_way_and_who_sends_slowly_does_not() {
    let server = server();
    let mut reader = Client::connect(server.address, Version::V5, "reader");
    reader.subscribe("t", QoS::AtMostOnce);
    let payload = [7; PACKET - 100];
    let packet = encode(&publish("t", &payload), Version::V5);
    let part = packet.len() - 2000;
    let mut clients: Vec<Client> = (0..MOST / packet.len())
        .map(|index| {
            let mut client =
                Client::connect(server.address, Version::V5, &format!("client {index}"));
            client.stream.write_all(&packet[..part]).unwrap();
            until(|| held(&server).bytes >= (index + 1) * part);
            client
        })
        .collect();
    let mut slow = clients.remove(0);
    let mut sent = part;
    let mut ended = 0;
    let start = std::time::Instant::now();
    let mut newcomer = loop {
        assert!(start.elapsed() < 3 * client::PATIENCE, "nobody gives way");
        let mut newcomer = Client::connect(server.address, Version::V5, "newcomer");
        send_some(&mut newcomer, &packet[..part]);
        until(|| held(&server).ended > ended || held(&server).abandoned > 0);
        if held(&server).abandoned > 0 {
            break newcomer;
        }
        ended += 1;
        slow.stream.write_all(&packet[sent..=sent]).unwrap();
        sent += 1;
        assert!(!is_ended(&mut clients[0]), "it gave way to nobody");
    };
    assert!(is_ended(&mut clients[0]), "it has waited longest");
    let [_, second, third] = &mut clients[..] else { panic!("four parts of packets are held") };
    for (client, sent) in [(&mut newcomer, part), (&mut slow, sent), (second, part), (third, part)]
    {
        client.stream.write_all(&packet[sent..]).unwrap();
        assert!(reader.receive().1 == payload, "the payload came out different");
    }
    let buffers = held(&server);
    assert_eq!((buffers.ended, buffers.abandoned), (ended, 1));
    server.stop((reader, newcomer, slow, clients));
}

#[test]
fn strangers_hold_no_more_than_clients() {
    let server = server();
    let mut connect = encode(&publish("t", &[0; 120 << 10]), Version::V5);
    // A CONNECT of the same length, of which the protocol's name and version have come.
    connect[0] = 0x10;
    connect[4..11].copy_from_slice(b"\0\x04MQTT\x05");
    let mut strangers: Vec<Client> =
        (0..CLIENTS).map(|_| Client::open(server.address, Version::V5)).collect();
    for stranger in &mut strangers {
        send_some(stranger, &connect[..110 << 10]);
        held(&server);
    }
    let beyond = u64::try_from(CLIENTS - MOST / (110 << 10)).unwrap();
    until(|| held(&server).ended >= beyond);
    drop(strangers);
    until(|| held(&server).bytes == 0);
    server.stop(());
}

#[test]
fn readers_that_do_not_read_take_what_they_may_and_the_others_are_served() {
    let server = server();
    let handle = server.handle.blocking();
    let mut quick = Client::connect(server.address, Version::V3_1_1, "quick");
    quick.subscribe("small", QoS::AtMostOnce);
    let mut readers: Vec<Client> = (0..CLIENTS)
        .map(|index| {
            let mut reader = Client::connect(server.address, Version::V5, &index.to_string());
            reader.subscribe("large", QoS::AtMostOnce);
            reader.subscribe(&index.to_string(), QoS::AtMostOnce);
            reader
        })
        .collect();
    // What the two systems take is the same for each, so what is left over then must not be.
    for index in 0..CLIENTS {
        let payload = vec![0; index * (LARGE / CLIENTS)];
        handle.publish(Message::new(index.to_string(), payload)).unwrap();
    }
    until(|| {
        handle.publish(Message::new("large", vec![1; LARGE])).unwrap();
        held(&server).ended > 0
    });
    handle.publish(Message::new("small", "now")).unwrap();
    assert_eq!(quick.receive().1, b"now");
    let buffers = held(&server);
    assert!(buffers.ended > 0 && buffers.bytes > 0, "{buffers:?}");

    // They leave room for those who publish.
    quick.subscribe("half", QoS::AtMostOnce);
    let mut publisher = Client::connect(server.address, Version::V3_1_1, "publisher");
    let packet = encode(&publish("half", &[2; 60 << 10]), Version::V3_1_1);
    let (half, rest) = packet.split_at(packet.len() / 2);
    let before = held(&server).bytes;
    publisher.stream.write_all(half).unwrap();
    until(|| held(&server).bytes > before + LITTLE);
    publisher.stream.write_all(rest).unwrap();
    assert_eq!(quick.receive(), ("half".to_owned(), vec![2; 60 << 10]));

    // Who reads again has what waits.
    for reader in &mut readers {
        reader.stream.set_nonblocking(true).unwrap();
    }
    let mut ended = 0;
    let mut buffer = vec![0; 64 << 10];
    until(|| {
        readers.retain_mut(|reader| match reader.stream.read(&mut buffer) {
            Ok(1..) => true,
            Err(error) if error.kind() == ErrorKind::WouldBlock => true,
            Ok(0) | Err(_) => {
                ended += 1;
                false
            }
        });
        held(&server).bytes == 0 && ended == held(&server).ended
    });
    assert!(!readers.is_empty());
    server.stop((quick, publisher, readers));
}
