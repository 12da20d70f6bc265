//! Decide: what a market becomes by what its producer says. Pure: rows in, rows out.

use super::Recorded;
use super::offers::{Offers, held_outcomes, last_offers, offers_of, winners_of};
use super::review::review_of;
use overround_domain::betting::LegResult;
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::markets::{
    HoldKind, Holds, JumpLimit, Margin, MarketKind, MarketStatus, OutcomeStatus, Snapshot, SourceMarket,
    SourceOutcome, SourceStatus, results_from_winners,
};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use overround_store::market::{HoldChange, MarketRow, OutcomeRow};
use std::collections::{BTreeMap, HashMap};
use uuid::Uuid;

/// The longest name that is kept, in characters.
const NAME_LEN_MAX: usize = 300;
/// The longest sport or market type that is kept, in characters.
const WORD_LEN_MAX: usize = 100;

/// A market as its rows say, under lock.
#[derive(Debug, Clone)]
pub(super) struct Known {
    pub row: MarketRow,
    pub outcomes: Vec<OutcomeRow>,
    /// None before the first version.
    pub snapshot: Option<Snapshot>,
    /// What keeps it off sale.
    pub holds: Holds,
    /// Who owned it until this message, if that was another producer.
    pub handed_over_by: Option<String>,
}

impl Known {
    /// A market that stays its producer's.
    pub fn new(row: MarketRow, outcomes: Vec<OutcomeRow>, snapshot: Option<Snapshot>, holds: Holds) -> Self {
        Self { row, outcomes, snapshot, holds, handed_over_by: None }
    }
}

/// What the message changes about the market's fence.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum FenceChange {
    None,
    Insert,
    Move,
}

/// How the house prices what its sources say.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pricing {
    /// The margin of markets that have none of their own.
    pub margin: Margin,
    /// How far a price on sale may move at once.
    pub jump: Option<JumpLimit>,
}

/// What a market becomes.
#[derive(Debug, Clone)]
pub(super) struct Decided {
    pub row: MarketRow,
    pub row_changed: bool,
    /// All outcomes after the message, and which of them to write.
    pub outcomes: Vec<OutcomeRow>,
    pub inserted: Vec<OutcomeRow>,
    pub updated: Vec<OutcomeRow>,
    pub removed: Vec<OutcomeId>,
    pub fence: FenceChange,
    pub snapshot: Snapshot,
    /// Whether the snapshot is a new version.
    pub is_new: bool,
    /// Who owned the market until now, if that was another producer.
    pub handed_over_by: Option<String>,
    pub result: Recorded,
    /// The hold for review, when the message moved a price too far.
    pub review: Option<HoldChange>,
    /// Every outcome's result, when the message settles the market.
    pub results: Option<BTreeMap<OutcomeId, LegResult>>,
}

/// What `known` becomes by what its producer says at `at`. A market that is over stays as it is.
pub(super) fn decide(
    known: &Known,
    source: &SourceMarket,
    at: Timestamp,
    pricing: Pricing,
    new_id: &mut dyn FnMut() -> Uuid,
) -> Decided {
    if let (true, Some(snapshot)) = (is_final(known.row.status), &known.snapshot) {
        return unchanged(known, snapshot);
    }
    let merged = merge(known, source, new_id);
    let mut row = known.row.clone();
    row.name = name_or(&source.name, &source.key);
    learn_rules(&mut row, source);
    let (result, results) = result_of(&row, source, &merged.outcomes);
    row.source_status = source.status;
    row.in_play = source.in_play;
    row.bet_delay_ms = source.bet_delay_ms.max(0);
    row.source_prices = merged.source_prices;
    let priced = offers_of(&row, &merged.outcomes, &known.holds, pricing.margin);
    row.status = match results {
        Some(_) => MarketStatus::Settled,
        None => effective_status(row.source_status, known.holds.market(), priced.is_sellable(row.kind)),
    };
    if known.row.status != row.status && !known.row.status.can_become(row.status) {
        row.status = known.row.status;
    }
    let review = pricing
        .jump
        .and_then(|limit| review_of(known.snapshot.as_ref()?, &row, &priced, &merged.outcomes, limit));
    if review.is_some() {
        row.status = MarketStatus::Suspended;
    }
    // Nobody buys from a board that is closed: its last prices stand.
    let offers = match &known.snapshot {
        Some(last) if row.status.is_over() => last_offers(last, &merged.outcomes),
        _ => priced,
    };
    let (is_new, fence_moves) = changes(known.snapshot.as_ref(), &row, &offers, merged.runners_changed);
    // Another owner's prices are another offer, also where they are equal.
    let is_handed_over = known.handed_over_by.is_some();
    let (is_new, fence_moves) = (is_new || is_handed_over, fence_moves || is_handed_over);
    row.version += i64::from(is_new);
    row.status_version += i64::from(fence_moves);
    let snapshot = match &known.snapshot {
        Some(last) if !is_new => last.clone(),
        // Another process may have published by a clock that is ahead: an instant never goes back.
        last => snapshot_of(&row, offers, last.as_ref().map_or(at, |last| at.max(last.as_of))),
    };
    Decided {
        row_changed: row != known.row,
        fence: match (known.row.version, fence_moves) {
            (0, _) => FenceChange::Insert,
            (_, true) => FenceChange::Move,
            (_, false) => FenceChange::None,
        },
        row,
        outcomes: merged.outcomes,
        inserted: merged.inserted,
        updated: merged.updated,
        removed: merged.removed,
        snapshot,
        is_new,
        handed_over_by: known.handed_over_by.clone(),
        result,
        review,
        results,
    }
}

