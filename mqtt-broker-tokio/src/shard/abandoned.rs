//! Room for those who go on, from those who do not: parts of packets that were abandoned give way when all
//! that connections may hold is held.

#[cfg(test)]
mod tests;

use mqtt_broker_core::Instant;

use super::Shard;
use crate::buffers::PATIENCE;

/// Slots that are looked at for one connection that has no room: looking must be no attack in itself, and is
/// less than it took to open that connection.
const LOOKED_AT: usize = 256;

/// An abandoned part of a packet: since when, and how far from the hand its slot is.
type Abandoned = (Instant, usize);

impl Shard {
    /// For a connection that holds more than there is room for: ends others whose part of a packet was
    /// abandoned, those first that were so first. If that is not enough, it is ended itself. Who sends slowly
    /// is not abandoned, so how much somebody holds does not matter.
    pub(super) fn make_room(&mut self, now: Instant, asker: usize) {
        // What it held may have become a whole packet.
        if self.account.is_beyond() {
            self.end_abandoned(now, asker);
        }
        if !self.account.is_beyond() {
            return self.serve_again(asker);
        }
        if let Some(Some(connection)) = self.slots.get_mut(asker) {
            self.account.note_ended(now, connection.peer());
        }
        self.end(now, asker);
    }

    /// Ends what is abandoned within reach of the hand, until there is room. The hand goes on to the first
    /// that is left: those before it need not be looked at again before the others were.
    fn end_abandoned(&mut self, now: Instant, asker: usize) {
        let (start, slots) = (self.hand, self.slots.len().max(1));
        let slot = |distance| (start + distance) % slots;
        let (mut abandoned, reach) = self.abandoned(now, asker);
        abandoned.sort_unstable();
        let mut left = abandoned.into_iter();
        while self.account.is_beyond() {
            let Some((since, distance)) = left.next() else { break };
            let index = slot(distance);
            if let Some(Some(connection)) = self.slots.get_mut(index) {
                self.account.note_abandoned(now, connection.peer(), now.since(since));
            }
            self.end(now, index);
        }
        self.hand = slot(left.map(|(_, distance)| distance).min().unwrap_or(reach));
    }

    /// What is abandoned within reach of the hand, and how far that is.
    fn abandoned(&self, now: Instant, asker: usize) -> (Vec<Abandoned>, usize) {
        let reach = self.slots.len().min(LOOKED_AT);
        let (before, from) = self.slots.split_at(self.hand.min(self.slots.len()));
        let slots = from.iter().chain(before).take(reach).enumerate();
        let abandoned = slots.filter_map(|(distance, slot)| {
            let connection = slot.as_ref().filter(|it| it.handle.index() != asker)?;
            let since = connection.abandoned_since()?;
            (now.since(since) >= PATIENCE).then_some((since, distance))
        });
        (abandoned.collect(), reach)
    }
}
