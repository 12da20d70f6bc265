//! One market: what its messages came to so far.

use super::book::Book;
use super::message::{BettingType, Change, Definition, Runner, RunnerKey, RunnerStatus, StatusText};
use super::names;
use overround_domain::markets::{
    MarketKind, OutcomeStatus, SourceEvent, SourceMarket, SourceOutcome, SourceStatus, TieRule,
};
use overround_domain::odds::Price;
use overround_domain::time::Timestamp;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// A market of the stream and what was last said of it.
#[derive(Debug, Default)]
pub(super) struct Market {
    definition: Option<Box<Definition>>,
    books: HashMap<RunnerKey, Book>,
    /// Whether any order book was ever seen: recordings with last traded prices only have none.
    has_book: bool,
    said: Option<SourceMarket>,
    /// Where a runner stands among the outcomes last said.
    places: HashMap<RunnerKey, usize>,
    /// What changed since then.
    redefined: bool,
    moved: Vec<RunnerKey>,
}

impl Market {
    /// Applies one change. Returns how many ladder entries had money at what is no price.
    pub(super) fn apply(&mut self, mut change: Change) -> u64 {
        if change.is_image() {
            self.books.clear();
            self.redefined = true;
        }
        if let Some(mut definition) = change.market_definition.take() {
            if let Some(known) = &self.definition {
                definition.inherit(known);
            }
            self.definition = Some(definition);
            self.redefined = true;
        }
        let mut refused = 0;
        for runner in change.runners() {
            if !self.has_book && runner.has_book() {
                self.has_book = true;
                self.redefined = true;
            }
            let key = runner.key();
            refused += self.books.entry(key).or_default().apply(runner);
            self.moved.push(key);
        }
        refused
    }

    /// The market after what was applied, when it stands differently than it was last said; and the
    /// number of its runners that could not be taken.
    pub(super) fn say(&mut self, key: &str) -> (Option<SourceMarket>, u64) {
        let moved = std::mem::take(&mut self.moved);
        if std::mem::take(&mut self.redefined) {
            return self.say_anew(key);
        }
        let (Some(definition), Some(said)) = (&self.definition, &mut self.said) else {
            return (None, 0);
        };
        let mut changed = false;
        for runner in moved {
            let Some(place) = self.places.get(&runner) else { continue };
            let Some(outcome) = said.outcomes.get_mut(*place) else { continue };
            let sold = definition.has_prices() && is_active(definition, &runner);
            let price = if sold { best_back(&self.books, runner, self.has_book) } else { None };
            changed |= std::mem::replace(&mut outcome.best_back, price) != price;
        }
        (changed.then(|| said.clone()), 0)
    }

    /// What was last said of it.
    pub(super) fn said(&self) -> Option<&SourceMarket> {
        self.said.as_ref()
    }

    fn say_anew(&mut self, key: &str) -> (Option<SourceMarket>, u64) {
        let Some(definition) = &self.definition else { return (None, 0) };
        let kind = kind(definition);
        let (runners, refused) = listed(definition, kind);
        self.places = runners.iter().enumerate().map(|(place, runner)| (runner.key(), place)).collect();
        let outcomes = outcomes(definition, kind, &runners, |runner| {
            let sold = definition.has_prices() && runner.status() == RunnerStatus::Active;
            if sold { best_back(&self.books, runner.key(), self.has_book) } else { None }
        });
        let market = describe(key, definition, kind, outcomes);
        if self.said.as_ref() == Some(&market) {
            return (None, refused);
        }
        self.said = Some(market.clone());
        (Some(market), refused)
    }
}

fn best_back(books: &HashMap<RunnerKey, Book>, runner: RunnerKey, market_has_book: bool) -> Option<Price> {
    books.get(&runner)?.best_back(market_has_book)
}

fn is_active(definition: &Definition, key: &RunnerKey) -> bool {
    definition.runners.iter().any(|runner| runner.key() == *key && runner.status() == RunnerStatus::Active)
}

fn kind(definition: &Definition) -> MarketKind {
    match definition.betting_type() {
        BettingType::Odds => MarketKind::Odds,
        BettingType::AsianHandicapDoubleLine | BettingType::AsianHandicapSingleLine | BettingType::Line => {
            MarketKind::Line
        }
    }
}

/// The runners in the order they are shown in, non-runners last; and how many are not taken: listed
/// twice, or on a line that is no multiple of a quarter.
fn listed(definition: &Definition, kind: MarketKind) -> (Vec<&Runner>, u64) {
    let mut seen = BTreeSet::new();
    let mut runners: Vec<&Runner> = definition
        .runners
        .iter()
        .filter(|runner| kind == MarketKind::Odds || runner.key().handicap.line().is_some())
        .filter(|runner| seen.insert(runner.key()))
        .collect();
    runners.sort_by_key(|runner| (runner.is_removed(), runner.sort_priority()));
    let refused = definition.runners.len() - runners.len();
    (runners, u64::try_from(refused).unwrap_or(u64::MAX))
}

