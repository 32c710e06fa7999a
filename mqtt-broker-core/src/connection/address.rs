//! [`Addresses`]: how many connections come from each address.

use core::hash::BuildHasher;
use core::net::IpAddr;

use foldhash::quality::FixedState;

use crate::boundary::Peer;
use crate::store::{Account, Full, Index, Slab};

/// Counts connections by the address they come from, if there is a limit to them. Its memory
/// follows the connections: an address that has none is forgotten.
pub(crate) struct Addresses {
    counts: Slab<Count>,
    index: Index,
    seed: FixedState,
    limit: u32,
}

struct Count {
    address: u128,
    connections: u32,
}

impl Addresses {
    pub(crate) fn new(account: &Account, seed: u64, limit: u32) -> Self {
        let (counts, index) = (Slab::new(account, u32::MAX), Index::new(account));
        Self { counts, index, seed: FixedState::with_seed(seed), limit }
    }

    /// One more connection from there.
    pub(crate) fn enter(&mut self, peer: &Peer) -> Result<(), Full> {
        let Some(address) = self.counted(peer) else { return Ok(()) };
        if let Some(count) = self.find(address).and_then(|key| self.counts.get_mut(key)) {
            if count.connections >= self.limit {
                return Err(Full);
            }
            count.connections += 1;
            return Ok(());
        }
        if self.limit == 0 {
            return Err(Full);
        }
        let key = self.counts.insert(Count { address, connections: 1 })?;
        let (counts, seed) = (&self.counts, &self.seed);
        let hash_of = |key| counts.get(key).map_or(0, |count| seed.hash_one(count.address));
        self.index.insert(hash_of(key), key, hash_of).inspect_err(|_| {
            self.counts.remove(key);
        })
    }

    /// One less.
    pub(crate) fn leave(&mut self, peer: &Peer) {
        let Some(address) = self.counted(peer) else { return };
        let Some(key) = self.find(address) else { return };
        let Some(count) = self.counts.get_mut(key) else { return };
        count.connections -= 1;
        if count.connections == 0 {
            self.counts.remove(key);
            self.index.remove(self.hash(address), key);
        }
    }

    fn find(&self, address: u128) -> Option<u32> {
        self.index.find(self.hash(address), |key| {
            self.counts.get(key).is_some_and(|count| count.address == address)
        })
    }

    fn hash(&self, address: u128) -> u64 {
        self.seed.hash_one(address)
    }

    /// What counts as one address: of IPv6 the first 64 bits, since whoever has one of them has
    /// them all.
    fn counted(&self, peer: &Peer) -> Option<u128> {
        if self.limit == u32::MAX {
            return None;
        }
        Some(match peer.address?.ip().to_canonical() {
            IpAddr::V4(address) => u128::from(address.to_bits()),
            IpAddr::V6(address) => address.to_bits() >> 64 << 64,
        })
    }
}
