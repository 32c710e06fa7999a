//! Benchmarks of the workspace: see `benches/` for what is timed, and `README.md` for the results.
