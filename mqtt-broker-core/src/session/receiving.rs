//! QoS 2 from a client: which Packet Identifiers it has sent and not yet released.

use mqtt_codec::PacketIdentifier;
use smallvec::SmallVec;

/// The identifiers of QoS 2 messages received, sorted. A second PUBLISH with one of them is the
/// same message sent again [MQTT-4.3.3-10].
#[derive(Default)]
pub(crate) struct ReceivedIdentifiers {
    sorted: SmallVec<[PacketIdentifier; 4]>,
}

impl ReceivedIdentifiers {
    /// The memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let spilled = self.sorted.spilled();
        if spilled { self.sorted.capacity() * size_of::<PacketIdentifier>() } else { 0 }
    }

    /// The memory that one more takes, while they are copied, in bytes.
    pub(crate) fn growth(&self) -> usize {
        let grows = self.sorted.len() == self.sorted.capacity();
        if grows { self.sorted.capacity() * 2 * size_of::<PacketIdentifier>() } else { 0 }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = PacketIdentifier> + '_ {
        self.sorted.iter().copied()
    }

    pub(crate) fn contains(&self, identifier: PacketIdentifier) -> bool {
        self.sorted.binary_search(&identifier).is_ok()
    }

    /// Whether it was not there before.
    pub(crate) fn insert(&mut self, identifier: PacketIdentifier) -> bool {
        match self.sorted.binary_search(&identifier) {
            Ok(_) => false,
            Err(place) => {
                self.sorted.insert(place, identifier);
                true
            }
        }
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, identifier: PacketIdentifier) -> bool {
        match self.sorted.binary_search(&identifier) {
            Ok(place) => {
                self.sorted.remove(place);
                let capacity = self.sorted.capacity();
                if capacity > 64 && self.sorted.len() <= capacity / 4 {
                    // A small vector shrinks to fit, or not at all.
                    let mut sorted = SmallVec::with_capacity(capacity / 2);
                    sorted.extend_from_slice(&self.sorted);
                    self.sorted = sorted;
                }
                true
            }
            Err(_) => false,
        }
    }
}
