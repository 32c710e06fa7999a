//! Network Connections: what goes in comes out, for one, for many, in parts and slowly.

#![allow(clippy::std_instead_of_alloc, reason = "tests have std")]

mod client;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::thread;

use client::{Client, Running, encode, publish};
use mqtt_broker_tokio::{
    Config, ConnectRequest, Event, Message, Policy, Protocol, QoS, ReasonCode, RefusalCause,
    Server, Verdict, Version,
};
use mqtt_codec::{Connect, Packet, Properties, Utf8String};

const VERSIONS: [Version; 3] = [Version::V3_1, Version::V3_1_1, Version::V5];

//= [MQTT-4.2-1] type=test
//= 3.1.1 [MQTT-7.1.1-1] type=test
#[test]
fn a_message_goes_from_client_to_client_in_every_version() {
    let server = Running::start();
    for (index, version) in VERSIONS.into_iter().enumerate() {
        let mut subscriber = Client::connect(server.address, version, &format!("s{index}"));
        subscriber.subscribe("a/+", QoS::AtMostOnce);
        let mut publisher = Client::connect(server.address, version, &format!("p{index}"));
        publisher.publish("a/b", b"hello");
        assert_eq!(subscriber.receive(), ("a/b".to_owned(), b"hello".to_vec()));
        publisher.disconnect();
        publisher.expect_end();
    }
    server.stop(());
}

#[test]
fn many_connections_share_the_one_thread() {
    const CLIENTS: usize = 400;
    let server = Running::start();
    let mut clients: Vec<Client> = (0..CLIENTS)
        .map(|index| {
            let mut client =
                Client::connect(server.address, VERSIONS[index % 3], &format!("c{index}"));
            client.subscribe("all", QoS::AtMostOnce);
            client.subscribe(&format!("one/{index}"), QoS::AtMostOnce);
            client
        })
        .collect();
    for (index, client) in clients.iter_mut().enumerate() {
        let next = format!("one/{}", (index + 1) % CLIENTS);
        client.publish(&next, index.to_string().as_bytes());
    }
    for (index, client) in clients.iter_mut().enumerate() {
        let from = (index + CLIENTS - 1) % CLIENTS;
        assert_eq!(client.receive().1, from.to_string().as_bytes());
    }
    clients[0].publish("all", b"x");
    for client in &mut clients {
        assert_eq!(client.receive().0, "all");
    }
    server.stop(clients);
}

#[test]
fn a_packet_may_come_byte_by_byte_and_many_at_once() {
    let server = Running::start();
    let mut subscriber = Client::connect(server.address, Version::V5, "s");
    subscriber.subscribe("t/#", QoS::AtMostOnce);
    let mut publisher = Client::connect(server.address, Version::V5, "p");
    for byte in encode(&publish("t/slow", b"abc"), Version::V5) {
        publisher.stream.write_all(&[byte]).unwrap();
    }
    assert_eq!(subscriber.receive().0, "t/slow");

    // More than the read buffer holds, its end in the middle of a packet.
    let payload = [7; 333];
    let one = encode(&publish("t/fast", &payload), Version::V5);
    publisher.stream.write_all(&one.repeat(600)).unwrap();
    for _ in 0..600 {
        let (topic, received) = subscriber.receive();
        assert_eq!((topic.as_str(), received.as_slice()), ("t/fast", &payload[..]));
    }
    server.stop((publisher, subscriber));
}

#[test]
fn input_that_has_to_wait_for_its_answers_is_all_answered() {
    const PINGS: usize = 100_000;
    let mut config = Config::default();
    config.limits.outgoing = 1000;
    let server = Running::start_with(Server::builder().config(config));
    let mut client = Client::connect(server.address, Version::V3_1_1, "c");
    let mut sending = client.stream.try_clone().unwrap();
    let pings = encode(&Packet::Pingreq, Version::V3_1_1).repeat(PINGS);
    let sender = thread::spawn(move || sending.write_all(&pings));
    let answer = encode(&Packet::Pingresp, Version::V3_1_1);
    let mut answers = vec![0; answer.len() * PINGS];
    client.stream.read_exact(&mut answers).unwrap();
    assert!(answers == answer.repeat(PINGS));
    sender.join().unwrap().unwrap();
    server.stop(client);
}

