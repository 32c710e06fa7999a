//! [`Node`]: one broker with its rules and its disk, as a value.

use mqtt_broker_core::{
    ApplicationMessage, Broker, Config, ConnectionHandle, Instant, LocalSubscription, Lsn, Output,
    Peer, Received, Stats, Ticket, Verdict,
};
use mqtt_codec::{ReasonCode, SubscriptionOptions, TopicFilter};

use crate::disk::Disk;
use crate::rules::Rules;

/// One broker and what belongs to it.
#[derive(Debug)]
pub struct Node {
    /// The real thing.
    pub broker: Broker,
    /// The host's policy.
    pub rules: Rules,
    /// Under its journal.
    pub disk: Disk,
    buffer: Vec<u8>,
}

impl Node {
    /// A broker that has just been made.
    #[must_use]
    pub fn new(config: Config, rules: Rules) -> Self {
        Self { broker: Broker::new(config), rules, disk: Disk::default(), buffer: Vec::new() }
    }

    /// A Network Connection was opened; `None` if there is no room for it.
    pub fn accept(&mut self, now: Instant) -> Option<ConnectionHandle> {
        self.broker.handle_accept(now, Peer::default()).ok()
    }

    /// Bytes came.
    pub fn input(&mut self, now: Instant, handle: ConnectionHandle, bytes: &[u8]) -> Received {
        self.broker.handle_input(now, handle, bytes, &mut self.rules)
    }

    /// The transport is gone.
    pub fn eof(&mut self, now: Instant, handle: ConnectionHandle) {
        self.broker.handle_eof(now, handle);
    }

    /// The time is told.
    pub fn timeout(&mut self, now: Instant) {
        self.broker.handle_timeout(now);
    }

    /// Bytes for a connection, by way of a buffer of `size`.
    pub fn transmit(
        &mut self,
        now: Instant,
        handle: ConnectionHandle,
        size: usize,
    ) -> Option<Vec<u8>> {
        self.buffer.resize(self.buffer.len().max(size), 0);
        let buffer = &mut self.buffer[..size];
        let sent = self.broker.poll_transmit(now, handle, buffer, &mut self.rules)?;
        let (len, payload) = (sent.len, sent.payload.to_vec());
        let mut bytes = buffer_front(&self.buffer, len);
        bytes.extend_from_slice(&payload);
        Some(bytes)
    }

    /// The next thing the broker says, shown to `see`; whether there was one.
    pub fn output(&mut self, see: impl FnOnce(Output<'_>)) -> bool {
        let output = self.broker.poll_output();
        let any = output.is_some();
        if let Some(output) = output {
            see(output);
        }
        any
    }

    /// Takes what the journal must keep to the disk; the newest record of it.
    pub fn journal(&mut self) -> Option<Lsn> {
        let mut newest = None;
        while let Some(record) = self.broker.poll_journal() {
            newest = Some(record.lsn);
            self.disk.append(record.lsn, record.bytes);
        }
        newest
    }

    /// What is synced is durable.
    pub fn durable(&mut self, lsn: Lsn) {
        self.broker.durable(lsn);
    }

    /// The host publishes; whether it was taken.
    pub fn publish(&mut self, now: Instant, message: &ApplicationMessage<'_>) -> bool {
        self.broker.publish(now, message).is_ok()
    }

    /// The host subscribes to everything.
    pub fn listen(&mut self, now: Instant) -> Option<LocalSubscription> {
        let filter = TopicFilter::new("#").ok()?;
        let options = SubscriptionOptions::new(mqtt_codec::QoS::ExactlyOnce);
        self.broker.subscribe(now, filter, options, None).ok()
    }

    /// The host disconnects a client.
    pub fn kick(&mut self, now: Instant, name: &str) {
        self.broker.kick(now, name, ReasonCode::ADMINISTRATIVE_ACTION);
    }

    /// The host answers a question that was put off.
    pub fn resolve(&mut self, now: Instant, ticket: Ticket, allowed: bool, denial: ReasonCode) {
        let verdict: Verdict = self.rules.decide(allowed, denial);
        self.broker.resolve(now, ticket, verdict);
    }

    /// The broker's numbers.
    #[must_use]
    pub fn stats(&self) -> Stats {
        self.broker.stats()
    }
}

fn buffer_front(buffer: &[u8], len: usize) -> Vec<u8> {
    buffer[..len].to_vec()
}
