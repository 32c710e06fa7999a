//! [`Oracles`]: they see what goes into the broker and what comes out of it, and know what should.
//!
//! One file for each thing that is promised. To add an oracle, write a file here and call it from
//! [`Oracles::call`] (after each call of the broker), [`Oracles::given`] (for each packet it gives)
//! or [`Oracles::finish`] (when the world has come to rest).

pub mod answers;
pub mod authority;
pub mod conduct;
pub mod content;
pub mod delivery;
pub mod determinism;
pub mod durable;
pub mod group;
pub mod late;
pub mod limits;
pub mod order;
pub mod parameters;
pub mod recovery;
pub mod retained;
pub mod session_present;
pub mod statistics;
mod translate;
pub mod views;
pub mod will;

use std::collections::BTreeSet;

use std::time::Duration;

use mqtt_broker_core::{Broker, CloseReason, Config, Event, Instant, Lsn, Stats};
use mqtt_codec::{Packet, PacketType, Version};

use self::answers::Answers;
use self::conduct::Conduct;
use self::delivery::Delivery;
use self::durable::Ends;
use self::group::Groups;
use self::order::Order;
use self::statistics::Statistics;
use self::will::Wills;
use crate::link::LinkId;
use crate::message::{MessageId, Messages};
use crate::model::{Fate, Model, Moment, PublishNote, SessionNumber, Settings, Step, Timed};
use crate::reach::speaking;

/// One call of the broker, and all that came of it.
#[derive(Debug)]
pub struct Call<'a> {
    /// The time it was told.
    pub at: Instant,
    /// What the call was about.
    pub cause: &'a Cause<'a>,
    /// What it said, in order.
    pub told: &'a [Told],
    /// The newest record it made that changes something, if it made one.
    pub lsn: Option<Lsn>,
    /// Whether it has more to do, and only waits for a turn.
    pub is_busy: bool,
    /// Its numbers before and after.
    pub stats: (&'a Stats, &'a Stats),
}

/// What a call was about.
#[derive(Debug)]
pub enum Cause<'a> {
    /// A Network Connection of this client was accepted.
    Opened(LinkId, usize),
    /// A whole, well-formed packet of this length was taken.
    Packet(LinkId, &'a Packet<'a>, usize),
    /// A packet was taken that cannot be read.
    Malformed(LinkId),
    /// The transport is gone.
    Eof(LinkId),
    /// The time was told.
    Timeout,
    /// The host published.
    Published(PublishNote, bool),
    /// The host disconnected the client of this name.
    Kicked(String),
    /// The host ended the Session of this name.
    Removed(String),
    /// The host took this subscription from the client of this name.
    Unsubscribed(String, String),
    /// Bytes were asked for, or anything else that changes no state a client can see.
    Other,
}

/// Something that the broker said.
#[derive(Clone, Debug)]
pub enum Told {
    /// It closes a connection.
    Close(LinkId, CloseReason),
    /// An event, with the connection it names.
    Event(Option<LinkId>, Event),
    /// A message for the host; `None` is an empty one.
    Message(Option<MessageId>),
}

/// A packet that was given to a connection.
#[derive(Debug)]
pub struct Given<'a> {
    /// When its last byte was.
    pub at: Instant,
    /// When its first byte was.
    pub since: Instant,
    /// Which connection.
    pub link: LinkId,
    /// The version it speaks.
    pub version: Version,
    /// The packet.
    pub packet: &'a Packet<'a>,
    /// Its length in bytes.
    pub len: usize,
    /// What the disk has synced.
    pub durable: Lsn,
}

/// A node that has died is back.
#[derive(Clone, Copy, Debug)]
pub struct Rise {
    /// Its time.
    pub at: Instant,
    /// The last record that its disk had kept.
    pub kept: Lsn,
    /// The record in which it says so itself.
    pub lsn: Option<Lsn>,
    /// How far its clock has gone back since the last record.
    pub set_back: Duration,
    /// The first connection that was not there when it died.
    pub first_link: LinkId,
}

/// A promise that was not kept.
#[derive(Clone, Debug)]
pub struct Failure {
    /// Which promise.
    pub oracle: &'static str,
    /// When, in virtual time.
    pub at: Instant,
    /// What happened.
    pub words: String,
}

