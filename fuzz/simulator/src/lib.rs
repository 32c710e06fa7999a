//! Whole worlds around the real broker: clients, links, a disk and a clock from one seed, oracles
//! that judge from outside, and failures made small.
//!
//! ```console
//! $ cargo run --release -p simulator -- --seed 42
//! $ cargo run --release -p simulator -- --seeds 0..10000
//! ```
//!
//! A [`Plan`](plan::Plan) makes a [`World`](world::World); the world runs to its end and gives an
//! [`Outcome`](world::Outcome). What it does is decided by the plan alone: the same plan gives the
//! same bytes. The README says how to read a failure, and how to add a workload or an oracle.

// A program for the host only.
#![allow(clippy::std_instead_of_alloc, clippy::std_instead_of_core)]

pub mod client;
pub mod clock;
pub mod disk;
pub mod faults;
pub mod joined;
pub mod link;
pub mod message;
pub mod model;
pub mod node;
pub mod oracle;
pub mod plan;
pub mod random;
pub mod reach;
pub mod report;
pub mod rules;
pub mod shrink;
pub mod trial;
pub mod workload;
pub mod world;
