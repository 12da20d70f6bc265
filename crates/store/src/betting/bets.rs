//! `betting.bets`.

use crate::cells::distinct;
use crate::{Error, Statement, keyset};
use chrono::{DateTime, Utc};
use overround_domain::betting::{
    Acceptance, AcceptedBet, BetKind, BetResult, BetSettlement, BetStatus, LimitDecision, PricePolicy,
    VoidPolicy,
};
use overround_domain::ids::{AccountId, BetId};
use overround_domain::money::{Cents, Currency};
use overround_domain::time::Timestamp;
use overround_domain::wallet::Cell;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

const TABLE: &str = "betting.bets";

/// A bet as stored, without its legs.
#[derive(Debug, Clone)]
pub struct BetRow {
    /// The bet.
    pub id: BetId,
    /// Its account's cell.
    pub cell: Cell,
    /// The account that placed it.
    pub account_id: AccountId,
    /// The stake in minor units.
    pub stake: Cents,
    /// Its currency.
    pub currency: Currency,
    /// The return if every leg wins, in minor units.
    pub potential_payout: Cents,
    /// PENDING, SETTLED or VOID.
    pub status: BetStatus,
    /// Whether it was accepted.
    pub acceptance: Acceptance,
    /// How it ended, once settled.
    pub result: Option<BetResult>,
    /// Single or parlay.
    pub kind: BetKind,
    /// Which price moves the player allowed.
    pub price_policy: PricePolicy,
    /// What a void leg does to the bet.
    pub void_policy: VoidPolicy,
    /// The betting rules it was taken under.
    pub rules_version: i32,
    /// The in-play delay of its markets, in milliseconds.
    pub bet_delay_ms: i64,
    /// How its stake was limited, where more than the house's own numbers did.
    pub limited: Option<LimitDecision>,
    /// Paid back so far, in minor units.
    pub returned: Cents,
    /// The generation of the settlement that says so; 0 before the first.
    pub settlement_generation: i32,
    /// Moved by every change: the version of the bet's events.
    pub version: i64,
    /// When it was accepted.
    pub accepted_at: Option<Timestamp>,
    /// When it was last settled.
    pub settled_at: Option<Timestamp>,
    /// When it was placed: the instant in its id.
    pub created_at: Timestamp,
}

/// A bet that was just accepted.
#[derive(Debug, Clone)]
pub struct NewBet {
    /// Its id.
    pub id: BetId,
    /// Its account's cell.
    pub cell: Cell,
    /// The account that places it.
    pub account_id: AccountId,
    /// What was accepted.
    pub bet: AcceptedBet,
    /// The instant in its id.
    pub created_at: Timestamp,
}

/// Inserts accepted bets with one INSERT; their legs follow with [`super::legs::insert`].
pub fn insert(to: &mut Statement, bets: &[NewBet]) {
    if bets.is_empty() {
        return;
    }
    to.add(
        "INSERT INTO betting.bets (id, cell, account_id, stake_cents, currency, potential_payout_cents, kind, \
                price_policy, void_policy, rules_version, bet_delay_ms, accepted_at, created_at, limit_decision, status, acceptance) \
         SELECT b.*, 'PENDING', 'ACCEPTED' FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::bigint[], \
                $5::text[], $6::bigint[], $7::text[], $8::text[], $9::text[], $10::integer[], $11::bigint[], \
                $12::timestamptz[], $13::timestamptz[], $14::jsonb[]) AS b",
    )
    .bind(bets.iter().map(|new| new.id.uuid()).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.cell.get()).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.account_id.uuid()).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.bet.stake.get()).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.bet.currency.to_string()).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.bet.potential_payout.get()).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.bet.kind.as_str()).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.bet.price_policy.to_string()).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.bet.void_policy.as_str()).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.bet.rules_version).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.bet.bet_delay_ms).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.bet.accepted_at.to_datetime()).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.created_at.to_datetime()).collect::<Vec<_>>())
    .bind(bets.iter().map(|new| new.bet.limited.clone().map(Json)).collect::<Vec<_>>());
}

