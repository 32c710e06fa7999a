//! What a broker has if it is joined to others.

use alloc::boxed::Box;
use alloc::vec::Vec;

use super::interests::Interests;
use super::stamps::Stamps;
use super::{Peer, Peers};
use crate::config::Config;
use crate::store::Account;

/// Nothing, in a broker that is alone.
pub(crate) type Joined<T> = Option<Box<T>>;

/// The peers of this broker, and what it has to tell them.
pub(crate) fn join(
    account: &Account,
    seed: u64,
    config: &Config,
) -> (Joined<Peers>, Joined<Interests>) {
    if config.shards <= 1 || config.shard.0 >= config.shards {
        return (None, None);
    }
    let peers = Peers {
        own: config.shard,
        list: (0..config.shards).map(|_| Peer::default()).collect(),
        stamps: Stamps::new(account, seed),
        run: 0,
        mark: 0,
        releasing: false,
        frame: Vec::new(),
        kept: 0,
    };
    (Some(Box::new(peers)), Some(Box::new(Interests::new(account, seed))))
}
