//! `market.markets`: the row that every change of a market locks.

use crate::{Error, Statement, Tx, keyset};
use chrono::{DateTime, Utc};
use overround_domain::ids::{EventId, MarketId, OutcomeId};
use overround_domain::markets::{Group, Margin, MarginBps, MarketKind, MarketStatus, SourceStatus, TieRule};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use serde_json::Value;
use sqlx::postgres::PgRow;
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

const TABLE: &str = "market.markets";

/// A market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketRow {
    /// Its id.
    pub id: MarketId,
    /// Its event.
    pub event_id: EventId,
    /// The producer who owns it now.
    pub producer: String,
    /// What its producers are of: they call it by one key.
    pub source: String,
    /// The source's own id of it.
    pub source_key: String,
    /// The producer's type, such as `MATCH_ODDS`.
    pub market_type: String,
    /// A name a person can read.
    pub name: String,
    /// How outcomes stand to each other.
    pub kind: MarketKind,
    /// How many outcomes win; 0 on line markets.
    pub number_of_winners: i32,
    /// What happens on a tie.
    pub tie_rule: TieRule,
    /// The betting rules it is sold under.
    pub rules_version: i32,
    /// What the producer says.
    pub source_status: SourceStatus,
    /// The producer's best price to back each outcome, where it has one.
    pub source_prices: BTreeMap<OutcomeId, Price>,
    /// What follows from what the producer says, the holds, the prices and the result.
    pub status: MarketStatus,
    /// Whether the event is running.
    pub in_play: bool,
    /// How long a bet would be held in play, in milliseconds.
    pub bet_delay_ms: i64,
    /// No bet is taken from this instant on.
    pub cutoff_at: Option<Timestamp>,
    /// The version of the last snapshot; 0 before the first.
    pub version: i64,
    /// Counts changes of status, line and runners; 0 before the first snapshot.
    pub status_version: i64,
    /// When it became known.
    pub created_at: Timestamp,
    /// Its own margin; none where it has the house's.
    pub margin: Option<Margin>,
    /// What a trader sells outcomes at instead of the price made from the producer's.
    pub manual_prices: BTreeMap<OutcomeId, Price>,
}

/// Which markets to list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct MarketFilter {
    /// Only those of this event.
    pub event_id: Option<EventId>,
    /// Only those of this status.
    pub status: Option<MarketStatus>,
}

#[derive(FromRow)]
struct Read {
    id: Uuid,
    event_id: Uuid,
    producer: String,
    source: String,
    source_key: String,
    market_type: String,
    name: String,
    kind: String,
    number_of_winners: i32,
    tie_rule: String,
    rules_version: i32,
    source_status: String,
    source_prices: Value,
    status: String,
    in_play: bool,
    bet_delay_ms: i64,
    cutoff_at: Option<DateTime<Utc>>,
    version: i64,
    status_version: i64,
    created_at: DateTime<Utc>,
    margin_method: Option<String>,
    margin_bps: Option<i32>,
    manual_prices: Value,
}

impl TryFrom<Read> for MarketRow {
    type Error = Error;
    fn try_from(row: Read) -> Result<Self, Error> {
        let id = MarketId::from_uuid(row.id);
        let bad = |column, value: &str| Error::inconsistent(TABLE, column, row.id, format!("{value:?}"));
        Ok(Self {
            id,
            event_id: EventId::from_uuid(row.event_id),
            kind: row.kind.parse().map_err(|_| bad("kind", &row.kind))?,
            tie_rule: row.tie_rule.parse().map_err(|_| bad("tie_rule", &row.tie_rule))?,
            source_status: row.source_status.parse().map_err(|_| bad("source_status", &row.source_status))?,
            source_prices: prices_of("source_prices", row.id, row.source_prices)?,
            status: row.status.parse().map_err(|_| bad("status", &row.status))?,
            producer: row.producer,
            source: row.source,
            source_key: row.source_key,
            market_type: row.market_type,
            name: row.name,
            number_of_winners: row.number_of_winners,
            rules_version: row.rules_version,
            in_play: row.in_play,
            bet_delay_ms: row.bet_delay_ms,
            cutoff_at: row.cutoff_at.map(Timestamp::from),
            version: row.version,
            status_version: row.status_version,
            created_at: row.created_at.into(),
            margin: margin_of(row.id, row.margin_method.as_deref(), row.margin_bps)?,
            manual_prices: prices_of("manual_prices", row.id, row.manual_prices)?,
        })
    }
}

