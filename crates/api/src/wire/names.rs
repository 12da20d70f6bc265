//! The domain's stored words as they travel. Each is matched in full, so that a new word of the
//! domain does not compile until the document knows it.

use overround_domain::{betting, markets, wallet};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

// `tt`, not `literal`: utoipa does not read a literal that a macro has captured as one.
macro_rules! names {
    ($($(#[$doc:meta])* $name:ident is $domain:path { $($variant:ident = $word:tt),* $(,)? })*) => {$(
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
        pub enum $name {
            $(#[serde(rename = $word)] $variant,)*
        }

        impl From<$domain> for $name {
            fn from(value: $domain) -> Self {
                use $domain as Domain;
                match value {
                    $(Domain::$variant => Self::$variant,)*
                }
            }
        }

        impl From<$name> for $domain {
            fn from(value: $name) -> Self {
                use $domain as Domain;
                match value {
                    $($name::$variant => Domain::$variant,)*
                }
            }
        }
    )*};
}

names! {
    /// The status of an account.
    AccountStatus is wallet::AccountStatus {
        Active = "ACTIVE", DebitFrozen = "DEBIT_FROZEN", CreditFrozen = "CREDIT_FROZEN", Frozen = "FROZEN",
        Closed = "CLOSED",
    }
    /// What an account is for.
    AccountKind is wallet::AccountKind {
        Player = "PLAYER", Hold = "HOLD", House = "HOUSE", PspClearing = "PSP_CLEARING", Fees = "FEES",
        Bonus = "BONUS", FreeBet = "FREE_BET", Debt = "DEBT",
    }
    /// Which way of an account is stopped: what takes money, what pays it in, or both.
    Freeze is wallet::Freeze { Debit = "DEBIT", Credit = "CREDIT", Both = "BOTH" }
    /// The kind of movement an entry is.
    EntryType is wallet::EntryType {
        Hold = "HOLD", Release = "RELEASE", Credit = "CREDIT", Debit = "DEBIT", Fee = "FEE",
    }
    /// What an entry refers to.
    RefType is wallet::RefType {
        Bet = "BET", Settlement = "SETTLEMENT", Deposit = "DEPOSIT", Withdrawal = "WITHDRAWAL",
        Adjustment = "ADJUSTMENT", Transfer = "TRANSFER", Reversal = "REVERSAL", Cashout = "CASHOUT",
        Bonus = "BONUS",
    }
    /// Single or parlay.
    BetKind is betting::BetKind { Single = "SINGLE", Parlay = "PARLAY" }
    /// What becomes of a stake that is above what may be taken.
    FillMode is betting::FillMode { Normal = "NORMAL", FillAndKill = "FILL_AND_KILL" }
    /// What a cap counts of each bet: what an open one may win, given back when it closes, or what any was staked.
    CapMeasure is betting::CapMeasure { Liability = "LIABILITY", Stakes = "STAKES" }
    /// The kind of selection of a leg.
    LegType is betting::LegType { Straight = "STRAIGHT", Sgp = "SGP", Prop = "PROP" }
    /// Whether a bet is open.
    BetStatus is betting::BetStatus { Pending = "PENDING", Settled = "SETTLED", Void = "VOID" }
    /// Whether a bet was accepted.
    BetAcceptance is betting::Acceptance {
        PendingAcceptance = "PENDING_ACCEPTANCE", Accepted = "ACCEPTED", NotAccepted = "NOT_ACCEPTED",
    }
    /// How a bet ended.
    BetResult is betting::BetResult {
        Lost = "LOST", Won = "WON", Pushed = "PUSHED", HalfWon = "HALF_WON", HalfLost = "HALF_LOST",
        CashedOut = "CASHED_OUT", Partial = "PARTIAL",
    }
    /// What a void leg does to a bet.
    VoidPolicy is betting::VoidPolicy { VoidAll = "VOID_ALL", Reprice = "REPRICE", Leg = "LEG" }
    /// The part of a leg's stake that is void.
    VoidFactor is betting::VoidFactor { None = "NONE", Half = "HALF", Full = "FULL" }
    /// The status of a market.
    MarketStatus is markets::MarketStatus {
        Inactive = "INACTIVE", Open = "OPEN", Suspended = "SUSPENDED", Closed = "CLOSED",
        Settled = "SETTLED", Cancelled = "CANCELLED",
    }
    /// How much a hold covers.
    ScopeKind is markets::ScopeKind {
        Outcome = "OUTCOME", Market = "MARKET", Event = "EVENT", Sport = "SPORT", Producer = "PRODUCER",
        All = "ALL",
    }
    /// Whether a producer of market data may be trusted: it is alive and nothing is missing, it is alive and what it said
    /// meanwhile is not here yet, or it is silent.
    ProducerState is markets::ProducerState { Up = "UP", Recovering = "RECOVERING", Down = "DOWN" }
    /// What a hold keeps its markets at: suspended for review by the house, suspended or closed by a trader.
    HoldKind is markets::HoldKind { Review = "REVIEW", Suspended = "SUSPENDED", Closed = "CLOSED" }
    /// How a margin is spread over the outcomes: each probability multiplied by the same factor, or raised to the same
    /// power, which takes more from long shots than from favourites.
    MarginMethod is markets::MarginMethod { Proportional = "PROPORTIONAL", Power = "POWER" }
    /// How a market's outcomes stand to each other.
    MarketKind is markets::MarketKind { Odds = "ODDS", Line = "LINE" }
    /// Whether an outcome takes part.
    OutcomeStatus is markets::OutcomeStatus { Active = "ACTIVE", Removed = "REMOVED" }
    /// Why an outcome is not on offer.
    SuspensionReason is markets::SuspensionReason { Removed = "REMOVED", Unpriced = "UNPRICED", Trader = "TRADER" }
}
