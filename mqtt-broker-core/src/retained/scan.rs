//! The walk from a Topic Filter to the retained messages it matches, a few nodes at a time.

use alloc::boxed::Box;

use mqtt_codec::TopicFilter;
use smallvec::SmallVec;

use super::Retained;
use crate::publication::Publications;
use crate::topic_tree::{Level, ROOT, levels};

/// How many bytes of a topic are looked at for one of the budget.
const BYTES_PER_LOOK: usize = 64;

/// A place in the retained messages that match one Topic Filter.
///
/// Messages may be set and removed between two steps. One that is there throughout is found exactly
/// once; one that comes or goes meanwhile may be found or not. The scan keeps the node that it
/// stands at, so give it to [`Retained::end`] in the end.
#[must_use = "a scan keeps a node until it is ended"]
#[derive(Debug)]
pub(crate) struct Scan {
    filter: Box<[u8]>,
    /// The offset in the filter after each of its levels, without a final `#`.
    ends: SmallVec<[u16; 8]>,
    /// Whether the last level is `#`.
    multi_level: bool,
    /// Whether wildcards lead to system topics.
    with_system: bool,
    node: u32,
    /// How many levels `node` is below the root.
    depth: usize,
    next: Move,
}

/// What to do next at the node a scan stands at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Move {
    /// Find it, if it matches.
    Find,
    /// Go to its first child that may match.
    Descend,
    /// Go to its next sibling that may match, or else back to its parent.
    Leave,
    Stop,
}

/// What a step of a scan came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// This publication matches.
    Found(u32),
    /// The budget is used up; go on with another one.
    Budget,
    /// There is nothing more to find.
    Done,
}

/// Which children of a node may match.
enum Select<'a> {
    None,
    Literal(&'a [u8]),
    All,
}

impl Retained {
    /// Starts a scan; that of a Shared Subscription's filter is one of the filter after the Share
    /// Name. Nothing is visited yet.
    pub(crate) fn scan(&mut self, filter: TopicFilter<'_>) -> Scan {
        let filter = filter.filter();
        let multi_level = matches!(filter, [b'#'] | [.., b'/', b'#']);
        let ends = levels(filter).scan(0usize, |start, level| {
            let end = *start + level.bytes().len();
            *start = end + 1;
            u16::try_from(end).ok()
        });
        let mut ends: SmallVec<[u16; 8]> = ends.collect();
        if multi_level {
            ends.pop();
        }
        let scan = Scan {
            filter: filter.into(),
            ends,
            multi_level,
            with_system: false,
            node: ROOT,
            depth: 0,
            next: Move::Find,
        };
        self.pin(scan.node);
        // A scan is as long as a filter, and there are few of them: it is not refused.
        self.account.take_anyway(scan.bytes());
        scan
    }

    /// Starts a scan of all there is.
    pub(crate) fn scan_all(&mut self) -> Scan {
        self.pin(ROOT);
        Scan {
            filter: Box::default(),
            ends: SmallVec::new(),
            multi_level: true,
            with_system: true,
            node: ROOT,
            depth: 0,
            next: Move::Find,
        }
    }

    /// Goes on until the scan has found something or `budget` is zero.
    ///
    /// Each move to another node, and each look at one, takes one from `budget`, and a look at a long
    /// topic takes more.
    pub(crate) fn next(&mut self, all: &Publications, scan: &mut Scan, budget: &mut u32) -> Step {
        let start = scan.node;
        let step = loop {
            if scan.next == Move::Stop {
                break Step::Done;
            }
            let Some(left) = budget.checked_sub(1) else { break Step::Budget };
            *budget = left;
            if let Some(publication) = self.step(all, scan, budget) {
                break Step::Found(publication);
            }
        };
        if scan.node != start {
            self.pin(scan.node);
            self.release(start);
        }
        step
    }

    /// Ends a scan wherever it stands.
    #[expect(clippy::needless_pass_by_value, reason = "a scan that was ended cannot be used")]
    pub(crate) fn end(&mut self, scan: Scan) {
        self.account.give(scan.bytes());
        self.release(scan.node);
    }

