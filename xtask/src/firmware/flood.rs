//! Clients that want more than there is. Each pattern is played alone, then all at the same time;
//! after each, a client that behaves must be served.

use super::client::{Client, Identity};
use crate::process::Outcome;
use mqtt_codec::{QoS, Version};
use std::time::Duration;

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
    Pattern { name: "takeovers", play: takeovers },
    Pattern { name: "subscriptions", play: subscriptions },
    Pattern { name: "retained", play: retained },
    Pattern { name: "queues", play: queues },
    Pattern { name: "sessions", play: sessions },
];

/// Plays all patterns.
pub(super) fn run(port: u16) -> Outcome {
    for Pattern { name, play } in PATTERNS {
        let told = play(port).map_err(|reason| format!("{name}: {reason}"))?;
        println!("{name}: {told}");
        well_behaved(port).map_err(|reason| format!("after {name}: {reason}"))?;
    }
    std::thread::scope(|scope| {
        for pattern in PATTERNS {
            // They are in each other's way: what each of them gets is up to chance.
            scope.spawn(|| (pattern.play)(port));
        }
    });
    well_behaved(port).map_err(|reason| format!("after all at once: {reason}"))?;
    println!("all at once: still served");
    Ok(())
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
    if client.is_closed_within(Duration::from_secs(2)) { Ok(()) } else { Err("not closed".into()) }
}

/// Both come next, in any order.
fn expect_both(client: &mut Client, one: &str, other: &str) -> Outcome {
    let lines = [client.answer()?, client.answer()?];
    let is_there = |wanted| lines.iter().any(|line| line == wanted);
    if is_there(one) && is_there(other) { Ok(()) } else { Err(format!("{lines:?}")) }
}