/// All oracles, with what they share.
#[derive(Debug)]
pub struct Oracles {
    settings: Settings,
    config: Config,
    has_small_clients: bool,
    /// What the broker should hold.
    pub model: Model,
    /// All that the model was told, as far as a crash may take it back.
    steps: Vec<Timed>,
    /// What was held before each crash, and the first connection after it.
    past: Vec<(LinkId, Model)>,
    number: u64,
    /// What was seen of deliveries.
    pub delivery: Delivery,
    answers: Answers,
    /// What was seen of how connections are kept and ended.
    pub conduct: Conduct,
    order: Order,
    groups: Groups,
    ends: Ends,
    wills: Wills,
    /// What was counted.
    pub statistics: Statistics,
    /// The first promise that was not kept.
    pub failure: Option<Failure>,
    /// Connections that have their CONNACK.
    greeted: BTreeSet<LinkId>,
    /// The record that an answer to the call at hand promises.
    promise: Option<Lsn>,
    now: Instant,
}

impl Oracles {
    /// For a broker of this configuration.
    #[must_use]
    pub fn new(config: Config, settings: Settings, has_small_clients: bool) -> Self {
        Self {
            config,
            has_small_clients,
            settings,
            model: Model::new(settings),
            steps: Vec::new(),
            past: Vec::new(),
            number: 0,
            delivery: Delivery::default(),
            answers: Answers::default(),
            conduct: Conduct::default(),
            order: Order::default(),
            groups: Groups::default(),
            ends: Ends::default(),
            wills: Wills::default(),
            statistics: Statistics::default(),
            failure: None,
            greeted: BTreeSet::new(),
            promise: None,
            now: Instant::default(),
        }
    }

    /// The broker was called.
    pub fn call(&mut self, call: &Call<'_>, messages: &Messages) {
        self.now = call.at;
        self.number += 1;
        speaking(match call.cause {
            Cause::Packet(_, Packet::Connect(connect), _) => connect.version,
            Cause::Packet(link, ..) | Cause::Malformed(link) | Cause::Eof(link) => {
                version_in(&self.model, *link)
            }
            _ => Version::V5,
        });
        let moment = Moment { at: call.at, lsn: call.lsn, number: self.number };
        // Of a step that also ended somebody's connection, the record may be about that alone.
        let others = call.told.iter().any(|told| {
            matches!(told, Told::Event(_, Event::Disconnected { .. } | Event::Dropped { .. }))
        });
        self.promise = call.lsn.filter(|_| !others);
        let fate = self.cause(call, moment, messages);
        let mut to_host = Vec::new();
        for told in call.told {
            match told {
                Told::Close(link, reason) => {
                    let world = (&self.config, self.settings.is_tight);
                    let right = self.conduct.closes(world, &self.model, call, (*link, *reason));
                    self.judge("conduct", right);
                    self.step(moment, Step::Closing { link: *link });
                }
                Told::Event(link, event) => self.event(call, moment, *link, event),
                Told::Message(message) => to_host.push(*message),
            }
        }
        if let Cause::Eof(link) = *call.cause {
            self.step(moment, Step::Closing { link });
        }
        let mut due = std::mem::take(&mut self.model.due_to_host);
        if fate != Some(Fate::Unknown) {
            due.sort_unstable();
            to_host.sort_unstable();
            let right = self.wills.told(&due, &to_host);
            self.judge("will", right);
        }
        for message in to_host.into_iter().flatten() {
            let right = self.wills.seen(&self.model, message);
            self.judge("will", right);
        }
        if matches!(call.cause, Cause::Timeout) && !call.is_busy {
            let right = session_present::due(&self.model, call.at);
            self.judge("session_present", right);
            let right = self.conduct.timeout(&self.config, &self.model, call.at);
            self.judge("conduct", right);
        }
        let right = session_present::wished(&self.model, call.cause);
        self.judge("session_present", right);
        let (_, stats) = call.stats;
        let right = session_present::count(&self.model, stats.sessions);
        self.judge("session_present", right);
        let right = limits::held(&self.config, &self.model, stats);
        self.judge("limits", right);
    }

