//! Several brokers joined by the forward seam, and the oracle `indistinguishable`: what their clients
//! get is what those of one broker get, up to the order between different publishers.
//!
//! Clients act one after the other, each until it is answered; everything else goes on meanwhile:
//! frames are on their way, disks sync, links between the brokers are cut and brokers die, in the
//! middle of what a client does too. The one broker knows none of that.

mod client;
mod live;
mod nodes;
mod wills;

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker_core::Instant;
use mqtt_codec::QoS;

use self::client::{Deed, Heard, WILLS};
use self::live::Live;
use self::nodes::Nodes;
use crate::faults::FaultSet;
use crate::oracle::Failure;
use crate::plan::Plan;
use crate::random::Random;
use crate::reach;
use crate::world::{Counts, Outcome};

/// The name of these worlds as a workload.
pub const NAME: &str = "joined";
/// One of so many seeds is such a world, if nobody asks for a workload.
pub const EVERY: u64 = 8;
/// How many turns a deed takes, so that such a world is not much longer than others.
const TURNS_PER_DEED: u32 = 5;

/// Who sees every Will Message, and by what Subscription Identifier.
const WATCHER: &str = "watcher";
const WATCHING: u32 = 100;
const TOPICS: [&str; 4] = ["a", "a/b", "b", "$own/a"];
const FILTERS: [&str; 8] = ["a", "#", "a/#", "+", "a/b", "$own/#", "$share/g/a/#", "$share/h/+"];
/// Those that are not shared: whom a group chooses is nobody's business.
const OWN: usize = 6;

/// Lives such a world, and the same with one broker.
#[must_use]
pub fn run(plan: &Plan) -> Outcome {
    let random = Random::new(plan.seed);
    let shards = 2 + u16::try_from(plan.seed / EVERY % 3).unwrap_or(0);
    let names: Vec<String> =
        (0..plan.clients.clamp(1, 8)).map(|number| format!("client-{number}")).collect();
    let mut chance = random.fork(1);
    let mut one = Nodes::new(1, FaultSet::NONE, None, random.fork(2));
    let mut many = Nodes::new(shards, FaultSet::NONE, plan.defect, random.fork(3));
    let mut failure = None;
    let (mut published, mut live) = (BTreeMap::new(), Live::default());
    let watch = Deed::Subscribe { filter: "w/#", identifier: WATCHING };
    if let Err(words) = one.act(WATCHER, &watch).and_then(|()| many.act(WATCHER, &watch)) {
        failure = Some(("liveness", words));
    }
    many.faults = plan.faults;
    for number in 0..u64::from(plan.turns / TURNS_PER_DEED).max(1) {
        let name = chance.pick(&names).clone();
        let deed = deed(&mut chance, number);
        if let Deed::Publish { .. } = deed {
            published.insert(number.to_string(), (number, name.clone()));
        }
        let done = one.act(&name, &deed).and_then(|()| many.act(&name, &deed));
        if let Err(words) = done {
            failure = Some(("liveness", words));
            break;
        }
        live.note(&name, &deed);
    }
    if failure.is_none() {
        failure = compare(&mut one, &mut many, &published, &live).err();
    }
    let counts = Counts {
        milliseconds: many.now().since(nodes::BEGINNING).as_millis().try_into().unwrap_or(u64::MAX),
        heard: many.heard(),
        joined: 1,
        reached: reach::take(),
        ..std::mem::take(&mut many.counts)
    };
    let at: Instant = many.now();
    Outcome {
        workload: NAME,
        failure: failure.map(|(oracle, words)| Failure { oracle, at, words }),
        hash: many.hash(),
        counts,
        account: many.account(),
        recording: None,
    }
}

fn deed(chance: &mut Random, number: u64) -> Deed {
    let filter = FILTERS[chance.index(FILTERS.len())];
    match chance.below(20) {
        0..11 => {
            const LEVELS: [QoS; 3] = [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce];
            Deed::Publish {
                topic: TOPICS[chance.index(TOPICS.len())],
                payload: number.to_string(),
                qos: *chance.pick(&LEVELS),
                retain: chance.chance(200),
            }
        }
        // Nobody knows whether it came: it is not retained.
        11 => Deed::Publish {
            topic: TOPICS[chance.index(TOPICS.len())],
            payload: number.to_string(),
            qos: QoS::AtMostOnce,
            retain: false,
        },
        12..15 => Deed::Subscribe { filter, identifier: place(filter) },
        15..17 => Deed::Unsubscribe { filter },
        17 => Deed::HangUp,
        18 => Deed::Leave,
        _ => Deed::TakeOver,
    }
}

