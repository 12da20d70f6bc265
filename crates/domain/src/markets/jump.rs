//! Prices that move too far at once (betting rules, "Limits and exposure").

use crate::odds::Price;
use std::num::NonZeroU32;

/// How far a price may move in one message, in per cent: the higher of the old and the new over the lower. So a
/// price that doubles moves as far as one that halves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JumpLimit(NonZeroU32);

impl JumpLimit {
    /// The limit of that many per cent; none, and so no limit, where it is zero.
    pub const fn new(pct: u32) -> Option<Self> {
        match NonZeroU32::new(pct) {
            Some(pct) => Some(Self(pct)),
            None => None,
        }
    }

    /// The number of per cent.
    pub const fn pct(self) -> u32 {
        self.0.get()
    }

    /// Whether a price that moves like this moves too far.
    pub fn is_exceeded(self, from: Price, to: Price) -> bool {
        let (lower, higher) = (from.min(to), from.max(to));
        let [low_num, low_den, high_num, high_den, pct] =
            [lower.num(), lower.den(), higher.num(), higher.den(), self.pct()].map(u128::from);
        high_num * low_den * 100 > low_num * high_den * (100 + pct)
    }
}

#[cfg(test)]
mod tests {
    use super::JumpLimit;
    use crate::test_support::price;

    #[test]
    fn a_move_is_measured_the_same_either_way_and_exactly() {
        let (two, three, four) = (price(2, 1), price(3, 1), price(4, 1));
        let cases = [
            (two, two, 1, false),
            (two, three, 50, false),
            (two, three, 49, true),
            (two, four, 100, false),
            (two, four, 99, true),
            (price(101, 100), price(1000, 1), 98_909, true),
            (price(101, 100), price(1000, 1), 98_910, false),
            (two, four, u32::MAX, false),
        ];
        for (one, other, pct, expected) in cases {
            let limit = JumpLimit::new(pct).unwrap();
            assert_eq!(limit.is_exceeded(one, other), expected, "{one:?} {other:?} {pct}");
            assert_eq!(limit.is_exceeded(other, one), expected, "{other:?} {one:?} {pct}");
        }
        assert_eq!(JumpLimit::new(0), None);
    }
}
