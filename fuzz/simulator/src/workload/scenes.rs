//! The named workloads. To add one, write a function and put it in [`ALL`].

use mqtt_broker_core::{Config, QueueOverflow};
use mqtt_codec::{QoS, SubscriptionOptions, Version};

use super::{HostDeed, HostProfile, Profile, Reading, Wanted, WillProfile, Workload};
use crate::client::acting::Deed;
use crate::disk::Store;
use crate::random::Random;

/// Makes up a workload.
pub type Scene = fn(&mut Random) -> Workload;

/// Every workload under its name.
pub const ALL: &[(&str, Scene)] = &[
    ("mixed", mixed),
    ("exactly-once", exactly_once),
    ("sessions", sessions),
    ("takeover", takeover),
    ("shared", shared),
    ("retained", retained),
    ("wills", wills),
    ("limits", limits),
    ("hostile", hostile),
    ("slow-readers", slow_readers),
    ("calm", calm),
    ("endings", endings),
    ("bursts", bursts),
];

/// A little of everything.
fn mixed(random: &mut Random) -> Workload {
    let count = random.between(3, 7);
    let clients = (0..count).map(|number| Profile::any(as_index(number), random)).collect();
    workload(clients, random)
}

/// Publishers of QoS 1 and 2 to subscribers that keep their Sessions.
fn exactly_once(random: &mut Random) -> Workload {
    let mut clients = Vec::new();
    for number in 0..random.between(2, 5) {
        let mut profile = persistent(as_index(number), random);
        profile.qos = vec![QoS::AtLeastOnce, QoS::ExactlyOnce];
        profile.topics = vec!["t/0".into(), "t/1".into()];
        profile.filters = vec![wanted("t/#", QoS::ExactlyOnce), wanted("t/0", QoS::ExactlyOnce)];
        profile.expiry_per_mille = 0;
        clients.push(profile);
    }
    workload(clients, random)
}

/// Clients that come, go, and come again.
fn sessions(random: &mut Random) -> Workload {
    let mut clients = Vec::new();
    for number in 0..random.between(3, 6) {
        let mut profile = Profile::any(as_index(number), random);
        profile.deeds = vec![
            (Deed::Publish, 30),
            (Deed::Subscribe, 15),
            (Deed::Unsubscribe, 3),
            (Deed::Disconnect, 15),
            (Deed::Close, 15),
            (Deed::TakeOver, 5),
        ];
        clients.push(profile);
    }
    if random.chance(300) {
        let mut nameless = Profile::any(90, random);
        nameless.name = String::new();
        nameless.version = Version::V5;
        nameless.clean_per_mille = 1000;
        nameless.expiry = *random.pick(&[0, 2]);
        clients.push(nameless);
    }
    if random.chance(300) {
        let mut banned = Profile::any(91, random);
        banned.name = crate::rules::BANNED.into();
        clients.push(banned);
    }
    workload(clients, random)
}

/// Clients that leave a connection standing for a new one, again and again.
fn takeover(random: &mut Random) -> Workload {
    let mut clients = Vec::new();
    for number in 0..random.between(2, 4) {
        let mut profile = Profile::any(as_index(number), random);
        profile.gap = (1, 50);
        profile.deeds = vec![
            (Deed::Publish, 20),
            (Deed::Subscribe, 10),
            (Deed::TakeOver, 30),
            (Deed::Close, 3),
        ];
        clients.push(profile);
    }
    workload(clients, random)
}

/// Groups that share subscriptions.
fn shared(random: &mut Random) -> Workload {
    let mut clients = Vec::new();
    let is_live = random.chance(300);
    for number in 0..random.between(3, 6) {
        let mut profile = Profile::any(as_index(number), random);
        let some = *random.pick(&[QoS::AtLeastOnce, QoS::ExactlyOnce]);
        let qos = if is_live { QoS::AtMostOnce } else { some };
        profile.filters = vec![wanted("$share/g/t/#", qos), wanted("$share/h/t/+", qos)];
        for (wanted, identifier) in profile.filters.iter_mut().zip(1..) {
            wanted.identifier = random.chance(500).then_some(identifier);
        }
        profile.topics = vec!["t/0".into(), "t/1".into(), "t/0/a".into()];
        profile.expiry_per_mille = 0;
        clients.push(profile);
    }
    workload(clients, random)
}

/// Retained messages, set, cleared and asked for.
fn retained(random: &mut Random) -> Workload {
    let mut clients = Vec::new();
    for number in 0..random.between(2, 5) {
        let mut profile = Profile::any(as_index(number), random);
        profile.retain_per_mille = 700;
        profile.topics = vec!["r/0".into(), "r/1".into(), "r/2/x".into(), "$own/a".into()];
        let filters = ["r/#", "r/+", "#", "r/0", "$own/#"];
        profile.filters = (0..3).map(|_| Wanted::any(&filters, random)).collect();
        profile.deeds = vec![
            (Deed::Publish, 40),
            (Deed::Subscribe, 40),
            (Deed::Unsubscribe, 5),
            (Deed::Disconnect, 5),
            (Deed::Close, 3),
        ];
        clients.push(profile);
    }
    workload(clients, random)
}

