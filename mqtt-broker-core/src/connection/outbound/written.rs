//! [`Written`]: QoS 0 messages as they were written last, without a RETAIN flag. Who gets the same ones
//! next has them copied together, instead of written one by one.

use alloc::vec::Vec;

use mqtt_codec::Version;

use crate::publication::Publications;
use crate::session::queue::Item;
use crate::session::sending::queued_size;
use crate::store::{Account, Claim, grow};

/// How many packets are kept, and how many bytes of them.
const PACKETS: usize = 128;
const BYTES: usize = 24 << 10;

/// A small machine has neither the memory for them nor that for the code.
const IS_USED: bool = usize::BITS > 32;

/// What is longer takes long to copy, however it is done.
const LONG: usize = 1024;

/// Packets that lie one behind the other as they do in the line of everyone who gets all of them.
///
/// There are none where memory is so little that it would be much of it.
pub(crate) struct Written {
    /// In the order of their publications' sequence.
    packets: Vec<Packet>,
    bytes: Vec<u8>,
    /// How many there was no room for since one was used.
    refused: usize,
    /// Where the last that was used lies: the next is probably behind it.
    next: usize,
    account: Account,
}

/// A packet that was written.
#[derive(Clone, Copy)]
struct Packet {
    publication: u32,
    /// What the publication's key stood for.
    sequence: u64,
    /// What it counts for in a queue, and what those before it do together with it.
    size: u32,
    size_up_to: u32,
    /// Where it begins and ends among the bytes.
    begin: u32,
    end: u32,
}

impl Packet {
    const fn size_before(&self) -> u32 {
        self.size_up_to - self.size
    }
}

// A walk over them goes along with one over items.
const _: [(); 32] = [(); size_of::<Packet>()];

/// What was written at once.
#[derive(Clone, Copy, Default)]
pub(super) struct Piece {
    pub(super) messages: u8,
    pub(super) len: usize,
    /// What they counted for in a queue.
    pub(super) size: u32,
}

impl Written {
    pub(crate) fn new(account: &Account) -> Self {
        let (packets, bytes, account) = (Vec::new(), Vec::new(), account.clone());
        Self { packets, bytes, refused: 0, next: 0, account }
    }

    /// Writes the messages in front of `items` that were written before and that others still wait
    /// for, as far as there is room, and lets go of them.
    #[inline]
    pub(super) fn copy(
        &mut self,
        items: &[Item],
        publications: &mut Publications,
        maximum: u32,
        room: &mut [u8],
    ) -> Option<Piece> {
        if !IS_USED || self.packets.is_empty() || (maximum as usize) < LONG {
            return None;
        }
        let from = self.place_of(items.first()?, publications)?;
        let packets = self.packets.get(from..)?;
        let begin = packets.first()?.begin as usize;
        let fit = match self.bytes.len() - begin <= room.len() {
            true => packets.len(),
            false => packets.partition_point(|packet| packet.end as usize - begin <= room.len()),
        };
        let mut messages = 0;
        for (item, packet) in items.iter().zip(packets.get(..fit)?) {
            let Item::Live { publication, identifiers, retain: false } = *item else { break };
            let Some(stored) = publications.get_mut(publication) else { break };
            let same = stored.sequence == packet.sequence && identifiers.is_none();
            if !same || !stored.release_unless_last() {
                break;
            }
            messages += 1;
        }
        let copied = packets.get(..messages)?;
        let (first, last) = (copied.first()?, copied.last()?);
        let len = (last.end - first.begin) as usize;
        room.get_mut(..len)?.copy_from_slice(self.bytes.get(begin..begin + len)?);
        (self.next, self.refused) = (from + messages, 0);
        let messages = u8::try_from(messages).ok()?;
        Some(Piece { messages, len, size: last.size_up_to - first.size_before() })
    }

    /// Where the message lies, if it is there.
    fn place_of(&self, item: &Item, publications: &Publications) -> Option<usize> {
        let Item::Live { publication, .. } = *item else { return None };
        let is_it = |place: &usize| {
            self.packets.get(*place).is_some_and(|packet| packet.publication == publication)
        };
        if let Some(place) = [self.next, 0].into_iter().find(is_it) {
            return Some(place);
        }
        let sequence = publications.get(publication)?.sequence;
        self.packets.binary_search_by_key(&sequence, |packet| packet.sequence).ok()
    }

    /// Keeps a message that others still wait for, as it was just written.
    pub(super) fn keep(&mut self, item: &Item, publications: &Publications, written: &[u8]) {
        let Item::Live { publication, retain: false, .. } = *item else { return };
        let Some(stored) = publications.get(publication) else { return };
        if !IS_USED || written.len() > LONG || !self.is_there() {
            return;
        }
        let sequence = stored.sequence;
        let is_last = self.packets.last().is_none_or(|last| last.sequence < sequence);
        let has_room = self.packets.len() < PACKETS && self.bytes.len() + written.len() <= BYTES;
        if !self.is_awaited(self.packets.last(), publications) {
            self.clear();
        } else if !(is_last && has_room) {
            self.refused += 1;
            if self.refused <= PACKETS && self.is_awaited(self.packets.first(), publications) {
                return;
            }
            self.clear();
        }
        let end_of = |bytes: &Vec<u8>| u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let begin = end_of(&self.bytes);
        self.bytes.extend_from_slice(written);
        let (size, end) = (queued_size(stored.len()), end_of(&self.bytes));
        // A thousandth of what the number can be.
        let size_up_to = size + self.packets.last().map_or(0, |last| last.size_up_to);
        self.packets.push(Packet { publication, sequence, size, size_up_to, begin, end });
    }

    /// Whether there is still somebody to whom this one can go.
    fn is_awaited(&self, packet: Option<&Packet>, publications: &Publications) -> bool {
        let stored = packet.and_then(|packet| publications.get(packet.publication));
        stored.is_some_and(|stored| packet.is_some_and(|kept| kept.sequence == stored.sequence))
    }

    fn clear(&mut self) {
        (self.refused, self.next) = (0, 0);
        self.packets.clear();
        self.bytes.clear();
    }

    /// Whether there is memory for it; the first to ask takes it.
    fn is_there(&mut self) -> bool {
        self.bytes.capacity() >= BYTES || self.make()
    }

    #[cold]
    fn make(&mut self) -> bool {
        let wanted = BYTES + PACKETS * size_of::<Packet>();
        if self.account.kept(wanted) == 0 || !self.account.admits(Claim::Live, wanted) {
            return false;
        }
        grow(&mut self.packets, PACKETS, &self.account).is_ok()
            && grow(&mut self.bytes, BYTES, &self.account).is_ok()
    }
}

/// One for the versions that have properties, and one for those that have none.
pub(crate) struct AllWritten([Written; 2]);

impl AllWritten {
    pub(crate) fn new(account: &Account) -> Self {
        Self([Written::new(account), Written::new(account)])
    }

    #[inline]
    pub(super) const fn of(&mut self, version: Version) -> &mut Written {
        let [without, with] = &mut self.0;
        match version {
            Version::V5 => with,
            _ => without,
        }
    }
}
