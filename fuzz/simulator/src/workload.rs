//! [`Workload`]: who lives in a world, what they do, and how its broker is configured. The named
//! ones are in [`scenes`].

pub mod scenes;

use mqtt_broker_core::Config;
use mqtt_codec::{QoS, RetainHandling, SubscriptionOptions, Version};

use crate::client::acting::Deed;
use crate::disk::Store;
use crate::random::Random;

/// What a world is made of, besides its faults.
#[derive(Clone, Debug)]
pub struct Workload {
    /// Its name.
    pub name: &'static str,
    /// How the broker is configured.
    pub config: Config,
    /// What its hosts promise of their journals.
    pub store: Store,
    /// The clients.
    pub clients: Vec<Profile>,
    /// What the host does of its own accord.
    pub host: HostProfile,
    /// Every so many questions to the policy, one is put off; 0 for none.
    pub defer_every: u32,
    /// Nothing in it depends on when outputs are drained: no deadline that a message can miss, and
    /// no limit within reach.
    pub is_calm: bool,
}

/// What a client is like.
#[derive(Clone, Debug)]
pub struct Profile {
    /// Its Client Identifier.
    pub name: String,
    /// The version it speaks.
    pub version: Version,
    /// How often it asks for a new Session, in a thousand CONNECTs.
    pub clean_per_mille: u64,
    /// Its Session Expiry Interval, with 5.0.
    pub expiry: u32,
    /// Its Keep Alive, in seconds.
    pub keep_alive: u16,
    /// Its Receive Maximum, if it states one.
    pub receive_maximum: Option<u16>,
    /// Its Maximum Packet Size, if it states one.
    pub maximum_packet_size: Option<u32>,
    /// Its Topic Alias Maximum.
    pub alias_maximum: u16,
    /// The Will Message it may bring.
    pub will: Option<WillProfile>,
    /// What it may subscribe to.
    pub filters: Vec<Wanted>,
    /// What it publishes to.
    pub topics: Vec<String>,
    /// The Qualities of Service it publishes with; one of them at random.
    pub qos: Vec<QoS>,
    /// How many messages it publishes at once, at most.
    pub burst: u64,
    /// They are of one topic and one QoS.
    pub is_alike: bool,
    /// How many of a thousand messages have RETAIN set.
    pub retain_per_mille: u64,
    /// How many of a thousand messages expire.
    pub expiry_per_mille: u64,
    /// How many of a thousand messages that it is sent it will not have.
    pub refuse_per_mille: u64,
    /// How many of a thousand messages are of several kilobytes.
    pub large_per_mille: u64,
    /// What it does, and how often.
    pub deeds: Vec<(Deed, u64)>,
    /// It does not want to be told more of a problem than its reason code.
    pub is_terse: bool,
    /// It acknowledges at its next turn, not at once.
    pub is_lazy: bool,
    /// How it reads.
    pub reading: Reading,
    /// Milliseconds between its turns: at least, at most.
    pub gap: (u64, u64),
}

/// How a client reads what it is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reading {
    /// At once.
    Fast,
    /// With long pauses.
    Slow,
    /// Not at all, until the world heals.
    Never,
}

/// A Will Message as its client wants it.
#[derive(Clone, Debug)]
pub struct WillProfile {
    /// Where to.
    pub topic: String,
    /// Will QoS.
    pub qos: QoS,
    /// Will Retain.
    pub retain: bool,
    /// Will Delay Interval, in seconds.
    pub delay: u32,
    /// Message Expiry Interval, in seconds.
    pub expiry: Option<u32>,
}

/// A subscription that a client may make.
#[derive(Clone, Debug)]
pub struct Wanted {
    /// The Topic Filter.
    pub filter: String,
    /// How.
    pub options: SubscriptionOptions,
    /// Its Subscription Identifier.
    pub identifier: Option<u32>,
}

/// What the host does of its own accord.
#[derive(Clone, Debug, Default)]
pub struct HostProfile {
    /// Whether it subscribes to everything itself.
    pub listens: bool,
    /// How often it publishes, kicks a client, ends a Session, takes a subscription away.
    pub deeds: Vec<(HostDeed, u64)>,
    /// Milliseconds between its turns: at least, at most.
    pub gap: (u64, u64),
}

/// Something that the host may do next.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum HostDeed {
    /// Publish a message.
    Publish,
    /// Disconnect a client.
    Kick,
    /// End a Session.
    RemoveSession,
    /// Take a subscription away.
    RemoveSubscription,
    /// Begin a snapshot of the journal.
    Snapshot,
    /// Nothing.
    Rest,
}

