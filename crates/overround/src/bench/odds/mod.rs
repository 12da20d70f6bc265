//! Benchmarks of the odds cache: reading markets, writing them, and loading one that ran out.

mod expiry;
mod provider;
mod read;
mod write;

pub use expiry::expiry;
pub use read::read;
pub use write::write;
