//! [`play`]: the calls of a recording, made again on a new broker.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;
use core::num::NonZeroU32;

use mqtt_codec::{Framed, Packet, Sender, Version, frame};

use super::call::Call;
use super::recorder::VERSION;
use crate::boundary::{ApplicationMessage, ConnectionHandle, Event, Output, Peer};
use crate::broker::Broker;
use crate::config::Config;
use crate::policy::{
    AuthenticateRequest, ConnectRequest, DeliverRequest, Policy, PublishRequest, SubscribeRequest,
    UnsubscribeRequest, Verdict,
};
use crate::time::{Duration, Instant};

/// Makes the calls of a recording on a new broker, and shows `visit` each packet and event with its
/// time. `config` is the one that was recorded; its seed is taken from the recording.
///
/// A recording that ends in the middle of a call ends before that call: its program was killed, or
/// it had reached [`Config::recording`].
///
/// # Errors
///
/// [`PlaybackError`]; what was shown before is right.
///
/// ```
/// use mqtt_broker_core::{AllowAll, Broker, Config, Instant, Peer, play};
///
/// let mut config = Config::default();
/// config.recording = 1 << 20;
/// let mut broker = Broker::new(config.clone());
/// let connection = broker.handle_accept(Instant::from_secs(1), Peer::default())?;
/// broker.handle_input(Instant::from_secs(2), connection, b"\x10\x0c\0\x04MQTT\x04\x02\0\0\0\0", &mut AllowAll);
/// let recording = broker.poll_recording().expect("something was done");
///
/// let mut trace = String::new();
/// play(&config, &recording, |_now, step| trace += &format!("{step}\n"))?;
/// assert!(trace.contains("CONNECT"));
/// # Ok::<_, Box<dyn core::error::Error>>(())
/// ```
pub fn play(
    config: &Config,
    recording: &[u8],
    visit: impl FnMut(Instant, &Step<'_>),
) -> Result<Played, PlaybackError> {
    let mut rest = recording;
    let Some(Call::Begin { version: VERSION, seed }) = Call::decode(&mut rest) else {
        return Err(PlaybackError::NotARecording);
    };
    // One byte: outputs are hashed, and nothing is written.
    let config = Config { seed, recording: 1, ..config.clone() };
    let mut replay = Broker::replay(config.clone());
    let mut player = Player {
        broker: Broker::new(config),
        now: Instant::default(),
        links: Vec::new(),
        verdicts: Prompted::default(),
        visit,
    };
    let mut played = Played { calls: 0, hash: None, complete: false };
    while !rest.is_empty() {
        let Some(call) = Call::decode(&mut rest) else { return Ok(played) };
        let call_number = played.calls;
        played.calls += 1;
        match call {
            Call::Check { hash } if player.broker.output_hash() == Some(hash) => {
                played.hash = Some(hash);
            }
            Call::Check { .. } => return Err(PlaybackError::Differs { call: call_number }),
            Call::Begin { .. } => return Err(PlaybackError::NotARecording),
            Call::Applied { record } if replay.apply(record).is_ok() => {}
            Call::CameBack => {
                let made = core::mem::replace(&mut replay, Broker::replay(Config::default()));
                let came_back = made.finish(player.now);
                let differs = |_| PlaybackError::Differs { call: call_number };
                player.come_back(came_back.map_err(differs)?);
            }
            Call::Applied { .. } => return Err(PlaybackError::Differs { call: call_number }),
            call => player.call(call),
        }
    }
    played.complete = true;
    Ok(played)
}

/// What [`play`] saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Played {
    /// Calls made.
    pub calls: u64,
    /// The last hash of all outputs that the recording has, and that came out again.
    pub hash: Option<u64>,
    /// Whether the recording ended with a whole call.
    pub complete: bool,
}

/// Why a recording could not be played to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PlaybackError {
    /// It does not begin like a recording of this version.
    NotARecording,
    /// What came out by this call, counted from 0, is not what came out when it was recorded: it
    /// was another version of the broker, or another configuration.
    Differs {
        /// The call.
        call: u64,
    },
}

impl fmt::Display for PlaybackError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotARecording => f.write_str("not a recording of this version"),
            Self::Differs { call } => {
                write!(f, "by call {call}, the outputs are not those that were recorded")
            }
        }
    }
}

impl core::error::Error for PlaybackError {}

