//! What the open bets of a market come to, and what the house can lose by it (betting rules, "Limits and exposure").

use super::BetKind;
use crate::ids::{MarketId, OutcomeId};
use crate::markets::MarketKind;
use crate::money::{Cents, Currency};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The open bets on one outcome, in minor units.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Figures {
    /// The stakes of singles.
    pub stakes: Cents,
    /// L: the potential payouts of singles.
    pub payouts: Cents,
    /// The whole potential payouts of the parlays that have a leg on it, never netted.
    pub multiples: Cents,
}

impl Figures {
    fn of(bet: &OpenBet) -> Self {
        match bet.kind {
            BetKind::Single => Self { stakes: bet.stake, payouts: bet.payout, ..Self::default() },
            BetKind::Parlay => Self { multiples: bet.payout, ..Self::default() },
        }
    }

    fn combine(self, other: Self, by: fn(Cents, Cents) -> Option<Cents>) -> Option<Self> {
        Some(Self {
            stakes: by(self.stakes, other.stakes)?,
            payouts: by(self.payouts, other.payouts)?,
            multiples: by(self.multiples, other.multiples)?,
        })
    }
}

/// A bet as far as exposure asks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenBet {
    /// Single or parlay.
    pub kind: BetKind,
    /// Its currency.
    pub currency: Currency,
    /// The stake.
    pub stake: Cents,
    /// The potential payout.
    pub payout: Cents,
    /// What its legs are on.
    pub legs: Vec<(MarketId, OutcomeId)>,
}

/// Figures that do not add up: they would pass the end of the numbers, or fall below zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the figures of the open bets do not add up")]
pub struct ExposureError;

/// The figures of one market: by currency and outcome; an outcome without open bets is left out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Exposure(pub BTreeMap<Currency, BTreeMap<OutcomeId, Figures>>);

impl Exposure {
    /// Counts a bet that was accepted; of its legs those on `market`. They count until the bet closes.
    ///
    /// # Errors
    /// When a figure would pass the end of the numbers.
    pub fn open(&mut self, market: MarketId, bet: &OpenBet) -> Result<(), ExposureError> {
        self.count(market, bet, Cents::checked_add)
    }

    /// Counts a bet no more: it was settled or is void.
    ///
    /// # Errors
    /// When a figure would fall below zero: the bet was not counted.
    pub fn close(&mut self, market: MarketId, bet: &OpenBet) -> Result<(), ExposureError> {
        self.count(market, bet, |one, other| one.checked_sub(other).filter(|rest| *rest >= Cents::ZERO))
    }

    fn count(
        &mut self,
        market: MarketId,
        bet: &OpenBet,
        by: fn(Cents, Cents) -> Option<Cents>,
    ) -> Result<(), ExposureError> {
        let outcomes = self.0.entry(bet.currency).or_default();
        for (_, outcome) in bet.legs.iter().filter(|(of, _)| *of == market) {
            let figures = outcomes.entry(*outcome).or_default();
            *figures = figures.combine(Figures::of(bet), by).ok_or(ExposureError)?;
            if *figures == Figures::default() {
                outcomes.remove(outcome);
            }
        }
        if outcomes.is_empty() {
            self.0.remove(&bet.currency);
        }
        Ok(())
    }
}

/// How a market's outcomes can end together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Outcomes that exclude each other, or pairs by line.
    pub kind: MarketKind,
    /// How many outcomes win; 0 where that is not known.
    pub number_of_winners: usize,
    /// The outcomes that share a line, by their pair's number.
    pub pairs: BTreeMap<OutcomeId, i32>,
}

/// T: all stakes of singles on a market.
///
/// # Errors
/// When they pass the end of the numbers.
pub fn total_stakes(outcomes: &BTreeMap<OutcomeId, Figures>) -> Result<Cents, ExposureError> {
    sum(outcomes.values().map(|figures| figures.stakes))
}

/// The most that the house can lose on a market's singles, less than zero where it wins in any case: what is paid at
/// worst, less T. With k winners the k largest payouts are; where k is not known, all. On line markets each pair pays at
/// most the larger of both payouts, or both stakes, which the sum over the pairs bounds from above for every final margin.
/// Parlays stand apart.
///
/// # Errors
/// When the sums pass the end of the numbers.
pub fn worst(outcomes: &BTreeMap<OutcomeId, Figures>, shape: &Shape) -> Result<Cents, ExposureError> {
    let paid = match shape.kind {
        MarketKind::Odds => {
            let mut payouts: Vec<Cents> = outcomes.values().map(|figures| figures.payouts).collect();
            payouts.sort_unstable_by(|one, other| other.cmp(one));
            let winners = if shape.number_of_winners == 0 { payouts.len() } else { shape.number_of_winners };
            sum(payouts.into_iter().take(winners))?
        }
        MarketKind::Line => sum(by_pair(outcomes, shape)?.into_values())?,
    };
    paid.checked_sub(total_stakes(outcomes)?).ok_or(ExposureError)
}

/// What each pair of a line market pays at most; an outcome without a pair is one by itself.
fn by_pair(
    outcomes: &BTreeMap<OutcomeId, Figures>,
    shape: &Shape,
) -> Result<BTreeMap<Result<i32, OutcomeId>, Cents>, ExposureError> {
    let mut pairs: BTreeMap<Result<i32, OutcomeId>, (Cents, Cents)> = BTreeMap::new();
    for (outcome, figures) in outcomes {
        let pair = shape.pairs.get(outcome).copied().ok_or(*outcome);
        let (stakes, payout) = pairs.entry(pair).or_default();
        *stakes = stakes.checked_add(figures.stakes).ok_or(ExposureError)?;
        *payout = figures.payouts.max(*payout);
    }
    Ok(pairs.into_iter().map(|(pair, (stakes, payout))| (pair, stakes.max(payout))).collect())
}

fn sum(mut cents: impl Iterator<Item = Cents>) -> Result<Cents, ExposureError> {
    cents.try_fold(Cents::ZERO, Cents::checked_add).ok_or(ExposureError)
}

#[cfg(test)]
mod tests;
