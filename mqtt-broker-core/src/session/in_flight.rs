//! [`InFlight`]: the QoS 1 and 2 messages of one Session that are under way, by Packet Identifier.

use alloc::collections::VecDeque;

use mqtt_codec::PacketIdentifier;

use super::queue::UnderWay;

/// Packet Identifiers run 1 to 65,535: a window spans them all and no more.
const SPAN: usize = 65_535;

/// A window over the Packet Identifiers in the order they were given out, which is the order in
/// which messages are sent again.
///
/// Slot `n` holds what the identifier `n` after the oldest stands for. Acknowledgements out of order
/// leave holes; the window moves on when the oldest is acknowledged.
pub(crate) struct InFlight<T = UnderWay> {
    slots: VecDeque<Option<T>>,
    /// One less than the identifier of the first slot; identifiers count from 1.
    base: u16,
    /// Slots that hold something.
    len: u16,
    /// How many slots at the end have yet to be sent again on the current connection.
    to_resend: u16,
}

impl<T> Default for InFlight<T> {
    fn default() -> Self {
        Self { slots: VecDeque::new(), base: 0, len: 0, to_resend: 0 }
    }
}

impl<T> InFlight<T> {
    /// The memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.slots.capacity() * size_of::<Option<T>>()
    }

    /// The memory that one more message takes, while it is copied, in bytes.
    #[inline]
    pub(crate) fn growth(&self) -> usize {
        let grows = self.slots.len() == self.slots.capacity();
        if grows { self.slots.capacity().max(4) * 2 * size_of::<Option<T>>() } else { 0 }
    }

    /// How many messages are under way.
    pub(crate) const fn len(&self) -> u16 {
        self.len
    }

    /// Gives `message` the next Packet Identifier; `None` while the window spans all there are.
    //= [MQTT-2.2.1-4]
    #[inline]
    pub(crate) fn push(&mut self, message: T) -> Option<PacketIdentifier> {
        if self.slots.len() >= SPAN || self.slots.try_reserve(1).is_err() {
            return None;
        }
        let identifier = self.identifier(self.slots.len())?;
        self.slots.push_back(Some(message));
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
        self.slots.resize_with(offset, || None);
        true
    }

    /// The identifier that [`push`](Self::push) gives next; `None` while the window spans all
    /// there are.
    pub(crate) fn next_identifier(&self) -> Option<PacketIdentifier> {
        if self.slots.len() < SPAN { self.identifier(self.slots.len()) } else { None }
    }

    /// What was given its identifier last.
    pub(crate) fn newest_mut(&mut self) -> Option<&mut T> {
        self.slots.iter_mut().rev().find_map(Option::as_mut)
    }

    /// What `identifier` stands for.
    #[inline]
    pub(crate) fn get(&self, identifier: PacketIdentifier) -> Option<&T> {
        self.slots.get(self.offset(identifier))?.as_ref()
    }

    /// What `identifier` stands for.
    #[inline]
    pub(crate) fn get_mut(&mut self, identifier: PacketIdentifier) -> Option<&mut T> {
        let offset = self.offset(identifier);
        self.slots.get_mut(offset)?.as_mut()
    }

    /// Ends the use of `identifier`.
    pub(crate) fn remove(&mut self, identifier: PacketIdentifier) -> Option<T> {
        let offset = self.offset(identifier);
        let message = self.slots.get_mut(offset)?.take()?;
        self.len -= 1;
        while matches!(self.slots.front(), Some(None)) {
            self.slots.pop_front();
            self.base = Self::after(self.base, 1);
        }
        self.to_resend = self.to_resend.min(u16::try_from(self.slots.len()).unwrap_or(u16::MAX));
        // A burst's memory is not kept once it has passed.
        if self.slots.capacity() > 64 && self.slots.len() <= self.slots.capacity() / 4 {
            self.slots.shrink_to(self.slots.capacity() / 2);
        }
        Some(message)
    }

    /// Takes out the oldest, whose Session has ended.
    pub(crate) fn pop(&mut self) -> Option<T> {
        loop {
            let message = self.slots.pop_front()?;
            self.base = Self::after(self.base, 1);
            if message.is_some() {
                self.len -= 1;
                return message;
            }
        }
    }

    /// A new connection: everything under way has to be sent again, in order.
    pub(crate) fn rewind(&mut self) {
        self.to_resend = u16::try_from(self.slots.len()).unwrap_or(u16::MAX);
    }

    /// The next to send again on this connection.
    pub(crate) fn next_resend(&mut self) -> Option<PacketIdentifier> {
        while self.to_resend > 0 {
            let offset = self.slots.len() - usize::from(self.to_resend);
            self.to_resend -= 1;
            if let Some(Some(_)) = self.slots.get(offset) {
                return self.identifier(offset);
            }
        }
        None
    }

    /// Whether everything under way has been sent on this connection.
    pub(crate) const fn resent(&self) -> bool {
        self.to_resend == 0
    }

    /// The identifiers and what they stand for, in the order they were first sent.
    pub(crate) fn identified(&self) -> impl Iterator<Item = (PacketIdentifier, &T)> {
        let slots = self.slots.iter().enumerate();
        slots.filter_map(|(offset, slot)| Some((self.identifier(offset)?, slot.as_ref()?)))
    }

    /// What is under way, in the order it was first sent.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut T> {
        self.slots.iter_mut().flatten()
    }

    /// What is under way, in the order it was first sent.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &T> {
        self.slots.iter().flatten()
    }

    fn offset(&self, identifier: PacketIdentifier) -> usize {
        let (zero_based, base) = (usize::from(identifier.get()) - 1, usize::from(self.base));
        // A division would take longer than all the rest of it.
        if zero_based >= base { zero_based - base } else { zero_based + SPAN - base }
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
