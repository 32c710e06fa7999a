//! placeholder
#![no_std]
extern crate alloc;
mod store;
mod time;
mod timers;
mod topic_tree;
pub use time::{Duration, Instant};
