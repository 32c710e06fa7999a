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
    fn array<const N: usize>(&mut self, bytes: [u8; N]) {
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

    #[inline(always)]
    pub(crate) fn u32(&mut self, value: u32) {
        self.array(value.to_be_bytes());
    }

    #[inline(always)]
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        if let Some((head, tail)) = core::mem::take(&mut self.0).split_at_mut_checked(bytes.len()) {
            head.copy_from_slice(bytes);
            self.0 = tail;
        } else {
            debug_assert!(false, "a packet was measured too short");
        }
    }

    /// Binary Data, or a UTF-8 Encoded String: its length in two bytes, then the bytes.
    #[inline(always)]
    pub(crate) fn binary(&mut self, bytes: &[u8]) {
        let [.., high, low] = bytes.len().to_be_bytes();
        self.array([high, low]);
        self.bytes(bytes);
    }

    #[inline(always)]
    pub(crate) fn variable_byte_integer(&mut self, value: u32) {
        if value < 0x80 {
            let [.., low] = value.to_be_bytes();
            self.u8(low);
        } else {
            self.long_variable_byte_integer(value);
        }
    }

    fn long_variable_byte_integer(&mut self, value: u32) {
        let bytes = variable_byte_integer::encode(value);
        if let Some(bytes) = bytes.get(..variable_byte_integer::encoded_len(value)) {
            self.bytes(bytes);
        }
    }
}
