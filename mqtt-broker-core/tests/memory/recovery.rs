//! An attack fills the memory to the ceiling and is over: what it took is given back, in whatever
//! order it goes, and who comes then is served.

use mqtt_broker_core::{ConnectionHandle, Limit, Stats};
use mqtt_codec::Version::{V3_1_1, V5};

use crate::counting::held;
use crate::packets_with::{connect, packet, properties, publish, string};
use crate::world::{World, expiring, message, subscribe, tight};

const CEILING: usize = 2 << 20;

/// In which order things go that came one after another.
#[derive(Clone, Copy, Debug)]
enum Order {
    OldestFirst,
    NewestFirst,
    Scattered,
}

impl Order {
    fn of<T>(self, mut things: Vec<T>) -> Vec<T> {
        match self {
            Self::OldestFirst => {}
            Self::NewestFirst => things.reverse(),
            Self::Scattered => {
                let mut scattered: Vec<(usize, T)> = things.into_iter().enumerate().collect();
                scattered.sort_by_key(|(n, _)| (n.wrapping_mul(0x9e37_79b9) & 0xffff, *n));
                things = scattered.into_iter().map(|(_, thing)| thing).collect();
            }
        }
        things
    }
}

/// What memory was too short for, so far.
fn refused(stats: &Stats) -> u64 {
    stats.reached.count(Limit::Memory) + stats.dropped_broker_full + stats.dropped_offline_full
}

/// Does something until memory is too short for it, a number of times that is counted.
fn until_refused(world: &mut World, mut act: impl FnMut(&mut World, u32)) -> u32 {
    let before = refused(&world.broker.stats());
    for n in 0..200_000 {
        act(world, n);
        if refused(&world.broker.stats()) > before {
            return n;
        }
    }
    panic!("memory is never short: {:?}", world.broker.stats());
}

/// A client of the name connects, subscribes, and has the message that it sends.
fn is_served(world: &mut World, name: &str) -> ConnectionHandle {
    let wire = world.connected(V5, name).unwrap_or_else(|| panic!("{name} is let in"));
    gets_its_message(world, wire, name)
}

/// The client of this name subscribes, and has the message that it sends.
fn gets_its_message(world: &mut World, wire: usize, name: &str) -> ConnectionHandle {
    let handle = world.wires[wire].handle;
    world.wires[wire].seen = Some(Vec::new());
    world.send(wire, &subscribe(V5, [format!("of/{name}")].into_iter(), 1));
    has_its_message(world, handle, name);
    handle
}

fn has_its_message(world: &mut World, handle: ConnectionHandle, name: &str) {
    let wire = world.wire(handle).unwrap_or_else(|| panic!("{name} is still there"));
    world.wires[wire].seen = Some(Vec::new());
    world.send(wire, &message(V5, 0x32, &format!("of/{name}"), 7, 5));
    // A question may be deferred: then the answer comes at once all the same.
    let seen = world.wires[wire].seen.clone().unwrap();
    let has = |bytes: &[u8]| seen.windows(bytes.len()).any(|window| window == bytes);
    assert!(has(&[0x40, 2, 0, 7]), "{name}: no PUBACK in {seen:x?}");
    assert!(has(b"xxxxx"), "{name}: no message in {seen:x?}");
    acknowledge_all(world, wire);
}

/// PUBACK for every identifier that can be under way.
fn acknowledge_all(world: &mut World, wire: usize) {
    let acks: Vec<u8> = (1..=64u16).flat_map(|id| packet(0x40, &id.to_be_bytes())).collect();
    world.send(wire, &acks);
}

fn attack(name: &str, attack: impl Fn(&mut World, Order)) {
    for order in [Order::OldestFirst, Order::NewestFirst, Order::Scattered] {
        let mut config = tight(CEILING);
        config.limits.subscriptions_per_client = u32::MAX;
        config.queue_messages = u32::MAX;
        config.queue_bytes = u32::MAX;
        config.events = false;
        let mut world = World::new(config);
        let neighbour = is_served(&mut world, "neighbour");
        let (start, _) = held();
        attack(&mut world, order);
        let ((left, _), stats) = (held(), world.broker.stats());
        println!("{name}, {order:?}: {start} bytes at first, {left} in the end");
        assert!(left <= start + CEILING / 8, "{name}, {order:?}: {left} bytes: {stats:?}");
        has_its_message(&mut world, neighbour, "neighbour");
        is_served(&mut world, "newcomer");
        world.end();
    }
}

