//! Clients that want more than there is. Each pattern is played alone, then all at the same time;
//! after each, a client that behaves must be served.

use super::client::{Client, Identity};
use crate::process::Outcome;
use mqtt_codec::{QoS, Version};
use std::time::{Duration, Instant};

/// A way to take what the broker has; what came of it, in words.
struct Pattern {
    name: &'static str,
    play: fn(u16) -> Outcome<String>,
}

const PATTERNS: &[Pattern] = &[
    Pattern { name: "connections", play: connections },
    Pattern { name: "half a CONNECT", play: half_a_connect },
    Pattern { name: "large packets", play: large_packets },
    Pattern { name: "long names", play: long_names },
    Pattern { name: "garbage", play: garbage },
    Pattern { name: "malformed packets", play: malformed },
    Pattern { name: "one byte at a time", play: slow },
    Pattern { name: "resets", play: resets },
    Pattern { name: "a storm", play: storm },
    Pattern { name: "takeovers", play: takeovers },
    Pattern { name: "subscriptions", play: subscriptions },
    Pattern { name: "retained", play: retained },
    Pattern { name: "queues", play: queues },
    Pattern { name: "sessions", play: sessions },
];

/// Plays all patterns.
pub(super) fn run(port: u16) -> Outcome {
    let mut failures = Vec::new();
    for Pattern { name, play } in PATTERNS {
        let begin = Instant::now();
        match play(port) {
            Ok(told) => println!("{name}: {told} ({:.1} s)", begin.elapsed().as_secs_f32()),
            Err(reason) => failures.push(format!("{name}: {reason}")),
        }
        if let Err(reason) = well_behaved(port) {
            failures.push(format!("after {name}: {reason}"));
        }
    }
    std::thread::scope(|scope| {
        for pattern in PATTERNS {
            // They are in each other's way: what each of them gets is up to chance.
            scope.spawn(|| (pattern.play)(port));
        }
    });
    match well_behaved(port) {
        Ok(()) => println!("all at once: still served"),
        Err(reason) => failures.push(format!("after all at once: {reason}")),
    }
    if failures.is_empty() { Ok(()) } else { Err(failures.join("\n")) }
}

/// A client that behaves is served: QoS 2 to itself, a retained message kept and cleared.
fn well_behaved(port: u16) -> Outcome {
    let mut client = connected(port)?;
    client.subscribe("well/+", QoS::ExactlyOnce)?;
    client.expect("SUBACK id=1 0x02")?;
    client.publish("well/behaved", QoS::ExactlyOnce, false, b"hello")?;
    expect_both(&mut client, "PUBLISH q2 id=1 \"well/behaved\" 5B", "PUBREC id=1")?;
    client.send_bytes(&[0x62, 2, 0, 1])?;
    client.expect("PUBCOMP id=1")?;
    client.send_bytes(&[0x50, 2, 0, 1])?;
    client.expect("PUBREL id=1")?;
    client.send_bytes(&[0x70, 2, 0, 1])?;
    client.send_bytes(&[0xE0, 0])?;
    // The board leaves it a second to close first; this machine may have more to do than run a board.
    if client.is_closed_within(Duration::from_secs(5)) { Ok(()) } else { Err("not closed".into()) }
}

/// Both come next, in any order.
fn expect_both(client: &mut Client, one: &str, other: &str) -> Outcome {
    let lines = [client.answer()?, client.answer()?];
    let is_there = |wanted| lines.iter().any(|line| line == wanted);
    if is_there(one) && is_there(other) { Ok(()) } else { Err(format!("{lines:?}")) }
}

