//! What goes wrong between brokers and with their disks.

use mqtt_broker_core::Lsn;

use super::acting::Calm;
use super::{Event, Nodes, pair, shard};
use crate::disk::Death;
use crate::faults::{Fault, FaultSet};
use crate::node::NodeId;

impl Nodes {
    /// A link is cut or stands still, a disk is full, a broker dies or begins a snapshot.
    pub(super) fn trouble(&mut self) {
        let wait = self.random.magnitude(1000, 200_000);
        self.later(wait, Event::Trouble);
        let (any, other) = (self.random.index(self.len()), self.random.index(self.len()));
        let one = self.calm.around().unwrap_or(any);
        let down = self.random.magnitude(1000, 2_000_000);
        match self.random.below(10) {
            0..4 => {
                if one != other && self.calm == Calm::No && self.struck(Fault::Cut, 1000) {
                    self.cut(one, other);
                    self.later(down, Event::Join(one, other));
                }
            }
            4..6 => {
                if one != other && self.struck(Fault::Stall, 1000) {
                    self.note(|| format!("shard {other} takes no frames of {one}"));
                    self.stalled.insert((one, other));
                    self.later(down, Event::Flow(one, other));
                }
            }
            6 => {
                if self.nodes[one].is_up && self.struck(Fault::DiskFull, 1000) {
                    self.note(|| format!("the disk of shard {one} is full"));
                    self.nodes[one].disk.is_full = true;
                    self.later(down, Event::Room(one));
                }
            }
            7 => {
                if self.nodes[one].is_up && self.faults != FaultSet::NONE {
                    self.nodes[one].broker.snapshot(self.now);
                    self.after(one);
                }
            }
            _ => {
                let is_power = self.random.chance(500);
                let death = if is_power { Death::Power } else { Death::Process };
                let fault = if is_power { Fault::PowerCut } else { Fault::Crash };
                let may_die = self.nodes[one].is_up && self.calm.lets_die(one);
                if may_die && self.struck(fault, 1000) {
                    self.die(one, death);
                }
            }
        }
    }

    /// Whether a fault strikes, which is counted.
    pub(super) fn struck(&mut self, fault: Fault, per_mille: u64) -> bool {
        let strikes = self.random.chance(per_mille) && self.faults.has(fault) && !self.at_peace;
        self.counts.faults[fault as usize] += u64::from(strikes);
        strikes
    }

    pub(super) fn die(&mut self, one: NodeId, death: Death) {
        self.note(|| format!("shard {one} dies: {death:?}"));
        self.nodes[one].die(death, &mut self.random);
        let torn = self.nodes[one].disk.has_torn_a_call;
        self.counts.faults[Fault::TornCall as usize] += u64::from(torn);
        let left = self.nodes[one].left.as_ref().map_or(Lsn(0), |left| left.lsn);
        self.wills.died(one, left);
        self.promises.died(one, left);
        self.left_behind.retain(|(node, _)| *node != one);
        let names: Vec<_> = self.clients.keys().cloned().collect();
        for name in names.iter().filter(|name| self.home(name) == one).collect::<Vec<_>>() {
            if let Some(client) = self.clients.get_mut(name).filter(|c| c.handle.is_some()) {
                self.wills.lost(&client.will, client.is_welcome);
                client.lose();
            }
        }
        for other in 0..self.nodes.len() {
            self.cut(one, other);
        }
        let down = self.random.magnitude(1000, 2_000_000);
        self.later(down, Event::Rise(one));
    }

    pub(super) fn rise(&mut self, node: NodeId) -> Result<(), String> {
        if self.nodes[node].is_up {
            return Ok(());
        }
        self.note(|| format!("shard {node} comes back"));
        self.nodes[node].rise(self.now, 0)?;
        self.after(node);
        for other in 0..self.nodes.len() {
            self.join(node, other);
        }
        Ok(())
    }

    /// Every link is there that can be.
    pub(super) fn mend(&mut self) {
        for one in 0..self.nodes.len() {
            for other in 0..one {
                self.join(one, other);
            }
        }
    }

    /// Frames flow, and disks have room.
    pub(super) fn ease(&mut self) {
        for (from, to) in self.stalled.clone() {
            self.flow(from, to);
        }
        for node in 0..self.nodes.len() {
            self.room(node);
        }
    }

    pub(super) fn join(&mut self, one: NodeId, other: NodeId) {
        let is_up = self.nodes[one].is_up && self.nodes[other].is_up;
        if one == other || !is_up || self.links.contains_key(&pair(one, other)) {
            return;
        }
        self.note(|| format!("shards {one} and {other} are joined"));
        self.count += 1;
        self.links.insert(pair(one, other), self.count);
        for (here, there) in [(one, other), (other, one)] {
            let joined = self.nodes[here].broker.handle_peer_up(self.now, shard(there));
            self.note(|| format!("{here} to {there}: {joined:?}"));
        }
        self.after(one);
        self.after(other);
    }

    fn cut(&mut self, one: NodeId, other: NodeId) {
        if self.links.remove(&pair(one, other)).is_none() {
            return;
        }
        self.note(|| format!("the link of shards {one} and {other} is cut"));
        for (here, there) in [(one, other), (other, one)] {
            if self.nodes[here].is_up {
                self.nodes[here].broker.handle_peer_down(self.now, shard(there));
                self.after(here);
            }
        }
    }

    pub(super) fn flow(&mut self, from: NodeId, to: NodeId) {
        if self.stalled.remove(&(from, to)) && self.nodes[from].is_up {
            self.forward(from, shard(to));
        }
    }

    pub(super) fn room(&mut self, node: NodeId) {
        let disk = &mut self.nodes[node].disk;
        if disk.is_full {
            disk.is_full = false;
            disk.write();
            let lsn = disk.written();
            self.sync_later(node, lsn);
        }
    }

    pub(super) fn sync_later(&mut self, node: NodeId, lsn: Lsn) {
        let slow = self.struck(Fault::SlowSync, 150);
        let wait = if slow { self.random.magnitude(1000, 500_000) } else { 0 };
        let wait = wait + self.random.between(100, 2000);
        let life = self.nodes[node].life;
        self.later(wait, Event::Synced(node, life, lsn));
    }

    pub(super) fn synced(&mut self, node: NodeId, lsn: Lsn) {
        if self.calm.lets_die(node) && self.struck(Fault::SyncFails, 2) {
            return self.die(node, Death::Power);
        }
        self.nodes[node].disk.sync(lsn);
        self.nodes[node].durable(lsn);
        self.after(node);
    }
}
