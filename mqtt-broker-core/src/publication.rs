//! [`Publications`]: every Application Message the broker holds, once, however many wait for it.
//!
//! One entry is one buffer: Topic Name, pass-through properties, payload. The last two lie in the
//! order of the wire, so that a late header followed by the buffer's tail is a whole PUBLISH.
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
    properties_len: u32,
    topic_len: u16,
    pub(crate) qos: QoS,
    /// The RETAIN flag it was published with.
    pub(crate) retain: bool,
    /// When it expires; the end of time if it does not.
    pub(crate) expires_at: Instant,
    /// Its place among all publications.
    pub(crate) sequence: u64,
    /// How often what lasts names it: copies, Will Messages, the retained messages.
    pub(crate) named: u32,
    /// The snapshot since whose beginning the journal knows it.
    pub(crate) told: u32,
}

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
    pub(crate) fn new(account: &Account, limit: u32, bytes_limit: usize) -> Self {
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
        if self.bytes.saturating_add(len) > self.bytes_limit {
            return Err(Limit::PublicationBytes);
        }
        let mut buffer = self.spares.take(len).map_err(|Full| Limit::Memory)?;
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
            properties_len: u32::try_from(properties_len).map_err(|_| Limit::PublicationBytes)?,
            topic_len: u16::try_from(topic.len()).map_err(|_| Limit::TopicBytes)?,
            qos: draft.qos,
            retain: draft.retain,
            expires_at: draft.expires_at,
            sequence: self.sequence,
            named: 0,
            told: 0,
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
        if self.bytes.saturating_add(len) > self.bytes_limit {
            return Err(Limit::PublicationBytes);
        }
        let mut buffer = self.spares.take(len).map_err(|Full| Limit::Memory)?;
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
            properties_len: u32::try_from(properties.len()).map_err(|_| Limit::PublicationBytes)?,
            topic_len: u16::try_from(topic.len()).map_err(|_| Limit::TopicBytes)?,
            qos: published.qos,
            retain: published.retain,
            expires_at: published.expires_at,
            sequence: published.sequence,
            named: 0,
            told: 0,
        })
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

    #[inline]
    pub(crate) fn get(&self, key: u32) -> Option<&Publication> {
        self.slots.get(key)
    }

    #[inline]
    pub(crate) fn get_mut(&mut self, key: u32) -> Option<&mut Publication> {
        self.slots.get_mut(key)
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
const _: [(); 56] = [(); size_of::<Publication>()];

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
        TopicName::assume_valid(self.buffer.get(..usize::from(self.topic_len)).unwrap_or_default())
    }

    /// Pass-through properties and payload, as they lie on the wire of a 5.0 PUBLISH.
    #[inline]
    pub(crate) fn tail(&self) -> &[u8] {
        self.buffer.get(usize::from(self.topic_len)..self.len()).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn payload(&self) -> &[u8] {
        self.tail().get(self.properties_len as usize..).unwrap_or_default()
    }

    #[inline]
    pub(crate) fn pass_through(&self) -> PassThrough<'_> {
        let properties = self.tail().get(..self.properties_len as usize).unwrap_or_default();
        PassThrough::assume_valid(properties)
    }

    #[inline]
    pub(crate) const fn pass_through_len(&self) -> usize {
        self.properties_len as usize
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
