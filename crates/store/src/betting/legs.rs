//! `betting.bet_legs`.

use crate::cells::distinct;
use crate::{Error, Statement};
use overround_domain::betting::{AcceptedLeg, Fraction, LegResult, VoidFactor};
use overround_domain::ids::{AccountId, BetId, EventId, LegId, MarketId, OutcomeId};
use overround_domain::markets::Line;
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use overround_domain::wallet::Cell;
use serde_json::{Map, Value};
use sqlx::types::Json;
use sqlx::{FromRow, PgExecutor};
use uuid::Uuid;

const TABLE: &str = "betting.bet_legs";

/// A leg of a bet that was just accepted.
#[derive(Debug, Clone)]
pub struct NewLeg {
    /// Its id.
    pub id: LegId,
    /// Its bet.
    pub bet_id: BetId,
    /// The bet's account.
    pub account_id: AccountId,
    /// The account's cell.
    pub cell: Cell,
    /// Its place in the bet, from 0.
    pub position: i16,
    /// What was accepted.
    pub leg: AcceptedLeg,
    /// The instant in the bet's id.
    pub created_at: Timestamp,
}

/// A leg as stored.
#[derive(Debug, Clone)]
pub struct LegRow {
    /// Its id.
    pub id: LegId,
    /// Its bet.
    pub bet_id: BetId,
    /// The account's cell.
    pub cell: Cell,
    /// Its place in the bet, from 0.
    pub position: i16,
    /// What was accepted.
    pub leg: AcceptedLeg,
    /// Its result; none while it is open.
    pub result: Option<LegResult>,
}

/// Inserts the legs of accepted bets with one INSERT.
pub fn insert(to: &mut Statement, legs: &[NewLeg]) {
    if legs.is_empty() {
        return;
    }
    to.add(
        "INSERT INTO betting.bet_legs (id, cell, bet_id, account_id, position, event_id, market_id, outcome_id, \
                price_num, price_den, leg_type, attrs, line_quarters, market_version, status_version, created_at) \
         SELECT * FROM unnest($1::uuid[], $2::smallint[], $3::uuid[], $4::uuid[], $5::smallint[], $6::uuid[], \
                $7::uuid[], $8::uuid[], $9::integer[], $10::integer[], $11::text[], $12::jsonb[], $13::integer[], \
                $14::bigint[], $15::bigint[], $16::timestamptz[])",
    )
    .bind(legs.iter().map(|new| new.id.uuid()).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| new.cell.get()).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| new.bet_id.uuid()).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| new.account_id.uuid()).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| new.position).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| new.leg.event_id.uuid()).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| new.leg.market_id.uuid()).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| new.leg.outcome_id.uuid()).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| term(new.leg.price.num())).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| term(new.leg.price.den())).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| new.leg.leg_type.as_str()).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| Json(&new.leg.attrs)).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| new.leg.line.map(Line::quarters)).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| new.leg.market_version).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| new.leg.status_version).collect::<Vec<_>>())
    .bind(legs.iter().map(|new| new.created_at.to_datetime()).collect::<Vec<_>>());
}

/// A price's term or a fraction's, which are at most a million.
fn term(value: u32) -> i32 {
    i32::try_from(value).unwrap_or(i32::MAX)
}

