//! Fractions on 128 bits: enough for the few legs and short prices of the workload.

use overround_domain::odds::Price;

/// A fraction of at least 0, in lowest terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Ratio {
    pub num: u128,
    pub den: u128,
}

impl Ratio {
    pub const ONE: Self = Self { num: 1, den: 1 };
    pub const ZERO: Self = Self { num: 0, den: 1 };
    pub const HALF: Self = Self { num: 1, den: 2 };

    pub fn new(num: u128, den: u128) -> Self {
        let divisor = gcd(num, den).max(1);
        Self { num: num / divisor, den: den / divisor }
    }

    pub fn of(price: Price) -> Self {
        Self::new(price.num().into(), price.den().into())
    }

    /// The product. Saturating keeps a workload that outgrew 128 bits from passing for a small number.
    pub fn times(self, other: Self) -> Self {
        let (left, right) = (Self::new(self.num, other.den), Self::new(other.num, self.den));
        Self::new(left.num.saturating_mul(right.num), left.den.saturating_mul(right.den))
    }

    pub fn over(self, other: Self) -> Self {
        self.times(Self { num: other.den, den: other.num })
    }

    /// The middle between this and 1: what half of a stake returns when the other half comes back.
    pub fn halfway_to_one(self) -> Self {
        Self::new(self.num.saturating_add(self.den), self.den.saturating_mul(2))
    }

    /// `floor(stake * self)`, as minor units.
    pub fn floor_of(self, stake: i64) -> i64 {
        let stake = u128::from(stake.max(0).unsigned_abs());
        i64::try_from(self.num.saturating_mul(stake) / self.den.max(1)).unwrap_or(i64::MAX)
    }

    /// Whether it is at least so many hundredths.
    pub fn is_at_least_percent(self, percent: u128) -> bool {
        self.num.saturating_mul(100) >= self.den.saturating_mul(percent)
    }
}

fn gcd(a: u128, b: u128) -> u128 {
    if b == 0 { a } else { gcd(b, a % b) }
}
