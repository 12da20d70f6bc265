//! Windows of prices: for how long what a producer said is sold (invariant M2). How long that is the house draws; the model
//! learns it when it is drawn, and counts for itself from then on.

use super::{Heard, Markets, Mismatch};
use crate::failure::Failure;
use crate::sim::calls::{Call, Value};
use crate::sim::model::{Market, Model, SOLD_MS};
use overround_domain::betting::RefusalCode;
use overround_domain::ids::MarketId;
use overround_domain::markets::MarketStatus;
use overround_domain::time::Timestamp;
use overround_live::{Live, Now};

/// Learns how long the markets are sold that were confirmed at this instant, but for those that are over: nobody renews them.
///
/// # Errors
/// When the snapshots cannot be read.
pub async fn learn_windows(
    live: &Live,
    model: &mut Model,
    now: i64,
) -> Result<Result<(), Mismatch>, Failure> {
    let confirmed = |market: &&mut Market| market.confirmed_at == now && !market.status.is_over();
    let mut markets: Vec<&mut Market> = model.markets.values_mut().filter(confirmed).collect();
    let ids: Vec<MarketId> = markets.iter().map(|market| market.id).collect();
    let held = live.read(&ids, Now::At(Timestamp::from_millis(now))).await;
    let held = held.map_err(|error| Failure::failed(error, "see whether Redis runs"))?;
    for market in &mut markets {
        let window = held
            .get(&market.id)
            .map(|held| (held.confirmed_at, held.age_ms, held.fresh_ms, held.sellable_ms));
        match window {
            Some((Some(at), Some(0), fresh_ms, sold_ms))
                if at.millis() == now && fresh_ms < sold_ms && SOLD_MS.contains(&sold_ms) =>
            {
                (market.fresh_ms, market.sold_ms) = (fresh_ms, sold_ms);
            }
            window => {
                let what = format!("for how long {} is sold that was confirmed now", market.id);
                return Ok(Err(Mismatch::plain(&what, (now, SOLD_MS), window)));
            }
        }
    }
    Ok(Ok(()))
}

impl Markets {
    /// How bets were answered by prices that nobody confirmed for a while, nor in this step.
    pub(super) fn stale_answers(&self, leads: &[&Heard], now: i64) -> Vec<&'static str> {
        let unconfirmed = |id: MarketId| {
            let (before, after) = (self.before.get(&id)?, self.after.get(&id)?);
            (before.confirmed_at == after.confirmed_at && before.status == MarketStatus::Open)
                .then_some(before)
        };
        let mut answers = Vec::new();
        for (ask, given) in leads {
            let Call::Bet { bet, .. } = &ask.call else { continue };
            let mut legs = bet.legs.iter().filter_map(|leg| unconfirmed(leg.market_id));
            let is_stale = match &given.value {
                Value::Placed(_) => legs.any(|market| now - market.confirmed_at >= market.fresh_ms),
                Value::Refused(kept) if kept.refusal.code == RefusalCode::BettingSuspended => {
                    legs.any(|market| !market.is_in_window(now))
                }
                _ => false,
            };
            if is_stale {
                answers.push(given.value.name());
            }
        }
        answers
    }
}
