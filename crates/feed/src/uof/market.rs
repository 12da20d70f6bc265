//! One market: what each producer last said of it, and how it stands by that.

use super::descriptions::{self, Shape};
use super::message::{BetStop, MarketOdds, MarketRef, MarketStatus};
use super::standing::Standing;
use overround_domain::markets::{
    Line, MarketKind, OutcomeStatus, SourceEvent, SourceMarket, SourceOutcome, SourceStatus, TieRule,
};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The producer of prices before the start. Any other takes precedence once it has a market on sale or
/// stopped: its prices must not come back when a live producer suspends, or falls silent.
pub(super) const PREMATCH: u32 = 3;

/// A stop of sale.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Stop {
    pub(super) at: Timestamp,
    pub(super) status: MarketStatus,
}

impl Stop {
    pub(super) fn of(message: &BetStop) -> Self {
        Self { at: message.header.at, status: message.status }
    }
}

/// A market of an event.
#[derive(Debug)]
pub(super) struct Market {
    market: MarketRef,
    spoken: BTreeMap<u32, Spoken>,
    /// Every outcome ever listed. One that is left out is not offered, and does not go away: in this
    /// feed a missing outcome is no non-runner.
    outcomes: BTreeSet<String>,
    said: Option<Said>,
}

/// A market as it stands, and by whose word.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The producer who owns it now.
    pub producer: u32,
    /// How it stands.
    pub market: SourceMarket,
}

/// What hearing a producer came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Hearing {
    /// The producer said something newer before.
    pub(super) outdated: bool,
    /// New outcomes that cannot be taken: those of a line market that are neither side of it.
    pub(super) foreign: u64,
}

/// What a producer last said of it.
#[derive(Debug)]
struct Spoken {
    at: Timestamp,
    status: MarketStatus,
    /// The outcomes on offer that have a price.
    prices: HashMap<String, Price>,
    /// The first stop since.
    stop: Option<Stop>,
    /// Its recovery did not name the market: it does not sell it any more.
    withdrawn: bool,
}

impl Spoken {
    /// A stop moves what is active, and nothing else.
    fn status(&self) -> MarketStatus {
        match (self.status, self.stop) {
            (MarketStatus::Active, Some(stop)) => stop.status,
            (status, _) => status,
        }
    }

    /// Whether the producer has the market in its hands, so that the one of before does not.
    fn has_taken_over(&self) -> bool {
        !matches!(self.status(), MarketStatus::Inactive | MarketStatus::HandedOver)
    }

    /// How far the producer has the market in its hands.
    fn grip(&self) -> Grip {
        match self.status() {
            MarketStatus::HandedOver => Grip::HandedOver,
            _ if self.withdrawn => Grip::Withdrawn,
            MarketStatus::Inactive => Grip::Inactive,
            _ => Grip::Whole,
        }
    }
}

/// How far a producer has a market in its hands, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Grip {
    HandedOver,
    Withdrawn,
    Inactive,
    Whole,
}

impl Market {
    pub(super) fn new(market: MarketRef) -> Self {
        Self { market, spoken: BTreeMap::new(), outcomes: BTreeSet::new(), said: None }
    }

    /// Takes what a producer says at an instant. Where it said something newer before, only the
    /// outcomes' existence is taken.
    pub(super) fn hear(
        &mut self,
        producer: u32,
        at: Timestamp,
        odds: &MarketOdds,
        stop: Option<Stop>,
    ) -> Hearing {
        let mut foreign = 0;
        for outcome in &odds.outcomes {
            let is_new = self.outcomes.insert(outcome.id.clone());
            foreign += u64::from(is_new && !self.takes(&outcome.id));
        }
        let outdated = self.spoken.get(&producer).is_some_and(|known| known.at > at);
        if !outdated {
            let offered = odds.outcomes.iter().filter(|outcome| outcome.active);
            let prices = offered.filter_map(|outcome| Some((outcome.id.clone(), outcome.price?))).collect();
            self.spoken.insert(producer, Spoken { at, status: odds.status, prices, stop, withdrawn: false });
        }
        Hearing { outdated, foreign }
    }