#[test]
fn a_large_payload_reaches_a_slow_reader_whole_and_delays_nobody() {
    let server = Running::start();
    let mut slow = Client::connect(server.address, Version::V5, "slow");
    slow.subscribe("big", QoS::AtMostOnce);
    let mut quick = Client::connect(server.address, Version::V3_1_1, "quick");
    quick.subscribe("small", QoS::AtMostOnce);
    let mut publisher = Client::connect(server.address, Version::V5, "p");
    let payload: Vec<u8> = (0..1 << 20).map(|index: u32| index.to_le_bytes()[1]).collect();
    for _ in 0..10 {
        publisher.publish("big", &payload);
    }
    publisher.publish("small", b"now");
    assert_eq!(quick.receive().1, b"now", "the slow reader holds up another");
    for _ in 0..10 {
        assert!(slow.receive().1 == payload, "the payload came out different");
    }
    server.stop((publisher, slow, quick));
}

#[test]
fn what_was_sent_before_the_end_still_counts() {
    let server = Running::start();
    let mut subscriber = Client::connect(server.address, Version::V5, "s");
    subscriber.subscribe("last/words", QoS::AtMostOnce);
    let mut publisher = Client::connect(server.address, Version::V5, "p");
    publisher.publish("last/words", b"bye");
    publisher.stream.shutdown(Shutdown::Both).unwrap();
    assert_eq!(subscriber.receive().1, b"bye");
    server.stop(subscriber);
}

/// Refuses everyone.
struct Nobody;

impl Policy for Nobody {
    fn connect(&mut self, _: &ConnectRequest<'_>) -> Verdict {
        Verdict::DENY
    }
}

#[test]
fn a_refusal_is_read_even_by_a_client_that_goes_on_talking() {
    let (sender, events) = std::sync::mpsc::channel();
    // Of a kind that a program may choose when it starts.
    let policy: Box<dyn Policy + Send> = Box::new(Nobody);
    let builder = Server::builder().policy(policy).events(move |event| {
        let _ = sender.send(event.clone());
    });
    let server = Running::start_with(builder);
    let mut client = Client::open(server.address, Version::V5);
    let mut bytes = encode(&connect("c"), Version::V5);
    bytes.extend(encode(&publish("t", &[0; 100]), Version::V5).repeat(1000));
    client.stream.write_all(&bytes).unwrap();
    client.expect(|packet| match packet {
        Packet::Connack(connack) => assert_eq!(connack.reason_code, ReasonCode::NOT_AUTHORIZED),
        other => panic!("no CONNACK but {other}"),
    });
    client.expect_end();
    let refused = events.iter().find_map(|event| match event {
        Event::Refused { client_identifier, cause, .. } => Some((client_identifier, cause)),
        _ => None,
    });
    assert_eq!(refused, Some(("c".to_owned(), RefusalCause::Policy)));
    server.stop(client);
}

/// Puts off who may connect.
struct AskLater;

impl Policy for AskLater {
    fn connect(&mut self, _: &ConnectRequest<'_>) -> Verdict {
        Verdict::Defer
    }
}

#[test]
fn a_deferred_verdict_comes_from_the_hook() {
    let (ask, asked) = tokio::sync::oneshot::channel();
    let mut answer = Some(asked);
    let builder = Server::builder().policy(AskLater).decide(move |_| {
        let answer = answer.take();
        async move {
            match answer {
                Some(answer) => answer.await.unwrap_or(Verdict::DENY),
                None => Verdict::Allow,
            }
        }
    });
    let server = Running::start_with(builder);
    let address = server.address;
    let mut first = Client::open(address, Version::V5);
    first.send(&connect("first"));
    let second = thread::spawn(move || Client::connect(address, Version::V5, "second"));
    second.join().unwrap().subscribe("t", QoS::AtMostOnce);
    ask.send(Verdict::Deny(ReasonCode::BANNED)).unwrap();
    first.expect(|packet| match packet {
        Packet::Connack(connack) => assert_eq!(connack.reason_code, ReasonCode::BANNED),
        other => panic!("no CONNACK but {other}"),
    });
    server.stop(first);
}

