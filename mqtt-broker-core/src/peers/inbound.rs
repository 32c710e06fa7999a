//! What a peer says.

use alloc::vec::Vec;

use mqtt_codec::{QoS, SubscriptionOptions, TopicFilter};

use super::frame::{Frame, Message};
use super::{Item, Link, PEER, Peer, Sync, subscriber_of};
use crate::boundary::{DropCause, Error, Lsn, Shard};
use crate::broker::Broker;
use crate::config::Limit;
use crate::defect::Defect;
use crate::journal::{Change, PeerChange, Published};
use crate::recording::Call;
use crate::time::{Duration, Instant};

/// How many interests of a former link one turn forgets.
const WIPED: usize = 1024;

impl Broker {
    /// A frame came from a peer: what its [`poll_forward`](Self::poll_forward) gave.
    ///
    /// # Errors
    ///
    /// [`Error::Frame`] if it is none, and [`Error::Peer`] if there is no such peer, or no link to
    /// it. [`Error::Full`] as long as so much is recorded that is not durable yet that nothing can be
    /// added: the frame, and all after it, wait until more is [durable](Self::durable). Nothing is
    /// changed then.
    pub fn handle_forward(
        &mut self,
        now: Instant,
        origin: Shard,
        frame: &[u8],
    ) -> Result<(), Error> {
        self.record(now, &Call::Forward { origin, frame });
        let state = self.peers.as_deref().and_then(|peers| peers.get(origin));
        let link = state.ok_or(Error::Peer)?.link;
        let frame = Frame::decode(frame).map_err(Error::Frame)?;
        match (link, &frame) {
            (Link::Down, _) => return Err(Error::Peer),
            (Link::Greeting, Frame::Hello { .. }) | (Link::Up, _) => {}
            (Link::Greeting, _) => return Err(Error::Frame("no hello")),
        }
        if self.journal.is_full() && frame.may_be_recorded() {
            let limit = Limit::JournalBytes;
            self.reached_by(limit, "", crate::boundary::Peer::default());
            return Err(Error::Full(limit.name()));
        }
        self.work.begin();
        match frame {
            Frame::Hello { run, your_run, received } => {
                self.greeted(origin, run, your_run, received);
            }
            Frame::Restate => self.restate(origin),
            Frame::Restated => self.restated(origin),
            Frame::Interest { wanted, filter } => self.interest(origin, wanted, filter),
            Frame::Mark(mark) => {
                let lsn = self.wanted_mut(origin).map_or(Lsn(0), |wanted| wanted.lsn);
                self.say(origin, lsn, Item::Marked(mark));
            }
            Frame::Marked(mark) => {
                let peers = self.peers.as_deref_mut();
                if let Some(state) = peers.and_then(|peers| peers.get_mut(origin)) {
                    state.marked = state.marked.max(mark);
                    if matches!(state.sync, Sync::Told(told) if told <= mark) {
                        state.sync = Sync::None;
                    }
                }
                self.release_marked();
            }
            Frame::Message(message) => self.message(now, origin, &message),
            Frame::Received(sequence) => self.confirmed(origin, sequence),
        }
        self.settle(now);
        Ok(())
    }

    /// All interests of a peer are told again.
    fn restate(&mut self, origin: Shard) {
        // They go to the other list, which has to be empty: what is left there is wanted no more, or was
        // told when the link was cut, and counts until all is told.
        self.wipe(origin, usize::MAX);
        let Some(wanted) = self.wanted_mut(origin) else { return };
        wanted.restating = false;
        let turn = wanted.turn;
        let told = self.told_aside(origin);
        for filter in &told {
            self.interest(origin, true, TopicFilter::assume_valid(filter));
        }
        if !told.is_empty() {
            self.journal.change(&Change::Peer(origin, PeerChange::Restated { turn }));
        }
        if let Some(wanted) = self.wanted_mut(origin) {
            (wanted.wiping, wanted.restating) = (!told.is_empty(), true);
        }
        self.wipe(origin, usize::MAX);
    }