    /// Takes back what a producer said to be on sale, until it says so anew.
    pub(super) fn withdraw(&mut self, producer: u32) {
        if let Some(spoken) = self.spoken.get_mut(&producer) {
            spoken.withdrawn = true;
            spoken.prices.clear();
            if spoken.status == MarketStatus::Active {
                spoken.status = MarketStatus::Suspended;
            }
        }
    }

    /// Forgets what a producer said. Returns whether somebody else said something.
    pub(super) fn forget(&mut self, producer: u32) -> bool {
        self.spoken.remove(&producer);
        !self.spoken.is_empty()
    }

    /// Takes a stop of sale, which concerns what was said until its instant.
    pub(super) fn stop(&mut self, stop: Stop) {
        for spoken in self.spoken.values_mut().filter(|spoken| spoken.at <= stop.at) {
            if spoken.stop.is_none_or(|first| stop.at < first.at) {
                spoken.stop = Some(stop);
            }
        }
    }

    /// What was last said of it.
    pub(super) fn said(&self) -> Option<&Said> {
        self.said.as_ref()
    }

    /// The market as it stands, when it stands differently than it was last said, or by another's word.
    pub(super) fn say(&mut self, event: &str, in_play: bool, standing: &Standing) -> Option<Said> {
        let (producer, spoken) = self.owner(standing)?;
        let said = Said { producer, market: self.describe(event, in_play, spoken) };
        if self.said.as_ref() == Some(&said) {
            return None;
        }
        self.said = Some(said.clone());
        Some(said)
    }

    /// The producer by whose word it stands: of those who have it in their hands one that may be trusted, and of these the
    /// first by rank. It follows from what each said last and is in, not from the order in which that came.
    fn owner(&self, standing: &Standing) -> Option<(u32, &Spoken)> {
        let taken_over =
            self.spoken.iter().any(|(producer, spoken)| *producer != PREMATCH && spoken.has_taken_over());
        let eligible = self.spoken.iter().filter(|(producer, _)| !(taken_over && **producer == PREMATCH));
        let weight = |producer, spoken: &Spoken| {
            (spoken.grip(), standing.is_up(producer), Reverse(standing.rank(producer)))
        };
        let owner = eligible.max_by_key(|(producer, spoken)| weight(**producer, spoken))?;
        Some((*owner.0, owner.1))
    }

    fn describe(&self, event: &str, in_play: bool, owner: &Spoken) -> SourceMarket {
        let known = descriptions::description(self.market.id);
        let (kind, number_of_winners, tie_rule) = match known.map(|known| known.shape) {
            Some(Shape::Total | Shape::Handicap) if self.line().is_some() => {
                (MarketKind::Line, 0, TieRule::Push)
            }
            Some(Shape::OneOf(_, tie_rule)) => (MarketKind::Odds, 1, tie_rule),
            _ => (MarketKind::Odds, 0, TieRule::DeadHeat),
        };
        SourceMarket {
            key: self.market.key(event),
            event: SourceEvent {
                key: event.to_owned(),
                name: format!("Event {event}"),
                sport: "other".to_owned(),
                starts_at: None,
            },
            market_type: format!("UOF_{}", self.market.id),
            name: self.name(),
            kind,
            number_of_winners,
            tie_rule,
            status: source_status(owner.status()),
            in_play,
            bet_delay_ms: 0,
            outcomes: self.source_outcomes(owner),
        }
    }

