//! Bytes of heap for one of everything that a broker keeps, counted by the allocator.
//!
//! What the system's allocator adds to each allocation is not in it.

use benches::allocations::{Counting, count, held};
use benches::world::{World, publish, subscribe};
use mqtt_broker_core::ConnectionHandle;
use mqtt_codec::{QoS, Version};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const VERSION: Version = Version::V3_1_1;

fn main() {
    println!("{:<44} {:>9} {:>8} {:>12}", "one of", "count", "bytes", "allocations");
    for count in [1000, 10_000, 100_000, 1_000_000] {
        row("connection with a Session, no subscription", count, |world, _| {
            (0..count).for_each(|n| {
                world.connect(&format!("client-{n:08}"), VERSION);
                world.drain();
            });
        });
        row("Session of a client that is away", count, |world, _| {
            (0..count).for_each(|n| {
                let handle = world.resume(&format!("client-{n:08}"), VERSION);
                world.drain();
                world.leave(handle);
            });
        });
        for (kind, filter) in KINDS {
            row(&format!("subscription, {kind}"), count, |world, handle| {
                (0..count).for_each(|n| {
                    world.send(handle, &subscribe(&filter(n), QoS::AtLeastOnce, VERSION));
                    world.drain();
                });
            });
        }
        row("subscriber of one filter", count, |world, _| {
            (0..count).for_each(|n| {
                let handle = world.resume(&format!("client-{n:08}"), VERSION);
                world.drain();
                world.leave(handle);
            });
            let before = held();
            (0..count).for_each(|n| {
                let handle = world.resume(&format!("client-{n:08}"), VERSION);
                world.subscribe(handle, "all/of/them", QoS::AtLeastOnce, VERSION);
                world.leave(handle);
            });
            let bytes = held() - before;
            println!(
                "{:<44} {count:>9} {:>8.1}",
                "  of these, the subscription",
                each(bytes, count)
            );
        });
        row("retained message, 31 + 64 bytes", count, |world, handle| {
            (0..count).for_each(|n| {
                let topic = format!("site/{:04}/device/{n:08}/state", n % 1000);
                world.send(handle, &publish(&topic, &[7; 64], QoS::AtMostOnce, true, VERSION));
            });
        });
        row("queued message, 7 + 64 bytes", count, |world, handle| {
            let away = world.resume("away", VERSION);
            world.subscribe(away, "inbox/0", QoS::AtLeastOnce, VERSION);
            world.leave(away);
            (0..count).for_each(|_| {
                world.send(handle, &publish("inbox/0", &[7; 64], QoS::AtLeastOnce, false, VERSION));
                world.drain();
            });
        });
    }
}

type Filter = fn(u32) -> String;
const KINDS: [(&str, Filter); 3] = [
    ("exact", |n| format!("site{}/room{}/device{n}/value", n % 100, n % 1000)),
    ("+", |n| format!("site{}/+/device{n}/value", n % 100)),
    ("#", |n| format!("site{}/room{}/device{n}/#", n % 100, n % 1000)),
];

/// Fills a broker with `count` of a thing, and prints what one takes.
fn row(name: &str, number: u32, fill: impl FnOnce(&mut World, ConnectionHandle)) {
    let mut world = World::new();
    let handle = world.connect("client", VERSION);
    world.drain();
    let (bytes, allocations) = (held(), count());
    fill(&mut world, handle);
    let (bytes, allocations) = (held() - bytes, count() - allocations);
    println!(
        "{name:<44} {number:>9} {:>8.1} {:>12.2}",
        each(bytes, number),
        allocations as f64 / f64::from(number)
    );
}

fn each(bytes: usize, number: u32) -> f64 {
    bytes as f64 / f64::from(number)
}
