//! One formula settles every leg (betting rules, "One formula settles every leg").

use crate::money::Cents;
use crate::odds::Price;
use num_bigint::BigInt;
use num_rational::BigRational;
use num_traits::{One, ToPrimitive, Zero};
use serde::{Deserialize, Serialize};

/// A fraction from 0 to 1 in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "FractionTerms", into = "FractionTerms")]
pub struct Fraction {
    num: u32,
    den: u32,
}

/// A fraction as it travels.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
struct FractionTerms {
    num: u32,
    den: u32,
}

/// Two numbers that are no fraction from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a fraction is from 0 to 1, with terms of at most 1000000")]
pub struct FractionError;

impl Fraction {
    /// The whole.
    pub const ONE: Self = Self { num: 1, den: 1 };

    /// The fraction `num/den`, reduced to lowest terms.
    ///
    /// # Errors
    /// When it is not from 0 to 1, or a term is above 10^6.
    pub fn new(num: u32, den: u32) -> Result<Self, FractionError> {
        if den == 0 || num > den || den > crate::odds::TERM_MAX {
            return Err(FractionError);
        }
        let divisor = num_integer::gcd(num, den);
        Ok(Self { num: num / divisor, den: den / divisor })
    }

    /// Numerator in lowest terms.
    pub const fn num(self) -> u32 {
        self.num
    }

    /// Denominator in lowest terms.
    pub const fn den(self) -> u32 {
        self.den
    }
}

impl TryFrom<FractionTerms> for Fraction {
    type Error = FractionError;
    fn try_from(terms: FractionTerms) -> Result<Self, FractionError> {
        Self::new(terms.num, terms.den)
    }
}

impl From<Fraction> for FractionTerms {
    fn from(fraction: Fraction) -> Self {
        Self { num: fraction.num, den: fraction.den }
    }
}

stored_enum! {
    /// The void part v of a leg.
    VoidFactor {
        /// Nothing is void.
        None = "NONE",
        /// Half is returned.
        Half = "HALF",
        /// All is returned.
        Full = "FULL",
    }
}

/// How a leg ended: result r, void part v and dead-heat factor h.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegResult {
    /// r: whether it won.
    pub won: bool,
    /// v: the part of it that is void.
    pub void: VoidFactor,
    /// h: the share of a win that is left to it, above 0 where it won.
    pub dead_heat: Fraction,
    /// Why it is void by decree (cancel, non-runner). None where a score made it so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub void_reason: Option<String>,
}

impl LegResult {
    const fn plain(won: bool, void: VoidFactor) -> Self {
        Self { won, void, dead_heat: Fraction::ONE, void_reason: None }
    }

    /// It won.
    pub const fn win() -> Self {
        Self::plain(true, VoidFactor::None)
    }

    /// It lost.
    pub const fn lose() -> Self {
        Self::plain(false, VoidFactor::None)
    }

    /// Its stake comes back: pushed by score, or void for the reason that is given.
    pub const fn refund(reason: Option<String>) -> Self {
        Self { won: false, void: VoidFactor::Full, dead_heat: Fraction::ONE, void_reason: reason }
    }

    /// Half won, half returned.
    pub const fn half_win() -> Self {
        Self::plain(true, VoidFactor::Half)
    }

    /// Half lost, half returned.
    pub const fn half_lose() -> Self {
        Self::plain(false, VoidFactor::Half)
    }

    /// It won a share `h` of a place.
    pub const fn dead_heat(h: Fraction) -> Self {
        Self { won: true, void: VoidFactor::None, dead_heat: h, void_reason: None }
    }

    /// Whether f is 0: nothing of it comes back, whatever its price.
    pub const fn returns_nothing(&self) -> bool {
        matches!(self.void, VoidFactor::None) && (!self.won || self.dead_heat.num == 0)
    }

    /// Whether f is the price: a win that nothing reduced.
    pub const fn won_in_full(&self) -> bool {
        self.won && matches!(self.void, VoidFactor::None) && self.dead_heat.num == self.dead_heat.den
    }

    /// Whether all of it is void, and for a reason rather than by score.
    pub const fn is_void_by_decree(&self) -> bool {
        matches!(self.void, VoidFactor::Full) && self.void_reason.is_some()
    }
}

/// A price as a rational.
fn rational(price: Price) -> BigRational {
    BigRational::new(price.num().into(), price.den().into())
}

fn parts(result: &LegResult) -> (BigRational, BigRational) {
    let ratio = |num: u32, den: u32| BigRational::new(num.into(), den.into());
    let v = match result.void {
        VoidFactor::None => BigRational::zero(),
        VoidFactor::Half => ratio(1, 2),
        VoidFactor::Full => BigRational::one(),
    };
    let h = ratio(result.dead_heat.num, result.dead_heat.den);
    let rh = if result.won { h } else { BigRational::zero() };
    let won = (BigRational::one() - &v) * rh;
    (v, won)
}

/// What one unit staked on the leg returns: `f = v + (1 - v) * r * h * p`.
pub fn leg_factor(price: Price, result: &LegResult) -> BigRational {
    let (v, won) = parts(result);
    v + won * rational(price)
}

/// The stake's own share of [`leg_factor`]: `g = v + (1 - v) * r * h`.
pub fn stake_share(result: &LegResult) -> BigRational {
    let (v, won) = parts(result);
    v + won
}

/// What a free bet of `stake` pays in cash: `floor(S * (product f - product g))`, since its stake is
/// not returned. None past the end of the numbers.
pub fn free_bet_return(stake: Cents, legs: &[(Price, LegResult)]) -> Option<Cents> {
    let (mut f, mut g) = (BigRational::one(), BigRational::one());
    for (price, result) in legs {
        f *= leg_factor(*price, result);
        g *= stake_share(result);
    }
    floor_cents(stake, &(f - g))
}

/// `floor(stake * factor)` in minor units; none past the end of the numbers.
pub(super) fn floor_cents(stake: Cents, factor: &BigRational) -> Option<Cents> {
    let product = factor * BigInt::from(stake.get());
    product.floor().to_integer().to_i64().map(Cents::new)
}

#[cfg(test)]
mod tests;