    fn source_outcomes(&self, owner: &Spoken) -> Vec<SourceOutcome> {
        let mut ids: Vec<&String> = self.outcomes.iter().filter(|id| self.takes(id)).collect();
        ids.sort_by_key(|id| (self.place(id), id.parse().unwrap_or(u64::MAX), id.as_str()));
        let priced = self.is_complete() && owner.grip() != Grip::HandedOver;
        let outcome = |(position, id): (u32, &String)| SourceOutcome {
            key: id.clone(),
            name: self.outcome_name(id),
            line: self.line_of(id),
            pair: self.line_of(id).map(|_| 0),
            position,
            status: OutcomeStatus::Active,
            best_back: owner.prices.get(id).filter(|_| priced).copied(),
            won: None,
        };
        (0..).zip(ids).map(outcome).collect()
    }

    /// Whether the outcomes are those that the market is known by. One too few or too many, and the
    /// others' prices are not those of a whole book.
    fn is_complete(&self) -> bool {
        match self.shape() {
            Some(Shape::OneOf(all, _)) => {
                all.len() == self.outcomes.len() && all.iter().all(|(id, _)| self.outcomes.contains(*id))
            }
            _ => true,
        }
    }

    fn shape(&self) -> Option<Shape> {
        descriptions::description(self.market.id).map(|known| known.shape)
    }

    /// The line, in a market that has one: home's handicap, or the total.
    fn line(&self) -> Option<Line> {
        let specifier = match self.shape()? {
            Shape::Total => "total",
            Shape::Handicap => "hcp",
            Shape::OneOf(..) => return None,
        };
        let text = self.market.specifier(specifier)?;
        text.strip_prefix('+').unwrap_or(text).parse().ok()
    }

    /// The line of an outcome: over and under share it, away's is the opposite of home's.
    fn line_of(&self, outcome: &str) -> Option<Line> {
        let line = self.line()?;
        match (self.shape()?, outcome) {
            (Shape::Total, "12" | "13") | (Shape::Handicap, "1714") => Some(line),
            (Shape::Handicap, "1715") => Some(Line::from_quarters(line.quarters().saturating_neg())),
            _ => None,
        }
    }

    /// Whether it is an outcome that the market can have.
    fn takes(&self, outcome: &str) -> bool {
        self.line().is_none() || self.line_of(outcome).is_some()
    }

    /// Where an outcome stands among those that the market is known by.
    fn place(&self, outcome: &str) -> usize {
        match self.shape() {
            Some(Shape::OneOf(all, _)) => all.iter().position(|(id, _)| *id == outcome).unwrap_or(usize::MAX),
            _ => 0,
        }
    }

    fn name(&self) -> String {
        let name = match descriptions::description(self.market.id) {
            Some(known) => known.name.to_owned(),
            None => format!("Market {}", self.market.id),
        };
        if self.market.specifiers.is_empty() {
            return name;
        }
        format!("{name} ({})", self.market.specifiers.replace('|', ", "))
    }

    fn outcome_name(&self, id: &str) -> String {
        let name = match (self.shape(), id) {
            (Some(Shape::OneOf(all, _)), _) => {
                all.iter().find(|(known, _)| *known == id).map(|(_, name)| *name)
            }
            (Some(Shape::Total), "12") => Some("Over"),
            (Some(Shape::Total), "13") => Some("Under"),
            (Some(Shape::Handicap), "1714") => Some("Home"),
            (Some(Shape::Handicap), "1715") => Some("Away"),
            _ => None,
        };
        match (name, self.line_of(id)) {
            (Some(name), Some(line)) if self.shape() == Some(Shape::Handicap) && line.quarters() > 0 => {
                format!("{name} +{line}")
            }
            (Some(name), Some(line)) => format!("{name} {line}"),
            (Some(name), None) => name.to_owned(),
            (None, _) => format!("Outcome {id}"),
        }
    }
}

fn source_status(status: MarketStatus) -> SourceStatus {
    match status {
        MarketStatus::Active => SourceStatus::Open,
        MarketStatus::Inactive => SourceStatus::Inactive,
        MarketStatus::Suspended | MarketStatus::HandedOver => SourceStatus::Suspended,
        MarketStatus::Settled | MarketStatus::Cancelled => SourceStatus::Closed,
    }
}
