//! [`Journal`]: state changes on their way to the host's store, and what waits for them.
//!
//! One [`Record`] holds all changes of one step (a packet, a timer, a wish of the host): it counts
//! as a whole or not at all. Only persistent Sessions and retained messages are journalled.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use mqtt_codec::{
    PacketIdentifier, QoS, SubscriptionIdentifier, SubscriptionOptions, TopicFilter, TopicName,
};

use crate::boundary::Lsn;
use crate::publication::Publication;

/// All state changes of one step, to be kept as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Record<'a> {
    /// Its place in the journal.
    pub lsn: Lsn,
    /// Its changes, encoded.
    pub bytes: &'a [u8],
}

/// One change of durable state.
#[derive(Clone, Copy)]
pub(crate) enum Change<'a> {
    /// A Session began, in place of any that was there.
    SessionStarted {
        client_identifier: &'a str,
        expiry_interval: u32,
    },
    /// A Session was resumed or its expiry changed.
    SessionKept {
        client_identifier: &'a str,
        expiry_interval: u32,
    },
    SessionEnded {
        client_identifier: &'a str,
    },
    Subscribed {
        client_identifier: &'a str,
        filter: TopicFilter<'a>,
        options: SubscriptionOptions,
        identifier: Option<SubscriptionIdentifier>,
    },
    Unsubscribed {
        client_identifier: &'a str,
        filter: TopicFilter<'a>,
    },
    /// A message came; changes that name its sequence follow.
    Published {
        publication: &'a Publication,
    },
    /// A QoS 2 message came from this Session with this identifier.
    Received {
        client_identifier: &'a str,
        packet_identifier: PacketIdentifier,
    },
    /// PUBREL came for it.
    Released {
        client_identifier: &'a str,
        packet_identifier: PacketIdentifier,
    },
    Retained {
        sequence: u64,
    },
    RetainedCleared {
        topic: TopicName<'a>,
    },
    /// A copy was queued for a Session.
    Queued {
        client_identifier: &'a str,
        sequence: u64,
        qos: QoS,
        retain: bool,
    },
    /// The oldest queued copy is under way with this identifier.
    Started {
        client_identifier: &'a str,
        packet_identifier: PacketIdentifier,
    },
    /// The oldest queued copy is gone.
    Dropped {
        client_identifier: &'a str,
    },
    /// PUBREC came: a PUBREL is owed.
    Recorded {
        client_identifier: &'a str,
        packet_identifier: PacketIdentifier,
    },
    /// Its exchange is over.
    Completed {
        client_identifier: &'a str,
        packet_identifier: PacketIdentifier,
    },
}

/// Records that the host has not polled yet, the one being made, and what is known to be durable.
pub(crate) struct Journal {
    enabled: bool,
    bytes: Vec<u8>,
    /// Each record that waits: its number and where it ends in `bytes`.
    ends: VecDeque<(Lsn, usize)>,
    /// Where the first record that waits begins.
    taken: usize,
    /// Where the record being made begins.
    open: usize,
    last: Lsn,
    durable: Lsn,
}

impl Journal {
    pub(crate) const fn new(enabled: bool) -> Self {
        Self {
            enabled,
            bytes: Vec::new(),
            ends: VecDeque::new(),
            taken: 0,
            open: 0,
            last: Lsn(0),
            durable: Lsn(0),
        }
    }

    #[inline]
    pub(crate) const fn is_enabled(&self) -> bool {
        self.enabled
    }

    /// The record after which everything up to now is kept: what depends on it waits for that.
    #[inline]
    pub(crate) fn gate(&self) -> Lsn {
        let open = u64::from(self.bytes.len() > self.open);
        Lsn(self.last.0 + open)
    }

    #[inline]
    pub(crate) fn is_durable(&self, lsn: Lsn) -> bool {
        lsn <= self.durable
    }

    pub(crate) fn durable(&mut self, lsn: Lsn) {
        self.durable = self.durable.max(lsn.min(self.last));
    }

    /// Adds a change to the record being made.
    #[inline]
    pub(crate) fn change(&mut self, change: &Change<'_>) {
        if self.enabled {
            change.encode(&mut self.bytes);
        }
    }

