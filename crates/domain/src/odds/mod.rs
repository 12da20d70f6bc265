//! Exact prices, their views, and the ladder that prices stand on.

mod ladder;
mod views;

pub use ladder::{LadderPrice, OffLadder, ladder, ladder_floor};
pub use views::{ViewError, from_american, from_decimal, from_fractional};

use serde::{Deserialize, Serialize};

/// The largest numerator and denominator of a price.
pub const TERM_MAX: u32 = 1_000_000;

/// A price: the return on one unit of stake, stake included, as an exact fraction in lowest terms.
/// Above 1, terms at most [`TERM_MAX`]. -110 American is 21/11, which has no finite decimal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(try_from = "PriceTerms", into = "PriceTerms")]
pub struct Price {
    num: u32,
    den: u32,
}

/// A price as it travels: two numbers that are not checked yet.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct PriceTerms {
    /// Numerator.
    pub num: u32,
    /// Denominator.
    pub den: u32,
}

/// Why two numbers are no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PriceError {
    /// A term is zero or above [`TERM_MAX`].
    #[error("the terms of a price are whole numbers from 1 to 1000000")]
    TermOutOfRange,
    /// A price of 1 or less would return no winnings.
    #[error("a price is greater than 1")]
    NotAboveOne,
}

impl Price {
    /// The price `num/den`, reduced to lowest terms.
    ///
    /// # Errors
    /// When a term is out of range or the fraction is not above 1.
    pub fn new(num: u32, den: u32) -> Result<Self, PriceError> {
        if !(1..=TERM_MAX).contains(&num) || !(1..=TERM_MAX).contains(&den) {
            return Err(PriceError::TermOutOfRange);
        }
        if num <= den {
            return Err(PriceError::NotAboveOne);
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

impl PartialOrd for Price {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Price {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        let left = u64::from(self.num) * u64::from(other.den);
        left.cmp(&(u64::from(other.num) * u64::from(self.den)))
    }
}

impl TryFrom<PriceTerms> for Price {
    type Error = PriceError;
    fn try_from(terms: PriceTerms) -> Result<Self, PriceError> {
        Self::new(terms.num, terms.den)
    }
}

impl From<Price> for PriceTerms {
    fn from(price: Price) -> Self {
        Self { num: price.num, den: price.den }
    }
}

#[cfg(test)]
mod tests;
