//! A [`Call`] as bytes.

use alloc::string::String;
use alloc::vec::Vec;
use core::net::SocketAddr;

use mqtt_codec::{ReasonCode, SubscriptionIdentifier, SubscriptionOptions, TopicFilter, TopicName};

use super::Call;
use crate::boundary::{ConnectionHandle, LocalSubscription, Lsn, Peer, Shard, Ticket};
use crate::policy::Verdict;

impl<'a> Call<'a> {
    pub(in crate::recording) fn encode(&self, out: &mut Vec<u8>) {
        let mut put = Put(out);
        match self {
            Self::Begin { version, seed } => put.kind(0).number(*version).number(*seed),
            Self::Time { distance, backward } => {
                put.kind(1).number(*distance).number((*backward).into())
            }
            Self::Verdict(verdict) => put.kind(2).verdict(verdict),
            Self::Check { hash } => put.kind(3).number(*hash),
            Self::Accept { peer } => put.kind(4).bytes(address(peer.address).as_bytes()),
            Self::Input { connection, bytes } => put.kind(5).connection(*connection).bytes(bytes),
            Self::Eof { connection } => put.kind(6).connection(*connection),
            Self::Timeout => put.kind(7),
            Self::Outputs(calls) => put.kind(8).number(*calls),
            Self::Records(calls) => put.kind(9).number(*calls),
            Self::Transmit { connection, buffer } => {
                put.kind(10).connection(*connection).number(*buffer)
            }
            Self::Durable(lsn) => put.kind(11).number(lsn.0),
            Self::Publish { packet } => put.kind(12).bytes(packet),
            Self::Subscribe { filter, options, identifier, window } => {
                let identifier = identifier.map_or(0, |identifier| identifier.get().into());
                put.kind(13).bytes(filter.as_bytes()).number(options.as_u8().into());
                put.number(identifier).number((*window).into())
            }
            Self::Unsubscribe(local) => put.kind(14).local(*local),
            Self::Kick { client, reason_code } => {
                put.kind(15).bytes(client.as_bytes()).number(reason_code.value().into())
            }
            Self::Redirect { client, server_reference, permanently } => {
                put.kind(16).bytes(client.as_bytes()).bytes(server_reference.as_bytes());
                put.number((*permanently).into())
            }
            Self::RemoveSession { client } => put.kind(17).bytes(client.as_bytes()),
            Self::RemoveSubscription { client, filter } => {
                put.kind(18).bytes(client.as_bytes()).bytes(filter.as_bytes())
            }
            Self::Resolve(ticket, verdict) => put.kind(19).number(ticket.0).verdict(verdict),
            Self::RemoveWill { client } => put.kind(40).bytes(client.as_bytes()),
            Self::Matching { topic } => put.kind(42).bytes(topic.as_bytes()),
            Self::InputEnds { connection } => put.kind(41).connection(*connection),
            Self::Shutdown => put.kind(20),
            Self::Snapshot => put.kind(22),
            Self::PeerUp(peer) => put.kind(23).number(peer.0.into()),
            Self::PeerDown(peer) => put.kind(24).number(peer.0.into()),
            Self::Forward { origin, frame } => put.kind(25).number(origin.0.into()).bytes(frame),
            Self::PollForward(peer) => put.kind(26).number(peer.0.into()),
            Self::Applied { record } => put.kind(27).bytes(record),
            Self::CameBack => put.kind(28),
            Self::Taken { subscription, messages } => {
                put.kind(21).local(*subscription).number((*messages).into())
            }
        };
    }

    /// The call at the front of `bytes`, which are left with what follows; `None` if there is no
    /// whole call.
    pub(in crate::recording) fn decode(bytes: &mut &'a [u8]) -> Option<Self> {
        let mut get = Get(bytes);
        let call = match get.kind()? {
            0 => Self::Begin { version: get.number()?, seed: get.number()? },
            1 => Self::Time { distance: get.number()?, backward: get.number()? != 0 },
            2 => Self::Verdict(get.verdict()?),
            3 => Self::Check { hash: get.number()? },
            4 => Self::Accept { peer: get.peer()? },
            5 => Self::Input { connection: get.connection()?, bytes: get.bytes()? },
            6 => Self::Eof { connection: get.connection()? },
            7 => Self::Timeout,
            8 => Self::Outputs(get.number()?),
            9 => Self::Records(get.number()?),
            10 => Self::Transmit { connection: get.connection()?, buffer: get.number()? },
            11 => Self::Durable(Lsn(get.number()?)),
            12 => Self::Publish { packet: get.bytes()? },
            13 => Self::Subscribe {
                filter: get.filter()?,
                options: SubscriptionOptions::from_u8(get.small()?).ok()?,
                identifier: SubscriptionIdentifier::new(get.u32()?),
                window: get.u32()?,
            },
            14 => Self::Unsubscribe(get.local()?),
            15 => Self::Kick { client: get.text()?, reason_code: get.reason_code()? },
            16 => Self::Redirect {
                client: get.text()?,
                server_reference: get.text()?,
                permanently: get.number()? != 0,
            },
            17 => Self::RemoveSession { client: get.text()? },
            18 => Self::RemoveSubscription { client: get.text()?, filter: get.filter()? },
            19 => Self::Resolve(Ticket(get.number()?), get.verdict()?),
            20 => Self::Shutdown,
            21 => Self::Taken { subscription: get.local()?, messages: get.u32()? },
            22 => Self::Snapshot,
            23 => Self::PeerUp(get.shard()?),
            24 => Self::PeerDown(get.shard()?),
            25 => Self::Forward { origin: get.shard()?, frame: get.bytes()? },
            26 => Self::PollForward(get.shard()?),
            27 => Self::Applied { record: get.bytes()? },
            28 => Self::CameBack,
            40 => Self::RemoveWill { client: get.text()? },
            41 => Self::InputEnds { connection: get.connection()? },
            42 => Self::Matching { topic: get.topic()? },
            _ => return None,
        };
        *bytes = get.0;
        Some(call)
    }
}

