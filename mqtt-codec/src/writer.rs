//! A slice that shrinks from the front as fields are written to it.
//!
//! An encoder measures a packet first and takes a slice of just that length, so no write can
//! fail. Were a measurement wrong, the write would be dropped; it could not panic.

use crate::variable_byte_integer;

/// What is left to write of a packet.
#[derive(Debug)]
pub(crate) struct Writer<'a>(&'a mut [u8]);

impl<'a> Writer<'a> {
    #[inline(always)]
    pub(crate) const fn new(bytes: &'a mut [u8]) -> Self {
        Self(bytes)
    }

    /// How many bytes are yet to be written.
    #[inline(always)]
    pub(crate) const fn remaining(&self) -> usize {
        self.0.len()
    }

    #[inline(always)]
    pub(crate) fn array<const N: usize>(&mut self, bytes: [u8; N]) {
        if let Some((head, tail)) = core::mem::take(&mut self.0).split_first_chunk_mut::<N>() {
            *head = bytes;
            self.0 = tail;
        } else {
            debug_assert!(false, "a packet was measured too short");
        }
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self, value: u8) {
        self.array([value]);
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self, value: u16) {
        self.array(value.to_be_bytes());
    }

    /// A property of two bytes: its identifier, then the value.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn id_u16(&mut self, identifier: u8, value: u16) {
        let [a, b] = value.to_be_bytes();
        self.array([identifier, a, b]);
    }

    /// A property of four bytes: its identifier, then the value.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn id_u32(&mut self, identifier: u8, value: u32) {
        let [a, b, c, d] = value.to_be_bytes();
        self.array([identifier, a, b, c, d]);
    }

    /// A property of Binary Data or a UTF-8 Encoded String: its identifier, then length and bytes.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn id_binary(&mut self, identifier: u8, bytes: &[u8]) {
        let [.., high, low] = bytes.len().to_be_bytes();
        self.array([identifier, high, low]);
        self.bytes(bytes);
    }

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if let Some((head, tail)) = core::mem::take(&mut self.0).split_at_mut_checked(bytes.len()) {
            copy(head, bytes);
            self.0 = tail;
        } else {
            debug_assert!(false, "a packet was measured too short");
        }
    }

    /// All that is left: the longest field, and often longer than a word or two.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn payload(&mut self, payload: &[u8]) {
        match payload.len() {
            33..=64 if WIDE && self.0.len() == payload.len() => {
                copy_ends::<32>(core::mem::take(&mut self.0), payload);
            }
            _ => self.bytes(payload),
        }
    }

    /// Binary Data, or a UTF-8 Encoded String: its length in two bytes, then the bytes.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn binary(&mut self, bytes: &[u8]) {
        let [.., high, low] = bytes.len().to_be_bytes();
        self.array([high, low]);
        self.bytes(bytes);
    }

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn variable_byte_integer(&mut self, value: u32) {
        let [a, b, c, d] = variable_byte_integer::encode(value);
        match value {
            0..0x80 => self.u8(a),
            0x80..0x4000 => self.array([a, b]),
            0x4000..0x20_0000 => self.array([a, b, c]),
            _ => self.array([a, b, c, d]),
        }
    }
}

/// Copies between slices of one length. Up to 32 bytes, two words that may overlap take less time than
/// a call of `memcpy`, and more room: it is done where there is room.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn copy(to: &mut [u8], from: &[u8]) {
    match from.len() {
        4..8 if WIDE => copy_ends::<4>(to, from),
        8..16 if WIDE => copy_ends::<8>(to, from),
        16..=32 if WIDE => copy_ends::<16>(to, from),
        // `copy_from_slice` could panic where the lengths are not seen to be equal.
        _ => to.iter_mut().zip(from).for_each(|(to, from)| *to = *from),
    }
}

/// Whether the machine is of the kind for which speed comes before size.
const WIDE: bool = cfg!(target_pointer_width = "64");

/// Copies the first `N` and the last `N` bytes, of at most `2 * N`.
#[inline(always)]
fn copy_ends<const N: usize>(to: &mut [u8], from: &[u8]) {
    if let (Some(first), Some(last)) = (from.first_chunk::<N>(), from.last_chunk::<N>()) {
        if let Some(to) = to.first_chunk_mut::<N>() {
            *to = *first;
        }
        if let Some(to) = to.last_chunk_mut::<N>() {
            *to = *last;
        }
    }
}