/// Connects once there is room: those before may still be leaving.
fn connected(port: u16) -> Outcome<Client> {
    let mut last = String::new();
    for _ in 0..50 {
        match Client::connected(port, &passing("well")) {
            Ok(client) => return Ok(client),
            Err(reason) => last = reason,
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    Err(last)
}

/// More connections than there may be, that say nothing.
fn connections(port: u16) -> Outcome<String> {
    let open = |_| Client::open(port, Version::V5);
    let mut clients = (0..24).map(open).collect::<Outcome<Vec<_>>>()?;
    let at_once = |client: &mut Client| !client.is_closed_within(Duration::from_millis(50));
    clients.retain_mut(at_once);
    let held = clients.len();
    let in_time = |client: &mut Client| !client.is_closed_within(Duration::from_secs(5));
    clients.retain_mut(in_time);
    match (held, clients.len()) {
        (1..=12, 0) => Ok(format!("{} of 24 refused, {held} closed in time", 24 - held)),
        (held, left) => Err(format!("{held} of 24 held, {left} of them for ever")),
    }
}

/// A first packet that never ends.
fn half_a_connect(port: u16) -> Outcome<String> {
    let mut clients = Vec::new();
    for _ in 0..10 {
        let mut client = Client::open(port, Version::V5)?;
        client.send_bytes(b"\x10\x80\x02\x00\x04MQTT\x05\x02\x00\x3C\x00\x00\x40")?;
        clients.push(client);
    }
    let in_time = |client: &mut Client| !client.is_closed_within(Duration::from_secs(5));
    clients.retain_mut(in_time);
    if clients.is_empty() { Ok("10 closed in time".into()) } else { Err("not closed".into()) }
}

/// Packets larger than the broker takes.
fn large_packets(port: u16) -> Outcome<String> {
    let mut five = Client::connected(port, &passing("large5"))?;
    five.send_bytes(b"\x30\x80\x80\x40\x00\x01a\x00")?;
    let answer = five.answer()?;
    if !answer.contains("0x95") {
        return Err(format!("a PUBLISH of 1 MiB was answered with {answer}"));
    }
    let identity = Identity { version: Version::V3_1_1, ..passing("large3") };
    let mut three = Client::connected(port, &identity)?;
    three.send_bytes(b"\x30\x80\x80\x40\x00\x01a")?;
    let mut first = Client::open(port, Version::V5)?;
    first.send_bytes(b"\x10\x80\x80\x40\x00\x04MQTT\x05\x02\x00\x3C\x00")?;
    if !three.is_closed_within(Duration::from_secs(2))
        || !first.is_closed_within(Duration::from_secs(2))
    {
        return Err("not closed".into());
    }
    // The largest there may be: 1,024 bytes with header, length, topic, identifier and properties.
    let mut largest = Client::connected(port, &passing("largest"))?;
    largest.subscribe("largest", QoS::AtLeastOnce)?;
    largest.expect("SUBACK id=1 0x01")?;
    largest.publish("largest", QoS::AtLeastOnce, false, &[b'x'; 1009])?;
    expect_both(&mut largest, "PUBLISH q1 id=1 \"largest\" 1009B", "PUBACK id=1")?;
    Ok("refused; one of 1,024 bytes delivered".into())
}

/// Names longer than the broker keeps.
fn long_names(port: u16) -> Outcome<String> {
    let long = "n".repeat(300);
    let answer = Client::connect(port, &lasting(Version::V5, &long))?.answer()?;
    if !answer.starts_with("CONNACK") || answer.contains("0x00") {
        return Err(format!("a long Client Identifier was answered with {answer}"));
    }
    let mut client = Client::connected(port, &passing("names"))?;
    client.subscribe(&long, QoS::AtMostOnce)?;
    let subscribed = client.answer()?;
    let published = client.acknowledged(&long, true, b"x")?;
    if !subscribed.contains("0x8f") || !published.contains("0x90") {
        return Err(format!("{subscribed}, {published}"));
    }
    Ok("refused".into())
}

/// Bytes that are no packets.
fn garbage(port: u16) -> Outcome<String> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..50 {
        let mut bytes = Vec::new();
        for _ in 0..100 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            bytes.extend_from_slice(&state.to_le_bytes());
        }
        let mut client = Client::open(port, Version::V5)?;
        // The broker may have closed before the last byte.
        let _ = client.send_bytes(&bytes);
        if !client.is_closed_within(Duration::from_secs(5)) {
            return Err("not closed".into());
        }
    }
    Ok("50 times".into())
}

