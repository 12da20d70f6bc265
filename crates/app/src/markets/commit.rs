//! Commit: one message of a producer, in one transaction that holds the rows of its markets.

use super::Recorded;
use super::act::said;
use super::cache::Entry;
use super::decide::{Decided, FenceChange, Known, Pricing, decide, is_final, name_or, word_or};
use super::domain_events::{event_changed, hold_changed, market_opened, market_settled, odds_updated};
use crate::Clock;
use overround_domain::betting::Fence;
use overround_domain::events::DomainEvent;
use overround_domain::ids::{EventId, HoldId, MarketId};
use overround_domain::markets::{Group, Holds, MarketStatus, Snapshot, SourceEvent, SourceMarket};
use overround_domain::time::Timestamp;
use overround_store::market::{self, EventRow, HoldChange, HoldRow, MarketRow, OutcomeRow, ResultRow};
use overround_store::{Error, Statement, Tx, events};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// A message to commit.
pub(super) struct Message {
    pub producer: String,
    /// What the producer is one of; its markets and events are known by the source's keys.
    pub source: String,
    /// Of the process that speaks for a live producer; none where it needs no right to.
    pub epoch: Option<i64>,
    pub at: Timestamp,
    /// The markets it is about, each with what this process remembers of it.
    pub markets: Vec<(SourceMarket, Option<Arc<Entry>>)>,
    pub cells: u16,
    pub pricing: Pricing,
    pub rules_version: i32,
    pub clock: Clock,
}

/// Writes what the message changes, and says what each of its markets is now, in their order; none where another
/// process speaks for the producer.
pub(super) async fn commit(tx: &mut Tx, message: &Message) -> Result<Option<Vec<Decided>>, Error> {
    if let Some(epoch) = message.epoch
        && !market::producers::is_spoken_for(tx, &message.producer, epoch).await?
    {
        return Ok(None);
    }
    let events = ensure_events(tx, message).await?;
    let mut rows = lock_rows(tx, message, &events).await?;
    let mut handed_over = take_over(tx, message, &mut rows).await?;
    let mut known = load_known(tx, message, rows).await?;
    let mut decided = Vec::with_capacity(message.markets.len());
    for (source, _) in &message.markets {
        let mut known = known.remove(&source.key).ok_or_else(|| {
            Error::inconsistent(
                "market.markets",
                "source_key",
                &source.key,
                "the market was inserted and is not there",
            )
        })?;
        known.handed_over_by = handed_over.remove(&known.row.id);
        let mut new_id = || message.clock.id();
        decided.push(decide(&known, source, message.at, message.pricing, &mut new_id));
    }
    write(tx, message, &decided).await?;
    Ok(Some(decided))
}

/// The ids of the message's events, which are inserted when they are new and renamed when their
/// source renames them. Events of remembered markets that did not change cost nothing.
async fn ensure_events(tx: &mut Tx, message: &Message) -> Result<HashMap<String, EventId>, Error> {
    let mut ids = HashMap::new();
    let mut wanted: BTreeMap<&str, &SourceEvent> = BTreeMap::new();
    for (source, entry) in &message.markets {
        match entry {
            Some(entry) if entry.source.event == source.event => {
                ids.insert(source.event.key.clone(), entry.row.event_id);
            }
            _ => {
                wanted.insert(&source.event.key, &source.event);
            }
        }
    }
    if wanted.is_empty() {
        return Ok(ids);
    }
    market::holds::before_markets_appear(tx).await?;
    let keys: Vec<String> = wanted.keys().map(|key| (*key).to_owned()).collect();
    let mut changed = Vec::new();
    let mut rows = market::events::of_source(&mut **tx, &message.source, &keys).await?;
    if rows.len() < keys.len() {
        let stored: BTreeSet<String> = rows.into_iter().map(|row| row.source_key).collect();
        let missing: Vec<EventRow> = wanted
            .values()
            .filter(|event| !stored.contains(&event.key))
            .map(|event| new_event(message, event))
            .collect();
        changed = market::events::insert_missing(tx, &missing).await?;
        rows = market::events::of_source(&mut **tx, &message.source, &keys).await?;
    }
    let (mut renamed, mut moved_to) = (Vec::new(), BTreeSet::new());
    for row in rows {
        ids.insert(row.source_key.clone(), row.id);
        if let Some(event) = wanted.get(row.source_key.as_str()) {
            let now = EventRow {
                name: name_or(&event.name, &event.key),
                sport: word_or(&event.sport, "other"),
                starts_at: event.starts_at,
                ..row.clone()
            };
            if now.sport != row.sport {
                moved_to.insert(now.sport.clone());
            }
            if now != row {
                renamed.push(now);
            }
        }
    }
    changed.extend(market::events::update(tx, &renamed).await?);
    let changed: Vec<DomainEvent> = changed.iter().map(|row| event_changed(&message.clock, row)).collect();
    events::append(tx, &changed).await?;
    hold_again(tx, message, moved_to).await?;
    Ok(ids)
}