/// Whoever comes now and leaves nothing behind is let in, may subscribe, and has its messages: what lasts
/// leaves room.
fn is_served_meanwhile(world: &mut World) {
    let wire = world.open().unwrap();
    world.send(wire, &connect(V5, 2, &[], &[string("meanwhile")]));
    assert!(wire < world.wires.len(), "it is let in");
    let handle = gets_its_message(world, wire, "meanwhile");
    let wire = world.wire(handle).unwrap();
    world.cut(wire);
}

fn is_at_the_ceiling(world: &World) {
    let memory = world.broker.stats().memory;
    assert!(memory > CEILING / 4 * 3, "{memory} bytes are not much");
}

#[test]
fn connections() {
    attack("connections", |world, order| {
        let mut handles = Vec::new();
        until_refused(world, |world, _| {
            handles.extend(world.open().map(|wire| world.wires[wire].handle));
        });
        is_at_the_ceiling(world);
        for handle in order.of(handles) {
            let wire = world.wire(handle).unwrap();
            world.cut(wire);
        }
    });
}

#[test]
fn sessions_of_absent_clients() {
    attack("sessions", |world, order| {
        let mut names = Vec::new();
        until_refused(world, |world, n| {
            let name = format!("client {n} with a long name{}", "x".repeat(n as usize % 100));
            if let Some(wire) = world.connected(V3_1_1, &name) {
                world.cut(wire);
            }
            names.push(name);
        });
        is_at_the_ceiling(world);
        // Sessions that last leave room for those that do not; whether one more that lasts gets in
        // depends on its name.
        let meanwhile = world.open().expect("there is room for a connection");
        world.send(meanwhile, &connect(V5, 0, &[], &[string("meanwhile")]));
        assert!(meanwhile < world.wires.len(), "a newcomer is let in");
        world.cut(meanwhile);
        for name in order.of(names) {
            world.call(|broker, now| broker.remove_session(now, &name));
        }
        world.settle();
    });
}

/// UNSUBSCRIBE of these filters.
fn unsubscribe(filters: &[String]) -> Vec<u8> {
    let mut body = vec![0, 1];
    body.extend(properties(V5, &[]));
    body.extend(filters.iter().flat_map(|filter| string(filter)));
    packet(0xA2, &body)
}

fn subscriptions_like(name: &str, filter: impl Fn(u32) -> String + Copy) {
    attack(name, |world, order| {
        let wire = world.connected(V5, "greedy").unwrap();
        let handle = world.wires[wire].handle;
        let mut made = Vec::new();
        until_refused(world, |world, n| {
            let filters: Vec<String> = (0..20).map(|m| filter(n * 20 + m)).collect();
            world.send(wire, &subscribe(V5, filters.iter().cloned(), 1));
            made.extend(filters);
        });
        is_at_the_ceiling(world);
        // At this ceiling a table's next chunk is more than what is kept for others to subscribe.
        let meanwhile = world
            .connected(V5, "meanwhile")
            .unwrap_or_else(|| panic!("let in {} {:?}", CEILING, world.broker.stats()));
        world.cut(meanwhile);
        let made = order.of(made);
        for some in made.chunks(20) {
            let wire = world.wire(handle).unwrap();
            world.send(wire, &unsubscribe(some));
        }
        let wire = world.wire(handle).unwrap();
        world.cut(wire);
    });
}

#[test]
fn subscriptions() {
    subscriptions_like("subscriptions", |n| format!("a/{}/{n}/{}", n % 50, "level".repeat(4)));
}

#[test]
fn share_groups() {
    subscriptions_like("share groups", |n| format!("$share/group{n}/topic/{}", n % 500));
}

#[test]
fn retained_messages() {
    attack("retained", |world, order| {
        let wire = world.connected(V5, "greedy").unwrap();
        let handle = world.wires[wire].handle;
        let topic = |n: u32| format!("topic/{}/{n}", n % 100);
        let made = until_refused(world, |world, n| {
            let bytes = message(V5, 0x31, &topic(n), 0, 20 + n as usize % 300);
            world.send(wire, &bytes);
        });
        is_at_the_ceiling(world);
        is_served_meanwhile(world);
        for n in order.of((0..made).collect()) {
            let wire = world.wire(handle).unwrap();
            world.send(wire, &publish(V5, 0x31, &topic(n), 0, &[]));
        }
        let wire = world.wire(handle).unwrap();
        world.cut(wire);
    });
}

