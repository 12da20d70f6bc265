//! The Betfair price ladder (betting rules, "Prices").

use super::Price;

/// The ladder in hundredths: from each bound (inclusive) on, steps of that size.
const STEPS: [(u32, u32); 10] = [
    (100, 1),
    (200, 2),
    (300, 5),
    (400, 10),
    (600, 20),
    (1_000, 50),
    (2_000, 100),
    (3_000, 200),
    (5_000, 500),
    (10_000, 1_000),
];

/// The lowest price of the ladder, in hundredths.
const LOWEST: u32 = 101;

/// The highest price of the ladder, in hundredths.
const HIGHEST: u32 = 100_000;

/// The highest price of the ladder, 1.01 to 1000, that is not above so many hundredths; none below 1.01.
pub fn ladder_floor(hundredths: u64) -> Option<Price> {
    let hundredths = u32::try_from(hundredths).unwrap_or(HIGHEST).min(HIGHEST);
    if hundredths < LOWEST {
        return None;
    }
    let (bound, step) = STEPS.into_iter().rfind(|(bound, _)| *bound <= hundredths)?;
    Price::new(bound + (hundredths - bound) / step * step, 100).ok()
}

/// Every price of the ladder, ascending.
pub fn ladder() -> impl Iterator<Item = Price> {
    let ends = STEPS.into_iter().skip(1).map(|(bound, _)| bound).chain([HIGHEST + 1]);
    let prices = STEPS
        .into_iter()
        .zip(ends)
        .flat_map(|((bound, step), end)| (bound..end).step_by(usize::try_from(step).unwrap_or(1)));
    prices.filter_map(|hundredths| Price::new(hundredths, 100).ok())
}

impl Price {
    /// The highest price of the ladder that is not above this one; none below 1.01.
    pub fn floor_to_ladder(self) -> Option<Self> {
        ladder_floor(u64::from(self.num()) * 100 / u64::from(self.den()))
    }

    /// Whether the ladder has this price.
    pub fn is_on_ladder(self) -> bool {
        self.floor_to_ladder() == Some(self)
    }
}

/// A price that stands on the ladder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LadderPrice(Price);

/// A price between two of the ladder, or beyond its ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{} is not on the ladder of prices, which goes from 1.01 to 1000", .0.decimal())]
pub struct OffLadder(pub Price);

impl LadderPrice {
    /// The price itself.
    pub const fn get(self) -> Price {
        self.0
    }
}

impl TryFrom<Price> for LadderPrice {
    type Error = OffLadder;
    fn try_from(price: Price) -> Result<Self, OffLadder> {
        if price.is_on_ladder() { Ok(Self(price)) } else { Err(OffLadder(price)) }
    }
}
