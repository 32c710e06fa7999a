//! Queue entries: what waits for a connection or a Session, in one slab, linked into lists.
//!
//! An entry is in one list at a time. A QoS 1 or 2 message under way is also named by its Session's
//! [`InFlight`](super::InFlight) window, which owns it until the acknowledgement.

use alloc::boxed::Box;
use alloc::vec::Vec;

use mqtt_codec::{PacketIdentifier, QoS, ReasonCode, SubscriptionIdentifier};

use crate::boundary::Lsn;
use crate::store::{Account, Full, Slab, grow};

/// The connection of a Session that was connected when the broker stopped. No connection has this
/// index.
pub(crate) const LOST: u32 = NONE - 1;

/// No entry, no connection, no session, no publication.
pub(crate) const NONE: u32 = u32::MAX;

/// One thing to send.
pub(crate) struct Entry {
    /// The next in the same list.
    pub(crate) next: u32,
    pub(crate) item: Item,
    /// Not to be sent before this is durable.
    pub(crate) lsn: Lsn,
}

impl Entry {
    /// Whether the standard orders it with what else goes to the client.
    pub(crate) const fn is_in_order(&self) -> bool {
        match &self.item {
            Item::Pingresp => false,
            Item::Message(copy) => !matches!(copy.qos, QoS::AtMostOnce),
            _ => true,
        }
    }
}

/// What is to be sent.
pub(crate) enum Item {
    /// A copy of an Application Message for one subscriber.
    Message(Copy),
    /// PUBACK, PUBREC, PUBCOMP, or a PUBREL for a message that is not there.
    Ack { kind: AckKind, packet_identifier: PacketIdentifier, reason_code: ReasonCode },
    /// A PUBREL that awaits its PUBCOMP; named by the window. The flags are those of a [`Copy`].
    Release { packet_identifier: PacketIdentifier, on_wire: bool, linked: bool },
    /// PINGRESP.
    Pingresp,
    /// A packet encoded when it was decided: CONNACK, SUBACK, UNSUBACK, DISCONNECT. The bytes are
    /// beside the entries, under this key.
    Packet(u32),
}

/// Which acknowledgement.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum AckKind {
    Puback,
    Pubrec,
    Pubrel,
    Pubcomp,
}

/// One subscriber's copy of a publication: all that differs from copy to copy.
pub(crate) struct Copy {
    pub(crate) publication: u32,
    pub(crate) identifiers: Identifiers,
    /// The serial of the share group it was chosen from; 0 if none.
    pub(crate) group: u32,
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    /// It has been sent on some connection: sent again it is a duplicate.
    pub(crate) sent: bool,
    /// It counts against the Receive Maximum of the current connection.
    pub(crate) on_wire: bool,
    /// The journal knows it.
    pub(crate) journalled: bool,
    /// It is in the list of a connection, so that no acknowledgement can be meant for it yet.
    pub(crate) linked: bool,
    /// Set while a QoS 1 or 2 message is under way.
    pub(crate) packet_identifier: Option<PacketIdentifier>,
}

/// The Subscription Identifiers of one copy, in four bytes: nearly always none or one, else the key
/// of a list beside the entries.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Identifiers(u32);

/// Marks a key; identifiers end far below.
const MANY: u32 = 1 << 31;

impl From<Option<SubscriptionIdentifier>> for Identifiers {
    fn from(identifier: Option<SubscriptionIdentifier>) -> Self {
        Self(identifier.map_or(0, SubscriptionIdentifier::get))
    }
}

/// A first-in, first-out list of entries.
#[derive(Clone, Copy)]
pub(crate) struct List {
    head: u32,
    tail: u32,
    len: u32,
}

impl Default for List {
    fn default() -> Self {
        Self { head: NONE, tail: NONE, len: 0 }
    }
}

impl List {
    pub(crate) const fn len(&self) -> u32 {
        self.len
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.head == NONE
    }

    /// The youngest entry's key.
    pub(crate) const fn tail(&self) -> Option<u32> {
        if self.tail == NONE { None } else { Some(self.tail) }
    }

    /// The oldest entry's key.
    pub(crate) const fn head(&self) -> Option<u32> {
        if self.head == NONE { None } else { Some(self.head) }
    }
}

/// All entries of all lists, with the few parts that are too large for one.
pub(crate) struct Entries {
    slots: Slab<Entry>,
    /// Messages get none beyond this many: who keeps them waiting must not keep anybody from being
    /// answered.
    for_messages: u32,
    identifiers: Slab<Vec<SubscriptionIdentifier>>,
    packets: Slab<Box<[u8]>>,
    account: Account,
}

impl Entries {
    pub(crate) fn new(account: &Account, limit: u32) -> Self {
        Self {
            slots: Slab::new(account, limit),
            for_messages: limit - limit / 8,
            identifiers: Slab::new(account, limit),
            packets: Slab::new(account, limit),
            account: account.clone(),
        }
    }

    /// Makes an entry of a copy, in no list.
    #[inline]
    pub(crate) fn insert_message(&mut self, copy: Copy, lsn: Lsn) -> Result<u32, Full> {
        if self.slots.len() >= self.for_messages {
            return Err(Full);
        }
        self.insert(Item::Message(copy), lsn)
    }

    /// Makes an entry that is in no list.
    #[inline]
    pub(crate) fn insert(&mut self, item: Item, lsn: Lsn) -> Result<u32, Full> {
        self.slots.insert(Entry { next: NONE, item, lsn })
    }

