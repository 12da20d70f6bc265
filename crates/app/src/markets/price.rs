//! What a trader does to a market's prices. They are made anew at once, from the last that its producer said.

use super::MarketAction;
use super::act::{Act, Change, Contradiction, check_not_over};
use super::decide::{Known, decide_again};
use crate::{Answer, App, Error, Keyed};
use overround_domain::ids::MarketId;
use overround_domain::markets::Margin;
use overround_store::market::MarketRow;
use serde_json::{Map, Value, json};
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
        self.reprice(act, move |row| row.margin = Some(margin)).await
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
        self.reprice(act, |row| row.margin = None).await
    }

    /// Makes a market's prices anew after a change of what they are made from.
    async fn reprice(
        &self,
        act: Act,
        change: impl Fn(&mut MarketRow) + Send + Sync + 'static,
    ) -> Result<Answer<MarketAction>, Error> {
        let house = self.settings().margin;
        let repriced = move |known: &Known| -> Result<Change, Contradiction> {
            check_not_over(known)?;
            let mut row = known.row.clone();
            change(&mut row);
            let (row, offers) = decide_again(known, row, &known.holds, house);
            Ok(Change { row, offers, hold: None, result: None })
        };
        self.act(act, Arc::new(move |known, _, _| repriced(known))).await
    }
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
