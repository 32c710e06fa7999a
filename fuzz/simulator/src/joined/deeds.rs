//! Who lives in a world of several brokers, and what they do. A client's name says which version it
//! speaks, and a message which version its publisher did.

use mqtt_codec::{QoS, Version};

use super::client::breaking::Rule;
use crate::random::Random;

pub(super) const TOPICS: [&str; 4] = ["a", "a/b", "b", "$own/a"];
pub(super) const FILTERS: [&str; 8] =
    ["a", "#", "a/#", "+", "a/b", "$own/#", "$share/g/a/#", "$share/h/+"];
/// Those that are not shared: whom a group chooses is nobody's business.
pub(super) const OWN: usize = 6;
/// The one filter of an older client that is the member of a group, since what it is sent does not say
/// for which subscription.
pub(super) const MEMBERS: &str = FILTERS[OWN];

/// How the names of clients begin that speak 3.1.1, or 3.1, or 3.1.1 and only as the member of a group.
const OLDER: &str = "older-";
const OLDEST: &str = "oldest-";
const MEMBER: &str = "member-";
/// How a message ends that an older client publishes.
const OLD: &str = ".old";

/// Something that a client does.
#[derive(Clone, Debug)]
pub(super) enum Deed {
    Publish {
        topic: &'static str,
        payload: String,
        qos: QoS,
        retain: bool,
        /// It is sent twice, which breaks a rule.
        twice: bool,
    },
    Subscribe {
        filter: &'static str,
        identifier: u32,
        qos: QoS,
    },
    Unsubscribe {
        filter: &'static str,
    },
    /// The transport ends without a word.
    HangUp,
    /// DISCONNECT, and the transport ends.
    Leave,
    /// Another connection takes the Session over.
    TakeOver,
    /// It breaks a rule that ends its connection, or may.
    Break(Rule),
    /// It sends more QoS 2 messages at once than it may.
    Flood {
        topic: &'static str,
        payloads: Vec<String>,
    },
}

impl Deed {
    /// Whether somebody has to be told by brokers other than its own.
    pub(super) const fn is_everybodys(&self) -> bool {
        matches!(self, Self::Subscribe { .. } | Self::Unsubscribe { .. })
    }

    /// Whether it is answered, or done when it is read.
    pub(super) const fn is_answered(&self) -> bool {
        matches!(self, Self::Publish { .. } | Self::Subscribe { .. } | Self::Unsubscribe { .. })
    }

    /// What it publishes.
    pub(super) fn payloads(&self) -> &[String] {
        match self {
            Self::Publish { payload, .. } => std::slice::from_ref(payload),
            Self::Flood { payloads, .. } => payloads,
            _ => &[],
        }
    }
}

/// The version that the client of a name speaks.
pub(super) fn version(name: &str) -> Version {
    match name {
        _ if name.starts_with(OLDEST) => Version::V3_1,
        _ if name.starts_with(OLDER) || name.starts_with(MEMBER) => Version::V3_1_1,
        _ => Version::V5,
    }
}

/// Whether all that the client of a name has subscribed to is shared, and it is not told so.
pub(super) fn is_member(name: &str) -> bool {
    name.starts_with(MEMBER)
}

/// Whether a message was published by a client that knows no properties.
pub(super) fn is_old(payload: &str) -> bool {
    payload.ends_with(OLD)
}

/// The payload of a client's message of this name.
pub(super) fn payload(client: &str, name: &str) -> String {
    let end = if version(client) == Version::V5 { "" } else { OLD };
    format!("{name}{end}")
}

/// The group that receives by a filter, or the client itself.
pub(super) fn receiver<'a>(name: &'a str, filter: &'a str) -> &'a str {
    if place(filter) as usize > OWN { filter } else { name }
}

