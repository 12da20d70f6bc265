//! What every request and every list has in common.

use overround_domain::time::Timestamp;
use uuid::Uuid;

/// What makes a write safe to repeat.
#[derive(Debug, Clone)]
pub struct Keyed {
    /// The request's Idempotency-Key: 1 to 255 visible characters.
    pub key: String,
    /// SHA-256 of method, route, account and canonical body.
    pub request_hash: [u8; 32],
    /// The request's trace id, which a kept refusal carries for ever.
    pub trace_id: String,
    /// The request is not executed after this instant.
    pub deadline: tokio::time::Instant,
}

/// The answer of a write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer<T> {
    /// Whether the request had been executed before, and this is that execution's answer.
    pub replayed: bool,
    /// The answer.
    pub value: T,
}

impl<T> Answer<T> {
    /// The answer of a first execution.
    pub const fn first(value: T) -> Self {
        Self { replayed: false, value }
    }

    /// The answer of an execution that happened before.
    pub const fn replay(value: T) -> Self {
        Self { replayed: true, value }
    }
}

/// Which part of a list to read, newest first.
#[derive(Debug, Clone, Copy)]
pub struct Page {
    /// The largest number of rows.
    pub limit: u32,
    /// Rows older than this one: `(created_at, id)` of the last row seen.
    pub after: Option<(Timestamp, Uuid)>,
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq)]
pub struct Listed<T> {
    /// The rows.
    pub items: Vec<T>,
    /// Where the next part begins; none at the list's end.
    pub next: Option<(Timestamp, Uuid)>,
}

impl<T> Listed<T> {
    /// A page from rows that were read with one row more than `limit`; `key` is a row's place.
    pub fn from_rows(mut rows: Vec<T>, limit: u32, key: impl Fn(&T) -> (Timestamp, Uuid)) -> Self {
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let more = rows.len() > limit;
        rows.truncate(limit);
        let next = if more { rows.last().map(key) } else { None };
        Self { items: rows, next }
    }
}
