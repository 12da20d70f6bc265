//! Markets: what they are, their states, and what a source says of them.

mod by_score;
mod hold;
mod jump;
mod line;
mod margin;
mod power;
mod pricing;
mod producer;
mod provider;
mod results;
mod snapshot;
mod source;
mod status;

pub use by_score::{LineBet, ThreeWaySide, line_result, three_way_result};
pub use hold::{Group, HoldKind, Holds, Scope, ScopeKind};
pub use jump::JumpLimit;
pub use line::{Line, LineError};
pub use margin::{Margin, MarginBps, MarginError, MarginMethod};
pub use pricing::{PricedOutcome, house_prices};
pub use producer::ProducerState;
pub use provider::{PriceProvider, ProviderError, Telling, Told};
pub use results::{NON_RUNNER, ResultError, results_from_winners};
pub use snapshot::{OutcomeSuspension, Quote, Snapshot, SuspensionReason};
pub use source::{SourceEvent, SourceMarket, SourceOutcome, SourceStatus};
pub use status::{MarketStatus, OutcomeStatus};

stored_enum! {
    /// How a market's outcomes stand to each other.
    MarketKind {
        /// Outcomes exclude each other; `number_of_winners` of them win.
        Odds = "ODDS",
        /// Outcomes come in pairs, one pair a line (Asian handicaps, totals); settled by score only.
        Line = "LINE",
    }
}

stored_enum! {
    /// What happens when outcomes tie.
    TieRule {
        /// Each tied winner's return is divided.
        DeadHeat = "DEAD_HEAT",
        /// Stakes come back.
        Push = "PUSH",
        /// The draw is itself an outcome, so that there is no tie.
        DrawIsAnOutcome = "DRAW_IS_AN_OUTCOME",
    }
}