/// Will Messages, and those who watch for them.
fn wills(random: &mut Random) -> Workload {
    let mut clients = Vec::new();
    for number in 0..random.between(2, 5) {
        let number = as_index(number);
        let mut profile = Profile::any(number, random);
        profile.will = Some(WillProfile::any(number, random));
        profile.deeds = vec![
            (Deed::Publish, 10),
            (Deed::Disconnect, 12),
            (Deed::Close, 15),
            (Deed::TakeOver, 5),
            (Deed::Ping, 5),
        ];
        clients.push(profile);
    }
    let mut watcher = persistent(80, random);
    watcher.filters = vec![wanted("will/#", QoS::ExactlyOnce)];
    watcher.deeds = vec![(Deed::Subscribe, 10), (Deed::Ping, 10), (Deed::Close, 1)];
    clients.push(watcher);
    let mut workload = workload(clients, random);
    workload.host.listens = true;
    workload
}

/// Every limit within reach.
fn limits(random: &mut Random) -> Workload {
    let mut workload = mixed(random);
    let config = &mut workload.config;
    config.queue_messages = u32::try_from(random.between(2, 6)).unwrap_or(2);
    config.queue_overflow = *random.pick(&[
        QueueOverflow::DropNewest,
        QueueOverflow::DropOldest,
        QueueOverflow::Disconnect,
    ]);
    config.receive_maximum = u16::try_from(random.between(2, 6)).unwrap_or(2);
    config.maximum_packet_size = 8192;
    config.queue_bytes = 6000;
    config.limits.publication_bytes = usize::try_from(random.between(8000, 30_000)).unwrap_or(8000);
    config.limits.publications = u32::try_from(random.between(10, 40)).unwrap_or(10);
    config.limits.entries = u32::try_from(random.between(20, 80)).unwrap_or(20);
    config.limits.sessions = u32::try_from(random.between(2, 8)).unwrap_or(2);
    config.limits.retained = 2;
    config.limits.subscriptions = u32::try_from(random.between(5, 20)).unwrap_or(5);
    config.limits.subscriptions_per_client = 3;
    config.limits.connections = u32::try_from(random.between(3, 12)).unwrap_or(3);
    for profile in &mut workload.clients {
        profile.burst = 8;
        profile.maximum_packet_size = random.chance(300).then_some(256);
    }
    workload
}

/// Clients that break rules, beside some that do not.
fn hostile(random: &mut Random) -> Workload {
    let mut workload = mixed(random);
    workload.config.receive_maximum = 5;
    for profile in &mut workload.clients {
        if random.chance(600) {
            profile.deeds.push((Deed::Break, 20));
        }
    }
    workload
}

/// Publishers at full speed, and readers that are slow or do not read at all.
fn slow_readers(random: &mut Random) -> Workload {
    let mut workload = mixed(random);
    workload.config.queue_messages = *random.pick(&[5, 1000]);
    for profile in &mut workload.clients {
        profile.burst = 10;
        profile.large_per_mille = 100;
        profile.reading = *random.pick(&[Reading::Fast, Reading::Slow, Reading::Never]);
    }
    workload
}

/// Nothing that depends on when outputs are drained: no message expires, and no limit is near.
fn calm(random: &mut Random) -> Workload {
    let mut workload = mixed(random);
    workload.store = Store::Memory;
    workload.config.journal = false;
    workload.config.ask_deliver = false;
    workload.config.message_expiry_maximum = u32::MAX;
    workload.config.server_keep_alive = 0;
    workload.config.queue_messages = 100_000;
    workload.config.limits.outgoing = 1 << 20;
    workload.defer_every = 0;
    workload.is_calm = true;
    for profile in &mut workload.clients {
        profile.expiry_per_mille = 0;
        profile.keep_alive = 0;
        if let Some(will) = &mut profile.will {
            will.expiry = None;
        }
    }
    workload
}