#[test]
fn a_hook_that_panics_says_no_and_is_asked_again() {
    let mut questions = 0;
    let builder = Server::builder().policy(AskLater).decide(move |_| {
        questions += 1;
        assert_ne!(questions, 1, "the hook breaks");
        async move {
            assert_ne!(questions, 2, "its future breaks");
            Verdict::Allow
        }
    });
    let server = Running::start_with(builder);
    for _ in 0..2 {
        let mut client = Client::open(server.address, Version::V5);
        client.send(&connect("c"));
        client.expect(|packet| match packet {
            Packet::Connack(connack) => assert_eq!(connack.reason_code, ReasonCode::NOT_AUTHORIZED),
            other => panic!("no CONNACK but {other}"),
        });
    }
    let client = Client::connect(server.address, Version::V5, "c");
    server.stop(client);
}

#[test]
fn a_hook_has_sockets_and_timers_of_tokio() {
    let users = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = users.local_addr().unwrap();
    let builder = Server::builder().policy(AskLater).decide(move |_| async move {
        let answer = tokio::time::timeout(client::PATIENCE, async {
            let users = tokio::net::TcpStream::connect(address).await.unwrap();
            users.readable().await.unwrap();
            let mut answer = [0; 1];
            assert_eq!(users.try_read(&mut answer).unwrap(), 1);
            answer
        });
        if answer.await == Ok(*b"y") { Verdict::Allow } else { Verdict::DENY }
    });
    let server = Running::start_with(builder);
    let users = thread::spawn(move || users.accept().unwrap().0.write_all(b"y"));
    let client = Client::connect(server.address, Version::V5, "c");
    users.join().unwrap().unwrap();
    server.stop(client);
}

/// Allows the first to connect at once, and puts off the others.
struct OthersLater(bool);

impl Policy for OthersLater {
    fn connect(&mut self, _: &ConnectRequest<'_>) -> Verdict {
        if core::mem::replace(&mut self.0, true) { Verdict::Defer } else { Verdict::Allow }
    }
}

/// A server that waits for one verdict, which is sent through what is returned.
fn deciding() -> (Running, tokio::sync::oneshot::Sender<Verdict>) {
    let (answer, answered) = tokio::sync::oneshot::channel();
    let mut answered = Some(answered);
    let builder = Server::builder().policy(OthersLater(false)).decide(move |_| {
        let answered = answered.take();
        async move { answered.expect("one question").await.expect("an answer") }
    });
    (Running::start_with(builder), answer)
}

#[test]
fn who_is_gone_before_the_verdict_takes_nothing_over() {
    let (server, answer) = deciding();
    let handle = server.handle.blocking();
    let mut client = Client::connect(server.address, Version::V5, "c");
    client.subscribe("t", QoS::AtMostOnce);
    let mut gone = Client::open(server.address, Version::V5);
    gone.send(&connect("c"));
    until(|| handle.stats().unwrap().connections == 2);
    drop(gone);
    until(|| handle.stats().unwrap().connections == 1);
    answer.send(Verdict::Allow).unwrap();
    handle.publish(Message::new("t", "x")).unwrap();
    assert_eq!(client.receive().1, b"x");
    assert_eq!(handle.stats().unwrap().connected, 1);
    server.stop(client);
}

/// Whoever is gone takes nothing over, however much it said before: less than is read while it waits,
/// and more.
#[test]
fn who_is_gone_takes_nothing_over_with_more_to_say() {
    for said in [b"x".to_vec(), vec![b'x'; 20 << 10]] {
        let (server, answer) = deciding();
        let handle = server.handle.blocking();
        let mut client = Client::connect(server.address, Version::V5, "c");
        client.subscribe("t", QoS::AtMostOnce);
        let mut gone = Client::open(server.address, Version::V5);
        gone.send(&connect("c"));
        gone.publish("t", &said);
        gone.stream.shutdown(Shutdown::Write).unwrap();
        until(|| handle.stats().unwrap().deferred == 1);
        answer.send(Verdict::Allow).unwrap();
        until(|| handle.stats().unwrap().refused == 1);
        handle.publish(Message::new("t", "served")).unwrap();
        assert_eq!(client.receive().1, b"served");
        assert_eq!(handle.stats().unwrap().connected, 1);
        server.stop((client, gone));
    }
}

