//! Partitions by time, made ahead of the rows that go into them.

use crate::Error;
use chrono::{DateTime, Utc};
use overround_domain::time::Timestamp;
use sqlx::PgPool;

/// What [`ensure`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// The partitions it made, such as `wallet.ledger_entries_202611`, in the order of their periods.
    pub made: Vec<String>,
}

/// Makes the partitions that rows of `now` and of the time ahead need and that do not exist: months of
/// the ledger, the outbox and chat, days of price versions. `now` may be any instant: a replay runs on
/// its recording's date. With nothing to do it costs one query; several processes may do it at once.
///
/// Each partition is built apart and attached in a transaction of its own, by functions that run as the
/// schema's owner (see the migration that creates `meta`), so the pool's role is the keeper's.
///
/// # Errors
/// The database's; what was made before a failure stays, and the next call makes the rest. A table's lock that
/// is not had within two seconds is such a failure: rather late than holding up those who write.
pub async fn ensure(keeper: &PgPool, now: Timestamp) -> Result<Report, Error> {
    let missing: Vec<(String, String, DateTime<Utc>)> =
        sqlx::query_as("SELECT schema_name, table_name, starts_at FROM meta.missing_partitions($1)")
            .bind(now.to_datetime())
            .fetch_all(keeper)
            .await?;
    let mut made = Vec::new();
    for (schema, table, starts_at) in missing {
        let name: Option<String> = sqlx::query_scalar("SELECT meta.make_partition($1, $2, $3)")
            .bind(schema)
            .bind(table)
            .bind(starts_at)
            .fetch_one(keeper)
            .await?;
        // None: another process made it in the meantime.
        made.extend(name);
    }
    Ok(Report { made })
}
