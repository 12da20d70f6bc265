//! Redis, the hot copy: market snapshots with two clocks and a window in which they may be sold.
//!
//! Everything here can be rebuilt from PostgreSQL. A snapshot stands under `markets:{market_id}`
//! (the braces are part of the key: all keys of a market share their hash slot) and is written by one
//! Lua compare-and-set that takes only a higher version. Its floor, `markets:{market_id}:floor`,
//! outlives it, so that a version does not come back after the snapshot expired.

mod error;
mod fields;
mod market;
mod window;

pub use error::Error;
pub use market::{Held, Live, Renewal, Renewed, Replaced, SnapshotWrite, Write};
pub use window::{Freshness, Lifetime, Now, Window};