    /// The broker gave a packet.
    pub fn given(&mut self, given: &Given<'_>, messages: &Messages) {
        self.now = given.at;
        speaking(given.version);
        let (link, packet) = (given.link, given.packet);
        self.statistics.given(packet);
        let answered = self.answers.given(link, given.version, packet);
        let mut promised = self.judge("answers", answered).flatten();
        match packet {
            Packet::Publish(publish) => {
                let found = self.delivery.given(&self.model, messages, given, publish);
                if let Some(found) = self.judge("delivery", found) {
                    let qos = publish.delivery.qos();
                    let right = self.order.given(&self.model, link, &found, qos);
                    self.judge("order", right);
                    let right = self.groups.given(&self.model, &found, qos);
                    self.judge("delivery", right);
                    let right = content::given(&self.model, messages, given, &found, publish);
                    self.judge("content", right);
                    if self.config.ask_deliver {
                        let right = authority::given(&self.model, found.session, &found.topic);
                        self.judge("authority", right);
                    }
                    if let Some(message) = found.message {
                        let right = self.wills.seen(&self.model, message);
                        self.judge("will", right);
                        promised = self.promised_by(&found, qos);
                    }
                }
            }
            Packet::Pubrel(ack) => {
                let session = self.model.bonds.get(&link).and_then(|bond| bond.session);
                let is_error = ack.reason_code.is_error();
                let identifier = ack.packet_identifier.get();
                let released = self.delivery.released(
                    session.unwrap_or_default(),
                    link,
                    identifier,
                    is_error || given.version != Version::V5,
                );
                promised = self.judge("delivery", released).flatten();
            }
            Packet::Connack(connack) => {
                self.greeted.insert(link);
                promised = self.ends.promised_by(link, connack);
                let right = session_present::given(&self.model, link, connack);
                self.judge("session_present", right);
                let right = parameters::given(&self.config, &self.model, link, connack);
                self.judge("parameters", right);
            }
            Packet::Disconnect(disconnect) => {
                let right = self.conduct.goodbye(link, given.version, disconnect);
                self.judge("conduct", right);
            }
            _ => {}
        }
        let right = parameters::words(&self.model, link, packet);
        self.judge("parameters", right);
        let right = durable::given(link, packet, promised, given.durable);
        self.judge("durable", right);
        let right = limits::given(&self.config, &self.model, &self.delivery, given);
        self.judge("limits", right);
    }

    /// The record that a copy depends on: QoS 1 and 2, of a Session that lasts.
    fn promised_by(&self, found: &delivery::Found, qos: mqtt_codec::QoS) -> Option<Lsn> {
        let mut sessions = self.model.sessions.values();
        let lasts = sessions.any(|held| held.number == found.session && held.expiry > 0);
        let accepted = self.model.accepted.get(&found.message?)?;
        accepted.lsn.filter(|_| lasts && qos > mqtt_codec::QoS::AtMostOnce)
    }

    /// A disk is full: how many messages were accepted before.
    #[must_use]
    pub const fn accepted(&self) -> u64 {
        self.model.order
    }

    /// A disk was full, from the `from`th message on; `idle` connections have nothing to take.
    pub fn had_no_room(&mut self, from: u64, idle: &BTreeSet<LinkId>) {
        // Nothing goes before a CONNACK, which may have to wait.
        let idle = idle & &self.greeted;
        // A retained message waits with the SUBACK, and what is newer of its topic behind it.
        let answered = idle.iter().filter(|link| !self.answers.owes(**link, PacketType::Suback));
        let answered = answered.copied().collect();
        let right = durable::flows(&self.model, &self.delivery, from, &answered);
        self.judge("durable", right);
        if let Some(link) = idle.iter().find(|link| self.answers.owes(**link, PacketType::Pingresp))
        {
            let words = format!("the PINGRESP of link {link} waits for a disk that is full");
            self.judge::<()>("durable", Err(words));
        }
    }

    /// A connection has been given a part of a packet, or all of it.
    pub fn in_part(&mut self, link: LinkId, part: bool) {
        self.delivery.in_part(&self.model, link, part);
    }

    /// The host closes a connection that has been given all that there was for it.
    pub fn ends(&mut self, link: LinkId) {
        if self.greeted.contains(&link) && !self.settings.is_tight {
            let right = self.conduct.ends(&self.model, link);
            self.judge("conduct", right);
        }
    }