/// Sets the holds of these sports once more, since events came to them whose markets are to follow.
async fn hold_again(tx: &mut Tx, message: &Message, sports: BTreeSet<String>) -> Result<(), Error> {
    for sport in sports {
        let held = market::holds::of_group(&mut **tx, &Group::Sport(sport)).await?;
        let Some(HoldRow { scope, kind: Some(kind), actor, reason, .. }) = held else { continue };
        let again = HoldChange { scope, kind: Some(kind), actor, reason };
        let hold = market::holds::set(tx, HoldId::from_uuid(message.clock.id()), &again, message.at).await?;
        events::append(tx, &[hold_changed(&message.clock, &hold, None)]).await?;
    }
    Ok(())
}

fn new_event(message: &Message, event: &SourceEvent) -> EventRow {
    let id = EventId::from_uuid(message.clock.id());
    EventRow {
        id,
        source: message.source.clone(),
        source_key: event.key.clone(),
        name: name_or(&event.name, &event.key),
        sport: word_or(&event.sport, "other"),
        starts_at: event.starts_at,
        version: 1,
        created_at: id.created_at().unwrap_or(message.at),
    }
}

/// The message's markets, locked; those that are new are inserted first.
async fn lock_rows(
    tx: &mut Tx,
    message: &Message,
    events: &HashMap<String, EventId>,
) -> Result<Vec<MarketRow>, Error> {
    let keys: Vec<String> = message.markets.iter().map(|(source, _)| source.key.clone()).collect();
    let rows = market::markets::lock_of_source(tx, &message.source, &keys).await?;
    if rows.len() >= keys.len() {
        return Ok(rows);
    }
    let stored: BTreeSet<String> = rows.into_iter().map(|row| row.source_key).collect();
    let mut missing = Vec::new();
    for (source, _) in &message.markets {
        if stored.contains(&source.key) {
            continue;
        }
        let event_id = events.get(&source.event.key).copied().ok_or_else(|| {
            Error::inconsistent(
                "market.events",
                "source_key",
                &source.event.key,
                "the event was inserted and is not there",
            )
        })?;
        missing.push(new_market(message, source, event_id));
    }
    market::markets::insert_missing(tx, &missing).await?;
    market::markets::lock_of_source(tx, &message.source, &keys).await
}

/// Makes the message's producer the owner of its markets; those that are over stay whose they are. Says whose they were.
/// What is read of their holds after this is of the new owner.
async fn take_over(
    tx: &mut Tx,
    message: &Message,
    rows: &mut [MarketRow],
) -> Result<BTreeMap<MarketId, String>, Error> {
    let mut owners = BTreeMap::new();
    for row in rows.iter_mut().filter(|row| row.producer != message.producer && !is_final(row.status)) {
        owners.insert(row.id, std::mem::replace(&mut row.producer, message.producer.clone()));
    }
    let markets: Vec<MarketId> = owners.keys().copied().collect();
    market::markets::hand_over(tx, &markets, &message.producer).await?;
    Ok(owners)
}

