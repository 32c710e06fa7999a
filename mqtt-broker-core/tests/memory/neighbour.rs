//! One stranger fills the memory to the ceiling, by whatever means, and goes on trying. Clients that
//! were there before publish, receive and ping with every QoS as ever; who comes then is let in, or
//! has the answer that is documented.

use mqtt_broker_core::{ConnectionHandle, Limit};
use mqtt_codec::Version::{self, V3_1_1, V5};

use crate::packets_with::{connect, packet, publish, string};
use crate::world::{World, expiring, message, subscribe, tight};

const CEILING: usize = 16 << 20;

/// Two clients that do nothing wrong: one subscribes to what the other publishes.
struct Neighbours {
    version: Version,
    subscriber: ConnectionHandle,
    publisher: ConnectionHandle,
    identifier: u16,
}

impl Neighbours {
    fn new(world: &mut World, version: Version) -> Self {
        let mut connected = |name: &str| {
            let wire = world.open().unwrap();
            let name = string(&format!("{name} {version:?}"));
            world.send(wire, &connect(version, 2, &[], &[name]));
            world.wires[wire].seen = Some(Vec::new());
            world.wires[wire].handle
        };
        let (subscriber, publisher) = (connected("subscriber"), connected("publisher"));
        let wire = world.wire(subscriber).unwrap();
        let filters = [format!("neighbour/{}/#", version.level())].into_iter();
        world.send(wire, &subscribe(version, filters, 2));
        Self { version, subscriber, publisher, identifier: 0 }
    }

    fn are_served(&mut self, world: &mut World, during: &str) {
        for qos in 0..3u8 {
            let topic = format!("neighbour/{}/q{qos}", self.version.level());
            self.identifier += 1;
            let id = self.identifier.to_be_bytes();
            let bytes = message(self.version, 0x30 | (qos << 1), &topic, self.identifier, 5);
            let answered = self.send(world, self.publisher, &bytes, during);
            match qos {
                0 => {}
                1 => assert!(has(&answered, &[0x40, 2, id[0], id[1]]), "{during}: {answered:x?}"),
                _ => {
                    assert!(has(&answered, &[0x50, 2, id[0], id[1]]), "{during}: {answered:x?}");
                    let release = packet(0x62, &id);
                    let answered = self.send(world, self.publisher, &release, during);
                    assert!(has(&answered, &[0x70, 2, id[0], id[1]]), "{during}: {answered:x?}");
                }
            }
            let seen = self.take(world, self.subscriber, during);
            let at = seen.windows(topic.len()).position(|w| w == topic.as_bytes());
            let at = at.unwrap_or_else(|| {
                panic!(
                    "{during}: no message of QoS {qos} to {:?}: {:?}",
                    self.version,
                    world.broker.stats()
                )
            });
            if qos > 0 {
                let id = &seen[at + topic.len()..][..2];
                let kind = if qos == 1 { 0x40 } else { 0x50 };
                let answered = self.send(world, self.subscriber, &packet(kind, id), during);
                if qos == 2 {
                    assert!(has(&answered, &[0x62, 2, id[0], id[1]]), "{during}: {answered:x?}");
                    self.send(world, self.subscriber, &packet(0x70, id), during);
                }
            }
        }
        for client in [self.subscriber, self.publisher] {
            let pong = self.send(world, client, &[0xC0, 0], during);
            assert_eq!(pong, [0xD0, 0], "{during}");
        }
    }

    /// Sends, and answers what comes back.
    fn send(
        &self,
        world: &mut World,
        client: ConnectionHandle,
        bytes: &[u8],
        during: &str,
    ) -> Vec<u8> {
        self.take(world, client, during);
        let wire = world.wire(client).unwrap();
        world.send(wire, bytes);
        self.take(world, client, during)
    }

    fn take(&self, world: &mut World, client: ConnectionHandle, during: &str) -> Vec<u8> {
        let version = self.version;
        let wire = world.wire(client);
        let wire = wire.unwrap_or_else(|| panic!("{during}: a {version:?} neighbour is closed"));
        world.wires[wire].seen.replace(Vec::new()).unwrap_or_default()
    }
}

fn has(bytes: &[u8], part: &[u8]) -> bool {
    bytes.windows(part.len()).any(|window| window == part)
}

/// Has a stranger do something again and again, also when it is refused.
fn stranger(name: &str, mut act: impl FnMut(&mut World, u32)) {
    let mut config = tight(CEILING);
    config.limits.subscriptions_per_client = u32::MAX;
    config.queue_messages = u32::MAX;
    config.queue_bytes = u32::MAX;
    config.topic_alias_maximum = u16::MAX;
    config.maximum_packet_size = 1 << 20;
    config.events = false;
    let mut world = World::new(config);
    let mut neighbours = [V3_1_1, V5].map(|version| Neighbours::new(&mut world, version));
    let mut full_at = None;
    for n in 0..60_000 {
        act(&mut world, n);
        let stats = world.broker.stats();
        if full_at.is_none() && stats.memory > CEILING / 4 * 3 - (64 << 10) {
            println!("{name}: near the ceiling after {n}");
            full_at = Some(n);
        }
        // Before the first refusal and long after it.
        let often = if full_at.is_some() { 64 } else { 4096 };
        if n % often == 0 {
            for both in &mut neighbours {
                both.are_served(&mut world, name);
            }
        }
        if full_at.is_some_and(|at| n > at + at / 2 + 300) {
            break;
        }
    }
    let stats = world.broker.stats();
    assert!(full_at.is_some(), "{name}: {} bytes are not much", stats.memory);
    newcomer(&mut world, name);
    for both in &mut neighbours {
        both.are_served(&mut world, name);
    }
    println!("{name}: {} of {CEILING} bytes", world.broker.stats().memory);
}