    /// Makes one move, and answers the publication it found.
    fn step(&self, all: &Publications, scan: &mut Scan, budget: &mut u32) -> Option<u32> {
        match scan.next {
            Move::Find => {
                let kept = self.tree.value(scan.node)?.kept;
                if let Some(lone) = kept.lone() {
                    // What comes to be below is this one, or has come since.
                    scan.next = Move::Leave;
                    return scan.matches(all.topic(lone), budget).then_some(lone);
                }
                scan.next = Move::Descend;
                if scan.is_match() {
                    return kept.publication();
                }
            }
            Move::Descend => {
                let child = match scan.select(scan.depth) {
                    Select::None => None,
                    Select::All => self.tree.first_child(scan.node),
                    Select::Literal(text) => self
                        .tree
                        .node(scan.node)
                        .and_then(|node| self.tree.child(scan.node, node, &Level::new(text))),
                };
                match child {
                    Some(child) => {
                        scan.depth += 1;
                        self.arrive(scan, child);
                    }
                    None => scan.next = Move::Leave,
                }
            }
            Move::Leave => {
                let Some(above) = scan.depth.checked_sub(1) else {
                    scan.next = Move::Stop;
                    return None;
                };
                let sibling = match scan.select(above) {
                    Select::All => self.tree.next_sibling(scan.node),
                    Select::None | Select::Literal(_) => None,
                };
                match sibling {
                    Some(sibling) => self.arrive(scan, sibling),
                    None => {
                        scan.node = self.tree.parent(scan.node).unwrap_or(ROOT);
                        scan.depth = above;
                    }
                }
            }
            Move::Stop => {}
        }
        None
    }

    /// Stands at `node`, and passes over a system topic that a wildcard led to.
    fn arrive(&self, scan: &mut Scan, node: u32) {
        scan.node = node;
        //= [MQTT-4.7.2-1]
        let pass_over = !scan.with_system
            && scan.depth == 1
            && matches!(scan.select(0), Select::All)
            && self.tree.is_system(node);
        scan.next = if pass_over { Move::Leave } else { Move::Find };
    }

    fn pin(&mut self, node: u32) {
        if let Some(entry) = self.tree.value_mut(node) {
            entry.pins += 1;
        }
    }

    fn release(&mut self, node: u32) {
        if let Some(entry) = self.tree.value_mut(node) {
            entry.pins = entry.pins.saturating_sub(1);
        }
        self.tree.prune(node);
    }
}

impl Scan {
    /// The Topic Filter, without a Share Name.
    pub(crate) fn filter(&self) -> &[u8] {
        &self.filter
    }

    fn bytes(&self) -> usize {
        let ends = if self.ends.spilled() { self.ends.capacity() * size_of::<u16>() } else { 0 };
        self.filter.len() + ends
    }

    /// Whether the filter matches a topic that goes on from the node that the scan stands at, given
    /// that it got there.
    fn matches(&self, topic: &[u8], budget: &mut u32) -> bool {
        if self.depth >= self.ends.len() {
            return self.multi_level;
        }
        let more = u32::try_from(topic.len() / BYTES_PER_LOOK).unwrap_or(u32::MAX);
        *budget = budget.saturating_sub(more);
        let mut depth = self.depth;
        for level in levels(topic).skip(self.depth) {
            match self.select(depth) {
                _ if depth >= self.ends.len() => return self.multi_level,
                Select::Literal(text) if text != level.bytes() => return false,
                Select::None | Select::Literal(_) | Select::All => depth += 1,
            }
        }
        depth == self.ends.len()
    }

    /// Whether the filter matches the node that the scan stands at, given that it got there.
    fn is_match(&self) -> bool {
        self.depth == self.ends.len() || (self.multi_level && self.depth > self.ends.len())
    }

    /// Which children may match of the node that is `depth` levels below the root.
    fn select(&self, depth: usize) -> Select<'_> {
        let Some(end) = self.ends.get(depth) else {
            return if self.multi_level { Select::All } else { Select::None };
        };
        let start = depth.checked_sub(1).and_then(|above| self.ends.get(above));
        let start = start.map_or(0, |end| usize::from(*end) + 1);
        match self.filter.get(start..usize::from(*end)).unwrap_or_default() {
            b"+" => Select::All,
            text => Select::Literal(text),
        }
    }
}
