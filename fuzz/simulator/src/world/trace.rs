//! What is kept of a world: its hash, its counts and, if asked for, an account.

use mqtt_broker_core::Instant;
use mqtt_codec::{Packet, PacketType};

use crate::faults::{Fault, Faults};
use crate::oracle::late::Recording;
use crate::oracle::{Failure, Oracles};
use crate::reach::{self, Reached};

/// What became of a world.
#[derive(Debug)]
pub struct Outcome {
    /// Its workload.
    pub workload: &'static str,
    /// The first promise that was not kept.
    pub failure: Option<Failure>,
    /// Of all bytes and outputs, in order.
    pub hash: u64,
    /// What was exercised.
    pub counts: Counts,
    /// The last things that happened, if an account was asked for.
    pub account: Vec<String>,
    /// The calls of the broker, where they are to be made again.
    pub recording: Option<Recording>,
}

/// What was exercised.
#[derive(Clone, Debug, Default)]
pub struct Counts {
    /// Packets taken from clients, by type.
    pub received: [u64; 16],
    /// Packets given to clients, by type.
    pub sent: [u64; 16],
    /// Faults, by kind.
    pub faults: [u64; Fault::ALL.len()],
    /// Milliseconds of virtual time.
    pub milliseconds: u64,
    /// Messages that reached a program.
    pub heard: u64,
    /// Worlds of several brokers, and the frames between those.
    pub joined: u64,
    /// See `joined`.
    pub frames: u64,
    /// Requirements of the standard, by how often one was checked.
    pub reached: Reached,
}

impl Counts {
    /// Adds those of another world.
    pub fn add(&mut self, other: &Self) {
        let pairs = self.received.iter_mut().zip(&other.received);
        let pairs = pairs.chain(self.sent.iter_mut().zip(&other.sent));
        for (sum, more) in pairs.chain(self.faults.iter_mut().zip(&other.faults)) {
            *sum += more;
        }
        self.milliseconds += other.milliseconds;
        self.heard += other.heard;
        self.joined += other.joined;
        self.frames += other.frames;
        for (requirement, count) in &other.reached {
            *self.reached.entry(*requirement).or_default() += count;
        }
    }
}

/// Keeps it.
#[derive(Debug)]
pub(super) struct Trace {
    hash: u64,
    /// What was exercised.
    pub(super) counts: Counts,
    account: Option<Vec<String>>,
    begun: Option<Instant>,
    last: Instant,
}

impl Trace {
    pub(super) const fn new(account: bool) -> Self {
        let account = if account { Some(Vec::new()) } else { None };
        Self { hash: 0, counts: Counts::new(), account, begun: None, last: Instant(0) }
    }

    /// Adds to the account, if there is one.
    pub(super) fn note(&mut self, now: Instant, line: impl FnOnce() -> String) {
        self.begun.get_or_insert(now);
        self.last = now;
        if let Some(account) = &mut self.account {
            let since = now.since(self.begun.unwrap_or(now));
            account.push(format!("{:>12.6} {}", since.as_secs_f64(), line()));
        }
    }

    /// Adds to the hash.
    pub(super) fn hash(&mut self, number: u64, bytes: &[u8]) {
        let mut hash = self.hash ^ number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
        for chunk in bytes.chunks(8) {
            let mut word = [0; 8];
            word[..chunk.len()].copy_from_slice(chunk);
            hash = (hash ^ u64::from_le_bytes(word)).wrapping_mul(0x0000_0100_0000_01b3);
            hash ^= hash >> 29;
        }
        self.hash = hash;
    }

    pub(super) const fn received(&mut self, packet: &Packet<'_>) {
        self.counts.received[place(packet.packet_type())] += 1;
    }

    pub(super) const fn sent(&mut self, packet: &Packet<'_>) {
        self.counts.sent[place(packet.packet_type())] += 1;
    }

    pub(super) fn outcome(
        mut self,
        oracles: Oracles,
        faults: &Faults,
        workload: &'static str,
        recording: Option<Recording>,
    ) -> Outcome {
        self.counts.faults = *faults.counts();
        self.counts.reached = reach::take();
        let lived = self.last.since(self.begun.unwrap_or(self.last)).as_millis();
        self.counts.milliseconds = u64::try_from(lived).unwrap_or(u64::MAX);
        Outcome {
            workload,
            failure: oracles.failure,
            hash: self.hash,
            counts: self.counts,
            account: self.account.unwrap_or_default(),
            recording,
        }
    }
}

impl Counts {
    const fn new() -> Self {
        Self {
            received: [0; 16],
            sent: [0; 16],
            faults: [0; Fault::ALL.len()],
            milliseconds: 0,
            heard: 0,
            joined: 0,
            frames: 0,
            reached: Reached::new(),
        }
    }
}

const fn place(packet_type: PacketType) -> usize {
    packet_type as usize
}