/// The Subscription Identifier of a filter.
fn place(filter: &str) -> u32 {
    let place = FILTERS.iter().position(|known| *known == filter);
    place.map_or(0, |place| u32::try_from(place + 1).unwrap_or(0))
}

/// Lets both worlds come to rest, and compares them.
fn compare(
    one: &mut Nodes,
    many: &mut Nodes,
    published: &BTreeMap<String, (u64, String)>,
    live: &Live,
) -> Result<(), (&'static str, String)> {
    one.rest().map_err(|words| ("liveness", words))?;
    many.rest().map_err(|words| ("liveness", words))?;
    in_order(many, published).map_err(|words| ("order", words))?;
    let differs = |what: &str, one: &dyn std::fmt::Debug, many: &dyn std::fmt::Debug| {
        ("indistinguishable", format!("{what}: one broker has {one:?}, several have {many:?}"))
    };
    for nodes in [&*one, &*many] {
        nodes.lie().map_or(Ok(()), Err)?;
        let (_, wills) = nodes
            .all_heard()
            .find(|(name, _)| *name == WATCHER)
            .ok_or(("will", "nobody watches".into()))?;
        nodes.wills.check(wills).map_err(|words| ("will", words))?;
    }
    let (alone, together) = (deliveries(one), deliveries(many));
    for nodes in [&*one, &*many] {
        live.check(nodes).map_err(|words| ("delivery", words))?;
    }
    for who in alone.keys().chain(together.keys()) {
        let (alone, together) = (alone.get(who), together.get(who));
        if alone != together {
            return Err(differs(who, &alone, &together));
        }
    }
    let retained = one.retained(0);
    for node in 0..many.len() {
        let there = many.retained(node);
        if there != retained {
            return Err(differs(&format!("retained on shard {node}"), &retained, &there));
        }
        let kept = many.kept(node);
        if kept > 0 {
            return Err(("liveness", format!("shard {node} still keeps {kept} messages")));
        }
    }
    Ok(())
}

/// Who got what: by client, and for groups by group. QoS 1 may come more than once. What is sent
/// because it is retained may, too, and is what the table says.
fn deliveries(nodes: &Nodes) -> BTreeMap<String, Vec<Heard>> {
    let mut all = by_receiver(nodes, |heard| heard.qos > QoS::AtMostOnce as u8);
    for heard in all.values_mut() {
        heard.sort();
        heard.dedup_by(|one, other| one == other && one.qos == QoS::AtLeastOnce as u8);
    }
    all
}

/// What was not sent because it is retained, nor is a Will Message.
fn by_receiver(nodes: &Nodes, wanted: impl Fn(&Heard) -> bool) -> BTreeMap<String, Vec<Heard>> {
    let mut all: BTreeMap<String, Vec<Heard>> = BTreeMap::new();
    for (name, heard) in nodes.all_heard() {
        let heard = heard.iter().filter(|heard| !heard.retain && !is_will(heard));
        for heard in heard.filter(|heard| wanted(heard)) {
            let group = match *heard.identifiers {
                [identifier] if identifier as usize > OWN => FILTERS[identifier as usize - 1],
                _ => name,
            };
            all.entry(group.into()).or_default().push(heard.clone());
        }
    }
    all
}

fn is_will(heard: &Heard) -> bool {
    heard.topic.split('/').next() == Some(WILLS)
}

/// How they are published, the messages of one publisher, topic and QoS come in; those of QoS 1 the
/// first time.
fn in_order(nodes: &Nodes, published: &BTreeMap<String, (u64, String)>) -> Result<(), String> {
    for (name, heard) in nodes.all_heard() {
        let mut last: BTreeMap<(&str, &str, u8), u64> = BTreeMap::new();
        let mut seen: BTreeSet<&str> = BTreeSet::new();
        for heard in heard.iter().filter(|heard| {
            let own = |identifier: &u32| *identifier as usize <= OWN;
            !heard.retain && !is_will(heard) && heard.identifiers.iter().all(own)
        }) {
            let Some((number, publisher)) = published.get(&heard.payload) else {
                return Err(format!("{name} has what nobody published: {heard:?}"));
            };
            if !seen.insert(&heard.payload) {
                continue;
            }
            reach::reached("MQTT-4.6.0-5");
            let before = last.insert((publisher, &heard.topic, heard.qos), *number);
            if before.is_some_and(|before| before > *number) {
                return Err(format!("{name} has {number} after {before:?} of {publisher}"));
            }
        }
    }
    Ok(())
}
