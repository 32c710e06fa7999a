//! Messages on their way out: a header written late, and a tail that all copies share.

use alloc::boxed::Box;
use alloc::vec;

use mqtt_codec::{Delivery, PacketIdentifier, PublishHead, SubscriptionIdentifier, Version};

use super::{LEND, Lent, Partial, Step, copy_into};
use crate::boundary::{DropCause, Lsn};
use crate::broker::Broker;
use crate::connection::topic_alias::Outgoing;
use crate::policy::Policy;
use crate::publication::Publication;
use crate::session::queue::{Copy, Flags, Identifiers, Item, UnderWay};
use crate::time::Instant;

/// One copy, wherever it lies.
pub(super) struct Outbound {
    pub(super) publication: u32,
    pub(super) identifiers: Identifiers,
    pub(super) delivery: Delivery,
    pub(super) retain: bool,
    sent: bool,
}

impl Outbound {
    /// A QoS 0 message.
    #[inline]
    pub(super) const fn live(publication: u32, identifiers: Identifiers, retain: bool) -> Self {
        let delivery = Delivery::AtMostOnce;
        Self { publication, identifiers, delivery, retain, sent: false }
    }

    /// A message of a window; `None` if it cannot be in one.
    #[inline]
    //= [MQTT-3.3.1-1]
    //= [MQTT-3.3.1-3]
    //= [MQTT-4.3.1-1]
    //= [MQTT-4.3.2-2]
    //= [MQTT-4.3.3-2]
    pub(super) fn under_way(copy: &Copy, identifier: PacketIdentifier) -> Option<Self> {
        let Copy { publication, identifiers, qos, flags, .. } = *copy;
        let sent = flags.has(Flags::SENT);
        let delivery = Delivery::new(qos, sent, Some(identifier))?;
        Some(Self { publication, identifiers, delivery, retain: flags.has(Flags::RETAIN), sent })
    }

    /// Whether its time has passed before it was sent once.
    #[inline]
    //= [MQTT-3.3.2-5]
    //= [MQTT-4.3.3-7]
    pub(super) fn is_late(&self, publication: &Publication, now: Instant) -> bool {
        publication.expired(now) && !self.sent
    }

    /// Its header, without an alias.
    #[inline]
    pub(super) fn head<'a>(
        &self,
        now: Instant,
        publication: &'a Publication,
        identifiers: &'a [SubscriptionIdentifier],
    ) -> PublishHead<'a> {
        PublishHead {
            delivery: self.delivery,
            retain: self.retain,
            topic: Some(publication.topic()),
            message_expiry_interval: publication.expiry_left(now),
            topic_alias: None,
            //= [MQTT-3.3.4-3]
            subscription_identifiers: identifiers,
            pass_through_len: publication.pass_through_len(),
            payload_len: publication.payload().len(),
        }
    }
}

impl Broker {
    /// Writes the message that comes next, if the policy lets the client have it; drops it if it may
    /// not have it.
    pub(super) fn transmit_message(
        &mut self,
        now: Instant,
        index: u32,
        item: Item,
        room: &mut [u8],
        fresh: bool,
        policy: &mut dyn Policy,
    ) -> Step {
        let Some(outbound) = self.outbound(index, item) else {
            debug_assert!(false, "what is in a line is somewhere");
            self.advance_line(index);
            return Step::Nothing;
        };
        if !self.config.ask_deliver {
            return self.write_message(now, index, (item, outbound), room, fresh);
        }
        let step = match self.may_have(now, index, outbound.publication, policy) {
            Some(true) => self.write_message(now, index, (item, outbound), room, fresh),
            // Left over from a Session that has gone on: there is nobody to ask about.
            Some(false) if self.session_of(index).is_none() => {
                self.drop_outgoing(index, item, DropCause::ConnectionEnded)
            }
            Some(false) => self.drop_outgoing(index, item, DropCause::Denied),
            None => {
                self.stall(index);
                return Step::Nothing;
            }
        };
        if !matches!(step, Step::Full) {
            self.forget_delivery(index);
        }
        step
    }

