//! [`Publications`]: every Application Message the broker holds, once, however many wait for it.
//!
//! One entry is one buffer: Topic Name, pass-through properties, payload. The last two lie in the
//! order of the wire, so that a late header followed by the buffer's tail is a whole PUBLISH. Where there
//! are properties, their length comes after it all: most messages have none.
//! References are plain counts: the broker is data, used by one thread at a time.

use alloc::boxed::Box;

use mqtt_codec::{PassThrough, Properties, QoS, TopicName};

use crate::config::Limit;
use crate::journal::Published;
use crate::store::{Account, Full, Slab};
use crate::time::Instant;
use spares::Spares;

mod spares;

/// The broker's Application Messages under small keys.
pub(crate) struct Publications {
    slots: Slab<Publication>,
    spares: Spares,
    bytes: usize,
    bytes_limit: usize,
    limit: u32,
    account: Account,
    /// Counts publications; never used again.
    sequence: u64,
}

/// One Application Message, immutable from its arrival to its last reference.
pub(crate) struct Publication {
    /// A vector would be eight bytes more for each message held.
    buffer: Box<[u8]>,
    /// How much of the buffer it is.
    len: u32,
    references: u32,
    /// How often what lasts names it: copies, Will Messages, the retained messages.
    pub(crate) named: u32,
    topic_len: u16,
    pub(crate) qos: QoS,
    marks: Marks,
    /// When it expires; the end of time if it does not.
    pub(crate) expires_at: Instant,
    /// Its place among all publications.
    pub(crate) sequence: u64,
}

/// Three flags of a publication, and in the upper five bits the number of the snapshot since whose
/// beginning the journal knows it. Each snapshot tells of all that is named, so that there the number
/// is the last or the one before.
#[derive(Clone, Copy)]
struct Marks(u8);

impl Marks {
    /// The RETAIN flag it was published with.
    const RETAIN: u8 = 1;
    /// There are pass-through properties.
    const PROPERTIES: u8 = 1 << 1;
    /// It is the retained message of its topic.
    const RETAINED: u8 = 1 << 2;
    const FLAGS: u8 = 7;

    fn new(retain: bool, properties_len: usize) -> Self {
        let mut marks = Self(0);
        marks.set(Self::RETAIN, retain);
        marks.set(Self::PROPERTIES, properties_len > 0);
        marks
    }

    #[inline]
    const fn has(self, flag: u8) -> bool {
        self.0 & flag != 0
    }

    const fn set(&mut self, flag: u8, is_set: bool) {
        self.0 = if is_set { self.0 | flag } else { self.0 & !flag };
    }

    #[expect(clippy::cast_possible_truncation, reason = "five bits of the number are kept")]
    const fn with_told(self, snapshot: u32) -> Self {
        Self(self.0 & Self::FLAGS | (snapshot as u8) << 3)
    }
}

/// The bytes that the length of the pass-through properties takes, if there are any.
const LENGTH: usize = size_of::<u32>();

/// What a new publication is made from.
#[derive(Clone, Copy)]
pub(crate) struct Draft<'a> {
    pub(crate) topic: TopicName<'a>,
    pub(crate) properties: &'a Properties<'a>,
    pub(crate) payload: &'a [u8],
    pub(crate) qos: QoS,
    pub(crate) retain: bool,
    pub(crate) expires_at: Instant,
}

impl Publications {
    /// Keys are at most so large: there is room for a flag beside one.
    pub(crate) const MOST: u32 = (1 << 31) - 2;

    pub(crate) fn new(account: &Account, limit: u32, bytes_limit: usize) -> Self {
        let limit = limit.min(Self::MOST);
        Self {
            slots: Slab::new(account, limit),
            spares: Spares::new(account, bytes_limit),
            bytes: 0,
            bytes_limit,
            limit,
            account: account.clone(),
            sequence: 0,
        }
    }

    /// Stores a message with one reference, the caller's.
    ///
    /// # Errors
    ///
    /// The limit that is reached.
    pub(crate) fn insert(&mut self, draft: &Draft<'_>) -> Result<u32, Limit> {
        let topic = draft.topic.as_bytes();
        let properties_len = draft.properties.pass_through_len();
        let len = topic.len() + properties_len + draft.payload.len();
        let mut buffer = self.buffer(len, properties_len)?;
        let tail = topic.len() + properties_len;
        write(&mut buffer, 0, topic);
        if properties_len > 0 {
            let room = buffer.get_mut(topic.len()..tail).unwrap_or_default();
            //= [MQTT-3.3.2-18]
            //= [MQTT-3.1.3-10]
            let encoded = draft.properties.encode_pass_through(room);
            encoded.map_err(|_| Limit::PublicationBytes)?;
        }
        write(&mut buffer, tail, draft.payload);
        self.sequence += 1;
        self.store(Publication {
            buffer,
            len: u32::try_from(len).map_err(|_| Limit::PublicationBytes)?,
            references: 1,
            named: 0,
            topic_len: u16::try_from(topic.len()).map_err(|_| Limit::TopicBytes)?,
            qos: draft.qos,
            marks: Marks::new(draft.retain, properties_len),
            expires_at: draft.expires_at,
            sequence: self.sequence,
        })
    }

