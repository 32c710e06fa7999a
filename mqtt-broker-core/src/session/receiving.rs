//! QoS 2 from a client: which Packet Identifiers it has sent and not yet released.

use alloc::boxed::Box;

use mqtt_codec::PacketIdentifier;
use smallvec::SmallVec;

/// The identifiers of QoS 2 messages received, sorted. A second PUBLISH with one of them is the
/// same message sent again [MQTT-4.3.3-10].
///
/// Most Sessions never receive one, so there is nothing until the first comes. What it was put in stays.
#[derive(Default)]
pub(crate) struct ReceivedIdentifiers {
    sorted: Option<Box<Sorted>>,
}

type Sorted = SmallVec<[PacketIdentifier; 4]>;

impl ReceivedIdentifiers {
    /// The memory held, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let Some(sorted) = &self.sorted else { return 0 };
        let spilled = if sorted.spilled() { sorted.capacity() } else { 0 };
        size_of::<Sorted>() + spilled * size_of::<PacketIdentifier>()
    }

    /// The memory that one more takes, while they are copied, in bytes.
    pub(crate) fn growth(&self) -> usize {
        let Some(sorted) = &self.sorted else { return size_of::<Sorted>() };
        let grows = sorted.len() == sorted.capacity();
        if grows { sorted.capacity() * 2 * size_of::<PacketIdentifier>() } else { 0 }
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = PacketIdentifier> + '_ {
        self.sorted.iter().flat_map(|sorted| sorted.iter().copied())
    }

    pub(crate) fn contains(&self, identifier: PacketIdentifier) -> bool {
        let sorted = self.sorted.as_ref();
        sorted.is_some_and(|sorted| sorted.binary_search(&identifier).is_ok())
    }

    /// Whether it was not there before.
    pub(crate) fn insert(&mut self, identifier: PacketIdentifier) -> bool {
        let sorted = self.sorted.get_or_insert_default();
        match sorted.binary_search(&identifier) {
            Ok(_) => false,
            Err(place) => {
                sorted.insert(place, identifier);
                true
            }
        }
    }

    /// Whether it was there.
    pub(crate) fn remove(&mut self, identifier: PacketIdentifier) -> bool {
        let Some(sorted) = &mut self.sorted else { return false };
        match sorted.binary_search(&identifier) {
            Ok(place) => {
                sorted.remove(place);
                let capacity = sorted.capacity();
                if capacity > 64 && sorted.len() <= capacity / 4 {
                    // A small vector shrinks to fit, or not at all.
                    let mut fewer = Sorted::with_capacity(capacity / 2);
                    fewer.extend_from_slice(sorted);
                    **sorted = fewer;
                }
                true
            }
            Err(_) => false,
        }
    }
}
