//! Markets on the wire, and what traders do with them.

use super::bets::FractionTerms;
use super::input::Reason;
use super::names::{MarketKind, MarketStatus, OutcomeStatus, SuspensionReason};
use super::{PriceTerms, Time, schema};
use overround_app::{Freshness, MarketAction as Done, MarketBoard, SettleMarket as Command};
use overround_domain::betting::{Fraction, LegResult, VoidFactor};
use overround_domain::ids::{EventId, MarketId, OutcomeId};
use overround_domain::markets::{Line, Snapshot};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

/// A market as it is on sale.
#[derive(Debug, Serialize, ToSchema)]
pub struct Market {
    /// The market.
    #[schema(value_type = schema::MarketId)]
    pub id: MarketId,
    /// Its event.
    #[schema(value_type = schema::EventId)]
    pub event_id: EventId,
    /// A name a person can read.
    #[schema(example = "Match Odds")]
    pub name: String,
    /// The source's type.
    #[schema(example = "MATCH_ODDS")]
    pub market_type: String,
    /// How outcomes stand to each other.
    pub kind: MarketKind,
    /// How many outcomes win; 0 on line markets.
    #[schema(example = 1)]
    pub number_of_winners: i32,
    /// Its status.
    pub status: MarketStatus,
    /// Whether the event is running.
    pub in_play: bool,
    /// The delay of bets in play, in milliseconds.
    #[schema(example = 5000)]
    pub bet_delay_ms: i64,
    /// Counts the market's snapshots: the version to place a bet at.
    #[schema(example = 17)]
    pub version: i64,
    /// Counts only changes of status, line and runners.
    #[schema(example = 2)]
    pub status_version: i64,
    /// When the prices were set.
    pub as_of: Time,
    /// The last sign of life of who supplies the prices; null when it is not known.
    pub confirmed_at: Option<Time>,
    /// How long ago that was, in milliseconds; null when it is not known.
    #[schema(example = 1240)]
    pub age_ms: Option<i64>,
    /// Whether the prices are too old to be fresh. A stale answer may still be sold for a moment; an
    /// expired one is refused with BETTING_SUSPENDED.
    pub stale: bool,
    /// Its outcomes in the order to show them.
    pub outcomes: Vec<Outcome>,
}

/// One outcome of a market.
#[derive(Debug, Serialize, ToSchema)]
pub struct Outcome {
    /// The outcome.
    #[schema(value_type = schema::OutcomeId)]
    pub id: OutcomeId,
    /// A name a person can read.
    #[schema(example = "B Hassan")]
    pub name: String,
    /// The handicap or total, on line markets.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>, example = "-0.25", nullable = false)]
    pub line: Option<Line>,
    /// Whether it takes part.
    pub status: OutcomeStatus,
    /// The price on offer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub price: Option<PriceTerms>,
    /// The same price as a decimal, for people: rounded, never to reckon with.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "1.91", nullable = false)]
    pub decimal: Option<String>,
    /// Why it is not on offer.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub suspended: Option<SuspensionReason>,
    /// How it ended, once the market is settled.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub result: Option<ResultName>,
    /// The share of each winner in a dead heat.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    pub dead_heat: Option<FractionTerms>,
}

impl From<MarketBoard> for Market {
    fn from(board: MarketBoard) -> Self {
        let MarketBoard { market, snapshot, confirmed_at, age_ms, freshness } = board;
        let outcomes = market
            .outcomes
            .iter()
            .map(|outcome| {
                let price = snapshot.prices.get(&outcome.id).map(|quote| quote.price);
                let result = outcome.result.as_ref().map(|result| OutcomeResult::from((&outcome.id, result)));
                Outcome {
                    id: outcome.id,
                    name: outcome.name.clone(),
                    line: outcome.line,
                    status: outcome.status.into(),
                    price: price.map(Into::into),
                    decimal: price.map(|price| price.decimal()),
                    suspended: suspended(&snapshot, outcome.id),
                    result: result.as_ref().map(|result| result.result),
                    dead_heat: result.and_then(|result| result.dead_heat),
                }
            })
            .collect();
        Self {
            id: market.id,
            event_id: market.event_id,
            name: market.name.clone(),
            market_type: market.market_type.clone(),
            kind: market.kind.into(),
            number_of_winners: market.number_of_winners,
            status: snapshot.status.into(),
            in_play: snapshot.in_play,
            bet_delay_ms: snapshot.bet_delay_ms,
            version: snapshot.version,
            status_version: snapshot.status_version,
            as_of: snapshot.as_of.into(),
            confirmed_at: confirmed_at.map(Time),
            age_ms,
            stale: freshness != Freshness::Fresh,
            outcomes,
        }
    }
}

fn suspended(snapshot: &Snapshot, id: OutcomeId) -> Option<SuspensionReason> {
    let found = snapshot.suspensions.iter().find(|suspension| suspension.outcome_id == id);
    found.map(|suspension| suspension.reason.into())
}

/// Why a trader acts on a market.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "injury on the court"}))]
pub struct ActOnMarket {
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// A market's result.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"reason": "official result", "outcomes": [
    {"outcome_id": "out_1C4KqX7YvQe3Jm9TzR5bNd", "result": "WON"},
    {"outcome_id": "out_1C4KqX7YvQe3Jm9TzR5bNe", "result": "LOST"}
]}))]
pub struct SettleMarket {
    /// The result of each outcome.
    #[serde(deserialize_with = "each_once")]
    #[schema(value_type = Vec<OutcomeResult>, min_items = 1)]
    pub outcomes: BTreeMap<OutcomeId, ResultTerms>,
    /// Why, or by whose word, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// The result of one outcome.
#[derive(Debug, Deserialize, Serialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct OutcomeResult {
    /// The outcome.
    #[schema(value_type = schema::OutcomeId)]
    pub outcome_id: OutcomeId,
    /// How it ended.
    pub result: ResultName,
    /// The share of each winner in a dead heat; with WON only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub dead_heat: Option<FractionTerms>,
}

