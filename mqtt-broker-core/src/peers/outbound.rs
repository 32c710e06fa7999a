//! What is sent to a peer, one frame at a time.

use alloc::vec::Vec;

use mqtt_codec::{PassThrough, QoS, TopicFilter, TopicName};

use super::frame::{Frame, Message};
use super::stamps::Stamp;
use super::{Item, Link, Sync, Walk};
use crate::boundary::Shard;
use crate::broker::Broker;
use crate::output::Pending;
use crate::recording::Call;
use crate::time::Instant;

/// How many topics without a retained message one poll passes.
const PASSED: usize = 256;

/// What became of an attempt to make a frame.
#[derive(PartialEq, Eq)]
enum Made {
    Frame,
    /// There may be one after some more of this.
    Again,
    Nothing,
}

impl Broker {
    /// The next frame for a peer: bytes that its [`handle_forward`](Self::handle_forward) takes as
    /// they are, lent until the next call. `None` when there is nothing to send, also without a
    /// link.
    ///
    /// What is returned counts as sent. After `None`, ask again when
    /// [`Output::Forward`](crate::Output::Forward) names the peer. A frame says nothing of its own
    /// length: a host whose link is a stream of bytes adds that.
    pub fn poll_forward(&mut self, now: Instant, peer: Shard) -> Option<&[u8]> {
        self.record(now, &Call::PollForward(peer));
        self.work.begin();
        let mut frame = core::mem::take(&mut self.peers.as_deref_mut()?.frame);
        frame.clear();
        let mut made = Made::Again;
        for _ in 0..PASSED {
            made = self.next_frame(now, peer, &mut frame);
            if made != Made::Again {
                break;
            }
        }
        let state = self.peers.as_deref_mut().and_then(|peers| peers.get_mut(peer));
        match (made, state) {
            (Made::Again, Some(_)) => self.outputs.push(Pending::Forward(peer)),
            (Made::Nothing, Some(state)) => state.notified = false,
            _ => {}
        }
        let peers = self.peers.as_deref_mut()?;
        peers.frame = frame;
        if peers.frame.is_empty() {
            peers.trim(peer);
        }
        self.recount_aside();
        let frame = &*self.peers.as_deref()?.frame;
        self.recorder.sent(frame);
        (!frame.is_empty()).then_some(frame)
    }

    fn next_frame(&mut self, now: Instant, peer: Shard, out: &mut Vec<u8>) -> Made {
        let Some(peers) = self.peers.as_deref_mut() else { return Made::Nothing };
        let own_run = peers.run;
        let Some(state) = peers.get_mut(peer) else { return Made::Nothing };
        if state.link != Link::Down && !state.said_hello {
            // What it says that it has is forgotten by the other.
            if !self.journal.is_durable(state.received_lsn) {
                return Made::Nothing;
            }
            state.said_hello = true;
            let (your_run, received) = (state.run, state.received);
            Frame::Hello { run: own_run, your_run, received }.encode(out);
            return Made::Frame;
        }
        if state.link != Link::Up {
            return Made::Nothing;
        }
        if let Some(walk) = state.walk {
            let after = self.tell_one(walk, out);
            if let Some(state) = self.peers.as_deref_mut().and_then(|peers| peers.get_mut(peer)) {
                state.walk = after;
            }
            return Made::Frame;
        }
        if state.resend <= state.resend_until {
            let sequence = state.resend;
            let kept = state.kept(sequence);
            if kept.is_none_or(|kept| self.journal.is_durable(kept.lsn)) {
                state.resend = state.resend.saturating_add(1);
                return self.encode_kept(now, peer, sequence, out);
            }
        } else if let Sync::At(place) = state.sync {
            return self.sync_one(now, peer, place, out);
        } else if state.is_to_sync(&self.config.limits) {
            (state.abreast, state.sync) = (true, Sync::At(0));
            return Made::Again;
        }
        self.next_item(now, peer, out)
    }

    /// Tells of one interest.
    fn tell_one(&self, walk: Walk, out: &mut Vec<u8>) -> Option<Walk> {
        let Walk::At(place) = walk else {
            Frame::Restate.encode(out);
            return Some(Walk::At(0));
        };
        let interests = self.subscriptions.interests.as_deref();
        let Some((place, filter)) = interests.and_then(|all| all.next_from(place)) else {
            Frame::Restated.encode(out);
            return None;
        };
        let filter = TopicFilter::assume_valid(filter);
        Frame::Interest { wanted: true, filter }.encode(out);
        Some(Walk::At(place + 1))
    }

