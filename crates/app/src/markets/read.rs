//! Reading events and markets.

use super::{EventInfo, MarketBoard, MarketFilter, MarketInfo, OutcomeInfo};
use crate::{App, Error, Listed, Page};
use overround_domain::ids::{EventId, MarketId};
use overround_live::{Freshness, Held};
use overround_store::market::{self, EventRow, MarketRow, OutcomeRow};
use std::collections::BTreeMap;
use std::sync::Arc;

impl App {
    /// The events, newest first.
    ///
    /// # Errors
    /// When the database is away.
    pub async fn events(&self, page: Page) -> Result<Listed<EventInfo>, Error> {
        let rows = market::events::list(self.store().read(), page.after, i64::from(page.limit) + 1).await?;
        let infos = rows.into_iter().map(event_info).collect();
        Ok(Listed::from_rows(infos, page.limit, |event: &EventInfo| (event.created_at, event.id.uuid())))
    }

    /// One event.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none.
    pub async fn event(&self, id: EventId) -> Result<EventInfo, Error> {
        let row = market::events::find(self.store().read(), id).await?;
        row.map(event_info).ok_or_else(|| Error::not_found("event", id))
    }

    /// The markets, newest first, with their prices.
    ///
    /// # Errors
    /// When a datastore is away.
    pub async fn markets(&self, filter: MarketFilter, page: Page) -> Result<Listed<MarketBoard>, Error> {
        let limit = i64::from(page.limit) + 1;
        let rows = market::markets::list(self.store().read(), filter, page.after, limit).await?;
        let key = |row: &MarketRow| (row.created_at, row.id.uuid());
        let Listed { items: rows, next } = Listed::from_rows(rows, page.limit, key);
        Ok(Listed { items: self.boards(rows).await?, next })
    }

    /// One market with its prices, never at an older version than `min_version`.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, [`Error::Conflict`] `VERSION_NOT_REACHED` when it never
    /// had that version.
    pub async fn market(&self, id: MarketId, min_version: Option<i64>) -> Result<MarketBoard, Error> {
        let rows = market::markets::load(self.store().read(), &[id]).await?;
        let row = rows.into_iter().next().ok_or_else(|| Error::not_found("market", id))?;
        if let Some(wanted) = min_version.filter(|wanted| *wanted > row.version) {
            let detail = format!("{id} is at version {}, and has never had version {wanted}", row.version);
            return Err(Error::Conflict { code: "VERSION_NOT_REACHED", detail });
        }
        self.boards(vec![row]).await?.pop().ok_or_else(|| Error::not_found("market", id))
    }

    /// The boards of markets, in their order: from Redis, and where it does not hold the version that
    /// the market's row says, from that version's row.
    async fn boards(&self, rows: Vec<MarketRow>) -> Result<Vec<MarketBoard>, Error> {
        if rows.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<MarketId> = rows.iter().map(|row| row.id).collect();
        let mut held = self.live().read(&ids, self.clock().for_cache()).await?;
        let behind: Vec<MarketRow> = rows
            .iter()
            .filter(|row| held.get(&row.id).is_none_or(|held| held.snapshot.version < row.version))
            .cloned()
            .collect();
        let mut stored = market::price_versions::current(self.store().read(), &behind).await?;
        let mut outcomes: BTreeMap<MarketId, Vec<OutcomeRow>> = BTreeMap::new();
        for outcome in market::outcomes::of_markets(self.store().read(), &ids).await? {
            outcomes.entry(outcome.market_id).or_default().push(outcome);
        }
        let boards = rows.into_iter().filter_map(|row| {
            let held = held.remove(&row.id);
            let snapshot = stored.remove(&row.id);
            let info = market_info(&row, outcomes.remove(&row.id).unwrap_or_default());
            board(info, held, snapshot)
        });
        Ok(boards.collect())
    }
}

/// A board from what Redis holds and, where that is behind, the stored version. The ages are those of
/// the producer's last sign of life, whichever version is shown.
fn board(
    market: MarketInfo,
    held: Option<Held>,
    stored: Option<overround_domain::markets::Snapshot>,
) -> Option<MarketBoard> {
    let (confirmed_at, age_ms, freshness) = match &held {
        Some(held) => (held.confirmed_at, held.age_ms, held.freshness),
        None => (None, None, Freshness::Expired),
    };
    let held = held.map(|held| Arc::unwrap_or_clone(held.snapshot));
    let snapshot = stored.or(held)?;
    Some(MarketBoard { market, snapshot, confirmed_at, age_ms, freshness })
}

fn event_info(row: EventRow) -> EventInfo {
    EventInfo {
        id: row.id,
        name: row.name,
        sport: row.sport,
        starts_at: row.starts_at,
        created_at: row.created_at,
    }
}

fn market_info(row: &MarketRow, outcomes: Vec<OutcomeRow>) -> MarketInfo {
    let outcome =
        |row: OutcomeRow| OutcomeInfo { id: row.id, name: row.name, line: row.line, status: row.status };
    MarketInfo {
        id: row.id,
        event_id: row.event_id,
        name: row.name.clone(),
        market_type: row.market_type.clone(),
        kind: row.kind,
        number_of_winners: row.number_of_winners,
        tie_rule: row.tie_rule,
        rules_version: row.rules_version,
        outcomes: outcomes.into_iter().map(outcome).collect(),
        created_at: row.created_at,
    }
}
