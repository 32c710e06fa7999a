//! [`InFlight`]: the QoS 1 and 2 messages of one Session that are under way, by Packet Identifier.

use alloc::collections::VecDeque;

use mqtt_codec::PacketIdentifier;

use super::queue::NONE;

/// Packet Identifiers run 1 to 65,535: a window spans them all and no more.
const SPAN: usize = 65_535;

/// A window over the Packet Identifiers in the order they were given out, which is the order in
/// which messages are sent again.
///
/// Slot `n` holds the entry of the identifier `n` after the oldest. Acknowledgements out of order
/// leave holes; the window moves on when the oldest is acknowledged.
#[derive(Default)]
pub(crate) struct InFlight {
    slots: VecDeque<u32>,
    /// One less than the identifier of the first slot; identifiers count from 1.
    base: u16,
    /// Slots that hold an entry.
    len: u16,
    /// How many slots at the end have yet to be sent again on the current connection.
    to_resend: u16,
}

impl InFlight {
    /// The memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<u32>()
    }

    /// The memory that one more message takes, while it is copied, in bytes.
    pub(crate) fn growth(&self) -> usize {
        let grows = self.slots.len() == self.slots.capacity();
        if grows { self.slots.capacity().max(4) * 2 * size_of::<u32>() } else { 0 }
    }

    /// How many messages are under way.
    pub(crate) const fn len(&self) -> u16 {
        self.len
    }

    /// Gives `entry` the next Packet Identifier; `None` while the window spans all there are.
    //= [MQTT-2.2.1-4]
    pub(crate) fn push(&mut self, entry: u32) -> Option<PacketIdentifier> {
        if self.slots.len() >= SPAN || self.slots.try_reserve(1).is_err() {
            return None;
        }
        let identifier = self.identifier(self.slots.len())?;
        self.slots.push_back(entry);
        self.len += 1;
        Some(identifier)
    }

    /// Leaves out the identifiers up to this one, which is the next that [`push`](Self::push)
    /// gives; whether it can be.
    pub(crate) fn skip_to(&mut self, identifier: PacketIdentifier) -> bool {
        if self.slots.is_empty() {
            self.base = identifier.get() - 1;
            return true;
        }
        let (offset, len) = (self.offset(identifier), self.slots.len());
        if offset < len || self.slots.try_reserve(offset - len).is_err() {
            return false;
        }
        self.slots.resize(offset, NONE);
        true
    }

    /// The identifier that [`push`](Self::push) gives next; `None` while the window spans all
    /// there are.
    pub(crate) fn next_identifier(&self) -> Option<PacketIdentifier> {
        if self.slots.len() < SPAN { self.identifier(self.slots.len()) } else { None }
    }

    /// The entry whose identifier was given out last.
    pub(crate) fn newest(&self) -> Option<u32> {
        self.slots.iter().rev().copied().find(|&entry| entry != NONE)
    }

    /// The entry that has `identifier`.
    pub(crate) fn get(&self, identifier: PacketIdentifier) -> Option<u32> {
        let entry = *self.slots.get(self.offset(identifier))?;
        (entry != NONE).then_some(entry)
    }

    /// Ends the use of `identifier`.
    pub(crate) fn remove(&mut self, identifier: PacketIdentifier) -> Option<u32> {
        let offset = self.offset(identifier);
        let slot = self.slots.get_mut(offset)?;
        if *slot == NONE {
            return None;
        }
        let entry = core::mem::replace(slot, NONE);
        self.len -= 1;
        while self.slots.front() == Some(&NONE) {
            self.slots.pop_front();
            self.base = Self::after(self.base, 1);
        }
        self.to_resend = self.to_resend.min(u16::try_from(self.slots.len()).unwrap_or(u16::MAX));
        // A burst's memory is not kept by an idle session.
        if self.slots.is_empty() && self.slots.capacity() > 64 {
            self.slots = VecDeque::new();
        }
        Some(entry)
    }

    /// Takes out the oldest entry, whose Session has ended.
    pub(crate) fn pop(&mut self) -> Option<u32> {
        loop {
            let entry = self.slots.pop_front()?;
            self.base = Self::after(self.base, 1);
            if entry != NONE {
                self.len -= 1;
                return Some(entry);
            }
        }
    }

    /// A new connection: everything under way has to be sent again, in order.
    pub(crate) fn rewind(&mut self) {
        self.to_resend = u16::try_from(self.slots.len()).unwrap_or(u16::MAX);
    }

    /// The next entry to send again on this connection.
    pub(crate) fn next_resend(&mut self) -> Option<u32> {
        while self.to_resend > 0 {
            let offset = self.slots.len() - usize::from(self.to_resend);
            self.to_resend -= 1;
            match self.slots.get(offset) {
                Some(&entry) if entry != NONE => return Some(entry),
                _ => {}
            }
        }
        None
    }

    /// Whether everything under way has been sent on this connection.
    pub(crate) const fn resent(&self) -> bool {
        self.to_resend == 0
    }

    /// The identifiers and entries in the order they were first sent.
    pub(crate) fn identified(&self) -> impl Iterator<Item = (PacketIdentifier, u32)> + '_ {
        let slots = self.slots.iter().enumerate().filter(|(_, entry)| **entry != NONE);
        slots.filter_map(|(offset, entry)| Some((self.identifier(offset)?, *entry)))
    }

    /// The entries in the order they were first sent.
    pub(crate) fn iter(&self) -> impl Iterator<Item = u32> + '_ {
        self.slots.iter().copied().filter(|&entry| entry != NONE)
    }

    fn offset(&self, identifier: PacketIdentifier) -> usize {
        let zero_based = usize::from(identifier.get()) - 1;
        (zero_based + SPAN - usize::from(self.base)) % SPAN
    }

    fn identifier(&self, offset: usize) -> Option<PacketIdentifier> {
        let zero_based = (usize::from(self.base) + offset) % SPAN;
        PacketIdentifier::new(u16::try_from(zero_based + 1).ok()?)
    }

    fn after(base: u16, steps: u16) -> u16 {
        let next = (usize::from(base) + usize::from(steps)) % SPAN;
        u16::try_from(next).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests;
