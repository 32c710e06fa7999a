//! Several brokers joined by the forward seam, and the oracle `indistinguishable`: what their clients
//! get is what those of one broker get, up to the order between different publishers.
//!
//! Clients act one after the other, each until it is answered; everything else goes on meanwhile:
//! frames are on their way, disks sync, links between the brokers are cut and brokers die, in the
//! middle of what a client does too. The one broker knows none of that.

mod client;
mod nodes;

use std::collections::BTreeMap;

use mqtt_broker_core::Instant;
use mqtt_codec::QoS;

use self::client::{Deed, Heard};
use self::nodes::Nodes;
use crate::faults::FaultSet;
use crate::oracle::Failure;
use crate::plan::Plan;
use crate::random::Random;
use crate::world::{Counts, Outcome};

/// The name of these worlds as a workload.
pub const NAME: &str = "joined";
/// One of so many seeds is such a world, if nobody asks for a workload.
pub const EVERY: u64 = 8;
/// How many turns a deed takes, so that such a world is not much longer than others.
const TURNS_PER_DEED: u32 = 5;

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
    let mut many = Nodes::new(shards, plan.faults, plan.defect, random.fork(3));
    let mut failure = None;
    let mut published = BTreeMap::new();
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
    }
    if failure.is_none() {
        failure = compare(&mut one, &mut many, &published).err();
    }
    let counts = Counts {
        milliseconds: many.now().since(nodes::BEGINNING).as_millis().try_into().unwrap_or(u64::MAX),
        heard: many.heard(),
        ..Counts::default()
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
    match chance.below(10) {
        0..6 => Deed::Publish {
            topic: TOPICS[chance.index(TOPICS.len())],
            payload: number.to_string(),
            qos: *chance.pick(&[QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce]),
            retain: chance.chance(200),
        },
        6..8 => Deed::Subscribe { filter, identifier: place(filter) },
        8 => Deed::Unsubscribe { filter },
        _ => Deed::HangUp,
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
) -> Result<(), (&'static str, String)> {
    one.rest().map_err(|words| ("liveness", words))?;
    many.rest().map_err(|words| ("liveness", words))?;
    in_order(many, published).map_err(|words| ("order", words))?;
    let differs = |what: &str, one: &dyn std::fmt::Debug, many: &dyn std::fmt::Debug| {
        ("indistinguishable", format!("{what}: one broker has {one:?}, several have {many:?}"))
    };
    let (alone, together) = (deliveries(one), deliveries(many));
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
    let mut all: BTreeMap<String, Vec<Heard>> = BTreeMap::new();
    for (name, heard) in nodes.all_heard() {
        for heard in heard.iter().filter(|heard| !heard.retain) {
            let group = match *heard.identifiers {
                [identifier] if identifier as usize > OWN => FILTERS[identifier as usize - 1],
                _ => name,
            };
            all.entry(group.into()).or_default().push(heard.clone());
        }
    }
    for heard in all.values_mut() {
        heard.sort();
        heard.dedup_by(|one, other| one == other && one.qos == QoS::AtLeastOnce as u8);
    }
    all
}

/// How they are published, the QoS 2 messages of one publisher and topic come in.
fn in_order(nodes: &Nodes, published: &BTreeMap<String, (u64, String)>) -> Result<(), String> {
    for (name, heard) in nodes.all_heard() {
        let mut last: BTreeMap<(&str, &str), u64> = BTreeMap::new();
        for heard in heard.iter().filter(|heard| {
            let own = |identifier: &u32| *identifier as usize <= OWN;
            heard.qos == QoS::ExactlyOnce as u8
                && !heard.retain
                && heard.identifiers.iter().all(own)
        }) {
            let Some((number, publisher)) = published.get(&heard.payload) else {
                return Err(format!("{name} has what nobody published: {heard:?}"));
            };
            let before = last.insert((publisher, &heard.topic), *number);
            if before.is_some_and(|before| before > *number) {
                return Err(format!("{name} has {number} after {before:?} of {publisher}"));
            }
        }
    }
    Ok(())
}