/// A new client is served, or told why not.
fn newcomer(world: &mut World, during: &str) {
    let before = world.broker.stats().reached.count(Limit::Memory);
    let Some(wire) = world.open() else {
        assert!(world.broker.stats().reached.count(Limit::Memory) > before, "{during}");
        return;
    };
    let handle = world.wires[wire].handle;
    world.wires[wire].seen = Some(Vec::new());
    world.send(wire, &connect(V5, 2, &[], &[string("newcomer")]));
    match world.wire(handle) {
        Some(wire) => {
            let seen = world.wires[wire].seen.clone().unwrap();
            assert_eq!(seen[0], 0x20, "{during}: {seen:x?}");
            world.cut(wire);
        }
        None => assert!(world.broker.stats().refused > 0, "{during}"),
    }
}

/// The stranger's connection, made again when it has been closed.
fn again(
    world: &mut World,
    handle: &mut Option<ConnectionHandle>,
    version: Version,
) -> Option<usize> {
    if let Some(wire) = handle.and_then(|handle| world.wire(handle)) {
        return Some(wire);
    }
    let wire = world.open()?;
    *handle = Some(world.wires[wire].handle);
    let mut list = expiring(version);
    if version == V5 {
        list.extend([0x21, 0xff, 0xff]);
    }
    world.send(wire, &connect(version, 0, &list, &[string("stranger")]));
    handle.and_then(|handle| world.wire(handle))
}

#[test]
fn connections() {
    stranger("connections", |world, _| {
        world.open();
    });
}

#[test]
fn sessions() {
    stranger("sessions", |world, n| {
        if let Some(wire) = world.connected(V3_1_1, &format!("{n} {}", "x".repeat(500))) {
            world.cut(wire);
        }
    });
}

#[test]
fn subscriptions() {
    let mut handle = None;
    stranger("subscriptions", move |world, n| {
        let Some(wire) = again(world, &mut handle, V5) else { return };
        let filters = (0..20).map(|m| format!("{n}/{m}/{}", "level/".repeat(8)));
        world.send(wire, &subscribe(V5, filters, 1));
    });
}

#[test]
fn retained_messages() {
    let mut handle = None;
    stranger("retained", move |world, n| {
        let Some(wire) = again(world, &mut handle, V5) else { return };
        world.send(wire, &message(V5, 0x31, &format!("retained/topic/{n}"), 0, 600));
    });
}

#[test]
fn large_packets() {
    let mut handle = None;
    stranger("large packets", move |world, n| {
        let Some(wire) = again(world, &mut handle, V5) else { return };
        world.send(wire, &message(V5, 0x31, &format!("large/{n}"), 0, 500_000));
    });
}

/// A subscriber that never reads, or is away, and a publisher for it.
fn queued(name: &str, qos: u8, away: bool, len: usize) {
    let (mut handle, mut deaf) = (None, None);
    stranger(name, move |world, _| {
        if deaf.is_none() {
            let wire = world.connected(V5, "deaf").unwrap();
            deaf = Some(world.wires[wire].handle);
            world.send(wire, &subscribe(V5, ["for/deaf".into()].into_iter(), qos));
            world.wires[wire].reads = false;
            if away {
                world.cut(wire);
            }
        }
        let Some(wire) = again(world, &mut handle, V5) else { return };
        world.send(wire, &message(V5, 0x30 | (qos << 1), "for/deaf", 1, len));
    });
}

#[test]
fn messages_of_qos_0_that_are_not_read() {
    queued("QoS 0 not read", 0, false, 900);
}

#[test]
fn messages_of_qos_1_that_are_not_read() {
    queued("QoS 1 not read", 1, false, 900);
}

#[test]
fn small_messages_for_one_who_is_away() {
    queued("away", 1, true, 300);
}

#[test]
fn large_messages_for_one_who_is_away() {
    queued("away, large", 1, true, 200_000);
}

#[test]
fn messages_that_are_not_acknowledged() {
    let mut handle = None;
    stranger("in flight", move |world, n| {
        let Some(wire) = again(world, &mut handle, V5) else { return };
        if n == 0 {
            world.send(wire, &subscribe(V5, ["for/me".into()].into_iter(), 1));
        }
        world.send(wire, &message(V5, 0x32, "for/me", 1, 500));
    });
}

#[test]
fn aliases() {
    let mut handle = None;
    stranger("aliases", move |world, n| {
        let Some(wire) = again(world, &mut handle, V5) else { return };
        let alias = u16::try_from(n % 65_000 + 1).unwrap();
        let alias = [&[0x23], &alias.to_be_bytes()[..]].concat();
        world.send(wire, &publish(V5, 0x30, &"a".repeat(1000), 0, &alias));
    });
}