fn margin_of(market: Uuid, method: Option<&str>, bps: Option<i32>) -> Result<Option<Margin>, Error> {
    let (Some(method), Some(bps)) = (method, bps) else { return Ok(None) };
    let bad = |column, detail: String| Error::inconsistent(TABLE, column, market, detail);
    let method = method.parse().map_err(|_| bad("margin_method", format!("{method:?}")))?;
    let bps = u32::try_from(bps).map_err(|error| bad("margin_bps", error.to_string()))?;
    let bps = MarginBps::new(bps).map_err(|error| bad("margin_bps", error.to_string()))?;
    Ok(Some(Margin { method, bps }))
}

/// Prices as they are stored: by the outcomes' UUIDs, so that SQL can join on them.
fn stored_prices(prices: &BTreeMap<OutcomeId, Price>) -> BTreeMap<Uuid, Price> {
    prices.iter().map(|(outcome, price)| (outcome.uuid(), *price)).collect()
}

fn prices_of(column: &'static str, market: Uuid, stored: Value) -> Result<BTreeMap<OutcomeId, Price>, Error> {
    let prices: BTreeMap<Uuid, Price> =
        serde_json::from_value(stored).map_err(|error| Error::inconsistent(TABLE, column, market, error))?;
    Ok(prices.into_iter().map(|(outcome, price)| (OutcomeId::from_uuid(outcome), price)).collect())
}

fn rows_of(rows: &[PgRow]) -> Result<Vec<MarketRow>, Error> {
    rows.iter().map(|row| MarketRow::try_from(Read::from_row(row)?)).collect()
}

/// The columns of a [`MarketRow`], for the statements of this file.
macro_rules! select_markets {
    ($rest:literal) => {
        concat!(
            "SELECT id, event_id, producer, source, source_key, market_type, name, kind, number_of_winners, tie_rule, \
             rules_version, source_status, source_prices, status, in_play, bet_delay_ms, cutoff_at, version, \
             status_version, created_at, margin_method, margin_bps, \
             manual_prices FROM market.markets ",
            $rest
        )
    };
}

/// Inserts those markets whose (source, source key) is not known yet, in the order of their keys.
///
/// # Errors
/// The database's.
pub async fn insert_missing(tx: &mut Tx, markets: &[MarketRow]) -> Result<(), Error> {
    if markets.is_empty() {
        return Ok(());
    }
    sqlx::query(
        "INSERT INTO market.markets (id, event_id, producer, source, source_key, market_type, name, kind, \
                number_of_winners, tie_rule, rules_version, source_status, status, in_play, bet_delay_ms, \
                cutoff_at, version, status_version, created_at) \
         SELECT * FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::text[], \
                $8::text[], $9::integer[], $10::text[], $11::integer[], $12::text[], $13::text[], $14::boolean[], \
                $15::bigint[], $16::timestamptz[], $17::bigint[], $18::bigint[], $19::timestamptz[]) \
                AS n (id, event_id, producer, source, source_key, market_type, name, kind, number_of_winners, \
                      tie_rule, rules_version, source_status, status, in_play, bet_delay_ms, cutoff_at, version, \
                      status_version, created_at) \
         ORDER BY n.source, n.source_key ON CONFLICT (source, source_key) DO NOTHING",
    )
    .bind(markets.iter().map(|row| row.id.uuid()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.event_id.uuid()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.producer.as_str()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.source.as_str()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.source_key.as_str()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.market_type.as_str()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.name.as_str()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.kind.as_str()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.number_of_winners).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.tie_rule.as_str()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.rules_version).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.source_status.as_str()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.status.as_str()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.in_play).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.bet_delay_ms).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.cutoff_at.map(Timestamp::to_datetime)).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.status_version).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.created_at.to_datetime()).collect::<Vec<_>>())
    .execute(&mut **tx)
    .await?;
    Ok(())
}

