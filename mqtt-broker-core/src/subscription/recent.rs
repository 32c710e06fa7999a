//! [`Recent`]: where the subscriptions stand that matched the Topic Names of late.

use core::hash::BuildHasher;

use alloc::vec::Vec;
use foldhash::fast::FixedState;

use super::table::SiteList;
use crate::store::{Account, Claim, grow};

/// A Topic Name that matches more filters than this is walked for each time.
pub(super) const SITES: usize = 4;

/// So is one with more bytes.
const TOPIC: usize = 46;

/// How many Topic Names there are.
const TOPICS: usize = 256;

/// The sites that match one Topic Name.
#[derive(Clone, Copy)]
struct Entry {
    /// The count of changes at which it was so; 0 if nothing is here.
    at: u64,
    sites: [SiteList; SITES],
    matching: u8,
    len: u8,
    topic: [u8; TOPIC],
}

/// Topic Names that came lately, each with the sites that match it, as long as no subscription
/// changes. Each has one place, by its hash, and whichever comes takes it.
///
/// There is none where memory is so little that it would be much of it.
pub(super) struct Recent {
    entries: Vec<Entry>,
    seed: FixedState,
    account: Account,
}

impl Recent {
    const BYTES: usize = TOPICS * size_of::<Entry>();

    pub(super) fn new(account: &Account, seed: u64) -> Self {
        let (seed, account) = (FixedState::with_seed(seed), account.clone());
        Self { entries: Vec::new(), seed, account }
    }

    /// The sites that match, and how many of them there are.
    #[inline]
    pub(super) fn find(&self, topic: &[u8], at: u64) -> Option<([SiteList; SITES], usize)> {
        if self.entries.is_empty() {
            return None;
        }
        let entry = self.entries.get(self.place(topic))?;
        let same = entry.at == at && entry.topic.get(..usize::from(entry.len)) == Some(topic);
        same.then_some((entry.sites, usize::from(entry.matching)))
    }

    /// Remembers that these sites match, if there is a place.
    pub(super) fn keep(&mut self, topic: &[u8], at: u64, sites: [SiteList; SITES], matching: u32) {
        let (Ok(len), Ok(matching)) = (u8::try_from(topic.len()), u8::try_from(matching)) else {
            return;
        };
        if topic.len() > TOPIC || usize::from(matching) > SITES || !self.is_there() {
            return;
        }
        let place = self.place(topic);
        let Some(entry) = self.entries.get_mut(place) else { return };
        let Some(kept) = entry.topic.get_mut(..topic.len()) else { return };
        kept.copy_from_slice(topic);
        (entry.at, entry.sites, entry.matching, entry.len) = (at, sites, matching, len);
    }

    /// The heap memory held, in bytes.
    pub(super) fn bytes(&self) -> usize {
        self.entries.capacity() * size_of::<Entry>()
    }

    #[inline]
    fn place(&self, topic: &[u8]) -> usize {
        #[expect(clippy::cast_possible_truncation, reason = "the lowest bits are what is wanted")]
        let hash = self.seed.hash_one(topic) as usize;
        hash & (TOPICS - 1)
    }

    /// Whether there are places; the first to ask makes them.
    #[inline]
    fn is_there(&mut self) -> bool {
        !self.entries.is_empty() || self.make()
    }

    #[cold]
    fn make(&mut self) -> bool {
        let wanted = self.account.kept(Self::BYTES) > 0;
        if !wanted || !self.account.admits(Claim::Live, Self::BYTES) {
            return false;
        }
        let made = grow(&mut self.entries, TOPICS, &self.account).is_ok();
        if made {
            let (at, sites, topic) = (0, [SiteList::default(); SITES], [0; TOPIC]);
            self.entries.resize(TOPICS, Entry { at, sites, matching: 0, len: 0, topic });
        }
        made
    }
}
