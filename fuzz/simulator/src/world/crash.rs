//! Disks and deaths: what is synced when, what goes wrong with it, and how a node comes back.

use std::collections::BTreeSet;

use mqtt_broker_core::Lsn;

use super::{Happening, NodeEvent, World};
use crate::clock::after;
use crate::disk::{Death, Store};
use crate::faults::Fault;
use crate::link::{Arrival, Link, LinkId};
use crate::node::NodeId;
use crate::oracle::{Cause, Rise};

impl World {
    /// The newest record goes to the disk, which syncs in its own time.
    pub(super) fn sync_later(&mut self, node: NodeId, lsn: Lsn) {
        if let Some(random) = self.faults.strikes(Fault::DiskFull) {
            let until = after(self.now, random.between(500, 20_000));
            if !self.nodes[node].disk.is_full {
                self.nodes[node].disk.full_from = self.oracles.accepted();
            }
            self.nodes[node].disk.is_full = true;
            self.trace.note(self.now, || format!("the disk of node {node} is full"));
            self.plan(until, node, NodeEvent::Room);
        }
        if self.nodes[node].disk.is_full {
            return;
        }
        let slow = self.faults.strikes(Fault::SlowSync).map_or(0, |r| r.magnitude(10, 3000));
        let usual = self.network.between(100, 3000);
        let at = after(self.now, slow);
        let at = mqtt_broker_core::Instant(at.0 + usual);
        self.plan(at, node, NodeEvent::Synced(lsn));
    }

    pub(super) fn disk_has_room(&mut self, node: NodeId) {
        if self.nodes[node].disk.is_full {
            let idle = self.idle(node);
            self.oracles.had_no_room(self.nodes[node].disk.full_from, &idle);
            let disk = &mut self.nodes[node].disk;
            disk.is_full = false;
            disk.write();
            let lsn = disk.written();
            self.trace.note(self.now, || format!("the disk of node {node} has room"));
            self.sync_later(node, lsn);
        }
    }

    /// The connections of a node that have taken all that it has for them, where nothing but the
    /// disk puts anything off.
    fn idle(&self, node: NodeId) -> BTreeSet<LinkId> {
        let config = &self.workload.config;
        if config.ask_deliver || config.queue_qos0 {
            return BTreeSet::new();
        }
        let is_idle = |link: &Link| link.node == node && link.handle.is_some() && !link.ready;
        (0..).zip(&self.links).filter(|(_, link)| is_idle(link)).map(|(id, _)| id).collect()
    }

    pub(super) fn synced(&mut self, node: NodeId, lsn: Lsn) {
        let store = self.nodes[node].disk.store;
        if store == Store::Fsync && self.faults.strikes(Fault::SyncFails).is_some() {
            // What it failed to sync may be anything: the host does not go on with it.
            self.trace.note(self.now, || format!("node {node} is answered EIO"));
            return self.die(node, Death::Power);
        }
        self.nodes[node].disk.sync(lsn);
        let late = self.faults.strikes(Fault::LateDurable).map_or(0, |r| r.magnitude(1, 1000));
        self.plan(after(self.now, late), node, NodeEvent::Durable(lsn));
    }

    pub(super) fn durable(&mut self, node: NodeId, lsn: Lsn) {
        self.nodes[node].durable(lsn);
        self.call(node, &Cause::Other);
    }

    /// After any call of its broker, a node may die.
    pub(super) fn may_die(&mut self, node: NodeId) {
        let store = self.nodes[node].disk.store;
        let process = self.faults.strikes(Fault::Crash).is_some();
        // Where a power cut may lose what was promised, nobody has a right to complain.
        let power = store != Store::Os && self.faults.strikes(Fault::PowerCut).is_some();
        if process || power {
            let death = if power { Death::Power } else { Death::Process };
            self.plan(self.now, node, NodeEvent::Die(death));
        }
    }

    pub(super) fn die(&mut self, node: NodeId, death: Death) {
        if self.healed_at.is_some() {
            return;
        }
        let random = &mut self.chance_of_crash;
        self.nodes[node].die(death, random);
        let down = random.magnitude(1, 30_000);
        self.nodes[node].links_before = LinkId::try_from(self.links.len()).unwrap_or(LinkId::MAX);
        let left = self.nodes[node].left.as_ref().map_or(0, |left| left.lsn.0);
        self.trace.hash(left, b"dies");
        self.trace.note(self.now, || {
            format!("node {node} dies ({death:?}); record {left} is the last one left")
        });
        for link in 0..self.links.len() {
            self.cut_off(node, link, death);
        }
        self.agenda.put(after(self.now, down), Happening::Rise(node));
    }

    /// The broker's end of a link is gone with its node.
    fn cut_off(&mut self, node: NodeId, link: usize, death: Death) {
        let there = &mut self.links[link];
        if there.node != node || there.handle.take().is_none() {
            return;
        }
        there.unread.clear();
        there.given.clear();
        (there.waiting, there.ready, there.closing) = (false, false, false);
        there.up.is_cut = true;
        let id = LinkId::try_from(link).unwrap_or(LinkId::MAX);
        match death {
            // The system closes its sockets.
            Death::Process => {
                let at = there.down.send(after(self.now, 1), Arrival::End);
                self.agenda.put(at, Happening::Down(id));
            }
            Death::Power => {
                let at = after(self.now, self.chance_of_crash.magnitude(1, 5000));
                self.agenda.put(at, Happening::Lost(id));
            }
        }
    }

    /// A node that has died comes back.
    pub(super) fn rise(&mut self, node: NodeId) {
        if self.nodes[node].is_up {
            return;
        }
        if self.faults.strikes(Fault::FlippedBit).is_some() {
            let random = &mut self.chance_of_crash;
            let right = self.nodes[node]
                .disk
                .damaged(random)
                .map_or(Ok(()), |(bytes, offset)| crate::oracle::recovery::damaged(&bytes, offset));
            self.oracles.judge("recovery", right);
        }
        let back = self.faults.strikes(Fault::ClockBack).map_or(0, |r| r.magnitude(1, 7_200_000));
        let ahead = self.faults.strikes(Fault::ClockAhead).map_or(0, |r| r.magnitude(1, 7_200_000));
        let step = (ahead.cast_signed() - back.cast_signed()) * 1000;
        let kept = self.nodes[node].left.as_ref().map_or(Lsn(0), |left| left.lsn);
        let risen = self.nodes[node].rise(self.now, step);
        let Some(set_back) = self.oracles.judge("recovery", risen) else { return };
        let at = self.nodes[node].clock(self.now);
        self.trace.note(self.now, || format!("node {node} is back, its clock {set_back:?} behind"));
        let made = self.nodes[node].journal(at);
        let first_link = self.nodes[node].links_before;
        self.oracles.rise(&Rise { at, kept, lsn: made.change, set_back, first_link });
        if let Some(lsn) = made.newest {
            self.sync_later(node, lsn);
        }
        self.listen(node);
        self.call(node, &Cause::Other);
    }

    /// The host subscribes, if it is one that does.
    pub(super) fn listen(&mut self, node: NodeId) {
        if self.workload.host.listens {
            let now = self.nodes[node].clock(self.now);
            self.nodes[node].listening = self.nodes[node].listen(now);
        }
    }
}
