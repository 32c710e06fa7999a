//! The properties that a Server forwards unaltered, as bytes.

use super::allowed::{PASS_THROUGH, bit};
use super::{Property, PropertyIter};
use crate::reader::Reader;

/// Encoded pass-through properties without a length before them, as
/// [`Properties::encode_pass_through`](crate::Properties::encode_pass_through) writes them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct PassThrough<'a>(&'a [u8]);

impl<'a> PassThrough<'a> {
    /// No properties.
    pub const EMPTY: Self = Self(&[]);

    /// Takes back bytes that were written before.
    ///
    /// Safe with any bytes: those that are no properties give packets that are none, no more.
    #[must_use]
    #[inline]
    pub const fn assume_valid(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The bytes.
    #[must_use]
    #[inline]
    pub const fn as_bytes(self) -> &'a [u8] {
        self.0
    }

    /// The properties, in order.
    #[must_use]
    #[inline]
    pub const fn iter(self) -> PropertyIter<'a> {
        PropertyIter::of_bytes(self.0)
    }
}

impl<'a> IntoIterator for PassThrough<'a> {
    type Item = Property<'a>;
    type IntoIter = PropertyIter<'a>;

    fn into_iter(self) -> PropertyIter<'a> {
        self.iter()
    }
}

/// Runs of bytes of pass-through properties. See
/// [`Properties::pass_through`](crate::Properties::pass_through).
#[derive(Debug, Clone)]
pub struct PassThroughRuns<'a>(&'a [u8]);

impl<'a> PassThroughRuns<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Takes properties from the front as long as they are pass-through, or as long as they are not.
    fn take_while(&mut self, pass_through: bool) -> &'a [u8] {
        let all = self.0;
        while let [identifier, ..] = self.0 {
            let mut reader = Reader::new(self.0);
            let passes = bit(*identifier) & PASS_THROUGH != 0;
            if passes != pass_through || Property::read(&mut reader).is_err() {
                break;
            }
            self.0 = reader.rest();
        }
        all.get(..all.len() - self.0.len()).unwrap_or_default()
    }
}

impl<'a> Iterator for PassThroughRuns<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        self.take_while(false);
        let run = self.take_while(true);
        (!run.is_empty()).then_some(run)
    }
}

impl core::iter::FusedIterator for PassThroughRuns<'_> {}
