//! [`Peers`]: the other brokers that are joined to this one, and what goes between. The design is in
//! `docs/design/0003-forward.md`.

mod durable;
pub(crate) mod frame;
mod inbound;
pub(crate) mod interests;
#[cfg_attr(not(feature = "peers"), path = "peers/alone.rs")]
mod joined;
mod keeping;
mod link;
mod outbound;
pub(crate) mod stamps;
mod waiting;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

pub(crate) use self::durable::Telling;
pub(crate) use self::joined::{Joined, join};
use self::stamps::Stamps;
use crate::boundary::{Lsn, Shard};
use crate::broker::{bytes_of, queue_bytes};
use crate::config::Limits;
use crate::routing::local::LOCAL;
use crate::subscription::{Preference, Subscriber, SubscriberList};

/// Tells a peer from a subscription of the host among subscribers.
pub(crate) const PEER: u32 = LOCAL | 1 << 30;

/// Whether this subscriber is a peer.
#[inline]
pub(crate) const fn is_peer(subscriber: Subscriber) -> bool {
    subscriber & PEER == PEER
}

/// The shard of a subscriber that is a peer.
fn shard_of(subscriber: Subscriber) -> Shard {
    // A peer's number fits: it was made from one.
    Shard(u16::try_from((subscriber & !PEER) >> 1).unwrap_or(u16::MAX))
}

/// The subscriber that a peer is; it is one of two.
pub(crate) fn subscriber_of(shard: Shard, turn: bool) -> Subscriber {
    PEER | u32::from(shard.0) << 1 | u32::from(turn)
}

/// All peers, by their number; the place of this broker is not used.
pub(crate) struct Peers {
    pub(crate) own: Shard,
    list: Vec<Peer>,
    pub(crate) stamps: Stamps,
    /// What tells this broker from one that has forgotten everything; 0 until it is needed.
    run: u64,
    /// The last mark that was sent.
    mark: u64,
    /// Some who waited for a mark have yet to be told.
    releasing: bool,
    /// The frame that is lent to the host.
    frame: Vec<u8>,
    /// Messages kept for all peers together.
    kept: u32,
}

/// Where a link stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Link {
    #[default]
    Down,
    /// It is up; the other has not said hello.
    Greeting,
    Up,
}

/// One other broker.
#[derive(Default)]
struct Peer {
    link: Link,
    said_hello: bool,
    /// `Output::Forward` has been given and `poll_forward` has not run dry since.
    notified: bool,
    interests: Wanted,
    /// Its run, and the highest sequence of that run that has been taken.
    run: u64,
    received: u64,
    /// The record that says so.
    received_lsn: Lsn,
    /// The last sequence given out.
    last: u64,
    kept: VecDeque<Kept>,
    /// The last sequence that it has said it has. Of what is kept, what is not after it is let go
    /// over turns.
    confirmed: u64,
    /// What waits for it in the broker: bytes of messages.
    bytes: usize,
    /// Of what is kept, the first that has not been sent on this link, if it is not in `ordered`.
    resend: u64,
    resend_until: u64,
    walk: Option<Walk>,
    /// Another walk waits to be sent: what changes meanwhile is told with it.
    restates: bool,
    sync: Sync,
    /// It has been told, or is being told, of every change of a retained message. A broker that
    /// comes back does not know.
    abreast: bool,
    /// What waits to be sent, each with the record it waits for.
    ordered: VecDeque<(Lsn, Item)>,
    /// How many QoS 0 messages are among them.
    ordered_live: u32,
    /// QoS 0 messages that do not wait for those.
    live: VecDeque<Live>,
    /// Answers among what waits, and the last of those that found no place there.
    answers: u32,
    late: Late,
    /// What waited for links that are gone, to be forgotten over turns.
    cut: VecDeque<Cut>,
    /// The last mark that it has answered.
    marked: u64,
    routed: Routed,
}

/// How far a peer has been told of all retained messages. They are in no record of their own: until it
/// has them on disk, they may have to be told again.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Sync {
    #[default]
    None,
    /// The next place of a walk over all stamps.
    At(u32),
    /// The mark that it answers when it has them.
    Told(u64),
}

/// Answers that stand in for all of their kind before them, each with the record it waits for.
#[derive(Default)]
struct Late {
    marked: Option<(Lsn, u64)>,
    received: Option<(Lsn, u64)>,
}

/// What waited for a link that is gone.
struct Cut {
    ordered: VecDeque<(Lsn, Item)>,
    live: VecDeque<Live>,
}

