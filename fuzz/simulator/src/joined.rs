//! Several brokers joined by the forward seam, and the oracle `indistinguishable`: what their clients
//! get is what those of one broker get, up to the order between different publishers.
//!
//! Clients act, one or several at the same time, until all are answered; everything else goes on
//! meanwhile: frames are on their way, disks sync, links between the brokers are cut and brokers die, in
//! the middle of what a client does too. Some clients are older than 5.0, and some break rules. The one
//! broker knows nothing of links and deaths.
//!
//! Of the oracles of worlds of one broker, `answers` and `durable` judge each broker for itself, and
//! `content`, `delivery`, `order`, `retained`, `session_present`, `will`, `conduct`, `views`, `recovery` and
//! `determinism` have their like here. Others do not apply. The model knows what one broker was given, and
//! a peer's frames are none of that: so `delivery` goes by the one broker instead, and `group`, which knows
//! whom a member's end has as its successor, by who receives for the group. `late` makes the calls of one
//! broker again; frames would have to be among them. `statistics` are counted from the beginning, and these
//! brokers die. `limits` and `authority` have nothing to judge: no limit is within reach, and nobody is
//! refused anything. `parameters` and the bounds of what a client takes are of a connection, and do not
//! know of peers.

mod client;
mod deeds;
mod live;
mod nodes;
mod views;
mod wills;

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker_core::Instant;
use mqtt_codec::QoS;

use self::client::{Heard, WILLS};
use self::deeds::{Deed, Deeds, MEMBERS, OWN, is_member, place, receiver_by};
use self::live::Live;
use self::nodes::{Nodes, Wrong};
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
const WATCHES: &str = "w/#";
/// Everything published: at which place, by whom.
type Published = BTreeMap<String, (usize, String)>;

/// Lives such a world, and the same with one broker.
#[must_use]
pub fn run(plan: &Plan) -> Outcome {
    let random = Random::new(plan.seed);
    let shards = 2 + u16::try_from(plan.seed / EVERY % 3).unwrap_or(0);
    let mut deeds = Deeds::new(random.fork(1), plan.clients);
    let mut one = Nodes::new(1, FaultSet::NONE, None, random.fork(2));
    let mut many = Nodes::new(shards, FaultSet::NONE, plan.defect, random.fork(3));
    let (mut failure, mut live) = (None, Live::default());
    let mut published = BTreeMap::new();
    let qos = QoS::ExactlyOnce;
    let watch = Deed::Subscribe { filter: WATCHES, identifier: WATCHING, qos };
    let watch = [(WATCHER.to_string(), watch)];
    if let Err(wrong) = one.act(&watch).and_then(|()| many.act(&watch)) {
        failure = Some(wrong);
    }
    many.faults = plan.faults;
    let mut left = usize::try_from(plan.turns / TURNS_PER_DEED).unwrap_or(1).max(1);
    while left > 0 && failure.is_none() {
        let next = deeds.next();
        left = left.saturating_sub(next.len());
        for (name, payload) in
            next.iter().flat_map(|(name, deed)| deed.payloads().iter().map(move |p| (name, p)))
        {
            let number = published.len();
            published.insert(payload.clone(), (number, name.clone()));
        }
        live.note(&next);
        failure = one.act(&next).and_then(|()| many.act(&next)).err();
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

/// Lets both worlds come to rest, and compares them.
fn compare(
    one: &mut Nodes,
    many: &mut Nodes,
    published: &Published,
    live: &Live,
) -> Result<(), Wrong> {
    one.rest()?;
    many.rest()?;
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
    let (alone, together) = (deliveries(one, live), deliveries(many, live));
    for nodes in [&*one, &*many] {
        live.check(nodes).map_err(|words| ("delivery", words))?;
        views::check(nodes, live).map_err(|words| ("views", words))?;
        nodes.unanswered().map_or(Ok(()), |words| Err(("answers", words)))?;
    }
    for who in alone.keys().chain(together.keys()) {
        let (alone, together) = (alone.get(who), together.get(who));
        if alone != together {
            return Err(differs(who, &alone, &together));
        }
    }
    let alone = one.retained(0);
    live.check_retained(&alone).map_err(|words| ("retained", words))?;
    let retained = many.retained(0);
    live.check_retained(&retained).map_err(|words| ("retained", words))?;
    for node in 0..many.len() {
        let there = many.retained(node);
        if there != retained {
            let words = format!("shard 0 retains {retained:?}, and shard {node} {there:?}");
            return Err(("indistinguishable", words));
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
fn deliveries(nodes: &Nodes, live: &Live) -> BTreeMap<String, Vec<Heard>> {
    let mut all = by_receiver(nodes, |heard| heard.qos > QoS::AtMostOnce as u8);
    for (who, heard) in &mut all {
        heard.retain(|heard| !live.is_loose(who, &heard.payload));
        heard.sort();
        heard.dedup_by(|one, other| one == other && one.qos == QoS::AtLeastOnce as u8);
    }
    all.retain(|_, heard| !heard.is_empty());
    all
}

/// What was not sent because it is retained, nor is a Will Message.
fn by_receiver(nodes: &Nodes, wanted: impl Fn(&Heard) -> bool) -> BTreeMap<String, Vec<Heard>> {
    let mut all: BTreeMap<String, Vec<Heard>> = BTreeMap::new();
    for (name, heard) in nodes.all_heard() {
        let heard = heard.iter().filter(|heard| !heard.retain && !is_will(heard));
        for heard in heard.filter(|heard| wanted(heard)) {
            let mut heard = heard.clone();
            if is_member(name) {
                // As any other of its group.
                (heard.identifiers, heard.is_old) = (vec![place(MEMBERS)], false);
            }
            let who = receiver_by(name, &heard.identifiers);
            all.entry(who.into()).or_default().push(heard);
        }
    }
    all
}

fn is_will(heard: &Heard) -> bool {
    heard.topic.split('/').next() == Some(WILLS)
}

/// How they are published, the messages of one publisher, topic and QoS come in; those of QoS 1 the
/// first time.
fn in_order(nodes: &Nodes, published: &Published) -> Result<(), String> {
    // Who goes before it has acknowledged a group's messages leaves them to the next.
    for (name, heard) in nodes.all_heard().filter(|(name, _)| !is_member(name)) {
        let mut last: BTreeMap<(&str, &str, u8), usize> = BTreeMap::new();
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
