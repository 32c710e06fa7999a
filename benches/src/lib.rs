//! What the benchmarks share: a broker with clients but no sockets, and an allocator that counts.
//!
//! See `benches/` for what is timed, `tests/` for what must hold on any machine, and `README.md` for the
//! results.

// Programs for the host only.
#![allow(clippy::std_instead_of_alloc, clippy::std_instead_of_core)]

pub mod allocations;
pub mod world;
