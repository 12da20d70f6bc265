//! Which moves of the price a player allows.

use super::product::Product;
use crate::UnknownName;
use crate::odds::Price;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::ops::Mul;
use std::str::FromStr;

/// Which moves of the price between the submitted and the current one a player allows. The bet is
/// filled at the current price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub enum PricePolicy {
    /// None: the price must be the submitted one.
    None,
    /// Only to a better price.
    Higher,
    /// Any.
    Any,
    /// To a better price, or down by at most that many per cent of the submitted one (0 to 100).
    Within(u8),
}

impl PricePolicy {
    /// Whether the policy allows filling a leg at `current` where the player saw `submitted`.
    pub fn allows(self, submitted: Price, current: Price) -> bool {
        let times = |one: u32, other: u32| u64::from(one) * u64::from(other);
        self.holds(times(current.num(), submitted.den()), times(submitted.num(), current.den()))
    }

    /// The same on products of prices.
    pub(super) fn allows_product(self, submitted: &Product, current: &Product) -> bool {
        self.holds(&current.num * &submitted.den, &submitted.num * &current.den)
    }

    /// The test, in whole numbers over a common denominator: `current * 100 >= submitted * (100 -
    /// tolerance)` (betting rules, "Placement"). For single prices 64 bits hold it, for products not.
    fn holds<N: Ord + From<u8> + Mul<Output = N>>(self, current: N, submitted: N) -> bool {
        match self {
            Self::None => current == submitted,
            Self::Higher => current >= submitted,
            Self::Any => true,
            Self::Within(percent) => current * N::from(100) >= submitted * N::from(100 - percent.min(100)),
        }
    }
}

impl fmt::Display for PricePolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("NONE"),
            Self::Higher => f.write_str("HIGHER"),
            Self::Any => f.write_str("ANY"),
            Self::Within(percent) => write!(f, "WITHIN_{percent}"),
        }
    }
}

impl FromStr for PricePolicy {
    type Err = UnknownName;
    fn from_str(text: &str) -> Result<Self, UnknownName> {
        let within = |digits: &str| {
            let percent: u8 = digits.parse().ok()?;
            // One spelling a policy: no sign, no leading zeros.
            (percent <= 100 && percent.to_string() == digits).then_some(Self::Within(percent))
        };
        match text {
            "NONE" => Ok(Self::None),
            "HIGHER" => Ok(Self::Higher),
            "ANY" => Ok(Self::Any),
            _ => text.strip_prefix("WITHIN_").and_then(within).ok_or_else(|| {
                UnknownName::new("PricePolicy", text, &["NONE", "HIGHER", "ANY", "WITHIN_0 to WITHIN_100"])
            }),
        }
    }
}

impl TryFrom<String> for PricePolicy {
    type Error = UnknownName;
    fn try_from(text: String) -> Result<Self, UnknownName> {
        text.parse()
    }
}

impl From<PricePolicy> for String {
    fn from(policy: PricePolicy) -> Self {
        policy.to_string()
    }
}

#[cfg(test)]
mod tests;