/// What `known` becomes at its producer's last word when its row and its holds are these.
pub(super) fn decide_again(
    known: &Known,
    mut row: MarketRow,
    holds: &Holds,
    house: Margin,
) -> (MarketRow, Offers) {
    let priced = offers_of(&row, &known.outcomes, holds, house);
    row.status = effective_status(row.source_status, holds.market(), priced.is_sellable(row.kind));
    let offers = match &known.snapshot {
        Some(last) if row.status.is_over() => last_offers(last, &known.outcomes),
        _ => priced,
    };
    (row, offers)
}

/// Kind, tie rule and number of winners are those that the market was first seen with: bets were taken
/// by them. Only a number that was not known yet becomes known.
fn learn_rules(row: &mut MarketRow, source: &SourceMarket) {
    if row.kind == MarketKind::Odds && row.number_of_winners == 0 {
        row.number_of_winners = i32::try_from(source.number_of_winners).unwrap_or(i32::MAX);
    }
}

/// What a market is shown as. INACTIVE and CLOSED are the producer's to say, and CLOSED a trader's too;
/// a hold outlives the producer's OPEN; and what is not all priced is not sold.
fn effective_status(source: SourceStatus, held: Option<HoldKind>, sellable: bool) -> MarketStatus {
    match (source, held) {
        (SourceStatus::Closed, _) | (_, Some(HoldKind::Closed)) => MarketStatus::Closed,
        (SourceStatus::Inactive, _) => MarketStatus::Inactive,
        (SourceStatus::Open, None) if sellable => MarketStatus::Open,
        _ => MarketStatus::Suspended,
    }
}

/// Whether a status is one that a market never leaves.
pub(super) const fn is_final(status: MarketStatus) -> bool {
    matches!(status, MarketStatus::Settled | MarketStatus::Cancelled)
}

/// A name that fits its column: its key where it is missing.
pub(super) fn name_or(name: &str, key: &str) -> String {
    fit(name, key, NAME_LEN_MAX)
}

/// A short word, such as a sport, that fits its column.
pub(super) fn word_or(word: &str, otherwise: &str) -> String {
    fit(word, otherwise, WORD_LEN_MAX)
}

/// A source's text as it can be stored: cut where it is too long, without the one character that
/// PostgreSQL does not take.
fn fit(text: &str, otherwise: &str, len_max: usize) -> String {
    let text = if text.trim().is_empty() { otherwise } else { text };
    text.chars().filter(|one| *one != '\0').take(len_max).collect()
}

fn unchanged(known: &Known, snapshot: &Snapshot) -> Decided {
    Decided {
        row: known.row.clone(),
        row_changed: false,
        outcomes: known.outcomes.clone(),
        inserted: Vec::new(),
        updated: Vec::new(),
        removed: Vec::new(),
        fence: FenceChange::None,
        snapshot: snapshot.clone(),
        is_new: false,
        handed_over_by: None,
        result: Recorded::None,
        review: None,
        results: None,
    }
}

struct Merged {
    outcomes: Vec<OutcomeRow>,
    inserted: Vec<OutcomeRow>,
    updated: Vec<OutcomeRow>,
    removed: Vec<OutcomeId>,
    /// The source's prices of those that the message lists.
    source_prices: BTreeMap<OutcomeId, Price>,
    /// Whether an outcome came, went, or changed its line.
    runners_changed: bool,
}

