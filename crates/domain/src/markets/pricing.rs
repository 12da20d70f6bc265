//! The house's prices, from a source's (betting rules, "Prices").

use super::margin::BPS;
use super::power::{ONE, raised};
use super::{Margin, MarginBps, MarginMethod, MarketKind};
use crate::odds::{Price, ladder_floor};
use num_bigint::BigUint;
use num_integer::Integer;
use num_traits::{ToPrimitive, Zero};
use std::collections::BTreeMap;

/// An outcome as far as its price goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PricedOutcome {
    /// Whether it takes part.
    pub active: bool,
    /// Its pair, on line markets.
    pub pair: Option<u32>,
    /// The source's best price to back it.
    pub best_back: Option<Price>,
}

/// The house's price of each outcome, in their order; none where it is not offered.
///
/// With q = 1/(best back price), the q of outcomes that exclude each other are normalized to sum to
/// `number_of_winners`, those of a line's pair to 1, and made to sum to 1 + margin as much by the
/// margin's method. The price is 1/q floored to the Betfair ladder, never above the source's best back
/// price, and none where that is below the ladder.
///
/// A book with a gap has no price at all, since the others cannot be normalized without it: that is
/// the whole market where outcomes exclude each other, and the pair on a line market.
pub fn house_prices(
    kind: MarketKind,
    number_of_winners: u32,
    outcomes: &[PricedOutcome],
    margin: Margin,
) -> Vec<Option<Price>> {
    let mut prices = vec![None; outcomes.len()];
    for book in books(kind, number_of_winners, outcomes) {
        for (position, price) in book.prices(margin) {
            if let Some(slot) = prices.get_mut(position) {
                *slot = price;
            }
        }
    }
    prices
}

/// Outcomes of which `winners` win, each with its source's price.
struct Book {
    winners: u32,
    outcomes: Vec<(usize, Price)>,
}

/// The complete books among the outcomes.
fn books(kind: MarketKind, number_of_winners: u32, outcomes: &[PricedOutcome]) -> Vec<Book> {
    let active = outcomes.iter().enumerate().filter(|(_, outcome)| outcome.active);
    let mut groups: BTreeMap<Option<u32>, Vec<(usize, Option<Price>)>> = BTreeMap::new();
    for (position, outcome) in active {
        let group = match kind {
            MarketKind::Odds => None,
            MarketKind::Line => outcome.pair,
        };
        groups.entry(group).or_default().push((position, outcome.best_back));
    }
    let complete = groups.into_iter().filter_map(|(group, members)| {
        let outcomes: Option<Vec<_>> =
            members.into_iter().map(|(position, price)| Some((position, price?))).collect();
        let outcomes = outcomes?;
        let winners = match kind {
            MarketKind::Odds => number_of_winners,
            MarketKind::Line => u32::from(group.is_some() && outcomes.len() == 2),
        };
        // Where all win, or none, there is nothing to bet on.
        (winners > 0 && usize::try_from(winners).is_ok_and(|winners| winners < outcomes.len()))
            .then_some(Book { winners, outcomes })
    });
    complete.collect()
}

impl Book {
    fn prices(&self, margin: Margin) -> Vec<(usize, Option<Price>)> {
        let hundredths = match (margin.method, margin.bps) {
            // Without a margin the methods agree, and this one is exact.
            (MarginMethod::Proportional, bps) | (MarginMethod::Power, bps @ MarginBps::ZERO) => {
                self.proportional(bps)
            }
            (MarginMethod::Power, bps) => self.power(bps),
        };
        let priced = self.outcomes.iter().zip(hundredths).map(|((position, best_back), hundredths)| {
            let best = u64::from(best_back.num()) * 100 / u64::from(best_back.den());
            (*position, ladder_floor(hundredths.min(best)))
        });
        priced.collect()
    }

    /// The prices in hundredths, which all of the ladder are, exactly: with Q the sum of all q, the price of an
    /// outcome is `Q / (q * winners * (1 + margin))`.
    fn proportional(&self, margin: MarginBps) -> Vec<u64> {
        let (sum, common) = self.sum_of_probabilities();
        let margined = u64::from(BPS) + u64::from(margin.get());
        let hundredths = self.outcomes.iter().map(|(_, best_back)| {
            let num = &sum * best_back.num() * (100 * BPS);
            let den = &common * best_back.den() * margined * self.winners;
            (num / den).to_u64().unwrap_or(u64::MAX)
        });
        hundredths.collect()
    }

    /// The prices in hundredths by the [power method](super::power). An outcome that is sure to be among the winners
    /// has no price above 1, and so nothing of its book is sold.
    fn power(&self, margin: MarginBps) -> Vec<u64> {
        let (sum, common) = self.sum_of_probabilities();
        let fair: Vec<u64> = self
            .outcomes
            .iter()
            .map(|(_, best_back)| {
                let num = &common * best_back.den() * self.winners * ONE;
                (num / (&sum * best_back.num())).to_u64().unwrap_or(u64::MAX)
            })
            .collect();
        if fair.iter().any(|one| *one >= ONE) {
            return vec![0; fair.len()];
        }
        let margined = u128::from(ONE) * u128::from(self.winners) * u128::from(BPS + margin.get());
        let price = |one: u64| (u128::from(ONE) * 100).checked_div(u128::from(one)).unwrap_or(u128::MAX);
        let hundredths = raised(&fair, margined.div_ceil(u128::from(BPS))).into_iter().map(price);
        hundredths.map(|hundredths| u64::try_from(hundredths).unwrap_or(u64::MAX)).collect()
    }

    /// The sum of 1/price as a fraction over the least common multiple of the prices' numerators.
    fn sum_of_probabilities(&self) -> (BigUint, BigUint) {
        let common = self.outcomes.iter().fold(BigUint::from(1_u8), |common, (_, price)| {
            let rest = (&common % price.num()).to_u32().unwrap_or(0);
            common * (price.num() / price.num().gcd(&rest))
        });
        let sum = self
            .outcomes
            .iter()
            .fold(BigUint::zero(), |sum, (_, price)| sum + &common / price.num() * price.den());
        (sum, common)
    }
}

#[cfg(test)]
mod tests;
