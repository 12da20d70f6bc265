//! Instants, in milliseconds of Unix time.

use chrono::{DateTime, SecondsFormat, Utc};
use serde::{Deserialize, Serialize};
use std::fmt;

/// An instant: milliseconds since 1970-01-01T00:00:00Z. Every time in Overround has this precision,
/// which is also that of a UUIDv7, so that a row's `created_at` can be told from its id.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(i64);

impl Timestamp {
    /// The instant `ms` milliseconds after the Unix epoch.
    pub const fn from_millis(ms: i64) -> Self {
        Self(ms)
    }

    /// Milliseconds since the Unix epoch.
    pub const fn millis(self) -> i64 {
        self.0
    }

    /// This instant moved by `ms` milliseconds; saturates at the ends of the range.
    #[must_use]
    pub const fn plus_millis(self, ms: i64) -> Self {
        Self(self.0.saturating_add(ms))
    }

    /// The day in UTC, counted from 1970-01-01.
    pub const fn day(self) -> i64 {
        self.0.div_euclid(86_400_000)
    }

    /// The instant as chrono's type; instants outside chrono's range are clamped to its ends.
    pub fn to_datetime(self) -> DateTime<Utc> {
        DateTime::from_timestamp_millis(self.0).unwrap_or(if self.0 < 0 {
            DateTime::<Utc>::MIN_UTC
        } else {
            DateTime::<Utc>::MAX_UTC
        })
    }
}

impl From<DateTime<Utc>> for Timestamp {
    fn from(value: DateTime<Utc>) -> Self {
        Self(value.timestamp_millis())
    }
}

/// RFC 3339 in UTC with milliseconds, as on the wire.
impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_datetime().to_rfc3339_opts(SecondsFormat::Millis, true))
    }
}

#[cfg(test)]
mod tests {
    use super::Timestamp;

    #[test]
    fn an_instant_is_shown_in_utc_with_milliseconds() {
        assert_eq!(Timestamp::from_millis(1_645_557_742_007).to_string(), "2022-02-22T19:22:22.007Z");
    }

    #[test]
    fn a_day_begins_at_midnight_in_utc() {
        let table = [(0, 0), (86_399_999, 0), (86_400_000, 1), (-1, -1)];
        assert!(table.iter().all(|(ms, day)| Timestamp::from_millis(*ms).day() == *day));
    }

    #[test]
    fn the_ends_of_the_range_do_not_panic() {
        for ms in [i64::MIN, i64::MAX] {
            let instant = Timestamp::from_millis(ms);
            assert!(!instant.to_string().is_empty());
            assert_eq!(instant.plus_millis(ms.signum()), instant);
        }
    }
}
