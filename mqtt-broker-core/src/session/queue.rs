//! What waits for a connection or a Session: copies of publications, and answers.
//!
//! A connection's line holds [`Item`]s, a Session's queue [`Copy`]s; both are [`Lists`], so that an
//! idle one holds nothing. A QoS 1 or 2 message under way lies in its Session's
//! [`InFlight`](super::InFlight) window, and the line names it by its Packet Identifier.

use alloc::boxed::Box;
use alloc::vec::Vec;

use mqtt_codec::{PacketIdentifier, QoS, ReasonCode, SubscriptionIdentifier};

use crate::boundary::Lsn;
pub(crate) use crate::store::List;
use crate::store::{Account, Full, Lists, Slab, grow};

/// The connection of a Session that was connected when the broker stopped. No connection has this
/// index.
pub(crate) const LOST: u32 = NONE - 1;

/// No connection, no session, no publication.
pub(crate) const NONE: u32 = u32::MAX;

/// One thing that a connection is to be sent.
#[derive(Clone, core::marker::Copy)]
pub(crate) enum Item {
    /// A QoS 0 copy of a publication.
    Live { publication: u32, identifiers: Identifiers, retain: bool },
    /// The message or PUBREL that has this place in the Session's window.
    UnderWay(PacketIdentifier),
    /// PUBACK, PUBREC, PUBCOMP, or a PUBREL for a message that is not there.
    Ack { kind: AckKind, packet_identifier: PacketIdentifier, reason_code: ReasonCode },
    /// PINGRESP.
    Pingresp,
    /// A packet encoded when it was decided: CONNACK, SUBACK, UNSUBACK, DISCONNECT. The bytes are
    /// beside the lines, under this key.
    Packet(u32),
}

impl Item {
    /// Whether the standard orders it with what else goes to the client.
    pub(crate) const fn is_in_order(&self) -> bool {
        !matches!(self, Self::Pingresp | Self::Live { .. })
    }
}

/// Which acknowledgement.
#[derive(Clone, core::marker::Copy, PartialEq, Eq)]
pub(crate) enum AckKind {
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
}

/// One subscriber's copy of a publication that waits or is under way: all that differs from copy to
/// copy.
#[derive(Clone, core::marker::Copy)]
pub(crate) struct Copy {
    pub(crate) publication: u32,
    pub(crate) identifiers: Identifiers,
    /// The serial of the share group it was chosen from; 0 if none.
    pub(crate) group: u32,
    pub(crate) qos: QoS,
    pub(crate) flags: Flags,
}

impl Copy {
    /// Whether the journal still has it when its Session has ended: it is to be given to another
    /// member of a share group. Of one that was under way, the journal does not know whether it was sent.
    pub(crate) fn is_left_over(&self, was_under_way: bool) -> bool {
        let may_be_received = was_under_way && self.qos == QoS::ExactlyOnce;
        self.group != 0 && self.flags.has(Flags::JOURNALLED) && !may_be_received
    }
}

/// What a Packet Identifier stands for.
#[derive(Clone, core::marker::Copy)]
pub(crate) enum UnderWay {
    /// A message that is not acknowledged.
    Message(Copy),
    /// A PUBREL that awaits its PUBCOMP.
    Release(Flags),
}

// A queue may hold very many, and a window is walked.
const _: [(); 16] = [(); size_of::<Copy>()];
const _: [(); 16] = [(); size_of::<Option<UnderWay>>()];

impl UnderWay {
    #[inline]
    pub(crate) const fn flags(&self) -> Flags {
        match self {
            Self::Message(copy) => copy.flags,
            Self::Release(flags) => *flags,
        }
    }

    #[inline]
    pub(crate) const fn flags_mut(&mut self) -> &mut Flags {
        match self {
            Self::Message(copy) => &mut copy.flags,
            Self::Release(flags) => flags,
        }
    }
}

/// What is or is not so of a copy.
#[derive(Clone, core::marker::Copy, Default, PartialEq, Eq)]
pub(crate) struct Flags(u8);

impl Flags {
    /// Its RETAIN flag.
    pub(crate) const RETAIN: Self = Self(1);
    /// It has been sent on some connection: sent again it is a duplicate.
    pub(crate) const SENT: Self = Self(2);
    /// It counts against the Receive Maximum of the current connection.
    pub(crate) const ON_WIRE: Self = Self(4);
    /// It is in the line of a connection, so that no acknowledgement can be meant for it yet.
    pub(crate) const LINKED: Self = Self(8);
    /// The journal knows it.
    pub(crate) const JOURNALLED: Self = Self(16);
    /// It is not to be sent before a record is durable: the Session's newest is no earlier.
    pub(crate) const GATED: Self = Self(32);

    #[inline]
    pub(crate) const fn has(self, flag: Self) -> bool {
        self.0 & flag.0 != 0
    }

    #[inline]
    pub(crate) const fn set(&mut self, flag: Self, on: bool) {
        self.0 = if on { self.0 | flag.0 } else { self.0 & !flag.0 };
    }

    #[inline]
    pub(crate) const fn with(mut self, flag: Self, on: bool) -> Self {
        self.set(flag, on);
        self
    }
}

/// The Subscription Identifiers of one copy, in four bytes: nearly always none or one, else the key
/// of a list beside the entries.
#[derive(Clone, core::marker::Copy, Default, PartialEq, Eq)]
pub(crate) struct Identifiers(u32);

/// Marks a key; identifiers end far below.
const MANY: u32 = 1 << 31;

