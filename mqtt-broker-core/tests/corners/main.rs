//! Corners where two rules meet: each of these was once turned so that one rule got around the other.

#![allow(clippy::indexing_slicing, clippy::unwrap_used)]

mod bursts;
mod forged;
mod left_over;
mod limits;
#[path = "../packets/packets_with.rs"]
mod packets_with;
mod room;
mod turns;
mod waiting;
mod world;
