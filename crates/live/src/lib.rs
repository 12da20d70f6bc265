//! Redis, the hot copy: market snapshots with two clocks and a window in which they may be sold.
//!
//! Everything here can be rebuilt from PostgreSQL. All keys of a market share the braces' hash slot: its snapshot,
//! `markets:{market_id}`, written by one Lua compare-and-set that takes only a higher version; its sequence clock,
//! `markets:{market_id}:clock`, which outlives the snapshot, so that a version does not come back after it expired; its
//! last versions, `markets:{market_id}:stream`; and the lease of whoever loads it, `markets:{market_id}:lease`. A new
//! version is published on the channel that is called like the snapshot.
//! What happens to an account or a sporting event is told the same way: `accounts:{account_id}` and `events:{event_id}` are
//! their clocks and their channels, and the same with `:stream` their last events.
//! Rate limits stand each under a key of its own, `limits:{usr_...}:bets`; who is at a place stands under
//! `presence:{evt_...}` and what follows it.

pub mod bench;
mod chronicles;
mod cluster;
mod connection;
mod error;
mod exposure;
mod fields;
mod history;
mod lease;
mod live;
mod node;
mod presence;
mod rate_limits;
mod slots;
mod snapshots;
mod subscriber;
mod window;

pub use chronicles::{Chronicle, ChronicleHistory, Told};
pub use error::Error;
pub use exposure::ExposureWrite;
pub use history::{History, Position};
pub use lease::Lease;
pub use live::Live;
pub use presence::{Attendance, Place};
pub use rate_limits::{Charge, Charged, LimitKey, Subject};
pub use snapshots::{Held, KEPT_VERSIONS, Renewal, Renewed, SnapshotWrite, Word, Write};
pub use subscriber::{Followed, Heard, Subscriber};
pub use window::{Freshness, Lifetime, Now, Window};