    /// Sends the last change of one topic.
    fn sync_one(&mut self, now: Instant, peer: Shard, place: u32, out: &mut Vec<u8>) -> Made {
        let Some(peers) = self.peers.as_deref_mut() else { return Made::Nothing };
        let found = peers.stamps.next_from(place);
        let next = found.as_ref().map(|(place, ..)| Sync::At(place + 1));
        let mut made = Made::Again;
        if let Some((_, topic, stamp, cleared)) = found {
            let topic = TopicName::assume_valid(topic);
            let retained = self.retained.get(&self.publications, topic);
            let retained = retained.and_then(|key| self.publications.get(key));
            let message = Message {
                sequence: 0,
                qos: QoS::AtMostOnce,
                retain: true,
                stamp,
                direct: false,
                groups: &[],
                time_left: None,
                topic,
                properties: PassThrough::assume_valid(&[]),
                payload: &[],
            };
            if let Some(stored) = retained.filter(|stored| !cleared && !stored.expired(now)) {
                let (qos, time_left) = (stored.qos, stored.time_left(now));
                let (properties, payload) = (stored.pass_through(), stored.payload());
                let message = Message { qos, time_left, properties, payload, ..message };
                Frame::Message(message).encode(out);
                made = Made::Frame;
            } else if cleared {
                Frame::Message(message).encode(out);
                made = Made::Frame;
            }
        }
        let mark = peers.mark + u64::from(next.is_none());
        peers.mark = mark;
        if let Some(state) = peers.get_mut(peer) {
            state.sync = next.unwrap_or(Sync::Told(mark));
            if next.is_none() {
                state.mark(mark);
            }
        }
        made
    }

    fn next_item(&mut self, now: Instant, peer: Shard, out: &mut Vec<u8>) -> Made {
        let Some(peers) = self.peers.as_deref_mut() else { return Made::Nothing };
        let Some(state) = peers.get_mut(peer) else { return Made::Nothing };
        if let Some(live) = state.live.pop_front() {
            return self.encode_live(now, peer, &live, out);
        }
        // What is sent again comes first.
        if state.resend <= state.resend_until {
            return Made::Nothing;
        }
        let journal = &self.journal;
        let head = state.ordered.front().filter(|(lsn, _)| journal.is_durable(*lsn));
        let taken = head.is_some().then(|| state.ordered.pop_front()).flatten();
        let Some((_, item)) = taken else { return Made::Nothing };
        match item {
            Item::Interest(filter, wanted) => {
                let filter = TopicFilter::assume_valid(&filter);
                Frame::Interest { wanted, filter }.encode(out);
            }
            Item::Restate => {
                (state.walk, state.restates) = (Some(Walk::Begin), false);
                return Made::Again;
            }
            Item::Mark(mark) => Frame::Mark(mark).encode(out),
            Item::Marked(mark) => {
                state.answered();
                Frame::Marked(mark).encode(out);
            }
            Item::Received(sequence) => {
                state.answered();
                Frame::Received(sequence).encode(out);
            }
            Item::Kept(sequence) => return self.encode_kept(now, peer, sequence, out),
            Item::Live(live) => {
                state.ordered_live = state.ordered_live.saturating_sub(1);
                return self.encode_live(now, peer, &live, out);
            }
        }
        Made::Frame
    }

    fn encode_live(
        &mut self,
        now: Instant,
        peer: Shard,
        live: &super::Live,
        out: &mut Vec<u8>,
    ) -> Made {
        self.encode_message(now, live.publication, (0, 0), live.direct, &live.groups, out);
        self.account.give(live.groups.len());
        self.let_go_forward(peer, live.publication);
        Made::Frame
    }

    fn encode_kept(&mut self, now: Instant, peer: Shard, sequence: u64, out: &mut Vec<u8>) -> Made {
        let Some(peers) = self.peers.as_deref_mut() else { return Made::Nothing };
        let Some(state) = peers.get_mut(peer) else { return Made::Nothing };
        let resent = sequence <= state.resend_until;
        let Some(kept) = state.kept(sequence) else { return Made::Again };
        let (publication, count, direct) = (kept.publication, kept.count, kept.direct);
        let groups = kept.groups.clone();
        let qos = self.publications.get(publication).map(|stored| stored.qos);
        if !resent && qos == Some(QoS::AtMostOnce) {
            state.ordered_live = state.ordered_live.saturating_sub(1);
        }
        self.encode_message(now, publication, (sequence, count), direct, &groups, out);
        Made::Frame
    }

    fn encode_message(
        &mut self,
        now: Instant,
        publication: u32,
        (sequence, count): (u64, u64),
        direct: bool,
        groups: &[u8],
        out: &mut Vec<u8>,
    ) {
        let Some(stored) = self.publications.get(publication) else { return };
        let shard = self.peers.as_deref().map(|peers| peers.own).unwrap_or_default();
        let message = Message {
            sequence,
            qos: stored.qos,
            retain: stored.retain(),
            stamp: Stamp { count, shard },
            direct,
            groups,
            time_left: stored.time_left(now),
            topic: stored.topic(),
            properties: stored.pass_through(),
            payload: stored.payload(),
        };
        Frame::Message(message).encode(out);
        self.stats.forwards_sent += 1;
    }
}
