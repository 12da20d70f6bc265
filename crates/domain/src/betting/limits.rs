//! What one bet may stake: limits at several levels, an account's factors, and the largest stake that they leave
//! (betting rules, "Limits and exposure").

use super::product::Product;
use super::{CapBook, CapTake};
use crate::ids::{AccountId, EventId, MarketId};
use crate::money::{Cents, Currency};
use num_bigint::BigUint;
use num_traits::ToPrimitive;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The largest account factor, in per cent.
const FACTOR_PCT_MAX: u16 = 500;

stored_enum! {
    /// What becomes of a stake that is above what may be taken.
    FillMode {
        /// The bet is refused, and the refusal says the largest stake that would be taken.
        Normal = "NORMAL",
        /// So much of it is staked as may be, if that is at least the least stake.
        FillAndKill = "FILL_AND_KILL",
    }
}

/// The limits of one level. Each that is there bounds the stake of a single bet by itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct StakeLimits {
    /// V: the smaller of stake and win is at most this, in minor units.
    pub volume: Option<Cents>,
    /// L: the win is at most this, in minor units.
    pub liability: Option<Cents>,
    /// C: the stake is at most this, in minor units.
    pub stake: Option<Cents>,
}

impl StakeLimits {
    /// Whether nothing is limited.
    pub const fn is_none(&self) -> bool {
        self.volume.is_none() && self.liability.is_none() && self.stake.is_none()
    }

    /// Both at once. Each limit's largest stake grows with it, so that the smallest of each is as strict as all.
    const fn and(self, other: Self) -> Self {
        Self {
            volume: smaller(self.volume, other.volume),
            liability: smaller(self.liability, other.liability),
            stake: smaller(self.stake, other.stake),
        }
    }
}

const fn smaller(one: Option<Cents>, other: Option<Cents>) -> Option<Cents> {
    match (one, other) {
        (Some(one), Some(other)) => Some(if one.get() < other.get() { one } else { other }),
        (Some(only), None) | (None, Some(only)) => Some(only),
        (None, None) => None,
    }
}

/// What an account's limits are multiplied by in a sport: from 0 to 5, in hundredths.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "u16", into = "u16")]
pub struct Factor(u16);

/// A number that is no factor.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a factor is from 0 to {FACTOR_PCT_MAX} per cent")]
pub struct FactorError;

impl Factor {
    /// The factor of whoever has none of their own.
    pub const ONE: Self = Self(100);

    /// The factor of so many hundredths.
    ///
    /// # Errors
    /// When they are more than 500.
    pub const fn from_pct(pct: u16) -> Result<Self, FactorError> {
        if pct > FACTOR_PCT_MAX { Err(FactorError) } else { Ok(Self(pct)) }
    }

    /// Its hundredths.
    pub const fn pct(self) -> u16 {
        self.0
    }
}

impl TryFrom<u16> for Factor {
    type Error = FactorError;
    fn try_from(pct: u16) -> Result<Self, FactorError> {
        Self::from_pct(pct)
    }
}

impl From<Factor> for u16 {
    fn from(factor: Factor) -> Self {
        factor.0
    }
}

stored_enum! {
    /// How much a limit is about, from the widest on.
    LimitLevel {
        /// Every market.
        Default = "DEFAULT",
        /// The markets of a sport.
        Sport = "SPORT",
        /// The markets of a type, such as MATCH_ODDS.
        MarketType = "MARKET_TYPE",
        /// One market.
        Market = "MARKET",
    }
}

/// What a limit is about. All that cover a market count: a narrow one does not set a wide one aside.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LimitScope {
    /// Every market.
    Default,
    /// The markets of a sport.
    Sport(String),
    /// The markets of a type.
    MarketType(String),
    /// One market.
    Market(MarketId),
}

impl LimitScope {
    /// How much it is about.
    pub const fn level(&self) -> LimitLevel {
        match self {
            Self::Default => LimitLevel::Default,
            Self::Sport(_) => LimitLevel::Sport,
            Self::MarketType(_) => LimitLevel::MarketType,
            Self::Market(_) => LimitLevel::Market,
        }
    }
}

/// What a market is, as far as limits ask.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarketClass {
    /// Its event.
    pub event: EventId,
    /// Its event's sport.
    pub sport: String,
    /// Its type.
    pub market_type: String,
}

/// What limits a bet's leg: everything that covers its market, for the account that bets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LegLimits {
    /// The strictest of each kind.
    pub limits: StakeLimits,
    /// The account's factor in the market's sport.
    pub factor: Factor,
}

impl Default for LegLimits {
    fn default() -> Self {
        Self { limits: StakeLimits::default(), factor: Factor::ONE }
    }
}

