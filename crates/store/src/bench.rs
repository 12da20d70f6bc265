//! What benchmarks ask of PostgreSQL: the durability it promises, what the work costs it, what is there.

use crate::{Error, Isolation, Store};
use overround_domain::ids::{AccountId, UserId};
use sqlx::PgPool;
use std::collections::BTreeMap;
use uuid::Uuid;

/// The settings that a benchmark must not trade, as the server has them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Durability {
    /// Whether commits reach the disk.
    pub fsync: String,
    /// Whether a commit waits for it.
    pub synchronous_commit: String,
    /// The isolation inside a money transaction.
    pub isolation: String,
    /// The server's version.
    pub version: String,
}

/// Reads them back, the isolation from inside a transaction as lanes run them.
///
/// # Errors
/// The database's.
pub async fn durability(store: &Store) -> Result<Durability, Error> {
    store
        .run("durability", Isolation::Serializable, |tx| {
            Box::pin(async move {
                let (fsync, synchronous_commit, isolation, version) = sqlx::query_as(
                    "SELECT current_setting('fsync'), current_setting('synchronous_commit'), \
                            current_setting('transaction_isolation'), current_setting('server_version')",
                )
                .fetch_one(&mut **tx)
                .await?;
                Ok(Durability { fsync, synchronous_commit, isolation, version })
            })
        })
        .await
}

/// What the server has written and holds at one instant.
#[derive(Debug, Clone, Copy, Default)]
pub struct Written {
    /// Bytes of write-ahead log since the database was made.
    pub wal_bytes: i64,
    /// Bytes of this database's tables and indexes.
    pub disk_bytes: i64,
    /// The process that answers this connection.
    pub backend_pid: i32,
}

/// Reads it.
///
/// # Errors
/// The database's.
pub async fn written(pool: &PgPool) -> Result<Written, Error> {
    let (wal_bytes, disk_bytes, backend_pid) = sqlx::query_as(
        "SELECT (pg_current_wal_insert_lsn() - '0/0')::bigint, pg_database_size(current_database()), \
                pg_backend_pid()",
    )
    .fetch_one(pool)
    .await?;
    Ok(Written { wal_bytes, disk_bytes, backend_pid })
}

/// How many bets there are.
///
/// # Errors
/// The database's.
pub async fn bets(pool: &PgPool) -> Result<i64, Error> {
    Ok(sqlx::query_scalar("SELECT count(*) FROM betting.bets").fetch_one(pool).await?)
}

/// The player accounts of those users that have one, and whether anything was posted to each.
///
/// # Errors
/// The database's.
pub async fn accounts_of(
    pool: &PgPool,
    users: &[UserId],
) -> Result<BTreeMap<UserId, (AccountId, bool)>, Error> {
    let rows: Vec<(Uuid, Uuid, bool)> = sqlx::query_as(
        "SELECT user_id, id, seq > 0 FROM wallet.accounts WHERE user_id = any($1) AND kind = 'PLAYER'",
    )
    .bind(users.iter().map(|user| user.uuid()).collect::<Vec<_>>())
    .fetch_all(pool)
    .await?;
    let found = |(user, id, used)| (UserId::from_uuid(user), (AccountId::from_uuid(id), used));
    Ok(rows.into_iter().map(found).collect())
}

/// Cleans up and counts what a fill wrote, so that the measured rounds do not pay for it. For the
/// owner's pool.
///
/// # Errors
/// The database's.
pub async fn settle_down(owner: &PgPool) -> Result<(), Error> {
    sqlx::query(
        "VACUUM (ANALYZE) wallet.accounts, wallet.ledger_entries, wallet.idempotency, betting.bets, \
                betting.bet_legs, events.outbox, market.markets, market.fences, market.price_versions",
    )
    .execute(owner)
    .await?;
    Ok(())
}
