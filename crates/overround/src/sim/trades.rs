//! What a trader asks of a market.

use super::calls::{Cast, Map, Value};
use overround_app::{Answer, App, Error, Keyed};
use overround_domain::betting::{LimitScope, StakeLimits};
use overround_domain::ids::{MarketId, OutcomeId};
use overround_domain::markets::{Margin, MarginBps, MarginMethod, MarketStatus};
use overround_domain::money::Currency;
use overround_domain::odds::{LadderPrice, Price};
use std::collections::{BTreeMap, BTreeSet};

/// An act on a market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TradeAct {
    /// It is suspended, or closed for good.
    Hold(MarketStatus),
    Resume,
    /// It has a proportional margin of its own, in hundredths of a per cent; none: the house's again.
    Margin(Option<u32>),
    /// Runners are sold at these prices, whatever the source says.
    Price(BTreeMap<OutcomeId, Price>),
    /// These runners, or all, are sold at the prices made from the source's again.
    Release(Option<BTreeSet<OutcomeId>>),
    /// The stakes of bets on it are limited so, in place of how they were limited before.
    Limit {
        currency: Currency,
        limits: StakeLimits,
    },
}

impl TradeAct {
    /// What reports count it as.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hold(MarketStatus::Closed) => "close",
            Self::Hold(_) => "suspend",
            Self::Resume => "resume",
            Self::Margin(Some(_)) => "set_margin",
            Self::Margin(None) => "release_margin",
            Self::Price(_) => "set_prices",
            Self::Release(_) => "release_prices",
            Self::Limit { .. } => "set_limits",
        }
    }

    /// The runners that it names.
    pub fn runners(&self) -> Vec<OutcomeId> {
        match self {
            Self::Price(prices) => prices.keys().copied().collect(),
            Self::Release(Some(runners)) => runners.iter().copied().collect(),
            _ => Vec::new(),
        }
    }

    /// Asks the house for it.
    ///
    /// # Errors
    /// As the use case.
    pub async fn send(
        self,
        app: &App,
        cast: &Cast,
        market: MarketId,
        keyed: Keyed,
        reason: String,
    ) -> Result<Answer<Value>, Error> {
        let actor = cast.actor();
        let acted = match self {
            Self::Hold(MarketStatus::Closed) => app.close(market, &actor, keyed, reason).await?,
            Self::Hold(_) => app.suspend(market, &actor, keyed, reason).await?,
            Self::Resume => app.resume(market, &actor, keyed, reason).await?,
            Self::Margin(Some(bps)) => {
                let bps = MarginBps::new(bps).map_err(Error::internal)?;
                let margin = Margin { method: MarginMethod::Proportional, bps };
                app.set_margin(market, margin, &actor, keyed, reason).await?
            }
            Self::Margin(None) => app.release_margin(market, &actor, keyed, reason).await?,
            Self::Price(prices) => {
                let on_ladder =
                    |(id, price)| Ok((id, LadderPrice::try_from(price).map_err(Error::internal)?));
                let prices = prices.into_iter().map(on_ladder).collect::<Result<_, Error>>()?;
                app.set_prices(market, prices, &actor, keyed, reason).await?
            }
            Self::Release(runners) => app.release_prices(market, runners, &actor, keyed, reason).await?,
            Self::Limit { currency, limits } => {
                let scope = LimitScope::Market(market);
                let set = app.set_limits(scope, currency, limits, &actor, keyed, reason).await?;
                return Ok(set.map(|view| Value::Limited(Box::new(view))));
            }
        };
        Ok(acted.map(Value::Acted))
    }
}