/// Who receives a message that has come to the client of a name by the filters of these identifiers.
pub(super) fn receiver_by<'a>(name: &'a str, identifiers: &[u32]) -> &'a str {
    match *identifiers {
        [identifier] if identifier as usize > OWN => FILTERS[identifier as usize - 1],
        _ => name,
    }
}

/// The Subscription Identifier of a filter.
pub(super) fn place(filter: &str) -> u32 {
    let place = FILTERS.iter().position(|known| *known == filter);
    place.map_or(0, |place| u32::try_from(place + 1).unwrap_or(0))
}

/// The clients of a world, and what they do next.
#[derive(Debug)]
pub(super) struct Deeds {
    chance: Random,
    names: Vec<String>,
    /// Some break rules.
    breaks: bool,
    number: u64,
}

impl Deeds {
    pub(super) fn new(mut chance: Random, clients: usize) -> Self {
        const KINDS: [&str; 6] = ["client-", "client-", "client-", OLDER, OLDEST, MEMBER];
        let name = |number| format!("{}{number}", chance.pick(&KINDS));
        let names = (0..clients.clamp(1, 8)).map(name).collect();
        let breaks = chance.chance(300);
        Self { chance, names, breaks, number: 0 }
    }

    /// What is done next, by clients of which none is there twice, at the same time.
    pub(super) fn next(&mut self) -> Vec<(String, Deed)> {
        let count = if self.chance.chance(500) { 1 } else { self.chance.between(2, 4) };
        let mut all: Vec<(String, Deed)> = Vec::new();
        for _ in 0..count {
            let name = self.chance.pick(&self.names).clone();
            if all.iter().all(|(known, _)| *known != name) {
                let deed = self.deed(&name);
                all.push((name, deed));
                self.number += 1;
            }
        }
        all
    }

    fn deed(&mut self, name: &str) -> Deed {
        const LEVELS: [QoS; 3] = [QoS::AtLeastOnce, QoS::ExactlyOnce, QoS::ExactlyOnce];
        if self.breaks && self.chance.chance(100) {
            return self.break_a_rule(name);
        }
        let topic = *self.chance.pick(&TOPICS);
        let payload = payload(name, &self.number.to_string());
        match self.chance.below(20) {
            0..11 => {
                let qos = *self.chance.pick(&LEVELS);
                let (retain, twice) = (self.chance.chance(200), self.chance.chance(200));
                Deed::Publish { topic, payload, qos, retain, twice: twice && self.breaks }
            }
            // Nobody knows whether it came: it is not retained.
            11 => {
                let qos = QoS::AtMostOnce;
                Deed::Publish { topic, payload, qos, retain: false, twice: false }
            }
            12..15 => {
                let filter = self.filter(name);
                let is_own = place(filter) as usize <= OWN;
                // With a group of several QoS, it would matter whom it chooses.
                let any =
                    *self.chance.pick(&[QoS::ExactlyOnce, QoS::ExactlyOnce, QoS::AtLeastOnce]);
                let qos = if is_own { any } else { QoS::ExactlyOnce };
                Deed::Subscribe { filter, identifier: place(filter), qos }
            }
            15..17 => Deed::Unsubscribe { filter: self.filter(name) },
            17 => Deed::HangUp,
            18 => Deed::Leave,
            _ => Deed::TakeOver,
        }
    }

    fn filter(&mut self, name: &str) -> &'static str {
        let filters = match version(name) {
            Version::V5 => &FILTERS[..],
            _ if is_member(name) => &FILTERS[OWN..=OWN],
            _ => &FILTERS[..OWN],
        };
        filters[self.chance.index(filters.len())]
    }

    fn break_a_rule(&mut self, name: &str) -> Deed {
        if self.chance.chance(150) {
            let payloads = (0..9).map(|more| payload(name, &format!("{}.{more}", self.number)));
            let (topic, payloads) = (*self.chance.pick(&TOPICS), payloads.collect());
            return Deed::Flood { topic, payloads };
        }
        Deed::Break(*self.chance.pick(Rule::all(version(name))))
    }
}