/// One Client Identifier, many times.
fn takeovers(port: u16) -> Outcome<String> {
    let mut clients = Vec::new();
    let mut refused = 0;
    for _ in 0..100 {
        match Client::connected(port, &passing("storm")) {
            Ok(client) => clients.push(client),
            Err(_) => refused += 1,
        }
    }
    let (newest, older) = clients.split_last_mut().ok_or("none was connected")?;
    let closed = |client: &mut Client| client.is_closed_within(Duration::from_secs(2));
    if !older.iter_mut().all(closed) || newest.is_closed_within(Duration::from_millis(50)) {
        return Err("not the newest is connected".into());
    }
    Ok(format!("{} took over, {refused} refused", clients.len()))
}

/// More subscriptions than there may be, of long filters with nothing in common.
fn subscriptions(port: u16) -> Outcome<String> {
    let (mut granted, mut refused, mut away) = (0, 0, 0);
    let mut clients = Vec::new();
    for number in 0..8 {
        let identifier = format!("subscriber{number}");
        let Some(mut client) = Client::admitted(port, &passing(&identifier))? else {
            away += 1;
            continue;
        };
        for filter in 0..40 {
            let level = format!("/{number:02}{filter:02}{}", "x".repeat(10));
            client.subscribe(&level.repeat(6), QoS::ExactlyOnce)?;
            let answer = client.answer()?;
            if answer.contains("0x97") { refused += 1 } else { granted += 1 }
        }
        clients.push(client);
    }
    if refused == 0 {
        return Err("none refused".into());
    }
    Ok(format!("{granted} granted, {refused} refused, of {} clients; {away} refused", 8 - away))
}

/// More retained messages than there may be.
fn retained(port: u16) -> Outcome<String> {
    let mut client = Client::connected(port, &passing("retainer"))?;
    let (mut kept, mut refused) = (0, 0);
    for number in 0..200 {
        let topic = format!("{number:03}/{}", "t".repeat(80));
        let payload = vec![b'r'; number * 4];
        let answer = client.acknowledged(&topic, true, &payload)?;
        if answer.contains("0x97") { refused += 1 } else { kept += 1 }
    }
    if refused == 0 {
        Err("none refused".into())
    } else {
        Ok(format!("{kept} kept, {refused} refused"))
    }
}

/// Messages for clients that are away, and for one that does not read.
fn queues(port: u16) -> Outcome<String> {
    let (mut absent, mut turned_away) = (0, 0);
    for identifier in ["away1", "away2", "away3", "away4"] {
        let Some(mut client) = Client::admitted(port, &lasting(Version::V5, identifier))? else {
            turned_away += 1;
            continue;
        };
        client.subscribe("queue/#", QoS::ExactlyOnce)?;
        client.acknowledgement()?;
        absent += 1;
    }
    let mut deaf = Client::connected(port, &passing("deaf"))?;
    deaf.subscribe("queue/#", QoS::ExactlyOnce)?;
    let mut publisher = Client::connected(port, &passing("publisher"))?;
    let (mut taken, mut refused) = (0, 0);
    for number in 0..300_usize {
        let payload = vec![b'q'; number * 3];
        let answer = publisher.acknowledged("queue/topic", false, &payload)?;
        if answer.contains("0x97") { refused += 1 } else { taken += 1 }
    }
    Ok(format!("{taken} messages taken, {refused} refused; {absent} away, {turned_away} refused"))
}

/// Sessions that come and do not return.
fn sessions(port: u16) -> Outcome<String> {
    let (mut taken, mut refused) = (0, 0);
    for number in 0..60 {
        let version = if number % 2 == 0 { Version::V5 } else { Version::V3_1_1 };
        let identifier = format!("never-to-return-{number:02}");
        let Some(mut client) = Client::admitted(port, &lasting(version, &identifier))? else {
            refused += 1;
            continue;
        };
        client.subscribe(&format!("{identifier}/{}/#", "x".repeat(60)), QoS::AtLeastOnce)?;
        client.acknowledgement()?;
        taken += 1;
    }
    if refused == 0 {
        Err("none refused".into())
    } else {
        Ok(format!("{taken} taken, {refused} refused"))
    }
}

