//! Holds: what traders, or the house itself, keep off sale whatever its producer says.

use crate::ids::{EventId, MarketId, OutcomeId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

stored_enum! {
    /// What a hold keeps its markets at; the later of two outweighs the earlier.
    HoldKind {
        /// Suspended by the house, until a trader has looked.
        Review = "REVIEW",
        /// Suspended by a trader.
        Suspended = "SUSPENDED",
        /// Closed by a trader, for good. Of one market only.
        Closed = "CLOSED",
    }
}

stored_enum! {
    /// How much a hold covers, from the narrowest on.
    ScopeKind {
        /// One outcome.
        Outcome = "OUTCOME",
        /// One market.
        Market = "MARKET",
        /// All markets of an event.
        Event = "EVENT",
        /// All markets of a sport.
        Sport = "SPORT",
        /// All markets of a producer.
        Producer = "PRODUCER",
        /// All markets.
        All = "ALL",
    }
}

/// Markets that are held together: those that exist, and those that come later.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// All markets of an event.
    Event(EventId),
    /// All markets of a sport.
    Sport(String),
    /// All markets of a producer. The house holds them while it must not be trusted.
    Producer(String),
    /// All markets.
    All,
}

/// What a hold covers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Scope {
    /// One outcome of a market.
    Outcome(MarketId, OutcomeId),
    /// One market.
    Market(MarketId),
    /// Many markets.
    Group(Group),
}

impl Scope {
    /// How much it covers.
    pub const fn kind(&self) -> ScopeKind {
        match self {
            Self::Outcome(..) => ScopeKind::Outcome,
            Self::Market(_) => ScopeKind::Market,
            Self::Group(Group::Event(_)) => ScopeKind::Event,
            Self::Group(Group::Sport(_)) => ScopeKind::Sport,
            Self::Group(Group::Producer(_)) => ScopeKind::Producer,
            Self::Group(Group::All) => ScopeKind::All,
        }
    }
}

/// All holds that cover one market. To let one go leaves the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Holds {
    /// The weightiest of those that cover its event, its sport, its producer or all.
    pub group: Option<HoldKind>,
    /// The market's own.
    pub own: Option<HoldKind>,
    /// The outcomes that are kept off sale by themselves.
    pub outcomes: BTreeSet<OutcomeId>,
}

impl Holds {
    /// What the market as a whole is kept at: the weightiest counts.
    pub fn market(&self) -> Option<HoldKind> {
        self.group.max(self.own)
    }

    /// Adds a hold of that kind and scope.
    pub fn add(&mut self, scope: &Scope, kind: HoldKind) {
        match scope {
            Scope::Outcome(_, outcome) => drop(self.outcomes.insert(*outcome)),
            Scope::Market(_) => self.own = self.own.max(Some(kind)),
            Scope::Group(_) => self.group = self.group.max(Some(kind)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Group, HoldKind, Holds, Scope};
    use crate::ids::{MarketId, OutcomeId};
    use uuid::Uuid;

    #[test]
    fn the_weightiest_hold_counts_and_an_outcome_s_is_apart() {
        use HoldKind::{Closed, Review, Suspended};
        let market = MarketId::from_uuid(Uuid::from_u128(1));
        let outcome = OutcomeId::from_uuid(Uuid::from_u128(2));
        let (own, all) = (Scope::Market(market), Scope::Group(Group::All));
        let sport = Scope::Group(Group::Sport("tennis".to_owned()));
        let one = Scope::Outcome(market, outcome);
        let cases = [
            (vec![], None),
            (vec![(&one, Suspended)], None),
            (vec![(&own, Review)], Some(Review)),
            (vec![(&all, Suspended), (&own, Review)], Some(Suspended)),
            (vec![(&all, Suspended), (&sport, Suspended), (&one, Suspended)], Some(Suspended)),
            (vec![(&own, Closed), (&sport, Suspended)], Some(Closed)),
        ];
        for (given, expected) in cases {
            for given in [given.clone(), given.iter().rev().copied().collect()] {
                let mut holds = Holds::default();
                given.iter().for_each(|(scope, kind)| holds.add(scope, *kind));
                assert_eq!(holds.market(), expected, "{given:?}");
                assert_eq!(holds.outcomes.contains(&outcome), given.contains(&(&one, Suspended)));
            }
        }
    }
}