/// A bet that a settlement decides.
#[derive(Debug, Clone)]
pub struct SettledBet {
    /// The bet as it was loaded.
    pub bet: BetRow,
    /// What it was settled at.
    pub settlement: BetSettlement,
    /// The settlement's generation.
    pub generation: i32,
    /// The bet's version after it.
    pub version: i64,
    /// When.
    pub settled_at: Timestamp,
}

/// Writes what settlements changed about their bets.
pub fn settle(to: &mut Statement, settled: &[SettledBet]) {
    if settled.is_empty() {
        return;
    }
    to.add(
        "UPDATE betting.bets b SET status = c.status, result = c.result, returned_cents = c.returned_cents, \
                settlement_generation = c.generation, version = c.version, settled_at = c.settled_at \
         FROM unnest($1::uuid[], $2::uuid[], $3::smallint[], $4::timestamptz[], $5::text[], $6::text[], $7::bigint[], \
                $8::integer[], $9::bigint[], $10::timestamptz[]) \
              AS c (account_id, id, cell, created_at, status, result, returned_cents, generation, version, settled_at) \
         WHERE b.account_id = c.account_id AND b.created_at = c.created_at AND b.id = c.id AND b.cell = c.cell \
           AND b.cell = any($11)",
    )
    .bind(settled.iter().map(|done| done.bet.account_id.uuid()).collect::<Vec<_>>())
    .bind(settled.iter().map(|done| done.bet.id.uuid()).collect::<Vec<_>>())
    .bind(settled.iter().map(|done| done.bet.cell.get()).collect::<Vec<_>>())
    .bind(settled.iter().map(|done| done.bet.created_at.to_datetime()).collect::<Vec<_>>())
    .bind(settled.iter().map(|done| done.settlement.status.as_str()).collect::<Vec<_>>())
    .bind(settled.iter().map(|done| done.settlement.result.map(BetResult::as_str)).collect::<Vec<_>>())
    .bind(settled.iter().map(|done| done.settlement.returned.get()).collect::<Vec<_>>())
    .bind(settled.iter().map(|done| done.generation).collect::<Vec<_>>())
    .bind(settled.iter().map(|done| done.version).collect::<Vec<_>>())
    .bind(settled.iter().map(|done| done.settled_at.to_datetime()).collect::<Vec<_>>())
    .bind(distinct(settled.iter().map(|done| done.bet.cell)));
}

#[derive(FromRow)]
struct Read {
    id: Uuid,
    cell: i16,
    account_id: Uuid,
    stake_cents: i64,
    currency: String,
    potential_payout_cents: i64,
    status: String,
    acceptance: String,
    result: Option<String>,
    kind: String,
    price_policy: String,
    void_policy: String,
    rules_version: i32,
    bet_delay_ms: i64,
    limit_decision: Option<serde_json::Value>,
    returned_cents: i64,
    settlement_generation: i32,
    version: i64,
    accepted_at: Option<DateTime<Utc>>,
    settled_at: Option<DateTime<Utc>>,
    created_at: DateTime<Utc>,
}

impl TryFrom<Read> for BetRow {
    type Error = Error;
    fn try_from(row: Read) -> Result<Self, Error> {
        let bad = |column, value: &str| Error::inconsistent(TABLE, column, row.id, format!("{value:?}"));
        Ok(Self {
            id: BetId::from_uuid(row.id),
            cell: Cell::from_i16(row.cell).ok_or_else(|| bad("cell", "negative"))?,
            account_id: AccountId::from_uuid(row.account_id),
            stake: Cents::new(row.stake_cents),
            currency: row.currency.parse().map_err(|_| bad("currency", &row.currency))?,
            potential_payout: Cents::new(row.potential_payout_cents),
            status: row.status.parse().map_err(|_| bad("status", &row.status))?,
            acceptance: row.acceptance.parse().map_err(|_| bad("acceptance", &row.acceptance))?,
            result: match &row.result {
                Some(result) => Some(result.parse().map_err(|_| bad("result", result))?),
                None => None,
            },
            kind: row.kind.parse().map_err(|_| bad("kind", &row.kind))?,
            price_policy: row.price_policy.parse().map_err(|_| bad("price_policy", &row.price_policy))?,
            void_policy: row.void_policy.parse().map_err(|_| bad("void_policy", &row.void_policy))?,
            rules_version: row.rules_version,
            bet_delay_ms: row.bet_delay_ms,
            limited: row
                .limit_decision
                .map(serde_json::from_value)
                .transpose()
                .map_err(|error| Error::inconsistent(TABLE, "limit_decision", row.id, error))?,
            returned: Cents::new(row.returned_cents),
            settlement_generation: row.settlement_generation,
            version: row.version,
            accepted_at: row.accepted_at.map(Timestamp::from),
            settled_at: row.settled_at.map(Timestamp::from),
            created_at: row.created_at.into(),
        })
    }
}

