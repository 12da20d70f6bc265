//! Bets: how one is decided, what it returns, and why it is refused.

mod bet;
mod caps;
mod checks;
mod context;
mod exposure;
mod formula;
mod limits;
mod place;
mod policy;
mod product;
mod refusal;
mod request;
mod settle;

pub use bet::{Acceptance, BetKind, BetResult, BetStatus, LegType, VoidPolicy};
pub use caps::{Cap, CapBook, CapLevel, CapMeasure, CapRoom, CapScope, CapTake, CappedLeg, Combination};
pub use context::{DayPayouts, Fence, LEGS_MAX, MarketView, PlaceContext, PlayerView, RecentBet, Rules};
pub use exposure::{Exposure, ExposureError, Figures, OpenBet, Shape, total_stakes, worst};
pub use formula::{Fraction, FractionError, LegResult, VoidFactor, free_bet_return, leg_factor, stake_share};
pub use limits::{
    Factor, FactorError, FillMode, LegLimits, LimitBook, LimitDecision, LimitLevel, LimitScope, MarketClass,
    StakeLimits,
};
pub use place::{AcceptedBet, AcceptedLeg, place};
pub use policy::PricePolicy;
pub use refusal::{Refusal, RefusalCode, RefusalData};
pub use request::{LegRequest, PlaceBet};
pub use settle::{BetSettlement, PayoutError, SettleError, potential_payout, settle_bet};
