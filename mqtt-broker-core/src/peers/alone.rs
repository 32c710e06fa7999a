//! [`Joined`] without the feature `peers`: every broker is alone.

use core::marker::PhantomData;

use super::Peers;
use super::interests::Interests;
use crate::config::Config;
use crate::store::Account;

/// Nothing.
pub(crate) struct Joined<T>(PhantomData<T>);

/// No peers.
pub(crate) const fn join(_: &Account, _: u64, _: &Config) -> (Joined<Peers>, Joined<Interests>) {
    (Joined(PhantomData), Joined(PhantomData))
}

impl<T> Joined<T> {
    #[inline(always)]
    pub(crate) const fn is_some(&self) -> bool {
        false
    }

    #[inline(always)]
    pub(crate) const fn is_none(&self) -> bool {
        true
    }

    #[inline(always)]
    pub(crate) const fn as_deref(&self) -> Option<&T> {
        None
    }

    #[inline(always)]
    pub(crate) const fn as_deref_mut(&mut self) -> Option<&mut T> {
        None
    }
}
