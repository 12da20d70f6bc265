//! The markets of a stream: what all its messages came to so far.

use super::market::Market;
use super::message::Change;
use overround_domain::markets::{SourceMarket, SourceStatus};
use std::collections::{BTreeMap, HashSet};

/// The markets, by their keys.
#[derive(Debug, Default)]
pub(super) struct Markets {
    markets: BTreeMap<String, Market>,
    pub(super) refused: Refused,
}

/// What could not be taken.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Refused {
    /// Ladder entries with money at what is no price.
    pub(super) entries: u64,
    /// Runners listed twice, or on a line that is no multiple of a quarter.
    pub(super) runners: u64,
}

impl Markets {
    /// Applies the changes of one message. Returns the markets that stand differently after it.
    pub(super) fn apply(&mut self, changes: Vec<Change>) -> Vec<SourceMarket> {
        let mut touched: Vec<String> = Vec::new();
        let mut seen: HashSet<String> = HashSet::new();
        for change in changes {
            if seen.insert(change.id.clone()) {
                touched.push(change.id.clone());
            }
            let market = self.markets.entry(change.id.clone()).or_default();
            self.refused.entries += market.apply(change);
        }
        let mut changed = Vec::new();
        for key in touched {
            let Some(market) = self.markets.get_mut(&key) else { continue };
            let (said, refused) = market.say(&key);
            self.refused.runners += refused;
            changed.extend(said);
        }
        changed
    }

    /// Applies the image of a subscription, which has all its markets, whole. One that it has not is
    /// not heard of any more: it is said a last time, suspended and without prices, and forgotten.
    pub(super) fn replace(&mut self, mut changes: Vec<Change>) -> Vec<SourceMarket> {
        let present: HashSet<&str> = changes.iter().map(|change| change.id.as_str()).collect();
        let gone: Vec<String> =
            self.markets.keys().filter(|key| !present.contains(key.as_str())).cloned().collect();
        let mut withdrawn: Vec<SourceMarket> = Vec::new();
        for key in gone {
            let said = self.markets.remove(&key);
            withdrawn
                .extend(said.as_ref().and_then(Market::said).filter(|said| is_on_sale(said)).map(suspended));
        }
        for change in &mut changes {
            change.mark_as_image();
        }
        let mut changed = self.apply(changes);
        changed.append(&mut withdrawn);
        changed
    }

    /// Every market described so far, as it stands, in the order of their keys.
    pub(super) fn said(&self) -> impl Iterator<Item = &SourceMarket> {
        self.markets.values().filter_map(Market::said)
    }
}

fn is_on_sale(market: &SourceMarket) -> bool {
    market.status == SourceStatus::Open
}

fn suspended(market: &SourceMarket) -> SourceMarket {
    let mut market = SourceMarket { status: SourceStatus::Suspended, ..market.clone() };
    for outcome in &mut market.outcomes {
        outcome.best_back = None;
    }
    market
}