/// The market's outcomes after the message, which lists all that take part. Where outcomes exclude each
/// other, one that it leaves out is a non-runner as much as one that it calls so, and a non-runner never
/// comes back. A line that it leaves out is only not offered any more: bets on it stand. A message
/// without any outcome says nothing of them.
fn merge(known: &Known, source: &SourceMarket, new_id: &mut dyn FnMut() -> Uuid) -> Merged {
    let mut by_key: HashMap<&str, OutcomeRow> =
        known.outcomes.iter().map(|row| (row.source_key.as_str(), row.clone())).collect();
    let mut merged = Merged {
        outcomes: Vec::with_capacity(source.outcomes.len()),
        inserted: Vec::new(),
        updated: Vec::new(),
        removed: Vec::new(),
        source_prices: BTreeMap::new(),
        runners_changed: false,
    };
    for outcome in &source.outcomes {
        let before = by_key.remove(outcome.key.as_str());
        let id = before.as_ref().map_or_else(|| OutcomeId::from_uuid(new_id()), |row| row.id);
        let mut row = outcome_row(id, known.row.id, outcome);
        merged.source_prices.extend(outcome.best_back.map(|price| (id, price)));
        match before {
            None => {
                merged.runners_changed = true;
                merged.inserted.push(row.clone());
            }
            Some(before) => {
                if before.status == OutcomeStatus::Removed {
                    row.status = OutcomeStatus::Removed;
                } else if row.status == OutcomeStatus::Removed {
                    merged.removed.push(row.id);
                }
                merged.runners_changed |= row.status != before.status || row.line != before.line;
                if row != before {
                    merged.updated.push(row.clone());
                }
            }
        }
        merged.outcomes.push(row);
    }
    let withdraws = known.row.kind == MarketKind::Odds && !source.outcomes.is_empty();
    for mut row in by_key.into_values() {
        if withdraws && row.status != OutcomeStatus::Removed {
            row.status = OutcomeStatus::Removed;
            merged.runners_changed = true;
            merged.removed.push(row.id);
            merged.updated.push(row.clone());
        }
        merged.outcomes.push(row);
    }
    merged.removed.sort_unstable();
    merged.outcomes.sort_by_key(|row| (row.position, row.id));
    merged
}

fn outcome_row(id: OutcomeId, market_id: MarketId, outcome: &SourceOutcome) -> OutcomeRow {
    OutcomeRow {
        id,
        market_id,
        source_key: outcome.key.clone(),
        name: name_or(&outcome.name, &outcome.key),
        line: outcome.line,
        pair: outcome.pair.and_then(|pair| i32::try_from(pair).ok()),
        position: i32::try_from(outcome.position).unwrap_or(i32::MAX),
        status: outcome.status,
    }
}

/// The result that a producer's closing message says, by the rules that the market is sold under.
fn result_of(
    market: &MarketRow,
    source: &SourceMarket,
    outcomes: &[OutcomeRow],
) -> (Recorded, Option<BTreeMap<OutcomeId, LegResult>>) {
    let said: HashMap<&str, Option<bool>> =
        source.outcomes.iter().map(|outcome| (outcome.key.as_str(), outcome.won)).collect();
    if source.status != SourceStatus::Closed || said.values().all(Option::is_none) {
        return (Recorded::None, None);
    }
    let winners: Vec<(OutcomeId, OutcomeStatus, Option<bool>)> = outcomes
        .iter()
        .map(|row| (row.id, row.status, said.get(row.source_key.as_str()).copied().flatten()))
        .collect();
    match results_from_winners(market.kind, winners_of(market), market.tie_rule, &winners) {
        Ok(results) => (Recorded::Recorded, Some(results)),
        Err(error) => (Recorded::NeedsManual(error.to_string()), None),
    }
}

/// Whether this is a new version after the last one, and whether its fence moves.
pub(super) fn changes(
    last: Option<&Snapshot>,
    row: &MarketRow,
    offers: &Offers,
    runners_changed: bool,
) -> (bool, bool) {
    let Some(last) = last else { return (true, true) };
    let holds_changed = held_outcomes(&last.suspensions) != held_outcomes(&offers.suspensions);
    let fence_moves = runners_changed || holds_changed || row.status != last.status;
    let same_board = last.prices == offers.prices && last.suspensions == offers.suspensions;
    let same_play = last.in_play == row.in_play && last.bet_delay_ms == row.bet_delay_ms;
    (fence_moves || !same_board || !same_play, fence_moves)
}

pub(super) fn snapshot_of(row: &MarketRow, offers: Offers, at: Timestamp) -> Snapshot {
    Snapshot {
        market_id: row.id,
        event_id: row.event_id,
        version: row.version,
        status_version: row.status_version,
        status: row.status,
        in_play: row.in_play,
        bet_delay_ms: row.bet_delay_ms,
        cutoff_at: row.cutoff_at,
        as_of: at,
        prices: offers.prices,
        suspensions: offers.suspensions,
    }
}

#[cfg(test)]
mod tests;
