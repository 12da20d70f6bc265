//! Caps: what all bets together may cost the house on a sport, an event, a market, an outcome or a combination of legs
//! (betting rules, "Limits and exposure"). All are hard.

use super::MarketClass;
use super::limits::largest_paying;
use super::product::Product;
use crate::ids::{EventId, LimitId, MarketId, OutcomeId};
use crate::money::{Cents, Currency};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;
use uuid::Uuid;

stored_enum! {
    /// Which bets count for a cap.
    CapLevel {
        /// Every bet with a leg on an event of a sport.
        Sport = "SPORT",
        /// Every bet with a leg on a market of an event.
        Event = "EVENT",
        /// Every bet with a leg on a market.
        Market = "MARKET",
        /// Every bet with a leg on an outcome.
        Outcome = "OUTCOME",
        /// Every bet on exactly these outcomes, in whatever order.
        Combination = "COMBINATION",
    }
}

stored_enum! {
    /// What a cap counts of each bet.
    CapMeasure {
        /// What the open bets may win: a bet's potential payout less its stake, given back when the bet closes, however
        /// it closes.
        Liability = "LIABILITY",
        /// What was staked, whatever became of the bet: never given back.
        Stakes = "STAKES",
    }
}

impl CapMeasure {
    /// What it counts of a bet, in minor units.
    pub const fn of(self, stake: Cents, potential_payout: Cents) -> Cents {
        match self {
            Self::Liability => Cents::new(potential_payout.get().saturating_sub(stake.get())),
            Self::Stakes => stake,
        }
    }
}

/// Which bets count for a cap.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CapScope {
    /// Every bet with a leg on an event of a sport.
    Sport(String),
    /// Every bet with a leg on a market of an event.
    Event(EventId),
    /// Every bet with a leg on a market.
    Market(MarketId),
    /// Every bet with a leg on an outcome.
    Outcome(OutcomeId),
    /// Every bet on exactly these outcomes.
    Combination(Combination),
}

/// Outcomes in ascending order, so that it is the same combination in whatever order a bet has them.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(from = "Vec<OutcomeId>")]
pub struct Combination(Vec<OutcomeId>);

impl From<Vec<OutcomeId>> for Combination {
    fn from(mut outcomes: Vec<OutcomeId>) -> Self {
        outcomes.sort_unstable();
        Self(outcomes)
    }
}

impl Combination {
    /// The outcomes in ascending order.
    pub fn outcomes(&self) -> &[OutcomeId] {
        &self.0
    }

    /// The SHA-256 of the outcomes' UUIDs in that order.
    fn hash(&self) -> [u8; 32] {
        let mut hash = Sha256::new();
        for outcome in &self.0 {
            hash.update(outcome.uuid().as_bytes());
        }
        hash.finalize().into()
    }
}

impl CapScope {
    /// Which bets count.
    pub const fn level(&self) -> CapLevel {
        match self {
            Self::Sport(_) => CapLevel::Sport,
            Self::Event(_) => CapLevel::Event,
            Self::Market(_) => CapLevel::Market,
            Self::Outcome(_) => CapLevel::Outcome,
            Self::Combination(_) => CapLevel::Combination,
        }
    }

    /// What tells it from all others of its level: a sport's name, the bytes of an id, or a combination's hash, which no
    /// order changes.
    pub fn key(&self) -> Vec<u8> {
        match self {
            Self::Sport(sport) => sport.as_bytes().to_vec(),
            Self::Event(event) => event.uuid().as_bytes().to_vec(),
            Self::Market(market) => market.uuid().as_bytes().to_vec(),
            Self::Outcome(outcome) => outcome.uuid().as_bytes().to_vec(),
            Self::Combination(combination) => combination.hash().to_vec(),
        }
    }

    /// The UUIDs of the event, the market, the outcome, or the combination's outcomes; none of a sport.
    pub fn members(&self) -> Vec<Uuid> {
        match self {
            Self::Sport(_) => Vec::new(),
            Self::Event(event) => vec![event.uuid()],
            Self::Market(market) => vec![market.uuid()],
            Self::Outcome(outcome) => vec![outcome.uuid()],
            Self::Combination(combination) => combination.0.iter().map(|outcome| outcome.uuid()).collect(),
        }
    }