    /// The interests of a peer that are in the list that is not in force.
    fn told_aside(&self, origin: Shard) -> Vec<Vec<u8>> {
        let state = self.peers.as_deref().and_then(|peers| peers.get(origin));
        let list = state.map(|Peer { interests, .. }| {
            let [first, second] = &interests.lists;
            if interests.turn { first } else { second }
        });
        let held = list.into_iter().flat_map(|list| self.subscriptions.of_subscriber(list));
        held.map(|held| {
            let mut filter = Vec::new();
            held.write_filter(&mut filter);
            filter
        })
        .collect()
    }

    fn restated(&mut self, origin: Shard) {
        let Some(wanted) = self.wanted_mut(origin) else { return };
        if !core::mem::take(&mut wanted.restating) {
            return;
        }
        wanted.turn = !wanted.turn;
        wanted.wiping = true;
        let turn = wanted.turn;
        self.journal.change(&Change::Peer(origin, PeerChange::Restated { turn }));
        self.wipe(origin, WIPED);
    }

    /// Forgets so many interests of a former link.
    fn wipe(&mut self, origin: Shard, count: usize) {
        let Some(peers) = self.peers.as_deref_mut() else { return };
        let Some(state) = peers.get_mut(origin).filter(|state| state.interests.wiping) else {
            return;
        };
        let wanted = &mut state.interests;
        let [first, second] = &mut wanted.lists;
        let list = if wanted.turn { first } else { second };
        self.work.add(count.min(list.len() as usize));
        wanted.wiping = !self.subscriptions.unsubscribe_all(list, count);
    }

    /// Goes on with what was put off.
    pub(crate) fn run_peers(&mut self) {
        let Some(peers) = self.peers.as_deref() else { return };
        let releasing = peers.releasing;
        for shard in peers.shards() {
            self.wipe(shard, WIPED);
            self.drop_cut(shard);
            if !self.work.is_done() {
                self.let_go_confirmed(shard, self.work.left());
            }
        }
        if releasing {
            self.release_marked();
        }
    }

    fn interest(&mut self, origin: Shard, wants: bool, filter: TopicFilter<'_>) {
        let Some(peers) = self.peers.as_deref_mut() else { return };
        let Some(state) = peers.get_mut(origin) else { return };
        let wanted = &mut state.interests;
        let [first, second] = &mut wanted.lists;
        let turn = wanted.turn != wanted.restating;
        let change = if wants {
            let list = if turn { second } else { first };
            let subscriber = subscriber_of(origin, turn);
            let all = &mut self.subscriptions;
            if all.subscribe(list, filter, subscriber, everything(), None).is_err() {
                let limit = self.full(Limit::Subscriptions);
                self.reached_by(limit, "", crate::boundary::Peer::default());
                return;
            }
            let group = self.subscriptions.group_of(filter);
            PeerChange::Interested { turn, filter, group }
        } else {
            self.subscriptions.unsubscribe(first, filter, subscriber_of(origin, false));
            self.subscriptions.unsubscribe(second, filter, subscriber_of(origin, true));
            PeerChange::Uninterested { filter }
        };
        self.journal.change(&Change::Peer(origin, change));
        let lsn = self.journal.gate();
        if let Some(wanted) = self.wanted_mut(origin) {
            wanted.lsn = lsn;
        }
    }

    fn message(&mut self, now: Instant, origin: Shard, message: &Message<'_>) {
        let peers = self.peers.as_deref_mut();
        let Some(state) = peers.and_then(|peers| peers.get_mut(origin)) else { return };
        if message.sequence != 0 && message.sequence <= state.received {
            self.stats.forwards_repeated += 1;
            let (received, lsn) = (state.received, state.received_lsn);
            self.say(origin, lsn, Item::Received(received));
            return;
        }
        if message.sequence != 0 {
            state.received = message.sequence;
        }
        self.stats.forwards_received += 1;
        self.take_message(now, message);
        let lsn = self.journal.gate();
        if message.sequence == 0 {
            // A mark that comes after retained messages asks for them as well.
            if let Some(wanted) = self.wanted_mut(origin) {
                wanted.lsn = wanted.lsn.max(lsn);
            }
            return;
        }
        let received = message.sequence;
        self.journal.change(&Change::Peer(origin, PeerChange::Received { sequence: received }));
        let unsynced = self.is_planted(Defect::ReceivedBeforeSync);
        let lsn = if unsynced { Lsn(0) } else { self.journal.gate() };
        let peers = self.peers.as_deref_mut();
        if let Some(state) = peers.and_then(|peers| peers.get_mut(origin)) {
            state.received_lsn = lsn;
        }
        self.say(origin, lsn, Item::Received(received));
    }