    /// Stores a message that a journal tells of, with one reference, the caller's.
    ///
    /// # Errors
    ///
    /// The limit that is reached.
    pub(crate) fn restore(&mut self, published: &Published<'_>) -> Result<u32, Limit> {
        let (topic, properties) = (published.topic.as_bytes(), published.properties.as_bytes());
        let len = topic.len() + properties.len() + published.payload.len();
        let mut buffer = self.buffer(len, properties.len())?;
        let mut at = 0;
        for part in [topic, properties, published.payload] {
            write(&mut buffer, at, part);
            at += part.len();
        }
        self.sequence = self.sequence.max(published.sequence);
        self.store(Publication {
            buffer,
            len: u32::try_from(len).map_err(|_| Limit::PublicationBytes)?,
            references: 1,
            named: 0,
            topic_len: u16::try_from(topic.len()).map_err(|_| Limit::TopicBytes)?,
            qos: published.qos,
            marks: Marks::new(published.retain, properties.len()),
            expires_at: published.expires_at,
            sequence: published.sequence,
        })
    }

    /// A buffer for a message of `len` bytes, so many of them properties.
    #[inline]
    fn buffer(&mut self, len: usize, properties_len: usize) -> Result<Box<[u8]>, Limit> {
        if self.bytes.saturating_add(len) > self.bytes_limit {
            return Err(Limit::PublicationBytes);
        }
        if properties_len == 0 {
            return self.spares.take(len).map_err(|Full| Limit::Memory);
        }
        let length = u32::try_from(properties_len).map_err(|_| Limit::PublicationBytes)?;
        let mut buffer = self.spares.take(len + LENGTH).map_err(|Full| Limit::Memory)?;
        write(&mut buffer, len, &length.to_le_bytes());
        Ok(buffer)
    }

    fn store(&mut self, publication: Publication) -> Result<u32, Limit> {
        let (len, capacity) = (publication.len(), publication.buffer.len());
        let key = self.slots.insert(publication).map_err(|Full| {
            self.account.give(capacity);
            let full = self.slots.len() >= self.limit;
            if full { Limit::Publications } else { Limit::Memory }
        })?;
        self.bytes += len;
        Ok(key)
    }

    /// No publication has had a sequence beyond this one.
    pub(crate) fn count_from(&mut self, sequence: u64) {
        self.sequence = self.sequence.max(sequence);
    }

    /// The Topic Name of a publication; empty if there is none under this key.
    #[inline]
    pub(crate) fn topic(&self, key: u32) -> &[u8] {
        self.slots.get(key).map_or(&[], Publication::topic_bytes)
    }