    /// The scope of such a level, key and members.
    pub fn of(level: CapLevel, key: Vec<u8>, members: &[Uuid]) -> Option<Self> {
        match (level, members) {
            (CapLevel::Sport, []) => String::from_utf8(key).ok().map(Self::Sport),
            (CapLevel::Event, [event]) => Some(Self::Event(EventId::from_uuid(*event))),
            (CapLevel::Market, [market]) => Some(Self::Market(MarketId::from_uuid(*market))),
            (CapLevel::Outcome, [outcome]) => Some(Self::Outcome(OutcomeId::from_uuid(*outcome))),
            (CapLevel::Combination, [_, _, ..]) => {
                let outcomes: Vec<_> = members.iter().copied().map(OutcomeId::from_uuid).collect();
                Some(Self::Combination(outcomes.into()))
            }
            _ => None,
        }
    }
}

/// A cap that a bet counts for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cap {
    /// Its id.
    pub id: LimitId,
    /// Which bets count for it.
    pub level: CapLevel,
    /// What it counts of them.
    pub measure: CapMeasure,
}

/// The caps in force.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CapBook(BTreeMap<(CapScope, Currency), Vec<Cap>>);

impl FromIterator<(CapScope, Currency, CapMeasure, LimitId)> for CapBook {
    fn from_iter<I: IntoIterator<Item = (CapScope, Currency, CapMeasure, LimitId)>>(caps: I) -> Self {
        let mut book = Self::default();
        for (scope, currency, measure, id) in caps {
            let cap = Cap { id, level: scope.level(), measure };
            book.0.entry((scope, currency)).or_default().push(cap);
        }
        book
    }
}

/// A leg as far as caps ask.
#[derive(Debug, Clone, Copy)]
pub struct CappedLeg<'a> {
    /// Its market.
    pub market: MarketId,
    /// Its outcome.
    pub outcome: OutcomeId,
    /// What its market is; without it, caps that ask for it do not count.
    pub class: Option<&'a MarketClass>,
}

impl CappedLeg<'_> {
    fn scopes(&self) -> impl Iterator<Item = CapScope> + use<> {
        let by_class =
            self.class.map(|class| [CapScope::Sport(class.sport.clone()), CapScope::Event(class.event)]);
        let by_id = [CapScope::Market(self.market), CapScope::Outcome(self.outcome)];
        by_class.into_iter().flatten().chain(by_id)
    }
}

impl CapBook {
    /// Whether nothing is capped.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a bet may count for a cap by what its markets are, and not only by which.
    pub fn asks_for_class(&self) -> bool {
        self.0.keys().any(|(scope, _)| matches!(scope.level(), CapLevel::Sport | CapLevel::Event))
    }

    /// The caps that a bet on these legs counts for, by id.
    pub fn of_bet<'a>(
        &self,
        legs: impl Iterator<Item = CappedLeg<'a>> + Clone,
        currency: Currency,
    ) -> Vec<Cap> {
        let outcomes: Vec<OutcomeId> = legs.clone().map(|leg| leg.outcome).collect();
        let all = legs.flat_map(|leg| leg.scopes()).chain([CapScope::Combination(outcomes.into())]);
        let mut caps: Vec<Cap> =
            all.filter_map(|scope| self.0.get(&(scope, currency))).flatten().copied().collect();
        caps.sort_unstable_by_key(|cap| cap.id);
        caps.dedup_by_key(|cap| cap.id);
        caps
    }
}

/// A cap, and what is left of it for a bet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CapRoom {
    /// The cap.
    pub cap: Cap,
    /// What the bet may add to what the cap counts, in minor units.
    pub left: Cents,
}

impl CapRoom {
    /// The largest stake that it leaves at a total price.
    pub(super) fn largest_stake(&self, price: &Product) -> Cents {
        match self.cap.measure {
            CapMeasure::Liability => largest_winning(self.left, price),
            CapMeasure::Stakes => self.left,
        }
    }
}

/// The largest stake whose win, its floored payout less itself, is at most so much.
fn largest_winning(win_max: Cents, price: &Product) -> Cents {
    largest_paying(win_max, &Product { num: &price.num - &price.den, den: price.den.clone() })
}

/// What a bet took of a cap: frozen on the bet, and given back as the cap's measure says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapTake {
    /// The cap. A UUID where it is stored, so that SQL can join it.
    #[serde(serialize_with = "as_uuid", deserialize_with = "from_uuid")]
    pub cap_id: LimitId,
    /// What the cap counts.
    pub measure: CapMeasure,
    /// How much of it the bet is, in minor units.
    pub cents: Cents,
}

fn as_uuid<S: Serializer>(id: &LimitId, s: S) -> Result<S::Ok, S::Error> {
    id.uuid().serialize(s)
}

fn from_uuid<'de, D: Deserializer<'de>>(d: D) -> Result<LimitId, D::Error> {
    Uuid::deserialize(d).map(LimitId::from_uuid)
}

#[cfg(test)]
mod tests;