/// Locks a source's markets of those keys against every other change, in the order of ids.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn lock_of_source(
    tx: &mut Tx,
    source: &str,
    source_keys: &[String],
) -> Result<Vec<MarketRow>, Error> {
    let rows = sqlx::query(select_markets!(
        "WHERE source = $1 AND source_key = any($2) ORDER BY id FOR NO KEY UPDATE"
    ))
    .bind(source)
    .bind(source_keys)
    .fetch_all(&mut **tx)
    .await?;
    rows_of(&rows)
}

/// Makes a producer the owner of markets. The caller has locked them.
///
/// # Errors
/// The database's.
pub async fn hand_over(tx: &mut Tx, markets: &[MarketId], producer: &str) -> Result<(), Error> {
    if markets.is_empty() {
        return Ok(());
    }
    sqlx::query("UPDATE market.markets SET producer = $2 WHERE id = any($1)")
        .bind(markets.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .bind(producer)
        .execute(&mut **tx)
        .await?;
    Ok(())
}

/// Locks one market against every other change.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn lock(tx: &mut Tx, id: MarketId) -> Result<Option<MarketRow>, Error> {
    let rows = sqlx::query(select_markets!("WHERE id = $1 FOR NO KEY UPDATE"))
        .bind(id.uuid())
        .fetch_all(&mut **tx)
        .await?;
    Ok(rows_of(&rows)?.pop())
}

/// Locks at most `limit` markets of a group that are not over for good, in the order of ids, from `after` on.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn lock_group(
    tx: &mut Tx,
    group: &Group,
    after: Option<MarketId>,
    limit: i64,
) -> Result<Vec<MarketRow>, Error> {
    let statement = match group {
        Group::Event(_) => select_markets!(
            "WHERE id > $1 AND event_id = $3 AND status NOT IN ('SETTLED', 'CANCELLED') \
             ORDER BY id LIMIT $2 FOR NO KEY UPDATE"
        ),
        Group::Sport(_) => select_markets!(
            "WHERE id > $1 AND event_id IN (SELECT e.id FROM market.events e WHERE e.sport = $3) \
               AND status NOT IN ('SETTLED', 'CANCELLED') ORDER BY id LIMIT $2 FOR NO KEY UPDATE"
        ),
        Group::Producer(_) => select_markets!(
            "WHERE id > $1 AND producer = $3 AND status NOT IN ('SETTLED', 'CANCELLED') \
             ORDER BY id LIMIT $2 FOR NO KEY UPDATE"
        ),
        Group::All => select_markets!(
            "WHERE id > $1 AND status NOT IN ('SETTLED', 'CANCELLED') ORDER BY id LIMIT $2 FOR NO KEY UPDATE"
        ),
    };
    let query = sqlx::query(statement).bind(after.map_or(Uuid::nil(), MarketId::uuid)).bind(limit);
    let query = match group {
        Group::Event(event) => query.bind(event.uuid()),
        Group::Sport(sport) => query.bind(sport),
        Group::Producer(producer) => query.bind(producer),
        Group::All => query,
    };
    rows_of(&query.fetch_all(&mut **tx).await?)
}

fn margins_bps(markets: &[MarketRow]) -> Vec<Option<i32>> {
    let bps = |margin: Margin| i32::try_from(margin.bps.get()).unwrap_or(i32::MAX);
    markets.iter().map(|row| row.margin.map(bps)).collect()
}

