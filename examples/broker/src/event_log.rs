//! The log of what happens to clients, put into words on a thread of its own, which the broker does not
//! wait for.

use core::fmt;
use core::sync::atomic::{AtomicU64, Ordering};
use core::time::Duration;
use std::io;
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread::{self, JoinHandle};
use std::time::Instant;

use mqtt_broker_core::{DropCause, Event, Peer, RefusalCause};
use mqtt_broker_tokio::Protocol;
use mqtt_codec::ReasonCode;
use tracing::{debug, info, warn};

use crate::allowance::Allowance;
use crate::cure::Cures;
use crate::log::LogLevel;
use crate::signals::Signal;

/// Events that may wait for the log; what comes beyond is counted.
const WAITING: usize = 8192;
/// Lines that refusals, and drops, may each cause in one [`STRETCH`].
const LINES: u32 = 20;
const STRETCH: Duration = Duration::from_secs(10);
/// Characters of a client's text that one line shows.
const SHOWN: usize = 80;

/// What the thread writes.
#[derive(Debug)]
enum Entry {
    Event(Event),
    /// One who spoke another protocol was turned away.
    Stranger(Peer, Protocol),
    Ending(Signal, String),
}

/// The end of the log that others hold; never blocks.
#[derive(Debug)]
pub(crate) struct EventSender {
    entries: SyncSender<Entry>,
    lost: Arc<AtomicU64>,
    level: LogLevel,
}

impl EventSender {
    /// Notes an event, if the level asks for it.
    pub(crate) fn send(&self, event: &Event) {
        if level_of(event) <= self.level {
            self.enter(Entry::Event(event.clone()));
        }
    }

    /// Notes the event that somebody is turned away who spoke another protocol.
    pub(crate) fn send_stranger(&self, event: &Event, protocol: Protocol) {
        match event {
            Event::Closed { peer, .. } | Event::Refused { peer, .. }
                if level_of(event) <= self.level =>
            {
                self.enter(Entry::Stranger(*peer, protocol));
            }
            _ => {}
        }
    }

    /// Notes that a signal ends the broker, and what that waits for.
    pub(crate) fn send_ending(&self, signal: Signal, awaited: String) {
        self.enter(Entry::Ending(signal, awaited));
    }

