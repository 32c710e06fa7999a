//! The containers that grow, and what they answer when they may not: [`Full`].

mod account;
mod chunks;
mod index;
mod key;
mod lists;
mod rooms;
mod roomy;
mod slab;

pub(crate) use account::{Account, Claim, boxed};
pub(crate) use chunks::{Chunks, grow};
pub(crate) use index::Index;
pub(crate) use key::Key;
pub(crate) use lists::{List, Lists};
use roomy::Roomy;
pub(crate) use slab::Slab;

/// A container is at its limit, or the allocator refused it more memory; nothing was changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Full;
