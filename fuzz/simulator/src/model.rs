//! [`Model`]: what a broker ought to hold, told in the simplest way there is.
//!
//! It is fed [`Step`]s, one after the other: what the broker took from its clients, and what it said
//! that happened. It holds no socket, no queue and no timer.

pub mod copies;
mod restart;
pub mod sessions;
pub mod step;

use std::collections::{BTreeMap, BTreeSet};

use mqtt_broker_core::Instant;
use mqtt_codec::{QoS, Version};

pub use self::copies::{Accepted, Copies, Kept, SharedCopies};
pub use self::sessions::{Membership, Session, Subscription, WillKept};
pub use self::step::{ConnectNote, Fate, Moment, PublishNote, Step, Timed};
use crate::link::LinkId;
use crate::message::MessageId;

/// Names one Session from its beginning to its end.
pub type SessionNumber = u64;

/// What the configuration leaves to know.
#[derive(Clone, Copy, Debug)]
pub struct Settings {
    /// `Config::session_expiry_maximum`.
    pub session_expiry_maximum: u32,
    /// `Config::message_expiry_maximum`.
    pub message_expiry_maximum: u32,
    /// The host subscribes to everything.
    pub host_listens: bool,
    /// Limits are within reach: what is not refused to anyone may still be left out.
    pub is_tight: bool,
    /// Calls do so little that the end of a Session takes several.
    pub are_calls_short: bool,
}

/// The state a broker ought to be in.
#[derive(Debug)]
pub struct Model {
    settings: Settings,
    /// Every Session, by Client Identifier.
    pub sessions: BTreeMap<String, Session>,
    /// Every Network Connection there has been.
    pub bonds: BTreeMap<LinkId, Bond>,
    /// The retained message of each topic.
    pub retained: BTreeMap<String, Kept>,
    /// Topics of which it cannot be known whether the last retained message was kept.
    pub retained_unknown: BTreeSet<String>,
    /// What each Session may be sent of each message.
    pub copies: BTreeMap<(SessionNumber, MessageId), Copies>,
    /// What each message is to the groups that share it.
    pub shared: BTreeMap<MessageId, SharedCopies>,
    /// Every message accepted.
    pub accepted: BTreeMap<MessageId, Accepted>,
    /// Will Messages that ought to have been published.
    pub fired: BTreeSet<MessageId>,
    /// Messages that the host ought to have been told of since it was last looked at; `None` is an
    /// empty one.
    pub due_to_host: Vec<Option<MessageId>>,
    /// What became of the last PUBLISH.
    pub last_fate: Fate,
    /// Whether the last PUBLISH matched any subscription, if that is known.
    pub last_matched: Option<bool>,
    /// How many messages were accepted.
    pub order: u64,
}

/// What is known of a Network Connection.
#[derive(Debug)]
pub struct Bond {
    /// The client behind it.
    pub client: usize,
    /// Its CONNECT.
    pub connect: Option<ConnectNote>,
    /// Its Client Identifier, once it is connected.
    pub name: String,
    /// Its Session; kept beyond the end of both.
    pub session: Option<SessionNumber>,
    /// What Session Present ought to say.
    pub session_present: bool,
    /// The broker still listens to it.
    pub is_open: bool,
    aliases: BTreeMap<u16, String>,
    wanted: BTreeMap<String, Subscription>,
}

impl Bond {
    /// Whether it speaks 5.0, as far as it has said so.
    #[must_use]
    pub fn is_v5(&self) -> bool {
        self.connect.as_ref().is_some_and(|connect| connect.version == Version::V5)
    }
}

impl Model {
    /// A broker with nothing in it.
    #[must_use]
    pub const fn new(settings: Settings) -> Self {
        Self {
            settings,
            sessions: BTreeMap::new(),
            bonds: BTreeMap::new(),
            retained: BTreeMap::new(),
            retained_unknown: BTreeSet::new(),
            copies: BTreeMap::new(),
            shared: BTreeMap::new(),
            accepted: BTreeMap::new(),
            fired: BTreeSet::new(),
            due_to_host: Vec::new(),
            last_fate: Fate::Nothing,
            last_matched: None,
            order: 0,
        }
    }

