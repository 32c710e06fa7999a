//! What follows a dropped message: it waits until the record of that is durable. If it left earlier and
//! the broker lost the record, the message would come again after those that were behind it.

use super::Step;
use super::message::Outbound;
use crate::boundary::{DropCause, Lsn};
use crate::broker::Broker;
use crate::connection::line::For;
use crate::defect::Defect;
use crate::policy::{DeliverRequest, Policy, Verdict};
use crate::session::queue::{AckKind, Entries, Item, List};
use crate::time::Instant;

/// What one call of `poll_transmit` has found behind a dropped message, and the record that tells of
/// the last that was.
#[derive(Default)]
pub(super) struct PutOff {
    until: Lsn,
    items: List,
    /// How many of the items are PUBACKs.
    pubacks: u16,
}

impl PutOff {
    /// Whether anything has to wait.
    #[inline]
    pub(super) const fn is_due(&self) -> bool {
        self.until.0 > 0
    }

    /// From here on this record is waited for; 0 is none.
    pub(super) fn wait_for(&mut self, lsn: Lsn) {
        self.until = self.until.max(lsn);
    }
}

impl Broker {
    /// Writes the oldest item, if it is in no order with the message that was dropped; else puts it
    /// off, or drops it as well: many that are to be dropped have one record. `None` if there is none.
    pub(super) fn transmit_behind(
        &mut self,
        now: Instant,
        index: u32,
        room: &mut [u8],
        fresh: bool,
        policy: &mut dyn Policy,
        put_off: &mut PutOff,
    ) -> Option<Step> {
        let connection = self.connections.get(index)?;
        let item = *self.entries.outgoing.front(&connection.outgoing).first()?;
        if !item.is_in_order() {
            return self.transmit_next(now, index, room, fresh, policy);
        }
        let outbound = self.outbound(index, item);
        if let Some(cause) = outbound.and_then(|it| self.is_unwanted(now, index, &it, policy)) {
            return Some(self.drop_outgoing(index, item, cause));
        }
        self.work.add(1);
        let connection = self.connections.get_mut(index)?;
        self.entries.outgoing.advance(&mut connection.outgoing, 1);
        let entries = &mut self.entries;
        if !self.account.urgently(|| hold(entries, put_off, item)) {
            self.give_up(index, item);
        }
        Some(Step::Nothing)
    }

    /// Holds back what was put off, whatever the call has left in the line behind it, and what is held
    /// already: all of it comes after the message that was dropped.
    pub(super) fn hold_put_off(&mut self, index: u32, mut put_off: PutOff) {
        let Some(connection) = self.connections.get_mut(index) else { return };
        let mut left = core::mem::take(&mut connection.outgoing);
        let mut overfull = None;
        self.work.add(left.len() as usize + connection.held.len() as usize);
        self.entries.held.change(&connection.held, |(lsn, item)| {
            if item.is_in_order() {
                *lsn = (*lsn).max(put_off.until);
            }
        });
        while let Some(item) = self.entries.outgoing.pop(&mut left) {
            let (entries, line) = (&mut self.entries, &mut connection.outgoing);
            let is_kept = self.account.urgently(|| match item.is_in_order() {
                true => hold(entries, &mut put_off, item),
                false => entries.outgoing.push(line, item).is_ok(),
            });
            if !is_kept {
                overfull = Some(item);
                break;
            }
        }
        self.entries.outgoing.append(&mut connection.outgoing, left);
        let PutOff { until, mut items, pubacks } = put_off;
        connection.held_pubacks = connection.held_pubacks.saturating_add(pubacks);
        self.entries.held.append(&mut items, core::mem::take(&mut connection.held));
        connection.held = items;
        // What is sent again depends on no record of its own.
        connection.promised = connection.promised.max(until);
        if !items.is_empty() {
            self.connections.line_up(For::Durable, index);
        }
        if let Some(item) = overfull {
            self.give_up(index, item);
        }
    }

    /// Why the client is not to have this message, if that is known already.
    fn is_unwanted(
        &self,
        now: Instant,
        index: u32,
        outbound: &Outbound,
        policy: &mut dyn Policy,
    ) -> Option<DropCause> {
        let connection = self.connections.get(index)?;
        let publication = self.publications.get(outbound.publication)?;
        let is_asked = self.config.ask_deliver && connection.stalled.is_none();
        if is_asked && !self.is_planted(Defect::UnauthorisedDelivery) {
            let (topic, payload) = (publication.topic(), publication.payload());
            let client = self.client(index);
            // What is put off is asked about again when its turn comes.
            let verdict = policy.deliver(&DeliverRequest { client, topic, payload });
            if verdict != Verdict::Defer && verdict.denial().is_some() {
                return Some(DropCause::Denied);
            }
        }
        if outbound.is_late(publication, now) {
            return Some(DropCause::Expired);
        }
        let mut one = None;
        let identifiers = self.entries.identifiers(outbound.identifiers, &mut one);
        let whole = outbound.head(now, publication, identifiers).packet_len(connection.version);
        let is_too_large = whole > connection.maximum_packet_size.get() as usize;
        is_too_large.then_some(DropCause::TooLarge)
    }
}

/// Puts an item behind those that were put off; whether there is memory for it.
fn hold(entries: &mut Entries, put_off: &mut PutOff, item: Item) -> bool {
    let entry = (put_off.until, item);
    let is_held = entries.held.push(&mut put_off.items, entry).is_ok();
    if is_held && matches!(item, Item::Ack { kind: AckKind::Puback, .. }) {
        put_off.pubacks = put_off.pubacks.saturating_add(1);
    }
    is_held
}