/// A market's row before its first version.
fn new_market(message: &Message, source: &SourceMarket, event_id: EventId) -> MarketRow {
    let id = MarketId::from_uuid(message.clock.id());
    MarketRow {
        id,
        event_id,
        producer: message.producer.clone(),
        source: message.source.clone(),
        source_key: source.key.clone(),
        market_type: word_or(&source.market_type, "UNKNOWN"),
        name: name_or(&source.name, &source.key),
        kind: source.kind,
        number_of_winners: i32::try_from(source.number_of_winners).unwrap_or(i32::MAX),
        tie_rule: source.tie_rule,
        rules_version: message.rules_version,
        source_status: source.status,
        source_prices: BTreeMap::new(),
        status: MarketStatus::Inactive,
        in_play: source.in_play,
        bet_delay_ms: source.bet_delay_ms.max(0),
        cutoff_at: None,
        version: 0,
        status_version: 0,
        created_at: id.created_at().unwrap_or(message.at),
        margin: None,
        manual_prices: BTreeMap::new(),
    }
}

/// Each market with its outcomes and last version: from memory where the locked row is the one that
/// is remembered, since whatever changes them moves the row's version, and from the rows otherwise. Holds are
/// read each time, after the lock.
async fn load_known(
    tx: &mut Tx,
    message: &Message,
    rows: Vec<MarketRow>,
) -> Result<HashMap<String, Known>, Error> {
    let remembered: HashMap<&str, &Arc<Entry>> = message
        .markets
        .iter()
        .filter_map(|(source, entry)| Some((source.key.as_str(), entry.as_ref()?)))
        .collect();
    let mut known = HashMap::with_capacity(rows.len());
    let mut holds = holds_of(tx, &rows).await?;
    let mut unknown = Vec::new();
    for row in rows {
        match remembered.get(row.source_key.as_str()) {
            Some(entry) if entry.row == row => {
                let (outcomes, snapshot) = (entry.outcomes.clone(), Some(entry.snapshot.clone()));
                let holds = holds.remove(&row.id).unwrap_or_default();
                known.insert(row.source_key.clone(), Known::new(row, outcomes, snapshot, holds));
            }
            _ => unknown.push(row),
        }
    }
    for one in load_with(tx, unknown, holds).await? {
        known.insert(one.row.source_key.clone(), one);
    }
    Ok(known)
}

/// Markets that are locked, with their outcomes, last versions and holds, from the rows.
pub(super) async fn load(tx: &mut Tx, rows: Vec<MarketRow>) -> Result<Vec<Known>, Error> {
    let holds = holds_of(tx, &rows).await?;
    load_with(tx, rows, holds).await
}

async fn holds_of(tx: &mut Tx, rows: &[MarketRow]) -> Result<BTreeMap<MarketId, Holds>, Error> {
    let ids: Vec<MarketId> = rows.iter().map(|row| row.id).collect();
    market::holds::covering(&mut **tx, &ids).await
}

async fn load_with(
    tx: &mut Tx,
    rows: Vec<MarketRow>,
    mut holds: BTreeMap<MarketId, Holds>,
) -> Result<Vec<Known>, Error> {
    let with_version: Vec<MarketId> = rows.iter().filter(|row| row.version > 0).map(|row| row.id).collect();
    let mut snapshots = market::price_versions::current(&mut **tx, &rows).await?;
    let mut outcomes: BTreeMap<MarketId, Vec<OutcomeRow>> = BTreeMap::new();
    if !with_version.is_empty() {
        for outcome in market::outcomes::of_markets(&mut **tx, &with_version).await? {
            outcomes.entry(outcome.market_id).or_default().push(outcome);
        }
    }
    let known = rows.into_iter().map(|row| {
        let id = row.id;
        let outcomes = outcomes.remove(&id).unwrap_or_default();
        Known::new(row, outcomes, snapshots.remove(&id), holds.remove(&id).unwrap_or_default())
    });
    Ok(known.collect())
}

