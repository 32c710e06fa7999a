//! placeholder
#![no_std]
extern crate alloc;
mod store;
mod time;
mod timers;
pub use time::{Duration, Instant};