/// Writes all of these markets that may change, by a statement: type, kind, tie rule and rules version are frozen.
/// The caller has locked them.
pub fn update(to: &mut Statement, markets: &[MarketRow]) {
    if markets.is_empty() {
        return;
    }
    to.add(
        "UPDATE market.markets m SET name = c.name, number_of_winners = c.number_of_winners, \
                source_status = c.source_status, source_prices = c.source_prices, status = c.status, \
                in_play = c.in_play, bet_delay_ms = c.bet_delay_ms, version = c.version, \
                status_version = c.status_version, margin_method = c.margin_method, margin_bps = c.margin_bps, \
                manual_prices = c.manual_prices \
         FROM unnest($1::uuid[], $2::text[], $3::integer[], $4::text[], $5::jsonb[], $6::text[], $7::boolean[], \
                $8::bigint[], $9::bigint[], $10::bigint[], $11::text[], $12::integer[], $13::jsonb[]) \
                AS c (id, name, number_of_winners, source_status, source_prices, status, in_play, bet_delay_ms, \
                      version, status_version, margin_method, margin_bps, manual_prices) \
         WHERE m.id = c.id",
    )
    .bind(markets.iter().map(|row| row.id.uuid()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.name.as_str()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.number_of_winners).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.source_status.as_str()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| Json(stored_prices(&row.source_prices))).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.status.as_str()).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.in_play).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.bet_delay_ms).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.version).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.status_version).collect::<Vec<_>>())
    .bind(markets.iter().map(|row| row.margin.map(|margin| margin.method.as_str())).collect::<Vec<_>>())
    .bind(margins_bps(markets))
    .bind(markets.iter().map(|row| Json(stored_prices(&row.manual_prices))).collect::<Vec<_>>());
}

/// The markets of those ids that exist, in no order.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn load(executor: impl PgExecutor<'_>, ids: &[MarketId]) -> Result<Vec<MarketRow>, Error> {
    let rows = sqlx::query(select_markets!("WHERE id = any($1)"))
        .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .fetch_all(executor)
        .await?;
    rows_of(&rows)
}

/// A producer's markets that are not over, each with its version: what is renewed while the producer is alive. That
/// is often, and the rest of a row is long.
///
/// # Errors
/// The database's.
pub async fn on_sale(executor: impl PgExecutor<'_>, producer: &str) -> Result<Vec<(MarketId, i64)>, Error> {
    let rows: Vec<(Uuid, i64)> = sqlx::query_as(
        "SELECT id, version FROM market.markets \
         WHERE producer = $1 AND status IN ('INACTIVE', 'OPEN', 'SUSPENDED') ORDER BY id",
    )
    .bind(producer)
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(|(id, version)| (MarketId::from_uuid(id), version)).collect())
}

/// Those of these ids that markets have.
///
/// # Errors
/// The database's.
pub async fn known(executor: impl PgExecutor<'_>, ids: &[MarketId]) -> Result<BTreeSet<MarketId>, Error> {
    let known: Vec<Uuid> = sqlx::query_scalar("SELECT id FROM market.markets WHERE id = any($1)")
        .bind(ids.iter().map(|id| id.uuid()).collect::<Vec<_>>())
        .fetch_all(executor)
        .await?;
    Ok(known.into_iter().map(MarketId::from_uuid).collect())
}

/// The statement of [`list`]. Its parameters are the place in the list (two), the limit, and the event and
/// the status where they are given. One statement a filter, so that each has its index whatever plan is
/// kept; an event's markets are few, and are filtered by status.
pub const fn list_statement(filter: MarketFilter) -> &'static str {
    match (filter.event_id, filter.status) {
        (None, None) => {
            select_markets!("WHERE (created_at, id) < ($1, $2) ORDER BY created_at DESC, id DESC LIMIT $3")
        }
        (None, Some(_)) => select_markets!(
            "WHERE (created_at, id) < ($1, $2) AND status = $4 ORDER BY created_at DESC, id DESC LIMIT $3"
        ),
        (Some(_), None) => select_markets!(
            "WHERE (created_at, id) < ($1, $2) AND event_id = $4 ORDER BY created_at DESC, id DESC LIMIT $3"
        ),
        (Some(_), Some(_)) => select_markets!(
            "WHERE (created_at, id) < ($1, $2) AND event_id = $4 AND status = $5 \
             ORDER BY created_at DESC, id DESC LIMIT $3"
        ),
    }
}

/// The newest markets that are older than `after`, at most `limit`.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn list(
    executor: impl PgExecutor<'_>,
    filter: MarketFilter,
    after: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<MarketRow>, Error> {
    let (before_at, before_id) = keyset::bound(after);
    let mut query = sqlx::query(list_statement(filter)).bind(before_at).bind(before_id).bind(limit);
    if let Some(event) = filter.event_id {
        query = query.bind(event.uuid());
    }
    if let Some(status) = filter.status {
        query = query.bind(status.as_str());
    }
    rows_of(&query.fetch_all(executor).await?)
}