/// Packets that break a rule, each on a connection that was accepted.
fn malformed(port: u16) -> Outcome<String> {
    const PACKETS: &[&[u8]] = &[
        b"\x00\x00",                          // type 0
        b"\xF0\xFF\xFF\xFF\xFF\xFF",          // a length that does not end
        b"\x36\x05\x00\x01a\x00\x01",         // QoS 3
        b"\x32\x06\x00\x01a\x00\x00\x00",     // Packet Identifier 0
        b"\x30\x04\x00\x01#\x00",             // a wildcard in a Topic Name
        b"\x30\x05\x00\x02\xC3\x28\x00",      // no UTF-8
        b"\x30\x07\x00\x01a\x03\x23\x00\x63", // Topic Alias 99
        b"\x82\x06\x00\x01\x00\x00\x01a",     // SUBSCRIBE that ends too early
        b"\x82\x03\x00\x01\x00",              // and one of nothing
        b"\x10\x02\x00\x00",                  // a second CONNECT
        b"\x20\x03\x00\x00\x00",              // what only a server sends
        b"\xC0\x01\x00",                      // PINGREQ with something in it
    ];
    for (number, packet) in PACKETS.iter().enumerate() {
        let mut client = Client::connected(port, &passing("malformed"))?;
        client.send_bytes(packet)?;
        if !client.is_closed_within(Duration::from_secs(2)) {
            return Err(format!("packet {number} was put up with"));
        }
    }
    Ok(format!("{} of {} closed", PACKETS.len(), PACKETS.len()))
}

/// A whole conversation, each byte of which is a segment of its own.
fn slow(port: u16) -> Outcome<String> {
    const BYTES: &[&[u8]] = &[
        b"\x10\x11\x00\x04MQTT\x05\x02\x00\x3C\x00\x00\x04slow",
        b"\x82\x08\x00\x01\x00\x00\x02sl\x01",
        b"\x32\x0C\x00\x02sl\x00\x01\x00hello",
    ];
    let mut client = Client::open(port, Version::V5)?;
    for packet in BYTES {
        for byte in *packet {
            client.send_bytes(&[*byte])?;
        }
    }
    let connack = client.answer()?;
    if !connack.starts_with("CONNACK 0x00") {
        return Err(format!("CONNECT was answered with {connack}"));
    }
    client.expect("SUBACK id=1 0x01")?;
    expect_both(&mut client, "PUBLISH q1 id=1 \"sl\" 5B", "PUBACK id=1")?;
    Ok("served".into())
}

/// Connections that are cut while there is something to read.
fn resets(port: u16) -> Outcome<String> {
    for _ in 0..40 {
        let Some(mut client) = Client::admitted(port, &passing("reset"))? else { continue };
        client.subscribe("reset/#", QoS::AtLeastOnce)?;
        client.answer()?;
        for _ in 0..4 {
            client.publish("reset/a", QoS::AtMostOnce, false, &[b'x'; 200])?;
        }
        // What has come is not read: the system resets a connection that is closed like this.
        client.publish("reset/b", QoS::AtLeastOnce, false, &[b'x'; 200])?;
        client.await_input()?;
    }
    Ok("40 times".into())
}

/// Many that connect at the same moment, and go.
fn storm(port: u16) -> Outcome<String> {
    let come = |number: usize| {
        let admitted = Client::admitted(port, &passing(&format!("storm{number}")));
        u32::from(matches!(admitted, Ok(Some(_))))
    };
    let admitted: u32 = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..50).map(|number| scope.spawn(move || come(number))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap_or(0)).sum()
    });
    Ok(format!("{admitted} of 50 served"))
}

/// Whose Session ends with its connection.
fn passing(identifier: &str) -> Identity<'_> {
    Identity { version: Version::V5, identifier, persistent: false }
}

/// Whose Session is kept for ever.
fn lasting(version: Version, identifier: &str) -> Identity<'_> {
    Identity { version, identifier, persistent: true }
}
