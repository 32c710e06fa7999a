//! No byte that the broker holds is outside its account, and the account stays below its ceiling:
//! after every call of random clients and of hostile ones, held against the allocator. What was
//! held is given back when it is let go.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]
#![allow(clippy::cast_possible_truncation, reason = "numbers of a test are small")]

mod counting;
mod neighbour;
#[path = "../packets/packets_with.rs"]
mod packets_with;
mod peers;
mod recovery;
mod world;

use counting::Counting;
use mqtt_broker_core::{Config, Limit, QueueOverflow, Stats};
use mqtt_codec::Version::{V3_1_1, V5};
use packets_with::{packet, publish};
use world::{Chance, World, message, subscribe, tight};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn random(seed: u64, mut config: Config) -> Stats {
    let mut chance = Chance(seed);
    config.journal = seed.is_multiple_of(3);
    config.queue_qos0 = seed.is_multiple_of(2);
    if seed.is_multiple_of(2) {
        config.queue_overflow = QueueOverflow::DropOldest;
    }
    config.limits.connections_per_address = 40;
    let mut world = World::new(config);
    for _ in 0..400 {
        let version = if chance.below(2) == 0 { V5 } else { V3_1_1 };
        let wire = if world.wires.is_empty() {
            None
        } else {
            Some(usize::try_from(chance.below(world.wires.len() as u64)).unwrap())
        };
        let topic =
            format!("t/{}/{}", chance.below(30), "long-level-".repeat(chance.below(4) as usize));
        let id = u16::try_from(chance.below(50) + 1).unwrap();
        match (chance.below(12), wire) {
            (0 | 1, _) | (_, None) => {
                let name = format!(
                    "client-{}{}",
                    chance.below(60),
                    "x".repeat(chance.below(200) as usize)
                );
                world.connected(version, &name);
            }
            (2, Some(wire)) => {
                let filter = ["t/#", "+/+/#", "$share/g/t/#", "t/1/+"][chance.below(4) as usize];
                let many = chance.below(20) + 1;
                let filters =
                    (0..many).map(|n| if n == 0 { filter.into() } else { format!("{topic}{n}") });
                let bytes = subscribe(V5, filters, 1 + (chance.below(2) as u8));
                world.send(wire, &bytes);
            }
            (3..=6, Some(wire)) => {
                let first = [0x30, 0x31, 0x32, 0x33, 0x34][chance.below(5) as usize];
                let len = usize::try_from(chance.below(9000)).unwrap();
                let bytes = message(V5, first, &topic, id, len);
                world.send(wire, &bytes.repeat(1 + chance.below(3) as usize));
            }
            (7, Some(wire)) => world.send(wire, &packet(0x40, &id.to_be_bytes())),
            (8, Some(wire)) => world.send(wire, &packet(0x62, &id.to_be_bytes())),
            (9, Some(wire)) => world.wires[wire].reads ^= true,
            (10, Some(wire)) => world.cut(wire),
            _ => world.wait(chance.below(3)),
        }
    }
    world.end()
}

#[test]
fn random_clients_stay_within_the_account_and_the_ceiling() {
    let mut refused = 0;
    for seed in 0..24 {
        for memory in [64 << 10, 256 << 10, 16 << 20] {
            let stats = random(seed, tight(memory));
            refused += stats.reached.count(Limit::Memory);
        }
    }
    assert!(refused > 100, "the ceiling was reached {refused} times");
}

/// A ceiling of 1 MiB, and each thing that a stranger can make grow is made to.
#[test]
fn whatever_a_stranger_makes_grow_stays_below_the_ceiling() {
    let attacks: [fn(&mut World); 8] = [
        |world| while world.open().is_some() {},
        |world| {
            for n in 0..3000 {
                world.connected(V3_1_1, &format!("session {n}"));
            }
        },
        |world| {
            let wire = world.connected(V5, "filters").unwrap();
            for n in 0..40 {
                let filters = (0..100).map(|m| format!("{n}/{m}/{}", "level/".repeat(20)));
                world.send(wire, &subscribe(V5, filters, 1));
            }
        },
        |world| {
            let wire = world.connected(V5, "retained").unwrap();
            for n in 0..5000 {
                world.send(wire, &message(V5, 0x31, &format!("retained/topic/{n}"), 0, 300));
            }
        },
        |world| {
            let deaf = world.connected(V5, "deaf").unwrap();
            world.send(deaf, &subscribe(V5, ["#".into()].into_iter(), 0));
            world.wires[deaf].reads = false;
            let loud = world.connected(V5, "loud").unwrap();
            for _ in 0..5000 {
                world.send(loud, &message(V5, 0x30, "x", 0, 1000));
            }
        },
        |world| {
            let away = world.connected(V5, "away").unwrap();
            world.send(away, &subscribe(V5, ["#".into()].into_iter(), 1));
            world.cut(away);
            let loud = world.connected(V5, "loud").unwrap();
            for n in 1..5000 {
                world.send(loud, &message(V5, 0x32, "x", n, 1000));
            }
        },
        |world| {
            let loud = world.connected(V5, "aliases").unwrap();
            for n in 1..3000_u16 {
                let alias = [&[0x23], &n.to_be_bytes()[..]].concat();
                let bytes = publish(V5, 0x30, &"a".repeat(1000), 0, &alias);
                if world.wires.get(loud).is_some() {
                    world.send(loud, &bytes);
                }
            }
        },
        |world| {
            let loud = world.connected(V3_1_1, "identifiers").unwrap();
            for n in 1..8000_u16 {
                world.send(loud, &message(V3_1_1, 0x34, "x", n, 0));
            }
        },
    ];
    let mut reached = 0;
    for (number, attack) in attacks.into_iter().enumerate() {
        let mut config = tight(1 << 20);
        config.topic_alias_maximum = u16::MAX;
        let mut world = World::new(config);
        attack(&mut world);
        println!("{number}: {} bytes", world.broker.stats().memory);
        reached += world.end().reached.count(Limit::Memory);
    }
    assert!(reached > 1000, "the ceiling was reached {reached} times");
}
