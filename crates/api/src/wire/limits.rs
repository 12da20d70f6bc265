//! What limits the stakes of bets, on the wire.

use super::input::{Level, Reason};
use super::trading::Sport;
use super::{Time, schema};
use overround_app::{FactorView, LimitView};
use overround_domain::betting::{Factor, LimitScope, StakeLimits};
use overround_domain::ids::{AccountId, MarketId};
use overround_domain::money::{Cents, Currency};
use serde::{Deserialize, Deserializer, Serialize};
use utoipa::ToSchema;

/// The most characters of a market's type.
const MARKET_TYPE_LEN_MAX: usize = 100;

/// What limits are about. All that cover a market count; a narrow one does not set a wide one aside.
#[derive(Debug, Clone, Deserialize, Serialize, ToSchema)]
#[serde(tag = "level", rename_all = "SCREAMING_SNAKE_CASE", deny_unknown_fields)]
#[schema(as = LimitScope, example = json!({"level": "SPORT", "sport": "tennis"}))]
pub enum Scope {
    /// Every market.
    Default {},
    /// The markets of a sport.
    Sport {
        /// The sport, a lower-case word.
        #[schema(value_type = String, pattern = "^[a-z0-9-]{1,100}$", example = "tennis")]
        sport: Sport,
    },
    /// The markets of a type.
    MarketType {
        /// The type, as the markets have it.
        #[schema(value_type = String, pattern = "^[ -~]{1,100}$", example = "MATCH_ODDS")]
        market_type: MarketType,
    },
    /// One market.
    Market {
        /// The market.
        #[schema(value_type = schema::MarketId)]
        market_id: MarketId,
    },
}

/// A type of markets, as their sources call it.
#[derive(Debug, Clone, Serialize)]
pub struct MarketType(pub String);

impl<'de> Deserialize<'de> for MarketType {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let text = String::deserialize(d)?;
        if text.bytes().all(|byte| matches!(byte, b' '..=b'~'))
            && (1..=MARKET_TYPE_LEN_MAX).contains(&text.len())
        {
            return Ok(Self(text));
        }
        Err(serde::de::Error::custom("a market's type is 1 to 100 printable characters, such as MATCH_ODDS"))
    }
}

impl From<Scope> for LimitScope {
    fn from(scope: Scope) -> Self {
        match scope {
            Scope::Default {} => Self::Default,
            Scope::Sport { sport } => Self::Sport(sport.0),
            Scope::MarketType { market_type } => Self::MarketType(market_type.0),
            Scope::Market { market_id } => Self::Market(market_id),
        }
    }
}

impl From<LimitScope> for Scope {
    fn from(scope: LimitScope) -> Self {
        match scope {
            LimitScope::Default => Self::Default {},
            LimitScope::Sport(sport) => Self::Sport { sport: Sport(sport) },
            LimitScope::MarketType(market_type) => Self::MarketType { market_type: MarketType(market_type) },
            LimitScope::Market(market_id) => Self::Market { market_id },
        }
    }
}

/// The limits of a scope, in place of those that it has. Each is of one bet, and the smallest stake of all applies.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"scope": {"level": "SPORT", "sport": "tennis"}, "currency": "EUR",
    "volume_cents": 200_000, "reason": "a minor tour"}))]
