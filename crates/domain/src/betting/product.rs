//! The product of a parlay's prices, exactly.

use crate::money::Cents;
use crate::odds::Price;
use num_bigint::BigUint;
use num_traits::ToPrimitive;

/// A product of prices, not reduced: twenty terms overflow 128 bits, and a common divisor is dearer to
/// find than to carry.
pub(super) struct Product {
    pub(super) num: BigUint,
    pub(super) den: BigUint,
}

impl Product {
    pub(super) fn of(prices: impl IntoIterator<Item = Price>) -> Self {
        let one = Self { num: BigUint::from(1_u8), den: BigUint::from(1_u8) };
        prices.into_iter().fold(one, |product, price| Self {
            num: product.num * price.num(),
            den: product.den * price.den(),
        })
    }

    /// `floor(stake * product)`; none for a negative stake and past the end of the numbers.
    pub(super) fn floor_of(&self, stake: Cents) -> Option<Cents> {
        let stake = u64::try_from(stake.get()).ok()?;
        let floor = &self.num * stake / &self.den;
        floor.to_i64().map(Cents::new)
    }
}
