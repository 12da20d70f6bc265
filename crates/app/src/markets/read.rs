//! Reading events and markets.

use super::refresh::is_due;
use super::{EventInfo, MarketBoard, MarketFilter, MarketInfo, OutcomeInfo};
use crate::{App, Error, Listed, Page};
use overround_domain::betting::LegResult;
use overround_domain::ids::{EventId, MarketId, OutcomeId};
use overround_domain::markets::{MarketStatus, Snapshot};
use overround_live::{Freshness, Held};
use overround_store::market::{self, EventRow, MarketRow, OutcomeRow};
use std::collections::BTreeMap;
use std::sync::Arc;

/// How each outcome of a market ended.
type Results = BTreeMap<OutcomeId, LegResult>;

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

    /// One market with its prices, never at an older version than `min_version`: as this process has it, if it follows
    /// the market and its prices are fresh; else from Redis. Stale prices are answered at once and loaded
    /// behind; a market that Redis does not hold is loaded first. What cannot be loaded is answered by its last row,
    /// as prices that nobody confirms.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is none, [`Error::Conflict`] `VERSION_NOT_REACHED` when it never
    /// had that version.
    pub async fn market(&self, id: MarketId, min_version: Option<i64>) -> Result<MarketBoard, Error> {
        let board = match self.remembered(id) {
            Some(board) => Some(board),
            None => self.sought(id).await?,
        };
        match board.filter(|board| min_version.is_none_or(|wanted| wanted <= board.snapshot.version)) {
            Some(board) => Ok(board),
            None => self.stored(id, min_version).await,
        }
    }

    /// A market as this process has it, if that can be relied on. Nothing is asked of anybody.
    fn remembered(&self, id: MarketId) -> Option<MarketBoard> {
        let held = self.stream().held(id)?;
        let market = self.markets_state().info(id, held.snapshot.status_version)?;
        Some(board(market, held))
    }

    /// A market from Redis, if it is there or can be loaded.
    async fn sought(&self, id: MarketId) -> Result<Option<MarketBoard>, Error> {
        let state = self.markets_state();
        // What does not exist takes no place in this process.
        state.info_or_read(id, 0, self.read_info(id)).await?;
        let Some(held) = self.read_or_load(id).await? else { return Ok(None) };
        let at = held.snapshot.status_version;
        let market = state.info_or_read(id, at, self.read_info(id)).await?;
        Ok(Some(board(market, held)))
    }

    /// What Redis holds of a market, read once for all who ask for it at one time. None if it holds nothing, and nothing
    /// can be loaded.
    async fn read_or_load(&self, id: MarketId) -> Result<Option<Held>, Error> {
        let topic = self.stream().topic(id);
        let mut waited = self.clock().is_manual();
        loop {
            let held = match &topic {
                Some(topic) => topic.read(self.live(), self.clock()).await?,
                None => self.live().read_one(id, self.clock().for_cache()).await?,
            };
            match held {
                Some(held) => {
                    if is_due(Some(&held)) && !self.clock().is_manual() {
                        self.refresh().behind(id);
                    }
                    return Ok(Some(held));
                }
                None if waited => return Ok(None),
                None => self.refresh().wait(id).await,
            }
            waited = true;
        }
    }

    /// What a market is, by its rows, with the status version that they say.
    async fn read_info(&self, id: MarketId) -> Result<(i64, MarketInfo), Error> {
        let rows = market::markets::load(self.store().read(), &[id]).await?;
        let row = rows.into_iter().next().ok_or_else(|| Error::not_found("market", id))?;
        let outcomes = market::outcomes::of_markets(self.store().read(), &[id]).await?;
        let results = self.results(std::slice::from_ref(&row)).await?;
        Ok((row.status_version, market_info(&row, outcomes, results.get(&id))))
    }

    /// A market by its rows, with what Redis says of its age.
    async fn stored(&self, id: MarketId, min_version: Option<i64>) -> Result<MarketBoard, Error> {
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
        let results = self.results(&rows).await?;
        let boards = rows.into_iter().filter_map(|row| {
            let held = held.remove(&row.id);
            let snapshot = stored.remove(&row.id);
            let info = Arc::new(market_info(
                &row,
                outcomes.remove(&row.id).unwrap_or_default(),
                results.get(&row.id),
            ));
            board_of(info, held, snapshot)
        });
        Ok(boards.collect())
    }

    /// The results of those markets that are settled.
    async fn results(&self, rows: &[MarketRow]) -> Result<BTreeMap<MarketId, Results>, Error> {
        let settled = rows.iter().filter(|row| row.status == MarketStatus::Settled);
        let settled: Vec<MarketId> = settled.map(|row| row.id).collect();
        if settled.is_empty() {
            return Ok(BTreeMap::new());
        }
        Ok(market::results::latest(self.store().read(), &settled).await?)
    }
}

fn board(market: Arc<MarketInfo>, held: Held) -> MarketBoard {
    let Held { snapshot, confirmed_at, age_ms, freshness, .. } = held;
    MarketBoard { market, snapshot, confirmed_at, age_ms, freshness }
}

/// A board from what Redis holds and, where that is behind, the stored version. The ages are those of
/// the producer's last sign of life, whichever version is shown.
fn board_of(market: Arc<MarketInfo>, held: Option<Held>, stored: Option<Snapshot>) -> Option<MarketBoard> {
    let stored = stored.map(Arc::new);
    match (held, stored) {
        (Some(held), None) => Some(board(market, held)),
        (Some(held), Some(snapshot)) => Some(board(market, Held { snapshot, ..held })),
        (None, Some(snapshot)) => Some(MarketBoard {
            market,
            snapshot,
            confirmed_at: None,
            age_ms: None,
            freshness: Freshness::Expired,
        }),
        (None, None) => None,
    }
}

fn event_info(row: EventRow) -> EventInfo {
    EventInfo {
        id: row.id,
        name: row.name,
        sport: row.sport,
        starts_at: row.starts_at,
        version: row.version,
        created_at: row.created_at,
    }
}

fn market_info(row: &MarketRow, outcomes: Vec<OutcomeRow>, results: Option<&Results>) -> MarketInfo {
    let outcome = |row: OutcomeRow| OutcomeInfo {
        result: results.and_then(|results| results.get(&row.id)).cloned(),
        id: row.id,
        name: row.name,
        line: row.line,
        status: row.status,
    };
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