async fn write(tx: &mut Tx, message: &Message, decided: &[Decided]) -> Result<(), Error> {
    let inserted: Vec<OutcomeRow> = decided.iter().flat_map(|one| one.inserted.iter().cloned()).collect();
    let updated: Vec<OutcomeRow> = decided.iter().flat_map(|one| one.updated.iter().cloned()).collect();
    let rows: Vec<MarketRow> =
        decided.iter().filter(|one| one.row_changed).map(|one| one.row.clone()).collect();
    let fences = |change: FenceChange| {
        let moved = decided.iter().filter(move |one| one.fence == change);
        moved.map(|one| (one.row.id, fence_of(&one.row))).collect::<Vec<_>>()
    };
    let snapshots: Vec<&Snapshot> =
        decided.iter().filter(|one| one.is_new).map(|one| &one.snapshot).collect();
    market::outcomes::insert(tx, &inserted).await?;
    market::outcomes::update(tx, &updated).await?;
    market::fences::insert(tx, &fences(FenceChange::Insert), message.cells).await?;
    market::fences::update(tx, &fences(FenceChange::Move), message.cells).await?;
    let (settled, results): (Vec<&MarketRow>, Vec<ResultRow>) =
        results_of(message, decided).into_iter().unzip();
    market::results::insert(tx, &results).await?;
    let mut domain_events = Vec::with_capacity(snapshots.len() + results.len());
    for one in decided.iter().filter(|one| one.fence == FenceChange::Insert) {
        domain_events.push(market_opened(&message.clock, &one.row));
    }
    for one in decided.iter().filter(|one| one.is_new) {
        domain_events.push(odds_updated(&message.clock, &one.snapshot, extra_of(message, one), None)?);
    }
    for hold in decided.iter().filter_map(|one| one.review.as_ref()) {
        let id = HoldId::from_uuid(message.clock.id());
        let hold = market::holds::set(tx, id, hold, message.at).await?;
        domain_events.push(hold_changed(&message.clock, &hold, None));
    }
    for (row, result) in settled.into_iter().zip(&results) {
        domain_events.push(market_settled(&message.clock, result, row, None)?);
    }
    // What each new price takes is written in one round trip.
    let mut statement = Statement::default();
    market::markets::update(&mut statement, &rows);
    market::price_versions::insert(&mut statement, &message.producer, &snapshots);
    events::add(&mut statement, &domain_events);
    statement.execute(tx).await
}

/// What more there is to say of a new version than its prices.
fn extra_of(message: &Message, decided: &Decided) -> Map<String, Value> {
    let review = decided.review.as_ref().map(|hold| said("review", &hold.actor, Some(&hold.reason)));
    let mut extra = review.unwrap_or_default();
    if let Some(before) = &decided.handed_over_by {
        extra.insert("handed_over".to_owned(), json!({"from": before, "to": message.producer}));
    }
    extra
}

/// The results that the message gives its markets, each with the market.
fn results_of<'a>(message: &Message, decided: &'a [Decided]) -> Vec<(&'a MarketRow, ResultRow)> {
    let settled = decided.iter().filter(|one| one.result == Recorded::Recorded);
    settled
        .filter_map(|one| {
            let result = ResultRow {
                market_id: one.row.id,
                generation: 1,
                outcomes: one.results.clone()?,
                certainty: 2,
                source: message.producer.clone(),
                reason: None,
                created_at: message.clock.now(),
            };
            Some((&one.row, result))
        })
        .collect()
}

/// The fence that a market's row says.
pub(super) const fn fence_of(row: &MarketRow) -> Fence {
    Fence { status: row.status, status_version: row.status_version }
}