/// How an outcome ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum ResultName {
    /// Its bets win.
    Won,
    /// Its bets lose.
    Lost,
    /// Its bets are void, for the request's reason.
    Void,
    /// Its stakes come back by the score.
    Pushed,
    /// Half of the stake wins, half comes back.
    HalfWon,
    /// Half of the stake loses, half comes back.
    HalfLost,
}

impl From<(&OutcomeId, &LegResult)> for OutcomeResult {
    fn from((outcome_id, result): (&OutcomeId, &LegResult)) -> Self {
        let name = match (result.void, result.won) {
            (VoidFactor::None, true) => ResultName::Won,
            (VoidFactor::None, false) => ResultName::Lost,
            (VoidFactor::Half, true) => ResultName::HalfWon,
            (VoidFactor::Half, false) => ResultName::HalfLost,
            (VoidFactor::Full, _) if result.void_reason.is_some() => ResultName::Void,
            (VoidFactor::Full, _) => ResultName::Pushed,
        };
        let is_shared = name == ResultName::Won && result.dead_heat != Fraction::ONE;
        let dead_heat = is_shared.then(|| result.dead_heat.into());
        Self { outcome_id: *outcome_id, result: name, dead_heat }
    }
}

/// A result that was checked.
#[derive(Debug, Clone, Copy)]
pub struct ResultTerms {
    name: ResultName,
    share: Option<Fraction>,
}

fn each_once<'de, D: Deserializer<'de>>(d: D) -> Result<BTreeMap<OutcomeId, ResultTerms>, D::Error> {
    let list = Vec::<OutcomeResult>::deserialize(d)?;
    if list.is_empty() {
        return Err(serde::de::Error::custom("a result names at least one outcome"));
    }
    let mut results = BTreeMap::new();
    for one in list {
        let terms = terms(&one).map_err(serde::de::Error::custom)?;
        if results.insert(one.outcome_id, terms).is_some() {
            return Err(serde::de::Error::custom(format!("{} is named twice", one.outcome_id)));
        }
    }
    Ok(results)
}

fn terms(one: &OutcomeResult) -> Result<ResultTerms, String> {
    let Some(FractionTerms { num, den }) = one.dead_heat else {
        return Ok(ResultTerms { name: one.result, share: None });
    };
    if one.result != ResultName::Won || num == 0 {
        return Err(format!("{}: dead_heat is a share above 0 that goes with WON", one.outcome_id));
    }
    let share = Fraction::new(num, den).map_err(|error| format!("{}: {error}", one.outcome_id))?;
    Ok(ResultTerms { name: one.result, share: Some(share) })
}

impl From<SettleMarket> for Command {
    fn from(body: SettleMarket) -> Self {
        let reason = body.reason.0;
        let result = |terms: ResultTerms| match (terms.name, terms.share) {
            (ResultName::Won, Some(share)) => LegResult::dead_heat(share),
            (ResultName::Won, None) => LegResult::win(),
            (ResultName::Lost, _) => LegResult::lose(),
            (ResultName::Void, _) => LegResult::refund(Some(reason.clone())),
            (ResultName::Pushed, _) => LegResult::refund(None),
            (ResultName::HalfWon, _) => LegResult::half_win(),
            (ResultName::HalfLost, _) => LegResult::half_lose(),
        };
        let outcomes = body.outcomes.into_iter().map(|(id, terms)| (id, result(terms))).collect();
        Self { outcomes, reason: Some(reason) }
    }
}

/// What an act made of a market.
#[derive(Debug, Serialize, ToSchema)]
pub struct MarketAction {
    /// The market.
    #[schema(value_type = schema::MarketId)]
    pub market_id: MarketId,
    /// Its status after the act.
    pub status: MarketStatus,
    /// Its version after the act.
    #[schema(example = 18)]
    pub version: i64,
    /// Its status version after the act.
    #[schema(example = 3)]
    pub status_version: i64,
}

impl From<Done> for MarketAction {
    fn from(done: Done) -> Self {
        Self {
            market_id: done.market_id,
            status: done.status.into(),
            version: done.version,
            status_version: done.status_version,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Command, OutcomeResult, SettleMarket};
    use serde_json::{Value, json};

    #[test]
    fn what_is_said_of_an_outcome_is_what_is_shown_of_it() {
        let id = "out_1C4KqX7YvQe3Jm9TzR5bNd";
        let mut said: Vec<Value> = ["WON", "LOST", "VOID", "PUSHED", "HALF_WON", "HALF_LOST"]
            .map(|result| json!({"outcome_id": id, "result": result}))
            .to_vec();
        said.push(json!({"outcome_id": id, "result": "WON", "dead_heat": {"num": 1, "den": 3}}));
        for one in said {
            let body: SettleMarket =
                serde_json::from_value(json!({"reason": "why", "outcomes": [one]})).unwrap();
            let command = Command::from(body);
            let shown: Vec<OutcomeResult> = command.outcomes.iter().map(OutcomeResult::from).collect();
            assert_eq!(serde_json::to_value(shown).unwrap(), json!([one]));
        }
    }
}