/// Connects once there is room: those before may still be leaving.
fn connected(port: u16) -> Outcome<Client> {
    let identity = Identity { version: Version::V5, identifier: "well", persistent: false };
    let mut last = String::new();
    for _ in 0..50 {
        match Client::connected(port, &identity) {
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
    let mut clients = (0..40).map(open).collect::<Outcome<Vec<_>>>()?;
    let at_once = |client: &mut Client| !client.is_closed_within(Duration::from_millis(50));
    clients.retain_mut(at_once);
    let held = clients.len();
    let in_time = |client: &mut Client| !client.is_closed_within(Duration::from_secs(5));
    clients.retain_mut(in_time);
    match (held, clients.len()) {
        (1..=12, 0) => Ok(format!("{} of 40 refused, {held} closed in time", 40 - held)),
        (held, left) => Err(format!("{held} of 40 held, {left} of them for ever")),
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
    let identity = |version, identifier| Identity { version, identifier, persistent: false };
    let mut five = Client::connected(port, &identity(Version::V5, "large5"))?;
    five.send_bytes(b"\x30\x80\x80\x40\x00\x01a\x00")?;
    let answer = five.answer()?;
    if !answer.contains("0x95") {
        return Err(format!("a PUBLISH of 1 MiB was answered with {answer}"));
    }
    let mut three = Client::connected(port, &identity(Version::V3_1_1, "large3"))?;
    three.send_bytes(b"\x30\x80\x80\x40\x00\x01a")?;
    let mut first = Client::open(port, Version::V5)?;
    first.send_bytes(b"\x10\x80\x80\x40\x00\x04MQTT\x05\x02\x00\x3C\x00")?;
    if !three.is_closed_within(Duration::from_secs(2))
        || !first.is_closed_within(Duration::from_secs(2))
    {
        return Err("not closed".into());
    }
    // The largest there may be: 1,024 bytes with header, length, topic, identifier and properties.
    let mut largest = Client::connected(port, &identity(Version::V5, "largest"))?;
    largest.subscribe("largest", QoS::AtLeastOnce)?;
    largest.expect("SUBACK id=1 0x01")?;
    largest.publish("largest", QoS::AtLeastOnce, false, &[b'x'; 1009])?;
    expect_both(&mut largest, "PUBLISH q1 id=1 \"largest\" 1009B", "PUBACK id=1")?;
    Ok("refused; one of 1,024 bytes delivered".into())
}

/// Names longer than the broker keeps.
fn long_names(port: u16) -> Outcome<String> {
    let long = "n".repeat(300);
    let identity = Identity { version: Version::V5, identifier: &long, persistent: true };
    let answer = Client::connect(port, &identity)?.answer()?;
    if !answer.starts_with("CONNACK") || answer.contains("0x00") {
        return Err(format!("a long Client Identifier was answered with {answer}"));
    }
    let identity = Identity { identifier: "names", persistent: false, ..identity };
    let mut client = Client::connected(port, &identity)?;
    client.subscribe(&long, QoS::AtMostOnce)?;
    let subscribed = client.answer()?;
    let published = client.acknowledged(&long, true, b"x")?;
    if !subscribed.contains("0x97") || !published.contains("0x97") {
        return Err(format!("{subscribed}, {published}"));
    }
    Ok("refused".into())
}

/// Bytes that are no packets.
fn garbage(port: u16) -> Outcome<String> {
    let mut state = 0x9E37_79B9_7F4A_7C15_u64;
    for _ in 0..100 {
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
    }
    Ok("100 times".into())
}

/// One Client Identifier, many times.
fn takeovers(port: u16) -> Outcome<String> {
    let identity = Identity { version: Version::V5, identifier: "storm", persistent: false };
    let mut clients = Vec::new();
    let mut refused = 0;
    for _ in 0..100 {
        match Client::connected(port, &identity) {
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
    let (mut granted, mut refused) = (0, 0);
    let mut clients = Vec::new();
    for number in 0..8 {
        let identifier = format!("subscriber{number}");
        let identity =
            Identity { version: Version::V5, identifier: &identifier, persistent: false };
        let mut client = Client::connected(port, &identity)?;
        for filter in 0..40 {
            let level = format!("/{number:02}{filter:02}{}", "x".repeat(14));
            client.subscribe(&level.repeat(6), QoS::ExactlyOnce)?;
            let answer = client.answer()?;
            if answer.contains("0x97") { refused += 1 } else { granted += 1 }
        }
        clients.push(client);
    }
    if refused == 0 {
        Err("none refused".into())
    } else {
        Ok(format!("{granted} granted, {refused} refused"))
    }
}

/// More retained messages than there may be.
fn retained(port: u16) -> Outcome<String> {
    let identity = Identity { version: Version::V5, identifier: "retainer", persistent: false };
    let mut client = Client::connected(port, &identity)?;
    let (mut kept, mut refused) = (0, 0);
    for number in 0..200 {
        let topic = format!("{number:03}/{}", "t".repeat(100));
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
    let identity = |identifier| Identity { version: Version::V5, identifier, persistent: true };
    for identifier in ["away1", "away2", "away3", "away4"] {
        let mut client = Client::connected(port, &identity(identifier))?;
        client.subscribe("#", QoS::ExactlyOnce)?;
        client.acknowledgement()?;
    }
    let mut deaf = Client::connected(port, &identity("deaf"))?;
    deaf.subscribe("#", QoS::ExactlyOnce)?;
    let publisher = Identity { persistent: false, ..identity("publisher") };
    let mut publisher = Client::connected(port, &publisher)?;
    let (mut taken, mut refused) = (0, 0);
    for number in 0..300_usize {
        let payload = vec![b'q'; number * 3];
        let answer = publisher.acknowledged("queue/topic", false, &payload)?;
        if answer.contains("0x97") { refused += 1 } else { taken += 1 }
    }
    Ok(format!("{taken} messages taken, {refused} refused"))
}

/// Sessions that come and do not return.
fn sessions(port: u16) -> Outcome<String> {
    let (mut taken, mut refused) = (0, 0);
    for number in 0..60 {
        let version = if number % 2 == 0 { Version::V5 } else { Version::V3_1_1 };
        let identifier = format!("never-to-return-{number:02}");
        let identity = Identity { version, identifier: &identifier, persistent: true };
        match Client::connected(port, &identity) {
            Ok(mut client) => {
                client
                    .subscribe(&format!("{identifier}/{}/#", "x".repeat(60)), QoS::AtLeastOnce)?;
                client.acknowledgement()?;
                taken += 1;
            }
            Err(_) => refused += 1,
        }
    }
    Ok(format!("{taken} taken, {refused} refused"))
}
