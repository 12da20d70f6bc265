//! Exposure on the wire.

use super::schema;
use overround_app::{CurrencyExposure as OfCurrency, ExposureView};
use overround_domain::betting::Figures;
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::money::{Cents, Currency};
use serde::Serialize;
use utoipa::ToSchema;

/// What the open bets of a market come to.
#[derive(Debug, Serialize, ToSchema)]
pub struct Exposure {
    /// The market.
    #[schema(value_type = schema::MarketId)]
    pub market_id: MarketId,
    /// Counts the changes of its figures; 0 where no bet on it was counted yet.
    #[schema(minimum = 0)]
    pub version: i64,
    /// By currency.
    pub currencies: Vec<CurrencyExposure>,
}

/// The exposure in one currency, in minor units. Above zero the house loses.
#[derive(Debug, Serialize, ToSchema)]
pub struct CurrencyExposure {
    /// The currency.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// The stakes of open singles.
    #[schema(example = 35_000)]
    pub stakes_cents: i64,
    /// What the house loses on singles at worst: what as many outcomes as win are paid at most, less the stakes. On line
    /// markets a bound for every margin: each pair pays the larger of both payouts, or both stakes.
    #[schema(example = 15_000)]
    pub worst_cents: i64,
    /// The outcomes that have open bets.
    pub outcomes: Vec<OutcomeExposure>,
}

/// The open bets on an outcome, in minor units.
#[derive(Debug, Serialize, ToSchema)]
pub struct OutcomeExposure {
    /// The outcome.
    #[schema(value_type = schema::OutcomeId)]
    pub outcome_id: OutcomeId,
    /// The stakes of singles.
    pub stakes_cents: i64,
    /// The potential payouts of singles.
    pub payouts_cents: i64,
    /// What the house loses on the market's singles if this outcome alone wins.
    pub exposure_cents: i64,
    /// The whole potential payouts of parlays with a leg on it, never netted.
    pub multiples_cents: i64,
}

impl From<ExposureView> for Exposure {
    fn from(view: ExposureView) -> Self {
        Self {
            market_id: view.market_id,
            version: view.version,
            currencies: view.currencies.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<OfCurrency> for CurrencyExposure {
    fn from(of: OfCurrency) -> Self {
        Self {
            currency: of.currency,
            stakes_cents: of.stakes.get(),
            worst_cents: of.worst.get(),
            outcomes: of.outcomes.into_iter().map(Into::into).collect(),
        }
    }
}

impl From<(OutcomeId, Figures, Cents)> for OutcomeExposure {
    fn from((outcome_id, figures, exposure): (OutcomeId, Figures, Cents)) -> Self {
        Self {
            outcome_id,
            stakes_cents: figures.stakes.get(),
            payouts_cents: figures.payouts.get(),
            exposure_cents: exposure.get(),
            multiples_cents: figures.multiples.get(),
        }
    }
}
