//! How long a snapshot may be sold, and by whose clock that is counted.

use overround_domain::time::Timestamp;
use std::ops::RangeInclusive;

/// The clock that ages are counted on. A market is written and read on one clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Now {
    /// The Redis server's own: two hosts' clocks are never compared.
    Server,
    /// An instant that the caller gives: a recording's clock.
    At(Timestamp),
}

/// The bounds that lifetimes are drawn from, in milliseconds. They are drawn rather than fixed so
/// that markets written together do not expire together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Window {
    /// How long a snapshot is fresh.
    pub fresh_ms: RangeInclusive<i64>,
    /// How long after that it may still be served while a newer one is fetched.
    pub stale_ms: RangeInclusive<i64>,
}

impl Default for Window {
    fn default() -> Self {
        Self { fresh_ms: 8_000..=15_000, stale_ms: 2_000..=3_000 }
    }
}

/// How long one snapshot lives, drawn from a [`Window`]. In milliseconds, both above zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime {
    /// How long it is fresh.
    pub fresh_ms: i64,
    /// How long it is stale after that.
    pub stale_ms: i64,
}

impl Lifetime {
    /// The age from which nothing may be sold at this snapshot any more, in milliseconds.
    pub const fn end_ms(self) -> i64 {
        self.fresh_ms.saturating_add(self.stale_ms)
    }

    /// What an age means under this lifetime. A snapshot from the future counts as fresh only as
    /// far as clocks step; from further ahead than a lifetime it was written on another clock.
    pub(crate) const fn freshness(self, age_ms: i64) -> Freshness {
        if age_ms < -self.end_ms() || age_ms >= self.end_ms() {
            Freshness::Expired
        } else if age_ms < self.fresh_ms {
            Freshness::Fresh
        } else {
            Freshness::Stale
        }
    }
}

/// Whether a snapshot may be sold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Freshness {
    /// It may.
    Fresh,
    /// It may, while a newer one is fetched.
    Stale,
    /// It may not.
    Expired,
}
