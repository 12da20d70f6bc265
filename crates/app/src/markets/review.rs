//! Prices that move too far in one message: their market is held until a trader has looked.

use super::offers::Offers;
use overround_domain::markets::{HoldKind, JumpLimit, MarketStatus, Scope, Snapshot};
use overround_store::market::{HoldChange, MarketRow, OutcomeRow};

/// Who holds a market for review.
const HOUSE: &str = "house";

/// The hold for review of a market one of whose prices would move too far while it is on sale. What its source
/// suspends first, as it does when a goal falls, may come back at any price: something has happened, and the source
/// has said so.
pub(super) fn review_of(
    last: &Snapshot,
    row: &MarketRow,
    offers: &Offers,
    outcomes: &[OutcomeRow],
    limit: JumpLimit,
) -> Option<HoldChange> {
    if last.status != MarketStatus::Open || row.status != MarketStatus::Open {
        return None;
    }
    let moved = outcomes.iter().find_map(|outcome| {
        let (from, to) = (last.prices.get(&outcome.id)?, offers.prices.get(&outcome.id)?);
        let is_one = from.line == to.line && limit.is_exceeded(from.price, to.price);
        is_one.then_some((outcome, from.price, to.price))
    });
    let (outcome, from, to) = moved?;
    let reason = format!(
        "the price of {} moved from {} to {} in one message, by more than {} %",
        outcome.name,
        from.decimal(),
        to.decimal(),
        limit.pct(),
    );
    let (scope, kind) = (Scope::Market(row.id), Some(HoldKind::Review));
    Some(HoldChange { scope, kind, actor: HOUSE.to_owned(), reason })
}