    /// Retains and routes what a peer has accepted.
    fn take_message(&mut self, now: Instant, message: &Message<'_>) {
        let topic = message.topic;
        let before = self.peers.as_deref().map(|peers| peers.stamps.get(topic.as_bytes()));
        let changes = message.retain && message.stamp.count > 0 && Some(message.stamp) > before;
        // It is told again, as are all, to who may lack some.
        if !changes && !message.direct && message.groups.is_empty() {
            return;
        }
        let expires_at = match message.time_left {
            None => Instant::NEVER,
            Some(left) => now + Duration::from_micros(left.min(u64::from(u32::MAX) * 1_000_000)),
        };
        let published = Published {
            sequence: self.publications.sequence() + 1,
            expires_at,
            qos: message.qos,
            retain: message.retain,
            topic,
            properties: message.properties,
            payload: message.payload,
        };
        let publication = match self.publications.restore(&published) {
            Ok(publication) => publication,
            Err(limit) => {
                self.stats.dropped_broker_full += 1;
                self.reached_by(limit, "", crate::boundary::Peer::default());
                return;
            }
        };
        if changes {
            match self.retain(publication) {
                Ok(()) => self.note_stamp(publication, message.stamp, message.payload.is_empty()),
                Err(limit) => {
                    self.stats.dropped_broker_full += 1;
                    self.reached_by(limit, "", crate::boundary::Peer::default());
                }
            }
        }
        self.match_forwarded(publication, message);
        self.deliver(now, publication, Some(PEER), 0);
        self.publications.release(publication);
    }

    /// Finds whom a message of a peer is for.
    fn match_forwarded(&mut self, publication: u32, message: &Message<'_>) {
        self.subscriptions.matches(message.topic, &mut self.matches);
        self.matches.alter();
        if !message.direct {
            self.matches.subscribers.clear();
        }
        self.matches.groups.clear();
        for filter in message.groups() {
            match self.subscriptions.group(self.subscriptions.group_of(filter)) {
                Some(group) => self.matches.groups.push(group),
                // Its last member on any shard has left.
                None => self.dropped_of("", publication, DropCause::NoMember),
            }
        }
    }

    fn say(&mut self, peer: Shard, lsn: Lsn, item: Item) {
        let peers = self.peers.as_deref_mut();
        let Some(state) = peers.and_then(|peers| peers.get_mut(peer)) else { return };
        // One that says more takes the place of the last, unless it has to wait longer.
        let sooner = self.journal.is_durable(lsn);
        match (&item, state.ordered.back_mut()) {
            (Item::Received(more), Some((last, Item::Received(said))))
            | (Item::Marked(more), Some((last, Item::Marked(said))))
                if sooner || lsn <= *last =>
            {
                *said = (*said).max(*more);
            }
            _ => state.answer(lsn, item),
        }
        self.notify_peer(peer);
    }

    fn wanted_mut(&mut self, peer: Shard) -> Option<&mut super::Wanted> {
        Some(&mut self.peers.as_deref_mut()?.get_mut(peer)?.interests)
    }
}

/// What a peer asks for: its own subscribers say what they want of it.
pub(super) fn everything() -> SubscriptionOptions {
    SubscriptionOptions {
        maximum_qos: QoS::ExactlyOnce,
        retain_as_published: true,
        ..SubscriptionOptions::default()
    }
}
