//! [`Change`]: one change of durable state, and its bytes.
//!
//! A kind byte, then the fields. Numbers are LEB128, instants are numbers one later (so that
//! "never" is 0), strings and bytes go after their length.

use alloc::vec::Vec;

use mqtt_codec::{
    PacketIdentifier, PassThrough, Property, QoS, SubscriptionIdentifier, SubscriptionOptions,
    TopicFilter, TopicName, Version,
};

use super::fields::{Fields, Reader};
use super::peer_change::PeerChange;
use crate::boundary::Shard;
use crate::peers::stamps::Stamp;
use crate::publication::Publication;
use crate::time::Instant;

/// What is wrong with the bytes of a change.
pub(crate) type Malformed = &'static str;

/// One change of durable state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change<'a> {
    /// A change of the Session of this number. Numbers are never used again.
    Session(u64, SessionChange<'a>),
    /// An Application Message, which what follows names by its sequence.
    Published(Published<'a>),
    /// Nothing that lasts names it any more.
    Forgotten {
        sequence: u64,
    },
    /// It is the retained message of its topic.
    Retained {
        sequence: u64,
    },
    RetainedCleared {
        topic: TopicName<'a>,
    },
    /// The broker came back from its journal: everyone's connection is gone.
    Restarted,
    /// The last sequence and the last Session's number that were given out.
    Counted {
        sequence: u64,
        sessions: u64,
    },
    /// The run of this broker, as its peers know it.
    Run(u64),
    /// The last change of the retained message of a topic.
    Stamped {
        topic: TopicName<'a>,
        stamp: Stamp,
        cleared: bool,
    },
    /// A change of what is between this broker and a peer.
    Peer(Shard, PeerChange<'a>),
}

/// One change of a Session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SessionChange<'a> {
    /// It began, in place of any that was there, and is connected.
    Began {
        client_identifier: &'a str,
        life: Life<'a>,
    },
    /// It has a new connection.
    Resumed(Life<'a>),
    /// Its connection is gone; it ends then, and its Will Message is due then.
    Left {
        expiry_interval: u32,
        ends_at: Instant,
        will_due: Instant,
    },
    /// It ended, with all it held. If it `gives_on`, what share groups had chosen it for is left, oldest
    /// first, until `Dropped` says of each that it is another's, or nobody's; but nothing of QoS 2 that
    /// was under way, since the client may have it.
    Ended {
        gives_on: bool,
    },
    WillKept {
        sequence: u64,
        delay_interval: u32,
        expiry_interval: Option<u32>,
    },
    /// The Will Message was published or discarded.
    WillGone,
    Subscribed {
        filter: TopicFilter<'a>,
        options: SubscriptionOptions,
        identifier: Option<SubscriptionIdentifier>,
        /// The serial of its share group; 0 if it is not shared.
        group: u32,
    },
    Unsubscribed {
        filter: TopicFilter<'a>,
    },
    /// A QoS 2 message came from the client with this identifier.
    Received(PacketIdentifier),
    /// PUBREL came for it.
    Released(PacketIdentifier),
    /// A copy of a message waits for the client.
    Queued {
        sequence: u64,
        qos: QoS,
        retain: bool,
        /// The serial of the share group that chose the Session; 0 if none did.
        group: u32,
        identifier: Option<SubscriptionIdentifier>,
    },
    /// The newest copy has this identifier as well.
    Identified(SubscriptionIdentifier),
    /// The oldest copy that waits is under way with this identifier.
    Sent(PacketIdentifier),
    /// The oldest copy that waits is gone.
    Dropped,
    /// The client has the message of this identifier: a PUBREL is owed.
    Owed(PacketIdentifier),
    /// The exchange of this identifier is over.
    Completed(PacketIdentifier),
    /// The next message that is sent has this identifier.
    Numbered(PacketIdentifier),
}

/// What a CONNECT says of a Session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Life<'a> {
    pub(crate) version: Version,
    pub(crate) expiry_interval: u32,
    pub(crate) user_name: Option<&'a str>,
}

/// A publication, as the journal knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Published<'a> {
    pub(crate) sequence: u64,
    pub(crate) expires_at: Instant,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) topic: TopicName<'a>,
    pub(crate) properties: PassThrough<'a>,
    pub(crate) payload: &'a [u8],
}