impl Workload {
    /// The workload of this name, or any one, made up with this chance.
    #[must_use]
    pub fn new(name: Option<&str>, random: &mut Random) -> Self {
        let any = random.pick(scenes::ALL);
        let scene = scenes::ALL.iter().find(|(known, _)| Some(*known) == name).unwrap_or(any);
        let mut workload = (scene.1)(random);
        workload.name = scene.0;
        workload
    }
}

impl Profile {
    /// A client that does a little of everything.
    #[must_use]
    pub fn any(number: usize, random: &mut Random) -> Self {
        let version = *random.pick(&[Version::V5, Version::V5, Version::V3_1_1, Version::V3_1]);
        let small = |random: &mut Random| u16::try_from(random.between(1, 6)).unwrap_or(1);
        let window = random.chance(400).then(|| small(random));
        Self {
            name: format!("client-{number}"),
            version,
            // A client of 3.1 is not told whether its Session was there.
            clean_per_mille: if version == Version::V3_1 {
                1000
            } else {
                *random.pick(&[0, 100, 1000])
            },
            expiry: *random.pick(&[0, 2, 60, 3600, u32::MAX]),
            keep_alive: *random.pick(&[0, 0, 4, 10, 60]),
            receive_maximum: window,
            maximum_packet_size: None,
            alias_maximum: *random.pick(&[0, 0, 2]),
            will: random.chance(400).then(|| WillProfile::any(number, random)),
            filters: (0..random.between(1, 5)).map(|_| Wanted::any(&FILTERS, random)).collect(),
            topics: (0..random.between(1, 4)).map(|_| (*random.pick(&TOPICS)).into()).collect(),
            qos: vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce],
            burst: *random.pick(&[1, 1, 4]),
            is_alike: false,
            retain_per_mille: *random.pick(&[0, 100, 500]),
            expiry_per_mille: *random.pick(&[0, 100, 500]),
            refuse_per_mille: *random.pick(&[0, 0, 0, 100]),
            large_per_mille: *random.pick(&[0, 0, 100]),
            deeds: vec![
                (Deed::Publish, 50),
                (Deed::Subscribe, 20),
                (Deed::Unsubscribe, 4),
                (Deed::Ping, 4),
                (Deed::Disconnect, 4),
                (Deed::Close, 3),
                (Deed::TakeOver, 3),
            ],
            is_terse: random.chance(200),
            is_lazy: random.chance(200),
            reading: *random.pick(&[Reading::Fast, Reading::Fast, Reading::Fast, Reading::Slow]),
            gap: *random.pick(&[(1, 100), (10, 2000), (100, 20_000)]),
        }
    }
}

impl WillProfile {
    /// Any Will Message, on the client's own topic.
    #[must_use]
    pub fn any(number: usize, random: &mut Random) -> Self {
        Self {
            topic: format!("will/{number}"),
            qos: *random.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]),
            retain: random.chance(300),
            delay: *random.pick(&[0, 0, 1, 5, 100]),
            expiry: random.chance(200).then_some(5),
        }
    }
}

impl Wanted {
    /// One of these filters, with any options.
    #[must_use]
    pub fn any(filters: &[&str], random: &mut Random) -> Self {
        let filter = (*random.pick(filters)).to_string();
        let qos = *random.pick(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
        let mut options = SubscriptionOptions::new(qos);
        options.no_local = random.chance(150) && !filter.starts_with("$share/");
        options.retain_as_published = random.chance(250);
        options.retain_handling = *random.pick(&[
            RetainHandling::SendAtSubscribe,
            RetainHandling::SendAtSubscribe,
            RetainHandling::SendIfNew,
            RetainHandling::DoNotSend,
        ]);
        let identifier =
            random.chance(300).then(|| u32::try_from(random.between(1, 9)).unwrap_or(1));
        Self { filter, options, identifier }
    }
}

/// Topics that clients publish to.
pub const TOPICS: [&str; 9] =
    ["t/0", "t/1", "t/0/a", "t/0/b", "u", "secret/a", "$own/a", "r/0", "r/1"];
/// Filters that clients subscribe to.
pub const FILTERS: [&str; 15] = [
    "#",
    "t/#",
    "t/+",
    "t/0",
    "+/0",
    "t/0/#",
    "u",
    "secret/#",
    "$own/#",
    "r/#",
    "r/+",
    "will/#",
    "$share/g/t/#",
    "$share/h/t/+",
    "$share/g/#",
];