fn bets_of(rows: &[PgRow]) -> Result<Vec<BetRow>, Error> {
    rows.iter().map(|row| BetRow::try_from(Read::from_row(row)?)).collect()
}

/// The columns of a [`BetRow`], for the statements of this file.
macro_rules! select_bets {
    ($rest:literal) => {
        concat!(
            "SELECT b.id, b.cell, b.account_id, b.stake_cents, b.currency, b.potential_payout_cents, b.status, \
             b.acceptance, b.result, b.kind, b.price_policy, b.void_policy, b.rules_version, b.bet_delay_ms, b.limit_decision, \
             b.returned_cents, b.settlement_generation, b.version, b.accepted_at, b.settled_at, b.created_at \
             FROM betting.bets b ",
            $rest
        )
    };
}

/// Where a bet's row is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct BetKey {
    /// The account that placed it.
    pub account_id: AccountId,
    /// The instant in its id.
    pub created_at: Timestamp,
    /// The bet.
    pub id: BetId,
    /// The account's cell.
    pub cell: Cell,
}

/// The bets of those keys that exist, in no order.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn load(executor: impl PgExecutor<'_>, keys: &[BetKey]) -> Result<Vec<BetRow>, Error> {
    let rows = sqlx::query(select_bets!(
        "JOIN unnest($1::uuid[], $2::timestamptz[], $3::uuid[], $4::smallint[]) AS k (account_id, created_at, id, cell) \
         ON b.account_id = k.account_id AND b.created_at = k.created_at AND b.id = k.id AND b.cell = k.cell \
         WHERE b.cell = any($5)"
    ))
    .bind(keys.iter().map(|key| key.account_id.uuid()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.created_at.to_datetime()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.id.uuid()).collect::<Vec<_>>())
    .bind(keys.iter().map(|key| key.cell.get()).collect::<Vec<_>>())
    .bind(distinct(keys.iter().map(|key| key.cell)))
    .fetch_all(executor)
    .await?;
    bets_of(&rows)
}

/// The statement of [`list`]. Its parameters are the account, its cell, the place in the list (two), the
/// limit, and the status where one is given.
///
/// Bets have no index by status: it would cost every bet placed, and every bet settled, more than the list
/// of one account's bets of a status gains. That list walks the account's bets, newest first, until it is
/// full; no further than that account's.
pub const fn list_statement(of_status: bool) -> &'static str {
    if of_status {
        select_bets!(
            "WHERE b.account_id = $1 AND b.cell = any($2) AND (b.created_at, b.id) < ($3, $4) AND b.status = $6 \
             ORDER BY b.created_at DESC, b.id DESC LIMIT $5"
        )
    } else {
        select_bets!(
            "WHERE b.account_id = $1 AND b.cell = any($2) AND (b.created_at, b.id) < ($3, $4) \
             ORDER BY b.created_at DESC, b.id DESC LIMIT $5"
        )
    }
}

/// The newest bets of an account that are older than `after`, at most `limit`; only those of a status
/// when one is given.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn list(
    executor: impl PgExecutor<'_>,
    account_id: AccountId,
    cell: Cell,
    status: Option<BetStatus>,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<BetRow>, Error> {
    let (before_at, before_id) = keyset::bound(after);
    let mut query = sqlx::query(list_statement(status.is_some()))
        .bind(account_id.uuid())
        .bind(vec![cell.get()])
        .bind(before_at)
        .bind(before_id)
        .bind(limit);
    if let Some(status) = status {
        query = query.bind(status.as_str());
    }
    bets_of(&query.fetch_all(executor).await?)
}