#[test]
fn messages_for_absent_clients() {
    attack("absent", |world, order| {
        let mut names = Vec::new();
        for n in 0..100 {
            let name = format!("away {n}");
            let wire = world.connected(V5, &name).unwrap();
            world.send(wire, &subscribe(V5, [format!("for/{n}")].into_iter(), 1));
            world.cut(wire);
            names.push(name);
        }
        let loud = world.connected(V5, "loud").unwrap();
        let handle = world.wires[loud].handle;
        until_refused(world, |world, n| {
            let bytes = message(V5, 0x32, &format!("for/{}", n * 7 % 100), 1, n as usize % 200);
            world.send(loud, &bytes);
        });
        is_at_the_ceiling(world);
        for name in order.of(names) {
            world.call(|broker, now| broker.remove_session(now, &name));
            world.settle();
        }
        let loud = world.wire(handle).unwrap();
        world.cut(loud);
    });
}

#[test]
fn messages_for_clients_that_do_not_read() {
    attack("deaf", |world, order| {
        let mut deaf = Vec::new();
        for n in 0..50 {
            let wire = world.connected(V5, &format!("deaf {n}")).unwrap();
            world.send(wire, &subscribe(V5, [format!("for/{n}")].into_iter(), 0));
            world.wires[wire].reads = false;
            deaf.push(world.wires[wire].handle);
        }
        let loud = world.connected(V5, "loud").unwrap();
        let handle = world.wires[loud].handle;
        until_refused(world, |world, n| {
            world.send(loud, &message(V5, 0x30, &format!("for/{}", n * 7 % 50), 0, 50));
        });
        for handle in order.of(deaf) {
            let wire = world.wire(handle).unwrap();
            world.wires[wire].reads = true;
            world.settle();
            world.cut(wire);
        }
        let loud = world.wire(handle).unwrap();
        world.cut(loud);
    });
}

#[test]
fn messages_that_are_not_acknowledged() {
    attack("in flight", |world, order| {
        let wire = world.open().unwrap();
        let mut list = expiring(V5);
        list.extend([0x21, 0xff, 0xff]);
        world.send(wire, &connect(V5, 0, &list, &[string("lazy")]));
        world.send(wire, &subscribe(V5, ["for/lazy".into()].into_iter(), 1));
        let lazy = world.wires[wire].handle;
        let loud = world.connected(V5, "loud").unwrap();
        let handle = world.wires[loud].handle;
        let mut sent = 0;
        until_refused(world, |world, _| {
            let loud = world.wire(handle).unwrap_or_else(|| {
                panic!("it is closed: {:?}", world.broker.stats());
            });
            world.send(loud, &message(V5, 0x32, "for/lazy", 1, 30));
            sent += 1;
        });
        is_at_the_ceiling(world);
        for identifier in order.of((1..=sent).collect()) {
            let wire = world.wire(lazy).unwrap();
            world.send(wire, &packet(0x40, &(identifier as u16).to_be_bytes()));
        }
        for handle in [lazy, handle] {
            let wire = world.wire(handle).unwrap();
            world.cut(wire);
        }
        world.call(|broker, now| broker.remove_session(now, "lazy"));
    });
}

#[test]
fn identifiers_that_are_not_released() {
    attack("QoS 2", |world, order| {
        let mut clients = Vec::new();
        for n in 0..20 {
            let wire = world.connected(V3_1_1, &format!("q2 {n}")).unwrap();
            clients.push(world.wires[wire].handle);
            let all: Vec<u8> =
                (1..=2000).flat_map(|id| message(V3_1_1, 0x34, "x", id, 0)).collect();
            world.send(wire, &all);
        }
        let memory = world.broker.stats().memory;
        assert!(memory > 20 * 2000 * 2, "{memory} bytes are not much");
        for handle in clients {
            let ids = order.of((1..=2000u16).collect());
            let all: Vec<u8> = ids.iter().flat_map(|id| packet(0x62, &id.to_be_bytes())).collect();
            let Some(wire) = world.wire(handle) else { continue };
            world.send(wire, &all);
            let Some(wire) = world.wire(handle) else { continue };
            world.cut(wire);
        }
        let names: Vec<String> =
            world.broker.sessions().map(|session| session.client_identifier.to_owned()).collect();
        for name in names.iter().filter(|name| name.starts_with("q2")) {
            world.call(|broker, now| broker.remove_session(now, name));
        }
        world.settle();
    });
}
