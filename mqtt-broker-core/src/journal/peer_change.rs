//! [`PeerChange`]: one change of what is between this broker and a peer, and its bytes.

use mqtt_codec::TopicFilter;

use super::change::Malformed;
use super::fields::{Fields, Reader};
use crate::boundary::Shard;

/// One change of what is between this broker and a peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum PeerChange<'a> {
    /// A snapshot tells of it from here on.
    Told,
    /// It has this run, of which all up to a sequence is here.
    Heard { run: u64, received: u64 },
    /// All of its run up to this sequence is here.
    Received { sequence: u64 },
    /// It wants what matches this filter: in the list of this turn, for the group of this serial.
    Interested { turn: bool, filter: TopicFilter<'a>, group: u32 },
    /// It does not.
    Uninterested { filter: TopicFilter<'a> },
    /// The list of this turn has all that it wants.
    Restated { turn: bool },
    /// A message is kept for it.
    Kept { sequence: u64, publication: u64, count: u64, direct: bool, groups: &'a [u8] },
    /// It has all up to this sequence.
    Confirmed { sequence: u64 },
}

impl<'a> PeerChange<'a> {
    pub(super) fn encode(&self, peer: Shard, mut put: Fields<'_>) {
        let kind = |kind: u8| {
            put.kind(kind).number(peer.0.into());
            put
        };
        match *self {
            Self::Told => drop(kind(40)),
            Self::Heard { run, received } => drop(kind(41).number(run).number(received)),
            Self::Received { sequence } => drop(kind(42).number(sequence)),
            Self::Interested { turn, filter, group } => {
                kind(43).flag(turn).bytes(filter.as_bytes()).number(group.into());
            }
            Self::Uninterested { filter } => drop(kind(44).bytes(filter.as_bytes())),
            Self::Restated { turn } => drop(kind(45).flag(turn)),
            Self::Kept { sequence, publication, count, direct, groups } => {
                let mut put = kind(46);
                put.number(sequence).number(publication).number(count).flag(direct).bytes(groups);
            }
            Self::Confirmed { sequence } => drop(kind(47).number(sequence)),
        }
    }

    pub(super) fn decode(kind: u8, take: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(match kind {
            40 => Self::Told,
            41 => Self::Heard { run: take.number()?, received: take.number()? },
            42 => Self::Received { sequence: take.number()? },
            43 => Self::Interested {
                turn: take.flag()?,
                filter: take.filter()?,
                group: take.number_u32()?,
            },
            44 => Self::Uninterested { filter: take.filter()? },
            45 => Self::Restated { turn: take.flag()? },
            46 => Self::Kept {
                sequence: take.counted()?,
                publication: take.number()?,
                count: take.number()?,
                direct: take.flag()?,
                groups: take.bytes()?,
            },
            47 => Self::Confirmed { sequence: take.counted()? },
            _ => return Err("a change of no known kind"),
        })
    }
}
