//! One runner's prices to back it.

use super::message::RunnerChange;
use crate::decimal::Decimal;
use overround_domain::odds::Price;
use std::collections::{BTreeMap, BTreeSet};

/// A runner's ladders on the back side, as far as a best price needs them: which levels have money.
#[derive(Debug, Default)]
pub(super) struct Book {
    /// Full depth (`atb`), by price.
    full: BTreeSet<Price>,
    /// Best displayed, cross-matched offers included (`bdatb`), by level.
    displayed: BTreeMap<u32, Price>,
    /// Best offers (`batb`), by level.
    best: BTreeMap<u32, Price>,
    /// Last traded (`ltp`).
    traded: Option<Price>,
}

impl Book {
    /// Applies a delta. Returns how many of its entries have money at what is no price.
    pub(super) fn apply(&mut self, change: &RunnerChange) -> u64 {
        let mut refused = 0;
        for (price, size) in &change.atb {
            match (price.price(), size.is_positive()) {
                (Some(price), true) => drop(self.full.insert(price)),
                (Some(price), false) => drop(self.full.remove(&price)),
                (None, true) => refused += 1,
                (None, false) => {}
            }
        }
        refused += apply_levels(&mut self.displayed, &change.bdatb);
        refused += apply_levels(&mut self.best, &change.batb);
        if let Some(traded) = change.ltp {
            self.traded = traded.price();
        }
        refused
    }

    /// The best price to back at. The last traded price stands in only where the market has no book
    /// at all: beside an empty book it is a price nobody offers any more.
    pub(super) fn best_back(&self, market_has_book: bool) -> Option<Price> {
        if !market_has_book {
            return self.traded;
        }
        let full = self.full.last();
        full.or_else(|| self.displayed.values().max()).or_else(|| self.best.values().max()).copied()
    }
}

/// Applies entries of (level, price, size); size 0 empties the level whatever its price says.
fn apply_levels(ladder: &mut BTreeMap<u32, Price>, entries: &[(Decimal, Decimal, Decimal)]) -> u64 {
    let mut refused = 0;
    for (level, price, size) in entries {
        let Some(level) = level.level() else {
            refused += 1;
            continue;
        };
        match price.price().filter(|_| size.is_positive()) {
            Some(price) => drop(ladder.insert(level, price)),
            None => {
                ladder.remove(&level);
                refused += u64::from(size.is_positive());
            }
        }
    }
    refused
}
