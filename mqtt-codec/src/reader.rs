//! A slice that shrinks from the front as fields are read from it.

use core::num::NonZeroU16;

use crate::{DecodeError, PacketIdentifier, variable_byte_integer};

/// What is left to read of a packet, or of its properties.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    #[inline(always)]
    pub(crate) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    #[inline(always)]
    pub(crate) const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline(always)]
    pub(crate) const fn rest(self) -> &'a [u8] {
        self.0
    }

    #[inline(always)]
    pub(crate) fn u8(&mut self) -> Result<u8, DecodeError> {
        let (&byte, rest) = self.0.split_first().ok_or(DecodeError::FieldOverrun)?;
        self.0 = rest;
        Ok(byte)
    }

    #[inline(always)]
    fn array<const N: usize>(&mut self) -> Result<[u8; N], DecodeError> {
        let (array, rest) = self.0.split_first_chunk().ok_or(DecodeError::FieldOverrun)?;
        self.0 = rest;
        Ok(*array)
    }

    #[inline(always)]
    pub(crate) fn u16(&mut self) -> Result<u16, DecodeError> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    #[inline(always)]
    pub(crate) fn u32(&mut self) -> Result<u32, DecodeError> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn take(&mut self, len: usize) -> Result<&'a [u8], DecodeError> {
        let (bytes, rest) = self.0.split_at_checked(len).ok_or(DecodeError::FieldOverrun)?;
        self.0 = rest;
        Ok(bytes)
    }

    /// Binary Data, or the bytes of a UTF-8 Encoded String: a two byte length, then that many bytes.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn binary(&mut self) -> Result<&'a [u8], DecodeError> {
        let len = self.u16()?;
        self.take(usize::from(len))
    }

    /// Binary Data, or the bytes of a UTF-8 Encoded String, and the byte after it.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn binary_and_u8(&mut self) -> Result<(&'a [u8], u8), DecodeError> {
        let len = self.u16()?;
        let (last, bytes) = match self.take(usize::from(len) + 1)?.split_last() {
            Some(parts) => parts,
            None => return Err(DecodeError::FieldOverrun),
        };
        Ok((bytes, *last))
    }

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn packet_identifier(&mut self) -> Result<PacketIdentifier, DecodeError> {
        //= [MQTT-2.2.1-3]
        //= 3.1.1 [MQTT-2.3.1-1]
        PacketIdentifier::new(self.u16()?).ok_or(DecodeError::PacketIdentifierZero)
    }

    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn non_zero_u16(&mut self, zero: DecodeError) -> Result<NonZeroU16, DecodeError> {
        NonZeroU16::new(self.u16()?).ok_or(zero)
    }

    /// A Variable Byte Integer inside a packet of 5.0, so in its shortest form.
    #[cfg_attr(target_pointer_width = "64", inline(always))]
    pub(crate) fn variable_byte_integer(&mut self) -> Result<u32, DecodeError> {
        let (&byte, rest) = self.0.split_first().ok_or(DecodeError::FieldOverrun)?;
        if byte < 0x80 {
            self.0 = rest;
            return Ok(u32::from(byte));
        }
        // The bytes and not the reader go to the call: whose address is taken lives in memory.
        let (value, len) = long_variable_byte_integer(self.0)?;
        self.take(usize::from(len))?;
        Ok(value)
    }

    /// Ends the reading; whatever is left is too much.
    #[inline(always)]
    pub(crate) const fn finish(self) -> Result<(), DecodeError> {
        if self.0.is_empty() { Ok(()) } else { Err(DecodeError::TrailingBytes) }
    }
}

/// A Variable Byte Integer of more than one byte and how many it has.
fn long_variable_byte_integer(bytes: &[u8]) -> Result<(u32, u8), DecodeError> {
    let (value, len) = variable_byte_integer::decode(bytes)?.ok_or(DecodeError::FieldOverrun)?;
    //= [MQTT-1.5.5-1]
    if usize::from(len) != variable_byte_integer::encoded_len(value as usize) {
        return Err(DecodeError::VariableByteIntegerNotMinimal);
    }
    Ok((value, len))
}