/// What a peer wants.
#[derive(Default)]
struct Wanted {
    /// Two lists, which take turns.
    lists: [SubscriberList; 2],
    /// Which of them is the one in force.
    turn: bool,
    /// All are being told again, into the other list.
    restating: bool,
    /// The other list is being emptied.
    wiping: bool,
    /// The newest record that changed them.
    lsn: Lsn,
}

/// A walk over all interests.
#[derive(Clone, Copy)]
enum Walk {
    Begin,
    /// The next place.
    At(u32),
}

/// A message that its peer has not said that it has.
struct Kept {
    sequence: u64,
    publication: u32,
    /// The count of the stamp of the change it makes; 0 if it makes none.
    count: u64,
    direct: bool,
    groups: Box<[u8]>,
    lsn: Lsn,
}

/// A message that comes once at most.
struct Live {
    publication: u32,
    direct: bool,
    groups: Box<[u8]>,
}

enum Item {
    Interest(Arc<[u8]>, bool),
    /// All interests, from here on.
    Restate,
    Mark(u64),
    Marked(u64),
    Received(u64),
    Kept(u64),
    Live(Live),
}

/// For whom the message being routed is, at a peer.
#[derive(Default)]
struct Routed {
    direct: bool,
    groups: Vec<u8>,
}

impl Peers {
    /// How many messages are kept.
    pub(crate) const fn kept(&self) -> u32 {
        self.kept
    }

    /// How well a peer can take a message for a group.
    pub(crate) fn preference(&self, subscriber: Subscriber) -> Preference {
        match self.get(shard_of(subscriber)) {
            Some(peer) if peer.link != Link::Down => Preference::Ready,
            _ => Preference::Willing,
        }
    }

    /// Whether there is work that waits for a turn.
    pub(crate) fn has_work(&self) -> bool {
        let has_work =
            |peer: &Peer| peer.interests.wiping || !peer.cut.is_empty() || peer.has_confirmed();
        self.releasing || self.list.iter().any(has_work)
    }

    /// The memory held beside the tables, in bytes.
    pub(crate) fn heap(&self) -> usize {
        let peers = self.list.iter().map(Peer::heap).sum::<usize>();
        size_of::<Self>()
            + bytes_of(&self.list)
            + peers
            + bytes_of(&self.frame)
            + self.stamps.heap()
    }

    /// Whether the Session of this Client Identifier lives here.
    pub(crate) fn is_own(&self, client_identifier: &str) -> bool {
        Shard::of(client_identifier, u16::try_from(self.list.len()).unwrap_or(u16::MAX)) == self.own
    }

    fn get(&self, shard: Shard) -> Option<&Peer> {
        self.list.get(usize::from(shard.0)).filter(|_| shard != self.own)
    }

    fn get_mut(&mut self, shard: Shard) -> Option<&mut Peer> {
        self.list.get_mut(usize::from(shard.0)).filter(|_| shard != self.own)
    }

    /// Every peer's number.
    fn shards(&self) -> impl Iterator<Item = Shard> + use<> {
        let (all, own) = (u16::try_from(self.list.len()).unwrap_or(u16::MAX), self.own);
        (0..all).map(Shard).filter(move |shard| *shard != own)
    }
}

impl Peer {
    fn heap(&self) -> usize {
        queue_bytes(&self.kept)
            + queue_bytes(&self.ordered)
            + queue_bytes(&self.live)
            + queue_bytes(&self.cut)
            + self.cut.iter().map(Cut::heap).sum::<usize>()
            + bytes_of(&self.routed.groups)
    }

    /// How much waits for it.
    fn waiting(&self) -> usize {
        let cut = self.cut.iter().map(|cut| cut.ordered.len() + cut.live.len()).sum::<usize>();
        self.kept.len() + self.ordered.len() + self.live.len() + cut
    }

    /// Whether all retained messages are to be told, and nothing else is to be sent first.
    fn is_to_sync(&self, limits: &Limits) -> bool {
        let idle = self.link == Link::Up && self.walk.is_none() && self.sync == Sync::None;
        idle && !self.abreast
            && self.ordered.is_empty()
            && self.waiting() <= limits.forwards as usize / 2
    }

    /// Whether something is kept that it has.
    fn has_confirmed(&self) -> bool {
        self.kept.front().is_some_and(|kept| kept.sequence <= self.confirmed)
    }

    fn kept(&self, sequence: u64) -> Option<&Kept> {
        let first = self.kept.front()?.sequence;
        self.kept.get(usize::try_from(sequence.checked_sub(first)?).ok()?)
    }
}

impl Cut {
    fn heap(&self) -> usize {
        queue_bytes(&self.ordered) + queue_bytes(&self.live)
    }
}
