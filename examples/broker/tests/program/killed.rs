//! The broker is killed at random moments, again and again, and keeps what it has acknowledged.
//!
//! Publishers and subscribers keep their Sessions. Whoever connects is told the truth about them;
//! each acknowledged QoS 1 message arrives, each QoS 2 message arrives once, the newest retained
//! message is the last acknowledged, and the Will Message of everybody who was connected is sent.

pub(crate) mod link;
mod publisher;
mod subscriber;

use core::net::SocketAddr;
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Mutex;
use std::thread;

use mqtt_codec::{Connect, Packet, Properties, QoS, TopicName, Utf8String, Version, Will};

use crate::running::Running;
use link::Link;
use publisher::Publisher;
use subscriber::Subscriber;

/// How often it is killed.
const ROUNDS: u32 = 12;

/// Numbers that nobody chose.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: u64) -> u64 {
        self.0 =
            self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % end
    }
}

/// The clients, and what they know over all rounds.
struct World {
    publishers: Vec<Publisher>,
    subscribers: Vec<Subscriber>,
    /// How many clients with a Will Message have been connected.
    wills: u32,
}

impl World {
    fn new() -> Self {
        Self {
            publishers: vec![
                Publisher::new("five", Version::V5),
                Publisher::new("three", Version::V3_1_1),
            ],
            subscribers: vec![
                Subscriber::new("listener-5", Version::V5),
                Subscriber::new("listener-3", Version::V3_1_1),
            ],
            wills: 0,
        }
    }

    /// Everybody works until the broker is gone: killed by one who has had so many answers.
    fn round(&mut self, broker: Running, answers: u64) {
        let address = broker.address();
        let listening: Vec<Link> =
            self.subscribers.iter_mut().map(|subscriber| subscriber.connect(address)).collect();
        let mortal = mortal(address, self.wills);
        self.wills += 1;
        let broker = Mutex::new(broker);
        thread::scope(|scope| {
            for (subscriber, link) in self.subscribers.iter_mut().zip(listening) {
                scope.spawn(move || subscriber.listen(link));
            }
            for (place, publisher) in self.publishers.iter_mut().enumerate() {
                let broker = &broker;
                scope.spawn(move || {
                    let mut left = answers;
                    publisher.work(address, || {
                        left = left.saturating_sub(1);
                        if place == 0 && left == 0 {
                            broker.lock().unwrap().kill();
                        }
                    });
                });
            }
        });
        drop(mortal);
    }

    /// Everybody finishes what is under way, and compares.
    fn finish(&mut self, broker: &Running) {
        let address = broker.address();
        let links: Vec<Link> =
            self.subscribers.iter_mut().map(|subscriber| subscriber.connect(address)).collect();
        for publisher in &mut self.publishers {
            publisher.finish(address);
            publisher.check_retained(address);
        }
        let mut expected: BTreeMap<String, QoS> = BTreeMap::new();
        expected.extend(self.publishers.iter().flat_map(Publisher::published));
        expected.extend((0..self.wills).map(|number| (will(number), QoS::ExactlyOnce)));
        for (subscriber, link) in self.subscribers.iter_mut().zip(links) {
            subscriber.finish(link, &expected);
        }
    }
}

fn will(number: u32) -> String {
    format!("the will of client {number}")
}

/// A client that will not live to say goodbye.
fn mortal(address: SocketAddr, number: u32) -> Link {
    let payload = will(number);
    let (mut link, _) = Link::connect(
        address,
        &Connect {
            version: Version::V3_1_1,
            clean_start: true,
            keep_alive: 0,
            client_identifier: Utf8String::new(&format!("mortal-{number}")).unwrap(),
            properties: Properties::EMPTY,
            will: Some(Will {
                qos: QoS::ExactlyOnce,
                retain: false,
                topic: TopicName::new("data/will").unwrap(),
                payload: payload.as_bytes(),
                properties: Properties::EMPTY,
            }),
            user_name: None,
            password: None,
        },
    );
    link.send(&Packet::Pingreq).unwrap();
    link
}

fn kill_again_and_again(sync: &str) {
    let directory = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(format!("killed-{sync}"));
    let _ = std::fs::remove_dir_all(&directory);
    let sync = format!("journal.sync={sync}");
    let start = || {
        let directory = directory.to_str().unwrap();
        // Snapshots, and the end of what was before them, are among what is interrupted.
        let set = ["--set", &sync, "--set", "journal.snapshot_after=16 KiB"];
        let listen = ["--listen", "127.0.0.1:0", "--log", "warn"];
        Running::start(&[&listen[..], &["--journal", directory], &set].concat())
    };
    let mut chance = Chance(u64::from(std::process::id()));
    let mut world = World::new();
    for _ in 0..ROUNDS {
        world.round(start(), 1 + chance.below(150));
    }
    world.finish(&start());
}

#[test]
fn nothing_acknowledged_is_lost_when_the_broker_is_killed() {
    kill_again_and_again("fsync");
}

#[test]
fn nothing_acknowledged_is_lost_when_the_process_alone_is_killed() {
    kill_again_and_again("os");
}