#[test]
fn what_was_said_before_the_end_waits_for_the_verdict() {
    let (server, answer) = deciding();
    let handle = server.handle.blocking();
    let mut messages = handle.subscribe("t").unwrap();
    let first = Client::connect(server.address, Version::V5, "first");
    let mut hasty = Client::open(server.address, Version::V5);
    hasty.send(&connect("hasty"));
    hasty.publish("t", b"x");
    hasty.disconnect();
    hasty.stream.shutdown(Shutdown::Write).unwrap();
    until(|| handle.stats().unwrap().connections == 2);
    answer.send(Verdict::Allow).unwrap();
    assert_eq!(messages.blocking_recv().unwrap().payload, b"x");
    until(|| handle.stats().unwrap().connections == 1);
    server.stop(first);
}

/// Asks again and again, as long as anything may take.
fn until(mut is_so: impl FnMut() -> bool) {
    let start = std::time::Instant::now();
    while !is_so() {
        assert!(start.elapsed() < client::PATIENCE, "it does not come to that");
        thread::yield_now();
    }
}

#[test]
fn connections_beyond_the_limit_are_closed_and_the_others_live() {
    let mut config = Config::default();
    config.limits.connections = 2;
    let server = Running::start_with(Server::builder().config(config));
    let mut first = Client::connect(server.address, Version::V5, "1");
    let mut second = Client::connect(server.address, Version::V5, "2");
    Client::open(server.address, Version::V5).expect_end();
    second.subscribe("t", QoS::AtMostOnce);
    first.publish("t", b"x");
    assert_eq!(second.receive().1, b"x");
    drop(first);
    // The place of one that left is taken again.
    loop {
        let mut third = Client::open(server.address, Version::V5);
        third.send(&connect("3"));
        let mut first_byte = [0; 1];
        if matches!(third.stream.read(&mut first_byte), Ok(1)) {
            break;
        }
    }
    server.stop(second);
}

fn connect(client_identifier: &str) -> Packet<'_> {
    Packet::Connect(Connect {
        version: Version::V5,
        clean_start: true,
        keep_alive: 0,
        client_identifier: Utf8String::new(client_identifier).unwrap(),
        properties: Properties::EMPTY,
        will: None,
        user_name: None,
        password: None,
    })
}

#[test]
fn whoever_speaks_another_protocol_is_told_of_as_a_stranger() {
    let (told, heard) = std::sync::mpsc::channel();
    let tell = told.clone();
    let server = Running::start_with(
        Server::builder()
            .events(move |event| told.send((event.clone(), None)).unwrap())
            .strangers(move |event, protocol| tell.send((event.clone(), Some(protocol))).unwrap()),
    );
    for (said, spoken) in [
        (&b"\x16\x03\x01\x02\x00\x01\x00\x01"[..], Some(Protocol::Tls)),
        (b"GET / HTTP/1.1\r\n\r\n", Some(Protocol::Http)),
        (b"nothing known", None),
    ] {
        let mut client = Client::open(server.address, Version::V5);
        client.stream.write_all(said).unwrap();
        client.expect_end();
        let (event, protocol) = heard.recv().unwrap();
        assert!(matches!(event, Event::Closed { .. } | Event::Refused { .. }), "{event:?}");
        assert_eq!(protocol, spoken);
    }
    // Whoever has begun with MQTT has not mistaken the port, whatever comes then.
    let mut client = Client::connect(server.address, Version::V3_1_1, "c");
    client.stream.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
    client.expect_end();
    assert!(heard.try_iter().all(|(_, protocol)| protocol.is_none()));
    server.stop(client);
}