impl From<Option<SubscriptionIdentifier>> for Identifiers {
    fn from(identifier: Option<SubscriptionIdentifier>) -> Self {
        Self(identifier.map_or(0, SubscriptionIdentifier::get))
    }
}

impl Identifiers {
    #[inline]
    pub(crate) const fn is_none(self) -> bool {
        self.0 == 0
    }
}

/// All that waits or is under way, with the few parts that are too large for an entry, and how much
/// it is: an *entry* is a copy or an answer, wherever it is.
pub(crate) struct Entries {
    /// What connections can be sent.
    pub(crate) outgoing: Lists<Item, 10>,
    /// What they can be sent once that record is durable.
    pub(crate) held: Lists<(Lsn, Item), 5>,
    /// What Sessions are to be sent and have no Packet Identifier for.
    pub(crate) waiting: Lists<Copy, 7>,
    len: u32,
    limit: u32,
    identifiers: Slab<Vec<SubscriptionIdentifier>>,
    packets: Slab<Box<[u8]>>,
    account: Account,
}

impl Entries {
    pub(crate) fn new(account: &Account, limit: u32) -> Self {
        Self {
            outgoing: Lists::new(account),
            held: Lists::new(account),
            waiting: Lists::new(account),
            len: 0,
            limit,
            identifiers: Slab::new(account, limit),
            packets: Slab::new(account, limit),
            account: account.clone(),
        }
    }

    /// Counts so many more copies. Messages get none beyond seven eighths: who keeps them waiting must
    /// not keep anybody from being answered.
    #[inline]
    pub(crate) fn take_messages(&mut self, copies: u32) -> Result<(), Full> {
        self.take_below(self.limit - self.limit / 8, copies)
    }

    /// Counts one more answer.
    #[inline]
    pub(crate) fn take_answer(&mut self) -> Result<(), Full> {
        self.take_below(self.limit, 1)
    }

    #[inline]
    fn take_below(&mut self, limit: u32, entries: u32) -> Result<(), Full> {
        let len = self.len.saturating_add(entries);
        if len > limit {
            return Err(Full);
        }
        self.len = len;
        Ok(())
    }

    /// So many entries are over.
    #[inline]
    pub(crate) fn give(&mut self, entries: u32) {
        self.len -= entries;
    }

    /// Makes an item of an encoded packet, which is counted.
    pub(crate) fn insert_packet(&mut self, bytes: Box<[u8]>) -> Result<Item, Full> {
        let len = bytes.len();
        self.take_answer()?;
        let (packets, account) = (&mut self.packets, &self.account);
        let taken = account.urgently(|| {
            account.take(len)?;
            packets.insert(bytes).inspect_err(|_| account.give(len))
        });
        taken.map(Item::Packet).inspect_err(|_| self.give(1))
    }

    /// The bytes of an encoded packet.
    pub(crate) fn packet(&self, packet: u32) -> &[u8] {
        self.packets.get(packet).map_or(&[], |bytes| bytes)
    }

    pub(crate) fn remove_packet(&mut self, packet: u32) {
        if let Some(bytes) = self.packets.remove(packet) {
            self.account.give(bytes.len());
        }
    }

    /// Adds an identifier to others.
    //= [MQTT-3.3.4-4]
    pub(crate) fn add_identifier(
        &mut self,
        identifiers: &mut Identifiers,
        identifier: SubscriptionIdentifier,
    ) {
        if identifiers.is_none() {
            *identifiers = Some(identifier).into();
        } else if identifiers.0 >= MANY {
            let Some(many) = self.identifiers.get_mut(identifiers.0 - MANY) else { return };
            if many.len() < many.capacity() || grow(many, many.len(), &self.account).is_ok() {
                many.push(identifier);
            }
        } else if let Some(first) = SubscriptionIdentifier::new(identifiers.0) {
            let mut list = Vec::new();
            if grow(&mut list, 4, &self.account).is_err() {
                return;
            }
            list.extend([first, identifier]);
            let bytes = list.capacity() * size_of::<SubscriptionIdentifier>();
            match self.identifiers.insert(list) {
                Ok(many) => *identifiers = Identifiers(MANY | many),
                Err(Full) => self.account.give(bytes),
            }
        }
    }

    #[inline]
    pub(crate) fn remove_identifiers(&mut self, identifiers: Identifiers) {
        if identifiers.0 >= MANY {
            if let Some(list) = self.identifiers.remove(identifiers.0 - MANY) {
                self.account.give(list.capacity() * size_of::<SubscriptionIdentifier>());
            }
        }
    }

    /// The identifiers behind `identifiers`; a single one is put into `one`.
    #[inline]
    pub(crate) fn identifiers<'a>(
        &'a self,
        identifiers: Identifiers,
        one: &'a mut Option<SubscriptionIdentifier>,
    ) -> &'a [SubscriptionIdentifier] {
        if identifiers.0 >= MANY {
            return self.identifiers.get(identifiers.0 - MANY).map_or(&[], |many| many);
        }
        *one = SubscriptionIdentifier::new(identifiers.0);
        one.as_slice()
    }

    /// The heap held, in bytes, without encoded packets.
    pub(crate) fn bytes(&self) -> usize {
        self.outgoing.bytes()
            + self.held.bytes()
            + self.waiting.bytes()
            + self.identifiers.bytes()
            + self.packets.bytes()
    }

    pub(crate) const fn len(&self) -> u32 {
        self.len
    }
}
