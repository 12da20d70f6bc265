//! Exposure: what the open bets of each market come to, read from the log of events.
//!
//! The figures are kept in PostgreSQL, with the place in the log that they are of in one transaction, and then shown in
//! Redis under their version. Whatever happens between the two, a look at all of them shows what is missing.

use crate::{App, Error};
use overround_domain::betting::{Exposure, Figures, OpenBet, Shape, total_stakes, worst};
use overround_domain::events::EventType;
use overround_domain::ids::{AccountId, BetId, MarketId, OutcomeId};
use overround_domain::money::{Cents, Currency};
use overround_live::ExposureWrite;
use overround_store::betting::bets::{self, BetKey};
use overround_store::betting::exposure::{self, CONSUMER, ExposureRow};
use overround_store::betting::legs;
use overround_store::events::log::{self, Beginning, Logged};
use overround_store::{Isolation, Tx, market};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// How many events are read in one transaction.
const BATCH: i64 = 1_000;

/// How many markets are looked at in one round trip.
const LOOKED_AT: i64 = 500;

/// The exposure of a market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExposureView {
    /// The market.
    pub market_id: MarketId,
    /// The version of its figures; 0 where no bet on it was counted yet.
    pub version: i64,
    /// What its open bets come to, by currency.
    pub currencies: Vec<CurrencyExposure>,
}

/// The exposure of a market in one currency. Above zero the house loses.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CurrencyExposure {
    /// The currency.
    pub currency: Currency,
    /// T: the stakes of open singles, in minor units.
    pub stakes: Cents,
    /// What the house loses on singles at worst, in minor units.
    pub worst: Cents,
    /// The outcomes with open bets: their figures, and what the house loses on singles if it alone wins.
    pub outcomes: Vec<(OutcomeId, Figures, Cents)>,
}

/// What a transaction came to.
#[derive(Default)]
struct Followed {
    changed: Vec<ExposureRow>,
    more: bool,
}

impl App {
    /// Counts the bets that were placed and closed since the last time, until the log is read to its end. At one process
    /// at a time; another one has nothing to do meanwhile.
    ///
    /// # Errors
    /// When a datastore is away. What was counted before stays so, also where it could not be shown in Redis.
    pub async fn follow_bets(&self) -> Result<(), Error> {
        let mut shown = Ok(());
        loop {
            let app = self.clone();
            let followed = self
                .store()
                .run("follow_bets", Isolation::ReadCommitted, move |tx| {
                    let app = app.clone();
                    Box::pin(async move { app.follow_bets_in(tx).await })
                })
                .await?;
            shown = shown.and(self.show_exposures(&followed.changed).await);
            if !followed.more {
                return shown;
            }
        }
    }

    /// Shows in Redis what it has lost, or never got: the figures of every market with open bets.
    ///
    /// # Errors
    /// When a datastore is away.
    pub async fn show_all_exposures(&self) -> Result<(), Error> {
        let mut after = None;
        loop {
            let rows = exposure::with_open_bets(self.store().read(), after, LOOKED_AT).await?;
            self.show_exposures(&rows).await?;
            match rows.last() {
                Some(last) => after = Some(last.market_id),
                None => return Ok(()),
            }
        }
    }

    /// What the open bets of a market come to: from Redis, and where it has nothing, from PostgreSQL, which is shown
    /// there again. It is as of the last time that the log of events was followed.
    ///
    /// # Errors
    /// [`Error::NotFound`] when there is no such market.
    pub async fn exposure(&self, id: MarketId) -> Result<ExposureView, Error> {
        let rows = market::markets::load(self.store().read(), &[id]).await?;
        let row = rows.into_iter().next().ok_or_else(|| Error::not_found("market", id))?;
        let outcomes = market::outcomes::of_markets(self.store().read(), &[id]).await?;
        let (version, exposure) = self.figures(id).await?;
        let shape = Shape {
            kind: row.kind,
            number_of_winners: usize::try_from(row.number_of_winners).unwrap_or(0),
            pairs: outcomes.iter().filter_map(|outcome| Some((outcome.id, outcome.pair?))).collect(),
        };
        let currencies = exposure.0.into_iter().map(|(currency, outcomes)| view(currency, outcomes, &shape));
        let currencies = currencies.collect::<Option<_>>();
        let currencies =
            currencies.ok_or_else(|| Error::internal(format!("the figures of {id} overflow")))?;
        Ok(ExposureView { market_id: id, version, currencies })
    }

    async fn figures(&self, id: MarketId) -> Result<(i64, Exposure), Error> {
        // Without Redis, PostgreSQL knows as well.
        if let Ok(Some(held)) = self.live().exposure(id).await {
            return Ok(held);
        }
        let Some(row) = exposure::of_markets(self.store().read(), &[id]).await?.pop() else {
            return Ok((0, Exposure::default()));
        };
        if let Err(error) = self.show_exposures(std::slice::from_ref(&row)).await {
            tracing::debug!(%error, "figures could not be shown in Redis again");
        }
        Ok((row.version, row.exposure))
    }

    async fn show_exposures(&self, rows: &[ExposureRow]) -> Result<(), Error> {
        let writes: Vec<ExposureWrite<'_>> = rows
            .iter()
            .map(|row| ExposureWrite {
                market_id: row.market_id,
                version: row.version,
                exposure: &row.exposure,
            })
            .collect();
        Ok(self.live().set_exposures(&writes).await?)
    }

