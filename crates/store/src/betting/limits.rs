//! `betting.limits`: what limits the stake of one bet, one row a scope and currency.
//!
//! Every change of them, of the accounts' factors, of the caps, and of an event's sport moves `betting.limits_version`, which a
//! batch of bets reads with its fences ([`crate::market::fences::lock_shared`]).

use super::{account_factors, caps};
use crate::{Error, Tx, keyset};
use chrono::{DateTime, Utc};
use overround_domain::betting::{LimitBook, LimitLevel, LimitScope, MarketClass, StakeLimits};
use overround_domain::ids::{EventId, LimitId, MarketId};
use overround_domain::money::{Cents, Currency};
use overround_domain::time::Timestamp;
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

const TABLE: &str = "betting.limits";

/// The limits of a scope as they were last changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitRow {
    /// Their id.
    pub id: LimitId,
    /// What they are about.
    pub scope: LimitScope,
    /// The currency of the bets that they limit.
    pub currency: Currency,
    /// The limits; none of them when they are let go.
    pub limits: StakeLimits,
    /// Counts their changes, from 1.
    pub version: i64,
    /// Who changed them.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// When.
    pub changed_at: Timestamp,
}

/// Limits that are to be set, or let go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitChange {
    /// What they are about.
    pub scope: LimitScope,
    /// The currency of the bets that they limit.
    pub currency: Currency,
    /// The limits from now on; none of them lets them go.
    pub limits: StakeLimits,
    /// Who changes them.
    pub actor: String,
    /// Why.
    pub reason: String,
}

#[derive(FromRow)]
struct Read {
    id: Uuid,
    scope: String,
    scope_key: String,
    currency: String,
    volume_cents: Option<i64>,
    liability_cents: Option<i64>,
    stake_cents: Option<i64>,
    version: i64,
    actor: String,
    reason: String,
    changed_at: DateTime<Utc>,
}

impl TryFrom<Read> for LimitRow {
    type Error = Error;
    fn try_from(row: Read) -> Result<Self, Error> {
        let bad = |column, detail: &str| Error::inconsistent(TABLE, column, row.id, detail);
        let scope = match row.scope.parse().map_err(|_| bad("scope", &row.scope))? {
            LimitLevel::Default => LimitScope::Default,
            LimitLevel::Sport => LimitScope::Sport(row.scope_key),
            LimitLevel::MarketType => LimitScope::MarketType(row.scope_key),
            LimitLevel::Market => {
                let id = row.scope_key.parse().map_err(|_| bad("scope_key", "it is no UUID"))?;
                LimitScope::Market(MarketId::from_uuid(id))
            }
        };
        Ok(Self {
            id: LimitId::from_uuid(row.id),
            scope,
            currency: row.currency.parse().map_err(|_| bad("currency", &row.currency))?,
            limits: StakeLimits {
                volume: row.volume_cents.map(Cents::new),
                liability: row.liability_cents.map(Cents::new),
                stake: row.stake_cents.map(Cents::new),
            },
            version: row.version,
            actor: row.actor,
            reason: row.reason,
            changed_at: row.changed_at.into(),
        })
    }
}

/// The key of a scope among those of its level.
fn key_of(scope: &LimitScope) -> String {
    match scope {
        LimitScope::Default => String::new(),
        LimitScope::Sport(name) | LimitScope::MarketType(name) => name.clone(),
        LimitScope::Market(market) => market.uuid().to_string(),
    }
}

/// Sets the limits of a scope, or lets them go; `id` is what they get where it was never limited.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn set(tx: &mut Tx, id: LimitId, change: &LimitChange, at: Timestamp) -> Result<LimitRow, Error> {
    let row: Read = sqlx::query_as(
        "INSERT INTO betting.limits AS l (id, scope, scope_key, currency, volume_cents, liability_cents, stake_cents, \
                version, actor, reason, changed_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, 1, $8, $9, $10) \
         ON CONFLICT (scope, scope_key, currency) DO UPDATE \
            SET volume_cents = excluded.volume_cents, liability_cents = excluded.liability_cents, \
                stake_cents = excluded.stake_cents, version = l.version + 1, actor = excluded.actor, \
                reason = excluded.reason, changed_at = excluded.changed_at \
         RETURNING id, scope, scope_key, currency, volume_cents, liability_cents, stake_cents, version, actor, reason, \
                changed_at",
    )
    .bind(id.uuid())
    .bind(change.scope.level().as_str())
    .bind(key_of(&change.scope))
    .bind(change.currency.as_str())
    .bind(change.limits.volume.map(Cents::get))
    .bind(change.limits.liability.map(Cents::get))
    .bind(change.limits.stake.map(Cents::get))
    .bind(&change.actor)
    .bind(&change.reason)
    .bind(at.to_datetime())
    .fetch_one(&mut **tx)
    .await?;
    row.try_into()
}

/// The statement of [`list`]. Its parameters are the place in the list (two) and the limit.
pub const fn list_statement() -> &'static str {
    "SELECT id, scope, scope_key, currency, volume_cents, liability_cents, stake_cents, version, actor, reason, changed_at \
     FROM betting.limits WHERE (changed_at, id) < ($1, $2) \
       AND num_nonnulls(volume_cents, liability_cents, stake_cents) > 0 \
     ORDER BY changed_at DESC, id DESC LIMIT $3"
}

/// The newest limits in force that are older than `after`, at most `limit`.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn list(
    executor: impl PgExecutor<'_>,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<LimitRow>, Error> {
    let rows: Vec<Read> = keyset::newest(executor, list_statement(), after, limit).await?;
    rows.into_iter().map(LimitRow::try_from).collect()
}

/// All limits, factors and caps in force, as one snapshot has them.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn book(tx: &mut Tx) -> Result<LimitBook, Error> {
    let version = sqlx::query_scalar("SELECT version FROM betting.limits_version WHERE id = 1")
        .fetch_one(&mut **tx)
        .await?;
    let rows = list(&mut **tx, None, i64::MAX).await?;
    let limits = rows.into_iter().map(|row| ((row.scope, row.currency), row.limits)).collect();
    let (factors, caps) = (account_factors::all(tx).await?, caps::all(tx).await?);
    Ok(LimitBook { version, limits, factors, caps })
}

/// What each of these markets is, as far as limits ask; one that does not exist is left out.
///
/// # Errors
/// The database's.
pub async fn classes(tx: &mut Tx, markets: &[MarketId]) -> Result<Vec<(MarketId, MarketClass)>, Error> {
    let rows: Vec<(Uuid, Uuid, String, String)> = sqlx::query_as(
        "SELECT m.id, m.event_id, e.sport, m.market_type FROM market.markets m JOIN market.events e ON e.id = m.event_id \
         WHERE m.id = any($1)",
    )
    .bind(markets.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .fetch_all(&mut **tx)
    .await?;
    let class = |(id, event, sport, market_type)| {
        let event = EventId::from_uuid(event);
        (MarketId::from_uuid(id), MarketClass { event, sport, market_type })
    };
    Ok(rows.into_iter().map(class).collect())
}
