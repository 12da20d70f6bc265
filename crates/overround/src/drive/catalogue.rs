//! What the driver knows of the markets: the source's last word, and the house's answer to it.

use overround_domain::markets::{MarketStatus, OutcomeStatus, SourceMarket};
use std::collections::BTreeMap;

/// A market as source and house last had it.
#[derive(Debug, Clone)]
pub struct Known {
    /// The house's id of it, on the wire.
    pub id: String,
    /// The house's status.
    pub status: MarketStatus,
    /// Whether the house has recorded its result.
    pub recorded: bool,
    /// The source's last word, outcomes by position.
    pub source: SourceMarket,
}

/// All markets by the source's keys: an order that does not depend on ids.
#[derive(Debug, Default)]
pub struct Catalogue {
    markets: BTreeMap<String, Known>,
}

impl Catalogue {
    /// Takes note of a market that was published.
    pub fn note(&mut self, mut source: SourceMarket, id: String, status: MarketStatus, recorded: bool) {
        source.outcomes.sort_by_key(|outcome| outcome.position);
        self.markets.insert(source.key.clone(), Known { id, status, recorded, source });
    }

    /// The market of that source key.
    pub fn get(&self, key: &str) -> Option<&Known> {
        self.markets.get(key)
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.markets.len()
    }

    /// All of them.
    pub fn iter(&self) -> impl Iterator<Item = &Known> {
        self.markets.values()
    }

    /// Those that are on sale, or those that are not.
    pub fn on_sale(&self, wanted: bool) -> Vec<&Known> {
        self.iter().filter(|market| (market.status == MarketStatus::Open) == wanted).collect()
    }

    /// Those on sale, by their event.
    pub fn events_on_sale(&self) -> BTreeMap<&str, Vec<&Known>> {
        let mut events: BTreeMap<&str, Vec<&Known>> = BTreeMap::new();
        for market in self.on_sale(true) {
            events.entry(market.source.event.key.as_str()).or_default().push(market);
        }
        events
    }

    /// Those on sale that have a non-runner.
    pub fn with_non_runner(&self) -> Vec<&Known> {
        let removed = |market: &&Known| {
            market.source.outcomes.iter().any(|outcome| outcome.status == OutcomeStatus::Removed)
        };
        self.on_sale(true).into_iter().filter(removed).collect()
    }
}
