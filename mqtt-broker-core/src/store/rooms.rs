//! [`Rooms`]: what a slab knows of its chunks, whatever lies in them. It is apart from the slab so that
//! there is one of it, and not one for each type of value.

use super::{Account, Full, Key, Roomy};

/// No chunk.
pub(super) const NONE: u32 = u32::MAX;

/// All chunks of one slab.
pub(super) struct Rooms {
    /// The chunks that have memory, and room.
    pub(super) roomy: Roomy,
    /// The lowest of them, or [`NONE`].
    pub(super) open: u32,
    /// The first of the chunks that have no memory; the others follow from chunk to chunk.
    pub(super) freed: Option<Key>,
    /// How many chunks have memory and no values.
    empty: u32,
    /// How many of those keep their memory.
    kept: u32,
    /// For how many values there is memory.
    pub(super) places: u32,
    pub(super) len: u32,
    pub(super) limit: u32,
    pub(super) account: Account,
}

/// One chunk.
#[derive(Default)]
pub(super) struct Room {
    /// The slot to use next, by its place here; the others follow from slot to slot. Of a chunk
    /// without memory: the next such chunk.
    pub(super) vacant: Option<Key>,
    /// How many values it has.
    pub(super) used: u32,
}

impl Rooms {
    pub(super) fn new(account: &Account, kept: u32, limit: u32) -> Self {
        let (roomy, account) = (Roomy::default(), account.clone());
        let (open, freed, empty, places, len) = (NONE, None, 0, 0, 0);
        Self { roomy, open, freed, empty, kept, places, len, limit, account }
    }

    /// A value has come to a place of the open chunk; its key. A chunk has `1 << shift` places.
    #[inline]
    pub(super) fn enter(&mut self, room: &mut Room, place: u32, shift: u32) -> u32 {
        room.used += 1;
        self.len += 1;
        let key = (self.open << shift) | place;
        let used = room.used;
        if used == 1 {
            self.empty -= 1;
        }
        if used == 1 << shift {
            self.close();
        }
        key
    }

    /// The value under `key` has left its chunk; whether the memory of that is to be freed.
    #[inline]
    pub(super) fn leave(&mut self, room: &mut Room, key: u32, shift: u32) -> bool {
        let places = 1 << shift;
        room.vacant = Some(Key::new(key & (places - 1)));
        room.used -= 1;
        self.len -= 1;
        let used = room.used;
        if used == places - 1 {
            self.reopen(key >> shift);
        }
        if used > 0 {
            return false;
        }
        self.empty += 1;
        self.empty > self.kept
    }

    /// One chunk more, without memory yet; there are `chunks`, none of them without memory.
    ///
    /// # Errors
    ///
    /// [`Full`] if there is no memory.
    pub(super) fn add(&mut self, chunks: usize) -> Result<Key, Full> {
        let index = u32::try_from(chunks).map_err(|_| Full)?;
        self.roomy.reserve(index, &self.account)?;
        let index = Key::new(index);
        self.freed = Some(index);
        Ok(index)
    }

    /// The chunk of `room`, the first of those without memory, has some now, and no values.
    pub(super) fn open(&mut self, index: Key, room: &mut Room) {
        self.freed = room.vacant.take();
        self.open = index.get();
        self.empty += 1;
        self.roomy.insert(self.open);
    }

    /// The open chunk has no room any more.
    #[cold]
    fn close(&mut self) {
        self.roomy.remove(self.open);
        self.open = self.roomy.first_from(self.open);
    }

    /// A chunk has room again.
    #[cold]
    fn reopen(&mut self, index: u32) {
        self.roomy.insert(index);
        self.open = self.open.min(index);
    }

    /// An empty chunk has no memory any more, where there was some for `capacity` slots.
    pub(super) fn free(&mut self, index: u32, capacity: usize, slot: usize) -> Room {
        self.account.give(capacity * slot);
        let room = Room { vacant: self.freed, used: 0 };
        self.freed = Some(Key::new(index));
        self.empty -= 1;
        self.places -= u32::try_from(capacity).unwrap_or(self.places);
        self.roomy.remove(index);
        if self.open == index {
            self.open = self.roomy.first_from(index);
        }
        room
    }

    /// There are no chunks any more, where they took `bytes`.
    pub(super) fn forget(&mut self, bytes: usize) {
        self.account.give(bytes);
        self.roomy = Roomy::default();
        (self.open, self.freed, self.empty, self.places) = (NONE, None, 0, 0);
    }
}
