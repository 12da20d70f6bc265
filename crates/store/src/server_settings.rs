//! The server's settings that the money path stands on, read back from the server.

use crate::Error;
use sqlx::PgPool;

/// A setting that must be at least some number, and why.
const AT_LEAST: [(&str, i64, &str); 2] = [
    (
        "max_pred_locks_per_relation",
        4096,
        "a batch that reads more rows of a table locks all of it, and disjoint batches undo each other",
    ),
    (
        "max_pred_locks_per_page",
        256,
        "a batch that reads more rows of a page locks all of it, and disjoint batches undo each other",
    ),
];

/// A setting that must be on, and why.
const ON: [(&str, &str); 3] = [
    ("fsync", "a bet that was acknowledged can be lost when the machine fails"),
    ("full_page_writes", "a page that was being written when the machine failed cannot be read again"),
    ("synchronous_commit", "a bet that was acknowledged can be lost when PostgreSQL is killed"),
];

/// What the server's settings give up, a sentence each with what to do. Empty where all is as it should be.
///
/// # Errors
/// The database's.
pub async fn shortcomings(pool: &PgPool) -> Result<Vec<String>, Error> {
    let rows: Vec<(String, String)> = sqlx::query_as(
        "SELECT name, setting FROM pg_settings WHERE name IN ('max_pred_locks_per_relation', \
         'max_pred_locks_per_page', 'fsync', 'full_page_writes', 'synchronous_commit')",
    )
    .fetch_all(pool)
    .await?;
    let read = |wanted: &str| rows.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.as_str());
    let too_low = AT_LEAST.iter().filter_map(|(name, least, why)| {
        // -N is a share of another setting: too few for a batch, at any usual value of that.
        let value: i64 = read(name)?.parse().ok()?;
        (value < *least).then(|| format!("{name} is {value}: {why}; set it to {least} or more"))
    });
    let off = ON.iter().filter_map(|(name, why)| {
        let value = read(name)?;
        // Stronger settings of synchronous_commit have other names.
        matches!(value, "off" | "local").then(|| format!("{name} is {value}: {why}; set it to on"))
    });
    Ok(too_low.chain(off).collect())
}