    fn enter(&self, entry: Entry) {
        if self.entries.try_send(entry).is_err() {
            self.lost.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// The thread that writes. It ends when the [`EventSender`] is gone.
#[derive(Debug)]
pub(crate) struct EventLog(JoinHandle<()>);

impl EventLog {
    /// Starts the thread.
    ///
    /// # Errors
    ///
    /// The system's, if it gives no thread.
    pub(crate) fn start(level: LogLevel, cures: Cures) -> io::Result<(EventSender, Self)> {
        let (sender, receiver) = mpsc::sync_channel(WAITING);
        let lost = Arc::new(AtomicU64::new(0));
        let writer = Writer {
            cures,
            lost: Arc::clone(&lost),
            refusals: Allowance::new(LINES, STRETCH),
            drops: Allowance::new(LINES, STRETCH),
        };
        let thread =
            thread::Builder::new().name("events".into()).spawn(move || writer.run(&receiver))?;
        Ok((EventSender { entries: sender, lost, level }, Self(thread)))
    }

    /// Waits until everything is written; the [`EventSender`] must be gone or going.
    pub(crate) fn finish(self) {
        // A panic of the thread has been printed already, and only cost log lines.
        let _ = self.0.join();
    }
}

fn level_of(event: &Event) -> LogLevel {
    match event {
        // The client is gone, and had asked for no more than that.
        Event::Dropped { cause: DropCause::ConnectionEnded, .. } => LogLevel::Debug,
        Event::Refused { .. }
        | Event::Closed { .. }
        | Event::Dropped { .. }
        | Event::NotPublished { .. }
        | Event::NotSubscribed { .. }
        | Event::NotUnsubscribed { .. }
        | Event::NotRetained { .. }
        | Event::RetainedCutShort { .. }
        | Event::OutputsDropped { .. }
        | Event::LimitReached { .. } => LogLevel::Warn,
        Event::Connected { .. } | Event::Disconnected { .. } => LogLevel::Info,
        _ => LogLevel::Debug,
    }
}

#[derive(Debug)]
struct Writer {
    cures: Cures,
    lost: Arc<AtomicU64>,
    refusals: Allowance,
    drops: Allowance,
}

impl Writer {
    fn run(mut self, entries: &Receiver<Entry>) {
        loop {
            let entry = match self.patience() {
                None => entries.recv().map_err(|_| RecvTimeoutError::Disconnected),
                Some(patience) => entries.recv_timeout(patience),
            };
            self.settle(Instant::now());
            match entry {
                Ok(Entry::Event(event)) => self.write(&event),
                Ok(Entry::Stranger(peer, protocol)) => {
                    if self.refusals.take(Instant::now()) {
                        let (spoken, cure) = mistaken(protocol);
                        warn!(%peer, cure, "connection closed: {spoken} on a port for MQTT over plain TCP");
                    }
                }
                Ok(Entry::Ending(signal, awaited)) => {
                    info!(
                        %signal,
                        "ending: {awaited}; a second signal, after half a second, ends at once"
                    );
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        tell_left_out("refusals", self.refusals.finish());
        tell_left_out("dropped messages", self.drops.finish());
        self.tell_lost();
    }

    /// How long to wait for an event before there is something else to tell.
    fn patience(&self) -> Option<Duration> {
        if self.lost.load(Ordering::Relaxed) > 0 {
            return Some(Duration::ZERO);
        }
        let deadline =
            [self.refusals.deadline(), self.drops.deadline()].into_iter().flatten().min();
        deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    fn settle(&mut self, now: Instant) {
        tell_left_out("refusals", self.refusals.settle(now));
        tell_left_out("dropped messages", self.drops.settle(now));
        self.tell_lost();
    }

    fn tell_lost(&self) {
        let lost = self.lost.swap(0, Ordering::Relaxed);
        if lost > 0 {
            warn!("{lost} events are missing here: they came faster than they could be logged");
        }
    }

    fn write(&mut self, event: &Event) {
        match event {
            Event::Connected { client_identifier, peer, version, session_present, .. } => {
                let client = Text(client_identifier);
                info!(%client, %peer, %version, session_present, "client connected");
            }
            Event::Disconnected { client_identifier, peer, reason, .. } => {
                let client = Text(client_identifier);
                info!(%client, %peer, cause = reason.to_string(), "client disconnected");
            }
            Event::Refused { client_identifier, peer, reason_code, cause, .. } => {
                if self.refusals.take(Instant::now()) {
                    self.write_refusal(client_identifier, *peer, *reason_code, *cause);
                }
            }
            Event::Closed { peer, reason, .. } => {
                if self.refusals.take(Instant::now()) {
                    warn!(%peer, cause = reason.to_string(), "connection closed: no MQTT client");
                }
            }
            Event::LimitReached { limit, client_identifier, peer, .. } => {
                if self.drops.take(Instant::now()) {
                    let (client, limit) = (Text(client_identifier), limit.name());
                    let cure = Cure(self.cures.of_limits(&[limit]));
                    warn!(%client, %peer, limit, %cure, "limit reached");
                }
            }
            Event::Dropped { .. }
            | Event::NotPublished { .. }
            | Event::NotSubscribed { .. }
            | Event::NotUnsubscribed { .. }
            | Event::NotRetained { .. }
            | Event::RetainedCutShort { .. }
            | Event::OutputsDropped { .. }
                if self.drops.take(Instant::now()) =>
            {
                self.write_loss(event);
            }
            Event::Missed { client_identifier, clients, topic, .. } => {
                let (client, topic) = (Text(client_identifier), Text(topic));
                let cure = self.cures.keep_qos0();
                debug!(%client, clients, %topic, %cure, "QoS 0 message not kept for absent clients");
            }
            Event::RetainedExpired { topic, .. } => {
                debug!(topic = %Text(topic), "retained message expired");
            }
            Event::Subscribed { client_identifier, filter, qos, .. } => {
                let client = Text(client_identifier);
                debug!(%client, filter = %Text(filter), %qos, "client subscribed");
            }
            Event::Unsubscribed { client_identifier, filter, .. } => {
                let client = Text(client_identifier);
                debug!(%client, filter = %Text(filter), "client unsubscribed");
            }
            Event::SessionEnded { client_identifier, messages, .. } => {
                debug!(client = %Text(client_identifier), messages, "session ended");
            }
            // One too many for this stretch of time.
            Event::Dropped { .. }
            | Event::NotPublished { .. }
            | Event::NotSubscribed { .. }
            | Event::NotUnsubscribed { .. }
            | Event::NotRetained { .. }
            | Event::RetainedCutShort { .. }
            | Event::OutputsDropped { .. } => {}
            other => debug!("{other:?}"),
        }
    }

    /// Something that did not come about: what, why, and how it would.
    fn write_loss(&self, event: &Event) {
        match event {
            Event::Dropped { client_identifier, topic, cause, .. } => {
                let (client, topic) = (Text(client_identifier), Text(topic));
                let cure = Cure(self.cures.of_drop(*cause));
                warn!(%client, %topic, cause = cause.to_string(), %cure, "message dropped");
            }
            Event::NotPublished { client_identifier, topic, reason_code: code, cause, .. } => {
                let (client, topic) = (Text(client_identifier), Text(topic));
                let (cause, cure) = (cause.to_string(), Cure(self.cures.of_refusal(*cause)));
                warn!(%client, %topic, cause, %code, %cure, "message not published");
            }
            Event::NotSubscribed {
                client_identifier, filter, reason_code: code, cause, ..
            } => {
                let (client, filter) = (Text(client_identifier), Text(filter));
                let (cause, cure) = (cause.to_string(), Cure(self.cures.of_refusal(*cause)));
                warn!(%client, %filter, cause, %code, %cure, "subscription refused");
            }
            Event::NotUnsubscribed { client_identifier, filter, reason_code: code, .. } => {
                let (client, filter) = (Text(client_identifier), Text(filter));
                warn!(%client, %filter, cause = "not allowed", %code, "subscription not ended");
            }
            Event::NotRetained { client_identifier, topic, limit, .. } => {
                let (client, topic) = (Text(client_identifier), Text(topic));
                let limit = limit.name();
                let cure = Cure(self.cures.of_limits(&[limit]));
                warn!(%client, %topic, limit, %cure, "will message not retained");
            }
            Event::RetainedCutShort { client_identifier, filter, .. } => {
                let (client, filter) = (Text(client_identifier), Text(filter));
                let (limit, cure) = ("memory", Cure(self.cures.of_limits(&["memory"])));
                warn!(%client, %filter, limit, %cure, "not all retained messages sent");
            }
            Event::OutputsDropped { count, .. } => {
                let (limit, cure) = ("outputs", Cure(self.cures.of_limits(&["outputs"])));
                warn!(count, limit, %cure, "events dropped: the broker's host is too slow");
            }
            other => debug!("{other:?}"),
        }
    }

    fn write_refusal(&self, client: &str, peer: Peer, code: ReasonCode, cause: RefusalCause) {
        let reason = reason(cause, self.cures.is_stranger(peer), client);
        let (cure, code) = (self.cures.of(cause, peer, client), code.to_string());
        let client = Text(client);
        match cure {
            Some(cure) => warn!(%client, %peer, reason, code, %cure, "client refused"),
            None => warn!(%client, %peer, reason, code, "client refused"),
        }
    }
}

/// What somebody speaks who has mistaken the port, and what would help: this program has no other kind of
/// port.
fn mistaken(protocol: Protocol) -> (&'static str, &'static str) {
    match protocol {
        Protocol::Tls => (
            "TLS is spoken",
            "a client without TLS (mqtt://, not mqtts://), or a proxy before this port that ends TLS",
        ),
        Protocol::Http => (
            "HTTP is spoken",
            "a client over TCP (mqtt://, not http:// or ws://), or a proxy before this port that takes \
             WebSockets",
        ),
        _ => ("another protocol is spoken", "a client over TCP (mqtt://)"),
    }
}

/// Why a client was refused.
fn reason(cause: RefusalCause, is_stranger: bool, client: &str) -> String {
    match cause {
        RefusalCause::Policy if is_stranger => "clients of other machines are not let in".to_owned(),
        // All else is allowed.
        RefusalCause::Policy => "enhanced authentication is not supported".to_owned(),
        RefusalCause::ClientIdentifier if client.is_empty() => {
            "no client identifier, which MQTT 3.1 and, with clean session 0, 3.1.1 ask for; and others \
             if mqtt.allow_empty_client_id is false"
                .to_owned()
        }
        RefusalCause::ClientIdentifier => {
            "client identifier not acceptable: in MQTT 3.1 it has 1 to 23 characters".to_owned()
        }
        other => other.to_string(),
    }
}

/// What would help: a command, or that it is the client's to change something.
struct Cure(Option<String>);

impl fmt::Display for Cure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0.as_deref().unwrap_or("none on this side"))
    }
}

fn tell_left_out(what: &str, left_out: Option<u64>) {
    if let Some(left_out) = left_out {
        let seconds = STRETCH.as_secs();
        warn!("{left_out} more {what} within {seconds} s are not shown");
    }
}

/// A stranger's text: quoted, escaped, and cut.
struct Text<'a>(&'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.char_indices().nth(SHOWN) {
            None => write!(f, "{:?}", self.0),
            Some((end, _)) => {
                let shown = self.0.get(..end).unwrap_or_default();
                write!(f, "{shown:?}… ({} bytes)", self.0.len())
            }
        }
    }
}

#[cfg(test)]
mod tests;