impl<'a> From<&'a Publication> for Published<'a> {
    fn from(publication: &'a Publication) -> Self {
        Self {
            sequence: publication.sequence,
            expires_at: publication.expires_at,
            qos: publication.qos,
            retain: publication.retain(),
            topic: publication.topic(),
            properties: publication.pass_through(),
            payload: publication.payload(),
        }
    }
}

impl<'a> Change<'a> {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut put = Fields(out);
        match *self {
            Self::Session(session, change) => change.encode(session, put),
            Self::Published(published) => {
                put.kind(1).number(published.sequence).instant(published.expires_at);
                put.kind(published.qos as u8).flag(published.retain);
                put.bytes(published.topic.as_bytes());
                put.bytes(published.properties.as_bytes()).bytes(published.payload);
            }
            Self::Forgotten { sequence } => drop(put.kind(2).number(sequence)),
            Self::Retained { sequence } => drop(put.kind(3).number(sequence)),
            Self::RetainedCleared { topic } => drop(put.kind(4).bytes(topic.as_bytes())),
            Self::Restarted => drop(put.kind(5)),
            Self::Counted { sequence, sessions } => {
                put.kind(6).number(sequence).number(sessions);
            }
            Self::Run(run) => drop(put.kind(7).number(run)),
            Self::Stamped { topic, stamp, cleared } => {
                put.kind(8).bytes(topic.as_bytes()).number(stamp.count);
                put.number(stamp.shard.0.into()).flag(cleared);
            }
            Self::Peer(peer, change) => change.encode(peer, put),
        }
    }

    /// The change at the front of `bytes`, which are left with what follows it.
    pub(crate) fn decode(bytes: &mut &'a [u8]) -> Result<Self, Malformed> {
        let mut take = Reader(bytes);
        let change = match take.byte()? {
            1 => Self::Published(Published {
                sequence: take.counted()?,
                expires_at: take.instant()?,
                qos: take.qos()?,
                retain: take.flag()?,
                topic: take.topic()?,
                properties: pass_through(take.bytes()?)?,
                payload: take.bytes()?,
            }),
            2 => Self::Forgotten { sequence: take.number()? },
            3 => Self::Retained { sequence: take.number()? },
            4 => Self::RetainedCleared { topic: take.topic()? },
            5 => Self::Restarted,
            6 => Self::Counted { sequence: take.counted()?, sessions: take.counted()? },
            7 => Self::Run(take.number()?),
            8 => Self::Stamped {
                topic: take.topic()?,
                stamp: Stamp { count: take.number()?, shard: take.shard()? },
                cleared: take.flag()?,
            },
            kind @ 40.. => {
                let peer = take.shard()?;
                Self::Peer(peer, PeerChange::decode(kind, &mut take)?)
            }
            kind => {
                let session = take.counted()?;
                Self::Session(session, SessionChange::decode(kind, &mut take)?)
            }
        };
        *bytes = take.0;
        Ok(change)
    }
}

impl<'a> SessionChange<'a> {
    fn encode(&self, session: u64, mut put: Fields<'_>) {
        let kind = |kind: u8| {
            put.kind(kind).number(session);
            put
        };
        match *self {
            Self::Began { client_identifier, life } => {
                life.encode(kind(16).bytes(client_identifier.as_bytes()));
            }
            Self::Resumed(life) => life.encode(&mut kind(17)),
            Self::Left { expiry_interval, ends_at, will_due } => {
                kind(18).number(expiry_interval.into()).instant(ends_at).instant(will_due);
            }
            Self::Ended { gives_on } => drop(kind(if gives_on { 33 } else { 19 })),
            Self::WillKept { sequence, delay_interval, expiry_interval } => {
                let expiry_interval = expiry_interval.map_or(0, |seconds| u64::from(seconds) + 1);
                kind(20).number(sequence).number(delay_interval.into()).number(expiry_interval);
            }
            Self::WillGone => drop(kind(21)),
            Self::Subscribed { filter, options, identifier, group } => {
                let mut put = kind(22);
                put.bytes(filter.as_bytes()).kind(options.as_u8());
                put.identifier(identifier).number(group.into());
            }
            Self::Unsubscribed { filter } => drop(kind(23).bytes(filter.as_bytes())),
            Self::Received(identifier) => drop(kind(24).number(identifier.get().into())),
            Self::Released(identifier) => drop(kind(25).number(identifier.get().into())),
            Self::Queued { sequence, qos, retain, group, identifier } => {
                let mut put = kind(26);
                put.number(sequence).kind(qos as u8).flag(retain);
                put.number(group.into()).identifier(identifier);
            }
            Self::Identified(identifier) => drop(kind(27).identifier(Some(identifier))),
            Self::Sent(identifier) => drop(kind(28).number(identifier.get().into())),
            Self::Dropped => drop(kind(29)),
            Self::Owed(identifier) => drop(kind(30).number(identifier.get().into())),
            Self::Completed(identifier) => drop(kind(31).number(identifier.get().into())),
            Self::Numbered(identifier) => drop(kind(32).number(identifier.get().into())),
        }
    }