    /// Ends the record being made, if there is anything in it.
    #[inline]
    pub(crate) fn commit(&mut self) {
        if self.bytes.len() > self.open {
            self.last.0 += 1;
            self.open = self.bytes.len();
            self.ends.push_back((self.last, self.open));
        }
    }

    pub(crate) fn poll(&mut self) -> Option<Record<'_>> {
        let Some((lsn, end)) = self.ends.pop_front() else {
            // Everything before the record being made has been handed out.
            self.bytes.drain(..self.open.min(self.bytes.len()));
            (self.taken, self.open) = (0, 0);
            return None;
        };
        let start = core::mem::replace(&mut self.taken, end);
        let bytes = self.bytes.get(start..end)?;
        Some(Record { lsn, bytes })
    }
}

impl Change<'_> {
    /// A kind byte, then the fields; numbers are little-endian, strings and bytes go after their
    /// length in 4 bytes.
    fn encode(&self, out: &mut Vec<u8>) {
        let mut put = Fields(out);
        match *self {
            Self::SessionStarted { client_identifier, expiry_interval } => {
                put.kind(1).bytes(client_identifier.as_bytes()).number(expiry_interval.into());
            }
            Self::SessionKept { client_identifier, expiry_interval } => {
                put.kind(2).bytes(client_identifier.as_bytes()).number(expiry_interval.into());
            }
            Self::SessionEnded { client_identifier } => {
                put.kind(3).bytes(client_identifier.as_bytes());
            }
            Self::Subscribed { client_identifier, filter, options, identifier } => {
                put.kind(4).bytes(client_identifier.as_bytes()).bytes(filter.as_bytes());
                put.kind(options.as_u8()).number(identifier.map_or(0, |id| id.get().into()));
            }
            Self::Unsubscribed { client_identifier, filter } => {
                put.kind(5).bytes(client_identifier.as_bytes()).bytes(filter.as_bytes());
            }
            Self::Published { publication } => {
                put.kind(6).number(publication.sequence).number(publication.expires_at.0);
                put.kind(publication.qos as u8).kind(publication.retain.into());
                put.bytes(publication.topic().as_bytes());
                put.bytes(publication.pass_through().as_bytes()).bytes(publication.payload());
            }
            Self::Received { client_identifier, packet_identifier } => {
                put.kind(7).exchange(client_identifier, packet_identifier);
            }
            Self::Released { client_identifier, packet_identifier } => {
                put.kind(8).exchange(client_identifier, packet_identifier);
            }
            Self::Retained { sequence } => {
                put.kind(9).number(sequence);
            }
            Self::RetainedCleared { topic } => {
                put.kind(10).bytes(topic.as_bytes());
            }
            Self::Queued { client_identifier, sequence, qos, retain } => {
                put.kind(11).bytes(client_identifier.as_bytes()).number(sequence);
                put.kind(qos as u8).kind(retain.into());
            }
            Self::Started { client_identifier, packet_identifier } => {
                put.kind(12).exchange(client_identifier, packet_identifier);
            }
            Self::Dropped { client_identifier } => {
                put.kind(13).bytes(client_identifier.as_bytes());
            }
            Self::Recorded { client_identifier, packet_identifier } => {
                put.kind(14).exchange(client_identifier, packet_identifier);
            }
            Self::Completed { client_identifier, packet_identifier } => {
                put.kind(15).exchange(client_identifier, packet_identifier);
            }
        }
    }
}

/// Appends fields.
struct Fields<'a>(&'a mut Vec<u8>);

impl Fields<'_> {
    fn kind(&mut self, kind: u8) -> &mut Self {
        self.0.push(kind);
        self
    }

    fn number(&mut self, number: u64) -> &mut Self {
        self.0.extend_from_slice(&number.to_le_bytes());
        self
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let len = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        self.0.extend_from_slice(&len.to_le_bytes());
        self.0.extend_from_slice(bytes);
        self
    }

    fn exchange(&mut self, client: &str, identifier: PacketIdentifier) -> &mut Self {
        self.bytes(client.as_bytes()).number(identifier.get().into())
    }
}
