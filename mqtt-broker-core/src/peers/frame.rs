//! [`Frame`]: what one broker says to another, and its bytes.
//!
//! A kind byte, then the fields, in the form of the journal's.

use alloc::vec::Vec;

use mqtt_codec::{PassThrough, QoS, TopicFilter, TopicName};

use super::stamps::Stamp;
use crate::journal::{Fields, Malformed, Reader, pass_through};

/// The version of all frames of a link. Its place, after the kind of the first of them, is the same in
/// any other.
const VERSION: u8 = 1;

/// One frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Frame<'a> {
    /// The first of a link.
    Hello {
        /// The run that its sender's sequences belong to.
        run: u64,
        /// The run of the other that the sender knows, and the highest sequence it has of it.
        your_run: u64,
        received: u64,
    },
    /// All interests follow.
    Restate,
    /// These were all.
    Restated,
    /// Somebody subscribes to this filter, or nobody any more.
    Interest {
        wanted: bool,
        filter: TopicFilter<'a>,
    },
    /// To be answered with the same number, after all that came before.
    Mark(u64),
    Marked(u64),
    /// An Application Message.
    Message(Message<'a>),
    /// All messages up to this sequence are taken, durably.
    Received(u64),
}

/// An Application Message between brokers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Message<'a> {
    /// 0: it is not kept, and comes once at most.
    pub(crate) sequence: u64,
    pub(crate) qos: QoS,
    /// The RETAIN flag it was published with.
    pub(crate) retain: bool,
    /// The change of the retained message; of count 0 if it is none.
    pub(crate) stamp: Stamp,
    /// It is for all who subscribe but groups.
    pub(crate) direct: bool,
    /// The groups that it is for, each Topic Filter after its length.
    pub(crate) groups: &'a [u8],
    /// Microseconds it has left, if it expires.
    pub(crate) time_left: Option<u64>,
    pub(crate) topic: TopicName<'a>,
    pub(crate) properties: PassThrough<'a>,
    pub(crate) payload: &'a [u8],
}

impl<'a> Message<'a> {
    /// The groups that it is for.
    pub(crate) fn groups(&self) -> impl Iterator<Item = TopicFilter<'a>> {
        let mut take = Reader(self.groups);
        core::iter::from_fn(move || take.filter().ok())
    }
}

impl<'a> Frame<'a> {
    pub(crate) fn encode(&self, out: &mut Vec<u8>) {
        let mut put = Fields(out);
        match *self {
            Self::Hello { run, your_run, received } => {
                put.kind(1).kind(VERSION).number(run).number(your_run).number(received);
            }
            Self::Restate => drop(put.kind(2)),
            Self::Restated => drop(put.kind(3)),
            Self::Interest { wanted, filter } => {
                put.kind(4).flag(wanted).bytes(filter.as_bytes());
            }
            Self::Mark(number) => drop(put.kind(5).number(number)),
            Self::Marked(number) => drop(put.kind(6).number(number)),
            Self::Message(message) => {
                put.kind(7).number(message.sequence).kind(message.qos as u8);
                put.flag(message.retain).flag(message.direct);
                put.number(message.stamp.count).number(message.stamp.shard.0.into());
                put.bytes(message.groups);
                put.number(message.time_left.map_or(0, |left| left.saturating_add(1)));
                put.bytes(message.topic.as_bytes()).bytes(message.properties.as_bytes());
                put.bytes(message.payload);
            }
            Self::Received(sequence) => drop(put.kind(8).number(sequence)),
        }
    }

    /// Whether what it leads to may be in the journal.
    pub(crate) const fn may_be_recorded(&self) -> bool {
        match self {
            Self::Mark(_) | Self::Marked(_) => false,
            Self::Message(message) => message.sequence > 0 || message.stamp.count > 0,
            _ => true,
        }
    }

    /// The frame that these bytes are.
    pub(crate) fn decode(bytes: &'a [u8]) -> Result<Self, Malformed> {
        let mut take = Reader(bytes);
        let frame = match take.byte()? {
            1 if take.byte()? != VERSION => return Err("frames of an unknown version"),
            1 => Self::Hello {
                run: take.number()?,
                your_run: take.number()?,
                received: take.number()?,
            },
            2 => Self::Restate,
            3 => Self::Restated,
            4 => Self::Interest { wanted: take.flag()?, filter: take.filter()? },
            5 => Self::Mark(take.number()?),
            6 => Self::Marked(take.number()?),
            7 => Self::Message(Message::decode(&mut take)?),
            8 => Self::Received(take.number()?),
            _ => return Err("a frame of no known kind"),
        };
        if take.0.is_empty() { Ok(frame) } else { Err("a frame that is too long") }
    }
}

impl<'a> Message<'a> {
    fn decode(take: &mut Reader<'a>) -> Result<Self, Malformed> {
        Ok(Self {
            sequence: take.number()?,
            qos: take.qos()?,
            retain: take.flag()?,
            direct: take.flag()?,
            stamp: Stamp { count: take.number()?, shard: take.shard()? },
            groups: take.bytes()?,
            time_left: take.number()?.checked_sub(1),
            topic: take.topic()?,
            properties: pass_through(take.bytes()?)?,
            payload: take.bytes()?,
        })
    }
}

#[cfg(test)]
mod tests;
