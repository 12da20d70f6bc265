//! Hard caps on the wire.

use super::input::{Level, Reason};
use super::names::CapMeasure;
use super::trading::Sport;
use super::{Time, schema};
use overround_app::CapView;
use overround_domain::betting::{CapScope, Combination, LEGS_MAX};
use overround_domain::ids::{EventId, MarketId, OutcomeId};
use overround_domain::money::{Cents, Currency};
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeSet;
use utoipa::ToSchema;

/// Which bets count for a cap.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(tag = "level", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
#[schema(as = CapScope, example = json!({"level": "MARKET", "market_id": "mkt_1C4KqX7YvQe3Jm9TzR5bNd"}))]
pub enum Scope {
    /// Every bet with a leg on an event of the sport.
    Sport {
        /// The sport, a lower-case word.
        #[schema(value_type = String, pattern = "^[a-z0-9-]{1,100}$", example = "tennis")]
        sport: Sport,
    },
    /// Every bet with a leg on a market of the event.
    Event {
        /// The event.
        #[schema(value_type = schema::EventId)]
        event_id: EventId,
    },
    /// Every bet with a leg on the market.
    Market {
        /// The market.
        #[schema(value_type = schema::MarketId)]
        market_id: MarketId,
    },
    /// Every bet with a leg on the outcome.
    Outcome {
        /// The outcome.
        #[schema(value_type = schema::OutcomeId)]
        outcome_id: OutcomeId,
    },
    /// Every bet on exactly these outcomes, in whatever order.
    Combination {
        /// The outcomes, each once.
        #[schema(value_type = Vec<schema::OutcomeId>, min_items = 2, max_items = 20)]
        outcome_ids: Outcomes,
    },
}

/// The outcomes of a combination.
#[derive(Debug, Clone)]
pub struct Outcomes(Combination);

impl<'de> Deserialize<'de> for Outcomes {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let outcomes = Vec::<OutcomeId>::deserialize(d)?;
        let distinct: BTreeSet<&OutcomeId> = outcomes.iter().collect();
        if distinct.len() == outcomes.len() && (2..=LEGS_MAX).contains(&outcomes.len()) {
            return Ok(Self(outcomes.into()));
        }
        let expected = format!("a combination is 2 to {LEGS_MAX} outcomes, each of them once");
        Err(serde::de::Error::custom(expected))
    }
}

impl Serialize for Outcomes {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        self.0.outcomes().serialize(s)
    }
}

impl From<Scope> for CapScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Sport { sport } => Self::Sport(sport.0),
            Scope::Event { event_id } => Self::Event(event_id),
            Scope::Market { market_id } => Self::Market(market_id),
            Scope::Outcome { outcome_id } => Self::Outcome(outcome_id),
            Scope::Combination { outcome_ids } => Self::Combination(outcome_ids.0),
        }
    }
}

impl From<CapScope> for Scope {
    fn from(scope: CapScope) -> Self {
        match scope {
            CapScope::Sport(sport) => Self::Sport { sport: Sport(sport) },
            CapScope::Event(event_id) => Self::Event { event_id },
            CapScope::Market(market_id) => Self::Market { market_id },
            CapScope::Outcome(outcome_id) => Self::Outcome { outcome_id },
            CapScope::Combination(outcomes) => Self::Combination { outcome_ids: Outcomes(outcomes) },
        }
    }
}

/// A cap on all bets together.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"scope": {"level": "MARKET", "market_id": "mkt_1C4KqX7YvQe3Jm9TzR5bNd"}, "currency": "EUR",
    "measure": "LIABILITY", "amount_cents": 5_000_000, "reason": "a small tournament"}))]
pub struct SetCap {
    /// Which bets count for it.
    pub scope: Scope,
    /// The currency of those bets.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
    /// What is counted of them.
    pub measure: CapMeasure,
    /// The most of it, in minor units; at 0 no bet is taken.
    #[schema(value_type = i64, minimum = 0, maximum = 9_007_199_254_740_991_i64, example = 5_000_000)]
    pub amount_cents: Level,
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// A cap that is let go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"scope": {"level": "MARKET", "market_id": "mkt_1C4KqX7YvQe3Jm9TzR5bNd"}, "currency": "EUR",
    "measure": "LIABILITY", "reason": "the tournament is over"}))]
pub struct ReleaseCap {
    /// Which bets count for it.
    pub scope: Scope,
    /// The currency of those bets.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
    /// What is counted of them.
    pub measure: CapMeasure,
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// A cap on all bets together.
#[derive(Debug, Serialize, ToSchema)]
pub struct Cap {
    /// Which bets count for it.
    pub scope: Scope,
    /// The currency of those bets.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// What is counted of them.
    pub measure: CapMeasure,
    /// The most of it, in minor units; null where the cap was let go.
    pub amount_cents: Option<i64>,
    /// How much of it the bets take that were accepted under the cap, in minor units.
    pub used_cents: i64,
    /// Counts its changes, from 1.
    pub version: i64,
    /// Who changed it.
    #[schema(example = "usr_1C4KqX7YvQe3Jm9TzR5bNd")]
    pub actor: String,
    /// Why.
    #[schema(example = "a small tournament")]
    pub reason: String,
    /// When.
    pub changed_at: Time,
}

impl From<CapView> for Cap {
    fn from(view: CapView) -> Self {
        Self {
            scope: view.scope.into(),
            currency: view.currency,
            measure: view.measure.into(),
            amount_cents: view.amount.map(Cents::get),
            used_cents: view.used.get(),
            version: view.version,
            actor: view.actor,
            reason: view.reason,
            changed_at: view.changed_at.into(),
        }
    }
}