    /// Makes an entry of an encoded packet.
    pub(crate) fn insert_packet(&mut self, bytes: Box<[u8]>, lsn: Lsn) -> Result<u32, Full> {
        let len = bytes.len();
        self.account.take(len)?;
        let packet = self.packets.insert(bytes).inspect_err(|_| self.account.give(len))?;
        self.insert(Item::Packet(packet), lsn).inspect_err(|_| {
            self.remove_packet(packet);
        })
    }

    /// The bytes of an encoded packet.
    pub(crate) fn packet(&self, packet: u32) -> &[u8] {
        self.packets.get(packet).map_or(&[], |bytes| bytes)
    }

    /// Adds an identifier to those of the copy under `key`.
    //= [MQTT-3.3.4-4]
    pub(crate) fn add_identifier(&mut self, key: u32, identifier: SubscriptionIdentifier) {
        let Some(copy) = self.copy_mut(key) else { return };
        let before = copy.identifiers;
        if before == Identifiers::default() {
            copy.identifiers = Some(identifier).into();
        } else if before.0 >= MANY {
            let Some(many) = self.identifiers.get_mut(before.0 - MANY) else { return };
            if many.len() < many.capacity() || grow(many, many.len(), &self.account).is_ok() {
                many.push(identifier);
            }
        } else if let Some(first) = SubscriptionIdentifier::new(before.0) {
            let mut list = Vec::new();
            if grow(&mut list, 4, &self.account).is_err() {
                return;
            }
            list.extend([first, identifier]);
            let bytes = list.capacity() * size_of::<SubscriptionIdentifier>();
            match (self.identifiers.insert(list), self.copy_mut(key)) {
                (Ok(many), Some(copy)) => copy.identifiers = Identifiers(MANY | many),
                _ => self.account.give(bytes),
            }
        }
    }

    fn remove_identifiers(&mut self, identifiers: Identifiers) {
        if identifiers.0 >= MANY {
            if let Some(list) = self.identifiers.remove(identifiers.0 - MANY) {
                self.account.give(list.capacity() * size_of::<SubscriptionIdentifier>());
            }
        }
    }

    fn remove_packet(&mut self, packet: u32) {
        if let Some(bytes) = self.packets.remove(packet) {
            self.account.give(bytes.len());
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

    /// The entries of a list, the oldest first.
    pub(crate) fn of_list(&self, list: &List) -> impl Iterator<Item = &Entry> {
        core::iter::successors(self.slots.get(list.head), |entry| self.slots.get(entry.next))
    }

    #[inline]
    pub(crate) fn get(&self, key: u32) -> Option<&Entry> {
        self.slots.get(key)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut Entry> {
        self.slots.get_mut(key)
    }

    /// The copy under `key`, if it is one.
    pub(crate) fn copy_mut(&mut self, key: u32) -> Option<&mut Copy> {
        match self.slots.get_mut(key) {
            Some(Entry { item: Item::Message(copy), .. }) => Some(copy),
            _ => None,
        }
    }

    /// Takes an entry out, which is in no list, with what lies beside it.
    #[inline]
    pub(crate) fn remove(&mut self, key: u32) -> Option<Entry> {
        let entry = self.slots.remove(key)?;
        match &entry.item {
            Item::Message(copy) => self.remove_identifiers(copy.identifiers),
            Item::Packet(packet) => self.remove_packet(*packet),
            _ => {}
        }
        Some(entry)
    }

    /// Appends `key`, which is in no list.
    #[inline]
    pub(crate) fn push(&mut self, list: &mut List, key: u32) {
        if let Some(last) = self.slots.get_mut(list.tail) {
            last.next = key;
        } else {
            list.head = key;
        }
        list.tail = key;
        list.len += 1;
    }

    /// Takes the oldest entry out of `list`; it stays in the slab.
    #[inline]
    pub(crate) fn pop(&mut self, list: &mut List) -> Option<u32> {
        let key = list.head()?;
        let entry = self.slots.get_mut(key)?;
        list.head = core::mem::replace(&mut entry.next, NONE);
        list.len -= 1;
        if list.head == NONE {
            list.tail = NONE;
        }
        Some(key)
    }

    /// Moves all of `more` to the end of `list`.
    pub(crate) fn append(&mut self, list: &mut List, more: List) {
        if more.is_empty() {
            return;
        }
        match self.slots.get_mut(list.tail) {
            Some(last) => last.next = more.head,
            None => list.head = more.head,
        }
        list.tail = more.tail;
        list.len += more.len;
    }

    /// The heap held, in bytes, without encoded packets.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.bytes() + self.identifiers.bytes() + self.packets.bytes()
    }

    /// Puts `key`, which is in no list, in front.
    pub(crate) fn push_front(&mut self, list: &mut List, key: u32) {
        if let Some(entry) = self.slots.get_mut(key) {
            entry.next = list.head;
        }
        list.head = key;
        if list.tail == NONE {
            list.tail = key;
        }
        list.len += 1;
    }

    /// Makes another thing of an entry that is in no list; what it was.
    pub(crate) fn replace(&mut self, key: u32, item: Item, lsn: Lsn) -> Option<Item> {
        let entry = self.slots.get_mut(key)?;
        entry.lsn = lsn;
        let before = core::mem::replace(&mut entry.item, item);
        if let Item::Message(copy) = &before {
            self.remove_identifiers(copy.identifiers);
        }
        Some(before)
    }

    pub(crate) const fn len(&self) -> u32 {
        self.slots.len()
    }
}
