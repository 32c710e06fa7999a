//! What the drivers' tests run on: an executor, a clock that is turned by hand, and pipes.

pub(crate) mod clock;
pub(crate) mod executor;
pub(crate) mod pipe;