    #[inline]
    pub(crate) fn get(&self, key: u32) -> Option<&Publication> {
        self.slots.get(key)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut Publication> {
        self.slots.get_mut(key)
    }

    /// The publications whose keys are `key` or more, in the order of their keys.
    pub(crate) fn from(&self, key: u32) -> impl Iterator<Item = (u32, &Publication)> {
        self.slots.from(key)
    }

    /// Notes whether this is the retained message of its topic.
    pub(crate) fn mark_retained(&mut self, key: u32, is_retained: bool) {
        if let Some(publication) = self.slots.get_mut(key) {
            publication.marks.set(Marks::RETAINED, is_retained);
        }
    }

    /// Makes a publication that was kept aside the newest one.
    pub(crate) fn renew(&mut self, key: u32, expires_at: Instant) {
        self.sequence += 1;
        if let Some(publication) = self.slots.get_mut(key) {
            publication.sequence = self.sequence;
            publication.expires_at = expires_at;
        }
    }

    /// One more holder.
    #[inline]
    pub(crate) fn hold(&mut self, key: u32) {
        if let Some(publication) = self.slots.get_mut(key) {
            publication.references += 1;
        }
    }

    /// So many holders more.
    #[inline]
    pub(crate) fn hold_for(&mut self, key: u32, holders: u32) {
        if let Some(publication) = self.slots.get_mut(key) {
            publication.references += holders;
        }
    }

    /// So many holders less, who are not the last.
    #[inline]
    pub(crate) fn release_for(&mut self, key: u32, holders: u32) {
        if let Some(publication) = self.slots.get_mut(key) {
            debug_assert!(publication.references > holders, "somebody else holds it");
            publication.references -= holders;
        }
    }

    /// One holder less; the last one's going frees the message.
    #[inline]
    pub(crate) fn release(&mut self, key: u32) {
        if self.slots.get_mut(key).is_some_and(Publication::release) {
            self.free(key);
        }
    }

    pub(crate) const fn len(&self) -> u32 {
        self.slots.len()
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// The sequence of the newest publication.
    pub(crate) const fn sequence(&self) -> u64 {
        self.sequence
    }

    /// Frees a publication that has no holder.
    pub(crate) fn free(&mut self, key: u32) {
        let Some(publication) = self.slots.remove(key) else { return };
        self.bytes -= publication.len();
        self.spares.put(publication.buffer);
    }
}

/// Writes `part` at `at`, where there is room for it.
fn write(buffer: &mut [u8], at: usize, part: &[u8]) {
    if let Some(room) = buffer.get_mut(at..at + part.len()) {
        room.copy_from_slice(part);
    }
}

// A broker may hold very many.
#[cfg(target_pointer_width = "64")]
const _: [(); 48] = [(); size_of::<Publication>()];

impl Publication {
    /// One holder less; whether that was the last, so that it is to be freed.
    #[inline]
    pub(crate) const fn release(&mut self) -> bool {
        self.references -= 1;
        self.references == 0
    }

    /// One holder less, unless it is the last; whether it was not.
    #[inline]
    pub(crate) const fn release_unless_last(&mut self) -> bool {
        let others = self.references > 1;
        self.references -= others as u32;
        others
    }

    #[inline]
    pub(crate) fn topic(&self) -> TopicName<'_> {
        TopicName::assume_valid(self.topic_bytes())
    }

    #[inline]
    fn topic_bytes(&self) -> &[u8] {
        self.buffer.get(..usize::from(self.topic_len)).unwrap_or_default()
    }

    /// Pass-through properties and payload, as they lie on the wire of a 5.0 PUBLISH.
    #[inline]
    pub(crate) fn tail(&self) -> &[u8] {
        self.buffer.get(usize::from(self.topic_len)..self.len()).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn payload(&self) -> &[u8] {
        self.tail().get(self.pass_through_len()..).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn pass_through(&self) -> PassThrough<'_> {
        let properties = self.tail().get(..self.pass_through_len()).unwrap_or_default();
        PassThrough::assume_valid(properties)
    }

    #[inline]
    pub(crate) fn pass_through_len(&self) -> usize {
        if !self.marks.has(Marks::PROPERTIES) {
            return 0;
        }
        let length = self.buffer.get(self.len()..).and_then(|rest| rest.first_chunk());
        length.map_or(0, |length| u32::from_le_bytes(*length) as usize)
    }

    /// The RETAIN flag it was published with.
    #[inline]
    pub(crate) const fn retain(&self) -> bool {
        self.marks.has(Marks::RETAIN)
    }

    /// Whether it is the retained message of its topic.
    #[inline]
    pub(crate) const fn is_retained(&self) -> bool {
        self.marks.has(Marks::RETAINED)
    }

    /// Notes that the journal knows it since this snapshot began, as long as something names it;
    /// whether that was not known.
    pub(crate) fn tell(&mut self, snapshot: u32) -> bool {
        let told = self.marks.with_told(snapshot);
        let is_new = told.0 != self.marks.0;
        self.marks = told;
        is_new
    }

    /// Bytes it holds.
    #[inline]
    pub(crate) const fn len(&self) -> usize {
        self.len as usize
    }

    pub(crate) fn expired(&self, now: Instant) -> bool {
        self.expires_at <= now
    }

    /// The microseconds left, if it expires.
    pub(crate) fn time_left(&self, now: Instant) -> Option<u64> {
        let expires = self.expires_at != Instant::NEVER;
        expires.then(|| self.expires_at.0.saturating_sub(now.0))
    }

    /// The seconds left, if it expires: the interval less the whole seconds it has waited.
    //= [MQTT-3.3.2-6]
    pub(crate) fn expiry_left(&self, now: Instant) -> Option<u32> {
        if self.expires_at == Instant::NEVER {
            return None;
        }
        let left = self.expires_at.since(now).as_micros().div_ceil(1_000_000);
        Some(u32::try_from(left).unwrap_or(u32::MAX))
    }
}