    fn decode(kind: u8, take: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(match kind {
            16 => Self::Began { client_identifier: take.text()?, life: Life::decode(take)? },
            17 => Self::Resumed(Life::decode(take)?),
            18 => Self::Left {
                expiry_interval: take.number_u32()?,
                ends_at: take.instant()?,
                will_due: take.instant()?,
            },
            19 => Self::Ended { gives_on: false },
            20 => Self::WillKept {
                sequence: take.number()?,
                delay_interval: take.number_u32()?,
                expiry_interval: match take.number()?.checked_sub(1) {
                    Some(seconds) => Some(u32::try_from(seconds).map_err(|_| "a large number")?),
                    None => None,
                },
            },
            21 => Self::WillGone,
            22 => Self::Subscribed {
                filter: take.filter()?,
                options: take.options()?,
                identifier: take.identifier()?,
                group: take.number_u32()?,
            },
            23 => Self::Unsubscribed { filter: take.filter()? },
            24 => Self::Received(take.packet_identifier()?),
            25 => Self::Released(take.packet_identifier()?),
            26 => Self::Queued {
                sequence: take.number()?,
                // One of QoS 0 lasts as long as the broker runs.
                qos: Some(take.qos()?).filter(|qos| *qos > QoS::AtMostOnce).ok_or("no QoS")?,
                retain: take.flag()?,
                group: take.number_u32()?,
                identifier: take.identifier()?,
            },
            27 => Self::Identified(take.identifier()?.ok_or("no Subscription Identifier")?),
            28 => Self::Sent(take.packet_identifier()?),
            29 => Self::Dropped,
            30 => Self::Owed(take.packet_identifier()?),
            31 => Self::Completed(take.packet_identifier()?),
            32 => Self::Numbered(take.packet_identifier()?),
            33 => Self::Ended { gives_on: true },
            _ => return Err("a change of no known kind"),
        })
    }
}

impl<'a> Life<'a> {
    fn encode(&self, put: &mut Fields<'_>) {
        put.kind(self.version.level()).number(self.expiry_interval.into());
        put.flag(self.user_name.is_some());
        if let Some(user_name) = self.user_name {
            put.bytes(user_name.as_bytes());
        }
    }

    fn decode(take: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            version: Version::from_level(take.byte()?).ok_or("no version of MQTT")?,
            expiry_interval: take.number_u32()?,
            user_name: if take.flag()? { Some(take.text()?) } else { None },
        })
    }
}

/// Properties that travel with a message, and nothing else.
pub(crate) fn pass_through(bytes: &[u8]) -> Result<PassThrough<'_>, Malformed> {
    let properties = PassThrough::assume_valid(bytes);
    let travels = |property: &Property<'_>| {
        matches!(
            property,
            Property::PayloadFormatIndicator(_)
                | Property::ContentType(_)
                | Property::ResponseTopic(_)
                | Property::CorrelationData(_)
                | Property::UserProperty(..)
        )
    };
    let valid: usize = properties.iter().take_while(travels).map(|p| p.encoded_len()).sum();
    if valid == bytes.len() { Ok(properties) } else { Err("no properties of a message") }
}

#[cfg(test)]
mod tests;
