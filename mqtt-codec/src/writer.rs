//! A slice that shrinks from the front as fields are written to it.
//!
//! An encoder measures a packet first and takes a slice of just that length, so no write can
//! fail. Were a measurement wrong, the write would be dropped; it could not panic.

use crate::{WIDE, variable_byte_integer};

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
        self.put(|to: &mut [u8; N]| *to = bytes);
    }

    /// Has the next `N` bytes written. What is put together in one array first and stored then takes
    /// longer than a store for each of its parts.
    #[inline(always)]
    fn put<const N: usize>(&mut self, write: impl FnOnce(&mut [u8; N])) {
        if let Some((head, tail)) = core::mem::take(&mut self.0).split_first_chunk_mut::<N>() {
            write(head);
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
        self.put(|[first, rest @ ..]: &mut [u8; 3]| {
            (*first, *rest) = (identifier, value.to_be_bytes());
        });
    }

    /// A property of four bytes: its identifier, then the value.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn id_u32(&mut self, identifier: u8, value: u32) {
        self.put(|[first, rest @ ..]: &mut [u8; 5]| {
            (*first, *rest) = (identifier, value.to_be_bytes());
        });
    }

    /// A property of Binary Data or a UTF-8 Encoded String: its identifier, then length and bytes.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn id_binary(&mut self, identifier: u8, bytes: &[u8]) {
        self.put_around(bytes, |[first, len @ ..]: &mut [u8; 3], [], length| {
            (*first, *len) = (identifier, length);
        });
    }

    /// Binary Data, or a UTF-8 Encoded String: its length in two bytes, then the bytes.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn binary(&mut self, bytes: &[u8]) {
        self.put_around(bytes, |len, [], length| *len = length);
    }

    /// Binary Data, or a UTF-8 Encoded String, and the byte after it.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn binary_and(&mut self, bytes: &[u8], after: u8) {
        self.put_around(bytes, |len, [last], length| (*len, *last) = (length, after));
    }

    /// Writes a field, and has the `N` bytes before and the `M` after it written, with one look at what
    /// is left. The length of the field in two bytes is given to whoever does it.
    #[inline(always)]
    fn put_around<const N: usize, const M: usize>(
        &mut self,
        bytes: &[u8],
        write: impl FnOnce(&mut [u8; N], &mut [u8; M], [u8; 2]),
    ) {
        let all = core::mem::take(&mut self.0).split_at_mut_checked(N + bytes.len() + M);
        let Some((all, tail)) = all else {
            debug_assert!(false, "a packet was measured too short");
            return;
        };
        if let Some((before, rest)) = all.split_first_chunk_mut::<N>() {
            if let Some((middle, after)) = rest.split_last_chunk_mut::<M>() {
                let [.., high, low] = bytes.len().to_be_bytes();
                write(before, after, [high, low]);
                copy(middle, bytes);
            }
        }
        self.0 = tail;
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

    /// The fixed header of a packet: its first byte and its Remaining Length.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn fixed_header(&mut self, first: u8, len: u32) {
        let [a, b, c, d] = variable_byte_integer::encode(len);
        match len {
            0..0x80 => self.array([first, a]),
            0x80..0x4000 => self.array([first, a, b]),
            0x4000..0x20_0000 => self.array([first, a, b, c]),
            _ => self.array([first, a, b, c, d]),
        }
    }
}

/// Copies between slices of one length. Up to 32 bytes, two parts that may overlap take less time than
/// a call of `memcpy`, and more room: it is done where there is room.
#[cfg_attr(target_pointer_width = "64", inline(always))]
fn copy(to: &mut [u8], from: &[u8]) {
    let len = from.len();
    if !WIDE {
        copy_long(to, from);
    } else if len >= 16 {
        if len <= 32 { copy_ends::<16>(to, from) } else { copy_long(to, from) }
    } else if len >= 8 {
        copy_ends::<8>(to, from);
    } else if len >= 4 {
        copy_ends::<4>(to, from);
    } else {
        copy_short(to, from);
    }
}

/// Any number of bytes. `copy_from_slice` could panic where the lengths are not seen to be equal.
#[cfg_attr(target_pointer_width = "64", inline(never))]
fn copy_long(to: &mut [u8], from: &[u8]) {
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

/// At most three bytes.
#[inline(always)]
fn copy_short(to: &mut [u8], from: &[u8]) {
    if let ([first, .., last], [a, .., z]) = (&mut *to, from) {
        (*first, *last) = (*a, *z);
    }
    if let ([to], [from]) | ([_, to, _], [_, from, _]) = (to, from) {
        *to = *from;
    }
}

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
