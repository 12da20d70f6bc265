//! What a trader does to a market's prices. They are made anew at once, from the last that its producer said.

use super::MarketAction;
use super::act::{Act, Change, Refused, check_not_over};
use super::decide::{Known, decide_again};
use crate::{Answer, App, Error, Keyed};
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::markets::{Margin, OutcomeStatus};
use overround_domain::odds::LadderPrice;
use overround_store::market::{MarketRow, OutcomeRow};
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

impl App {
    /// Gives a market a margin of its own, instead of the house's.
    ///
    /// # Errors
    /// [`Error::Conflict`] `ILLEGAL_TRANSITION` when it is over, [`Error::NotFound`] when there is none.
    pub async fn set_margin(
        &self,
        market_id: MarketId,
        margin: Margin,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<MarketAction>, Error> {
        let said = json!({ "method": margin.method, "margin_bps": margin.bps.get() });
        let act = act(market_id, actor, keyed, "set_margin", reason, ("margin", said));
        self.reprice(act, BTreeSet::new(), move |row| row.margin = Some(margin)).await
    }

    /// Gives a market the house's margin again.
    ///
    /// # Errors
    /// As [`set_margin`](Self::set_margin).
    pub async fn release_margin(
        &self,
        market_id: MarketId,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<MarketAction>, Error> {
        let act = act(market_id, actor, keyed, "release_margin", reason, ("margin", Value::Null));
        self.reprice(act, BTreeSet::new(), |row| row.margin = None).await
    }

    /// Sells outcomes of a market at these prices, whatever its producer says, until they are released. They are the
    /// trader's to answer for: only the ladder bounds them.
    ///
    /// # Errors
    /// [`Error::Invalid`] for an outcome that is not the market's, or does not take part; [`Error::Conflict`]
    /// `ILLEGAL_TRANSITION` when the market is over, [`Error::NotFound`] when there is none.
    pub async fn set_prices(
        &self,
        market_id: MarketId,
        prices: BTreeMap<OutcomeId, LadderPrice>,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<MarketAction>, Error> {
        let named = prices.keys().copied().collect();
        let said = prices.iter().map(|(id, price)| (id.uuid().to_string(), json!(price.get()))).collect();
        let act = act(market_id, actor, keyed, "set_prices", reason, ("manual_prices", Value::Object(said)));
        self.reprice(act, named, move |row| {
            row.manual_prices.extend(prices.iter().map(|(id, price)| (*id, price.get())));
        })
        .await
    }

    /// Sells outcomes of a market at the prices made from its producer's again: these, or all where none is named.
    ///
    /// # Errors
    /// As [`set_prices`](Self::set_prices).
    pub async fn release_prices(
        &self,
        market_id: MarketId,
        released: Option<BTreeSet<OutcomeId>>,
        actor: &str,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<MarketAction>, Error> {
        let said = released.as_ref().map(|ids| ids.iter().map(|id| id.uuid()).collect::<Vec<_>>());
        let act = act(market_id, actor, keyed, "release_prices", reason, ("released", json!(said)));
        self.reprice(act, released.clone().unwrap_or_default(), move |row| {
            row.manual_prices.retain(|id, _| released.as_ref().is_some_and(|ids| !ids.contains(id)));
        })
        .await
    }

    /// Makes a market's prices anew after a change of what they are made from, which names these outcomes.
    async fn reprice(
        &self,
        act: Act,
        named: BTreeSet<OutcomeId>,
        change: impl Fn(&mut MarketRow) + Send + Sync + 'static,
    ) -> Result<Answer<MarketAction>, Error> {
        let house = self.settings().margin;
        let repriced = move |known: &Known| -> Result<Change, Refused> {
            check_outcomes(&known.outcomes, &named)?;
            check_not_over(known)?;
            let mut row = known.row.clone();
            change(&mut row);
            let (row, offers) = decide_again(known, row, &known.holds, house);
            Ok(Change { row, offers, hold: None, result: None })
        };
        self.act(act, Arc::new(move |known, _, _| repriced(known))).await
    }
}

/// Refuses outcomes that are not the market's, or do not take part.
fn check_outcomes(outcomes: &[OutcomeRow], named: &BTreeSet<OutcomeId>) -> Result<(), Refused> {
    let own: BTreeMap<OutcomeId, OutcomeStatus> = outcomes.iter().map(|row| (row.id, row.status)).collect();
    for id in named {
        let detail = match own.get(id) {
            Some(OutcomeStatus::Active) => continue,
            Some(OutcomeStatus::Removed) => format!("{id} was removed: it has no price"),
            None => format!("{id} is not an outcome of this market"),
        };
        return Err(Refused::Invalid(detail));
    }
    Ok(())
}

fn act(
    market_id: MarketId,
    actor: &str,
    keyed: Keyed,
    name: &'static str,
    reason: String,
    (field, said): (&str, Value),
) -> Act {
    let what = Map::from_iter([(field.to_owned(), said)]);
    Act { market_id, actor: actor.to_owned(), keyed, name, what, reason: Some(reason) }
}
