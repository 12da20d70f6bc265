//! What the driver knows of the markets: the source's last word, and the house's answer to it.

use overround_domain::ids::MarketId;
use overround_domain::markets::{MarketKind, MarketStatus, OutcomeStatus, SourceMarket, SourceOutcome};
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The house's answer to what the source said of a market.
#[derive(Debug, Clone)]
pub struct House {
    /// Its id of the market.
    pub market_id: MarketId,
    /// Its status.
    pub status: MarketStatus,
    /// Whether it has recorded the source's result.
    pub recorded: bool,
    /// Its ids of the outcomes on the wire, by the source's keys.
    pub outcomes: HashMap<String, String>,
}

/// A market as source and house last had it.
#[derive(Debug, Clone)]
pub struct Known {
    /// The house's id of it, on the wire.
    pub id: String,
    /// The house's answer.
    pub house: House,
    /// The source's last word that counts, outcomes by position.
    pub source: SourceMarket,
}

impl Known {
    /// Whether it is on sale.
    pub fn is_on_sale(&self) -> bool {
        self.house.status == MarketStatus::Open
    }

    /// Whether somebody else than the source gave it its result.
    pub const fn is_anothers(&self) -> bool {
        is_final(self.house.status) && !self.house.recorded
    }
}

/// All markets by the source's keys: an order that does not depend on ids.
#[derive(Debug, Default)]
pub struct Catalogue {
    markets: BTreeMap<String, Known>,
}

impl Catalogue {
    /// Takes note of a market that was published. After its result nothing counts that the source says.
    pub fn note(&mut self, mut source: SourceMarket, house: House) {
        source.outcomes.sort_by_key(|outcome| outcome.position);
        let id = house.market_id.to_string();
        let known = match self.markets.remove(&source.key) {
            None => Known { id, house, source },
            Some(before) => Known {
                source: if is_final(before.house.status) {
                    before.source
                } else {
                    after(&before.source, source)
                },
                house: House { recorded: house.recorded || before.house.recorded, ..house },
                id,
            },
        };
        self.markets.insert(known.source.key.clone(), known);
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

    /// The house's ids of all.
    pub fn ids(&self) -> BTreeSet<MarketId> {
        self.iter().map(|market| market.house.market_id).collect()
    }

    /// Those that are on sale, or those that are not.
    pub fn on_sale(&self, wanted: bool) -> Vec<&Known> {
        self.iter().filter(|market| market.is_on_sale() == wanted).collect()
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

/// What the source says by the rules of a market: it is settled as it was first described; who was
/// withdrawn does not run again; who is missing from a list of runners is withdrawn, but for lines, which
/// come and go.
fn after(before: &SourceMarket, mut now: SourceMarket) -> SourceMarket {
    (now.kind, now.tie_rule) = (before.kind, before.tie_rule);
    if before.kind == MarketKind::Line || before.number_of_winners > 0 {
        now.number_of_winners = before.number_of_winners;
    }
    let withdraws = before.kind == MarketKind::Odds && !now.outcomes.is_empty();
    for outcome in &before.outcomes {
        let removed = outcome.status == OutcomeStatus::Removed;
        match now.outcomes.iter_mut().find(|one| one.key == outcome.key) {
            Some(one) if removed => one.status = OutcomeStatus::Removed,
            Some(_) => {}
            None => {
                let status = if withdraws { OutcomeStatus::Removed } else { outcome.status };
                let gone = SourceOutcome { status, best_back: None, won: None, ..outcome.clone() };
                now.outcomes.push(gone);
            }
        }
    }
    now.outcomes.sort_by_key(|outcome| outcome.position);
    now
}

const fn is_final(status: MarketStatus) -> bool {
    matches!(status, MarketStatus::Settled | MarketStatus::Cancelled)
}