    async fn follow_bets_in(&self, tx: &mut Tx) -> Result<Followed, overround_store::Error> {
        let now = self.clock().now();
        let Some(place) = log::lock(tx, CONSUMER, Beginning::First, now).await? else {
            return Ok(Followed::default());
        };
        let part = log::after(tx, &place, &[EventType::BetPlaced, EventType::BetSettled], BATCH).await?;
        let Some(end) = part.end else { return Ok(Followed::default()) };
        let changes: Vec<Change> = part.events.iter().filter_map(change_of).collect();
        let known = open_bets(tx, &changes).await?;
        let markets: BTreeSet<MarketId> =
            known.values().flat_map(|bet| bet.legs.iter().map(|(market, _)| *market)).collect();
        let markets: Vec<MarketId> = markets.into_iter().collect();
        let rows = exposure::of_markets(&mut **tx, &markets).await?;
        let mut rows: BTreeMap<MarketId, ExposureRow> =
            rows.into_iter().map(|row| (row.market_id, row)).collect();
        for market_id in &markets {
            let empty = || ExposureRow {
                market_id: *market_id,
                version: 0,
                exposure: Exposure::default(),
                changed_at: now,
            };
            let row = rows.entry(*market_id).or_insert_with(empty);
            (row.version, row.changed_at) = (row.version + 1, now);
        }
        for change in &changes {
            count(&mut rows, change, &known)?;
        }
        let changed: Vec<ExposureRow> = rows.into_values().collect();
        if !changed.is_empty() {
            exposure::write(tx, &changed).await?;
        }
        log::advance(tx, CONSUMER, &place, &end, now).await?;
        Ok(Followed { changed, more: part.more })
    }
}

/// What an event says of a bet.
struct Change {
    key: BetKey,
    opens: bool,
}

/// A bet is opened once, by its placing, and closed once, by its first settlement; a later one pays the difference.
fn change_of(event: &Logged) -> Option<Change> {
    let opens = event.event_type == EventType::BetPlaced;
    let generation = event.payload.get("generation").and_then(Value::as_i64);
    if !opens && generation.is_some_and(|generation| generation != 1) {
        return None;
    }
    let key = key_of(event).filter(|_| opens || generation.is_some());
    if key.is_none() {
        // The rest of the log is not held up: B5 shows what is missing.
        tracing::error!(bet = %event.aggregate_id, "an event of a bet cannot be read, and is not counted");
    }
    Some(Change { key: key?, opens })
}

fn key_of(event: &Logged) -> Option<BetKey> {
    let id = BetId::from_uuid(event.aggregate_id);
    let account = event.payload.get("account_id")?.as_str()?.parse().ok()?;
    Some(BetKey {
        account_id: AccountId::from_uuid(account),
        created_at: id.created_at()?,
        id,
        cell: event.cell?,
    })
}

/// The bets that events are about. What exposure asks of a bet never changes.
async fn open_bets(
    tx: &mut Tx,
    changes: &[Change],
) -> Result<BTreeMap<BetId, OpenBet>, overround_store::Error> {
    let keys: Vec<BetKey> =
        changes.iter().map(|change| change.key).collect::<BTreeSet<_>>().into_iter().collect();
    if keys.is_empty() {
        return Ok(BTreeMap::new());
    }
    let ids: Vec<BetId> = keys.iter().map(|key| key.id).collect();
    let cells: Vec<_> = keys.iter().map(|key| key.cell).collect::<BTreeSet<_>>().into_iter().collect();
    let rows = bets::load(&mut **tx, &keys).await?;
    let open = |row: bets::BetRow| OpenBet {
        kind: row.kind,
        currency: row.currency,
        stake: row.stake,
        payout: row.potential_payout,
        legs: Vec::new(),
    };
    let mut found: BTreeMap<BetId, OpenBet> = rows.into_iter().map(|row| (row.id, open(row))).collect();
    for leg in legs::of_bets(&mut **tx, &ids, &cells).await? {
        if let Some(bet) = found.get_mut(&leg.bet_id) {
            bet.legs.push((leg.leg.market_id, leg.leg.outcome_id));
        }
    }
    Ok(found)
}

fn count(
    rows: &mut BTreeMap<MarketId, ExposureRow>,
    change: &Change,
    bets: &BTreeMap<BetId, OpenBet>,
) -> Result<(), overround_store::Error> {
    let id = change.key.id;
    let bad =
        |detail: &str| overround_store::Error::inconsistent("betting.exposure", "figures", id.uuid(), detail);
    let bet = bets.get(&id).ok_or_else(|| bad("an event is about a bet that is not there"))?;
    // A market counts once, however many of the legs are on it.
    for market in bet.legs.iter().map(|(market, _)| *market).collect::<BTreeSet<_>>() {
        let row = rows.get_mut(&market).ok_or_else(|| bad("a market of the bet was not read"))?;
        let counted =
            if change.opens { row.exposure.open(market, bet) } else { row.exposure.close(market, bet) };
        counted.map_err(|error| bad(&error.to_string()))?;
    }
    Ok(())
}

fn view(
    currency: Currency,
    outcomes: BTreeMap<OutcomeId, Figures>,
    shape: &Shape,
) -> Option<CurrencyExposure> {
    let (stakes, worst) = (total_stakes(&outcomes).ok()?, worst(&outcomes, shape).ok()?);
    let alone = |(outcome, figures): (OutcomeId, Figures)| {
        Some((outcome, figures, figures.payouts.checked_sub(stakes)?))
    };
    let outcomes = outcomes.into_iter().map(alone).collect::<Option<_>>()?;
    Some(CurrencyExposure { currency, stakes, worst, outcomes })
}
