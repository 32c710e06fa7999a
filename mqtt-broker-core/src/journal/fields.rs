//! The fields of a change: written, and read from bytes that may be anything.

use alloc::vec::Vec;

use mqtt_codec::{
    PacketIdentifier, QoS, SubscriptionIdentifier, SubscriptionOptions, TopicFilter, TopicName,
    Version,
};

use super::change::Malformed;
use crate::boundary::Shard;
use crate::time::Instant;

/// Appends fields.
pub(crate) struct Fields<'a>(pub(crate) &'a mut Vec<u8>);

impl Fields<'_> {
    pub(crate) fn kind(&mut self, kind: u8) -> &mut Self {
        self.0.push(kind);
        self
    }

    pub(crate) fn flag(&mut self, flag: bool) -> &mut Self {
        self.kind(flag.into())
    }

    /// Seven bits a byte, the least first; the top bit says that more follow.
    pub(crate) fn number(&mut self, mut number: u64) -> &mut Self {
        while let more @ 1.. = number >> 7 {
            self.0.push((number & 0x7f) as u8 | 0x80);
            number = more;
        }
        self.kind((number & 0x7f) as u8)
    }

    pub(crate) fn instant(&mut self, instant: Instant) -> &mut Self {
        self.number(instant.0.wrapping_add(1))
    }

    pub(crate) fn identifier(&mut self, identifier: Option<SubscriptionIdentifier>) -> &mut Self {
        self.number(identifier.map_or(0, SubscriptionIdentifier::get).into())
    }

    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64).0.extend_from_slice(bytes);
        self
    }
}

/// Takes fields from the front of bytes.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn byte(&mut self) -> Result<u8, Malformed> {
        let (byte, rest) = self.0.split_first().ok_or("it ends too soon")?;
        self.0 = rest;
        Ok(*byte)
    }

    pub(crate) fn flag(&mut self) -> Result<bool, Malformed> {
        match self.byte()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err("a flag that is neither 0 nor 1"),
        }
    }

    pub(crate) fn number(&mut self) -> Result<u64, Malformed> {
        let mut number = 0;
        for place in (0..u64::BITS).step_by(7) {
            let byte = self.byte()?;
            let bits = u64::from(byte & 0x7f);
            if bits << place >> place != bits {
                break;
            }
            number |= bits << place;
            if byte < 0x80 {
                return Ok(number);
            }
        }
        Err("a large number")
    }

    /// A number of a row that goes on from there.
    pub(crate) fn counted(&mut self) -> Result<u64, Malformed> {
        self.number().ok().filter(|number| number >> 63 == 0).ok_or("a large number")
    }

    pub(crate) fn number_u32(&mut self) -> Result<u32, Malformed> {
        u32::try_from(self.number()?).map_err(|_| "a large number")
    }

    pub(crate) fn shard(&mut self) -> Result<Shard, Malformed> {
        Ok(Shard(u16::try_from(self.number()?).map_err(|_| "a large number")?))
    }

    pub(crate) fn instant(&mut self) -> Result<Instant, Malformed> {
        Ok(Instant(self.number()?.wrapping_sub(1)))
    }

    pub(crate) fn bytes(&mut self) -> Result<&'a [u8], Malformed> {
        let len = usize::try_from(self.number()?).map_err(|_| "a large number")?;
        let (bytes, rest) = self.0.split_at_checked(len).ok_or("it ends too soon")?;
        self.0 = rest;
        Ok(bytes)
    }

    pub(crate) fn text(&mut self) -> Result<&'a str, Malformed> {
        core::str::from_utf8(self.bytes()?).map_err(|_| "a string that is not UTF-8")
    }

    pub(crate) fn qos(&mut self) -> Result<QoS, Malformed> {
        QoS::from_u8(self.byte()?).ok_or("no QoS")
    }

    pub(crate) fn topic(&mut self) -> Result<TopicName<'a>, Malformed> {
        TopicName::from_bytes(self.bytes()?).map_err(|_| "no Topic Name")
    }

    /// 3.x knows filters that are none in 5.0.
    pub(crate) fn filter(&mut self) -> Result<TopicFilter<'a>, Malformed> {
        TopicFilter::in_version(self.bytes()?, Version::V3_1_1).map_err(|_| "no Topic Filter")
    }

    pub(crate) fn options(&mut self) -> Result<SubscriptionOptions, Malformed> {
        SubscriptionOptions::from_u8(self.byte()?).map_err(|_| "no subscription options")
    }

    pub(crate) fn identifier(&mut self) -> Result<Option<SubscriptionIdentifier>, Malformed> {
        match self.number_u32()? {
            0 => Ok(None),
            number => match SubscriptionIdentifier::new(number) {
                None => Err("no Subscription Identifier"),
                identifier => Ok(identifier),
            },
        }
    }

    pub(crate) fn packet_identifier(&mut self) -> Result<PacketIdentifier, Malformed> {
        let number = u16::try_from(self.number()?).map_err(|_| "a large number")?;
        PacketIdentifier::new(number).ok_or("no Packet Identifier")
    }
}
