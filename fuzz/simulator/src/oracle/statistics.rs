//! The broker's numbers are what was seen.

use mqtt_broker_core::{DropCause, Event, Stats};
use mqtt_codec::Packet;

use crate::model::Model;

/// What was seen since the broker was made.
#[derive(Debug, Default)]
pub struct Statistics {
    /// Connections accepted.
    pub accepted: u64,
    connected: u64,
    refused: u64,
    /// Packets taken that broke no rule.
    pub packets_received: u64,
    /// Their bytes.
    pub bytes_received: u64,
    /// PUBLISH packets taken.
    pub publish_received: u64,
    packets_sent: u64,
    publish_sent: u64,
    /// Bytes given.
    pub bytes_sent: u64,
    /// Connections that ended within a packet.
    pub partial: u64,
    dropped: [u64; 4],
    dropped_refused: u64,
    denied_deliver: u64,
    /// PUBLISH packets that the policy did not allow.
    pub denied_publish: u64,
    /// Those of which that is not known.
    pub perhaps_denied: u64,
}

impl Statistics {
    /// The broker told something.
    pub const fn event(&mut self, event: &Event) {
        match event {
            Event::Connected { .. } => self.connected += 1,
            Event::Refused { .. } => self.refused += 1,
            Event::Dropped { cause, .. } => match cause {
                DropCause::Expired => self.dropped[0] += 1,
                DropCause::QueueFull => self.dropped[1] += 1,
                DropCause::TooLarge => self.dropped[2] += 1,
                DropCause::BrokerFull => self.dropped[3] += 1,
                DropCause::Refused => self.dropped_refused += 1,
                DropCause::Denied => self.denied_deliver += 1,
                _ => {}
            },
            _ => {}
        }
    }

    /// A whole packet was given.
    pub const fn given(&mut self, packet: &Packet<'_>) {
        self.packets_sent += 1;
        if matches!(packet, Packet::Publish(_)) {
            self.publish_sent += 1;
        }
    }

    /// Compares; `partial` connections have been given a part of a packet.
    ///
    /// # Errors
    ///
    /// A number is wrong.
    pub fn compare(&self, model: &Model, stats: &Stats, partial: u64) -> Result<(), String> {
        let open = model.bonds.values().filter(|bond| bond.is_open).count() as u64;
        let subscriptions: usize =
            model.sessions.values().map(|session| session.subscriptions.len()).sum();
        let subscriptions = subscriptions as u64;
        let partial = partial + self.partial;
        let wills = model.sessions.values().filter(|session| session.will.is_some()).count() as u64;
        let all_are_here = model.sessions.values().all(|session| session.link.is_some());
        let offline = if all_are_here { 0 } else { u64::MAX };
        let numbers = [
            // Closing connections are counted until their end.
            ("connections", stats.connections.into(), open, u64::MAX),
            ("subscriptions", stats.subscriptions.into(), subscriptions, subscriptions + 1),
            ("wills", stats.wills.into(), wills, wills),
            ("offline_bytes", stats.offline_bytes as u64, 0, offline),
            ("denied_publish", stats.denied_publish, self.denied_publish, {
                self.denied_publish + self.perhaps_denied
            }),
            ("accepted", stats.accepted, self.accepted, self.accepted),
            ("connected", stats.connected, self.connected, self.connected),
            ("refused", stats.refused, self.refused, self.refused),
            (
                "publish_received",
                stats.publish_received,
                self.publish_received,
                self.publish_received,
            ),
            (
                "packets_received",
                stats.packets_received,
                self.packets_received,
                self.packets_received,
            ),
            ("bytes_received", stats.bytes_received, self.bytes_received, self.bytes_received),
            ("bytes_sent", stats.bytes_sent, self.bytes_sent, self.bytes_sent),
            ("packets_sent", stats.packets_sent, self.packets_sent, self.packets_sent + partial),
            ("publish_sent", stats.publish_sent, self.publish_sent, self.publish_sent + partial),
            ("dropped_expired", stats.dropped_expired, self.dropped[0], u64::MAX),
            ("dropped_queue_full", stats.dropped_queue_full, self.dropped[1], u64::MAX),
            ("dropped_too_large", stats.dropped_too_large, self.dropped[2], u64::MAX),
            ("dropped_broker_full", stats.dropped_broker_full, self.dropped[3], u64::MAX),
            ("dropped_refused", stats.dropped_refused, self.dropped_refused, u64::MAX),
            ("denied_deliver", stats.denied_deliver, self.denied_deliver, u64::MAX),
            ("dropped_outputs", stats.dropped_outputs, 0, 0),
        ];
        let wrong = numbers.iter().find(|(_, told, low, high)| told < low || told > high);
        match wrong {
            Some((name, told, low, _)) => Err(format!("`{name}` is {told}, and {low} were seen")),
            None => Ok(()),
        }
    }
}
