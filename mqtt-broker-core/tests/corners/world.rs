//! A broker and the clients around it, all of them of 5.0, at one moment.

use mqtt_broker_core::{
    AllowAll, Broker, Config, ConnectionHandle, Instant, Output, Peer, Received,
};
use mqtt_codec::Version::V5;

use super::packets_with::{connect, packet, string};

pub(crate) const NOW: Instant = Instant::from_secs(1);

/// The properties of a CONNECT whose Session never expires.
pub(crate) const LASTS: &[u8] = &[0x11, 0xff, 0xff, 0xff, 0xff];

pub(crate) struct World {
    pub(crate) broker: Broker,
    /// All that has been in the journal.
    pub(crate) records: Vec<Vec<u8>>,
}

impl World {
    pub(crate) fn new(change: impl FnOnce(&mut Config)) -> Self {
        let mut config = Config::default();
        change(&mut config);
        Self { broker: Broker::new(config), records: Vec::new() }
    }

    /// A connection whose CONNECT has these properties, and that has read no answer yet.
    pub(crate) fn open(&mut self, name: &str, list: &[u8]) -> ConnectionHandle {
        let handle = self.broker.handle_accept(NOW, Peer::default()).unwrap();
        self.send(handle, &connect(V5, 0, list, &[string(name)]));
        handle
    }

    pub(crate) fn connected(&mut self, name: &str, list: &[u8]) -> ConnectionHandle {
        let handle = self.open(name, list);
        self.durable();
        let connack = self.read(handle);
        assert_eq!((connack[0], connack[3]), (0x20, 0), "{connack:x?}");
        handle
    }

    pub(crate) fn subscribed(&mut self, name: &str, filter: &str, qos: u8) -> ConnectionHandle {
        let handle = self.connected(name, &[]);
        self.subscribe(handle, filter, qos);
        self.read(handle);
        handle
    }

    pub(crate) fn subscribe(&mut self, handle: ConnectionHandle, filter: &str, qos: u8) {
        let body = [&[0, 1, 0][..], &string(filter), &[qos]].concat();
        self.send(handle, &packet(0x82, &body));
    }

    pub(crate) fn send(&mut self, handle: ConnectionHandle, bytes: &[u8]) {
        let received = self.offer(handle, bytes);
        assert_eq!(received.consumed, bytes.len(), "{received:?}");
    }

    /// Of what is offered the broker may leave something for later.
    pub(crate) fn offer(&mut self, handle: ConnectionHandle, bytes: &[u8]) -> Received {
        self.broker.handle_input(NOW, handle, bytes, &mut AllowAll)
    }

    /// Offers all of it: what is left for later again once it is asked for.
    pub(crate) fn send_over_turns(&mut self, handle: ConnectionHandle, mut bytes: &[u8]) {
        loop {
            bytes = &bytes[self.offer(handle, bytes).consumed..];
            if bytes.is_empty() {
                return;
            }
            while !self.turn().contains(&handle) {
                assert!(self.has_work(), "{} bytes are never asked for", bytes.len());
            }
        }
    }

    pub(crate) fn read(&mut self, handle: ConnectionHandle) -> Vec<u8> {
        let (mut buffer, mut read) = ([0; 4096], Vec::new());
        while let Some(sent) = self.broker.poll_transmit(NOW, handle, &mut buffer, &mut AllowAll) {
            let (len, payload) = (sent.len, sent.payload.to_vec());
            read.extend_from_slice(&buffer[..len]);
            read.extend_from_slice(&payload);
        }
        read
    }

    /// One turn; whose input is to be offered again.
    pub(crate) fn turn(&mut self) -> Vec<ConnectionHandle> {
        self.broker.handle_timeout(NOW);
        let mut resumed = Vec::new();
        while let Some(output) = self.broker.poll_output() {
            if let Output::Resume(handle) = output {
                resumed.push(handle);
            }
        }
        resumed
    }

    /// Turns until nothing is left to do; whose input is to be offered again.
    pub(crate) fn rest(&mut self) -> Vec<ConnectionHandle> {
        let mut resumed = self.turn();
        while self.has_work() {
            resumed.extend(self.turn());
        }
        resumed
    }

    fn has_work(&self) -> bool {
        self.broker.poll_timeout().is_some_and(|due| due <= NOW)
    }

    /// All that is in the journal is durable now.
    pub(crate) fn durable(&mut self) {
        let mut newest = None;
        while let Some(record) = self.broker.poll_journal() {
            newest = Some(record.lsn);
            self.records.push(record.bytes.to_vec());
        }
        if let Some(newest) = newest {
            self.broker.durable(newest);
        }
    }
}

/// A PUBLISH without properties; `id` only where the first byte has a QoS.
pub(crate) fn message(first: u8, topic: &str, id: u16, payload: &[u8]) -> Vec<u8> {
    let mut body = string(topic);
    if first & 0x06 != 0 {
        body.extend(id.to_be_bytes());
    }
    body.push(0);
    body.extend_from_slice(payload);
    packet(first, &body)
}

pub(crate) fn unsubscribe(filter: &str) -> Vec<u8> {
    packet(0xa2, &[&[0, 2, 0][..], &string(filter)].concat())
}

/// The UNSUBACK of it, where there was such a subscription.
pub(crate) const UNSUBACK: [u8; 6] = [0xb0, 4, 0, 2, 0, 0];