    fn write_message(
        &mut self,
        now: Instant,
        index: u32,
        (item, outbound): (Item, Outbound),
        room: &mut [u8],
        fresh: bool,
    ) -> Step {
        let Some(connection) = self.connections.get_mut(index) else { return Step::Full };
        let version = connection.version;
        let Some(publication) = self.publications.get(outbound.publication) else {
            return Step::Full;
        };
        if outbound.is_late(publication, now) {
            return self.drop_outgoing(index, item, DropCause::Expired);
        }
        let mut one = None;
        let identifiers = self.entries.identifiers(outbound.identifiers, &mut one);
        let whole_tail = version == Version::V5;
        let tail = tail(publication, whole_tail);
        let mut head = outbound.head(now, publication, identifiers);
        let whole = head.packet_len(version);
        //= [MQTT-3.1.2-24]
        //= [MQTT-3.1.2-25]
        if whole > connection.maximum_packet_size.get() as usize {
            return self.drop_outgoing(index, item, DropCause::TooLarge);
        }
        // Room for the longest form is asked for before an alias is settled: once settled, the
        // packet has to go out as it is.
        let lend = tail.len() > LEND;
        let alias_bytes = if connection.aliases.is_some() { 3 + 4 } else { 0 };
        let wanted = alias_bytes + if lend { whole - tail.len() } else { whole };
        if wanted > room.len() && !fresh {
            return Step::Full;
        }
        // An alias that is told makes the packet longer.
        let maximum = connection.maximum_packet_size.get() as usize;
        let aliases = connection.aliases.as_mut().filter(|_| whole + alias_bytes <= maximum);
        if let Some(aliases) = aliases {
            match aliases.outgoing(publication.topic()) {
                Outgoing::Name => {}
                Outgoing::NameAndAlias(alias) => head.topic_alias = Some(alias),
                Outgoing::Alias(alias) => (head.topic, head.topic_alias) = (None, Some(alias)),
            }
        }
        let head_len = head.encoded_len(version);
        let fits = head_len + if lend { 0 } else { tail.len() } <= room.len();
        let publication = outbound.publication;
        if head_len > room.len() {
            let bytes = encoded(&head, version);
            let partial = Partial { bytes, sent: 0, publication: Some(publication), whole_tail };
            connection.partial = Some(Box::new(partial));
            self.publications.hold(publication);
            self.message_gone(index, item);
            return Step::Nothing;
        }
        let len = head.encode(version, room).unwrap_or(0);
        if lend {
            self.publications.hold(publication);
            self.message_gone(index, item);
            return Step::Lent(len, Lent { publication, whole_tail });
        }
        let copied = copy_into(tail, room.get_mut(len..).unwrap_or_default());
        if !fits {
            let bytes = Box::default();
            let partial =
                Partial { bytes, sent: copied, publication: Some(publication), whole_tail };
            connection.partial = Some(Box::new(partial));
            self.publications.hold(publication);
        }
        self.message_gone(index, item);
        Step::Written(len + copied)
    }

    /// What is to be known of a message in the line of a connection.
    #[inline]
    pub(super) fn outbound(&self, index: u32, item: Item) -> Option<Outbound> {
        match item {
            Item::Live { publication, identifiers, retain } => {
                Some(Outbound::live(publication, identifiers, retain))
            }
            Item::UnderWay(identifier) => {
                let session = self.sessions.get(self.connections.get(index)?.session)?;
                let UnderWay::Message(copy) = session.in_flight.get(identifier)? else {
                    return None;
                };
                Outbound::under_way(copy, identifier)
            }
            _ => None,
        }
    }

    /// A message is written: QoS 0 is over, the rest stays with the window.
    #[inline]
    fn message_gone(&mut self, index: u32, item: Item) {
        self.stats.packets_sent += 1;
        self.stats.publish_sent += 1;
        let session = self.advance_line(index);
        match item {
            Item::UnderWay(identifier) => {
                let session = session.and_then(|session| self.sessions.get_mut(session));
                let window = session.map(|session| &mut session.in_flight);
                if let Some(message) = window.and_then(|window| window.get_mut(identifier)) {
                    message.flags_mut().set(Flags::SENT, true);
                    message.flags_mut().set(Flags::LINKED, false);
                }
            }
            item => self.live_gone(index, item),
        }
    }

    /// A message is not to be written after all.
    pub(super) fn drop_outgoing(&mut self, index: u32, item: Item, cause: DropCause) -> Step {
        let (outbound, session) = (self.outbound(index, item), self.advance_line(index));
        let Some((outbound, session)) = outbound.zip(session) else { return Step::Nothing };
        let former = self.connections.get_mut(index).and_then(|c| c.former.take());
        match &former {
            Some(former) => self.dropped_of(former, outbound.publication, cause),
            None => self.dropped(session, outbound.publication, cause),
        }
        if let Some(connection) = self.connections.get_mut(index) {
            connection.former = former;
        }
        let Item::UnderWay(identifier) = item else {
            self.live_gone(index, item);
            return Step::Nothing;
        };
        self.complete(session, identifier);
        let state = self.sessions.get(session).filter(|state| state.is_journalled);
        Step::Dropped(state.map_or(Lsn(0), |state| state.lsn))
    }

    /// Takes the oldest item out of the line, without freeing it; the key of the Session.
    #[inline]
    fn advance_line(&mut self, index: u32) -> Option<u32> {
        let connection = self.connections.get_mut(index)?;
        self.entries.outgoing.advance(&mut connection.outgoing, 1);
        Some(connection.session)
    }

    /// A QoS 0 message is in the line no longer, and counts as queued no longer.
    pub(in crate::connection) fn live_gone(&mut self, index: u32, item: Item) {
        let Item::Live { publication, .. } = item else { return };
        let size = self.size_of(publication);
        if let Some(connection) = self.connections.get_mut(index) {
            connection.live_messages = connection.live_messages.saturating_sub(1);
            connection.live_bytes = connection.live_bytes.saturating_sub(size);
        }
        self.free_item(item);
    }
}

/// A head that is larger than the host's buffer.
fn encoded(head: &PublishHead<'_>, version: Version) -> Box<[u8]> {
    let mut bytes = vec![0; head.encoded_len(version)];
    let encoded = head.encode(version, &mut bytes);
    debug_assert!(encoded.is_ok(), "the broker makes packets that can be encoded");
    bytes.into()
}

/// What follows the header of a message: properties and payload, or the payload alone (3.x).
#[inline]
pub(super) fn tail(publication: &Publication, whole: bool) -> &[u8] {
    if whole { publication.tail() } else { publication.payload() }
}