/// Sessions that end with much left that share groups had chosen them for, in calls that do little.
fn endings(random: &mut Random) -> Workload {
    let mut clients = Vec::new();
    let filters = || vec![wanted("$share/g/s/#", QoS::ExactlyOnce)];
    // To those who stay goes what the others leave.
    for number in 0..random.between(1, 2) {
        let mut profile = persistent(as_index(number), random);
        profile.filters = filters();
        profile.deeds = vec![(Deed::Subscribe, 20), (Deed::Ping, 10), (Deed::Close, 2)];
        clients.push(profile);
    }
    for number in 10..=10 + random.between(1, 3) {
        let mut profile = Profile::any(as_index(number), random);
        profile.filters = filters();
        // What a Session held that was not to last is in no journal.
        profile.version = *random.pick(&[Version::V5, Version::V5, Version::V3_1_1]);
        profile.expiry = *random.pick(&[1, 2, 4]);
        profile.clean_per_mille = 500;
        profile.reading = *random.pick(&[Reading::Slow, Reading::Never, Reading::Fast]);
        profile.is_lazy = random.chance(500);
        profile.gap = (100, 5000);
        profile.deeds = vec![(Deed::Subscribe, 20), (Deed::Disconnect, 10), (Deed::Close, 15)];
        clients.push(profile);
    }
    for number in 20..=20 + random.between(0, 1) {
        let mut profile = persistent(as_index(number), random);
        profile.filters.clear();
        // A group that has nobody left says so of a topic.
        profile.topics = (0..20).map(|topic| format!("s/{topic}")).collect();
        profile.qos = vec![QoS::AtLeastOnce, QoS::ExactlyOnce];
        profile.burst = 12;
        profile.gap = (10, 1000);
        profile.deeds = vec![(Deed::Publish, 50), (Deed::Close, 1)];
        clients.push(profile);
    }
    for profile in &mut clients {
        (profile.expiry_per_mille, profile.retain_per_mille, profile.refuse_per_mille) = (0, 0, 0);
        // Of deadlines that come at once, each may take a call of its own.
        profile.will = None;
    }
    let mut workload = workload(clients, random);
    workload.store = *random.pick(&[Store::Os, Store::Fsync]);
    workload.config.journal = true;
    workload.config.message_expiry_maximum = u32::MAX;
    workload.config.inflight_messages = *random.pick(&[1, 3, 64]);
    workload.config.steps_per_call = u32::try_from(random.between(1, 16)).unwrap_or(1);
    workload.host.deeds =
        vec![(HostDeed::RemoveSession, 5), (HostDeed::Snapshot, 4), (HostDeed::Rest, 5)];
    workload
}

/// Many messages at once, most of them with QoS 0, which the broker queues together if they come together.
fn bursts(random: &mut Random) -> Workload {
    let mut clients = Vec::new();
    for number in 0..random.between(3, 6) {
        let mut profile = Profile::any(as_index(number), random);
        profile.burst = 40;
        profile.is_alike = random.chance(800);
        profile.qos = vec![QoS::AtMostOnce, QoS::AtMostOnce, QoS::AtMostOnce, QoS::AtLeastOnce];
        profile.retain_per_mille = *random.pick(&[0, 0, 50]);
        profile.gap = (10, 5000);
        clients.push(profile);
    }
    let mut workload = workload(clients, random);
    workload.config.queue_messages = *random.pick(&[5, 50, 1000]);
    workload.config.queue_overflow =
        *random.pick(&[QueueOverflow::DropOldest, QueueOverflow::DropNewest]);
    workload.host.listens = false;
    workload
}

/// A client that keeps its Session for ever.
fn persistent(number: usize, random: &mut Random) -> Profile {
    let mut profile = Profile::any(number, random);
    profile.version = *random.pick(&[Version::V5, Version::V3_1_1]);
    profile.clean_per_mille = 0;
    profile.expiry = u32::MAX;
    profile
}

fn wanted(filter: &str, qos: QoS) -> Wanted {
    Wanted { filter: filter.into(), options: SubscriptionOptions::new(qos), identifier: None }
}

/// These clients, around a broker of any configuration with limits out of reach.
fn workload(clients: Vec<Profile>, random: &mut Random) -> Workload {
    let mut config = Config::default();
    config.seed = random.number();
    let store = *random.pick(&[Store::Memory, Store::Os, Store::Fsync, Store::Fsync]);
    config.journal = store != Store::Memory;
    config.inflight_messages = *random.pick(&[1, 3, 64]);
    config.receive_maximum = *random.pick(&[5, 100]);
    config.topic_alias_maximum = *random.pick(&[0, 3]);
    config.topic_alias_outgoing = *random.pick(&[0, 3]);
    config.queue_qos0 = random.chance(300);
    config.ask_deliver = random.chance(200);
    config.session_expiry_maximum = *random.pick(&[u32::MAX, u32::MAX, 30]);
    config.message_expiry_maximum = *random.pick(&[u32::MAX, u32::MAX, 60]);
    config.server_keep_alive = *random.pick(&[0, 0, 5, 20]);
    config.limits.connect_packet_size = 8192;
    let deeds = vec![
        (HostDeed::Publish, 10),
        (HostDeed::Kick, 2),
        (HostDeed::RemoveSession, 1),
        (HostDeed::RemoveSubscription, 1),
        (HostDeed::Snapshot, 4),
        (HostDeed::Rest, 5),
    ];
    let host = HostProfile { listens: random.chance(500), deeds, gap: (100, 10_000) };
    let defer_every = *random.pick(&[0, 0, 0, 3, 10]);
    Workload { name: "", config, store, clients, host, defer_every, is_calm: false }
}

fn as_index(number: u64) -> usize {
    usize::try_from(number).unwrap_or(0)
}
