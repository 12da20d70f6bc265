//! `betting.caps`: what all bets together may cost the house, one row a scope, currency and measure. How much of it was
//! taken is with the cells ([`super::allowances`]).

use crate::{Error, Tx, keyset};
use chrono::{DateTime, Utc};
use overround_domain::betting::{CapBook, CapMeasure, CapScope};
use overround_domain::ids::LimitId;
use overround_domain::money::{Cents, Currency};
use overround_domain::time::Timestamp;
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

const TABLE: &str = "betting.caps";

/// A cap as it was last changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapRow {
    /// Its id.
    pub id: LimitId,
    /// Which bets count for it.
    pub scope: CapScope,
    /// The currency of those bets.
    pub currency: Currency,
    /// What it counts of them.
    pub measure: CapMeasure,
    /// The most of it, in minor units; none when it is let go.
    pub amount: Option<Cents>,
    /// Counts its changes, from 1.
    pub version: i64,
    /// Who changed it.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub changed_at: Timestamp,
}

/// A cap that is to be set, or let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapChange {
    /// Which bets count for it.
    pub scope: CapScope,
    /// The currency of those bets.
    pub currency: Currency,
    /// What it counts of them.
    pub measure: CapMeasure,
    /// The most of it from now on, in minor units; none lets it go.
    pub amount: Option<Cents>,
    /// Who changes it.
    pub actor: String,
    /// Why.
    pub reason: String,
}

#[derive(FromRow)]
struct Read {
    id: Uuid,
    scope: String,
    scope_key: Vec<u8>,
    members: Vec<Uuid>,
    currency: String,
    measure: String,
    amount_cents: Option<i64>,
    version: i64,
    actor: String,
    reason: String,
    changed_at: DateTime<Utc>,
}

impl TryFrom<Read> for CapRow {
    type Error = Error;
    fn try_from(row: Read) -> Result<Self, Error> {
        let bad = |column, detail: &str| Error::inconsistent(TABLE, column, row.id, detail);
        let level = row.scope.parse().map_err(|_| bad("scope", &row.scope))?;
        Ok(Self {
            id: LimitId::from_uuid(row.id),
            scope: CapScope::of(level, row.scope_key, &row.members)
                .ok_or_else(|| bad("members", "not so many"))?,
            currency: row.currency.parse().map_err(|_| bad("currency", &row.currency))?,
            measure: row.measure.parse().map_err(|_| bad("measure", &row.measure))?,
            amount: row.amount_cents.map(Cents::new),
            version: row.version,
            actor: row.actor,
            reason: row.reason,
            changed_at: row.changed_at.into(),
        })
    }
}

/// Sets a cap, or lets it go; `id` is what it gets where it never was. It stays locked until the transaction ends, in
/// which the cells' shares follow ([`super::allowances::share_out`]).
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn set(tx: &mut Tx, id: LimitId, change: &CapChange, at: Timestamp) -> Result<CapRow, Error> {
    let row: Read = sqlx::query_as(
        "INSERT INTO betting.caps AS c (id, scope, scope_key, members, currency, measure, amount_cents, version, actor, \
                reason, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10) \
         ON CONFLICT (scope, scope_key, currency, measure) DO UPDATE \
            SET amount_cents = excluded.amount_cents, version = c.version + 1, actor = excluded.actor, \
                reason = excluded.reason, changed_at = excluded.changed_at \
         RETURNING id, scope, scope_key, members, currency, measure, amount_cents, version, actor, reason, changed_at",
    )
    .bind(id.uuid())
    .bind(change.scope.level().as_str())
    .bind(change.scope.key())
    .bind(change.scope.members())
    .bind(change.currency.as_str())
    .bind(change.measure.as_str())
    .bind(change.amount.map(Cents::get))
    .bind(&change.actor)
    .bind(&change.reason)
    .bind(at.to_datetime())
    .fetch_one(&mut **tx)
    .await?;
    row.try_into()
}

/// The statement of [`list`]. Its parameters are the place in the list (two) and the limit.
pub const fn list_statement() -> &'static str {
    "SELECT id, scope, scope_key, members, currency, measure, amount_cents, version, actor, reason, changed_at \
     FROM betting.caps WHERE (changed_at, id) < ($1, $2) AND amount_cents IS NOT NULL \
     ORDER BY changed_at DESC, id DESC LIMIT $3"
}

/// The newest caps in force that are older than `after`, at most `limit`.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn list(
    executor: impl PgExecutor<'_>,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<CapRow>, Error> {
    let rows: Vec<Read> = keyset::newest(executor, list_statement(), after, limit).await?;
    rows.into_iter().map(CapRow::try_from).collect()
}

/// All caps in force.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub(super) async fn all(tx: &mut Tx) -> Result<CapBook, Error> {
    let rows = list(&mut **tx, None, i64::MAX).await?;
    Ok(rows.into_iter().map(|row| (row.scope, row.currency, row.measure, row.id)).collect())
}
