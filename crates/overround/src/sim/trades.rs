//! What a trader asks of a market.

use super::calls::{Cast, Map, Value};
use overround_app::{Answer, App, Error, Keyed};
use overround_domain::ids::MarketId;
use overround_domain::markets::{Margin, MarginBps, MarginMethod, MarketStatus};

/// An act on a market.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TradeAct {
    /// It is suspended, or closed for good.
    Hold(MarketStatus),
    Resume,
    /// It has a proportional margin of its own, in hundredths of a per cent; none: the house's again.
    Margin(Option<u32>),
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
        };
        Ok(acted.map(Value::Acted))
    }
}