    /// One thing happened.
    pub fn apply(&mut self, timed: &Timed) {
        let moment = &timed.moment;
        match &timed.step {
            Step::Opened { link, client } => self.opened(*link, *client),
            Step::Connect { link, connect } => {
                if let Some(bond) = self.bonds.get_mut(link) {
                    bond.connect = Some(connect.clone());
                }
            }
            Step::Connected { link, name } => self.connected(moment, *link, name),
            Step::Goodbye { link, expiry, forgets_will } => {
                self.goodbye(*link, *expiry, *forgets_will);
            }
            Step::Closing { link } => {
                if let Some(bond) = self.bonds.get_mut(link) {
                    bond.is_open = false;
                }
            }
            Step::Disconnected { link } => self.disconnected(moment, *link),
            Step::Ended { name } => self.ended(moment, name),
            Step::Publish { link, publish, fate } => {
                self.publish_from(moment, *link, publish, *fate);
            }
            Step::Release { link, identifier } => {
                if let Some(session) = self.session_of(*link) {
                    session.received.remove(identifier);
                }
            }
            Step::Subscribe { link, wanted } => {
                if let Some(bond) = self.bonds.get_mut(link) {
                    bond.wanted.extend(wanted.iter().cloned());
                }
            }
            Step::Subscribed { name, filter, qos } => {
                self.subscribed(moment, name, filter, *qos);
            }
            Step::Unsubscribed { name, filter } => self.unsubscribed(name, filter),
            Step::HostPublished { publish } => self.accept(moment, publish, None, Fate::Accepted),
            Step::Tick => self.fire_due(moment),
            Step::Restarted { set_back } => self.restarted(moment, *set_back),
        }
    }

    /// The Session that a connection has at present.
    fn session_of(&mut self, link: LinkId) -> Option<&mut Session> {
        let bond = self.bonds.get(&link)?;
        self.sessions.get_mut(&bond.name).filter(|session| session.link == Some(link))
    }

    /// The Topic Name of a PUBLISH, by its alias if it has none.
    #[must_use]
    pub fn topic_of(&self, link: LinkId, publish: &PublishNote) -> Option<String> {
        let alias = || self.bonds.get(&link)?.aliases.get(&publish.alias?).cloned();
        publish.topic.clone().or_else(alias)
    }

    fn opened(&mut self, link: LinkId, client: usize) {
        let bond = Bond {
            client,
            connect: None,
            name: String::new(),
            session: None,
            session_present: false,
            is_open: true,
            aliases: BTreeMap::new(),
            wanted: BTreeMap::new(),
        };
        self.bonds.insert(link, bond);
    }

    fn publish_from(&mut self, moment: &Moment, link: LinkId, publish: &PublishNote, fate: Fate) {
        (self.last_matched, self.last_fate) = (None, fate);
        let Some(topic) = self.topic_of(link, publish) else { return };
        let Some(bond) = self.bonds.get_mut(&link) else { return };
        let version = bond.connect.as_ref().map_or(Version::V5, |connect| connect.version);
        if let Some(alias) = publish.alias {
            bond.aliases.insert(alias, topic.clone());
        }
        let Some(session) = self.session_of(link) else { return };
        let number = session.number;
        let mut fate = fate;
        if let (QoS::ExactlyOnce, Some(identifier)) = (publish.qos, publish.identifier) {
            match session.received.get(&identifier) {
                // The same message once more.
                Some(true) => return,
                Some(false) if fate == Fate::Accepted => fate = Fate::Unknown,
                _ => {}
            }
            let kept = match fate {
                Fate::Accepted => Some(true),
                Fate::Unknown => Some(false),
                // A 3.x client is not told, and goes on as if it had been accepted.
                Fate::Denied => (version != Version::V5).then_some(true),
                Fate::Nothing | Fate::Full => None,
            };
            if let Some(known) = kept {
                session.received.insert(identifier, known);
            }
        }
        self.last_fate = fate;
        let publish = PublishNote { topic: Some(topic), ..publish.clone() };
        self.accept(moment, &publish, Some(number), fate);
    }
}

/// When a message published now expires.
fn expires_at(settings: &Settings, now: Instant, asked: Option<u32>) -> Instant {
    let maximum = settings.message_expiry_maximum;
    match asked.map_or(maximum, |asked| asked.min(maximum)) {
        u32::MAX if asked != Some(u32::MAX) => Instant::NEVER,
        seconds => now + std::time::Duration::from_secs(seconds.into()),
    }
}
