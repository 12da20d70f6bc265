//! What stands on a market's board: each outcome with its price, or with the reason it has none.

use overround_domain::ids::OutcomeId;
use overround_domain::markets::{
    Holds, Margin, MarketKind, OutcomeStatus, OutcomeSuspension, PricedOutcome, Quote, Snapshot,
    SuspensionReason, house_prices,
};
use overround_domain::odds::Price;
use overround_store::market::{MarketRow, OutcomeRow};
use std::collections::{BTreeMap, BTreeSet};

/// What stands on the board.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Offers {
    pub prices: BTreeMap<OutcomeId, Quote>,
    pub suspensions: Vec<OutcomeSuspension>,
}

impl Offers {
    /// Whether what stands on the board can be sold: of a market whose outcomes exclude each other all must be
    /// priced (betting rules, "Prices"), also one that is held by itself; lines are sold pair by pair.
    pub fn is_sellable(&self, kind: MarketKind) -> bool {
        let unpriced = self.suspensions.iter().any(|one| one.reason == SuspensionReason::Unpriced);
        !self.prices.is_empty() && (kind == MarketKind::Line || !unpriced)
    }
}

/// The house's prices over the source's, a trader's over both, but for the outcomes that are held. Where outcomes exclude each other
/// and one has no price, the others' would be normalized without it: none is shown then.
pub(super) fn offers_of(market: &MarketRow, outcomes: &[OutcomeRow], holds: &Holds, house: Margin) -> Offers {
    let priced: Vec<PricedOutcome> = outcomes
        .iter()
        .map(|row| {
            let best_back = market.source_prices.get(&row.id).copied();
            // A line that the source leaves out keeps its pair's number, which may be another line's by now.
            let pair = best_back.and(row.pair).and_then(|pair| u32::try_from(pair).ok());
            PricedOutcome { pair, active: row.status == OutcomeStatus::Active, best_back }
        })
        .collect();
    let margin = market.margin.unwrap_or(house);
    let mut prices = house_prices(market.kind, winners_of(market), &priced, margin);
    for (row, price) in outcomes.iter().zip(&mut prices) {
        *price = market.manual_prices.get(&row.id).copied().or(*price);
    }
    let gaps = priced.iter().zip(&prices).filter(|(outcome, price)| outcome.active && price.is_none());
    let gaps: BTreeSet<Option<u32>> = gaps.map(|(outcome, _)| outcome.pair).collect();
    match market.kind {
        MarketKind::Odds if !gaps.is_empty() => prices.fill(None),
        MarketKind::Odds => {}
        // A pair is a book of its own. What a trader sells by hand stands by itself.
        MarketKind::Line => {
            for ((row, outcome), price) in outcomes.iter().zip(&priced).zip(&mut prices) {
                if gaps.contains(&outcome.pair) && !market.manual_prices.contains_key(&row.id) {
                    *price = None;
                }
            }
        }
    }
    board(outcomes.iter().zip(prices.into_iter().chain(std::iter::repeat(None))), &holds.outcomes)
}

/// The offers of a snapshot, for the outcomes as they are now.
pub(super) fn last_offers(last: &Snapshot, outcomes: &[OutcomeRow]) -> Offers {
    let prices = outcomes.iter().map(|row| (row, last.prices.get(&row.id).map(|quote| quote.price)));
    board(prices, &held_outcomes(&last.suspensions))
}

/// Every outcome either with its price or with the reason it has none, in the order of ids.
fn board<'a>(
    offered: impl Iterator<Item = (&'a OutcomeRow, Option<Price>)>,
    held: &BTreeSet<OutcomeId>,
) -> Offers {
    let mut offers = Offers { prices: BTreeMap::new(), suspensions: Vec::new() };
    for (row, price) in offered {
        let reason = match (row.status, price) {
            (OutcomeStatus::Removed, _) => SuspensionReason::Removed,
            (OutcomeStatus::Active, _) if held.contains(&row.id) => SuspensionReason::Trader,
            (OutcomeStatus::Active, None) => SuspensionReason::Unpriced,
            (OutcomeStatus::Active, Some(price)) => {
                offers.prices.insert(row.id, Quote { price, line: row.line });
                continue;
            }
        };
        offers.suspensions.push(OutcomeSuspension { outcome_id: row.id, reason });
    }
    offers.suspensions.sort_by_key(|one| one.outcome_id);
    offers
}

/// The outcomes that are held by themselves.
pub(super) fn held_outcomes(suspensions: &[OutcomeSuspension]) -> BTreeSet<OutcomeId> {
    let held = suspensions.iter().filter(|one| one.reason == SuspensionReason::Trader);
    held.map(|one| one.outcome_id).collect()
}

/// How many outcomes win by a market's row.
pub(super) fn winners_of(row: &MarketRow) -> u32 {
    u32::try_from(row.number_of_winners).unwrap_or(0)
}
