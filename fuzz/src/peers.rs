//! The broker of a [`World`] among peers: two that are brokers of ours, and whatever else is said in
//! their name.

use mqtt_broker_core::{Broker, Shard};

use super::{World, config};

/// How many peers there are.
pub const PEERS: usize = 2;
/// What the broker holds stays below twice its ceiling, which no input reaches.
const MEMORY: usize = 1 << 20;
/// So many frames come of nothing that is this short.
const FRAMES: usize = 100_000;

impl World {
    /// A broker with peers, none of which has a link.
    pub fn joined() -> Self {
        Self::of(shard(0), super::BEGINNING)
    }

    /// A new link to a peer that knows nothing.
    pub fn join(&mut self, peer: usize) {
        let here = of(peer);
        let mut other = shard(here.0);
        other.handle_peer_up(self.now, Shard(0)).unwrap();
        self.peers[peer % PEERS] = Some(other);
        self.broker.handle_peer_up(self.now, here).unwrap();
    }

    /// The link to a peer is gone.
    pub fn part(&mut self, peer: usize) {
        self.peers[peer % PEERS] = None;
        self.broker.handle_peer_down(self.now, of(peer));
    }

    /// Somebody says this in the name of a peer.
    pub fn forged(&mut self, peer: usize, frame: &[u8]) {
        let _ = self.broker.handle_forward(self.now, of(peer), frame);
        assert!(self.broker.stats().memory < 2 * MEMORY);
    }

    /// The peer takes what there is for it and says what it has to say. What brokers say is right.
    pub fn frames(&mut self, peer: usize) {
        let Some(mut other) = self.peers[peer % PEERS].take() else { return };
        let (mut busy, mut count) = (true, 0);
        while std::mem::take(&mut busy) {
            self.sync();
            while let Some(frame) = self.broker.poll_forward(self.now, of(peer)) {
                assert_eq!(other.handle_forward(self.now, Shard(0), frame), Ok(()));
                (busy, count) = (true, count + 1);
            }
            while other.poll_journal().is_some() {}
            other.durable(other.newest_record());
            while other.poll_output().is_some() {}
            while let Some(frame) = other.poll_forward(self.now, Shard(0)) {
                assert_eq!(self.broker.handle_forward(self.now, of(peer), frame), Ok(()));
                (busy, count) = (true, count + 1);
            }
            assert!(count < FRAMES, "there is no end to it");
        }
        self.peers[peer % PEERS] = Some(other);
    }

    /// Every peer wants nothing more.
    pub(super) fn leave_peers(&mut self) {
        let rounds = if self.broker.config().shards > 1 { 2 } else { 0 };
        for peer in 0..rounds * PEERS {
            self.join(peer);
            for frame in [&[1, 1, 1, 0, 0][..], &[2], &[3]] {
                self.broker.handle_forward(self.now, of(peer), frame).unwrap();
            }
            self.part(peer);
            self.wait(0);
        }
    }
}

fn of(peer: usize) -> Shard {
    Shard(if peer % PEERS == 0 { 1 } else { 2 })
}

fn shard(number: u16) -> Broker {
    let mut config = config(true);
    (config.shards, config.shard) = (3, Shard(number));
    config.recording *= u64::from(number == 0);
    (config.limits.memory, config.limits.forwards) = (MEMORY, 64);
    Broker::new(config)
}
