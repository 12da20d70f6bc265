//! `betting.account_factors`: what the limits of an account are multiplied by, one row an account and sport.

use crate::{Error, Tx};
use chrono::{DateTime, Utc};
use overround_domain::betting::Factor;
use overround_domain::ids::{AccountId, LimitId};
use overround_domain::time::Timestamp;
use sqlx::{FromRow, PgExecutor};
use std::collections::BTreeMap;
use uuid::Uuid;

const TABLE: &str = "betting.account_factors";

/// A factor as it was last changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorRow {
    /// Its id.
    pub id: LimitId,
    /// The account.
    pub account_id: AccountId,
    /// The sport.
    pub sport: String,
    /// The factor.
    pub factor: Factor,
    /// Counts its changes, from 1.
    pub version: i64,
    /// Who changed it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub changed_at: Timestamp,
}

/// A factor that is to be set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FactorChange {
    /// The account.
    pub account_id: AccountId,
    /// The sport.
    pub sport: String,
    /// The factor from now on.
    pub factor: Factor,
    /// Who sets it.
    pub actor: String,
    /// Why.
    pub reason: String,
}

#[derive(FromRow)]
struct Read {
    id: Uuid,
    account_id: Uuid,
    sport: String,
    factor_pct: i16,
    version: i64,
    actor: String,
    reason: String,
    changed_at: DateTime<Utc>,
}

impl TryFrom<Read> for FactorRow {
    type Error = Error;
    fn try_from(row: Read) -> Result<Self, Error> {
        let pct = u16::try_from(row.factor_pct).ok();
        let factor = pct.and_then(|pct| Factor::from_pct(pct).ok());
        Ok(Self {
            id: LimitId::from_uuid(row.id),
            account_id: AccountId::from_uuid(row.account_id),
            sport: row.sport,
            factor: factor.ok_or_else(|| Error::inconsistent(TABLE, "factor_pct", row.id, row.factor_pct))?,
            version: row.version,
            actor: row.actor,
            reason: row.reason,
            changed_at: row.changed_at.into(),
        })
    }
}

/// Sets a factor; `id` is what it gets where the account had none in that sport.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn set(tx: &mut Tx, id: LimitId, change: &FactorChange, at: Timestamp) -> Result<FactorRow, Error> {
    let row: Read = sqlx::query_as(
        "INSERT INTO betting.account_factors AS f (id, account_id, sport, factor_pct, version, actor, reason, changed_at) \
         VALUES ($1, $2, $3, $4, 1, $5, $6, $7) \
         ON CONFLICT (account_id, sport) DO UPDATE \
            SET factor_pct = excluded.factor_pct, version = f.version + 1, actor = excluded.actor, \
                reason = excluded.reason, changed_at = excluded.changed_at \
         RETURNING id, account_id, sport, factor_pct, version, actor, reason, changed_at",
    )
    .bind(id.uuid())
    .bind(change.account_id.uuid())
    .bind(&change.sport)
    .bind(i16::try_from(change.factor.pct()).unwrap_or(i16::MAX))
    .bind(&change.actor)
    .bind(&change.reason)
    .bind(at.to_datetime())
    .fetch_one(&mut **tx)
    .await?;
    row.try_into()
}

/// An account's factors, by sport.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn of_account(
    executor: impl PgExecutor<'_>,
    account_id: AccountId,
) -> Result<Vec<FactorRow>, Error> {
    let rows: Vec<Read> = sqlx::query_as(
        "SELECT id, account_id, sport, factor_pct, version, actor, reason, changed_at \
         FROM betting.account_factors WHERE account_id = $1 ORDER BY sport",
    )
    .bind(account_id.uuid())
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(FactorRow::try_from).collect()
}

/// The factors of all accounts that are not one.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub(super) async fn all(tx: &mut Tx) -> Result<BTreeMap<(AccountId, String), Factor>, Error> {
    let rows: Vec<Read> = sqlx::query_as(
        "SELECT id, account_id, sport, factor_pct, version, actor, reason, changed_at \
         FROM betting.account_factors WHERE factor_pct <> 100",
    )
    .fetch_all(&mut **tx)
    .await?;
    let read = |row: Read| FactorRow::try_from(row).map(|row| ((row.account_id, row.sport), row.factor));
    rows.into_iter().map(read).collect()
}
