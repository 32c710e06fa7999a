//! placeholder
#![no_std]
extern crate alloc;
mod time;
pub use time::{Duration, Instant};
