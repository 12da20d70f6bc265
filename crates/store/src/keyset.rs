//! Keyset pages: rows after a place in `(created_at, id)`, newest first.

use chrono::{DateTime, Utc};
use overround_domain::time::Timestamp;
use uuid::Uuid;

/// The last millisecond of the year 9999: later than any row.
const BEYOND_ALL_MS: i64 = 253_402_300_799_999;

/// The bound of a page as a statement's parameters. The first page has the greatest bound rather than
/// none, so that one statement, and one index scan, serves every page.
pub(crate) fn bound(after: Option<(Timestamp, Uuid)>) -> (DateTime<Utc>, Uuid) {
    let (at, id) = after.unwrap_or((Timestamp::from_millis(BEYOND_ALL_MS), Uuid::max()));
    (at.to_datetime(), id)
}