fn outcomes(
    definition: &Definition,
    kind: MarketKind,
    runners: &[&Runner],
    best_back: impl Fn(&Runner) -> Option<Price>,
) -> Vec<SourceOutcome> {
    let handicap = is_handicap(runners);
    let pairs = if kind == MarketKind::Line { pairs(runners, handicap) } else { BTreeMap::new() };
    let place = (0_u32..).zip(runners);
    place
        .map(|(position, runner)| {
            let key = runner.key();
            let name = names::runner(definition, runner);
            let on_line =
                kind == MarketKind::Line || key.handicap.is_positive() || key.handicap.is_negative();
            SourceOutcome {
                key: format!("{}:{}", key.selection, key.handicap),
                name: if on_line { names::at_line(&name, key.handicap, handicap) } else { name },
                line: if kind == MarketKind::Line { key.handicap.line() } else { None },
                pair: pairs.get(&key).copied(),
                position,
                status: if runner.is_removed() { OutcomeStatus::Removed } else { OutcomeStatus::Active },
                best_back: best_back(runner),
                won: won(definition, runner),
            }
        })
        .collect()
}

/// Whether lines are handicaps, where the other side's line is the opposite one: totals are never
/// below zero, and a handicap market has a side that gives.
fn is_handicap(runners: &[&Runner]) -> bool {
    runners.iter().any(|runner| runner.key().handicap.is_negative())
}

/// The pair number of each runner: home at -0.5 and away at 0.5 share one, and so do over and under
/// 2.5. Home is the selection that is listed first.
fn pairs(runners: &[&Runner], handicap: bool) -> BTreeMap<RunnerKey, u32> {
    let home = runners.iter().min_by_key(|runner| runner.sort_priority()).map(|runner| runner.id);
    let mut numbers = BTreeMap::new();
    let mut pairs = BTreeMap::new();
    for runner in runners {
        let key = runner.key();
        let Some(line) = key.handicap.line() else { continue };
        let opposite = handicap && Some(key.selection) != home;
        let line = if opposite { -line.quarters() } else { line.quarters() };
        let next = u32::try_from(numbers.len()).unwrap_or(u32::MAX);
        pairs.insert(key, *numbers.entry(line).or_insert(next));
    }
    pairs
}

/// The result of a runner, once its market is closed. An each-way market has none: whether WINNER and
/// PLACED pay the win part, the place part or both is not in the flag.
fn won(definition: &Definition, runner: &Runner) -> Option<bool> {
    if definition.status() != StatusText::Closed || definition.market_type.as_deref() == Some("EACH_WAY") {
        return None;
    }
    match runner.status() {
        RunnerStatus::Winner | RunnerStatus::Placed => Some(true),
        RunnerStatus::Loser => Some(false),
        RunnerStatus::Active | RunnerStatus::Removed | RunnerStatus::RemovedVacant | RunnerStatus::Hidden => {
            None
        }
    }
}

fn describe(
    key: &str,
    definition: &Definition,
    kind: MarketKind,
    outcomes: Vec<SourceOutcome>,
) -> SourceMarket {
    let event_key = definition.event_id.clone().unwrap_or_else(|| format!("market:{key}"));
    SourceMarket {
        key: key.to_owned(),
        event: SourceEvent {
            name: names::event(definition, &event_key),
            sport: names::sport(definition).to_owned(),
            starts_at: names::starts_at(definition).map(Timestamp::from),
            key: event_key,
        },
        market_type: names::market_type(definition),
        name: names::market(definition),
        kind,
        number_of_winners: if kind == MarketKind::Line { 0 } else { definition.number_of_winners() },
        tie_rule: tie_rule(definition, kind),
        status: match definition.status() {
            StatusText::Inactive => SourceStatus::Inactive,
            StatusText::Open => SourceStatus::Open,
            StatusText::Suspended => SourceStatus::Suspended,
            StatusText::Closed => SourceStatus::Closed,
        },
        in_play: definition.in_play(),
        bet_delay_ms: definition.bet_delay_ms(),
        outcomes,
    }
}

/// A level score on a line gives stakes back; where the draw is a runner there is no tie; all other
/// ties are dead heats.
fn tie_rule(definition: &Definition, kind: MarketKind) -> TieRule {
    let has_draw = definition.runners.iter().any(|runner| {
        names::DRAWS.contains(&runner.id) || matches!(runner.name.as_deref(), Some("The Draw" | "Draw"))
    });
    match kind {
        MarketKind::Line => TieRule::Push,
        MarketKind::Odds if has_draw && definition.runners.len() >= 3 => TieRule::DrawIsAnOutcome,
        MarketKind::Odds => TieRule::DeadHeat,
    }
}