fn address(address: Option<SocketAddr>) -> String {
    address.map(|address| alloc::format!("{address}")).unwrap_or_default()
}

const fn low_bits(number: u64) -> u8 {
    let [lowest, ..] = number.to_le_bytes();
    lowest & 0x7F
}

/// Appends fields.
struct Put<'a>(&'a mut Vec<u8>);

impl Put<'_> {
    fn kind(&mut self, kind: u8) -> &mut Self {
        self.0.push(kind);
        self
    }

    fn number(&mut self, mut number: u64) -> &mut Self {
        while number > 0x7F {
            self.0.push(low_bits(number) | 0x80);
            number >>= 7;
        }
        self.kind(low_bits(number))
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        self.number(bytes.len() as u64).0.extend_from_slice(bytes);
        self
    }

    fn connection(&mut self, connection: ConnectionHandle) -> &mut Self {
        self.number(connection.index.into()).number(connection.generation.into())
    }

    fn local(&mut self, local: LocalSubscription) -> &mut Self {
        self.number(local.index.into()).number(local.generation.into())
    }

    fn verdict(&mut self, verdict: &Verdict) -> &mut Self {
        match verdict {
            Verdict::Allow => self.kind(0),
            Verdict::AllowWith(data) => self.kind(1).bytes(data),
            Verdict::Challenge(data) => self.kind(2).bytes(data),
            Verdict::Deny(code) => self.kind(3).number(code.value().into()),
            Verdict::Redirect { server_reference, permanently } => {
                self.kind(4).bytes(server_reference.as_bytes()).number((*permanently).into())
            }
            Verdict::Defer => self.kind(5),
        }
    }
}

/// Takes fields from the front.
struct Get<'a>(&'a [u8]);

impl<'a> Get<'a> {
    fn kind(&mut self) -> Option<u8> {
        let (first, rest) = self.0.split_first()?;
        self.0 = rest;
        Some(*first)
    }

    fn number(&mut self) -> Option<u64> {
        let mut number = 0;
        for shift in (0..64).step_by(7) {
            let byte = self.kind()?;
            number |= u64::from(byte & 0x7F) << shift;
            if byte < 0x80 {
                return Some(number);
            }
        }
        None
    }

    fn u32(&mut self) -> Option<u32> {
        self.number()?.try_into().ok()
    }

    fn shard(&mut self) -> Option<Shard> {
        Some(Shard(self.number()?.try_into().ok()?))
    }

    fn small(&mut self) -> Option<u8> {
        self.number()?.try_into().ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.number()?.try_into().ok()?;
        let (bytes, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(bytes)
    }

    fn text(&mut self) -> Option<&'a str> {
        core::str::from_utf8(self.bytes()?).ok()
    }

    fn filter(&mut self) -> Option<TopicFilter<'a>> {
        TopicFilter::new(self.text()?).ok()
    }

    fn topic(&mut self) -> Option<TopicName<'a>> {
        TopicName::new(self.text()?).ok()
    }

    fn reason_code(&mut self) -> Option<ReasonCode> {
        ReasonCode::from_u8(self.small()?)
    }

    fn peer(&mut self) -> Option<Peer> {
        Some(match self.text()? {
            "" => Peer::default(),
            address => Peer::new(address.parse().ok()?),
        })
    }

    fn connection(&mut self) -> Option<ConnectionHandle> {
        Some(ConnectionHandle { index: self.u32()?, generation: self.u32()? })
    }

    fn local(&mut self) -> Option<LocalSubscription> {
        Some(LocalSubscription { index: self.u32()?, generation: self.u32()? })
    }

    fn verdict(&mut self) -> Option<Verdict> {
        Some(match self.kind()? {
            0 => Verdict::Allow,
            1 => Verdict::AllowWith(self.bytes()?.to_vec()),
            2 => Verdict::Challenge(self.bytes()?.to_vec()),
            3 => Verdict::Deny(self.reason_code()?),
            4 => Verdict::Redirect {
                server_reference: String::from(self.text()?),
                permanently: self.number()? != 0,
            },
            5 => Verdict::Defer,
            _ => return None,
        })
    }
}