/// All limits and factors in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LimitBook {
    /// Counts the changes of them all.
    pub version: i64,
    /// The limits.
    pub limits: BTreeMap<(LimitScope, Currency), StakeLimits>,
    /// The factors that are not one, by account and sport.
    pub factors: BTreeMap<(AccountId, String), Factor>,
    /// The hard caps.
    pub caps: CapBook,
}

impl LimitBook {
    /// Whether a bet may be limited by what its markets are, and not only by which.
    pub fn asks_for_class(&self) -> bool {
        let by_class =
            |scope: &LimitScope| matches!(scope.level(), LimitLevel::Sport | LimitLevel::MarketType);
        !self.factors.is_empty()
            || self.caps.asks_for_class()
            || self.limits.keys().any(|(scope, _)| by_class(scope))
    }

    /// What limits a leg on a market. Without its class, what asks for it does not count.
    pub fn of_leg(
        &self,
        account: AccountId,
        currency: Currency,
        market: MarketId,
        class: Option<&MarketClass>,
    ) -> LegLimits {
        let mut scopes = vec![LimitScope::Default, LimitScope::Market(market)];
        if let Some(class) = class {
            scopes.push(LimitScope::Sport(class.sport.clone()));
            scopes.push(LimitScope::MarketType(class.market_type.clone()));
        }
        let covering = scopes.into_iter().filter_map(|scope| self.limits.get(&(scope, currency)));
        let limits = covering.fold(StakeLimits::default(), |strictest, one| strictest.and(*one));
        let factor = class.and_then(|class| self.factors.get(&(account, class.sport.clone())));
        LegLimits { limits, factor: factor.copied().unwrap_or(Factor::ONE) }
    }
}

/// How a bet's stake was limited: frozen on the bet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LimitDecision {
    /// The version of the [`LimitBook`] that it was decided by.
    pub limits_version: i64,
    /// The largest stake that would have been taken.
    pub stake_cents_max: Cents,
    /// The stake that was asked for.
    pub requested_stake_cents: Cents,
    /// What it took of hard caps.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub caps: Vec<CapTake>,
    /// The day of its account that its payout counts for, where the house bounds them.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payout_day: Option<i64>,
}

/// The largest stakes that a bet may have, whatever the balance.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ceilings {
    /// By the caps on events and sports; the largest number where there is none.
    pub(super) event: Cents,
    /// By the limits, the factors, the house's largest stake, and the caps on markets and outcomes.
    pub(super) stake: Cents,
    /// By the caps on the combination of legs; the largest number where there is none.
    pub(super) combination: Cents,
    /// By the house's largest payouts, of a bet and of an account's day.
    pub(super) payout: Cents,
}

impl Ceilings {
    /// The largest stake that all allow.
    pub(super) fn all(self) -> Cents {
        self.event.min(self.stake).min(self.combination).min(self.payout)
    }
}

/// What may be staked at a total price under one leg's limits: the smallest of V, L and C, by the account's factor and,
/// in play, by `in_play_pct`, each of them floored at the end. The win is that of the whole bet, also of a parlay.
pub(super) fn largest_stake(of: &LegLimits, in_play_pct: Option<u32>, price: &Product) -> Option<Cents> {
    let win = &price.num - &price.den;
    let hundredths = BigUint::from(of.factor.pct()) * in_play_pct.unwrap_or(100);
    let scaled = |cents: Cents, num: &BigUint, den: &BigUint| -> Cents {
        let cents = BigUint::from(u64::try_from(cents.get()).unwrap_or(0));
        let stake = cents * num * &hundredths / (den * 10_000_u32);
        Cents::new(stake.to_i64().unwrap_or(i64::MAX))
    };
    let one = BigUint::from(1_u8);
    let by_win = |cents| scaled(cents, &price.den, &win);
    let is_even_or_longer = price.num >= &price.den * 2_u8;
    let by_volume = of
        .limits
        .volume
        .map(|volume| if is_even_or_longer { scaled(volume, &one, &one) } else { by_win(volume) });
    let by_stake = of.limits.stake.map(|stake| scaled(stake, &one, &one));
    smaller(smaller(by_volume, of.limits.liability.map(by_win)), by_stake)
}

/// The house's largest stake for an account: a factor lowers it, and never raises it.
pub(super) fn house_stake(stake_max: Cents, factor: Factor) -> Cents {
    let pct = i128::from(factor.min(Factor::ONE).pct());
    let cents = i128::from(stake_max.get()) * pct / 100;
    Cents::new(i64::try_from(cents).unwrap_or(0))
}

/// The largest stake whose payout, floored, is at most `payout_max`.
pub(super) fn largest_paying(payout_max: Cents, price: &Product) -> Cents {
    let most = BigUint::from(u64::try_from(payout_max.get()).unwrap_or(0));
    let stake = ((most + 1_u8) * &price.den - 1_u8) / &price.num;
    Cents::new(stake.to_i64().unwrap_or(i64::MAX))
}

#[cfg(test)]
mod tests;