/// One thing that happened while a recording was played.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub enum Step<'a> {
    /// A Network Connection was opened.
    Accepted(ConnectionHandle, Peer),
    /// The broker took a packet from it.
    Received(ConnectionHandle, Packet<'a>),
    /// The broker took bytes that are no packet.
    Unreadable(ConnectionHandle, &'a [u8]),
    /// The broker sent a packet.
    Sent(ConnectionHandle, Packet<'a>),
    /// The transport ended.
    Ended(ConnectionHandle),
    /// The broker told of something.
    Event(&'a Event),
    /// The host wanted something, as the text says.
    Host(&'a str),
}

impl fmt::Display for Step<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = |handle: &ConnectionHandle| handle.index();
        match self {
            Self::Accepted(connection, peer) => write!(f, "{} opens from {peer}", name(connection)),
            Self::Received(connection, packet) => write!(f, "{} > {packet:#}", name(connection)),
            Self::Unreadable(connection, bytes) => {
                write!(f, "{} > {} bytes that are no packet", name(connection), bytes.len())
            }
            Self::Sent(connection, packet) => write!(f, "{} < {packet:#}", name(connection)),
            Self::Ended(connection) => write!(f, "{} ends", name(connection)),
            Self::Event(event) => write!(f, "event {event:?}"),
            Self::Host(text) => write!(f, "host {text}"),
        }
    }
}

struct Player<V> {
    broker: Broker,
    now: Instant,
    links: Vec<Link>,
    verdicts: Prompted,
    visit: V,
}

/// What lies on the way of a connection.
#[derive(Default)]
struct Link {
    version: Option<Version>,
    input: Vec<u8>,
    output: Vec<u8>,
}

impl<V: FnMut(Instant, &Step<'_>)> Player<V> {
    /// The broker began with a journal.
    fn come_back(&mut self, broker: Broker) {
        self.broker = broker;
        (self.visit)(self.now, &Step::Host("made a broker from its journal"));
    }

    fn call(&mut self, call: Call<'_>) {
        let now = self.now;
        match call {
            Call::Begin { .. } | Call::Check { .. } => {}
            Call::Time { distance, backward: false } => {
                self.now = now + Duration::from_micros(distance);
            }
            Call::Time { distance, backward: true } => {
                self.now = Instant(now.0.saturating_sub(distance));
            }
            Call::Verdict(verdict) => self.verdicts.0.push_back(verdict),
            Call::Accept { peer } => {
                if let Ok(handle) = self.broker.handle_accept(now, peer) {
                    if let Some(link) = self.link(handle) {
                        *link = Link::default();
                    }
                    (self.visit)(now, &Step::Accepted(handle, peer));
                }
            }
            Call::Input { connection, bytes } => self.input(connection, bytes),
            Call::Eof { connection } => {
                self.broker.handle_eof(now, connection);
                (self.visit)(now, &Step::Ended(connection));
            }
            Call::InputEnds { connection } => self.broker.handle_end_of_input(now, connection),
            Call::Timeout => self.broker.handle_timeout(now),
            Call::Outputs(calls) => self.outputs(calls),
            Call::Records(calls) => {
                for _ in 0..calls {
                    if self.broker.poll_journal().is_none() {
                        break;
                    }
                }
            }
            Call::Transmit { connection, buffer } => self.transmit(connection, buffer),
            Call::Durable(lsn) => self.broker.durable(lsn),
            Call::PeerUp(peer) => {
                let _ = self.broker.handle_peer_up(now, peer);
            }
            Call::PeerDown(peer) => self.broker.handle_peer_down(now, peer),
            Call::Forward { origin, frame } => {
                let _ = self.broker.handle_forward(now, origin, frame);
            }
            Call::PollForward(peer) => {
                let _ = self.broker.poll_forward(now, peer);
            }
            wish => self.wish(wish),
        }
    }

    /// What the host itself wanted.
    fn wish(&mut self, wish: Call<'_>) {
        let now = self.now;
        (self.visit)(now, &Step::Host(&alloc::format!("{wish:?}")));
        match wish {
            Call::Publish { packet } => self.publish(packet),
            Call::Subscribe { filter, options, identifier, window } => {
                let _ = match NonZeroU32::new(window) {
                    None => self.broker.subscribe(now, filter, options, identifier),
                    Some(window) => {
                        self.broker.subscribe_within(now, filter, options, identifier, window)
                    }
                };
            }
            Call::Taken { subscription, messages } => {
                self.broker.taken(now, subscription, messages);
            }
            Call::Unsubscribe(local) => self.broker.unsubscribe(now, local),
            Call::Kick { client, reason_code } => {
                self.broker.kick(now, client, reason_code);
            }
            Call::Redirect { client, server_reference, permanently } => {
                self.broker.redirect(now, client, server_reference, permanently);
            }
            Call::RemoveSession { client } => {
                self.broker.remove_session(now, client);
            }
            Call::Matching { topic } => {
                self.broker.matching_subscriptions(topic);
            }
            Call::RemoveWill { client } => {
                self.broker.remove_will(now, client);
            }
            Call::RemoveSubscription { client, filter } => {
                self.broker.remove_subscription(now, client, filter);
            }
            Call::Resolve(ticket, verdict) => self.broker.resolve(now, ticket, verdict),
            Call::Shutdown => self.broker.shutdown(now),
            Call::Snapshot => {
                self.broker.snapshot(now);
            }
            _ => {}
        }
    }

    fn link(&mut self, connection: ConnectionHandle) -> Option<&mut Link> {
        let index = connection.index();
        // A handle is of an accept, and those come in the order of their places.
        if self.links.len() == index {
            self.links.push(Link::default());
        }
        self.links.get_mut(index)
    }

    fn input(&mut self, connection: ConnectionHandle, bytes: &[u8]) {
        let now = self.now;
        let Some(link) = self.link(connection) else { return };
        link.input.extend_from_slice(bytes);
        let mut input = core::mem::take(&mut link.input);
        let received = self.broker.handle_input(now, connection, &input, &mut self.verdicts);
        let consumed = received.consumed.min(input.len());
        let taken = input.get(..consumed).unwrap_or_default();
        let version = self.link(connection).and_then(|link| link.version);
        let version = packets(taken, Sender::Client, version, |packet| {
            let step = match packet {
                Ok(packet) => Step::Received(connection, packet),
                Err(bytes) => Step::Unreadable(connection, bytes),
            };
            (self.visit)(now, &step);
        })
        .1;
        input.drain(..consumed);
        if let Some(link) = self.link(connection) {
            (link.input, link.version) = (input, version);
        }
    }

    fn transmit(&mut self, connection: ConnectionHandle, buffer: u64) {
        // Any buffer that a program had fits in memory; a recording may be damaged.
        let mut buffer = alloc::vec![0; usize::try_from(buffer).map_or(0, |len| len.min(1 << 24))];
        let now = self.now;
        let sent = self.broker.poll_transmit(now, connection, &mut buffer, &mut self.verdicts);
        let Some(sent) = sent else { return };
        let payload = sent.payload.to_vec();
        let head = buffer.get(..sent.len).unwrap_or_default();
        let Some(link) = self.link(connection) else { return };
        link.output.extend_from_slice(head);
        link.output.extend_from_slice(&payload);
        let (mut output, version) = (core::mem::take(&mut link.output), link.version);
        let (len, _) = packets(&output, Sender::Server, version, |packet| {
            if let Ok(packet) = packet {
                (self.visit)(now, &Step::Sent(connection, packet));
            }
        });
        output.drain(..len);
        if let Some(link) = self.link(connection) {
            link.output = output;
        }
    }

    fn outputs(&mut self, calls: u64) {
        for _ in 0..calls {
            // Also a call that says that there is nothing changes something: it takes back what was
            // lent.
            if let Some(Output::Event(event)) = self.broker.poll_output() {
                (self.visit)(self.now, &Step::Event(&event));
            }
        }
    }

    fn publish(&mut self, packet: &[u8]) {
        let Ok(Framed::Complete(frame)) = frame(packet, Sender::Either, u32::MAX) else { return };
        let Ok(Packet::Publish(publish)) = frame.decode(Version::V5) else { return };
        let Some(topic) = publish.topic else { return };
        let message = ApplicationMessage {
            topic,
            payload: publish.payload,
            qos: publish.delivery.qos(),
            retain: publish.retain,
            properties: publish.properties,
        };
        let _ = self.broker.publish(self.now, &message);
    }
}

/// Shows each whole packet in `bytes`; how long they are, and the version that the last CONNECT
/// set.
fn packets(
    bytes: &[u8],
    sender: Sender,
    mut version: Option<Version>,
    mut show: impl FnMut(Result<Packet<'_>, &[u8]>),
) -> (usize, Option<Version>) {
    let mut rest = bytes;
    while let Ok(Framed::Complete(frame)) = frame(rest, sender, u32::MAX) {
        version = frame.connect_version().or(version);
        let (packet, after) = rest.split_at_checked(frame.encoded_len()).unwrap_or_default();
        show(frame.decode(version.unwrap_or(Version::V3_1_1)).map_err(|_| packet));
        rest = after;
    }
    if sender == Sender::Client && !rest.is_empty() {
        show(Err(rest));
    }
    (bytes.len() - rest.len(), version)
}

/// The policy that says what was said before.
#[derive(Default)]
struct Prompted(VecDeque<Verdict>);

impl Prompted {
    fn next(&mut self) -> Verdict {
        self.0.pop_front().unwrap_or(Verdict::DENY)
    }
}

impl Policy for Prompted {
    fn connect(&mut self, _: &ConnectRequest<'_>) -> Verdict {
        self.next()
    }

    fn authenticate(&mut self, _: &AuthenticateRequest<'_>) -> Verdict {
        self.next()
    }

    fn publish(&mut self, _: &PublishRequest<'_>) -> Verdict {
        self.next()
    }

    fn subscribe(&mut self, _: &SubscribeRequest<'_>) -> Verdict {
        self.next()
    }

    fn unsubscribe(&mut self, _: &UnsubscribeRequest<'_>) -> Verdict {
        self.next()
    }

    fn deliver(&mut self, _: &DeliverRequest<'_>) -> Verdict {
        self.next()
    }
}