/// Writes the results of legs that were open.
pub fn decide(to: &mut Statement, decided: &[(BetId, i16, Cell, LegResult)]) {
    if decided.is_empty() {
        return;
    }
    let halves = |void: VoidFactor| match void {
        VoidFactor::None => (0_i16, 1_i16),
        VoidFactor::Half => (1, 2),
        VoidFactor::Full => (1, 1),
    };
    to.add(
        "UPDATE betting.bet_legs l SET status = 'DECIDED', won = c.won, void_num = c.void_num, \
                void_den = c.void_den, dead_heat_num = c.heat_num, dead_heat_den = c.heat_den, \
                void_reason = c.void_reason \
         FROM unnest($1::uuid[], $2::smallint[], $3::smallint[], $4::boolean[], $5::smallint[], $6::smallint[], \
                $7::integer[], $8::integer[], $9::text[]) \
              AS c (bet_id, position, cell, won, void_num, void_den, heat_num, heat_den, void_reason) \
         WHERE l.bet_id = c.bet_id AND l.position = c.position AND l.cell = c.cell AND l.cell = any($10)",
    )
    .bind(decided.iter().map(|(bet, ..)| bet.uuid()).collect::<Vec<_>>())
    .bind(decided.iter().map(|(_, position, ..)| *position).collect::<Vec<_>>())
    .bind(decided.iter().map(|(_, _, cell, _)| cell.get()).collect::<Vec<_>>())
    .bind(decided.iter().map(|(.., result)| result.won).collect::<Vec<_>>())
    .bind(decided.iter().map(|(.., result)| halves(result.void).0).collect::<Vec<_>>())
    .bind(decided.iter().map(|(.., result)| halves(result.void).1).collect::<Vec<_>>())
    .bind(decided.iter().map(|(.., result)| term(result.dead_heat.num())).collect::<Vec<_>>())
    .bind(decided.iter().map(|(.., result)| term(result.dead_heat.den())).collect::<Vec<_>>())
    .bind(decided.iter().map(|(.., result)| result.void_reason.clone()).collect::<Vec<_>>())
    .bind(distinct(decided.iter().map(|(_, _, cell, _)| *cell)));
}

#[derive(FromRow)]
struct Read {
    id: Uuid,
    cell: i16,
    bet_id: Uuid,
    position: i16,
    event_id: Uuid,
    market_id: Uuid,
    outcome_id: Uuid,
    price_num: i32,
    price_den: i32,
    leg_type: String,
    attrs: Json<Map<String, Value>>,
    line_quarters: Option<i32>,
    market_version: i64,
    status_version: i64,
    won: Option<bool>,
    void_num: Option<i16>,
    void_den: Option<i16>,
    dead_heat_num: Option<i32>,
    dead_heat_den: Option<i32>,
    void_reason: Option<String>,
}

impl Read {
    fn result(&self) -> Result<Option<LegResult>, Error> {
        let bad = |column, detail: &str| Error::inconsistent(TABLE, column, self.id, detail);
        let (Some(won), Some(num), Some(den)) = (self.won, self.dead_heat_num, self.dead_heat_den) else {
            return Ok(None);
        };
        let void = match (self.void_num, self.void_den) {
            (Some(0), Some(1)) => VoidFactor::None,
            (Some(1), Some(2)) => VoidFactor::Half,
            (Some(1), Some(1)) => VoidFactor::Full,
            _ => return Err(bad("void_num", "the void factor is none of 0, 1/2 and 1")),
        };
        let dead_heat = u32::try_from(num)
            .ok()
            .zip(u32::try_from(den).ok())
            .and_then(|(num, den)| Fraction::new(num, den).ok())
            .ok_or_else(|| bad("dead_heat_num", "it is no fraction from 0 to 1"))?;
        Ok(Some(LegResult { won, void, dead_heat, void_reason: self.void_reason.clone() }))
    }
}

impl TryFrom<Read> for LegRow {
    type Error = Error;
    fn try_from(row: Read) -> Result<Self, Error> {
        let bad = |column, detail: String| Error::inconsistent(TABLE, column, row.id, detail);
        let price = u32::try_from(row.price_num)
            .ok()
            .zip(u32::try_from(row.price_den).ok())
            .and_then(|(num, den)| Price::new(num, den).ok())
            .ok_or_else(|| bad("price_num", format!("{}/{} is no price", row.price_num, row.price_den)))?;
        let result = row.result()?;
        let leg_type = row.leg_type.parse().map_err(|_| bad("leg_type", row.leg_type.clone()))?;
        let leg = AcceptedLeg {
            event_id: EventId::from_uuid(row.event_id),
            market_id: MarketId::from_uuid(row.market_id),
            outcome_id: OutcomeId::from_uuid(row.outcome_id),
            price,
            line: row.line_quarters.map(Line::from_quarters),
            market_version: row.market_version,
            status_version: row.status_version,
            leg_type,
            attrs: row.attrs.0,
        };
        Ok(Self {
            id: LegId::from_uuid(row.id),
            bet_id: BetId::from_uuid(row.bet_id),
            cell: Cell::from_i16(row.cell)
                .ok_or_else(|| Error::inconsistent(TABLE, "cell", row.id, "negative"))?,
            position: row.position,
            leg,
            result,
        })
    }
}