    /// A message reached the program behind a client.
    pub fn heard(&mut self, link: LinkId, client: usize, epoch: u32, heard: &crate::client::Heard) {
        let Some(message) = heard.message else { return };
        // What was under way when its node died still arrives, whatever became of it there.
        let past = self.past.iter().find(|(first, _)| link < *first);
        let model = past.map_or(&self.model, |(_, model)| model);
        speaking(version_in(model, link));
        let right = self.delivery.heard(model, client, epoch, message, heard.qos);
        self.judge("delivery", right);
    }

    /// The host looks at what the broker shows, between two calls.
    pub fn look(&mut self, broker: &Broker) {
        let right = views::sessions(&self.config, &self.model, broker);
        self.judge("views", right);
        let right = limits::queued(&self.config, broker);
        self.judge("limits", right);
    }

    /// Compares numbers, now that the broker is between two calls.
    pub fn compare(&mut self, broker: &Broker, messages: &Messages, partial: u64) {
        let stats = broker.stats();
        let right = self.statistics.compare(&self.model, &stats, partial);
        self.judge("statistics", right);
        let right = retained::bytes(&self.model, messages, &stats);
        self.judge("retained", right);
        self.look(broker);
    }

    /// The world has come to rest; `settled` clients are connected and have nothing left to do,
    /// `shown` is what the broker retains.
    pub fn finish(
        &mut self,
        now: Instant,
        settled: &BTreeSet<usize>,
        shown: &[(String, Option<MessageId>)],
    ) {
        self.now = now;
        speaking(Version::V5);
        let right = self.delivery.finish(&self.model, now, settled);
        self.judge("delivery", right);
        let right = retained::held(&self.model, now, shown);
        self.judge("retained", right);
        let open = self.model.bonds.iter().filter(|(_, bond)| bond.is_open);
        let missing = open.filter_map(|(link, _)| self.answers.missing(*link)).next();
        self.judge("answers", missing.map_or(Ok(()), Err));
    }

    /// Nobody has come for longer than any interval can say.
    pub fn outlived(&mut self, broker: &Broker) {
        let right = session_present::outlived(&self.model, broker);
        self.judge("session_present", right);
    }

    /// The Session that a connection has, or had when its node died.
    #[must_use]
    pub fn session_of(&self, link: LinkId) -> Option<SessionNumber> {
        let past = self.past.iter().find(|(first, _)| link < *first);
        let model = past.map_or(&self.model, |(_, model)| model);
        model.bonds.get(&link).and_then(|bond| bond.session)
    }

    /// A node died, and runs again with what its disk had kept: what came after that never was.
    pub fn rise(&mut self, rise: &Rise) {
        self.now = rise.at;
        self.number += 1;
        let kept = |timed: &Timed| timed.moment.lsn.is_some_and(|lsn| lsn <= rise.kept);
        let len = self.steps.iter().rposition(kept).map_or(0, |last| last + 1);
        self.steps.truncate(len);
        let mut model = Model::new(self.settings);
        for timed in &self.steps {
            model.apply(timed);
        }
        self.past.push((rise.first_link, std::mem::replace(&mut self.model, model)));
        let moment = Moment { at: rise.at, lsn: rise.lsn, number: self.number };
        self.step(moment, Step::Restarted { set_back: rise.set_back });
        self.model.due_to_host.clear();
        self.delivery.crashed(&self.model, rise.kept);
        self.answers = Answers::default();
        self.conduct.crashed();
        self.groups.crashed();
        self.ends = Ends::default();
        self.statistics = Statistics::default();
    }

    fn step(&mut self, moment: Moment, step: Step) {
        let timed = Timed { moment, step };
        self.model.apply(&timed);
        if self.config.journal {
            self.steps.push(timed);
        }
    }

    /// Notes the first failure; passes on what was found otherwise.
    pub fn judge<T>(&mut self, oracle: &'static str, right: Result<T, String>) -> Option<T> {
        match right {
            Ok(found) => Some(found),
            Err(words) => {
                if self.failure.is_none() {
                    self.failure = Some(Failure { oracle, at: self.now, words });
                }
                None
            }
        }
    }
}

/// The version that a connection speaks; the newest, if it has not said so.
fn version_in(model: &Model, link: LinkId) -> Version {
    let connect = model.bonds.get(&link).and_then(|bond| bond.connect.as_ref());
    connect.map_or(Version::V5, |connect| connect.version)
}