pub struct SetLimits {
    /// What they are about.
    pub scope: Scope,
    /// The currency of the bets that they limit.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
    /// V: the smaller of stake and win is at most this, in minor units.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_007_199_254_740_991_i64, nullable = false)]
    pub volume_cents: Level,
    /// L: the win is at most this, in minor units.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_007_199_254_740_991_i64, nullable = false)]
    pub liability_cents: Level,
    /// C: the stake is at most this, in minor units.
    #[serde(default)]
    #[schema(value_type = Option<i64>, minimum = 0, maximum = 9_007_199_254_740_991_i64, nullable = false)]
    pub stake_cents: Level,
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

impl SetLimits {
    /// The limits.
    pub const fn limits(&self) -> StakeLimits {
        StakeLimits {
            volume: self.volume_cents.0,
            liability: self.liability_cents.0,
            stake: self.stake_cents.0,
        }
    }
}

/// Limits that are let go.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"scope": {"level": "SPORT", "sport": "tennis"}, "currency": "EUR", "reason": "the tour is over"}))]
pub struct ReleaseLimits {
    /// What they are about.
    pub scope: Scope,
    /// The currency of the bets that they limit.
    #[schema(value_type = String, pattern = "^[A-Z]{3}$", example = "EUR")]
    pub currency: Currency,
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// The limits of a scope.
#[derive(Debug, Serialize, ToSchema)]
pub struct Limits {
    /// What they are about.
    pub scope: Scope,
    /// The currency of the bets that they limit.
    #[schema(value_type = String, example = "EUR")]
    pub currency: Currency,
    /// The smaller of stake and win is at most this, in minor units.
    pub volume_cents: Option<i64>,
    /// The win is at most this, in minor units.
    pub liability_cents: Option<i64>,
    /// The stake is at most this, in minor units.
    pub stake_cents: Option<i64>,
    /// Counts their changes, from 1.
    pub version: i64,
    /// Who changed them.
    #[schema(example = "usr_1C4KqX7YvQe3Jm9TzR5bNd")]
    pub actor: String,
    /// Why.
    #[schema(example = "a minor tour")]
    pub reason: String,
    /// When.
    pub changed_at: Time,
}

impl From<LimitView> for Limits {
    fn from(view: LimitView) -> Self {
        Self {
            scope: view.scope.into(),
            currency: view.currency,
            volume_cents: view.limits.volume.map(Cents::get),
            liability_cents: view.limits.liability.map(Cents::get),
            stake_cents: view.limits.stake.map(Cents::get),
            version: view.version,
            actor: view.actor,
            reason: view.reason,
            changed_at: view.changed_at.into(),
        }
    }
}

/// What the limits of an account are multiplied by in a sport.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(example = json!({"sport": "tennis", "factor_pct": 25, "reason": "beats the closing price"}))]
pub struct SetFactor {
    /// The sport, a lower-case word.
    #[schema(value_type = String, pattern = "^[a-z0-9-]{1,100}$", example = "tennis")]
    pub sport: Sport,
    /// The factor in per cent: 100 is as everybody, 0 takes no bets.
    #[schema(value_type = u16, minimum = 0, maximum = 500, example = 25)]
    pub factor_pct: Factor,
    /// Why, for the records.
    #[schema(value_type = String, min_length = 1, max_length = 500, pattern = r"^[ -~]*[!-~][ -~]*$")]
    pub reason: Reason,
}

/// The factor of an account in a sport.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountFactor {
    /// The account.
    #[schema(value_type = schema::AccountId)]
    pub account_id: AccountId,
    /// The sport.
    #[schema(example = "tennis")]
    pub sport: String,
    /// The factor in per cent.
    pub factor_pct: u16,
    /// Counts its changes, from 1.
    pub version: i64,
    /// Who changed it.
    #[schema(example = "usr_1C4KqX7YvQe3Jm9TzR5bNd")]
    pub actor: String,
    /// Why.
    #[schema(example = "beats the closing price")]
    pub reason: String,
    /// When.
    pub changed_at: Time,
}

impl From<FactorView> for AccountFactor {
    fn from(view: FactorView) -> Self {
        Self {
            account_id: view.account_id,
            sport: view.sport,
            factor_pct: view.factor.pct(),
            version: view.version,
            actor: view.actor,
            reason: view.reason,
            changed_at: view.changed_at.into(),
        }
    }
}

/// The factors of an account, by sport.
#[derive(Debug, Serialize, ToSchema)]
pub struct AccountFactors {
    /// The factors that were ever set; in every other sport the account is as everybody.
    pub items: Vec<AccountFactor>,
}