/// All legs of those bets, by bet and position.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn of_bets(
    executor: impl PgExecutor<'_>,
    bets: &[BetId],
    cells: &[Cell],
) -> Result<Vec<LegRow>, Error> {
    let rows: Vec<Read> = sqlx::query_as(
        "SELECT id, cell, bet_id, position, event_id, market_id, outcome_id, price_num, price_den, leg_type, attrs, \
                line_quarters, market_version, status_version, won, void_num, void_den, dead_heat_num, \
                dead_heat_den, void_reason \
         FROM betting.bet_legs WHERE bet_id = any($1) AND cell = any($2) ORDER BY bet_id, position",
    )
    .bind(bets.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .bind(cells.iter().map(|cell| cell.get()).collect::<Vec<_>>())
    .fetch_all(executor)
    .await?;
    rows.into_iter().map(LegRow::try_from).collect()
}

/// A bet that has an open leg on a market.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenLeg {
    /// The bet.
    pub bet_id: BetId,
    /// The account that placed it.
    pub account_id: AccountId,
}

/// Bets of one cell with an open leg on one of the market's outcomes that are given, by bet, after
/// `after`, at most `limit`.
///
/// # Errors
/// The database's, or [`Error::Inconsistent`].
pub async fn open_on_market(
    executor: impl PgExecutor<'_>,
    market_id: MarketId,
    outcomes: &[OutcomeId],
    cell: Cell,
    after: Option<BetId>,
    limit: i64,
) -> Result<Vec<OpenLeg>, Error> {
    let rows: Vec<(Uuid, Uuid)> = sqlx::query_as(
        "SELECT DISTINCT bet_id, account_id FROM betting.bet_legs \
         WHERE market_id = $1 AND cell = $2 AND bet_id > $3 AND status = 'OPEN' AND outcome_id = any($4) \
         ORDER BY bet_id LIMIT $5",
    )
    .bind(market_id.uuid())
    .bind(cell.get())
    .bind(after.map_or(Uuid::nil(), BetId::uuid))
    .bind(outcomes.iter().map(|id| id.uuid()).collect::<Vec<_>>())
    .bind(limit)
    .fetch_all(executor)
    .await?;
    Ok(rows
        .into_iter()
        .map(|(bet, account)| OpenLeg {
            bet_id: BetId::from_uuid(bet),
            account_id: AccountId::from_uuid(account),
        })
        .collect())
}

/// Markets that have open legs on outcomes that are decided: the result is recorded, or the outcome
/// was removed. The markets with open legs are found one after the other, each by one step down the index,
/// and not by reading the legs: there may be millions of them.
///
/// # Errors
/// The database's.
pub async fn markets_to_pay(executor: impl PgExecutor<'_>) -> Result<Vec<MarketId>, Error> {
    let rows: Vec<Uuid> = sqlx::query_scalar(
        "WITH RECURSIVE with_open_legs (market_id) AS ( \
           (SELECT market_id FROM betting.bet_legs WHERE status = 'OPEN' ORDER BY market_id LIMIT 1) \
           UNION ALL \
           SELECT (SELECT l.market_id FROM betting.bet_legs l \
                   WHERE l.status = 'OPEN' AND l.market_id > w.market_id ORDER BY l.market_id LIMIT 1) \
           FROM with_open_legs w WHERE w.market_id IS NOT NULL \
         ) \
         SELECT w.market_id FROM with_open_legs w WHERE w.market_id IS NOT NULL AND ( \
           EXISTS (SELECT 1 FROM market.results r WHERE r.market_id = w.market_id) \
           OR EXISTS (SELECT 1 FROM market.outcomes o \
                      JOIN betting.bet_legs l ON l.market_id = o.market_id AND l.outcome_id = o.id AND l.status = 'OPEN' \
                      WHERE o.market_id = w.market_id AND o.status = 'REMOVED'))",
    )
    .fetch_all(executor)
    .await?;
    Ok(rows.into_iter().map(MarketId::from_uuid).collect())
}
